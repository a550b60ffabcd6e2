"""Simulated instruments served over real sockets and pseudo-terminals."""

import asyncio
import contextlib
import os
import re

import pytest

from labctl_simulators.firmware.keithley_2400 import Keithley2400
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from labctl_simulators.ports import Ledger
from labctl_simulators.servers.pty_port import serve_pty
from labctl_simulators.servers.tcp import serve_tcp
from labctl_simulators.terminals import Terminals

posix = pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals")


class Resistor:
    def voltage(self, current_A: float) -> float:
        return 3.0 + 10.0 * current_A

    def step(self, dt_s: float, current_A: float) -> None:
        pass

    def ledger(self) -> Ledger:
        return Ledger(0.0, 0.0, 0.0)


def port_of(resource: str) -> int:
    found = re.fullmatch(r"TCPIP::127\.0\.0\.1::(\d+)::SOCKET", resource)
    assert found, resource
    return int(found[1])


@contextlib.asynccontextmanager
async def dialled(resource):
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(resource))
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def ask(reader, writer, line: bytes) -> bytes:
    writer.write(line + b"\n")
    async with asyncio.timeout(10):
        return await reader.readline()


async def test_a_query_over_tcp_gets_its_reply():
    firmware = Keithley2450(Terminals(Resistor()))
    async with serve_tcp(firmware) as resource, dialled(resource) as (reader, writer):
        assert b"MODEL 2450" in await ask(reader, writer, b"*IDN?")


async def test_replies_keep_their_order_and_come_no_earlier_than_due():
    firmware = Keithley2450(Terminals(Resistor()))
    async with serve_tcp(firmware) as resource, dialled(resource) as (reader, writer):
        loop = asyncio.get_running_loop()
        await ask(reader, writer, b"*IDN?")
        began = loop.time()
        writer.write(b"READ?\nREAD?\n*IDN?\n")
        lines = [await reader.readline() for _ in range(3)]
        assert loop.time() - began >= 2 * 0.12
        assert [line[:5] == b"KEITH" for line in lines] == [False, False, True]


async def test_speed_shortens_the_wait_and_lengthens_the_cells_time():
    firmware = Keithley2450(Terminals(Resistor()))
    async with serve_tcp(firmware, speed=1000.0) as resource, dialled(resource) as (reader, writer):
        began = asyncio.get_running_loop().time()
        writer.write(b"SENS:COUN 100\n")
        await ask(reader, writer, b"READ?")
        host_s = asyncio.get_running_loop().time() - began
        assert firmware.terminals.now >= 100 * 0.12
        assert host_s < firmware.terminals.now


async def test_time_passes_when_nobody_talks():
    firmware = Keithley2450(Terminals(Resistor()))
    passed = asyncio.Event()
    advance = firmware.advance

    def watched(now: float) -> None:
        advance(now)
        if now > 30.0:
            passed.set()

    firmware.advance = watched
    async with serve_tcp(firmware, speed=100.0):
        async with asyncio.timeout(10):
            await passed.wait()
    assert firmware.terminals.now > 30.0


async def test_a_second_connection_is_closed_while_the_first_is_open():
    firmware = Keithley2450(Terminals(Resistor()))
    async with serve_tcp(firmware) as resource:
        async with dialled(resource) as (reader, writer):
            await ask(reader, writer, b"*IDN?")
            async with dialled(resource) as (other, _):
                async with asyncio.timeout(10):
                    assert await other.read() == b""
            assert b"2450" in await ask(reader, writer, b"*IDN?")
        async with dialled(resource) as (reader, writer):
            assert b"2450" in await ask(reader, writer, b"*IDN?")


async def test_a_reply_due_to_a_client_that_left_does_not_reach_the_next():
    firmware = Keithley2450(Terminals(Resistor()))
    async with serve_tcp(firmware) as resource:
        async with dialled(resource) as (_, writer):
            writer.write(b"READ?\n")
            await writer.drain()
        async with dialled(resource) as (reader, writer):
            assert b"KEITHLEY" in await ask(reader, writer, b"*IDN?")


async def test_an_aborted_reply_is_not_sent():
    firmware = Keithley2400(Terminals(Resistor()))
    async with serve_tcp(firmware) as resource, dialled(resource) as (reader, writer):
        writer.write(b":OUTP ON\n:TRIG:COUN 50\nREAD?\n")
        await asyncio.sleep(0.1)
        writer.write(b"\x03*IDN?\n")
        async with asyncio.timeout(3):
            assert (await reader.readline()).startswith(b"KEITHLEY")


async def test_a_taken_port_is_an_oserror():
    firmware = Keithley2450(Terminals(Resistor()))
    async with serve_tcp(firmware) as resource:
        with pytest.raises(OSError, match=str(port_of(resource))):
            async with serve_tcp(firmware, port=port_of(resource)):
                pass


@posix
async def test_a_pty_answers_again_after_its_client_has_left():
    firmware = Keithley2400(Terminals(Resistor()), baud=57600)
    async with serve_pty(firmware) as resource:
        found = re.fullmatch(r"ASRL(/dev/.+)::INSTR", resource)
        assert found
        for _ in range(2):
            assert b"MODEL 2400" in await asyncio.to_thread(serial_ask, found[1], b"*IDN?\n")


def serial_ask(path: str, line: bytes) -> bytes:
    import serial

    with serial.Serial(path, baudrate=57600, timeout=10) as port:
        port.write(line)
        reply: bytes = port.readline()
        return reply


@posix
async def test_bytes_on_a_pty_are_neither_echoed_nor_changed():
    firmware = Keithley2400(Terminals(Resistor()))
    async with serve_pty(firmware) as resource:
        path = resource.removeprefix("ASRL").removesuffix("::INSTR")
        reply = await asyncio.to_thread(serial_ask, path, b":SYST:ERR?\r\n")
        assert reply == b'0,"No error"\n'


@posix
async def test_a_long_reply_gets_through_a_pty_whole():
    firmware = Keithley2400(Terminals(Resistor()))
    async with serve_pty(firmware, speed=100.0) as resource:
        path = resource.removeprefix("ASRL").removesuffix("::INSTR")
        setup = b":SYST:AZER OFF;:SENS:CURR:NPLC 0.01;:OUTP ON;:TRIG:COUN 500\n"
        reply = await asyncio.to_thread(serial_ask, path, setup + b"READ?\n")
        assert reply.count(b",") == 2499
