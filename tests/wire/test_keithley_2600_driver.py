"""What only an instrument that runs Lua can do to its driver, on the simulated one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from labctl_drivers.errors import InstrumentError, InstrumentRefused, LinkError, OutputUnknown
from labctl_drivers.keithley_2600 import Keithley2600
from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.vocabulary import Guard, Setpoint
from labctl_simulators.cells import resistor
from labctl_simulators.firmware.keithley_2600 import Keithley2600 as Firmware
from labctl_simulators.ports import CellSize
from labctl_simulators.terminals import Terminals

pytestmark = pytest.mark.virtual_time
GUARD = Guard(-0.5, 1.5, 5e-3)
ENDLESS = b"while true do delay(1) end\n"


@asynccontextmanager
async def smu(**options: Any) -> AsyncIterator[tuple[Keithley2600, Firmware]]:
    cell = resistor(CellSize(kind="full"), {"ohm": 1000.0}, 0)
    firmware = Firmware(Terminals(cell), instrument_error=0, **options)
    driver = Keithley2600(Link(MemoryTransport(firmware)))
    try:
        yield driver, firmware
    finally:
        await driver.close()


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_an_instrument_whose_prompts_are_on_is_opened_like_any_other() -> None:
    async with smu(power_on_prompts=True) as (driver, firmware):
        await driver.open()
        await driver.apply(Setpoint("current", 0.5e-3), GUARD)
        assert (await driver.read()).current_A == pytest.approx(0.5e-3, rel=1e-3)
        await driver.safe()
        assert not firmware.output_on


async def test_a_script_that_somebody_starts_is_stopped_in_order_to_switch_off() -> None:
    async with smu() as (driver, firmware):
        await driver.open()
        await driver.apply(Setpoint("current", 0.5e-3), GUARD)
        firmware.feed(ENDLESS, now())
        with pytest.raises(LinkError):
            await driver.read()
        assert firmware.output_on
        await driver.safe()
        assert not firmware.output_on


async def test_a_script_found_running_leaves_the_instrument_unknown_and_undisturbed() -> None:
    async with smu() as (driver, firmware):
        firmware.feed(b"smua.source.output=1\n", 0.0)
        firmware.feed(ENDLESS, 0.0)
        with pytest.raises(LinkError):
            await driver.open()
        with pytest.raises(OutputUnknown):
            await driver.safe()
        assert firmware.output_on
        firmware.feed(b"abort\n", now())
        assert (await driver.open()).output_was_on


async def test_an_open_interlock_is_told_and_nothing_is_driven() -> None:
    async with smu(model="2612B") as (driver, firmware):
        await driver.open()
        firmware.interlock_closed = False
        with pytest.raises(InstrumentRefused, match="interlock"):
            await driver.apply(Setpoint("current", 0.5e-3), Guard(-30.0, 30.0, 5e-3))
        assert not firmware.output_on


async def test_after_a_power_cycle_no_reading_is_believed_and_it_is_set_up_anew() -> None:
    async with smu() as (driver, firmware):
        await driver.open()
        await driver.apply(Setpoint("current", 0.5e-3), GUARD)
        firmware.power_cycle(now())
        with pytest.raises(InstrumentError):
            await driver.read()
        await asyncio.sleep(firmware.boot_s)
        await driver.safe()
        await driver.open()
        await driver.apply(Setpoint("current", 0.5e-3), GUARD)
        assert (await driver.read()).current_A == pytest.approx(0.5e-3, rel=1e-3)
        await driver.safe()
