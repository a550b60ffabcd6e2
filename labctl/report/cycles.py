"""The journal's cycle figures as columns."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labctl.report.record import Floats, Record
from labctl.show.figures import Json
from labctl.show.values import number, part, text


@dataclass(frozen=True, slots=True)
class CycleColumns:
    """One row per cycle; charges in mAh, NaN where a figure does not exist."""

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


def cycle_columns(record: Record) -> CycleColumns:
    """All cycles that the journal tells of, the interrupted ones too."""
    cycles = record.figures["cycles"]
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
    )


def counting(classes: Sequence[str]) -> "np.typing.NDArray[np.bool_]":
    """Which cycles speak for the cell: all, unless conditioning and supply are among others."""
    chosen = np.array([each in ("cycle", "formation", "diagnostic") for each in classes], bool)
    return chosen if chosen.any() else ~chosen


def kinds_of(cycles: Sequence[Json], half: str) -> str:
    """What this half is called, the commonest first: conditioning may charge, cycles strip."""
    counts = Counter(text(part(cycle, half), "kind") for cycle in cycles)
    return " or ".join(kind for kind, _ in counts.most_common() if kind)


def _column(rows: "Sequence[Json] | Sequence[object]", name: str) -> Floats:
    found = [number(row, name) if isinstance(row, dict) else None for row in rows]
    return np.array([np.nan if value is None else value for value in found], dtype=np.float64)
