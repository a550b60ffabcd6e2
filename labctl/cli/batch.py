"""`labctl batch`: many cells of one bench at once, in one process."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from labctl.bench import load_bench
from labctl.bench.batch import BatchRun, load_batch
from labctl.cli.batch_progress import shown_batch
from labctl.cli.exits import BAD_INPUT
from labctl.cli.inputs import check_roles, find_cell
from labctl.cli.options import JsonOption, MqttOption, SpeedOption, read_speed
from labctl.cli.output import print_json, print_lines
from labctl.cli.requests import make_request
from labctl.cli.run import last_cycle, result_json
from labctl.run.request import RunRequest, RunResult
from labctl.show.columns import in_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

WORST_FIRST = (70, 5, 4, 3, 2, 130)


def batch(
    file: Annotated[Path, Parameter(name="FILE", help="The batch file.")],
    /,
    *,
    data: Annotated[
        Path | None,
        Parameter(help="Folder for the runs' folders [env var: LABCTL_DATA] [default: data]."),
    ] = None,
    mqtt: MqttOption = None,
    speed: SpeedOption = None,
    yes: Annotated[
        bool, Parameter(name="--yes", negative="", help="Answer the protocols' questions.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Run protocols on many cells of one bench at once, each with a journal of its own.

    FILE names the bench, a file beside it, and the runs; cells and protocols are
    files beside it too, or names from the library:

        bench: bench.yaml
        runs:
          - {channel: A1, cell: coin-17.yaml, protocol: na-cu-reservoir-ce}
          - {channel: B1, cell: na-cu-half, protocol: mine.yaml, parameters: {n: 5}}

    A cell with several terminals has `channel: {main: A1, supply: A2}`.
    All protocols are checked before anything is driven. A run that fails leaves
    the others alone. `labctl stop RUN` ends one, Ctrl-C all. The exit code is that
    of the run that ended worst. Without hardware: `resource: sim` in the bench.

    For example:

        labctl batch monday.yaml
        labctl batch monday.yaml --json
    """
    from labctl.cli.batch_check import checked_requests
    from labctl.run.conduct import conduct_all

    planned = load_batch(file)
    bench = load_bench(planned.bench)

    def make(run: BatchRun) -> RunRequest:
        cell = find_cell(run.cell, file.parent)
        check_roles(cell, run.channels)
        return make_request(
            run.protocol,
            (bench, cell, run.channels),
            parameters=run.parameters,
            data=data or planned.data,
            mqtt_url=mqtt,
            speed=read_speed(speed),
            yes=yes,
            keys=False,
        )

    requests = checked_requests(bench, planned.runs, make)
    names = [run.channels["main"] for run in planned.runs]
    spread = [replace(each, seed=each.seed + place) for place, each in enumerate(requests)]
    with shown_batch(names, json=json) as on_progress:
        results = conduct_all(spread, on_progress)
    if json:
        documents = [_document(*each) for each in zip(planned.runs, results, strict=True)]
        print_json({"bench": bench.name, "runs": documents})
    else:
        print_lines(_notes(names, results))
        print_lines(_lines(names, results))
    return _worst_of(names, results)


def _worst_of(names: "Sequence[str]", results: "Sequence[RunResult | BaseException]") -> int:
    """The exit code of the run that ended worst; what went wrong with each is said."""
    codes = [_exit_code(result) for result in results]
    for name, result, code in zip(names, results, codes, strict=True):
        if code != 0:
            print(f"labctl: {name}: {_how_it_ended(result)}", file=sys.stderr)
    return next((code for code in WORST_FIRST if code in codes), 0)


def _document(run: BatchRun, result: RunResult | BaseException) -> dict[str, object]:
    where: dict[str, object] = {"channel": run.channels, "exit_code": _exit_code(result)}
    if isinstance(result, BaseException):
        return {**where, "run": None, "error": _how_it_ended(result)}
    return {**where, **result_json(result)}


def _notes(names: "Sequence[str]", results: "Sequence[RunResult | BaseException]") -> list[str]:
    width = max(map(len, names))
    return [
        f"{name:<{width}}  {note}"
        for name, result in zip(names, results, strict=True)
        if isinstance(result, RunResult)
        for note in result.notes
    ]


def _lines(names: "Sequence[str]", results: "Sequence[RunResult | BaseException]") -> list[str]:
    rows = []
    for name, result in zip(names, results, strict=True):
        if isinstance(result, BaseException):
            rows.append([name, "–", "not begun", _how_it_ended(result)])
        else:
            figures = last_cycle(result.cycles) if result.cycles else result.reason
            rows.append([name, result.run, result.outcome, figures])
    return in_columns(["channel", "run", "outcome", "figures"], rows)


def _how_it_ended(result: RunResult | BaseException) -> str:
    if isinstance(result, RunResult):
        return f"{result.outcome}: {result.reason}"
    from labctl.cli.failure import lines_and_code

    lines, _ = lines_and_code(result) if isinstance(result, Exception) else (["cancelled"], 0)
    return "; ".join(line.removeprefix("labctl: ") for line in lines)


def _exit_code(result: RunResult | BaseException) -> int:
    if isinstance(result, RunResult):
        return result.exit_code
    from labctl.cli.failure import lines_and_code

    return lines_and_code(result)[1] if isinstance(result, Exception) else BAD_INPUT
