"""`labctl replay`: a run heard again bit for bit, or a protocol against a recording."""

from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from labctl.cli.check import CellOption, ParameterOption
from labctl.cli.exits import INTEGRITY, Refused
from labctl.cli.options import DEFAULT_DATA, DataOption, JsonOption
from labctl.cli.output import print_json, print_lines
from labctl.figures.reading import is_recording
from labctl.journal import Reader, find_run, is_live
from labctl.replay.again import Again, Difference, replay_run
from labctl.show.values import part, text


def replay(
    what: Annotated[
        str, Parameter(name="RUN", help="A run, or a BDF file (.csv, .parquet) of a recording.")
    ],
    protocol: Annotated[
        str | None,
        Parameter(name="PROTOCOL", help="For a recording: a file, or a name from the library."),
    ] = None,
    /,
    *,
    cell: CellOption = None,
    p: ParameterOption = None,
    data: DataOption = DEFAULT_DATA,
    json: JsonOption = False,
) -> int:
    """Hear a run again and compare every decision; or run a protocol against a recording.

    A run whose protocol says `record: all` at its top keeps all that its engine heard. Replayed,
    it must give every row and event again, bit for bit: that shows that nothing in the journal was
    changed, and that this version of labctl decides as the one that ran it.

    A recording is replayed open loop: it tests how steps end, are counted and accounted, not
    control. Each step of the protocol meets the next step of the recording, on the recording's
    clock; steps that end more than one sampling period apart are a disagreement. Nothing is
    measured and no run is made. --cell is the recorded cell's record.

    The exit code is 6 where something is not the same.

    For example:

        labctl replay 20261123-1412
        labctl replay cell7.bdf.csv my-protocol.yaml --cell my-cell.yaml
        labctl replay cell7.bdf.csv cccv --cell lfp-graphite -p cycles=3 --json
    """
    if is_recording(what):
        from labctl.cli.open_loop import replay_recording

        return replay_recording(Path(what), protocol, cell, p, json)
    if protocol is not None or cell is not None or p:
        raise Refused("a run brings its own protocol, cell and parameters; these are for a file")
    return _replay_run(find_run(data, what), json)


def _replay_run(folder: Path, json: bool) -> int:
    if is_live(folder):
        raise Refused(f"the run {folder.name} is still going on: replay it when it has ended")
    with Reader(folder) as reader:
        manifest = reader.manifest()
        again = replay_run(reader)
    made_by, here = text(part(manifest, "program"), "labctl"), version("labctl-bench")
    other = None if made_by == here else f"the run was made by labctl {made_by}, this is {here}"
    found = again.difference
    if json:
        print_json(
            {
                "run": text(manifest, "run") or folder.name,
                "identical": found is None,
                "readings": again.readings,
                "rows": again.rows,
                "events": again.events,
                "difference": None if found is None else asdict(found),
                "labctl": {"run": made_by, "replay": here},
            }
        )
    else:
        print_lines([] if other is None else [f"note: {other}"])
        print_lines(_lines(again))
    if found is not None:
        raise Refused(f"{folder.name} is not the same: {_place(found)}", exit_code=INTEGRITY)
    return 0


def _lines(again: Again) -> Iterator[str]:
    found = again.difference
    counted = f"{again.readings} readings, {again.rows} rows, {again.events} events"
    if found is None:
        yield f"identical: {counted}"
        return
    yield f"different: after {counted}, {_place(found)}"
    for name in found.journal or found.replay or ():
        journal, replayed = (
            "nothing" if side is None else repr(side.get(name))
            for side in (found.journal, found.replay)
        )
        yield f"  {name}: journal {journal}, replay {replayed}"


def _place(found: Difference) -> str:
    if found.what == "sources":
        return found.text
    if found.what == "heard":
        return f"thing heard {found.number}: {found.text}"
    return f"{found.what} {found.number}: {found.text}"
