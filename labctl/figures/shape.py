"""What a half cycle's voltage does, whoever recorded it: plateau, course, nucleation."""

from collections.abc import Sequence
from dataclasses import dataclass

from labctl.figures.curve import plateau_parts, voltage_at, weighted_median
from labctl.figures.nucleation import Nucleation, nucleation
from labctl.figures.recording import Column

EARLY, MIDDLE, LATE = 0.05, 0.5, 0.95
"""Shares of the charge at which a half cycle's course is read off (arching, science.md §4)."""

Trace = tuple[Column, Column]
"""Charge since a half cycle began (Ah, unsigned) and voltage, reading by reading."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Voltages of a half cycle; None where nothing was recorded of it.

    Of several halves in one direction (a reservoir's portions) the plateau is over all of them, the
    nucleation that of the first, and there is no one course.
    """

    plateau_V: float | None = None
    early_V: float | None = None
    middle_V: float | None = None
    late_V: float | None = None
    nucleation: Nucleation | None = None


def shape_of(traces: Sequence[Trace], plating: bool, area_cm2: float | None = None) -> Shape:
    """The shape of one half cycle; `plating`: look for its nucleation."""
    if not traces:
        return Shape()
    plateau_V = weighted_median([part for trace in traces for part in plateau_parts(*trace)])
    first, only = traces[0], len(traces) == 1
    early_V, middle_V, late_V = (
        voltage_at(*first, share * first[0][-1]) if only and first[0] else None
        for share in (EARLY, MIDDLE, LATE)
    )
    found = nucleation(*first, area_cm2) if plating else None
    return Shape(plateau_V, early_V, middle_V, late_V, found)
