"""A simulated instrument on a raw TCP socket, as instruments serve on port 5025.

One connection at a time, as instruments.md §0 asks clients to keep: another that comes while
one is open is closed at once, after a moment's grace for the first to finish closing.
"""

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import AsyncIterator

from labctl_simulators.ports import Firmware
from labctl_simulators.servers.pace import Pace, begin_at

CHUNK = 4096
GRACE_S = 0.2


class _Port:
    """The one connection of a raw socket."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._taken = asyncio.Lock()
        self.tasks: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A client has connected."""
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(GRACE_S):
                await self._taken.acquire()
        except TimeoutError:
            writer.close()
            return
        self._pace.attach(writer.write, lambda: reset(writer))
        try:
            while data := await reader.read(CHUNK):
                self._pace.receive(data)
        except ConnectionError:
            pass  # a reset is one of the ways in which clients leave
        finally:
            self._pace.attach(None)
            self._taken.release()
            writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """Break the connection at once, so that the client is told of a reset and not of an end."""
    at_once = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    writer.transport.abort()


@contextlib.asynccontextmanager
async def serve_tcp(
    firmware: Firmware, host: str = "127.0.0.1", port: int = 0, speed: float = 1.0
) -> AsyncIterator[str]:
    """Serve until the block is left; gives the VISA resource. Port 0 takes a free one.

    Instrument and cell time runs `speed` times as fast as the event loop's clock. Raises OSError
    when the address is taken.
    """
    pace = Pace(firmware, speed, begin_at(firmware))
    door = _Port(pace)
    try:
        server = await asyncio.start_server(door.accept, host, port)
        try:
            taken = server.sockets[0].getsockname()[1]
            yield f"TCPIP::{host}::{taken}::SOCKET"
        finally:
            server.close()
            for task in tuple(door.tasks):
                task.cancel()
            await asyncio.gather(*door.tasks, return_exceptions=True)
            await server.wait_closed()
    finally:
        pace.close()
