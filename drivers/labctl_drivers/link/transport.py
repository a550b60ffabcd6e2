"""What carries bytes: the protocol that all transports keep, and what they share."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from labctl_drivers.errors import LinkLost

MAX_PENDING = 1 << 20
"""So many bytes that nobody asked for mean that something is broken at the other end."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How host seconds turn into the loop's: `speed` of the loop's pass in one of the host's.

    Time-outs are promises about hardware and therefore in host seconds; the loop may run faster.
    """

    speed: float = 1.0

    def deadline(self, timeout_s: float) -> float:
        """The loop's time when so many host seconds will have passed."""
        return asyncio.get_running_loop().time() + timeout_s * self.speed

    def host_seconds_to(self, deadline: float) -> float:
        """Host seconds left until the loop's time is that; never negative."""
        return max(0.0, (deadline - asyncio.get_running_loop().time()) / self.speed)


class Transport(Protocol):
    """Carries bytes for one caller at a time. Every failure is a LinkLost."""

    @property
    def pace(self) -> Pace:
        """How the loop's clock goes."""

    @property
    def ends_on_cr(self) -> bool:
        """Whether a carriage return ends a reply too."""

    @property
    def reconnects(self) -> bool:
        """Whether a new connection is the remedy for one that has lost its place."""

    async def open(self) -> None:
        """Connect."""

    async def write(self, data: bytes) -> None:
        """Send all."""

    async def read(self, deadline: float) -> bytes:
        """The next bytes, as many as there are; none when the loop's time is `deadline`."""

    def take(self) -> bytes:
        """What has arrived unasked, without waiting."""

    def interrupt(self) -> None:
        """Let a `read` that is under way come back now, with nothing; VISA's goes on to its end."""

    def beside(self, port: int) -> "Transport":
        """To another TCP port of the same instrument; not open yet. Raises LinkLost if there is
        no such thing."""
        ...

    async def clear(self) -> None:
        """Device clear, where there is one; else nothing."""

    async def close(self) -> None:
        """Disconnect; ends a `read` that is under way. Idempotent."""


class Inbox:
    """Bytes between whoever receives them and the one who waits for them, in the loop's thread."""

    __slots__ = ("_data", "_lost", "_waiter")

    def __init__(self) -> None:
        self._data = bytearray()
        self._lost: str | None = None
        self._waiter: asyncio.Future[None] | None = None

    def push(self, data: bytes) -> None:
        """Bytes have arrived."""
        self._data += data
        if len(self._data) > MAX_PENDING:
            self._data.clear()
            self.lose("the other end sends without end")
        self._wake()

    def lose(self, why: str) -> None:
        """No more will come."""
        if self._lost is None:
            self._lost = why
        self._wake()

    def interrupt(self) -> None:
        """Let whoever waits come back with nothing."""
        self._wake()

    def take(self) -> bytes:
        """All that is there."""
        data = bytes(self._data)
        self._data.clear()
        return data

    async def get(self, deadline: float) -> bytes:
        """Wait for bytes until the deadline, then none. Raises LinkLost when none will come."""
        if not self._data and self._lost is None:
            loop = asyncio.get_running_loop()
            waiter = self._waiter = loop.create_future()
            timer = loop.call_at(deadline, self._wake)
            try:
                await waiter
            finally:
                timer.cancel()
                self._waiter = None
        if not self._data and self._lost is not None:
            raise LinkLost(self._lost)
        return self.take()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
