"""A visit to one channel: everything that is checked there, in order; it ends switched off."""

from collections.abc import AsyncGenerator

from labctl.doctor import dummy, looking
from labctl.doctor.finding import Finding
from labctl.run.safe import make_safe
from labctl_drivers.channel import Channel
from labctl_drivers.errors import OutputUnknown
from labctl_drivers.vocabulary import Identity, Opened
from labctl_protocols.cell_record import CellRecord
from labctl_protocols.decisions import Unsafe


async def visit(
    channel: Channel, cell: CellRecord | None, dummy_ohm: float | None, speed: float = 1.0
) -> AsyncGenerator[Finding | Identity, None]:
    """Check the channel; its identity comes as soon as it is known. Drives nothing but a resistor.

    Once the output has been touched, the last finding says whether it is off. Raises OutputUnknown
    for that when it is broken off.
    """
    may_go_on = False
    async for found in looking.opened(channel):
        if isinstance(found, Opened):
            may_go_on = True
            yield found.identity
        else:
            yield found
    if not may_go_on:
        return
    yield await looking.switched_off(channel)
    checks = (
        looking.at_rest(channel, cell)
        if dummy_ohm is None
        else dummy.on_resistor(channel, dummy_ohm)
    )
    whole = False
    try:
        async for finding in checks:
            yield finding
        whole = True
    finally:
        off = await make_safe([channel], speed)
        if isinstance(off, Unsafe) and not whole:
            # nobody takes a finding any more
            raise OutputUnknown(off.text)
    if isinstance(off, Unsafe):
        yield Finding("left off", "bad", off.text)
    else:
        yield Finding("left off", "good", "off, high impedance, read back")
