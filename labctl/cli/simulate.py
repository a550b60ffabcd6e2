"""`labctl simulate`: the simulated twins of a bench, served until stopped."""

import asyncio
import errno
import sys
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from labctl.auxiliary_twin import auxiliary_twins
from labctl.bench import Bench, Instrument, Simulate, load_bench
from labctl.bench.model import DEFAULT_PORT, HISLIP_PORT
from labctl.bench.settings import is_auxiliary
from labctl.cli.exits import Refused
from labctl.cli.inputs import find_cell
from labctl.cli.options import Pairs, named_numbers, read_speed
from labctl.cli.serving import announce, stop_signals
from labctl.twin import Held, SimulatedCell, connect_channels, make_cell

if TYPE_CHECKING:
    from labctl_protocols.cell_record import CellRecord
    from labctl_simulators.ports import Firmware

HOST = "127.0.0.1"


def simulate(
    bench: Annotated[Path, Parameter(help="The bench file.")],
    /,
    *,
    speed: Annotated[str, Parameter(help="`real`, or a multiple of real time as `60x`.")] = "real",
    cell: Annotated[
        str | None, Parameter(help="The cell in every twin: a file or a name from the library.")
    ] = None,
    model: Annotated[str | None, Parameter(help="The cell model, as `na-half`.")] = None,
    m: Annotated[
        Pairs, Parameter(name="-m", help="name=value for the model; instrument_error too.")
    ] = None,
    seed: Annotated[int | None, Parameter(help="Seed of what is drawn at random.")] = None,
) -> int:
    """Serve the simulated twin of every instrument of a bench until stopped.

    First prints one JSON line for each instrument, which says where it answers; `bin_port` in it is
    the second port of a cycler. The cell is the one named in the instrument's `simulate` block, or
    by --cell; the record sets the model's size. With `simulate: {terminal: supply, shares: smu}`
    an instrument holds the third electrode of the cell of `smu`; each channel that the bench names
    holds a cell of its own. Scanners see the cells whose channels name them, and a chamber is
    around all of them. Ctrl-C or SIGTERM ends it. With --speed 60x, runs on it take --speed 60x
    too: their clock has to go as fast as the cells'; `labctl doctor` looks at real speed only.

    For example:

        labctl simulate bench.yaml
        labctl simulate bench.yaml --cell na-cu-half -m ce=0.99 --speed 60x
    """
    read = read_speed(speed)
    if not isinstance(read, float):
        raise Refused("--speed max is for benches in memory: whoever talks here has its own clock")
    parameters = named_numbers(m, "-m")
    described = load_bench(bench)
    given = None if cell is None else find_cell(cell)
    instruments = [e for e in described.instruments.values() if not is_auxiliary(e.driver)]
    seeds = {each.name: _seed(each, index, seed) for index, each in enumerate(instruments)}
    places = {
        (each.instrument, each.channel): described.instrument_of(each.name)
        for each in described.channels.values()
    }
    places = {(each.name, 1): each for each in instruments} | places
    cells = {
        place: _cell(described, each, given, model, parameters, seeds[each.name] + place[1] - 1)
        for place, each in places.items()
        if _block(each).shares is None
    }
    twins = [(each, _twin(each, cells, parameters, seeds[each.name])) for each in instruments]
    at = {n: cells.get((e.instrument, e.channel)) for n, e in described.channels.items()}
    held = {name: cell.cell for name, cell in at.items() if cell is not None}
    beside = auxiliary_twins(described, held, len(instruments) + (seed or 0))
    twins += [(described.instruments[name], twin) for name, twin in beside.items()]
    asyncio.run(_serve(twins, read))
    return 0


def _block(instrument: Instrument) -> Simulate:
    return instrument.simulate or Simulate()


def _cell(
    bench: Bench,
    instrument: Instrument,
    cell: "CellRecord | None",
    model: str | None,
    parameters: dict[str, float],
    seed: int,
) -> SimulatedCell:
    named = _block(instrument).cell
    if cell is None and named is not None:
        cell = find_cell(named, bench.folder)
    return make_cell(instrument, cell, model=model, parameters=parameters, seed=seed, now=0.0)


def _twin(
    instrument: Instrument,
    cells: dict[tuple[str, int], SimulatedCell],
    parameters: dict[str, float],
    seed: int,
) -> "Firmware":
    block = _block(instrument)
    held = {n: Held(cell) for (name, n), cell in cells.items() if name == instrument.name}
    held[1] = Held(cells[block.shares or instrument.name, 1], block.terminal)
    return connect_channels(held, instrument, parameters=parameters, seed=seed)


def _seed(instrument: Instrument, index: int, seed: int | None) -> int:
    """Each instrument draws its own errors: from --seed, else from its block, else its place."""
    own = _block(instrument).seed
    if seed is None and own is not None:
        return own
    return index + (seed or 0)


async def _serve(twins: list[tuple[Instrument, "Firmware"]], speed: float) -> None:
    with stop_signals() as stopped:
        async with AsyncExitStack() as served:
            for instrument, twin in twins:
                announce(await _open(served, instrument, twin, speed))
            await stopped.wait()


async def _open(
    served: AsyncExitStack, instrument: Instrument, twin: "Firmware", speed: float
) -> dict[str, object]:
    """Serve a twin; gives its line."""
    from labctl_simulators.servers.tcp import serve_tcp
    from labctl_simulators.servers.tcp_sessions import TwoPorts, serve_two_ports

    name, block = instrument.name, _block(instrument)
    own = HISLIP_PORT if block.serve == "hislip" else int(getattr(twin, "port", DEFAULT_PORT))
    port = own if block.port is None else block.port
    line: dict[str, object] = {"instrument": name}
    try:
        if isinstance(twin, TwoPorts):
            if block.serve != "tcp":
                raise Refused(f"{name} has two TCP ports: write `serve: tcp`")
            second = twin.binary.port if block.bin_port is None else block.bin_port
            ports = serve_two_ports(twin, HOST, port, second, speed)
            resource, bin_port = await served.enter_async_context(ports)
            return line | {"resource": resource, "bin_port": bin_port}
        if block.bin_port is not None:
            raise Refused(f"{name} has one port: leave `bin_port` out")
        if block.serve == "pty":
            return line | {"resource": await _open_pty(served, twin, speed)}
        if block.serve == "hislip":
            server = _serve_hislip(name, twin, port, speed)
        else:
            server = serve_tcp(twin, HOST, port, speed)
        return line | {"resource": await served.enter_async_context(server)}
    except OSError as error:
        reason = error.strerror or error
        taken = error.errno == errno.EADDRINUSE
        hint = (
            " (write another `port` in its `simulate`, or end what has this one)" if taken else ""
        )
        raise Refused(f"cannot serve {name} on port {port}: {reason}{hint}") from error


async def _open_pty(served: AsyncExitStack, twin: "Firmware", speed: float) -> str:
    if sys.platform == "win32":
        raise Refused("Windows has no pseudo-terminals: write `serve: tcp`")
    from labctl_simulators.servers.pty_port import serve_pty

    return await served.enter_async_context(serve_pty(twin, speed))


def _serve_hislip(
    name: str, twin: "Firmware", port: int, speed: float
) -> AbstractAsyncContextManager[str]:
    from labctl_simulators.ports import is_message_based
    from labctl_simulators.servers.hislip import serve_hislip

    if not is_message_based(twin):
        raise Refused(f"{name} has no message-based interface: write `serve: tcp`")
    return serve_hislip(twin, HOST, port, speed)
