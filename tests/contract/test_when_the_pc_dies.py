"""S2: nobody feeds the instrument any more, in mid-step, and ten hours pass for the cell."""

import asyncio

import pytest
from drivers_under_test import FACTS
from stand_ins import Battery
from test_drivers import GUARD, POSSIBLE, SETPOINTS, bench

from labctl_drivers.vocabulary import Setpoint

pytestmark = pytest.mark.virtual_time
HOURS = 10
START_V = 0.3
CAPACITY_As_V = 20.0


class Filling(Battery):
    """What passes moves its voltage, as far as it is driven: nothing of the cell's own stops it."""

    def step(self, dt_s: float, current_A: float) -> None:
        self.emf_V += dt_s * current_A / CAPACITY_As_V

    def horizon_s(self, current_A: float) -> float:
        return 1e-3 * CAPACITY_As_V / max(abs(current_A), 1e-9)


def where_it_ends_V(setpoint: Setpoint) -> float:
    """The voltage that the cell must not pass: the step's own, or else the limit."""
    if setpoint.mode == "rest":
        return START_V
    if setpoint.stop_voltage_V is not None:
        return setpoint.stop_voltage_V
    return GUARD.high_V if setpoint.current_A > 0 else GUARD.low_V


GUARDED = [
    (driver, name)
    for driver, name in POSSIBLE
    if SETPOINTS[name].mode not in FACTS[driver].unguarded
]


@pytest.mark.parametrize(("driver", "name"), GUARDED)
async def test_the_cell_s_limits_hold_for_ten_hours(driver: str, name: str) -> None:
    setpoint = SETPOINTS[name]
    end_V = where_it_ends_V(setpoint)
    band_V = FACTS[driver].band_V
    low_V, high_V = min(START_V, end_V) - band_V, max(START_V, end_V) + band_V
    most_A = 1e-8 if setpoint.mode == "rest" else abs(setpoint.current_A) * 1.02
    async with bench(driver, cell=Filling(START_V)) as b:
        await b.smu.open()
        await b.smu.apply(setpoint, GUARD)
        await b.smu.read()
        start_s = asyncio.get_running_loop().time()
        for minute in range(1, HOURS * 60 + 1):
            b.firmware.advance(start_s + minute * 60.0)
            state = b.firmware.terminals.state()
            assert low_V <= state.voltage_V <= high_V, minute
            assert abs(state.current_A) <= most_A, minute
        if b.facts.watched and setpoint.mode != "rest":
            assert state.current_A == 0.0
        elif name != "charge a little":
            # the others have time enough to go past it
            assert state.voltage_V == pytest.approx(end_V, abs=band_V)
