"""PyMeasure's drivers, unchanged, on the simulated instruments: sockets, ptys, HiSLIP."""

import contextlib
import os
import warnings

import pytest
from helpers.served_firmware import served

from labctl_simulators.firmware.keithley_2400 import Keithley2400
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from labctl_simulators.ports import Ledger
from labctl_simulators.terminals import Terminals

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pymeasure.instruments.keithley import Keithley2400 as Client2400
    from pymeasure.instruments.keithley import Keithley2450 as Client2450

OHMS = 1000.0


class Resistor:
    """A kilohm."""

    def voltage(self, current_A: float) -> float:
        return OHMS * current_A

    def step(self, dt_s: float, current_A: float) -> None:
        pass

    def ledger(self) -> Ledger:
        return Ledger(0.0, 0.0, 0.0)

    def horizon_s(self, current_A: float) -> float:
        return 1e9


WAYS = [
    "tcp",
    "hislip",
    pytest.param("pty", marks=pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals")),
]
VISA = {
    "visa_library": "@py",
    "read_termination": "\n",
    "write_termination": "\n",
    "timeout": 5000,
}


@contextlib.contextmanager
def connected(client, make, way):
    with served(make, way) as resource:
        device = client(resource, **VISA)
        try:
            yield device
        finally:
            device.adapter.close()
            device.adapter.manager.close()


@pytest.fixture(params=WAYS)
def smu2400(request):
    baud = 57600 if request.param == "pty" else None

    def make():
        return Keithley2400(Terminals(Resistor()), seed=3, baud=baud)

    with connected(Client2400, make, request.param) as device:
        yield device


@pytest.fixture(params=WAYS)
def smu2450(request):
    def make():
        return Keithley2450(Terminals(Resistor()), seed=3)

    with connected(Client2450, make, request.param) as device:
        yield device


def test_2400_identifies_itself(smu2400):
    maker, model, serial, revision = smu2400.id.split(",")
    assert (maker, model) == ("KEITHLEY INSTRUMENTS INC.", "MODEL 2400")
    assert serial.isdigit()
    assert revision.endswith("-sim")


def test_2400_sources_a_current_and_reads_back(smu2400):
    smu2400.reset()
    smu2400.reset_data_format()
    smu2400.source_mode = "current"
    smu2400.source_current_range = 1e-3
    smu2400.compliance_voltage = 5
    smu2400.source_current = 5e-4
    smu2400.enable_source()
    assert smu2400.source_enabled
    assert smu2400.voltage == pytest.approx(0.5, rel=2e-3)
    assert smu2400.current == pytest.approx(5e-4, rel=2e-3)
    smu2400.disable_source()
    assert not smu2400.source_enabled
    assert smu2400.check_errors() == []


def test_2400_measures_everything_at_once(smu2400):
    smu2400.source_mode = "voltage"
    smu2400.source_voltage_range = 2
    smu2400.source_voltage = 1.0
    smu2400.compliance_current = 1e-2
    smu2400.enable_source()
    reading = smu2400.measure_all()
    assert reading["voltage"] == pytest.approx(1.0, rel=2e-3)
    assert reading["current"] == pytest.approx(1e-3, rel=2e-3)
    assert reading["resistance"] == pytest.approx(OHMS, rel=4e-3)
    assert not reading["status"] & 8
    assert smu2400.check_errors() == []


def test_2400_shows_compliance(smu2400):
    smu2400.source_mode = "current"
    smu2400.source_current = 1e-2
    smu2400.compliance_voltage = 2.0
    smu2400.enable_source()
    reading = smu2400.measure_all()
    assert reading["voltage"] == pytest.approx(2.0, abs=5e-3)
    assert reading["status"] & 8


def test_2400_settings_read_back(smu2400):
    smu2400.source_delay = 0.25
    assert smu2400.source_delay == 0.25
    assert smu2400.source_delay_auto_enabled is False
    smu2400.auto_zero_enabled = False
    assert smu2400.auto_zero_enabled is False
    smu2400.output_off_state = "HIMP"
    assert smu2400.output_off_state == "disconnected"
    smu2400.wires = 4
    assert smu2400.wires == 4
    smu2400.current_nplc = 0.1
    assert smu2400.voltage_nplc == 0.1
    smu2400.front_terminals_enabled = False
    assert smu2400.front_terminals_enabled is False
    smu2400.filter_count = 5
    smu2400.filter_enabled = True
    assert smu2400.filter_enabled
    assert smu2400.filter_count == 5
    smu2400.line_frequency = 60
    assert smu2400.line_frequency == 60
    smu2400.auto_output_off_enabled = True
    assert smu2400.auto_output_off_enabled
    assert smu2400.check_errors() == []


def test_2400_error_queue_comes_out_through_check_errors(smu2400):
    smu2400.write(":SOUR:CURR 5")
    smu2400.write(":NO:SUCH:HEADER 1")
    assert [entry[0] for entry in smu2400.check_errors()] == [-222, -113]
    assert smu2400.check_errors() == []


def test_2400_buffer_fills_and_gives_its_figures(smu2400):
    smu2400.source_mode = "voltage"
    smu2400.source_voltage = 1.0
    smu2400.compliance_current = 1e-2
    smu2400.write(":SENS:FUNC:CONC ON;:SENS:FUNC 'VOLT','CURR'")
    smu2400.enable_source()
    smu2400.config_buffer(points=5)
    smu2400.start_buffer()
    smu2400.wait_for_buffer(timeout=10, interval=0.05)
    assert smu2400.buffer_data.shape == (25,)
    assert smu2400.mean_voltage == pytest.approx(1.0, rel=3e-3)
    assert smu2400.std_current < 1e-6
    assert smu2400.check_errors() == []


def test_2400_shuts_down(smu2400):
    smu2400.source_mode = "voltage"
    smu2400.source_voltage = 0.2
    smu2400.enable_source()
    smu2400.ramp_to_voltage(0.0, steps=3, pause=0.0)
    smu2400.stop_buffer()
    smu2400.disable_source()
    assert smu2400.source_voltage == 0.0
    assert not smu2400.source_enabled
    assert smu2400.check_errors() == []


def test_2450_identifies_itself(smu2450):
    maker, model, serial, revision = smu2450.id.split(",")
    assert (maker, model) == ("KEITHLEY INSTRUMENTS", "MODEL 2450")
    assert len(serial) == 8
    assert revision.endswith("-sim")


def test_2450_sources_a_current_and_measures_the_voltage(smu2450):
    smu2450.reset()
    smu2450.apply_current(current_range=1e-3, compliance_voltage=5)
    smu2450.source_current = 5e-4
    smu2450.enable_source()
    smu2450.measure_voltage(nplc=0.1, voltage=2.0, auto_range=False)
    assert smu2450.source_enabled
    assert smu2450.voltage == pytest.approx(0.5, rel=2e-3)
    smu2450.measure_current(nplc=0.1)
    assert smu2450.current == pytest.approx(5e-4, rel=2e-3)
    smu2450.disable_source()
    assert not smu2450.source_enabled
    assert smu2450.check_errors() == []


def test_2450_holds_the_current_limit_of_a_voltage_source(smu2450):
    smu2450.apply_voltage(voltage_range=20, compliance_current=1e-3)
    smu2450.source_voltage = 5.0
    smu2450.enable_source()
    smu2450.measure_current(nplc=0.1)
    assert smu2450.current == pytest.approx(1e-3, rel=2e-3)
    assert smu2450.ask(":SOUR:VOLT:ILIM:TRIP?").strip() == "1"
    assert smu2450.compliance_current == 1e-3
    smu2450.measure_resistance(nplc=0.1)
    assert smu2450.resistance == pytest.approx(OHMS, rel=5e-3)
    assert smu2450.check_errors() == []


def test_2450_settings_read_back(smu2450):
    smu2450.source_mode = "current"
    assert smu2450.source_mode == "current"
    smu2450.current_output_off_state = "HIMP"
    assert smu2450.current_output_off_state == "HIMP"
    assert smu2450.voltage_output_off_state == "NORM"
    smu2450.current_nplc = 2
    assert smu2450.current_nplc == 2
    assert smu2450.voltage_nplc == 1
    smu2450.source_current_delay = 0.5
    assert smu2450.source_current_delay == 0.5
    assert smu2450.source_current_delay_auto is False
    smu2450.wires = 4
    assert smu2450.wires == 4
    smu2450.current_filter_count = 7
    assert smu2450.current_filter_count == 7
    smu2450.use_rear_terminals()
    smu2450.beep(440, 0.1)
    assert smu2450.check_errors() == []


def test_2450_error_queue_comes_out_through_check_errors(smu2450):
    smu2450.write(":SOUR:CURR:VLIM 500")
    smu2450.write(":NO:SUCH:HEADER 1")
    assert [entry[0] for entry in smu2450.check_errors()] == [-222, -113]


def test_2450_has_no_2400_buffer_as_pymeasure_expects(smu2450, caplog):
    smu2450.config_buffer(points=10)
    refused = [r.message for r in caplog.records if "-113" in r.message]
    assert refused
    assert smu2450.buffer_points == 10


def test_a_client_may_go_and_another_come():
    def make():
        return Keithley2450(Terminals(Resistor()))

    with served(make, "tcp") as resource:
        for _ in range(3):
            device = Client2450(resource, **VISA)
            assert "2450" in device.id
            device.adapter.close()
            device.adapter.manager.close()
