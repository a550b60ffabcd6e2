"""What commands are pointed at: cells, protocols and benches, as files or names."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from labctl.bench import Bench, default_bench, load_bench
from labctl.cli.exits import Refused

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


def find_bench(path: Path | None) -> Bench:
    """The bench in a file, or the simulated one where no file is named."""
    return default_bench() if path is None else load_bench(path)


def chosen_channels(bench: Bench, given: dict[str, str]) -> dict[str, str]:
    """Role → channel: as given, or the bench's only channel. Raises Refused, BenchError."""
    if not given:
        if len(bench.channels) != 1:
            names = ", ".join(bench.channels)
            raise Refused(f"the bench {bench.name} has several channels: --channel {names}?")
        given = {"main": next(iter(bench.channels))}
    if "main" not in given:
        raise Refused("--channel gives no channel the role main")
    for role, channel in given.items():
        if role != "main":
            raise Refused(f"--channel {role}={channel}: only the role main is in this version")
        bench.instrument_of(channel)
    return given


def ratings_of(bench: Bench, channel: str) -> "Ratings":
    """What the channel's driver declares before it has met its instrument."""
    from labctl.bench.opening import make_channel
    from labctl.twin import make_twin

    twin = None
    if bench.is_in_memory(channel):
        twin = make_twin(bench.instrument_of(channel), None, model="open", now=0.0)
    return make_channel(bench, channel, twin=twin).ratings
