"""How `labctl simulate` serves an instrument with a second port, and what it says of it."""

import asyncio
import json
import struct
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from labctl.bench.model import Instrument, Simulate
from labctl.cli.exits import Refused
from labctl.cli.simulate import _open
from labctl.twin import Held, connect_channels, make_cell

CYCLER = Instrument(
    "cycler",
    "maccor",
    "TCPIP::127.0.0.1::57570::SOCKET",
    serial="M4",
    simulate=Simulate(model="resistor", port=0, bin_port=0),
)


def twin(instrument):
    return connect_channels({1: Held(make_cell(instrument, None, now=0.0))}, instrument)


async def test_the_line_has_both_ports_and_they_are_one_cycler():
    async with AsyncExitStack() as served:
        line = await _open(served, CYCLER, twin(CYCLER), 60.0)
        assert line["instrument"] == "cycler"
        scheme, host, port, kind = str(line["resource"]).split("::")
        assert (scheme, host, kind) == ("TCPIP", "127.0.0.1", "SOCKET")
        reader, writer = await asyncio.open_connection(host, int(port))
        packets, sender = await asyncio.open_connection(host, line["bin_port"])
        params = {"FClass": 1, "FNum": 2}
        request = {"jsonrpc": "2.0", "method": "MacNet", "params": params, "id": 5}
        writer.write(json.dumps(request).encode())
        sender.write(struct.pack("<HHHHffffBB", 6, 8, 0, 18, 0, 0, 0, 0, 4, ord("R")))
        async with asyncio.timeout(10):
            answer = json.loads(await reader.readline())
            reply = await packets.readexactly(10)
        assert (answer["id"], answer["result"]["SystemID"]) == (5, "M4")
        # not in direct mode, not even active: 2
        assert struct.unpack("<HHHHH", reply) == (6, 8, 0, 2, 2)
        for each in (writer, sender):
            each.close()


def test_without_a_number_the_ports_are_the_cyclers_own():
    made = twin(CYCLER)
    assert (made.port, made.binary.port) == (57570, 57560)


@pytest.mark.parametrize(
    ("driver", "changes", "match"),
    [
        ("maccor", {"serve": "pty", "bin_port": None, "port": None}, "two TCP ports"),
        ("keithley-2450", {}, "one port: leave `bin_port` out"),
    ],
)
async def test_what_does_not_fit_the_instrument_is_refused(driver, changes, match):
    other = replace(CYCLER, driver=driver, simulate=replace(CYCLER.simulate, **changes))
    async with AsyncExitStack() as served:
        with pytest.raises(Refused, match=match):
            await _open(served, other, twin(other), 1.0)


async def test_a_port_that_is_taken_is_told_with_what_to_do():
    async with AsyncExitStack() as served:
        line = await _open(served, CYCLER, twin(CYCLER), 1.0)
        port = int(str(line["resource"]).split("::")[2])
        second = replace(CYCLER, simulate=Simulate(model="resistor", port=port, bin_port=0))
        with pytest.raises(Refused, match=r"on port \d+: .*write another `port` in its `simulate`"):
            await _open(served, second, twin(second), 1.0)
