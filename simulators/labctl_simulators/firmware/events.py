"""An instrument's error queue and status registers (IEEE 488.2 §11, SCPI-99 vol. 1 §9)."""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

QUERY_ERROR, DEVICE_ERROR, EXECUTION_ERROR, COMMAND_ERROR, POWER_ON = 4, 8, 16, 32, 128
OPERATION_COMPLETE = 1

TEXTS = {
    -101: "Invalid character",
    -102: "Syntax error",
    -103: "Invalid separator",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -111: "Header separator error",
    -112: "Program mnemonic too long",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -121: "Invalid character in number",
    -123: "Exponent too large",
    -131: "Invalid suffix",
    -141: "Invalid character data",
    -151: "Invalid string data",
    -171: "Invalid expression",
    -200: "Execution error",
    -211: "Trigger ignored",
    -213: "Init ignored",
    -214: "Trigger deadlock",
    -221: "Settings conflict",
    -222: "Parameter data out of range",
    -223: "Too much data",
    -224: "Illegal parameter value",
    -225: "Out of memory",
    -230: "Data corrupt or stale",
    -285: "TSP Syntax error at line 1: unexpected symbol near `{detail}'",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
    -410: "Query INTERRUPTED",
    -420: "Query UNTERMINATED",
    -430: "Query DEADLOCKED",
    701: "ASCII only with RS-232",
    800: "Illegal with storage active",
    802: "OUTPUT blocked by output enable",
    803: "Not permitted with OUTPUT off",
    810: "OUTPUT blocked by Over Temp",
    822: "Too small for sense range",
    823: "Invalid with source read-back on",
    824: "Cannot exceed compliance range",
    825: "Invalid with auto-ohms on",
    826: "Attempt to exceed power limit",
    830: "Invalid with INF ARM:COUNT",
    2728: "Trigger model aborted",
    2731: "Trigger model running",
    2732: "Trigger model done",
}


def text(code: int, detail: str = "") -> str:
    """The manual's words for a code, or SCPI-99's general ones for a code that is an option."""
    return TEXTS.get(code, "Device-specific error").format(detail=detail)


def standard_bit(code: int) -> int:
    """Which bit of the standard event register a code sets."""
    if -500 < code <= -400:
        return QUERY_ERROR
    if -400 < code <= -300 or 500 <= code < 800 or code == 900:
        return DEVICE_ERROR
    return COMMAND_ERROR if -200 < code <= -100 else EXECUTION_ERROR


class Entry(NamedTuple):
    """One entry of the error queue; time in seconds of the caller's clock."""

    code: int
    text: str
    time_s: float


class ErrorQueue:
    """First in, first out; when full, the newest entry says so in the maker's words."""

    def __init__(self, depth: int, overflow: str = TEXTS[-350]) -> None:
        self.depth = depth
        self._overflow = overflow
        self._entries: deque[Entry] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, code: int, words: str, time_s: float) -> None:
        """Add an entry, or mark the overflow."""
        if len(self._entries) >= self.depth:
            self._entries[-1] = Entry(-350, self._overflow, time_s)
        else:
            self._entries.append(Entry(code, words, time_s))

    def take(self) -> Entry:
        """The oldest entry, removed; code 0 when there is none."""
        return self._entries.popleft() if self._entries else Entry(0, "No error", 0.0)

    def clear(self) -> None:
        """Forget all entries."""
        self._entries.clear()


@dataclass(slots=True)
class Register:
    """A status register: what is so now, what has been so since it was read, what is summarised."""

    condition: int = 0
    event: int = 0
    enable: int = 0

    def raise_event(self, bits: int) -> None:
        """Latch events."""
        self.event |= bits

    def set_condition(self, mask: int, on: bool) -> None:
        """Set or clear condition bits; a bit that becomes set is an event too."""
        if on:
            self.event |= mask & ~self.condition
            self.condition |= mask
        else:
            self.condition &= ~mask

    def read(self) -> int:
        """The latched events, cleared by reading."""
        events, self.event = self.event, 0
        return events

    @property
    def summary(self) -> bool:
        """Whether an enabled event is latched."""
        return bool(self.event & self.enable)


@dataclass(slots=True)
class Status:
    """The registers of one instrument."""

    standard: Register = field(default_factory=lambda: Register(event=POWER_ON))
    measurement: Register = field(default_factory=Register)
    operation: Register = field(default_factory=Register)
    questionable: Register = field(default_factory=Register)
    service_enable: int = 0

    def clear_events(self) -> None:
        """What `*CLS` does to the registers."""
        for register in (self.standard, self.measurement, self.operation, self.questionable):
            register.event = 0

    def preset(self) -> None:
        """What `STAT:PRES` does."""
        for register in (self.measurement, self.operation, self.questionable):
            register.enable = 0

    def byte(self, errors: bool, reply_waiting: bool) -> int:
        """The status byte, with the master summary in bit 6."""
        bits = (
            self.measurement.summary << 0
            | errors << 2
            | self.questionable.summary << 3
            | reply_waiting << 4
            | self.standard.summary << 5
            | self.operation.summary << 7
        )
        return bits | (64 if bits & self.service_enable & ~64 else 0)
