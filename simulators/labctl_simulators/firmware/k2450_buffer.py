"""The 2450 series' reading buffers: a ring of packed readings, and their elements as text.

Sources: instruments.md §1b; 2450-901-01 pages 8-29, 8-33 for the status bits, and Tektronix's own
TSP editor support for their present values (STAT_QUESTIONABLE 1, _ORIGIN 6, _TERMINAL 8,
_START_GROUP 256; source: _PROTECTION 4, _READBACK 8, _OVER_TEMP 16, _LIMIT 32, _SENSE 64,
_OUTPUT 128). Revision B printed 2 for QUESTIONABLE. The original converter is always 0.
"""

from array import array
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import isfinite, log10
from typing import NamedTuple

QUESTIONABLE, TERMINAL_FRONT, START_GROUP = 1, 8, 256
S_PROTECTION, S_READBACK, S_OVER_TEMP, S_LIMIT, S_SENSE, S_OUTPUT = 4, 8, 16, 32, 64, 128
OVERFLOW = 9.9e37
UNITS = {"VOLT": "Volt DC", "CURR": "Amp DC", "RES": "Ohm"}
SYMBOLS = {"VOLT": "V", "CURR": "A", "RES": "Ohm"}
KINDS = ("VOLT", "CURR", "RES")
# The instrument's calendar at time 0 of the caller's clock: fixed, so that replies are the same
# in every run.
CALENDAR = datetime(2026, 1, 1, tzinfo=UTC)
WIDTH = 4


class Row(NamedTuple):
    """One reading; `marks` packs status, source status and the two quantities."""

    value: float
    source: float
    time_s: float
    marks: int

    @property
    def status(self) -> int:
        """Measure status."""
        return self.marks & 0xFFFF

    @property
    def source_status(self) -> int:
        """Source status."""
        return (self.marks >> 16) & 0xFF

    @property
    def measured(self) -> str:
        """What was measured."""
        return KINDS[(self.marks >> 24) & 3]

    @property
    def sourced(self) -> str:
        """What was sourced."""
        return KINDS[(self.marks >> 26) & 3]


def pack(status: int, source_status: int, measured: str, sourced: str) -> int:
    """The marks of a row."""
    kinds = KINDS.index(measured) | KINDS.index(sourced) << 2
    return status | source_status << 16 | kinds << 24


class Ring:
    """A reading buffer that overwrites its oldest reading when full."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.first_s: float | None = None
        self._data = array("d")
        self._oldest = 0

    def __len__(self) -> int:
        return len(self._data) // WIDTH

    def clear(self, capacity: int | None = None) -> None:
        """Forget all readings; relative times begin anew."""
        self.capacity = capacity or self.capacity
        self.first_s = None
        self._data = array("d")
        self._oldest = 0

    def put(self, row: Row) -> None:
        """Store a reading."""
        if self.first_s is None:
            self.first_s = row.time_s
        if len(self._data) < self.capacity * WIDTH:
            self._data.extend(row)
            return
        at = self._oldest * WIDTH
        self._data[at : at + WIDTH] = array("d", row)
        self._oldest = (self._oldest + 1) % self.capacity

    def row(self, number: int) -> Row:
        """Reading `number`, from 0 for the oldest that is kept."""
        at = (self._oldest + number) % len(self) * WIDTH
        value, source, time_s, marks = self._data[at : at + WIDTH]
        return Row(value, source, time_s, int(marks))


def plain(value: float, precision: int = 0) -> str:
    """A number as the 2450 sends it; precision 0 is its own choice."""
    return f"{value if isfinite(value) else OVERFLOW:.{(precision or 7) - 1}E}"


def shown(value: float, kind: str) -> str:
    """A reading as the display shows it, with an engineering prefix."""
    if not isfinite(value):
        return "Overflow"
    exponent = 0 if value == 0 else max(-4, min(2, int(log10(abs(value)) // 3)))
    prefix = {-4: "p", -3: "n", -2: "u", -1: "m", 0: "", 1: "k", 2: "M"}[exponent]
    return f"{value / 1000.0**exponent:+010.5f} {prefix}{SYMBOLS[kind]}"


def _calendar(time_s: float) -> datetime:
    return CALENDAR + timedelta(seconds=time_s)


def _since_epoch(time_s: float) -> float:
    return CALENDAR.timestamp() + time_s


Show = Callable[[Row, float, int], str]
ELEMENTS: dict[str, Show] = {
    "READing": lambda row, _, p: plain(row.value, p),
    "SOURce": lambda row, _, p: plain(row.source, p),
    "RELative": lambda row, first_s, p: plain(row.time_s - first_s, p),
    "STATus": lambda row, _, __: str(row.status),
    "SOURSTATus": lambda row, _, __: str(row.source_status),
    "UNIT": lambda row, _, __: UNITS[row.measured],
    "SOURUNIT": lambda row, _, __: UNITS[row.sourced],
    "FORMatted": lambda row, _, __: shown(row.value, row.measured),
    "SOURFORMatted": lambda row, _, __: shown(row.source, row.sourced),
    "SEConds": lambda row, _, __: str(int(_since_epoch(row.time_s))),
    "FRACtional": lambda row, _, p: plain(_since_epoch(row.time_s) % 1.0, p),
    "TSTamp": lambda row, _, __: f"{_calendar(row.time_s):%m/%d/%Y %H:%M:%S.%f}",
    "DATE": lambda row, _, __: f"{_calendar(row.time_s):%m/%d/%Y}",
    "TIME": lambda row, _, __: f"{_calendar(row.time_s):%H:%M:%S.%f}",
}


def stamp(time_s: float) -> str:
    """The time of an event as the error queue shows it."""
    moment = _calendar(time_s)
    return f"{moment:%Y/%m/%d %H:%M:%S}.{moment.microsecond // 1000:03d}"
