"""A visit to what stands beside the cells: who answers, and what each of its sensors shows."""

from collections.abc import AsyncIterator, Mapping

from labctl.doctor.finding import Finding
from labctl_drivers.auxiliary import ZERO_CELSIUS_K, Auxiliary, Temperature
from labctl_drivers.errors import InstrumentError


async def look_beside(auxiliary: Auxiliary, names: Mapping[int, str]) -> AsyncIterator[Finding]:
    """Identify and read; sets nothing but what its channels measure. `names` by channel."""
    try:
        found = await auxiliary.open()
        serial = f", serial {found.serial}" if found.serial else ""
        who = f"{found.maker} {found.model}{serial}, firmware {found.firmware}"
        yield Finding("identity", "good", who)
        scanned = await auxiliary.read()
    except InstrumentError as error:
        yield Finding("answers", "bad", f"{type(error).__name__}: {error}")
        return
    for channel, value in scanned.items():
        if isinstance(value, Temperature):
            shown = f"{value.temperature_K - ZERO_CELSIUS_K:.2f} degC"
            yield Finding(names[channel], "good", shown)
        else:
            yield Finding(names[channel], "bad", str(value))
