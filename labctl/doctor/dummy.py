"""A resistor in the cell's place: both directions of current, the sign, the sense leads, a limit.

Nothing is driven before the terminals have shown no voltage of their own. A symmetric cell shows
none either: so the first looks are small, each no further than the one before allows, and the
next comes only if this one has shown the nominal resistance, and steadily.
"""

import asyncio
from collections.abc import AsyncIterator
from math import hypot

from labctl.doctor.finding import Finding
from labctl_drivers.channel import Channel
from labctl_drivers.errors import InstrumentError, OutOfRange
from labctl_drivers.vocabulary import Guard, RangeAccuracy, Reading, Setpoint
from labctl_protocols.engine.account import accuracy_of

DEAD_V = 0.02
"""A resistor shows no more at rest; any full cell in use shows a few times that."""
WANTED_V = 1.0
MOST_A = 10e-3
LOOKS = (1 / 64, 1 / 16, 1 / 4)
"""Parts of the full current. A cell's electrodes leave Ohm's law between two of them."""
LOOK_V = 0.01
"""What is driven in full no further than a few times this needs no look before."""
STEADY_S = 1.0
TELLING = 0.2
"""A look with more doubt than this part of the resistance tells nothing."""
TOLERANCE = 0.01
"""A dummy's own tolerance: 1 % resistors are what labs have."""


async def on_resistor(channel: Channel, ohm: float) -> AsyncIterator[Finding]:
    """Drive a resistor of this nominal value both ways, then into a voltage limit."""
    current_A = min(WANTED_V / ohm, MOST_A, channel.ratings.max_current_A)
    try:
        await channel.apply(Setpoint("rest"), _guard(channel, current_A, ohm))
        rest = await channel.read()
        if abs(rest.voltage_V) > DEAD_V or rest.regulating == "voltage":
            text = f"{rest.voltage_V:.4g} V at rest: this is no resistor, nothing was driven"
            yield Finding("dummy", "bad", text)
            return
        wrong = await _looked(channel, current_A, ohm)
        if wrong is not None:
            yield wrong
            return
        yield Finding("dummy", "good", f"{rest.voltage_V:.2g} V at rest: no cell is there")
        for word, sign in (("source", 1), ("sink", -1)):
            drive_A = sign * current_A
            reading = await _driven(channel, drive_A, ohm)
            driven = _judged(channel, word, reading, drive_A, ohm)
            yield driven
            if driven.state == "bad":
                return
        if "current" in channel.ratings.modes:
            yield await _limited(channel, current_A, ohm)
    except InstrumentError as error:
        yield Finding("dummy", "bad", f"{type(error).__name__}: {error}")


async def _looked(channel: Channel, full_A: float, ohm: float) -> Finding | None:
    """What was seen of something else than this resistor; None if nothing was."""
    looks = [part * full_A for part in LOOKS if part * full_A * ohm >= LOOK_V]
    told = not looks
    for look_A in looks:
        try:
            readings = [await _driven(channel, look_A, ohm)]
        except OutOfRange:
            # less than the instrument can
            continue
        await asyncio.sleep(STEADY_S)
        readings.append(await channel.read())
        doubt_V = max(_error_V(channel, reading, ohm) for reading in readings)
        if doubt_V > TELLING * look_A * ohm:
            continue
        told = True
        for reading in readings:
            found = _judged(channel, "source", reading, look_A, ohm)
            if found.state == "bad":
                text = f"{found.text} No more than {look_A * ohm:.2g} V was driven."
                return Finding(found.check, "bad", text)
    if told:
        return None
    text = f"this instrument cannot tell {ohm:g} ohm from a cell at a small current: take a larger"
    return Finding("dummy", "bad", f"{text} resistor")


def _guard(channel: Channel, current_A: float, ohm: float) -> Guard:
    ratings = channel.ratings
    most_V = 2 * abs(current_A) * ohm
    low_V, high_V = max(-most_V, ratings.low_V), min(most_V, ratings.high_V)
    return Guard(low_V, high_V, min(2 * abs(current_A), ratings.max_current_A))


async def _driven(channel: Channel, current_A: float, ohm: float) -> Reading:
    guard = _guard(channel, current_A, ohm)
    setpoint = Setpoint("current", current_A)
    if "current" not in channel.ratings.modes:
        setpoint = Setpoint("voltage", guard.max_current_A, current_A * ohm)
    await channel.apply(setpoint, guard)
    return await channel.read()


def _judged(channel: Channel, word: str, reading: Reading, driven_A: float, ohm: float) -> Finding:
    current_A = reading.current_A
    if current_A * driven_A <= 0:
        text = f"{current_A:+.3g} A flow, not {driven_A:+.3g} A: wrong polarity, nothing connected?"
        return Finding(word, "bad", text)
    error_V = _error_V(channel, reading, ohm)
    measured, doubt = reading.voltage_V / current_A, error_V / abs(current_A)
    text = f"{measured:.6g} ± {doubt:.2g} ohm at {current_A:+.4g} A"
    if abs(measured - ohm) > TOLERANCE * ohm + doubt:
        hint = "sense leads, wrong terminals, wrong resistor, a cell?"
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


def _error_V(channel: Channel, reading: Reading, ohm: float) -> float:
    """How far voltage and current together may be off, as a voltage at the resistor."""
    ratings = channel.ratings
    volt = accuracy_of(reading.voltage_range_V, ratings.voltage_ranges)
    ampere = accuracy_of(reading.current_range_A, ratings.current_ranges)
    return hypot(_error(volt, reading.voltage_V), ohm * _error(ampere, reading.current_A))


def _error(accuracy: RangeAccuracy, value: float) -> float:
    return accuracy.gain * abs(value) + accuracy.offset
