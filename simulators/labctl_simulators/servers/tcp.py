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
from labctl_simulators.servers.listening import listening
from labctl_simulators.servers.pace import Pace, begin_at

CHUNK = 4096
GRACE_S = 0.2


class _Port:
    """The one connection of a raw socket."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._taken = asyncio.Lock()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Converse with a client."""
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
    with contextlib.closing(pace):
        async with listening(_Port(pace).serve, host, port) as taken:
            yield f"TCPIP::{host}::{taken}::SOCKET"
