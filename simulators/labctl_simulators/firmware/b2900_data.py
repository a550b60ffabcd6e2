"""A B2900's readings as it keeps and sends them: elements, formats, the trace buffer.

Source: instruments.md §2; B2900 SCPI reference Ed. 2 pages 4-68 (both channels' rows side by side,
the shorter filled up with NaN), 4-149; B2961 SCPI reference pages 1-13, 4-20, 4-91, 4-187.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from math import inf, isfinite, nan
from statistics import fmean, stdev

from labctl_simulators.firmware.b2900_models import COUNT_MOST
from labctl_simulators.firmware.b2900_smu import NO_ROW, Row
from labctl_simulators.firmware.scpi import ScpiError

ELEMENTS = ("VOLT", "CURR", "RES", "TIME", "STAT", "SOUR")
NOT_A_NUMBER, OVERFLOW = 9.91e37, 9.9e37
TIME, STAT = 3, 4
POINTS = 100


@dataclass(slots=True)
class Format:
    """`:FORM`, common to both channels."""

    elements: tuple[str, ...] = ELEMENTS
    data: str = "ASC"
    swapped: bool = False


@dataclass(slots=True)
class Trace:
    """A channel's trace buffer (`:TRAC`)."""

    points: int = POINTS
    rows: list[Row] = field(default_factory=list)
    filling: bool = False
    delta_times: bool = False
    statistic: str = "MEAN"

    def put(self, row: Row) -> None:
        """Store a reading while it fills; full, it stops."""
        if not self.filling:
            return
        self.rows.append(row)
        self.filling = len(self.rows) < self.points

    def shown(self) -> list[Row]:
        """The readings, with times from the first one or from the one before."""
        shown, before = [], self.rows[0].time_s if self.rows else 0.0
        for row in self.rows:
            shown.append(row._replace(time_s=row.time_s - before))
            before = row.time_s if self.delta_times else before
        return shown


def nr3(value: float) -> str:
    """A number as the B2900 sends it; infinite is over range."""
    if isfinite(value):
        return f"{value:+.6E}"
    return f"{OVERFLOW if value in (inf, -inf) else NOT_A_NUMBER:+.6E}"


def picked(rows: Iterable[Row], elements: Sequence[str]) -> list[float]:
    """The chosen elements of each row, in their fixed order."""
    places = [place for place, name in enumerate(ELEMENTS) if name in elements]
    return [row[place] for row in rows for place in places]


def side_by_side(channels: Sequence[Sequence[Row]]) -> list[Row]:
    """First readings of all channels, then second ones, and so on."""
    ranks = zip_longest(*channels, fillvalue=NO_ROW)
    return [row for rank in ranks for row in rank] or [NO_ROW]


def reply(form: Format, values: Sequence[float]) -> str:
    """Numbers in the chosen format: text, or a block of definite length."""
    if form.data == "ASC":
        return ",".join(map(nr3, values))
    kind = "f" if form.data == "REAL,32" else "d"
    packed = struct.pack(f"{'<' if form.swapped else '>'}{len(values)}{kind}", *values)
    size = str(len(packed))
    return f"#{len(size)}{size}" + packed.decode("latin-1")


def part(rows: Sequence[Row], offset: int, size: int | None) -> Sequence[Row]:
    """`[offset[, size]]` of a query. Raises ScpiError -222 behind the end."""
    if offset and offset >= len(rows):
        raise ScpiError(-222)
    return rows[offset : None if size is None else offset + size] or [NO_ROW]


FIGURES: dict[str, Callable[[list[float]], float]] = {
    "MEAN": fmean,
    "SDEV": lambda values: stdev(values) if len(values) > 1 else 0.0,
    "PKPK": lambda values: max(values) - min(values),
    "MIN": min,
    "MAX": max,
}


def statistics(trace: Trace, elements: Sequence[str]) -> list[float]:
    """One figure for each chosen element; there is none for time and status."""
    found = []
    for place, name in enumerate(ELEMENTS):
        if name not in elements or place in (TIME, STAT):
            continue
        column = [row[place] for row in trace.rows if isfinite(row[place])]
        found.append(FIGURES[trace.statistic](column) if column else nan)
    return found or [nan]


TRACE_MOST = COUNT_MOST
