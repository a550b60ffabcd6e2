"""Simulated instruments over HiSLIP: real pyvisa-py INSTR sessions, and our own link.

USB and GPIB cannot be run here; what they share with HiSLIP (message end, device clear, serial
poll, locks) is tried on it.
"""

import asyncio
import contextlib
import time

import pytest
import pyvisa
from helpers.served_firmware import served
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError
from test_pymeasure import Resistor

from labctl_drivers.errors import LinkLost, LinkTimeout
from labctl_drivers.keithley_24xx import Keithley2450 as Driver2450
from labctl_drivers.link import Link, Probe, make_transport
from labctl_drivers.vocabulary import Guard, Setpoint
from labctl_simulators.faults import Fault, Faulty
from labctl_simulators.firmware.keithley_2400 import Keithley2400
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from labctl_simulators.firmware.keithley_2600 import Keithley2600
from labctl_simulators.firmware.keysight_b2900 import KeysightB2900
from labctl_simulators.ports import is_message_based
from labctl_simulators.servers.hislip import serve_hislip
from labctl_simulators.terminals import Terminals


def make_2450():
    return Keithley2450(Terminals(Resistor()), seed=3)


@contextlib.contextmanager
def sessions(resource, count=1):
    """So many VISA sessions."""
    manager = pyvisa.ResourceManager("@py")
    opened = [manager.open_resource(resource, timeout=3000) for _ in range(count)]
    try:
        yield opened
    finally:
        for each in opened:
            each.close()
        manager.close()


@pytest.fixture
def smu():
    with served(make_2450, "hislip") as resource, sessions(resource) as (session,):
        yield session


# ---- pyvisa-py ---------------------------------------------------------------------------------


def test_a_message_ends_with_end_and_needs_no_line_feed(smu):
    smu.write_raw(b"*IDN?")
    assert smu.read_raw().startswith(b"KEITHLEY INSTRUMENTS,MODEL 2450,")
    smu.write_raw(b"OUTP?\n")
    assert smu.read_raw() == b"0\n"


def test_the_status_byte_shows_errors_and_a_waiting_reply(smu):
    assert smu.read_stb() == 0
    smu.write("NO:SUCH:HEADER")
    assert smu.read_stb() == 4
    assert smu.query("SYST:ERR?").startswith("-113")
    assert smu.read_stb() == 0
    smu.write("OUTP?")
    until = time.monotonic() + 3.0
    while not smu.read_stb() & 16:
        assert time.monotonic() < until
    assert smu.read() == "0\n"
    assert smu.read_stb() == 0


def test_a_reply_that_is_not_read_before_the_next_message_is_lost(smu):
    smu.write("*IDN?")
    while not smu.read_stb() & 16:
        pass
    assert smu.query("OUTP?") == "0\n"
    assert smu.query("SYST:ERR?").startswith('-410,"Query INTERRUPTED')


def test_messages_one_upon_the_other_interrupt_what_is_not_yet_answered(smu):
    smu.write("*IDN?")
    assert smu.query("OUTP?") == "0\n"
    assert smu.query("SYST:ERR?").startswith("-410")


def test_device_clear_frees_a_hung_query_and_leaves_the_settings(smu):
    # 3 conversions of 10 cycles, 100 times: a minute of the instrument's
    smu.write("SOUR:VOLT 1;:SOUR:VOLT:ILIM 1E-2;:OUTP ON;:SENS:CURR:NPLC 10")
    smu.write("SENS:CURR:AVER:COUN 100;:SENS:CURR:AVER ON")
    smu.timeout = 100
    with pytest.raises(VisaIOError) as caught:
        smu.query("READ?")
    assert caught.value.error_code == StatusCode.error_timeout
    smu.timeout = 3000
    smu.clear()
    assert smu.query("OUTP?;:SOUR:VOLT?;:SENS:CURR:AVER:COUN?") == "1;1.000000E+00;100\n"
    assert smu.query("SYST:ERR?").startswith("0,")


def test_a_long_reply_comes_in_the_pieces_that_the_client_takes(smu):
    smu.write("SENS:COUN 200;:SENS:CURR:NPLC 0.01;:TRAC:TRIG")
    whole = smu.query("TRAC:DATA? 1,200")
    assert len(whole.split(",")) == 200
    interface = smu.visalib.sessions[smu.session].interface
    interface.max_msg_size = 64
    assert smu.query("TRAC:DATA? 1,200") == whole


def test_a_long_message_goes_in_pieces(smu):
    interface = smu.visalib.sessions[smu.session].interface
    interface._max_msg_size = 24
    assert smu.query("SOUR:VOLT 1.25;:SOUR:VOLT:ILIM 1E-2;:SOUR:VOLT?") == "1.250000E+00\n"


def test_an_exclusive_lock_shuts_out_a_second_session():
    with served(make_2450, "hislip") as resource, sessions(resource, 2) as (one, two):
        first, second = (s.visalib.sessions[s.session].interface for s in (one, two))
        assert first.async_lock_request(0.0) == "success"
        assert first.async_lock_request(0.0) == "error"
        assert second.async_lock_request(0.05) == "failure"
        assert (first.async_lock_info(), second.async_lock_info()) == (1, 1)
        two.write("SOUR:VOLT 7")
        assert one.query("SOUR:VOLT?") == "0.000000E+00\n"
        two.timeout = 100
        with pytest.raises(VisaIOError):
            two.query("*IDN?")
        assert first.async_lock_release() == "success"
        assert first.async_lock_release() == "error"
        two.timeout = 3000
        assert "MODEL 2450" in two.read()
        assert one.query("SOUR:VOLT?") == "7.000000E+00\n"
        assert second.async_lock_request(0.0) == "success"


def test_a_shared_lock_is_for_those_who_know_its_key():
    with served(make_2450, "hislip") as resource, sessions(resource, 3) as opened:
        one, two, three = (s.visalib.sessions[s.session].interface for s in opened)
        assert one.async_lock_request(0.0, "key") == "success shared"
        assert two.async_lock_request(0.0, "key") == "success shared"
        assert three.async_lock_request(0.0, "other") == "failure"
        assert three.async_lock_request(0.0) == "failure"
        assert "2450" in opened[1].query("*IDN?")
        assert one.async_lock_request(0.0) == "success"
        opened[1].write("SOUR:VOLT 7")
        assert opened[0].query("SOUR:VOLT?") == "0.000000E+00\n"


def test_a_lock_is_free_when_its_holder_has_gone():
    with served(make_2450, "hislip") as resource:
        with sessions(resource) as (gone,):
            gone.visalib.sessions[gone.session].interface.async_lock_request(0.0)
        with sessions(resource) as (here,):
            here.visalib.sessions[here.session].interface.async_lock_request(3.0)
            assert "2450" in here.query("*IDN?")


def test_two_sessions_get_each_its_own_replies():
    with served(make_2450, "hislip") as resource, sessions(resource, 2) as (one, two):
        one.write("SENS:COUN 20;:READ?")
        two.write("*IDN?")
        assert "2450" in two.read()
        assert float(one.read()) == pytest.approx(0.0, abs=1e-3)
        assert one.query("SYST:ERR?").startswith("0,")


def test_a_trigger_message_is_the_bus_trigger():
    def make():
        return Keithley2400(Terminals(Resistor()), seed=3)

    with served(make, "hislip") as resource, sessions(resource) as (smu,):
        smu.write(":SENS:FUNC 'CURR';:FORM:ELEM CURR;:SOUR:VOLT 1;:SENS:CURR:PROT 1E-2;:OUTP ON")
        smu.write(":ARM:SOUR BUS;:INIT")
        assert smu.query(":STAT:OPER:COND?") == "64\n"
        smu.visalib.sessions[smu.session].interface.trigger()
        assert float(smu.query("*WAI;:FETC?")) == pytest.approx(1e-3, rel=2e-3)
        assert smu.query(":SYST:ERR?").startswith("0,")


def test_a_reply_beyond_the_output_buffer_with_more_to_come_is_a_deadlock():
    def make():
        return Keithley2400(Terminals(Resistor()), seed=3)

    with served(make, "hislip") as resource, sessions(resource) as (smu,):
        smu.write(":SENS:CURR:NPLC 0.01;:SYST:AZER OFF;:SOUR:VOLT 1;:SENS:CURR:PROT 1;:OUTP ON")
        smu.write(":TRAC:POIN 2000;:TRAC:FEED:CONT NEXT;:TRIG:COUN 2000;:INIT;*WAI")
        smu.write(":TRAC:DATA?\n:OUTP?")
        assert smu.read() == "1\n"
        assert smu.query(":SYST:ERR?").startswith("-430")


@pytest.mark.parametrize(
    ("make", "ask", "says"),
    [
        (lambda: Keithley2600(Terminals(Resistor()), seed=3), "print(errorqueue.next())", "-410"),
        (lambda: KeysightB2900(Terminals(Resistor()), seed=3), ":SYST:ERR?", "-410"),
    ],
    ids=["2600", "b2900"],
)
def test_other_instruments_interrupt_as_well(make, ask, says):
    with served(make, "hislip") as resource, sessions(resource) as (smu,):
        assert smu.query("*IDN?")
        smu.write("*IDN?")
        while not smu.read_stb() & 16:
            pass
        assert smu.query("*OPC?") == "1\n"
        code = smu.query(ask).split(",")[0].split("\t")[0]
        assert float(code) == float(says)


def test_device_clear_stops_a_script():
    def make():
        return Keithley2600(Terminals(Resistor()), seed=3)

    with served(make, "hislip") as resource, sessions(resource) as (smu,):
        smu.timeout = 100
        with pytest.raises(VisaIOError):
            smu.query("delay(1000) print(1)")
        smu.timeout = 3000
        smu.clear()
        assert smu.query("print(2)") == "2.00000e+00\n"


# ---- our own link ------------------------------------------------------------------------------


class Hangs(Keithley2450):
    """A 2450 that, when told to, forgets to answer; it counts the device clears."""

    mute = False
    clears = 0

    def feed(self, data, now):
        replies = super().feed(data, now)
        return [] if self.mute else replies

    def device_clear(self, now):
        self.clears += 1
        self.mute = False
        super().device_clear(now)


@contextlib.asynccontextmanager
async def driven(firmware):
    async with serve_hislip(firmware, speed=20.0) as resource:
        smu = Driver2450(Link(make_transport(resource, visa_library="@py")), channel=1)
        try:
            yield smu
        finally:
            await smu.close()


async def test_our_driver_runs_over_hislip_and_recovers_by_device_clear():
    firmware = Hangs(Terminals(Resistor()), instrument_error=0.0)
    async with driven(firmware) as smu:
        opened = await smu.open()
        assert opened.identity.model == "2450"
        await smu.apply(Setpoint("current", 5e-4, 1.0), Guard(-0.5, 1.5, 5e-3))
        reading = await smu.read()
        assert reading.current_A == pytest.approx(5e-4, rel=5e-3)
        clears = firmware.clears
        firmware.mute = True
        with pytest.raises(LinkTimeout):
            await smu.read()
        assert firmware.output_on
        reading = await smu.read()
        assert firmware.clears > clears
        assert reading.current_A == pytest.approx(5e-4, rel=5e-3)
        await smu.safe()
        assert not firmware.output_on


async def test_a_late_reply_answers_no_later_query():
    """pyvisa-py cannot clear over a reply that nobody read; the link takes a new session."""
    firmware = Keithley2450(Terminals(Resistor()), instrument_error=0.0)
    async with serve_hislip(firmware, speed=20.0) as resource:
        probe = Probe(b"*IDN?", lambda frame: frame.startswith(b"KEITHLEY"), timeout_s=3.0)
        link = Link(make_transport(resource, visa_library="@py"), probe=probe)
        await link.open()
        # a hundred times three conversions of 2 cycles: 12 s of the instrument's, 0.6 s here
        await link.write(b"SOUR:VOLT 1;:OUTP ON;:SENS:CURR:NPLC 2;:SENS:CURR:AVER:COUN 100")
        await link.write(b"SENS:CURR:AVER ON")
        with pytest.raises(LinkTimeout):
            await link.query(b"READ?", 0.1)
        await asyncio.sleep(1.0)
        assert await link.query(b"OUTP?;:SENS:CURR:AVER:COUN?", 3.0) == b"1;100"
        await link.close()


async def test_a_lost_server_is_a_lost_link():
    firmware = Hangs(Terminals(Resistor()), instrument_error=0.0)
    async with serve_hislip(firmware, speed=20.0) as resource:
        link = Link(make_transport(resource, visa_library="@py"))
        await link.open()
        assert b"2450" in await link.query(b"*IDN?", 3.0)
    with pytest.raises(LinkLost):
        await link.query(b"*IDN?", 3.0)
    await link.close()


async def test_faults_of_the_wire_come_over_hislip_as_well():
    faults = {"reset": Fault(after_s=1.0)}
    firmware = Faulty(Keithley2450(Terminals(Resistor()), instrument_error=0.0), faults)
    assert is_message_based(firmware)
    async with serve_hislip(firmware, speed=20.0) as resource:
        link = Link(make_transport(resource, visa_library="@py"))
        await link.open()
        assert b"2450" in await link.query(b"*IDN?", 3.0)
        await asyncio.sleep(0.1)
        with pytest.raises(LinkLost):
            await link.query(b"*IDN?", 3.0)
        await link.open()
        assert b"2450" in await link.query(b"*IDN?", 3.0)
        await link.close()


def test_who_has_no_message_ends_is_known():
    class Plain:
        def feed(self, data, now):
            return []

        def advance(self, now):
            pass

    assert not is_message_based(Plain())
