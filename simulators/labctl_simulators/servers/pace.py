"""A firmware kept in step with the event loop's clock, its replies sent when they are due."""

import asyncio
from collections import deque
from collections.abc import Callable

from labctl_simulators.ports import Firmware

TICK_S = 0.1


class Pace:
    """Feeds a firmware and lets its time pass, `speed` times as fast as the loop's.

    Time passes at least every 0.1 s of the loop, whether anybody talks or not. Replies leave in
    order; those that the firmware has taken back (`generation`, where it has one) do not leave.
    A firmware that breaks the connection sets `hang_up`: what was due is then lost.
    The instrument's time was `start` at `began` of the loop's, which is now unless it is given.
    """

    def __init__(
        self, firmware: Firmware, speed: float, start: float = 0.0, began: float | None = None
    ) -> None:
        self._firmware = firmware
        self._speed = speed
        self._start = start
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time() if began is None else began
        self._due: deque[tuple[float, bytes]] = deque()
        self._generation = self._present_generation()
        self._send: Callable[[bytes], None] | None = None
        self._hang_up: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ticker = self._loop.call_later(TICK_S, self._tick)

    def now(self) -> float:
        """The instrument's time."""
        return self._start + (self._loop.time() - self._began) * self._speed

    def attach(
        self,
        send: Callable[[bytes], None] | None,
        hang_up: Callable[[], None] | None = None,
    ) -> None:
        """Say where replies go; None while nobody is there. What was due to another is dropped.

        `hang_up` breaks the connection, where there is one that can be broken.
        """
        self._send, self._hang_up = send, hang_up
        self._due.clear()

    @property
    def waiting(self) -> bool:
        """Whether replies are due that have not left."""
        return bool(self._due)

    def drop(self) -> None:
        """Forget the replies that are due."""
        self._generation = self._present_generation()
        self._due.clear()

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""
        replies = self._firmware.feed(data, self.now())
        if self._present_generation() != self._generation:
            self._generation = self._present_generation()
            self._due.clear()
        self._due.extend(replies)
        if getattr(self._firmware, "hang_up", False):
            self._firmware.hang_up = False  # type: ignore[attr-defined]  # it has one
            self._due.clear()
            if self._hang_up is not None:
                self._hang_up()
        self._flush()

    def close(self) -> None:
        """Stop time and timers."""
        self._ticker.cancel()
        if self._timer is not None:
            self._timer.cancel()

    def _present_generation(self) -> int:
        return int(getattr(self._firmware, "generation", 0))

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self.now()
        while self._due and self._due[0][0] <= now:
            _, data = self._due.popleft()
            if self._send is not None:
                self._send(data)
        if self._due:
            wait_s = (self._due[0][0] - now) / self._speed
            self._timer = self._loop.call_later(wait_s, self._flush)

    def _tick(self) -> None:
        self._ticker = self._loop.call_later(TICK_S, self._tick)
        if getattr(self._firmware, "wake_at", None) is None:
            self._firmware.advance(self.now())
        else:
            self.receive(b"")


def begin_at(firmware: Firmware) -> float:
    """The time from which a firmware goes on: its cell's, when it shows one."""
    return float(getattr(getattr(firmware, "terminals", None), "now", 0.0))
