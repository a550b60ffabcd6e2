"""All that a report shows of a run, read once from its journal."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labctl.figures.run_document import document_of
from labctl.figures.run_halves import Half, halves_of
from labctl.figures.run_pulses import pulses_of_run
from labctl.journal import Reader, RecordedEvent
from labctl.show.run import outcome_of
from labctl.show.values import Data, number, text

Floats = NDArray[np.float64]
DRAWN = ("t_s", "voltage_V", "current_A", "step_count", "charging_Ah", "discharging_Ah")


@dataclass(frozen=True, slots=True)
class Curve:
    """A half cycle's readings: charge since it began (mAh), voltage (V), current (A)."""

    half: Half
    charge_mAh: Floats
    voltage_V: Floats
    current_A: Floats


@dataclass(frozen=True, slots=True)
class Record:
    """A run as its journal stood when it was read: `figures` and `pulses` are what
    `labctl cycles --pulses --json` tells.

    `net_Ah` is charged less discharged.
    """

    run: str
    simulated: bool
    manifest: Mapping[str, object]
    outcome: str
    reason: str
    kind: str
    area_cm2: float | None
    figures: Data
    pulses: Mapping[str, Sequence[Data]]
    events: Sequence[RecordedEvent]
    halves: Sequence[Half]
    t_s: Floats
    voltage_V: Floats
    current_A: Floats
    step_count: Floats
    net_Ah: Floats

    def curve(self, half: Half, with_holds: bool = True) -> Curve:
        """The readings of a half cycle's steps, rests left out."""
        steps = [step for step in half.steps if with_holds or step not in half.holds]
        spans = [self._rows_of(step) for step in steps]
        rows = np.concatenate([np.arange(0), *(np.arange(s.start, s.stop) for s in spans)])
        # What drifts during the rests between the steps is not the half's.
        parts, passed = [], 0.0
        for span in spans:
            net = half.sign * (self.net_Ah[span] - self.net_Ah[span][:1])
            parts.append(passed + net)
            passed += float(net[-1]) if net.size else 0.0
        charge_mAh = 1e3 * np.concatenate(parts) if parts else np.array([])
        return Curve(half, charge_mAh, self.voltage_V[rows], self.current_A[rows])

    def _rows_of(self, step: int) -> slice:
        start, stop = np.searchsorted(self.step_count, [step, step + 1])
        return slice(int(start), int(stop))


def read_record(folder: Path) -> Record:
    """Read a run's journal, finished or not. Raises JournalError."""
    with Reader(folder) as reader:
        manifest = reader.manifest()
        outcome, reason = outcome_of(reader, folder)
        events = list(reader.events())
        columns = _columns(reader)
        figures = document_of(reader, manifest, events)
        pulses = pulses_of_run(reader)
    step_count, net_Ah = columns["step_count"], columns["charging_Ah"] - columns["discharging_Ah"]
    first_kind = text(figures, "sense").removesuffix("-first")
    return Record(
        run=text(manifest, "run") or folder.name,
        simulated=manifest.get("simulated") is not False,
        manifest=manifest,
        outcome=outcome,
        reason=reason,
        kind=text(figures, "kind"),
        area_cm2=number(figures, "area_cm2"),
        figures=figures,
        pulses=pulses,
        events=events,
        halves=halves_of(events, first_kind, _net_by_step(step_count, net_Ah)),
        t_s=columns["t_s"],
        voltage_V=columns["voltage_V"],
        current_A=columns["current_A"],
        step_count=step_count,
        net_Ah=net_Ah,
    )


def _columns(reader: Reader) -> dict[str, Floats]:
    """Columns as arrays: a row as an object of its own would cost ten times the memory."""
    columns = [array("d") for _ in DRAWN]
    for row in reader.readings():
        for column, name in zip(columns, DRAWN, strict=True):
            column.append(getattr(row, name))
    return {name: np.array(column) for name, column in zip(DRAWN, columns, strict=True)}


def _net_by_step(step_count: Floats, net_Ah: Floats) -> dict[int, float]:
    steps, starts = np.unique(step_count, return_index=True)
    ends = np.append(starts, len(step_count))[1:] - 1
    return {
        int(step): float(net_Ah[end] - net_Ah[start])
        for step, start, end in zip(steps, starts, ends, strict=True)
    }
