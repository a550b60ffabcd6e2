"""A report's files: every picture as PNG and SVG, and the page."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from labctl.export.files import file_stem, written_whole
from labctl.report.canvas import MARK_LINE, save
from labctl.report.differential import differential
from labctl.report.efficiency import efficiency
from labctl.report.impedance import impedance
from labctl.report.inventory import inventory
from labctl.report.nucleation import nucleation
from labctl.report.page import page_of
from labctl.report.picture import Missing, Picture
from labctl.report.polarisation import polarisation
from labctl.report.record import Record, read_record
from labctl.report.time_course import time_course
from labctl.report.voltage_capacity import voltage_capacity
from labctl.report.voltammogram import voltammogram

FIGURES: tuple[Callable[[Record], Picture | Missing], ...] = (
    efficiency,
    voltage_capacity,
    time_course,
    voltammogram,
    impedance,
    nucleation,
    inventory,
    polarisation,
    differential,
)


class Written(NamedTuple):
    """Where a report went; `missing` are the figures that the run does not give."""

    page: Path
    pictures: tuple[Path, ...]
    missing: tuple[Missing, ...]


def write_report(run: Path, folder: Path | None = None) -> Written:
    """Write a run's report into the folder, by default `report` in the run's own.

    Only the journal is read. Raises JournalError, OSError.
    """
    record = read_record(run)
    folder = run / "report" if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    stem = file_stem(record.manifest)
    drawn: list[tuple[Picture, Path]] = []
    pictures: list[Path] = []
    missing: list[Missing] = []
    for make in FIGURES:
        made = make(record)
        if isinstance(made, Missing):
            missing.append(made)
            continue
        mark = f"[{MARK_LINE}] " if record.simulated else ""
        title = f"{mark}{made.title}, run {record.run}"
        png, svg = save(made, folder / f"{stem}_{made.name}", record.simulated, title)
        drawn.append((made, svg))
        pictures += [png, svg]
    page = folder / f"{stem}_report.html"
    with written_whole(page) as temporary:
        temporary.write_text(page_of(record, drawn, missing), encoding="utf-8", newline="\n")
    return Written(page, tuple(pictures), tuple(missing))
