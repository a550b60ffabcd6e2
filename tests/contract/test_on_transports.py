"""The contract's essentials over real sockets, serial lines and VISA sessions, in real time.

USB and GPIB cannot be had here; HiSLIP goes through VISA's INSTR sessions as they do.
"""

import gc
import os
import warnings
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

import pytest
from drivers_under_test import ALL, SCRIPTED
from stand_ins import Battery

from labctl_drivers.channel import Channel
from labctl_drivers.errors import InstrumentError, OutputUnknown, WrongInstrument
from labctl_drivers.link import Link, make_transport
from labctl_drivers.vocabulary import Guard, Setpoint
from labctl_simulators.servers.hislip import serve_hislip
from labctl_simulators.servers.pace import Pace
from labctl_simulators.servers.pty_port import serve_pty
from labctl_simulators.servers.tcp import serve_tcp
from labctl_simulators.servers.tcp_sessions import serve_two_ports
from labctl_simulators.terminals import Terminals

CLAIMS = {
    "keithley-2400": ("pty", "tcp", "hislip"),
    "keithley-2450": ("tcp", "hislip"),
    "keithley-2600": ("pty", "tcp", "hislip"),
    "keysight-b2900": ("tcp", "hislip"),
    "emstat4": ("pty", "tcp"),
    "emstat-pico": ("pty", "tcp"),
    "nexus": ("pty", "tcp"),
    "maccor": ("two tcp ports",),
    "rodeostat": ("pty",),
}
"""Driver → what it can be reached by, as far as that can be served here: a 2400's TCP and HiSLIP
stand for a converter and for GPIB, an EmStat's TCP for a serial-port server."""
SERVED = [(driver, how) for driver, served in CLAIMS.items() for how in served]
SERVE: dict[str, Callable[..., Any]] = {
    "pty": serve_pty,
    "tcp": serve_tcp,
    "hislip": serve_hislip,
    "two tcp ports": serve_two_ports,
}
EMF_V, OHMS = 0.3, 100.0
GUARD = Guard(-0.5, 1.5, 0.9e-3)
FIRST, SECOND = Setpoint("voltage", 0.9e-3, 0.28), Setpoint("voltage", 0.9e-3, 0.24)
LATE_S = 1.6

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals"),
    pytest.mark.campaign,
]


@dataclass
class Plugged:
    """A driver on its served instrument; `unplug` takes the wire away for good."""

    channel: Channel
    terminals: Terminals
    unplug: Callable[[], Any]

    def is_off(self) -> bool:
        return self.terminals.source.kind == "open"

    async def reads_truly(self, setpoint: Setpoint) -> None:
        """By Ohm's law, within what the poorest of these instruments is off."""
        assert setpoint.stop_voltage_V is not None
        reading = await self.channel.read()
        assert reading.voltage_V == pytest.approx(setpoint.stop_voltage_V, abs=6e-3)
        current_A = (setpoint.stop_voltage_V - EMF_V) / OHMS
        assert reading.current_A == pytest.approx(current_A, abs=6e-5)


@asynccontextmanager
async def plugged(driver: str, how: str, **options: Any) -> AsyncIterator[Plugged]:
    """Not opened yet."""
    make = entry_points(group="labctl.drivers", name=driver)[driver].load()
    simulate = entry_points(group="labctl.simulators", name=driver)[driver].load()
    terminals = Terminals(Battery(EMF_V))
    firmware = simulate(terminals, instrument_error=0)
    served = AsyncExitStack()
    where = await served.enter_async_context(SERVE[how](firmware))
    if how == "two tcp ports":
        where, options["bin_port"] = where
    settings = getattr(make, "LINK_SETTINGS", {})
    if how == "hislip":
        settings = {**settings, "visa_library": "@py"}
    channel = make(Link(make_transport(where, **settings)), channel=1, **options)
    try:
        yield Plugged(channel, terminals, served.aclose)
    finally:
        await channel.close()
        await served.aclose()


def test_every_driver_is_served_somehow() -> None:
    assert set(CLAIMS) == {*ALL, *SCRIPTED}


@pytest.mark.parametrize(("driver", "how"), SERVED)
async def test_opened_applied_read_and_made_safe(driver: str, how: str) -> None:
    async with plugged(driver, how) as p:
        opened = await p.channel.open()
        assert opened.identity.model
        assert opened.identity.firmware.endswith("-sim")
        assert not opened.output_was_on
        assert p.is_off()
        for setpoint in (FIRST, SECOND):
            await p.channel.apply(setpoint, GUARD)
            await p.reads_truly(setpoint)
        assert not p.is_off()
        assert await p.channel.limits_read_back()
        for _ in range(2):
            await p.channel.safe()
            assert p.is_off()


@pytest.mark.parametrize(("driver", "how"), SERVED)
async def test_another_serial_is_refused_and_nothing_is_driven(driver: str, how: str) -> None:
    async with plugged(driver, how, serial="no-such-serial") as p:
        found = p.terminals.source  # some present 0 V while they are off
        with pytest.raises(WrongInstrument):
            await p.channel.open()
        assert p.terminals.source == found


@pytest.mark.parametrize(
    ("driver", "how"), [(driver, how) for driver, how in SERVED if how != "hislip"]
)
async def test_a_late_reply_is_no_reading_of_what_is_applied_next(
    driver: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over HiSLIP: tests/wire/test_hislip.py."""
    late = []
    whole = Pace._flush

    def flush(self: Pace) -> None:
        if late and self._due:
            late.clear()
            self._due = deque((when + LATE_S, said) for when, said in self._due)
        whole(self)

    monkeypatch.setattr(Pace, "_flush", flush)
    async with plugged(driver, how) as p:
        await p.channel.open()
        await p.channel.apply(FIRST, GUARD)
        await p.reads_truly(FIRST)
        late.append(True)
        try:
            await p.reads_truly(FIRST)
        except InstrumentError:
            pass  # better no reading than a wrong one
        assert not late
        await p.channel.apply(SECOND, GUARD)
        await p.reads_truly(SECOND)
        await p.channel.safe()
        assert p.is_off()


@pytest.mark.parametrize(("driver", "how"), SERVED)
async def test_unplugged_it_is_never_called_off(driver: str, how: str) -> None:
    async with plugged(driver, how) as p:
        await p.channel.open()
        await p.channel.apply(FIRST, GUARD)
        await p.reads_truly(FIRST)
        await p.unplug()
        with pytest.raises(InstrumentError):
            await p.channel.read()
        with pytest.raises(OutputUnknown):
            await p.channel.safe()
    with warnings.catch_warnings():
        # pyvisa-py leaves the sockets of refused HiSLIP connections to be collected
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
