"""The one way out of every run: output off and read back, or an alarm that it is unknown (S6)."""

import asyncio
from collections.abc import Sequence

from labctl_drivers.channel import Channel
from labctl_drivers.errors import InstrumentError
from labctl_drivers.vocabulary import Ratings
from labctl_protocols.decisions import Safed, Unsafe

TRY_FOR_S = 15.0
"""Host seconds in which new attempts begin: a cable put back, a switch that starts again."""
PAUSE_S = 0.5
MARGIN_S = 1.0
"""A driver that has not come back so long after its own promise is given up."""


def safe_within_s(ratings: Ratings) -> float:
    """Host seconds after which the output is off, read back, or said to be unknown."""
    return TRY_FOR_S + PAUSE_S + ratings.safe_within_s + MARGIN_S


async def make_safe(channels: Sequence[Channel], speed: float = 1.0) -> Safed | Unsafe:
    """Switch the outputs off whatever else happens; cancelling the caller does not stop it.

    Repeated until each instrument says that it is off, or given up as unknown. `speed` is the
    loop's seconds per host second.
    """
    task = asyncio.ensure_future(_all_off(channels, speed))
    while not task.done() or task.cancelled():
        if task.cancelled():
            # somebody cancelled all tasks before this one had begun
            task = asyncio.ensure_future(_all_off(channels, speed))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                # the canceller waits for this task to end, and it now ends safely
                current.uncancel()
    return task.result()


async def _all_off(channels: Sequence[Channel], speed: float) -> Safed | Unsafe:
    found = await asyncio.gather(*(_until_read_back(channel, speed) for channel in channels))
    unsafe = [off.text for off in found if isinstance(off, Unsafe)]
    time_s = max(off.time_s for off in found)
    return Unsafe(time_s, "; ".join(unsafe)) if unsafe else Safed(time_s)


async def _until_read_back(channel: Channel, speed: float) -> Safed | Unsafe:
    loop = asyncio.get_running_loop()
    last_start_s = loop.time() + TRY_FOR_S * speed
    attempts = 0
    why = ""
    while attempts == 0 or loop.time() < last_start_s:
        attempts += 1
        try:
            async with asyncio.timeout((channel.ratings.safe_within_s + MARGIN_S) * speed):
                await channel.safe()
            return Safed(loop.time())
        except InstrumentError as error:
            why = f"{type(error).__name__}: {error}"
        except (Exception, asyncio.CancelledError) as error:
            # nothing that a driver does, and nobody who is impatient, ends this
            why = f"bug in the driver, {type(error).__name__}: {error}"
        await _pause(PAUSE_S * speed)
    return Unsafe(loop.time(), f"output state UNKNOWN after {attempts} attempts: {why}")


async def _pause(seconds: float) -> None:
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        return
