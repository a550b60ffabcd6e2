"""Whether the program was blind for a while: the host suspended, or the process stopped (S10).

The cell goes on meanwhile, so that such a gap is a fault and not a long pause. An instrument that
takes its time is none: what its driver waits for, it has promised to wait for.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

BEAT_S = 0.5
"""Host seconds between two signs that the event loop turns."""
GAP_S = 5.0
"""Host seconds for which it may stand still."""
PERIODS = 3.0
"""So many sampling periods, if they are longer."""
SUSPENDED_S = 1.0
"""A suspend of the host is a fault from here on, whatever the sampling period."""


def suspended_s() -> float:
    """Host seconds spent in suspend since the host started; 0 where nobody counts them.

    Linux counts them; on Windows the monotonic clock itself goes on, so that a reading is late.
    """
    clocks: Any = time
    boottime = getattr(clocks, "CLOCK_BOOTTIME", None)
    if boottime is None:
        return 0.0
    return float(clocks.clock_gettime(boottime) - clocks.clock_gettime(clocks.CLOCK_MONOTONIC))


class SleepWatch:
    """Knows for how long an event loop of this speed stood still.

    A loop in virtual time (`speed` None) never does.
    """

    def __init__(self, speed: float | None, suspended: Callable[[], float] = suspended_s) -> None:
        self._speed = speed
        self._suspended = suspended
        self._suspended_s = 0.0 if speed is None else suspended()
        self._turned_s = float("inf")
        self._longest_s = 0.0

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        """While inside, the loop shows that it turns."""
        speed = self._speed
        if speed is None:
            yield
            return
        beat = asyncio.create_task(self._beat(BEAT_S * speed), name="heart beat")
        try:
            yield
        finally:
            beat.cancel()

    async def _beat(self, every_s: float) -> None:
        while True:
            self.turned(asyncio.get_running_loop().time())
            await asyncio.sleep(every_s)

    def turned(self, now_s: float) -> None:
        """The loop turns at this time of its."""
        self._longest_s = max(self._longest_s, now_s - self._turned_s)
        self._turned_s = now_s

    def host_gap_s(self, now_s: float, period_s: float = 0.0) -> float | None:
        """For how long (host s) it stood still since this was asked; None when that was nothing.

        Times on the loop; `period_s` is how often the cell was to be looked at.
        """
        if self._speed is None:
            return None
        before, self._suspended_s = self._suspended_s, self._suspended()
        asleep_s = self._suspended_s - before
        self.turned(now_s)
        stood_s, self._longest_s = self._longest_s, 0.0
        if asleep_s > SUSPENDED_S:
            return asleep_s
        if stood_s > PERIODS * period_s and stood_s > GAP_S * self._speed:
            return stood_s / self._speed
        return None
