"""What scanners of temperatures have in common: options, sensors, identity, error queue."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from labctl_drivers import scpi
from labctl_drivers.auxiliary import ZERO_CELSIUS_K, Port, Temperature, checked_period
from labctl_drivers.channel import Maturity
from labctl_drivers.errors import (
    InstrumentRefused,
    InvalidReading,
    LinkTimeout,
    OutOfRange,
    WrongInstrument,
)
from labctl_drivers.link import Answer, Link
from labctl_drivers.vocabulary import Identity

TIMEOUT_S = 2.0
CHANNEL_S = 0.5
"""So long one channel may take: its relay, and a thermocouple at some line periods."""
QUEUE_DEPTH = 20
LOWEST_CHANNEL = 101

Sensor = Literal["B", "E", "J", "K", "N", "R", "S", "T"]
"""Types of thermocouples."""
SPANS_C: dict[str, tuple[float, float]] = {
    "B": (0.0, 1820.0),
    "E": (-270.0, 1000.0),
    "J": (-210.0, 1200.0),
    "K": (-270.0, 1372.0),
    "N": (-270.0, 1300.0),
    "R": (-50.0, 1768.0),
    "S": (-50.0, 1768.0),
    "T": (-270.0, 400.0),
}
"""Where each type is defined (IEC 60584-1), °C: nothing beyond is a temperature."""


class Scanner:
    """A scanner of thermocouples on one link; its drivers add how it is set up and scans."""

    MATURITY: Maturity = "simulated"
    PORT: Port = "auxiliary"
    SETTABLE = False
    HIGHEST_CHANNEL: int

    def __init__(
        self,
        link: Link,
        *,
        channels: Sequence[int],
        serial: str | None = None,
        sensor: Sensor = "K",
        open_detection: bool = True,
        every_s: float = 5.0,
    ) -> None:
        self.every_s = checked_period(every_s)
        self._link = link
        self._link.probe = scpi.IDENTITY_PROBE
        self._channels = checked_channels(channels, self.HIGHEST_CHANNEL)
        self._serial = serial
        self._sensor: Sensor = sensor
        self._open_detection = open_detection

    async def set_temperature(self, channel: int, temperature_K: float) -> float:
        """Refused. Raises OutOfRange."""
        raise OutOfRange("a scanner measures temperatures and sets none")

    async def close(self) -> None:
        """Give the link back."""
        await self._link.close(self)


def checked_channels(channels: Sequence[int], highest: int) -> tuple[int, ...]:
    """The channels in ascending order. Raises ValueError for none and for one that cannot be."""
    found = tuple(sorted(set(channels)))
    if not found:
        raise ValueError("no channel of it is named")
    for channel in found:
        if not LOWEST_CHANNEL <= channel <= highest:
            raise ValueError(f"its channels are {LOWEST_CHANNEL} to {highest}, not {channel}")
    return found


def channel_list(channels: Sequence[int]) -> str:
    """A channel list as SCPI writes it."""
    return f"(@{','.join(map(str, channels))})"


async def identify(
    link: Link, makers: Sequence[str], models: Sequence[str], serial: str | None
) -> Identity:
    """Who is there; from then on the link takes nobody else's answers. Raises WrongInstrument."""
    link.probe = scpi.IDENTITY_PROBE
    reply = await link.query(b"*IDN?", TIMEOUT_S)
    found = scpi.identity(reply)
    if found.model not in models or not any(each in found.maker.upper() for each in makers):
        raise WrongInstrument(
            f"{found.maker} {found.model} answers; this driver is for {', '.join(models)}"
        )
    if serial is not None and found.serial != serial:
        raise WrongInstrument(f"serial number {found.serial} answers, not {serial}")
    link.probe = replace(scpi.IDENTITY_PROBE, is_reply=lambda frame: scpi.is_same(frame, reply))
    return found


async def configure(link: Link, lines: Sequence[str]) -> None:
    """Send settings, each confirmed by an empty error queue. Raises InstrumentRefused."""
    for line in lines:
        await link.write(line.encode())
        await check_queue(link, line)


async def ask(link: Link, query: str, timeout_s: float) -> Answer:
    """A query; a refusal shows as silence and is told as what it is. Raises InstrumentRefused."""
    try:
        return await link.timed_query(query.encode(), timeout_s)
    except LinkTimeout:
        await check_queue(link, query)
        raise


async def check_queue(link: Link, after: str) -> None:
    """Empty the error queue. Raises InstrumentRefused with the first error in it."""
    first: scpi.QueueEntry | None = None
    for _ in range(QUEUE_DEPTH):
        entry = scpi.queue_entry(await link.query(b"SYST:ERR?", TIMEOUT_S))
        if entry.code == 0:
            break
        if first is None and entry.is_error:
            first = entry
    if first is not None:
        raise InstrumentRefused(first.code, first.text, after)


def temperature(
    degC: float, sensor: Sensor, time_s: float, error_s: float
) -> Temperature | InvalidReading:
    """A number in °C as a temperature, if one of these sensors can have measured it."""
    if not -scpi.SENTINEL < degC < scpi.SENTINEL:
        return InvalidReading(f"{degC:g} means overflow: an open thermocouple, or none")
    low, high = SPANS_C[sensor]
    if not low <= degC <= high:
        return InvalidReading(f"{degC:g} °C, which no thermocouple of type {sensor} measures")
    return Temperature(time_s, degC + ZERO_CELSIUS_K, error_s)
