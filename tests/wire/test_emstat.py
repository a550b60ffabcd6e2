"""The PalmSens drivers on their simulated instruments, of which they know nothing but the wire."""

import asyncio
import cmath
import itertools
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from labctl.doctor.dummy import on_resistor
from labctl_drivers.emstat.driver import EmStat4, EmStatPico, Nexus
from labctl_drivers.errors import OutOfRange, OutputLost
from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.vocabulary import Excitation, Guard, Reading, Setpoint, SweepShape
from labctl_simulators.firmware import emstat
from labctl_simulators.ports import Ledger
from labctl_simulators.terminals import Terminals

pytestmark = pytest.mark.virtual_time
DRIVERS = {"emstat4": EmStat4, "emstat-pico": EmStatPico, "nexus": Nexus}
SIMULATORS = {
    "emstat4": emstat.EmStat4,
    "emstat-pico": emstat.EmStatPico,
    "nexus": emstat.Nexus,
}
GALVANOSTATS = ["emstat4", "nexus"]
LI = Guard(2.5, 4.3, 20e-3)
SMALL = Guard(-0.5, 1.5, 3e-3)
HOURS_10 = 36000
FARAD = 0.5


class Capacitor:
    """Behind 10 ohm; keeps how far its terminals went."""

    def __init__(self, volts: float, farad: float) -> None:
        self.volts, self.farad = volts, farad
        self.lowest = self.highest = volts

    def voltage(self, current_A: float) -> float:
        return self.volts + 10.0 * current_A

    def step(self, dt_s: float, current_A: float) -> None:
        self.volts += current_A * dt_s / self.farad
        self.lowest = min(self.lowest, self.voltage(current_A))
        self.highest = max(self.highest, self.voltage(current_A))

    def ledger(self) -> Ledger:
        return Ledger(0.0, 0.0, 0.0)

    def horizon_s(self, current_A: float) -> float:
        return 1e-3 * self.farad / abs(current_A) if current_A else 1e9


class Resistor(Capacitor):
    """1 kohm."""

    def __init__(self) -> None:
        super().__init__(0.0, math.inf)

    def voltage(self, current_A: float) -> float:
        return 1000.0 * current_A


@asynccontextmanager
async def bench(name: str, cell: Any, **options: Any) -> AsyncIterator[tuple[Any, Any]]:
    """An opened driver, and the simulated instrument with that cell at it."""
    firmware = SIMULATORS[name](Terminals(cell), instrument_error=0)
    channel = DRIVERS[name](Link(MemoryTransport(firmware)), **options)
    try:
        await channel.open()
        yield channel, firmware
    finally:
        await channel.close()


STEPS = {
    "charge": (Setpoint("current", 5e-3, 4.2), LI),
    "charge to the guard": (Setpoint("current", 5e-3), LI),
    "discharge": (Setpoint("current", -5e-3), LI),
    "charge, hold": (Setpoint("current", 5e-3, 4.2, hold_at_stop=True), LI),
    "hold": (Setpoint("voltage", 20e-3, 3.1), LI),
    "sweep": (Setpoint("sweep", 20e-3, sweep=SweepShape(3.0, (3.1, 2.9), 1e-3, 1e-3, 3)), LI),
}


@pytest.mark.parametrize(
    ("name", "step"), [*(("emstat4", step) for step in STEPS), ("nexus", "discharge")]
)
async def test_when_the_client_dies_the_instrument_keeps_the_cell_inside_its_limits(
    name: str, step: str
) -> None:
    cell, holds = Capacitor(3.0, FARAD), step in ("hold", "charge, hold")
    # what is held moves little, and ten hours of it are many points
    async with bench(name, cell, interval_s=5.0 if holds else 0.2) as (channel, firmware):
        await channel.apply(*STEPS[step])
        await channel.read()
    now = asyncio.get_running_loop().time()
    for second in range(0, HOURS_10, 60):
        firmware.feed(b"", now + second)
    # the slope times one look, and the quantum of what is measured
    slack_V = 5e-3 / FARAD * 0.2 + 1e-3
    setpoint, guard = STEPS[step]
    high = setpoint.stop_voltage_V or guard.high_V
    assert guard.low_V - slack_V <= cell.lowest
    assert cell.highest <= high + slack_V
    # nothing ends a hold but its time, of which there was none
    assert firmware.output_on == holds


@pytest.mark.parametrize("name", GALVANOSTATS)
@pytest.mark.parametrize(
    ("step", "bound"),
    [
        ("charge", {"time_s": 60.0}),
        ("hold", {"time_s": 60.0}),
        ("charge", {"charge_Ah": 0.1e-3}),
    ],
)
async def test_charge_and_time_end_on_the_instrument_too(
    name: str, bound: dict[str, float], step: str
) -> None:
    cell = Capacitor(3.0, 20.0)
    setpoint, _ = STEPS[step]
    async with bench(name, cell) as (channel, firmware):
        await channel.apply(setpoint, Guard(2.5, 4.3, 20e-3, **bound))
        began_s = asyncio.get_running_loop().time()
        last = await channel.read()
        while not last.ended:
            last = await channel.read()
        if "time_s" in bound:
            assert 60.0 <= last.time_s - began_s <= 62.0
        else:
            passed_As = 20.0 * (cell.volts - 3.0)
            assert 0.36 <= passed_As <= 0.36 * 1.005 + 5e-3 * 2.0
        assert not firmware.output_on
        with pytest.raises(OutputLost):
            await channel.read()


@pytest.mark.parametrize("name", GALVANOSTATS)
async def test_a_voltage_that_runs_away_is_cut_off_within_a_few_milliseconds(name: str) -> None:
    """1 mA on 30 µF: 33 V/s out of a slope of 100 mV/s."""
    cell = Capacitor(0.0, 0.01)
    async with bench(name, cell) as (channel, firmware):
        await channel.apply(Setpoint("current", 1e-3, 1.0), SMALL)
        reading = await channel.read()
        while reading.voltage_V < 0.5:
            reading = await channel.read()
        cell.farad = 30e-6
        while not reading.ended:
            reading = await channel.read()
        assert 1.0 <= reading.voltage_V <= 1.0 + 33.4 * 0.006 + 0.01
        assert cell.highest <= 1.0 + 33.4 * 0.008 + 0.01
        assert not firmware.output_on


@pytest.mark.parametrize("name", DRIVERS)
async def test_a_resistor_is_found_as_one(name: str) -> None:
    async with bench(name, Resistor()) as (channel, _):
        found = [finding async for finding in on_resistor(channel, 1000.0)]
        assert len(found) >= 3
        assert [each for each in found if each.state != "good"] == []
        await channel.safe()


@pytest.mark.parametrize("name", DRIVERS)
async def test_a_sweep_goes_through_its_corners_and_ends(name: str) -> None:
    shape = SweepShape(0.0, (0.2, -0.1), 0.1, 0.01, 2)
    async with bench(name, Resistor()) as (channel, firmware):
        await channel.apply(Setpoint("sweep", 1e-3, sweep=shape), SMALL)
        found: list[Reading] = [await channel.read()]
        while not found[-1].ended:
            found.append(await channel.read())
        corners = [0.0, 0.2, -0.1, 0.2, -0.1]
        assert found[-1].voltage_V == pytest.approx(-0.1, abs=2e-3)
        assert max(each.voltage_V for each in found) == pytest.approx(0.2, abs=2e-3)
        way = sum(abs(b - a) for a, b in itertools.pairwise(corners))
        assert found[-1].time_s - found[0].time_s == pytest.approx(way / 0.1, abs=0.6)
        for each in found:
            assert each.current_A == pytest.approx(each.voltage_V / 1000.0, abs=2e-5)
        assert not firmware.output_on


async def test_a_sweep_whose_current_is_too_large_does_not_go_on_to_its_next_leg() -> None:
    shape = SweepShape(0.0, (0.4, -0.4), 0.1, 0.01)
    async with bench("emstat4", Resistor()) as (channel, firmware):
        await channel.apply(Setpoint("sweep", 0.2e-3, sweep=shape), SMALL)
        reading = await channel.read()
        while not reading.ended:
            reading = await channel.read()
        assert reading.voltage_V == pytest.approx(0.2, abs=0.02)
        assert not firmware.output_on


R0, R1, C1 = 20.0, 30.0, 0.01


@pytest.mark.parametrize("name", DRIVERS)
async def test_a_spectrum_gives_the_cells_resistances_within_two_percent(name: str) -> None:
    cell = Randles()
    async with bench(name, cell) as (channel, firmware):
        await channel.apply(Setpoint("rest"), SMALL)
        rest_V = (await channel.read()).voltage_V
        excitation = Excitation(10e3, 0.05, 6, amplitude_V=5e-3, about_V=rest_V)
        spectrum = [point async for point in channel.impedance(excitation, SMALL)]
        assert len(spectrum) == round(math.log10(10e3 / 0.05) * 6) + 1
        assert not firmware.output_on
        for point in spectrum:
            found = complex(point.real_ohm, point.imaginary_ohm)
            exact = cell.impedance(point.frequency_Hz)
            assert cmath.isclose(found, exact, rel_tol=0.02), point.frequency_Hz


class Randles(Capacitor):
    """R0 and, beside C1, R1."""

    def __init__(self) -> None:
        super().__init__(0.3, math.inf)
        self.over_V = 0.0

    def voltage(self, current_A: float) -> float:
        return 0.3 + R0 * current_A + self.over_V

    def step(self, dt_s: float, current_A: float) -> None:
        decay = math.exp(-dt_s / (R1 * C1))
        self.over_V = self.over_V * decay + R1 * current_A * (1 - decay)

    def horizon_s(self, current_A: float) -> float:
        return 0.05 * R1 * C1

    @staticmethod
    def impedance(frequency_Hz: float) -> complex:
        return R0 + R1 / (1 + 2j * math.pi * frequency_Hz * R1 * C1)


async def test_a_pico_holds_no_current() -> None:
    async with bench("emstat-pico", Resistor()) as (channel, _):
        assert "current" not in channel.ratings.modes
        with pytest.raises(OutOfRange, match="no galvanostat"):
            await channel.apply(Setpoint("current", 1e-4), SMALL)
