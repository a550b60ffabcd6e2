"""The PalmSens drivers on their simulated instruments over real serial ports and sockets."""

import os

import pytest
from test_emstat import DRIVERS, SIMULATORS, SMALL, Resistor

from labctl_drivers.link import Link, make_transport
from labctl_drivers.vocabulary import Setpoint
from labctl_simulators.servers.pty_port import serve_pty
from labctl_simulators.servers.tcp import serve_tcp
from labctl_simulators.terminals import Terminals


@pytest.mark.campaign
@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals")
@pytest.mark.parametrize("name", DRIVERS)
async def test_over_a_serial_port_and_a_socket_it_is_the_same(name: str) -> None:
    """In real time, at the speed and with the flow control that the driver asks for."""
    for serve in (serve_pty, serve_tcp):
        firmware = SIMULATORS[name](Terminals(Resistor()), instrument_error=0)
        async with serve(firmware) as resource:
            transport = make_transport(resource, **DRIVERS[name].LINK_SETTINGS)
            channel = DRIVERS[name](Link(transport), interval_s=0.05)
            try:
                assert not (await channel.open()).output_was_on
                await channel.apply(Setpoint("voltage", 1e-3, 0.2), SMALL)
                readings = [await channel.read() for _ in range(5)]
                await channel.safe()
            finally:
                await channel.close()
        for reading in readings:
            assert reading.current_A == pytest.approx(0.2e-3, abs=2e-5)
        times = [reading.time_s for reading in readings]
        assert times == sorted(times)
        assert not firmware.output_on
