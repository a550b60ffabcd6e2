"""Where a row's wall clock comes from: counted in virtual time, read from the host otherwise.

Timing never uses it. Each row carries both its test time and the wall clock at that moment, so
that a stepped clock shows as a jump between the two.
"""

import time
from collections.abc import Callable

Wall = Callable[[float], float]
"""The wall clock (UTC, s) at a test time that is now or was a moment ago."""

STEP_S = 1.0
"""A jump of the wall clock against test time from which on it is told as a step."""
CLOCK_STEP = "clock_step_s"
"""Stands in the note of such a step: the one event that the journal tells, not the engine."""


def virtual_wall(start_unix: float) -> Wall:
    """The clock of a run in virtual time: the start plus the test time."""
    return lambda t_s: start_unix + t_s


def host_wall(monotonic: Callable[[], float], origin_s: float) -> Wall:
    """The host's clock at the moment of a reading.

    `monotonic` is the clock of the run's timing (the event loop's), `origin_s` what it showed at
    test time 0; the time from the reading until now is taken off.
    """
    return lambda t_s: time.time() - (monotonic() - origin_s - t_s)
