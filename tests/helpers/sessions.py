"""A session of every driver with its simulated instrument, as text.

`python tests/helpers/sessions.py` writes them anew to tests/sessions. A lab with the hardware can
put its own beside them (`labctl run --capture FILE`).
"""

import asyncio
import contextlib
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from labctl.capture.recording import RecordingAuxiliary, recording
from labctl.capture.text import head_of, writing_to
from labctl_drivers.errors import InstrumentError
from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.vocabulary import Excitation, Guard, Setpoint, SweepShape
from labctl_simulators.cells import resistor, thevenin
from labctl_simulators.clock import VirtualLoop, run_in
from labctl_simulators.ports import CellSize
from labctl_simulators.probes import Steady
from labctl_simulators.terminals import Terminals

FOLDER = Path(__file__).parents[1] / "sessions"
GUARD = Guard(2.0, 3.65, 5e-3)
SETPOINTS = (
    Setpoint("rest"),
    Setpoint("current", 1e-3, 3.6),
    Setpoint("current", 2e-3, 3.6),
    Setpoint("current", 2e-3, 3.5, hold_at_stop=True),
    Setpoint("current", -1e-3, 2.5),
    Setpoint("voltage", 2e-3, 3.3),
    Setpoint("current", 1.0),
    Setpoint("rest"),
)
"""The last but one is more than the guard allows."""
SPECTRUM = Excitation(1e3, 10.0, 3, amplitude_V=5e-3, about_V=3.3)
UNDER_2_V = {"emstat-pico"}
"""Their cell is a resistor; they are shown these instead."""
LOW_GUARD = Guard(-0.5, 1.5, 3e-3)
LOW_SETPOINTS = (
    Setpoint("rest"),
    Setpoint("voltage", 2e-3, 0.05),
    Setpoint("voltage", 2e-3, -0.1),
    Setpoint("sweep", 2e-3, sweep=SweepShape(0.0, (0.05, -0.05, 0.0), 0.02, 0.01)),
    Setpoint("voltage", 2e-3, 1.9),
    Setpoint("rest"),
)
LOW_SPECTRUM = Excitation(1e3, 10.0, 3, amplitude_V=5e-3, about_V=0.0)
PROBES = {101: Steady(298.15), 104: Steady(313.15), 110: Steady(float("nan"))}
"""The last is a broken thermocouple."""
BESIDE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "daq6510": ({"channels": [101, 104, 110]}, {"probes": PROBES}),
    "keysight-34970a": ({"channels": [101, 104, 110]}, {"probes": PROBES}),
    "espec": ({"channels": [1], "start": True}, {}),
}
"""Auxiliaries: what their drivers and simulators are given."""
ASKED_K = (313.15, 268.25, 800.0)
"""The last is more than the chamber is set to allow."""


def drivers() -> list[str]:
    """Those that drive cells, and those that stand beside them."""
    return sorted(each.name for each in entry_points(group="labctl.drivers"))


async def record(driver: str, path: Path) -> None:
    """One session of a driver with its simulated instrument."""
    (make,) = entry_points(group="labctl.drivers", name=driver)
    (simulate,) = entry_points(group="labctl.simulators", name=driver)
    makers = make.load(), simulate.load()
    path.unlink(missing_ok=True)  # noqa: ASYNC240 - nothing else runs
    await (record_auxiliary if driver in BESIDE else record_channel)(driver, *makers, path)


async def record_auxiliary(driver: str, make: Any, simulate: Any, path: Path) -> None:
    """Temperatures read and set, one that it must refuse, and a scan that is broken off."""
    settings, simulated = BESIDE[driver]
    note = writing_to(path, head_of(driver, settings))
    link = Link(MemoryTransport(simulate(**simulated, seed=1)), transcript=note)
    auxiliary = RecordingAuxiliary(make(link, **settings), note)
    await auxiliary.open()
    for asked_K in ASKED_K:
        with contextlib.suppress(InstrumentError):
            await auxiliary.set_temperature(settings["channels"][0], asked_K)
        for _ in range(2):
            await asyncio.sleep(auxiliary.every_s)
            await auxiliary.read()
    await asyncio.sleep(auxiliary.every_s)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(auxiliary.read(), 0.02)
    await asyncio.sleep(auxiliary.every_s)
    await auxiliary.open()
    await auxiliary.read()
    await auxiliary.close()


async def record_channel(driver: str, make: Any, simulate: Any, path: Path) -> None:
    """Set-points that it can and one that it must refuse, a spectrum, off."""
    is_low = driver in UNDER_2_V
    size = CellSize(kind="full", capacity_Ah=3e-3)
    cell = resistor(size, {"ohm": 100.0}, 0) if is_low else thevenin(size, {}, 0)
    guard = LOW_GUARD if is_low else GUARD
    firmware: Any = simulate(Terminals(cell), seed=1)
    note = writing_to(path, head_of(driver, {"channel": 1}))
    link = Link(MemoryTransport(firmware), transcript=note)
    channel: Any = recording(make(link, channel=1), note)
    await channel.open()
    for setpoint in LOW_SETPOINTS if is_low else SETPOINTS:
        if setpoint.mode not in channel.ratings.modes:
            continue
        try:
            await channel.apply(setpoint, guard)
        except InstrumentError:
            continue
        for _ in range(3):
            if (await channel.read()).ended:
                break
            await asyncio.sleep(2.0)
        await channel.limits_read_back()
    if "impedance" in channel.ratings.abilities:
        async for _ in channel.impedance(LOW_SPECTRUM if is_low else SPECTRUM, guard):
            pass
    await channel.safe()
    await channel.close()


if __name__ == "__main__":
    for name in sys.argv[1:] or drivers():
        run_in(VirtualLoop(), record(name, FOLDER / f"{name}.txt"))
