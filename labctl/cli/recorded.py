"""What `labctl cycles FILE` says on a terminal about a file of readings."""

from collections.abc import Iterator

from labctl.cli.cycle_table import cycle_lines, half_line, summary_lines
from labctl.cli.runs import group_lines
from labctl.show.values import Data, parts, text


def recorded_lines(document: Data) -> Iterator[str]:
    """The figures of a file: table, halves apart, spans, means, life, notes."""
    simulated = "  (simulated)" if document["simulated"] is True else ""
    yield f"file {text(document, 'file')}  {text(document, 'sense')}{simulated}"
    yield from cycle_lines(document, "half" if document["sense"] == "plate-first" else "cell")
    yield from (half_line(half) for half in parts(document, "halves"))
    yield from group_lines(parts(document, "groups"))
    yield from summary_lines(document)
    if document["sense_from"] != "given":
        yield f"note: paired {text(document, 'sense')}, as the file begins; --sense says otherwise"
    notes = document["notes"]
    if isinstance(notes, list):
        yield from (f"note: {note}" for note in notes)
