"""The one way out of every run: output off and read back, or an alarm that it is unknown (S6)."""

import asyncio

from labctl_drivers.channel import Channel
from labctl_drivers.errors import InstrumentError
from labctl_protocols.decisions import Safed, Unsafe

ATTEMPTS = 5
PAUSE_S = 0.5


async def make_safe(channel: Channel) -> Safed | Unsafe:
    """Switch the output off whatever else happens; cancelling the caller does not stop it.

    Repeated until the instrument says that it is off, or given up as unknown.
    """
    task = asyncio.ensure_future(_until_read_back(channel))
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            cancelled = True
    if cancelled:
        # the canceller waits for this task to end, and it now ends safely
        current = asyncio.current_task()
        if current is not None:
            current.uncancel()
    return task.result()


async def _until_read_back(channel: Channel) -> Safed | Unsafe:
    loop = asyncio.get_running_loop()
    why = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            await asyncio.sleep(PAUSE_S)
        try:
            await channel.safe()
        except InstrumentError as error:
            why = f"{type(error).__name__}: {error}"
        except Exception as error:
            why = f"bug in the driver, {type(error).__name__}: {error}"
        else:
            return Safed(loop.time())
    return Unsafe(loop.time(), f"output state UNKNOWN after {ATTEMPTS} attempts: {why}")
