"""Half cycles into cycles by the cell's sense; what has no partner is told apart.

data_and_reliability.md §2 (b)–(d). Which half comes first is the cell's matter, not the file's:
the same halves paired the other way round give another Coulombic efficiency.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from labctl.figures.halves import Half

Sense = Literal["plate-first", "charge-first", "discharge-first"]

FIRST_SIGN: dict[Sense, int] = {"plate-first": -1, "charge-first": 1, "discharge-first": -1}
"""A half cell on a bare collector plates with negative current; a full cell charges first."""
KINDS: dict[Sense, dict[int, str]] = {
    "plate-first": {-1: "plate", 1: "strip"},
    "charge-first": {1: "charge", -1: "discharge"},
    "discharge-first": {1: "charge", -1: "discharge"},
}


@dataclass(frozen=True, slots=True)
class Pairs:
    """Cycles as (first, second) and the halves without a partner."""

    sense: Sense
    cycles: Sequence[tuple[Half, Half]]
    lead_in: Half | None
    open: Half | None

    def kind(self, half: Half) -> str:
        """The half's name: plate, strip, charge or discharge."""
        return KINDS[self.sense][half.sign]


def sense_by_first_half(halves: Sequence[Half]) -> Sense:
    """The sense in which the recording's first half begins a cycle; `charge-first` without any."""
    return "discharge-first" if halves and halves[0].sign < 0 else "charge-first"


def pair(halves: Sequence[Half], sense: Sense) -> Pairs:
    """Cycles of alternating halves."""
    lead_in = halves[0] if halves and halves[0].sign != FIRST_SIGN[sense] else None
    rest = halves if lead_in is None else halves[1:]
    cycles = list(zip(rest[0::2], rest[1::2], strict=False))
    left = rest[-1] if len(rest) % 2 else None
    return Pairs(sense, cycles, lead_in, left)
