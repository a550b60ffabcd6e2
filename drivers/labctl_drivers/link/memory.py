"""A link inside the process, to a peer that speaks bytes: what simulated benches run on."""

import asyncio
import heapq
from itertools import count
from typing import Protocol

from labctl_drivers.errors import LinkLost
from labctl_drivers.link.transport import Inbox, Pace

Coming = tuple[float, int, bytes]
"""When a reply is due, its number, and the reply."""


class Peer(Protocol):
    """The other end: bytes in, timed bytes out, on the loop's clock.

    A peer that says something by itself has `.wake_at`: when to ask it for that, with no bytes.
    One that breaks the connection sets `.hang_up`, which is cleared when that is done.
    """

    def feed(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        """Take bytes at `now`; give the replies with the times at which each is there."""


class MemoryTransport:
    """Hands bytes to a peer and delivers its replies when they are due. No time passes in it."""

    pace = Pace()
    ends_on_cr = False
    reconnects = False

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._inbox: Inbox | None = None
        self._coming: list[Coming] = []
        self._numbers = count()
        self._waking: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Begin to deliver."""
        self._inbox, self._coming = Inbox(), []

    async def write(self, data: bytes) -> None:
        """Feed the peer."""
        self._exchange(self._opened(), data)

    def _exchange(self, inbox: Inbox, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for when, reply in self._peer.feed(data, now):
            if when <= now:
                inbox.push(reply)
            else:
                # timers of one moment go off in any order; the replies stay in theirs
                heapq.heappush(self._coming, (when, next(self._numbers), reply))
                loop.call_at(when, _deliver, self._coming, inbox)
        self._sleep()
        if getattr(self._peer, "hang_up", False):
            self._peer.hang_up = False  # type: ignore[attr-defined]  # it has one
            inbox.lose("the other end broke the connection")
            return
        wake_at: float | None = getattr(self._peer, "wake_at", None)
        if wake_at is not None:
            self._waking = loop.call_at(wake_at, self._exchange, inbox, b"")

    def _sleep(self) -> None:
        if self._waking is not None:
            self._waking.cancel()
            self._waking = None

    async def read(self, deadline: float) -> bytes:
        """The next bytes; none at the deadline."""
        return await self._opened().get(deadline)

    def take(self) -> bytes:
        """What is there."""
        return self._opened().take()

    def interrupt(self) -> None:
        """Let a read come back now."""
        self._opened().interrupt()

    def beside(self, port: int) -> "MemoryTransport":
        """To the peer's other port, whatever its number. Raises LinkLost."""
        other: Peer | None = getattr(self._peer, "binary", None)
        if other is None:
            raise LinkLost(f"the simulated instrument has no port {port} beside its first")
        return MemoryTransport(other)

    async def clear(self) -> None:
        """There is no device clear in memory."""

    async def close(self) -> None:
        """What is still under way is delivered to nobody."""
        self._sleep()
        if self._inbox is not None:
            self._inbox.lose("the link was closed")
        self._inbox = None

    def _opened(self) -> Inbox:
        if self._inbox is None:
            raise LinkLost("the link is not open")
        return self._inbox


def _deliver(coming: list[Coming], inbox: Inbox) -> None:
    inbox.push(heapq.heappop(coming)[2])
