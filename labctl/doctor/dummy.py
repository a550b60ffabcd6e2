"""A resistor in the cell's place: both directions of current, the sign, the sense leads, a limit.

Nothing is driven before the terminals have shown no voltage of their own.
"""

from collections.abc import AsyncIterator
from math import hypot

from labctl.doctor.finding import Finding
from labctl_drivers.channel import Channel
from labctl_drivers.errors import InstrumentError
from labctl_drivers.vocabulary import Guard, RangeAccuracy, Reading, Setpoint
from labctl_protocols.engine.account import accuracy_of

DEAD_V = 0.02
"""A resistor shows no more at rest; the least that any cell in use shows is a few times that."""
WANTED_V = 1.0
MOST_A = 10e-3
TOLERANCE = 0.01
"""A dummy's own tolerance: 1 % resistors are what labs have."""


async def on_resistor(channel: Channel, ohm: float) -> AsyncIterator[Finding]:
    """Drive a resistor of this nominal value both ways, then into a voltage limit."""
    ratings = channel.ratings
    current_A = min(WANTED_V / ohm, MOST_A, ratings.max_current_A)
    within_V = 2 * current_A * ohm
    low_V, high_V = max(-within_V, ratings.low_V), min(within_V, ratings.high_V)
    guard = Guard(low_V, high_V, min(2 * current_A, ratings.max_current_A))
    try:
        await channel.apply(Setpoint("rest"), guard)
        rest = await channel.read()
        if abs(rest.voltage_V) > DEAD_V or rest.regulating == "voltage":
            text = f"{rest.voltage_V:.4g} V at rest: this is no resistor, nothing was driven"
            yield Finding("dummy", "bad", text)
            return
        yield Finding("dummy", "good", f"{rest.voltage_V:.2g} V at rest: no cell is there")
        for word, sign in (("source", 1), ("sink", -1)):
            yield await _driven(channel, word, sign * current_A, ohm, guard)
        if "current" in channel.ratings.modes:
            yield await _limited(channel, current_A, ohm)
    except InstrumentError as error:
        yield Finding("dummy", "bad", f"{type(error).__name__}: {error}")


async def _driven(
    channel: Channel, word: str, current_A: float, ohm: float, guard: Guard
) -> Finding:
    setpoint = Setpoint("current", current_A)
    if "current" not in channel.ratings.modes:
        setpoint = Setpoint("voltage", guard.max_current_A, current_A * ohm)
    await channel.apply(setpoint, guard)
    reading = await channel.read()
    if reading.current_A == 0 or reading.current_A * current_A < 0:
        text = f"{reading.current_A:+.3g} A flow, not {current_A:+.3g} A: wrong polarity"
        return Finding(word, "bad", text)
    measured = reading.voltage_V / reading.current_A
    doubt = abs(measured) * _relative_error(channel, reading)
    text = f"{measured:.6g} ± {doubt:.2g} ohm at {reading.current_A:+.4g} A"
    if abs(measured - ohm) > TOLERANCE * ohm + doubt:
        hint = "sense leads, wrong terminals, wrong resistor?"
        return Finding(word, "bad", f"{text}, not {ohm:g} ohm: {hint}")
    return Finding(word, "good", text)


async def _limited(channel: Channel, current_A: float, ohm: float) -> Finding:
    """With half the voltage that the current needs as the limit, the voltage must stop there, or
    the instrument switch off."""
    edge_V = 0.5 * current_A * ohm
    await channel.apply(Setpoint("current", current_A), Guard(-edge_V, edge_V, current_A))
    reading = await channel.read()
    volt = accuracy_of(reading.voltage_range_V, channel.ratings.voltage_ranges)
    beyond_V = reading.voltage_V - edge_V
    doubt_V = 2 * (volt.gain * edge_V + volt.offset) + TOLERANCE * edge_V
    text = f"{reading.voltage_V:.4f} V where {edge_V:.4f} V was the limit"
    if reading.ended:
        return Finding("limit", "good", f"{text}: switched off by the instrument")
    return Finding("limit", "bad" if abs(beyond_V) > doubt_V else "good", text)


def _relative_error(channel: Channel, reading: Reading) -> float:
    ratings = channel.ratings
    return hypot(
        _share(reading.voltage_V, accuracy_of(reading.voltage_range_V, ratings.voltage_ranges)),
        _share(reading.current_A, accuracy_of(reading.current_range_A, ratings.current_ranges)),
    )


def _share(value: float, accuracy: RangeAccuracy) -> float:
    return accuracy.gain + accuracy.offset / abs(value) if value else 0.0
