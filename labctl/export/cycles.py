"""The per-cycle table: what `labctl cycles` tells, for Origin and Excel."""

from pathlib import Path

from labctl.export.files import target
from labctl.export.plain import Cells, per, simulated_word, write_table
from labctl.figures.run_document import area_of, document_of
from labctl.figures.series import IRREVERSIBLE
from labctl.journal import Reader
from labctl.show.values import Data, number, part, parts

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


def export_cycles_csv(run: Path, path: Path | None = None) -> Path:
    """Write the per-cycle table: what `labctl cycles` tells, with all its uncertainties (k = 2).

    Raises JournalError, OSError.
    """
    with Reader(run) as reader:
        manifest = reader.manifest()
        document = document_of(reader, manifest, list(reader.events()))
    area_cm2, simulated = area_of(manifest), document["simulated"] is True
    rows = (_cycle_cells(cycle, area_cm2, simulated) for cycle in parts(document, "cycles"))
    return write_table(target(run, manifest, ".cycles.csv", path), CYCLE_COLUMNS, rows=rows)


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
