"""The contract for drivers whose instrument executes a step by itself and streams what it measures.

Broken lines, cancellation and silence at every point, in memory and in virtual time; the
instrument's replies are judged by Ohm's law and by its own relay.
"""

import asyncio
from importlib.metadata import entry_points
from typing import Any

import pytest
from drivers_under_test import SCRIPTED
from stand_ins import FAULTS, OHMS, Battery, Fault, Replies

from labctl_drivers.errors import InstrumentError, OutOfRange, OutputUnknown, WrongInstrument
from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.vocabulary import Guard, Reading, Setpoint
from labctl_simulators.terminals import Terminals

pytestmark = pytest.mark.virtual_time
OTHERS = b"e\nset_pgstat_chan 0\nset_pgstat_mode 3\nset_e 400m\ncell_on\nwait 1000\ncell_off\n\n"
"""Somebody else's script, with the cell on."""
GUARD = Guard(-0.5, 1.5, 3e-3)
EMF_V = 0.3
SETPOINTS = {
    "rest": Setpoint("rest"),
    "discharge": Setpoint("current", -0.5e-3),
    "discharge more": Setpoint("current", -2.5e-3),
    "charge to 1 V": Setpoint("current", 2e-3, 1.0),
    "charge a little": Setpoint("current", 20e-6, 1.0),
    "charge, hold": Setpoint("current", 0.1e-3, 1.0, hold_at_stop=True),
    "hold 0.2 V": Setpoint("voltage", 2e-3, 0.2),
    "hold 0.01 V": Setpoint("voltage", 3e-3, 0.01),
}
STEPS = {
    True: ["rest", "discharge", "charge to 1 V", "rest", "charge, hold"],
    False: ["rest", "hold 0.2 V", "rest", "hold 0.01 V"],
}
"""By whether it is a galvanostat."""
EVERY = {"emstat4": 29, "emstat-pico": 37, "nexus": 61}
"""Only every so manieth place is tried: the scripts are nearly the same."""


class Wire:
    """The instrument behind a wire on which the `k`th reply, counted from 0, suffers `fault`."""

    def __init__(self, firmware: Any, fault: Fault | None, k: int) -> None:
        self.firmware = firmware
        self.fault = fault
        self.k = k
        self.silent_from: int | None = None
        self.replies = 0
        self.written: list[bytes] = []

    def feed(self, data: bytes, now: float) -> Replies:
        if data:
            self.written.append(data)
        return [part for reply in self.firmware.feed(data, now) for part in self._carried(*reply)]

    def _carried(self, when: float, reply: bytes) -> Replies:
        self.replies += 1
        if self.silent_from is not None and self.replies > self.silent_from:
            return []
        if self.fault is None or self.replies - 1 != self.k:
            return [(when, reply)]
        return self.fault(when, reply)

    @property
    def wake_at(self) -> float | None:
        return getattr(self.firmware, "wake_at", None)

    def is_on(self) -> bool:
        """Truly: whether anything but the cell is at the terminals."""
        self.firmware.feed(b"", asyncio.get_running_loop().time())
        on: bool = self.firmware.output_on
        return on or self.firmware.terminals.source.kind != "open"


def made(name: str, fault: Fault | None = None, k: int = -1, **options: Any) -> tuple[Wire, Any]:
    (driver,) = entry_points(group="labctl.drivers", name=name)
    (simulate,) = entry_points(group="labctl.simulators", name=name)
    wire = Wire(simulate.load()(Terminals(Battery(EMF_V)), instrument_error=0), fault, k)
    return wire, driver.load()(Link(MemoryTransport(wire)), **options)


def possible(channel: Any) -> list[str]:
    return [name for name, each in SETPOINTS.items() if each.mode in channel.ratings.modes]


def check_true(setpoint: Setpoint, reading: Reading) -> None:
    """Against Ohm's law and the setpoint, not against the simulator."""
    current = 0.0 if setpoint.mode == "rest" else setpoint.current_A
    if setpoint.mode == "voltage":
        assert setpoint.stop_voltage_V is not None
        current = (setpoint.stop_voltage_V - EMF_V) / OHMS
    assert reading.current_A == pytest.approx(current, abs=3e-6 + 1e-3 * abs(current))
    assert reading.voltage_V == pytest.approx(EMF_V + OHMS * current, abs=1e-3)


async def drive(channel: Any, readings: list[tuple[Setpoint, Reading]]) -> None:
    await channel.open()
    for name in STEPS["current" in channel.ratings.modes]:
        await channel.apply(SETPOINTS[name], GUARD)
        for _ in range(2):
            readings.append((SETPOINTS[name], await channel.read()))


@pytest.mark.parametrize("name", SCRIPTED)
async def test_opening_says_who_is_there_and_drives_nothing(name: str) -> None:
    wire, channel = made(name)
    opened = await channel.open()
    assert opened.identity.model == SCRIPTED[name][0]
    assert opened.identity.serial
    assert not opened.output_was_on
    assert not wire.is_on()
    assert not [line for line in wire.written if b"cell_on" in line]
    await channel.close()


@pytest.mark.parametrize("name", SCRIPTED)
async def test_another_kind_is_refused_and_left_alone(name: str) -> None:
    wire, channel = made(name)
    own, wire.fault = SCRIPTED[name][1], lambda when, reply: [(when, reply.replace(own, b"espbl0"))]
    wire.k = 0
    with pytest.raises(WrongInstrument):
        await channel.open()
    with pytest.raises(InstrumentError):
        await channel.apply(SETPOINTS["rest"], GUARD)
    assert wire.written == [b"t\n"]
    await channel.close()


@pytest.mark.parametrize("name", SCRIPTED)
async def test_another_serial_is_refused_and_left_alone(name: str) -> None:
    wire, channel = made(name, serial="1234567")
    with pytest.raises(WrongInstrument):
        await channel.open()
    with pytest.raises(InstrumentError):
        await channel.apply(SETPOINTS["rest"], GUARD)
    with pytest.raises(OutputUnknown):
        await channel.safe()
    assert set(wire.written) == {b"t\n", b"v\n", b"i\n"}
    await channel.close()


@pytest.mark.parametrize("name", SCRIPTED)
async def test_an_output_found_on_is_told_and_not_disturbed(name: str) -> None:
    wire, channel = made(name)
    wire.firmware.feed(OTHERS, 0.0)
    await asyncio.sleep(1.0)
    assert (await channel.open()).output_was_on
    assert wire.is_on()
    assert wire.firmware.terminals.source.level == pytest.approx(0.4, abs=1e-3)
    await channel.safe()
    assert not wire.is_on()
    await channel.close()


@pytest.mark.parametrize("name", SCRIPTED)
async def test_what_is_applied_is_read_after_anything_else(name: str) -> None:
    _, channel = made(name)
    await channel.open()
    able = possible(channel)
    assert len(able) >= 3
    for each in (*able, *reversed(able), *able[::2], *able[1::2]):
        before_s = asyncio.get_running_loop().time()
        changed = await channel.apply(SETPOINTS[each], GUARD)
        assert before_s <= changed.time_s - changed.time_error_s + 1e-9
        reading = await channel.read()
        check_true(SETPOINTS[each], reading)
        assert reading.time_s > changed.time_s
        holds = SETPOINTS[each].mode == "voltage"
        assert reading.regulating == ("voltage" if holds else "current")
    assert await channel.limits_read_back()
    await channel.safe()
    await channel.close()


@pytest.mark.parametrize("name", SCRIPTED)
async def test_safe_from_anywhere_and_again(name: str) -> None:
    wire, channel = made(name)
    await channel.safe()  # not opened yet
    assert not wire.is_on()
    await channel.open()
    for each in possible(channel):
        await channel.apply(SETPOINTS[each], GUARD)
        for _ in range(2):
            await channel.safe()
            assert not wire.is_on()
            with pytest.raises(InstrumentError):
                await channel.read()
    await channel.close()


@pytest.mark.parametrize("name", SCRIPTED)
@pytest.mark.parametrize(
    ("setpoint", "guard"),
    [
        (Setpoint("current", 10e-3), GUARD),
        (Setpoint("current", 2e-3, 1.6), GUARD),
        (Setpoint("current", 0.0), GUARD),
        (Setpoint("current", float("nan")), GUARD),
        (Setpoint("current", 1e-3, float("inf")), GUARD),
        (Setpoint("voltage", 1e-3), GUARD),
        (Setpoint("voltage", 1e-3, -0.6), GUARD),
        (Setpoint("sweep", 1e-3), GUARD),
        (Setpoint("current", 2.0), Guard(-0.5, 1.5, 3.0)),
        (Setpoint("rest"), Guard(1.0, -1.0, 1e-3)),
        (Setpoint("rest"), Guard(-1e4, 1e4, 1e-3)),
    ],
)
async def test_what_cannot_be_done_is_refused_before_anything_is_sent(
    name: str, setpoint: Setpoint, guard: Guard
) -> None:
    wire, channel = made(name)
    await channel.open()
    await channel.apply(SETPOINTS["hold 0.2 V"], GUARD)
    seen = len(wire.written)
    with pytest.raises(OutOfRange):
        await channel.apply(setpoint, guard)
    assert wire.written[seen:] == []
    check_true(SETPOINTS["hold 0.2 V"], await channel.read())
    await channel.safe()
    await channel.close()


async def replies_of_a_whole_run(name: str) -> int:
    wire, channel = made(name)
    await drive(channel, [])
    await channel.close()
    return wire.replies


@pytest.mark.campaign
@pytest.mark.parametrize("name", SCRIPTED)
@pytest.mark.parametrize("fault", FAULTS)
async def test_any_reply_broken_on_the_wire(name: str, fault: str) -> None:
    first = list(FAULTS).index(fault) % EVERY[name]
    for k in range(first, await replies_of_a_whole_run(name), EVERY[name]):
        wire, channel = made(name, FAULTS[fault], k)
        readings: list[tuple[Setpoint, Reading]] = []
        try:
            await drive(channel, readings)
        except InstrumentError:
            pass
        for entry in readings:
            check_true(*entry)
        await channel.safe()
        assert not wire.is_on(), k
        await channel.close()


@pytest.mark.campaign
@pytest.mark.parametrize("name", SCRIPTED)
async def test_silence_from_any_reply_on(name: str) -> None:
    # the last replies are of what is measured after the last reading
    for k in range(1, await replies_of_a_whole_run(name) - 4, 2 * EVERY[name]):
        wire, channel = made(name)
        wire.silent_from = k
        readings: list[tuple[Setpoint, Reading]] = []
        with pytest.raises(InstrumentError):
            await drive(channel, readings)
        for entry in readings:
            check_true(*entry)
        with pytest.raises(OutputUnknown):
            await channel.safe()
        # nothing is heard from it, but it hears us
        assert not wire.is_on(), k
        await channel.close()


@pytest.mark.campaign
@pytest.mark.parametrize("name", SCRIPTED)
async def test_cancelled_at_any_moment_safe_works_and_so_does_the_next_run(name: str) -> None:
    loop = asyncio.get_running_loop()
    _, channel = made(name)
    start_s = loop.time()
    await drive(channel, [])
    await channel.close()
    length_s = loop.time() - start_s
    moments = 100 // EVERY[name]
    for n in range(moments):
        wire, channel = made(name)
        running = asyncio.create_task(drive(channel, []))
        await asyncio.sleep(length_s * n / moments)
        running.cancel()
        await asyncio.wait([running])
        await channel.safe()
        assert not wire.is_on()
        readings: list[tuple[Setpoint, Reading]] = []
        await drive(channel, readings)
        for entry in readings:
            check_true(*entry)
        await channel.close()


@pytest.mark.parametrize("name", SCRIPTED)
async def test_an_output_that_goes_off_by_itself_is_noticed_at_the_next_reading(name: str) -> None:
    wire, channel = made(name)
    await drive(channel, [])
    wire.firmware.power_cycle(asyncio.get_running_loop().time())
    await asyncio.sleep(3.0)
    with pytest.raises(InstrumentError):
        await channel.read()
    await channel.safe()
    assert not wire.is_on()
    await channel.close()


@pytest.mark.parametrize("name", SCRIPTED)
async def test_times_of_readings_and_changes_never_go_back(name: str) -> None:
    wire, channel = made(name)
    await channel.open()
    times: list[float] = []
    for each in STEPS["current" in channel.ratings.modes]:
        changed = await channel.apply(SETPOINTS[each], GUARD)
        times.append(changed.time_s)
        for _ in range(2):
            reading = await channel.read()
            times.append(reading.time_s)
            assert 0 < reading.time_error_s < 0.2
    assert times == sorted(times)
    await channel.safe()
    assert not wire.is_on()
    await channel.close()
