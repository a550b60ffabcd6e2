"""Looking at a channel as it is: who answers, its output, the cell at rest, its limits."""

from collections.abc import AsyncIterator

from labctl.doctor.finding import Finding, State
from labctl_drivers.channel import Channel
from labctl_drivers.errors import InstrumentError
from labctl_drivers.vocabulary import Guard, Opened, Reading, Setpoint
from labctl_protocols.cell_record import CellRecord
from labctl_protocols.engine.detect.contact import nothing_there, reversed_cell

READINGS = 3
ANY_CELL_V = 6.0
STEADY_V = 0.05
"""Readings of a cell at rest that differ by more come from a contact that comes and goes."""


async def opened(channel: Channel) -> AsyncIterator[Finding | Opened]:
    """Identify, and look at output and error queue; the identity comes only if all may go on."""
    try:
        found = await channel.open()
    except InstrumentError as error:
        yield Finding("identity", "bad", f"{type(error).__name__}: {error}")
        return
    who = found.identity
    yield Finding(
        "identity", "good", f"{who.maker} {who.model}, serial {who.serial}, firmware {who.firmware}"
    )
    queue = "; ".join(found.errors)
    yield Finding("error queue", "odd" if queue else "good", queue or "empty")
    if found.output_was_on:
        text = "the output is on: switch it off by hand, nothing was changed"
        yield Finding("output", "bad", text)
        return
    yield found


async def switched_off(channel: Channel) -> Finding:
    """Whether the output goes off, and the instrument says so."""
    try:
        await channel.safe()
    except InstrumentError as error:
        return Finding("off state", "bad", f"{type(error).__name__}: {error}")
    return Finding("off state", "good", "off, high impedance, read back")


async def at_rest(channel: Channel, cell: CellRecord | None) -> AsyncIterator[Finding]:
    """The cell at 0 A, against its record; the limits that the instrument holds meanwhile."""
    try:
        await channel.apply(Setpoint("rest"), guard_of(channel, cell))
        readings = [await channel.read() for _ in range(READINGS)]
        held = await channel.limits_read_back()
    except InstrumentError as error:
        yield Finding("cell at rest", "bad", f"{type(error).__name__}: {error}")
        return
    yield _voltage(readings, cell)
    shown = ", ".join(f"{name} {value:.6g}" for name, value in held.items())
    yield Finding("limits", "good" if held else "odd", shown or "none can be read back")


def guard_of(channel: Channel, cell: CellRecord | None) -> Guard:
    """The cell's own limits, else voltages that hold any single cell, within what the instrument
    can do; nothing is driven to them.
    """
    ratings = channel.ratings
    limits = None if cell is None else cell.limits
    low_V = -ANY_CELL_V if limits is None or limits.low_V is None else limits.low_V
    high_V = ANY_CELL_V if limits is None or limits.high_V is None else limits.high_V
    return Guard(
        low_V=max(low_V, ratings.low_V),
        high_V=min(high_V, ratings.high_V),
        max_current_A=ratings.max_current_A,
    )


def _voltage(readings: list[Reading], cell: CellRecord | None) -> Finding:
    last = readings[-1]
    voltages = [reading.voltage_V for reading in readings]
    seen = f"{last.voltage_V:.4f} V at {last.current_A:.2g} A"
    if nothing_there(last):
        return Finding("cell at rest", "bad", f"nothing is connected: {seen}")
    if max(voltages) - min(voltages) > STEADY_V:
        return Finding("cell at rest", "bad", f"a contact comes and goes: {voltages} V")
    if cell is None:
        return Finding("cell at rest", "odd", f"{seen}; without --cell nobody knows what is right")
    wrong = reversed_cell(last, cell.kind, cell.limits)
    if wrong is not None:
        return Finding("cell at rest", "bad", wrong)
    high_V, low_V = cell.limits.high_V, cell.limits.low_V
    if high_V is not None and last.voltage_V > high_V:
        # a fresh half cell stands above where it may be driven
        state: State = "odd" if cell.kind in ("half", "symmetric") else "bad"
        return Finding("cell at rest", state, f"{seen}, above the record's {high_V:g} V")
    if low_V is not None and last.voltage_V < low_V:
        return Finding("cell at rest", "odd", f"{seen}, below the record's {low_V:g} V")
    return Finding("cell at rest", "good", f"{seen}, inside the record's limits")
