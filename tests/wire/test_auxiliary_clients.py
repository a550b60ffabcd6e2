"""Other people's clients, unchanged, against the simulated scanners; and the chamber's wire.

PyMeasure's DAQ6510 and DMM6500, daqmon's 34970A. The chamber's maker has a library for Python 2
only (chamberconnectlibrary 2.2.5), which cannot be run here: its requests are sent by hand.
PyMeasure's `channels[n].nplc` of the DMM6500 fails before it writes (KeyError: 'ch').
"""

import os
import socket
import warnings

import pytest
import serial
from daqmon.instrument import HP34970A
from helpers.served_firmware import served
from test_pymeasure import connected

from labctl_simulators.firmware.daq6510 import Daq6510
from labctl_simulators.firmware.espec import Espec
from labctl_simulators.firmware.keysight_34970a import Keysight34970A
from labctl_simulators.probes import Steady

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pymeasure.instruments.keithley import KeithleyDAQ6510, KeithleyDMM6500

needs_pty = pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals")


def codes(client):
    found = []
    while not (entry := client.ask("SYST:ERR?")).startswith("0,"):
        found.append(entry)
    return found


def test_pymeasure_scans_relays_of_a_daq6510():
    with connected(KeithleyDAQ6510, lambda: Daq6510({101: Steady(300.15)}, seed=3), "tcp") as daq:
        assert daq.id.startswith("KEITHLEY INSTRUMENTS,MODEL DAQ6510")
        daq.close_channel(101)
        assert daq.ask("ROUT:CLOS?").strip() == "(@101)"
        daq.write('SENS:FUNC "TEMP",(@101)')
        assert daq.voltage == pytest.approx(27.0, abs=1.05)  # its name for READ?
        daq.open_channels([101, 102])
        assert daq.ask("ROUT:CLOS?").strip() == "(@)"
        daq.measure_voltage(nplc=2)
        assert daq.voltage_nplc == 2.0
        daq.voltage_range = 10
        assert daq.voltage_range == 10.0
        daq.measure_resistance()
        assert daq.resistance == pytest.approx(9.9e37)
        daq.beep(500, 0.1)
        daq.open_channel(555)
        errors = codes(daq)
        assert [entry.split(",")[0] for entry in errors] == ["-222"]


def test_pymeasure_takes_a_temperature_with_a_dmm6500():
    def make():
        probes = {0: Steady(300.15), 3: Steady(310.15)}
        return Daq6510(probes, seed=3, model="DMM6500", rear=False)

    with connected(KeithleyDMM6500, make, "tcp") as dmm:
        assert dmm.command_set == "SCPI"
        dmm.measure_temperature()
        assert dmm.mode == "temperature"
        assert dmm.temperature == pytest.approx(27.0, abs=1.05)
        dmm.temperature_nplc = 5
        assert dmm.temperature_nplc == 5.0
        before = dmm.temperature
        dmm.temperature_relative = 2.0
        dmm.temperature_relative_enabled = True
        assert dmm.temperature == pytest.approx(before - 2.0, abs=0.1)
        assert dmm.temperature_digits == 5
        dmm.channels[3].mode = "temperature"
        assert dmm.channels[3].mode == "temperature"
        assert dmm.terminals_used == "FRONT"
        assert dmm.line_frequency == 50
        dmm.displayed_text("hot", "cell")
        assert codes(dmm) == []


@needs_pty
def test_daqmon_monitors_a_34970a_over_rs232():
    def make():
        return Keysight34970A({101: Steady(300.15), 102: Steady(310.15)}, seed=3, baud=9600)

    with served(make, "pty") as resource:
        device = HP34970A(resource.removeprefix("ASRL").removesuffix("::INSTR"))
        device.open()
        try:
            assert "34970A" in device.idn()
            device.clear_status()
            device.configure_thermocouple([101, 102], "K", "fixed", ref_fixed_temp=23.0)
            assert device.query_tc_type(101) == "K"
            assert device.query_tc_rjunction(101) == "FIX"
            assert float(device.query_tc_fixed_rjunction_temp(101)) == 23.0
            assert float(device.query_channel_nplc(101, "TEMP")) == 1.0
            assert "TEMP" in device.query_channel_function(101)
            device.set_channel_delay(101, 0.5)
            assert float(device.query_channel_delay(101)) == 0.5
            device.set_scan_list([101, 102])
            assert device.get_scan_channel_list() == "#210(@101,102)"
            device.set_scan_count(2)
            device.set_scan_interval(5.0)
            assert device.query_trigger_source() == "TIM"
            assert float(device.query_trigger_timer()) == 5.0
            assert float(device.query_trigger_count()) == 2.0
            device.enable_channel_in_readings()
            device.initiate_scan()
            assert device.query("*OPC?") == "1"
            assert device.get_data_count() == 4
            pairs = device.query_readings_with_channels("DATA:REM? 4")
            assert [channel for _, channel in pairs] == [101, 102, 101, 102]
            assert [degC for degC, _ in pairs] == pytest.approx([27, 37, 27, 37], abs=1.05)
            device.set_scan_count(0)
            assert float(device.query_trigger_count()) == 9.9e37
            device.initiate_scan()
            device.abort_scan()
            assert device.query("SYST:ERR?") == '+0,"No error"'
        finally:
            device.close()


def converse(ask):
    assert ask("TEMP?").split(",")[1:] == ["25.0", "150.0", "-40.0"]
    assert ask("TEMP, S60.0") == "OK:TEMP, S60.0"
    assert ask("1,MODE,CONSTANT") == "OK:MODE,CONSTANT"
    assert ask("MON?").split(",")[1:] == ["", "CONSTANT", "0"]
    assert ask("TEMP, S999.9") == "NA:DATA OUT OF RANGE"
    assert ask("POWER,off") == "OK:POWER,off"


def test_the_chamber_over_tcp():
    with served(Espec, "tcp") as resource:
        _, host, port, _ = resource.split("::")
        with socket.create_connection((host, int(port)), 5) as wire:
            stream = wire.makefile("rwb", buffering=0)

            def ask(line):
                stream.write(f"{line}\r\n".encode())
                return stream.readline().decode().removesuffix("\r\n")

            converse(ask)
            stream.close()


@needs_pty
def test_the_chamber_over_rs232():
    with served(lambda: Espec(baud=9600), "pty") as resource:
        path = resource.removeprefix("ASRL").removesuffix("::INSTR")
        with serial.Serial(path, 9600, timeout=5) as port:

            def ask(line):
                port.write(f"{line}\r\n".encode())
                return port.read_until(b"\r\n").decode().removesuffix("\r\n")

            converse(ask)
