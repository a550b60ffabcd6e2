"""The journal's cycle figures as columns."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labctl.report.record import Floats, Record
from labctl.show.values import Data, number, part, parts, text

GAP = {"half": "hysteresis_V", "symmetric": "symmetric_overpotential_V"}
"""By the cell's kind, what lies between the voltages of its halves; else the polarisation."""


@dataclass(frozen=True, slots=True)
class CycleColumns:
    """One row per cycle; charges in mAh, NaN where a figure does not exist. `gap_V` is GAP's."""

    cycle: Floats
    complete: "np.typing.NDArray[np.bool_]"
    classes: Sequence[str]
    first_kind: str
    second_kind: str
    first_mAh: Floats
    second_mAh: Floats
    first_V: Floats
    second_V: Floats
    ce_percent: Floats
    u_ce_percent: Floats
    lost_mAh: Floats
    u_lost_mAh: Floats
    inventory_percent: Floats
    u_inventory_percent: Floats
    gap_V: Floats


def cycle_columns(record: Record) -> CycleColumns:
    """All cycles that the journal tells of, the interrupted ones too."""
    cycles = parts(record.figures, "cycles")
    firsts = [part(cycle, "first") for cycle in cycles]
    seconds = [part(cycle, "second") for cycle in cycles]
    return CycleColumns(
        cycle=_column(cycles, "cycle"),
        complete=np.array([cycle["complete"] is True for cycle in cycles], dtype=bool),
        classes=[text(cycle, "class") for cycle in cycles],
        first_kind=kinds_of(cycles, "first"),
        second_kind=kinds_of(cycles, "second"),
        first_mAh=_column(firsts, "charge_mAh"),
        second_mAh=_column(seconds, "charge_mAh"),
        first_V=_column(firsts, "mean_voltage_V"),
        second_V=_column(seconds, "mean_voltage_V"),
        ce_percent=_column(cycles, "ce_percent"),
        u_ce_percent=_column(cycles, "u_ce_percent"),
        lost_mAh=_column(cycles, "cumulative_irreversible_mAh"),
        u_lost_mAh=_column(cycles, "u_cumulative_irreversible_mAh"),
        inventory_percent=_column(cycles, "inventory_percent"),
        u_inventory_percent=_column(cycles, "u_inventory_percent"),
        gap_V=_column(cycles, GAP.get(record.kind, "polarisation_V")),
    )


def counting(classes: Sequence[str]) -> "np.typing.NDArray[np.bool_]":
    """Which cycles speak for the cell: all, unless conditioning and supply are among others."""
    chosen = np.array([each in ("cycle", "formation", "diagnostic") for each in classes], bool)
    return chosen if chosen.any() else ~chosen


def kinds_of(cycles: Sequence[Data], half: str) -> str:
    """What this half is called, the commonest first: conditioning may charge, cycles strip."""
    counts = Counter(text(part(cycle, half), "kind") for cycle in cycles)
    return " or ".join(kind for kind, _ in counts.most_common() if kind)


def _column(rows: Sequence[Data], name: str) -> Floats:
    found = [number(row, name) for row in rows]
    return np.array([np.nan if value is None else value for value in found], dtype=np.float64)
