"""How every driver switches off: tried until the instrument says so, or nobody can say (S3, S6)."""

import asyncio
from collections.abc import Awaitable, Callable

from labctl_drivers.errors import InstrumentError, OutputUnknown
from labctl_drivers.link import Link


async def read_back_off(
    attempt: Callable[[], Awaitable[str]],
    link: Link,
    *,
    attempts: int,
    within_s: float,
    what: str = "the output",
) -> None:
    """Repeat an attempt until it says that `what` was read back as off, by saying nothing.

    Anything that it says, or fails of, is why it is not known. Raises OutputUnknown after so many
    attempts, and at the latest after so many host seconds.
    """
    why = ""
    try:
        async with asyncio.timeout_at(link.deadline(within_s)):
            for _ in range(attempts):
                try:
                    why = await attempt()
                except InstrumentError as error:
                    why = f"{type(error).__name__}: {error}"
                if not why:
                    return
    except TimeoutError:
        why = f"not within {within_s:g} s{why and '; before, '}{why}"
    raise OutputUnknown(f"{what} could not be read back as off: {why}")
