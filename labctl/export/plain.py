"""Tables for people: readings and steps in mAh and mAh/cm2, for Origin and Excel."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from labctl.export.columns import degC
from labctl.export.files import safe_text, target, written_whole
from labctl.figures.run_document import area_of
from labctl.journal import Reader, RecordedEvent, RecordedRow

NAMES: Mapping[str, tuple[str, str]] = {
    "time_s": ("Time", "s"),
    "time_h": ("Time", "h"),
    "utc": ("UTC", ""),
    "voltage_V": ("Voltage", "V"),
    "current_mA": ("Current", "mA"),
    "current_mA_cm2": ("Current density", "mA/cm2"),
    "step_capacity_mAh": ("Capacity in the step", "mAh"),
    "step_capacity_mAh_cm2": ("Areal capacity in the step", "mAh/cm2"),
    "charged_mAh": ("Charged", "mAh"),
    "discharged_mAh": ("Discharged", "mAh"),
    "charged_mAh_cm2": ("Charged", "mAh/cm2"),
    "discharged_mAh_cm2": ("Discharged", "mAh/cm2"),
    "temperature_degC": ("Temperature", "degC"),
    "cycle": ("Cycle", ""),
    "step": ("Step", ""),
    "step_type": ("Step type", ""),
    "step_id": ("Step of the protocol", ""),
    "step_time_s": ("Time in the step", "s"),
    "quality": ("Quality", ""),
    "simulated": ("Simulated", ""),
}
"""Columns of readings, each with Origin's long name and unit."""
READING_COLUMNS = tuple(NAMES)
STEP_COLUMNS = (
    "step", "step_id", "label", "step_type", "cycle", "class", "duration_s", "capacity_mAh",
    "capacity_mAh_cm2", "energy_mWh", "end_voltage_V", "end_current_mA", "end_current_mA_cm2",
    "ended", "reason", "simulated",
)  # fmt: skip
Cells = Sequence[object]


def export_csv(run: Path, path: Path | None = None) -> Path:
    """Write a run's readings as a plain table; areal columns are empty without a known area.

    `step_capacity` counts from the step's start. Raises JournalError, OSError.
    """
    with Reader(run) as reader:
        manifest = reader.manifest()
        rows = _reading_rows(reader.readings(), area_of(manifest), bool(manifest["simulated"]))
        return write_table(target(run, manifest, ".csv", path), READING_COLUMNS, rows=rows)


def export_origin_csv(run: Path, path: Path | None = None) -> Path:
    """Write the same table under three rows: Origin's long names, units and comments.

    Origin takes lines above the numbers for Long Name, Units and Comments, in this order
    (docs.originlab.com, Import Wizard, header lines). Raises JournalError, OSError.
    """
    with Reader(run) as reader:
        manifest = reader.manifest()
        simulated = bool(manifest["simulated"])
        rows = _reading_rows(reader.readings(), area_of(manifest), simulated)
        comment = f"{'SIMULATED ' if simulated else ''}{manifest['run']}"
        heads = [
            tuple(name for name, _ in NAMES.values()),
            tuple(unit for _, unit in NAMES.values()),
            tuple(comment for _ in NAMES),
        ]
        return write_table(target(run, manifest, ".origin.csv", path), *heads, rows=rows)


def export_steps_csv(run: Path, path: Path | None = None) -> Path:
    """Write a row for each step that ended, in order. Raises JournalError, OSError."""
    with Reader(run) as reader:
        manifest = reader.manifest()
        rows = _step_rows(reader.events(), area_of(manifest), bool(manifest["simulated"]))
        return write_table(target(run, manifest, ".steps.csv", path), STEP_COLUMNS, rows=rows)


def write_table(file: Path, *heads: Cells, rows: Iterator[Cells]) -> Path:
    """Write a table whole or not at all, with no cell that a spreadsheet would run."""
    with written_whole(file) as temporary:
        with temporary.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerows(heads)
            writer.writerows(
                [safe_text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
            )
    return file


def per(value: float | None, area_cm2: float | None) -> float | None:
    """Per area; None where one of them is unknown."""
    return None if value is None or area_cm2 is None else value / area_cm2


def _milli(value: object) -> float | None:
    return 1e3 * value if isinstance(value, int | float) else None


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
            degC(row.temperature_K),
            row.cycle,
            row.step_count,
            row.step_type,
            row.step_id,
            row.step_time_s,
            row.quality,
            simulated_word(simulated),
        )


def _step_rows(
    events: Iterator[RecordedEvent], area_cm2: float | None, simulated: bool
) -> Iterator[Cells]:
    begun: Mapping[str, object] = {}
    for event in events:
        data = event.data
        if event.kind == "step_started":
            begun = data
        if event.kind != "step_ended":
            continue
        started = begun if begun.get("step_count") == data.get("step_count") else {}
        capacity_mAh = _milli(data.get("capacity_Ah"))
        current_mA = _milli(data.get("current_A"))
        yield (
            data.get("step_count"),
            data.get("step_id"),
            data.get("label"),
            data.get("step_type"),
            started.get("cycle"),
            started.get("class"),
            data.get("duration_s"),
            capacity_mAh,
            per(capacity_mAh, area_cm2),
            _milli(data.get("energy_Wh")),
            data.get("voltage_V"),
            current_mA,
            per(current_mA, area_cm2),
            data.get("ended"),
            data.get("reason"),
            simulated_word(simulated),
        )


def simulated_word(simulated: bool) -> str:
    """The last column of every table (S9)."""
    return "SIMULATED" if simulated else "no"
