"""Tables for people: readings and cycles in mAh and mAh/cm2, for Origin and Excel."""

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from labctl.export.files import safe_text, target, written_whole
from labctl.figures.run_document import area_of, document_of
from labctl.figures.series import IRREVERSIBLE
from labctl.journal import Reader, RecordedRow
from labctl.show.values import Data, number, part, parts

READING_COLUMNS = (
    "time_s", "time_h", "utc", "voltage_V", "current_mA", "current_mA_cm2",
    "step_capacity_mAh", "step_capacity_mAh_cm2", "charged_mAh", "discharged_mAh",
    "charged_mAh_cm2", "discharged_mAh_cm2", "cycle", "step", "step_type", "step_id",
    "step_time_s", "quality", "simulated",
)  # fmt: skip
HALF_COLUMNS = (
    "kind", "charge_mAh", "charge_mAh_cm2", "energy_mWh", "duration_s", "mean_voltage_V",
)  # fmt: skip
CYCLE_FIGURES = (
    "ce_percent", "u_ce_percent", *IRREVERSIBLE, "retention_percent", "u_retention_percent",
    "inventory_mAh", "u_inventory_mAh", "inventory_percent", "u_inventory_percent",
    "energy_efficiency_percent", "voltage_efficiency_percent", "polarisation_V",
    "polarisation_middle_V", "hysteresis_V", "plating_overpotential_V",
    "symmetric_overpotential_V", "symmetric_overpotential_early_V",
    "symmetric_overpotential_middle_V", "symmetric_overpotential_late_V",
)  # fmt: skip
"""As `labctl cycles --json` names them."""
CYCLE_COLUMNS = (
    "cycle", "class", "group", "complete",
    *(f"first_{name}" for name in HALF_COLUMNS), *(f"second_{name}" for name in HALF_COLUMNS),
    *CYCLE_FIGURES, "nucleation_overpotential_V", "flags", "simulated",
)  # fmt: skip

Cells = Sequence[object]


def export_csv(run: Path, path: Path | None = None) -> Path:
    """Write a run's readings as a plain table; areal columns are empty without a known area.

    `step_capacity` counts from the step's start. Raises JournalError, OSError.
    """
    with Reader(run) as reader:
        manifest = reader.manifest()
        rows = _reading_rows(reader.readings(), area_of(manifest), bool(manifest["simulated"]))
        return write_table(target(run, manifest, ".csv", path), READING_COLUMNS, rows)


def export_cycles_csv(run: Path, path: Path | None = None) -> Path:
    """Write the per-cycle table: what `labctl cycles` tells, with all its uncertainties (k = 2).

    Raises JournalError, OSError.
    """
    with Reader(run) as reader:
        manifest = reader.manifest()
        document = document_of(reader, manifest, list(reader.events()))
    area_cm2, simulated = area_of(manifest), document["simulated"] is True
    rows = (_cycle_cells(cycle, area_cm2, simulated) for cycle in parts(document, "cycles"))
    return write_table(target(run, manifest, ".cycles.csv", path), CYCLE_COLUMNS, rows)


def write_table(file: Path, columns: Cells, rows: Iterator[Cells]) -> Path:
    """Write a table whole or not at all, with no cell that a spreadsheet would run."""
    with written_whole(file) as temporary:
        with temporary.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(
                [safe_text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
            )
    return file


def per(value: float | None, area_cm2: float | None) -> float | None:
    """Per area; None where one of them is unknown."""
    return None if value is None or area_cm2 is None else value / area_cm2


def _reading_rows(
    readings: Iterator[RecordedRow], area_cm2: float | None, simulated: bool
) -> Iterator[Cells]:
    step, net_Ah, start_Ah = 0, 0.0, 0.0
    for row in readings:
        if row.step_count != step:
            # The last row of the step before is the state at this one's start.
            step, start_Ah = row.step_count, net_Ah
        net_Ah = row.charging_Ah - row.discharging_Ah
        current_mA = 1e3 * row.current_A
        capacity_mAh = 1e3 * abs(net_Ah - start_Ah)
        charged_mAh, discharged_mAh = 1e3 * row.charging_Ah, 1e3 * row.discharging_Ah
        yield (
            row.t_s,
            row.t_s / 3600.0,
            datetime.fromtimestamp(row.unix_s, UTC).isoformat(timespec="milliseconds"),
            row.voltage_V,
            current_mA,
            per(current_mA, area_cm2),
            capacity_mAh,
            per(capacity_mAh, area_cm2),
            charged_mAh,
            discharged_mAh,
            per(charged_mAh, area_cm2),
            per(discharged_mAh, area_cm2),
            row.cycle,
            row.step_count,
            row.step_type,
            row.step_id,
            row.step_time_s,
            row.quality,
            simulated_word(simulated),
        )


def _cycle_cells(cycle: Data, area_cm2: float | None, simulated: bool) -> Cells:
    flags = cycle["flags"]
    return (
        cycle["cycle"],
        cycle["class"],
        cycle["group"],
        "yes" if cycle["complete"] else "no",
        *_half_cells(part(cycle, "first"), area_cm2),
        *_half_cells(part(cycle, "second"), area_cm2),
        *(cycle.get(name) for name in CYCLE_FIGURES),
        part(cycle, "nucleation").get("overpotential_V"),
        "; ".join(map(str, flags)) if isinstance(flags, list) else None,
        simulated_word(simulated),
    )


def _half_cells(half: Data, area_cm2: float | None) -> Cells:
    charge_mAh = number(half, "charge_mAh")
    return (
        half.get("kind"),
        charge_mAh,
        per(charge_mAh, area_cm2),
        half.get("energy_mWh"),
        half.get("duration_s"),
        half.get("mean_voltage_V"),
    )


def simulated_word(simulated: bool) -> str:
    """The last column of every table (S9)."""
    return "SIMULATED" if simulated else "no"
