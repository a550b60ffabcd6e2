"""A simulated instrument with a second TCP port, and any number of clients on each.

Of the firmware: `feed` is what the first port speaks, `.binary` what the second does; the
`session()` of each makes what a further connection talks to, so that no client's half message
meets another's. All connections see one instrument and one time.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable

from labctl_simulators.ports import Firmware
from labctl_simulators.servers.pace import Pace, begin_at
from labctl_simulators.servers.tcp import reset

CHUNK = 4096


class Sessions(Firmware, Protocol):
    """A firmware, or one port of it, that tells its connections apart."""

    def session(self) -> Firmware:
        """What a new connection talks to."""


class SecondPort(Sessions, Protocol):
    """The other port of a firmware; `port` is where the real one listens."""

    port: int


@runtime_checkable
class TwoPorts(Sessions, Protocol):
    """A firmware with a second port."""

    @property
    def binary(self) -> "SecondPort":
        """The second port."""


class _Door:
    """One port: a pace for each connection, on the time of all."""

    def __init__(self, peer: Sessions, speed: float, start: float, began: float) -> None:
        self._peer = peer
        self._times = speed, start, began
        self.tasks: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A client has connected."""
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pace = Pace(self._peer.session(), *self._times)
        pace.attach(writer.write, lambda: reset(writer))
        try:
            while data := await reader.read(CHUNK):
                pace.receive(data)
        except ConnectionError:
            pass  # a reset is one of the ways in which clients leave
        finally:
            pace.close()
            writer.close()


@contextlib.asynccontextmanager
async def serve_two_ports(
    firmware: TwoPorts,
    host: str = "127.0.0.1",
    port: int = 0,
    bin_port: int = 0,
    speed: float = 1.0,
) -> AsyncIterator[tuple[str, int]]:
    """Serve until the block is left; gives the VISA resource and the second port.

    Port 0 takes a free one. Time runs `speed` times as fast as the event loop's clock, whether
    anybody is connected or not. Raises OSError when an address is taken.
    """
    start, began = begin_at(firmware), asyncio.get_running_loop().time()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(Pace(firmware, speed, start, began).close)
        taken = []
        for peer, wanted in ((firmware, port), (firmware.binary, bin_port)):
            door = _Door(peer, speed, start, began)
            server = await asyncio.start_server(door.accept, host, wanted)
            stack.push_async_callback(_close, server, door)
            taken.append(int(server.sockets[0].getsockname()[1]))
        yield f"TCPIP::{host}::{taken[0]}::SOCKET", taken[1]


async def _close(server: asyncio.Server, door: _Door) -> None:
    server.close()
    for task in tuple(door.tasks):
        task.cancel()
    await asyncio.gather(*door.tasks, return_exceptions=True)
    await server.wait_closed()
