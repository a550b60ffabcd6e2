"""The clock a run goes by: host time, scaled, or virtual; monotonic in each case (S10)."""

import asyncio

from labctl.run.request import Speed
from labctl_simulators.clock import ScaledLoop, VirtualLoop


def new_loop(speed: Speed) -> asyncio.AbstractEventLoop:
    """An event loop whose clock goes at this speed; `max` jumps to the next timer."""
    if speed == "max":
        return VirtualLoop()
    if speed == 1.0:
        return asyncio.new_event_loop()
    return ScaledLoop(speed)


def host_speed(speed: Speed) -> float | None:
    """The loop's seconds per host second; None where the two have nothing to do with each other."""
    return None if speed == "max" else speed
