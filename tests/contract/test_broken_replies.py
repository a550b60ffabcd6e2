"""Every driver against its simulated instrument with a reply broken, at every point (virtual time).

What is checked each time: a reading is the truth or there is none, and after `safe` the output is
off or said to be unknown.
"""

import asyncio
from importlib.metadata import entry_points

import pytest
from drivers_under_test import DRIVERS, FACTS
from stand_ins import FAULTS, OHMS, Battery
from test_drivers import GUARD

from labctl_drivers.errors import InstrumentError, OutputUnknown
from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.vocabulary import Setpoint
from labctl_simulators.terminals import Terminals

pytestmark = [pytest.mark.virtual_time, pytest.mark.campaign]
EMF_V = 0.3
STEPS = [
    Setpoint("rest"),
    Setpoint("current", -0.5e-3),
    Setpoint("current", 2e-3, 1.0),
    Setpoint("rest"),
    Setpoint("current", 0.1e-3, 1.0, hold_at_stop=True),
]


class Wire:
    """The twin behind a wire on which the `k`th reply, counted from 0, suffers `fault`."""

    def __init__(self, firmware, fault=None, k=-1):
        self.firmware = firmware
        self.fault = fault
        self.k = k
        self.silent_from = None
        self.replies = 0

    def feed(self, data, now):
        return [part for reply in self.firmware.feed(data, now) for part in self._carried(*reply)]

    def _carried(self, when, reply):
        self.replies += 1
        if self.silent_from is not None and self.replies > self.silent_from:
            return []
        return [(when, reply)] if self.replies - 1 != self.k else self.fault(when, reply)

    @property
    def binary(self):
        return self.firmware.binary

    def output_is_on(self):
        self.firmware.advance(asyncio.get_running_loop().time())
        return self.firmware.output_on

    @property
    def wake_at(self):
        return getattr(self.firmware, "wake_at", None)


def made(which, fault=None, k=-1):
    (driver,) = entry_points(group="labctl.drivers", name=which)
    (simulate,) = entry_points(group="labctl.simulators", name=which)
    firmware = simulate.load()(Terminals(Battery(EMF_V)), instrument_error=0)
    wire = Wire(firmware, fault, k)
    return wire, driver.load()(Link(MemoryTransport(wire)))


async def drive(smu, readings):
    await smu.open()
    for setpoint in STEPS:
        await smu.apply(setpoint, GUARD)
        for _ in range(2):
            readings.append((setpoint, await smu.read()))


def is_true(setpoint, reading):
    """Against Ohm's law and the setpoint, not against the simulator."""
    current = 0.0 if setpoint.mode == "rest" else setpoint.current_A
    return (
        abs(reading.current_A - current) < 1e-5
        and abs(reading.voltage_V - EMF_V - OHMS * current) < 3e-3
    )


EVERY = {"keithley-2400": 3, "keithley-2450": 1}
SOME = 9
"""The steps are the same for all source-measure units: others are tried at every ninth reply."""


def places(which, fault):
    """The first reply that suffers, and by how many the next; another first one for each fault."""
    step = EVERY.get(which, SOME)
    return list(FAULTS).index(fault) % step, step


async def replies_of_a_whole_run(which):
    wire, smu = made(which)
    readings = []
    await drive(smu, readings)
    await smu.close()
    assert len(readings) == 2 * len(STEPS)
    return wire.replies


@pytest.mark.parametrize("which", DRIVERS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_any_reply_broken_on_the_wire(which, fault):
    first, step = places(which, fault)
    for k in range(first, await replies_of_a_whole_run(which), step):
        wire, smu = made(which, FAULTS[fault], k)
        readings = []
        try:
            await drive(smu, readings)
        except InstrumentError:
            pass
        assert all(is_true(*entry) for entry in readings), (k, readings)
        await smu.safe()
        assert not wire.output_is_on(), k
        await smu.close()


@pytest.mark.parametrize("which", DRIVERS)
async def test_silence_from_any_reply_on(which):
    for k in range(1, await replies_of_a_whole_run(which), 3 * EVERY.get(which, SOME)):
        wire, smu = made(which)
        wire.silent_from = k
        readings = []
        with pytest.raises(InstrumentError):
            await drive(smu, readings)
        assert all(is_true(*entry) for entry in readings)
        with pytest.raises(OutputUnknown):
            await smu.safe()
        # nothing is heard from it, but it hears us
        assert not wire.output_is_on()
        await smu.close()


@pytest.mark.parametrize("which", DRIVERS)
async def test_cancelled_at_any_moment_safe_works_and_so_does_the_next_run(which):
    wire, smu = made(which)
    start = asyncio.get_running_loop().time()
    await drive(smu, [])
    await smu.close()
    length = asyncio.get_running_loop().time() - start
    moments = 30 // min(EVERY.get(which, SOME), 5)
    for n in range(moments):
        wire, smu = made(which)
        running = asyncio.create_task(drive(smu, []))
        await asyncio.sleep(length * n / moments)
        running.cancel()
        await asyncio.wait([running])
        await smu.safe()
        assert not wire.output_is_on()
        readings = []
        await drive(smu, readings)
        assert all(is_true(*entry) for entry in readings)
        await smu.close()


@pytest.mark.parametrize("which", DRIVERS)
async def test_an_output_switched_off_at_the_panel_is_noticed_at_the_next_reading(which):
    wire, smu = made(which)
    await drive(smu, [])
    facts = FACTS[which]
    wire.firmware.feed(facts.at_panel or facts.off + b"\n", asyncio.get_running_loop().time())
    with pytest.raises(InstrumentError, match="went off"):
        await smu.read()
    await smu.safe()
    await smu.close()


@pytest.mark.parametrize("which", DRIVERS)
async def test_times_of_readings_and_changes_never_go_back(which):
    wire, smu = made(which)
    await smu.open()
    times = []
    for setpoint in STEPS:
        before = asyncio.get_running_loop().time()
        changed = await smu.apply(setpoint, GUARD)
        times.append(changed.time_s)
        assert before <= changed.time_s - changed.time_error_s
        assert changed.time_s + changed.time_error_s <= asyncio.get_running_loop().time()
        for _ in range(2):
            reading = await smu.read()
            times.append(reading.time_s)
            assert 0 < reading.time_error_s < 0.2
    assert times == sorted(times)
    await smu.safe()
    assert not wire.output_is_on()
    await smu.close()
