"""`labctl simulate`: the simulated twins of a bench, served until stopped."""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from labctl.bench import Bench, Instrument, Simulate, load_bench
from labctl.cli.exits import Refused
from labctl.cli.inputs import find_cell
from labctl.cli.options import Pairs, named_numbers, read_speed
from labctl.cli.serving import announce, stop_signals
from labctl.twin import Twin, make_twin

if TYPE_CHECKING:
    from labctl_protocols.cell_record import CellRecord

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

    First prints one JSON line for each instrument, which says where it answers. The cell is the
    one named in the instrument's `simulate` block, or by --cell; the record sets the model's
    size. Ctrl-C or SIGTERM ends it.

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
    twins = [
        _twin(described, each, given, model, parameters, _seed(each, index, seed))
        for index, each in enumerate(described.instruments.values())
    ]
    asyncio.run(_serve(twins, read))
    return 0


def _twin(
    bench: Bench,
    instrument: Instrument,
    cell: "CellRecord | None",
    model: str | None,
    parameters: dict[str, float],
    seed: int,
) -> tuple[Instrument, Twin]:
    block = instrument.simulate or Simulate()
    if cell is None and block.cell is not None:
        cell = find_cell(block.cell, bench.folder)
    made = make_twin(instrument, cell, model=model, parameters=parameters, seed=seed, now=0.0)
    return instrument, made


def _seed(instrument: Instrument, index: int, seed: int | None) -> int:
    """Each instrument draws its own errors: from --seed, else from its block, else its place."""
    block = instrument.simulate
    if seed is None and block is not None and block.seed is not None:
        return block.seed
    return index + (seed or 0)


async def _serve(twins: list[tuple[Instrument, Twin]], speed: float) -> None:
    with stop_signals() as stopped:
        async with AsyncExitStack() as served:
            for instrument, twin in twins:
                resource = await _open(served, instrument, twin, speed)
                announce({"instrument": instrument.name, "resource": resource})
            await stopped.wait()


async def _open(served: AsyncExitStack, instrument: Instrument, twin: Twin, speed: float) -> str:
    block = instrument.simulate or Simulate()
    try:
        if block.serve == "pty":
            if sys.platform == "win32":
                raise Refused("Windows has no pseudo-terminals: write `serve: tcp`")
            from labctl_simulators.servers.pty_port import serve_pty

            return await served.enter_async_context(serve_pty(twin.firmware, speed))
        from labctl_simulators.servers.tcp import serve_tcp

        server = serve_tcp(twin.firmware, HOST, block.port, speed)
        return await served.enter_async_context(server)
    except OSError as error:
        reason = error.strerror or error
        raise Refused(f"cannot serve {instrument.name} on port {block.port}: {reason}") from error
