"""Faults through the servers: a broken connection, pieces on a serial line, a served bench."""

import asyncio
import os
import socket
from pathlib import Path

import pytest
import serial
from helpers import running
from helpers.served_firmware import served

from labctl_simulators.cells.plain import Resistor
from labctl_simulators.faults import Fault, Faulty
from labctl_simulators.firmware.espec import Espec
from labctl_simulators.firmware.maccor import Maccor
from labctl_simulators.servers.tcp_sessions import serve_two_ports
from labctl_simulators.terminals import Terminals

BENCH = """\
bench: b
instruments:
  smu:
    driver: keithley-2450
    serial: "04400003"
    resource: TCPIP::127.0.0.1::5025::SOCKET
    simulate: {model: resistor, port: 0, faults: {wrong_identity: 1, drop: {after: 1000 h}}}
channels:
  A1: {instrument: smu}
"""


def connect(resource):
    _, host, port, _ = resource.split("::")
    return socket.create_connection((host, int(port)), 5)


def test_a_reset_breaks_the_connection_and_another_can_be_made():
    with served(lambda: Faulty(Espec(gap_s=0.0), {"reset": Fault(1.0, times=1)}), "tcp") as at:
        with connect(at) as wire:
            wire.sendall(b"MODE?\r\n")
            with pytest.raises(ConnectionResetError):
                wire.recv(100)
        with connect(at) as wire:
            wire.sendall(b"MODE?\r\n")
            assert wire.recv(100) == b"OFF\r\n"


@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals")
def test_on_a_pseudo_terminal():
    faults = {"split": Fault(1.0, seconds=1.0)}
    with served(lambda: Faulty(Espec(instrument_error=0.0), faults), "pty", 4.0) as resource:
        path = resource.removeprefix("ASRL").removesuffix("::INSTR")
        with serial.Serial(path, timeout=5) as port:
            port.write(b"TEMP?\r\n")
            first = port.read(1)
            assert first + port.read_until(b"\r\n") == b"25.0,25.0,150.0,-40.0\r\n"


def test_a_bench_is_served_with_its_faults(tmp_path: Path):
    path = tmp_path / "bench.yaml"
    path.write_text(BENCH, encoding="utf-8")
    with running.simulating(path) as at, connect(at["smu"]) as wire:
        wire.sendall(b"*IDN?\n")
        assert wire.recv(200).startswith(b"KEITHLEY INSTRUMENTS,MODEL 2450,15511114,")


ASK = b'{"jsonrpc":"2.0","method":"MacNet","params":{"FClass":1,"FNum":1},"id":7}'


def test_each_connection_to_an_instrument_with_two_ports_meets_its_faults():
    pair = Terminals(Resistor(1000.0))
    wire = Faulty(Maccor(pair), {"duplicate": Fault(1.0), "reset": Fault(after_s=1e6)})
    one, other = wire.session(), wire.session()
    ((_, whole),) = Maccor(pair).session().feed(ASK, 0.0)
    assert [data for _, data in one.feed(ASK, 0.0)] == [whole, whole]
    assert other.feed(ASK[:20], 0.0) == []
    assert [data for _, data in one.feed(ASK, 1.0)] == [whole, whole]
    assert [data for _, data in other.feed(ASK[20:], 2.0)] == [whole, whole]
    assert [each.kind for each in wire.struck] == ["duplicate"] * 3
    assert one.feed(ASK, 2e6) == []
    assert (one.hang_up, other.hang_up) == (True, False)


async def served_twice():
    wire = Faulty(Maccor(Terminals(Resistor(1000.0))), {"duplicate": Fault(1.0)})
    async with serve_two_ports(wire) as (resource, _):
        _, host, port, _ = resource.split("::")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(ASK)
        lines = [await asyncio.wait_for(reader.readline(), 5) for _ in range(2)]
        writer.close()
    return lines


def test_over_tcp_too():
    first, second = asyncio.run(served_twice())
    assert b'"APIVersion"' in first
    assert first == second
