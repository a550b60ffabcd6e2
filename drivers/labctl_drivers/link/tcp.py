"""A link over a raw TCP socket, as instruments offer it on port 5025."""

import asyncio
import socket

from labctl_drivers.errors import LinkLost
from labctl_drivers.link.transport import Inbox, Pace

OPEN_TIMEOUT_S = 2.0
MAX_UNSENT = 1 << 16
ONE_AT_A_TIME = "is another program connected? Many instruments take one connection at a time"


class _Receiver(asyncio.Protocol):
    """One connection: what it receives goes into its own inbox and no other."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self._heard = False

    def data_received(self, data: bytes) -> None:
        """Bytes have arrived."""
        self._heard = True
        self.inbox.push(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended, by either side."""
        why = f"the connection has ended: {exc or 'closed by the other end'}"
        self.inbox.lose(why if self._heard else f"{why} ({ONE_AT_A_TIME})")


class TcpTransport:
    """A TCP connection. When replies have lost their place, a new connection is the remedy."""

    ends_on_cr = False
    reconnects = True

    def __init__(self, host: str, port: int, *, pace: Pace | None = None) -> None:
        self.pace = Pace() if pace is None else pace
        self._host = host
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._receiver = _Receiver()

    async def open(self) -> None:
        """Connect. Raises LinkLost."""
        loop = asyncio.get_running_loop()
        where = f"{self._host}:{self._port}"
        try:
            async with asyncio.timeout_at(self.pace.deadline(OPEN_TIMEOUT_S)):
                self._transport, self._receiver = await loop.create_connection(
                    _Receiver, self._host, self._port
                )
        except (OSError, TimeoutError) as error:
            raise LinkLost(f"cannot connect to {where}: {error or 'no answer'}") from error
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    async def write(self, data: bytes) -> None:
        """Send. Raises LinkLost when the other end takes nothing any more."""
        if self._transport is None or self._transport.is_closing():
            raise LinkLost("the connection has ended")
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            raise LinkLost("the other end takes no more bytes")

    async def read(self, deadline: float) -> bytes:
        """The next bytes; none at the deadline."""
        return await self._receiver.inbox.get(deadline)

    def take(self) -> bytes:
        """What is there."""
        return self._receiver.inbox.take()

    def interrupt(self) -> None:
        """Let a read come back now."""
        self._receiver.inbox.interrupt()

    def beside(self, port: int) -> "TcpTransport":
        """To another port of the same host."""
        return TcpTransport(self._host, port, pace=self.pace)

    async def clear(self) -> None:
        """A raw socket has no device clear."""

    async def close(self) -> None:
        """Disconnect at once."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
            # let the loop close the socket now, not at some later time
            await asyncio.sleep(0)
