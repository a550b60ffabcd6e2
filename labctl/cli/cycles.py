"""`labctl cycles`: per-cycle figures of a run, or of a BDF file that labctl did not write."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from labctl.cli.cycle_table import cycle_lines, half_line, summary_lines
from labctl.cli.exits import Refused
from labctl.cli.options import DEFAULT_DATA, DataOption, JsonOption
from labctl.cli.output import print_json, print_lines
from labctl.cli.pulse_table import pulse_lines
from labctl.cli.recorded import recorded_lines
from labctl.cli.runs import group_lines
from labctl.figures.document import Json, figures_of_recording
from labctl.figures.pairing import Sense
from labctl.figures.pulses import pulses_json, stretches_of_file
from labctl.figures.reading import is_recording, read_recording
from labctl.figures.recording import RecordingError
from labctl.figures.run_document import document_of
from labctl.figures.run_pulses import pulses_of_run
from labctl.journal import Reader, find_run
from labctl.show.values import Data, part, parts, text


def cycles(
    what: Annotated[str, Parameter(name="RUN", help="A run, or a BDF file (.csv, .parquet).")],
    /,
    *,
    sense: Annotated[
        Sense | None, Parameter(help="Which half comes first in a file; runs know it.")
    ] = None,
    pulses: Annotated[
        bool, Parameter(negative=(), help="With DCIR, ICI and GITT of pulses and pauses.")
    ] = False,
    data: DataOption = DEFAULT_DATA,
    json: JsonOption = False,
) -> int:
    """Show every cycle's charges, Coulombic efficiency, losses and voltages, and what they come to.

    Uncertainties are expanded (k = 2). What does not come back is summed over the complete cycles;
    the means of CE are over those of class `cycle` that ran to their cut-off. One instrument's
    errors are the same in every cycle, so that a mean is hardly more certain than one cycle.

    A run's cycles come from the protocol's structure, and every reading is in their charges. A
    file's are its half cycles, rests bridged, paired by --sense: plate-first for half cells on a
    bare collector, charge-first for full cells; without it, as the file begins. Interrupted
    cycles and halves without a partner are told apart, never as cycles.

    With --pulses also what changes of current tell: resistances 0.1, 1 and 10 s after them, and of
    interruptions (ICI) and titrations (GITT) their own figures, wherever the readings allow it.

    For example:

        labctl cycles 20261123-1412
        labctl cycles 20261123-1412 --json
        labctl cycles 20261123-1412 --pulses
        labctl cycles cell7.bdf.csv --sense plate-first
    """
    if is_recording(what):
        document, lines = _of_file(what, sense, pulses), recorded_lines
    elif sense is not None:
        raise Refused("--sense is for files: a run knows which half comes first")
    else:
        document, lines = _of_run(find_run(data, what), pulses), run_lines
    if json:
        print_json(document)
        return 0
    print_lines(lines(document))
    if pulses:
        found = part(document, "pulses")
        print_lines(pulse_lines({kind: parts(found, kind) for kind in found}))
    return 0


def _of_file(name: str, sense: Sense | None, pulses: bool) -> Json:
    try:
        recording = read_recording(Path(name))
    except RecordingError as error:
        raise Refused(str(error)) from error
    document: Json = {"file": name, **figures_of_recording(recording, sense)}
    if pulses:
        document["pulses"] = pulses_json(recording, stretches_of_file(recording))
    return document


def _of_run(folder: Path, pulses: bool) -> Json:
    with Reader(folder) as reader:
        document = document_of(reader, reader.manifest(), list(reader.events()))
        if pulses:
            document["pulses"] = pulses_of_run(reader)
    return document


def run_lines(document: Data) -> Iterator[str]:
    """The figures of a run: table, halves apart, groups, means, life."""
    simulated = "  (simulated)" if document["simulated"] is True else ""
    yield f"run {text(document, 'run')}  {text(document, 'sense')}".rstrip() + simulated
    yield from cycle_lines(document, text(document, "kind"))
    yield from (half_line(half) for half in parts(document, "halves"))
    yield from group_lines(parts(document, "groups"))
    yield from summary_lines(document)
