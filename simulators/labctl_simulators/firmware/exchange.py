"""Message exchange of a SCPI instrument: bytes to messages to timed replies.

Messages are executed in the order of arrival, each when the one before it is done, whatever the
rate at which they come in, as from a real input buffer. On a stream (RS-232, raw socket) a reply
leaves as soon as it is ready; on a bus (GPIB, USBTMC, HiSLIP) it waits to be read, and a new
message before that is -410 (IEEE 488.2 §6.3). Execution runs ahead of the caller's clock while
the instrument is busy, so an abort cannot undo what a message in hand has done to the cell.
"""

from collections import deque
from typing import Any

from labctl_simulators.firmware.events import Status, text
from labctl_simulators.firmware.on_bus import OnBus, Talk
from labctl_simulators.firmware.scpi import Grammar, ScpiError
from labctl_simulators.terminals import Terminals

ABORT_BYTES = (b"\x03", b"\x18")
BITS_PER_BYTE = 10
NEVER = float("-inf")

Reply = tuple[float, bytes]


class Instrument(OnBus):
    """What all SCPI instruments here share; `Firmware` for the links and servers.

    `.generation` grows when replies that are not yet on the wire are taken back: abort
    characters, a bus interruption or a power cycle. Servers drop what an older one promised.
    """

    grammar: Grammar[Any]
    input_bytes = 1024
    output_bytes = 65536
    turnround_s = 2e-3
    unit_s = 0.1e-3
    boot_s = 5.0
    aborts_on_control = False

    def __init__(self, terminals: Terminals, *, baud: int | None, talk: Talk) -> None:
        OnBus.__init__(self, terminals.now, talk)
        self.terminals = terminals
        self.baud = baud
        self.generation = 0
        self._input = bytearray()
        self._overrun = False
        self._backlog: deque[tuple[float, int]] = deque()
        self._queued_bytes = 0
        self._received_at = self._free_at = self._sent_at = NEVER
        self._ready_at: float | None = None

    def start(self) -> None:
        """What the instrument does by itself when power comes on, at `.clock`."""
        raise NotImplementedError

    def disconnect(self, now: float) -> None:
        """Leave the cell alone, as without power."""
        raise NotImplementedError

    def pass_time(self, until: float) -> None:
        """Bring the cell to a time; nothing happens when it is already there."""
        if until > self.terminals.now:
            self.terminals.advance(until)

    def work(self, until: float) -> None:
        """Do what runs by itself (armed acquisitions) up to a time."""

    def abort(self) -> None:
        """End what runs by itself."""

    def changed(self) -> None:
        """A command has changed something."""

    def foreign(self, line: str) -> str | None:
        """Take a message that is not SCPI; None when SCPI is spoken, else the reply or ''."""
        return None

    def describe(self, code: int, detail: str) -> str:
        """The words that the error queue shows for a code."""
        return text(code, detail)

    def feed(self, data: bytes, now: float) -> list[Reply]:
        """Take bytes at `now`; give the replies with the times at which each is on the wire."""
        self.advance(now)
        if self._ready_at is not None:
            return []
        arrived = max(self._received_at, now)
        if self.baud is not None:
            arrived += len(data) * BITS_PER_BYTE / self.baud
            self._received_at = arrived
        if self.aborts_on_control and (ABORT_BYTES[0] in data or ABORT_BYTES[1] in data):
            self.device_clear(now)
            data = data[max(data.rfind(byte) for byte in ABORT_BYTES) + 1 :]
        self._input += data
        replies: list[Reply] = []
        while (end := self._input.find(b"\n")) >= 0:
            line = bytes(self._input[:end])
            del self._input[: end + 1]
            reply = self._message(line, arrived, now)
            if reply is not None:
                replies.append(reply)
        if len(self._input) > self.input_bytes:
            self._input.clear()
            if not self._overrun:
                self.fail(-363)
            self._overrun = True
        return replies

    def advance(self, now: float) -> None:
        """Let time pass without traffic."""
        if self._ready_at is not None:
            if now < self._ready_at:
                self.pass_time(now)
                return
            self.pass_time(self._ready_at)
            self.clock = max(self.clock, self._ready_at)
            self._ready_at = None
            self.start()
        self.work(now)
        self.pass_time(now)

    def power_cycle(self, now: float) -> None:
        """Switch off and on again: all settings lost, nothing answers for `boot_s`."""
        self.advance(now)
        self.generation += 1
        self.clock = max(now, self.terminals.now)
        self.disconnect(self.clock)
        self._input.clear()
        self._overrun = False
        self._forget_timing()
        self.errors.clear()
        self.status = Status()
        self._ready_at = self.clock + self.boot_s

    def device_clear(self, now: float) -> None:
        """What came and is not executed, and what is not yet read, is forgotten; to idle."""
        self.advance(now)
        self.generation += 1
        self._input.clear()
        self._overrun = False
        self._forget_timing()
        self._free_at = now
        self.clock = max(self.clock, now)
        self.abort()

    def interrupted(self, now: float) -> None:
        """A new message comes on a bus before the last reply was read: it is taken back, -410."""
        self.advance(now)
        self.generation += 1
        self._sent_at = NEVER
        self.fail(-410)

    def _forget_timing(self) -> None:
        self._backlog.clear()
        self._queued_bytes = 0
        self._received_at = self._free_at = self._sent_at = NEVER

    def _message(self, line: bytes, arrived: float, now: float) -> Reply | None:
        if self._overrun:
            self._overrun = False
            return None
        if not self._admit(len(line), now):
            self.fail(-363)
            return None
        start = max(arrived, self._free_at) + self.turnround_s
        self._backlog.append((start, len(line)))
        self._queued_bytes += len(line)
        self.work(start)
        self.clock = start
        if self.talk == "bus" and now < self._sent_at:
            self.generation += 1
            self._sent_at = NEVER
            self.fail(-410)
        payload = self._execute(line)
        self._free_at = self.clock
        return None if payload is None else self._send(payload)

    def _admit(self, size: int, now: float) -> bool:
        while self._backlog and self._backlog[0][0] <= now:
            self._queued_bytes -= self._backlog.popleft()[1]
        return self._queued_bytes + size <= self.input_bytes

    def _execute(self, line: bytes) -> str | None:
        message = line.rstrip(b"\r").decode("latin-1")
        foreign = self.foreign(message)
        if foreign is not None:
            return foreign or None
        replies: list[str] = []
        for unit in self.grammar.parse(message):
            self.clock += self.unit_s
            command = unit.command
            if command is None:
                self.fail(unit.error)
                break
            try:
                if unit.query:
                    replies.append(command.ask(self, unit.arguments))  # type: ignore[misc]  # checked in parse
                else:
                    command.set(self, unit.arguments)  # type: ignore[misc]  # checked in parse
                    self.changed()
            except ScpiError as error:
                self.fail(error.code, error.detail)
                break
        return ";".join(replies) if replies else None

    def _send(self, payload: str) -> Reply | None:
        data = payload.encode("latin-1") + b"\n"
        if self.talk == "bus" and len(data) > self.output_bytes and self._input:
            self.fail(-430)
            return None
        when = max(self.clock, self._sent_at)
        if self.baud is not None:
            when += len(data) * BITS_PER_BYTE / self.baud
        self._sent_at = self._free_at = when
        return when, data
