"""Impedance spectra as a table, a row for each frequency."""

import math
from collections.abc import Iterator
from pathlib import Path

from labctl.export.files import target
from labctl.export.plain import Cells, simulated_word, write_table
from labctl.figures.run_document import area_of
from labctl.journal import Reader
from labctl.show.values import number

COLUMNS = (
    "time_s", "step", "step_id", "frequency_Hz", "real_ohm", "imaginary_ohm", "magnitude_ohm",
    "phase_deg", "real_ohm_cm2", "imaginary_ohm_cm2", "simulated",
)  # fmt: skip


def export_impedance_csv(run: Path, path: Path | None = None) -> Path:
    """Write every point of every spectrum; the areal columns are empty without a known area.

    Raises JournalError, OSError.
    """
    with Reader(run) as reader:
        manifest = reader.manifest()
        rows = _rows(reader, area_of(manifest), bool(manifest["simulated"]))
        return write_table(target(run, manifest, ".impedance.csv", path), COLUMNS, rows=rows)


def _rows(reader: Reader, area_cm2: float | None, simulated: bool) -> Iterator[Cells]:
    for event in reader.events():
        if event.kind != "impedance":
            continue
        data = event.data
        real, imaginary = number(data, "real_ohm") or 0.0, number(data, "imaginary_ohm") or 0.0
        yield (
            event.t_s,
            data["step_count"],
            data["step_id"],
            data["frequency_Hz"],
            real,
            imaginary,
            math.hypot(real, imaginary),
            math.degrees(math.atan2(imaginary, real)),
            real * area_cm2 if area_cm2 else None,
            imaginary * area_cm2 if area_cm2 else None,
            simulated_word(simulated),
        )
