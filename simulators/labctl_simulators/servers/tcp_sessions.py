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
from labctl_simulators.servers.listening import Converse, listening
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
    times = speed, begin_at(firmware), asyncio.get_running_loop().time()

    def conversing(peer: Sessions) -> Converse:
        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            """A pace for each connection, on the time of all."""
            pace = Pace(peer.session(), *times)
            pace.attach(writer.write, lambda: reset(writer))
            try:
                while data := await reader.read(CHUNK):
                    pace.receive(data)
            except ConnectionError:
                pass  # a reset is one of the ways in which clients leave
            finally:
                pace.close()
                writer.close()

        return converse

    with contextlib.closing(Pace(firmware, *times)):
        async with (
            listening(conversing(firmware), host, port) as first,
            listening(conversing(firmware.binary), host, bin_port) as second,
        ):
            yield f"TCPIP::{host}::{first}::SOCKET", second
