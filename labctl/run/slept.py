"""Whether the program was blind for a while: the host suspended, or the process stopped (S10).

The cell goes on meanwhile, so that such a gap is a fault and not a long pause.
"""

import time
from collections.abc import Callable
from typing import Any

GAP_S = 5.0
"""Host seconds by which a reading may be late."""
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
    """Compares when something came with when it was due, on a loop of this speed.

    A loop in virtual time (`speed` None) is never late.
    """

    def __init__(self, speed: float | None, suspended: Callable[[], float] = suspended_s) -> None:
        self._speed = speed
        self._suspended = suspended
        self._suspended_s = 0.0 if speed is None else suspended()

    def host_gap_s(self, due_s: float, came_s: float, period_s: float = 0.0) -> float | None:
        """For how long (host s) nobody looked; None when all was in time. Arguments on the loop."""
        if self._speed is None:
            return None
        before, self._suspended_s = self._suspended_s, self._suspended()
        asleep_s = self._suspended_s - before
        if asleep_s > SUSPENDED_S:
            return asleep_s
        late_s = came_s - due_s
        if late_s > PERIODS * period_s and late_s > GAP_S * self._speed:
            return late_s / self._speed
        return None
