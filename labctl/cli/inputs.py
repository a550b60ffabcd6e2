"""What commands are pointed at: cells, protocols and benches, as files or names."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from labctl.bench import Bench, BenchError, Simulate, default_bench, default_channels, load_bench
from labctl.cli.exits import Refused
from labctl_protocols.plan import MAIN

if TYPE_CHECKING:
    from labctl_drivers.vocabulary import Ratings
    from labctl_protocols.cell_record import CellRecord

ProtocolArgument = Annotated[
    str, Parameter(name="PROTOCOL", help="A file, or a name from the library.")
]
BenchOption = Annotated[
    Path | None, Parameter(name="--bench", help="The bench file; none: a simulated 2450.")
]
ChannelOption = Annotated[
    list[str] | None,
    Parameter(name="--channel", negative="", help="[role=]CH, the bench's channel; repeatable."),
]


def find_cell(text: str, folder: Path | None = None) -> "CellRecord":
    """A cell record by file (also one beside the bench) or by name. Raises ProtocolError."""
    from labctl_protocols.files import load_cell

    beside = None if folder is None else folder / text
    if beside is not None and not Path(text).is_absolute() and beside.is_file():
        return load_cell(str(beside))
    return load_cell(text)


def place_on_cell(
    bench: Path | None, given: dict[str, str], cell: str
) -> "tuple[Bench, CellRecord, dict[str, str]]":
    """Bench, cell and role → channel, as named on the command line.

    Without a bench file, the simulated one that has an instrument at each of the cell's terminals.
    Raises Refused, BenchError, ProtocolError.
    """
    described = None if bench is None else load_bench(bench)
    record = find_cell(cell, None if described is None else described.folder)
    check_roles(record, given)
    if described is not None:
        return described, record, _chosen_channels(described, given)
    roles = (MAIN, *(role for role in record.terminals if role != MAIN))
    described = default_bench(roles=roles)
    return described, record, _chosen_channels(described, given or default_channels(roles))


def check_roles(cell: "CellRecord", roles: Iterable[str]) -> None:
    """Raises BenchError for a role that none of the cell's terminals has."""
    known = list(dict.fromkeys((MAIN, *cell.terminals)))
    for role in roles:
        if role not in known:
            raise BenchError(
                f"the cell {cell.id} has no terminal {role!r}; it has {', '.join(known)}"
            )


def place_without_cell(bench: Path | None, given: dict[str, str]) -> tuple[Bench, dict[str, str]]:
    """Bench and role → channel where no cell is named. Raises Refused, BenchError."""
    described = default_bench() if bench is None else load_bench(bench)
    return described, _chosen_channels(described, given)


def _chosen_channels(bench: Bench, given: dict[str, str]) -> dict[str, str]:
    if not given:
        if len(bench.channels) != 1:
            names = ", ".join(bench.channels)
            raise Refused(f"the bench {bench.name} has several channels: --channel {names}?")
        given = {MAIN: next(iter(bench.channels))}
    if MAIN not in given:
        raise Refused("--channel gives no channel the role main")
    for channel in given.values():
        bench.instrument_of(channel)
    return given


def ratings_of(bench: Bench, channel: str) -> "Ratings":
    """What the channel's driver declares before it has met its instrument."""
    from labctl.bench.opening import make_channel
    from labctl.twin import Placed, connect, make_cell

    twin = None
    if bench.is_in_memory(channel):
        # its cell does not matter here, and has parameters of its own
        instrument = bench.instrument_of(channel)
        options = instrument.simulate.instrument if instrument.simulate else {}
        bare = replace(instrument, simulate=Simulate(instrument=options))
        at = {MAIN: (bare, bench.channels[channel].channel)}
        twin = connect([Placed(make_cell(bare, None, model="open", now=0.0), at, {})])[0][MAIN]
    return make_channel(bench, channel, twin=twin).ratings


def ratings_beside_main(bench: Bench, channels: dict[str, str]) -> "dict[str, Ratings]":
    """What the drivers at the cell's further terminals declare."""
    return {role: ratings_of(bench, name) for role, name in channels.items() if role != MAIN}
