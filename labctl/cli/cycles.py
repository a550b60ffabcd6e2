"""`labctl cycles`: per-cycle figures of a run, or of a BDF file that labctl did not write."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from labctl.cli.exits import Refused
from labctl.cli.options import DEFAULT_DATA, DataOption, JsonOption
from labctl.cli.output import print_json, print_lines
from labctl.cli.recorded import half_line, recorded_lines
from labctl.cli.runs import group_lines
from labctl.figures.document import figures_of_recording
from labctl.figures.pairing import Sense
from labctl.figures.reading import is_recording, read_recording
from labctl.figures.recording import RecordingError
from labctl.journal import Reader, find_run
from labctl.show.columns import in_columns
from labctl.show.figures import Figures, Json, figures_of
from labctl.show.values import figure, number, part, text

HEAD = ("cycle", "class", "first", "mAh", "second", "mAh", "CE/%", "±/%", "flags")


def cycles(
    what: Annotated[str, Parameter(name="RUN", help="A run, or a BDF file (.csv, .parquet).")],
    /,
    *,
    sense: Annotated[
        Sense | None, Parameter(help="Which half comes first in a file; runs know it.")
    ] = None,
    data: DataOption = DEFAULT_DATA,
    json: JsonOption = False,
) -> int:
    """Show charge, Coulombic efficiency and its uncertainty (k = 2) of every cycle and group.

    A run's cycles come from the protocol's structure, and every reading is in their charges. A
    file's are its half cycles, rests bridged, paired by --sense: plate-first for half cells on a
    bare collector, charge-first for full cells; without it, as the file begins. Interrupted
    cycles and halves without a partner are told apart, never as cycles.

    For example:

        labctl cycles 20261123-1412
        labctl cycles 20261123-1412 --json
        labctl cycles cell7.bdf.csv --sense plate-first
    """
    if is_recording(what):
        return _of_file(what, sense, json)
    if sense is not None:
        raise Refused("--sense is for files: a run knows which half comes first")
    folder = find_run(data, what)
    with Reader(folder) as reader:
        name = text(reader.manifest(), "run") or folder.name
        found = figures_of(reader.events())
    if json:
        print_json({"run": name, **found})
        return 0
    print_lines(_lines(Path(folder), found))
    return 0


def _of_file(name: str, sense: Sense | None, json: bool) -> int:
    try:
        recording = read_recording(Path(name))
    except RecordingError as error:
        raise Refused(str(error)) from error
    document: Json = {"file": name, **figures_of_recording(recording, sense)}
    if json:
        print_json(document)
    else:
        print_lines(recorded_lines(document))
    return 0


def _lines(folder: Path, found: Figures) -> list[str]:
    lines = [f"run {folder.name}  {found['sense'] or ''}".rstrip()]
    if found["cycles"]:
        lines += in_columns(HEAD, [_row(cycle) for cycle in found["cycles"]])
    else:
        lines.append("no complete cycle")
    lines += [half_line(half) for half in found["halves"]]
    return lines + group_lines(found["groups"])


def _row(cycle: Json) -> list[str]:
    first, second = part(cycle, "first"), part(cycle, "second")
    flags = cycle["flags"]
    return [
        str(cycle["cycle"]),
        text(cycle, "class"),
        text(first, "kind"),
        figure(number(first, "charge_mAh"), ".4f"),
        text(second, "kind"),
        figure(number(second, "charge_mAh"), ".4f"),
        figure(number(cycle, "ce_percent"), ".3f"),
        figure(number(cycle, "u_ce_percent"), ".3f"),
        ", ".join(map(str, flags)) if isinstance(flags, list) else "",
    ]
