"""`labctl run`: a protocol on a cell, in the foreground, with live progress."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from labctl.cli.inputs import (
    BenchOption,
    ChannelOption,
    ProtocolArgument,
    place_on_cell,
)
from labctl.cli.options import (
    JsonOption,
    MqttOption,
    Pairs,
    SpeedOption,
    channels_by_role,
    named_numbers,
    named_values,
    read_speed,
)
from labctl.cli.output import print_json, print_lines
from labctl.cli.progress import shown_progress
from labctl.cli.requests import make_request
from labctl.cli.runs import group_lines
from labctl.run.request import RunResult
from labctl.show.values import figure, number, part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def run(
    protocol: ProtocolArgument,
    /,
    *,
    cell: Annotated[str, Parameter(help="The cell's record: a file, or a name from the library.")],
    bench: BenchOption = None,
    channel: ChannelOption = None,
    p: Annotated[
        Pairs,
        Parameter(name=["-p", "--parameter"], help="name=value of the protocol; repeatable."),
    ] = None,
    data: Annotated[
        Path | None,
        Parameter(help="Folder for the run's folder [env var: LABCTL_DATA] [default: data]."),
    ] = None,
    mqtt: MqttOption = None,
    speed: SpeedOption = None,
    model: Annotated[
        str | None, Parameter(help="The simulated cell's model; none: the one that fits.")
    ] = None,
    m: Annotated[
        Pairs, Parameter(name="-m", help="name=value of the model; instrument_error too.")
    ] = None,
    seed: Annotated[int | None, Parameter(help="Seed of what is drawn at random.")] = None,
    transcript: Annotated[
        Path | None, Parameter(help="File that gets every line on the wire.")
    ] = None,
    capture: Annotated[
        Path | None,
        Parameter(
            help="File for the session, to be played to the driver again; "
            "`name.INSTRUMENT.txt` beside `name.txt` for each other instrument."
        ),
    ] = None,
    yes: Annotated[
        bool, Parameter(name="--yes", negative="", help="Answer the protocol's questions.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Run a protocol on a cell, with live progress; prints the run's id, folder and figures.

    Without --bench it runs on a simulated Keithley 2450 in virtual time, holding the model that
    fits the cell. Ctrl-C and `labctl stop` end it with the output off. The exit code says how it
    ended. A question of the protocol waits for Enter, `labctl continue RUN`, or --yes.

    For example:

        labctl run na-cu-reservoir-ce --cell na-cu-half
        labctl run na-cu-reservoir-ce --cell na-cu-half -p portions=3 -m ce=0.9
        labctl run my.yaml --cell my-cell.yaml --bench bench.yaml --channel A1
    """
    from labctl.run.conduct import conduct

    request = make_request(
        protocol,
        place_on_cell(bench, channels_by_role(channel), cell),
        parameters=named_values(p, "-p"),
        data=data,
        mqtt_url=mqtt,
        speed=read_speed(speed),
        model=model,
        model_parameters=named_numbers(m, "-m"),
        seed=seed,
        transcript=transcript,
        capture=capture,
        yes=yes,
    )
    with shown_progress(json=json) as on_progress:
        result = conduct(request, on_progress)
    _tell(result, json=json)
    return result.exit_code


def _tell(result: RunResult, *, json: bool) -> None:
    if json:
        print_json(result_json(result))
    else:
        print_lines([*_result_lines(result), *result.notes])
    if result.exit_code != 0:
        print(f"labctl: {result.outcome}: {result.reason}", file=sys.stderr)


def result_json(result: RunResult) -> dict[str, object]:
    """The document of `labctl run --json`."""
    return {
        "run": result.run,
        "folder": str(result.folder),
        "outcome": result.outcome,
        "reason": result.reason,
        "cycles": list(result.cycles),
        "groups": list(result.groups),
        "model": result.model,
    }


def _result_lines(result: RunResult) -> list[str]:
    lines = [
        f"run {result.run}",
        f"folder {result.folder}",
        f"outcome {result.outcome}: {result.reason}",
    ]
    if result.cycles:
        lines.append(last_cycle(result.cycles))
    return lines + group_lines(result.groups)


def last_cycle(cycles: "Sequence[Mapping[str, object]]") -> str:
    """How many cycles a run had, and the figures of the last."""
    last = cycles[-1]
    ce, u_ce = number(last, "ce_percent"), number(last, "u_ce_percent")
    if ce is not None:
        shown = f"CE {figure(ce, '.3f')} ± {figure(u_ce, '.3f', '%')}"
    else:  # it was interrupted, or the cell is symmetric
        shown = ", ".join(_half_words(part(last, half)) for half in ("first", "second"))
    return (
        f"{len(cycles)} cycles, the last with {shown}" if len(cycles) > 1 else f"cycle 1: {shown}"
    )


def _half_words(half: "Mapping[str, object]") -> str:
    charge = figure(number(half, "charge_mAh"), ".4f", "mAh")
    return f"{half['kind']} {charge} at {figure(number(half, 'mean_voltage_V'), '.4f', 'V')}"
