"""The cell after a run: its record with what the run did to it, for the next run (remedy R1 of
pre-deposition and transfer; science.md §1.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labctl.journal import Reader, is_live
from labctl.records.files import id_fault
from labctl.records.rows import NOT_ALIKE, Like
from labctl.records.text import (
    Fields,
    charge_text,
    checked,
    fields_of,
    notes_of,
    with_pre_plated,
)
from labctl.run.sources import ratings_of_manifest
from labctl_drivers.vocabulary import RangeAccuracy
from labctl_protocols.cell_record import CellRecord
from labctl_protocols.engine.ledger import MetalLedger
from labctl_protocols.engine.state import from_json
from labctl_protocols.files import cell_from_text
from labctl_protocols.plan import MAIN

ENDED_WELL = ("completed", "stopped")
HAS_COLLECTOR = ("half", "anode-free")
LEAST_Ah = 1e-9
"""Charge that no instrument here resolves: a collector that is as good as bare."""


class NoRecordAfter(Exception):
    """The run does not say what its cell is now."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(frozen=True, slots=True)
class After:
    """The next record, and what was put into it, in lines for people."""

    id: str
    text: str
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Run:
    """What the journal says: the cell as it was, and the ledger at the end."""

    id: str
    cell: CellRecord
    fields: Fields
    ledger: MetalLedger
    accuracy: tuple[RangeAccuracy, ...]
    simulated: bool
    outcome: str

    @property
    def deposit_Ah(self) -> float:
        return self.ledger.deposit_As / 3600.0

    def with_doubt(self, name: Literal["deposit", "inventory"], charge_Ah: float) -> str:
        """A charge of the ledger with its uncertainty (k = 2)."""
        doubt_mAh = self.ledger.uncertainty_As(name, self.accuracy) / 3.6
        return f"{charge_text(charge_Ah)} ± {doubt_mAh:.2g} mAh (k = 2)"


def record_after(folder: Path, like: Like | None, cell_id: str | None, force: bool) -> After:
    """The record after the run in this folder. Raises NoRecordAfter, JournalError, ProtocolError.

    Without `like` the same cell goes on; with it, the run's collector goes into such a cell.
    `force` takes the record of a run that ended by a limit, a detector or a fault too.
    """
    run = _read(folder, force)
    new_id = cell_id or (run.cell.id if like is None else f"{like.record.id}-after-{run.id}"[:64])
    fault = id_fault(new_id)
    if fault:
        raise NoRecordAfter(f"the id {fault} (give one with --id)")
    fields, told = _goes_on(run) if like is None else _transferred(run, like)
    fields["id"] = new_id
    history = fields.get("history")
    runs = [each for each in run.cell.runs if each != run.id]
    fields["history"] = {
        **(history if isinstance(history, dict) else {}),
        "runs": [*runs, run.id],
    }
    notes = notes_of(fields)
    if run.simulated:
        notes.append(f"SIMULATED history: the run {run.id} was on a simulated bench")
    if run.outcome not in ENDED_WELL:
        notes.append(f"the run {run.id} ended by: {run.outcome}")
    if notes:
        fields["notes"] = notes
    text, _ = checked(fields, f"{new_id}.yaml")
    return After(new_id, text, tuple(told))


def _read(folder: Path, force: bool) -> _Run:
    if is_live(folder):
        raise NoRecordAfter(f"the run in {folder} is still going on")
    with Reader(folder) as reader:
        manifest, closing, checkpoint = reader.manifest(), reader.closing(), reader.checkpoint()
    outcome = "lost" if closing is None else closing.outcome
    run_id = str(manifest["run"])
    if outcome not in ENDED_WELL and not force:
        reason = "its program died" if closing is None else closing.reason
        raise NoRecordAfter(
            f"the run {run_id} ended by: {outcome} ({reason}); look at the cell, then --force"
        )
    if checkpoint is None:
        raise NoRecordAfter(f"the run {run_id} has no state in its journal: it never began")
    cell = manifest["cell"]
    text = cell.get("text") if isinstance(cell, Mapping) else None
    if not isinstance(text, str):
        raise NoRecordAfter(f"the run {run_id} has no cell record in its journal")
    name = f"the cell record of {run_id}"
    return _Run(
        id=run_id,
        cell=cell_from_text(text, name),
        fields=fields_of(text, name),
        ledger=from_json(checkpoint[1]).ledger,
        accuracy=ratings_of_manifest(manifest)[MAIN].current_ranges,
        simulated=bool(manifest["simulated"]),
        outcome=outcome,
    )


def _goes_on(run: _Run) -> tuple[Fields, list[str]]:
    """The same cell: metal on the collector of a half cell, what is left of an inventory."""
    fields: Fields = dict(run.fields)
    if run.cell.kind == "half":
        history = dict(_mapping(fields, "history"))
        history.pop("pre_plated", None)
        fields["history"] = history
        if run.deposit_Ah <= LEAST_Ah:
            return fields, ["pre_plated: none, by the ledger the collector is bare"]
        history["pre_plated"] = charge_text(run.deposit_Ah)
        fields["notes"] = [*notes_of(fields), _plated_note(run)]
        return fields, [f"pre_plated: {run.with_doubt('deposit', run.deposit_Ah)}"]
    left_As = run.ledger.inventory_As
    if left_As is None:
        return fields, ["the record gives no inventory"]
    left_Ah = max(0.0, left_As / 3600.0)
    fields["inventory"] = charge_text(left_Ah)
    before = charge_text(run.cell.inventory_Ah or 0.0)
    return fields, [f"inventory: {run.with_doubt('inventory', left_Ah)}, of {before} before"]


def _plated_note(run: _Run) -> str:
    return f"on the collector after {run.id}: {run.with_doubt('deposit', run.deposit_Ah)}"


def _transferred(run: _Run, like: Like) -> tuple[Fields, list[str]]:
    """The run's collector with its metal in a cell like the other."""
    _refuse_transfer(run, like)
    fields: Fields = {k: v for k, v in like.fields.items() if k not in NOT_ALIKE}
    if run.cell.collector is not None:
        fields["collector"] = run.cell.collector
    fields = with_pre_plated(fields, like.record, run.deposit_Ah)
    fields["notes"] = [
        f"the collector of {run.cell.id} in a cell like {like.name}",
        _plated_note(run),
    ]
    told = [f"pre_plated: {run.with_doubt('deposit', run.deposit_Ah)}"]
    if "inventory" in fields:
        told.append(
            f"inventory: {fields['inventory']}, of which the cathode holds "
            f"{charge_text(like.record.inventory_Ah or 0.0)}"
        )
    here, there = run.cell.area_cm2, like.record.area_cm2
    if here is not None and there is not None and abs(here - there) > 0.01 * here:
        told.append(f"note: plated on {here:g} cm2, and areal figures will count by {there:g} cm2")
    return fields, told


def _refuse_transfer(run: _Run, like: Like) -> None:
    cell, other = run.cell, like.record
    text = ""
    if cell.kind not in HAS_COLLECTOR or other.kind not in HAS_COLLECTOR:
        wrong = cell if cell.kind not in HAS_COLLECTOR else other
        text = f"{wrong.id} is a {wrong.kind} cell, which has no collector to carry metal"
    elif cell.metal != other.metal:
        text = f"the run plated {cell.metal}, and {like.name} is a cell of {other.metal}"
    elif other.preplated_Ah > 0:
        text = f"{like.name} has metal of its own on the collector"
    elif cell.kind == "anode-free" and cell.preplated_Ah > 0:
        text = (
            f"{cell.id} began with metal on its collector: in a full cell the ledger cannot say "
            "how much of it lies there still"
        )
    elif run.deposit_Ah <= LEAST_Ah:
        text = f"by its ledger the run {run.id} left no metal on the collector"
    if text:
        raise NoRecordAfter(text)


def _mapping(fields: Fields, name: str) -> Fields:
    found = fields.get(name)
    return found if isinstance(found, dict) else {}
