"""A Maccor channel whose client is gone in mid-step: ten hours, and the cell's limits hold.

With the tester's watchdog the channel is suspended in its time; without it the tester goes on with
the set-point, which holds voltage and current too.
"""

import asyncio

import pytest

from labctl_drivers.errors import OutputLost
from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.maccor import Maccor
from labctl_drivers.vocabulary import Guard, Setpoint
from labctl_simulators.cells import thevenin
from labctl_simulators.firmware.maccor import Maccor as SimulatedMaccor
from labctl_simulators.ports import CellSize
from labctl_simulators.terminals import Terminals

pytestmark = pytest.mark.virtual_time
GUARD = Guard(2.8, 3.5, 5e-3)
ERROR_V, ERROR_A = 5e-3, 5e-6
"""Twice 0.05 % of 5 V and of the 5 mA range: what a tester may set or read wrongly."""
SETPOINTS = {
    "charge": Setpoint("current", 2e-3),
    "charge to 3.4 V": Setpoint("current", 2e-3, 3.4),
    "charge, hold": Setpoint("current", 2e-3, 3.4, hold_at_stop=True),
    "discharge": Setpoint("current", -2e-3),
    "discharge to 3 V": Setpoint("current", -2e-3, 3.0),
    "hold": Setpoint("voltage", 2e-3, 3.4),
    "rest": Setpoint("rest"),
}


def on_a_cell(watchdog_s: float) -> tuple[SimulatedMaccor, Maccor]:
    cell = thevenin(CellSize(kind="full", capacity_Ah=3e-3), {}, 0)
    tester = SimulatedMaccor(Terminals(cell), watchdog_s=watchdog_s)
    return tester, Maccor(Link(MemoryTransport(tester)), watchdog_s=watchdog_s)


async def killed(channel: Maccor) -> None:
    """Its process is gone: no task of it runs any more, and nothing is said to the tester."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.wait(others)


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("name", "watchdog_s"),
    [*((name, 30.0) for name in SETPOINTS), ("charge, hold", 0.0), ("discharge", 0.0)],
)
async def test_ten_hours_alone(name: str, watchdog_s: float) -> None:
    setpoint = SETPOINTS[name]
    tester, channel = on_a_cell(watchdog_s)
    await channel.open()
    await channel.apply(setpoint, GUARD)
    await asyncio.sleep(5.0)
    await channel.read()
    await killed(channel)
    begin_s = asyncio.get_running_loop().time()
    most_A = 0.0
    for minute in range(1, 601):
        tester.advance(begin_s + 60.0 * minute)
        state = tester.terminals.state()
        assert GUARD.low_V - ERROR_V <= state.voltage_V <= GUARD.high_V + ERROR_V
        assert abs(state.current_A) <= abs(setpoint.current_A) + ERROR_A
        if watchdog_s:
            assert state.current_A == 0.0
        most_A = max(most_A, abs(state.current_A))
    if not watchdog_s and setpoint.mode != "rest":
        assert most_A > 0.0  # it was driven all the while


async def test_a_channel_that_is_read_goes_on() -> None:
    _, channel = on_a_cell(30.0)
    await channel.open()
    await channel.apply(SETPOINTS["charge"], GUARD)
    for _ in range(60):
        await asyncio.sleep(10.0)
        assert (await channel.read()).current_A == pytest.approx(2e-3, abs=ERROR_A)
    await channel.safe()
    await channel.close()


async def test_an_engine_that_hangs_is_one_that_has_died() -> None:
    """The process lives, and the watchdog is fed by a task in it; but nobody reads."""
    tester, channel = on_a_cell(30.0)
    await channel.open()
    await channel.apply(SETPOINTS["charge"], GUARD)
    await asyncio.sleep(61.0)
    tester.advance(asyncio.get_running_loop().time())
    assert tester.terminals.state().current_A == 0.0
    with pytest.raises(OutputLost, match="Suspended"):
        await channel.read()
    await channel.safe()
    await channel.close()
