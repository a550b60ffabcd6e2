"""`labctl check` and `labctl explain`: what a protocol would do, without doing it."""

from typing import Annotated

from cyclopts import Parameter

from labctl.cli.inputs import (
    BenchOption,
    ChannelOption,
    ProtocolArgument,
    place_on_cell,
    place_without_cell,
    ratings_beside_main,
    ratings_of,
)
from labctl.cli.options import JsonOption, Pairs, channels_by_role, named_values
from labctl.cli.output import print_json, print_lines

CellOption = Annotated[
    str | None, Parameter(name="--cell", help="A cell record: a file or a name of the library.")
]
NeededCell = Annotated[
    str, Parameter(name="--cell", help="A cell record: a file or a name of the library.")
]
ParameterOption = Annotated[
    Pairs, Parameter(name=["-p", "--parameter"], help="name=value of the protocol; repeatable.")
]


def check(
    protocol: ProtocolArgument,
    /,
    *,
    cell: CellOption = None,
    bench: BenchOption = None,
    channel: ChannelOption = None,
    p: ParameterOption = None,
) -> int:
    """Check a protocol without running it; every mistake as `file:line:col: message`.

    Without --bench it is checked against the simulated 2450 that `run` would use. Without
    --cell, what needs a cell is left out, and that is said.

    For example:

        labctl check my-protocol.yaml --cell my-cell.yaml
        labctl check na-cu-reservoir-ce --cell na-cu-half -p j="1 mA/cm2"
        labctl check my.yaml --cell my-cell.yaml --bench bench.yaml --channel A1
    """
    from labctl.bench.auxiliaries import auxiliaries_of
    from labctl_protocols import checker
    from labctl_protocols.files import load_protocol
    from labctl_protocols.plan import limits_temperature

    record = None
    if cell is None:
        described, channels = place_without_cell(bench, channels_by_role(channel))
    else:
        described, record, channels = place_on_cell(bench, channels_by_role(channel), cell)
    parameters = named_values(p, "-p")
    ratings = ratings_of(described, channels["main"])
    others = ratings_beside_main(described, channels)
    plan, notes = checker.check(
        load_protocol(protocol),
        record,
        ratings,
        parameters,
        others=others,
        auxiliaries=auxiliaries_of(described, channels["main"]),
    )
    print_lines(notes)
    unbounded = sorted({"charge", "time"} - ratings.bounds)
    if plan is not None and unbounded:
        driver = described.driver_of(channels["main"])
        bounded = " and ".join(unbounded)
        print_lines([f"{driver} does not itself bound {bounded}: the PC does, while it lives"])
    if plan is not None and ratings.cut_off_s:
        driver = described.driver_of(channels["main"])
        told = f"a current may drive it beyond a limit for up to {ratings.cut_off_s * 1e3:g} ms"
        print_lines([f"{driver} looks at the voltage and then switches off: {told}"])
    if plan is not None and limits_temperature(plan.limits):
        what = f"the temperature (aux.{plan.temperature})"
        print_lines([f"no instrument bounds {what}: the PC does, while it lives"])
    print_lines([f"{protocol}: no mistakes found"])
    return 0


def explain(
    protocol: ProtocolArgument,
    /,
    *,
    cell: NeededCell,
    bench: BenchOption = None,
    channel: ChannelOption = None,
    p: ParameterOption = None,
    json: JsonOption = False,
) -> int:
    """Show a protocol's expanded steps with resolved A, V and h, and the longest it can take.

    For example:

        labctl explain na-cu-reservoir-ce --cell na-cu-half
        labctl explain na-cu-reservoir-ce --cell na-cu-half -p portions=3 --json
    """
    from labctl.bench.auxiliaries import auxiliaries_of
    from labctl.show.explain import explain_document, explain_lines
    from labctl_protocols.checker import bind
    from labctl_protocols.files import load_protocol

    described, record, channels = place_on_cell(bench, channels_by_role(channel), cell)
    plan = bind(
        load_protocol(protocol),
        record,
        ratings_of(described, channels["main"]),
        named_values(p, "-p"),
        others=ratings_beside_main(described, channels),
        auxiliaries=auxiliaries_of(described, channels["main"]),
    )
    document = explain_document(plan)
    if json:
        print_json(document)
    else:
        print_lines(explain_lines(document))
    return 0
