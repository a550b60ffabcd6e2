"""Other people's drivers, unchanged, against the simulated 2600B over real sockets."""

import contextlib
import socket
import sys
import warnings

import pytest
from helpers.served_firmware import served
from test_pymeasure import VISA, Resistor

from labctl_simulators.firmware.keithley_2600 import Keithley2600
from labctl_simulators.terminals import Terminals

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pymeasure.instruments.keithley import Keithley2600 as PyMeasure2600

pytestmark = pytest.mark.filterwarnings(
    "ignore:It is not known whether this device support SCPI:FutureWarning"  # PyMeasure's own
)
# keithley2600 imports xdrlib, which Python 3.13 has no longer
needs_xdrlib = pytest.mark.skipif(sys.version_info >= (3, 13), reason="keithley2600 needs xdrlib")


def make():
    """A kilohm at both channels."""
    return Keithley2600(Terminals(Resistor()), more={2: Terminals(Resistor())}, seed=3)


@pytest.fixture
def pymeasure_smu():
    with served(make, "tcp") as resource:
        device = PyMeasure2600(resource, **VISA)
        try:
            yield device
        finally:
            device.adapter.close()
            device.adapter.manager.close()


@pytest.fixture
def tsp_smu():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from keithley2600 import Keithley2600 as Client

    with served(make, "tcp") as resource:
        device = Client(resource, write_termination="\n", timeout=5000)
        assert device.connected
        try:
            yield device
        finally:
            with contextlib.suppress(AttributeError):
                device.disconnect()
            device.rm.close()


def codes(client):
    found = []
    while (entry := client.next_error)[0] != 0:
        found.append(entry)
    return found


def test_pymeasure_sources_a_voltage_and_reads_the_current(pymeasure_smu):
    channel = pymeasure_smu.ChA
    channel.source_mode = "voltage"
    assert channel.source_mode == "voltage"
    channel.source_voltage_range = 6
    channel.source_voltage = 2.0
    channel.compliance_current = 0.01
    channel.source_output = "ON"
    assert channel.source_output == "ON"
    assert channel.current == pytest.approx(2e-3, rel=2e-3)
    assert channel.voltage == pytest.approx(2.0, rel=2e-3)
    assert channel.resistance == pytest.approx(1000.0, rel=4e-3)
    assert channel.source_voltage == 2.0
    channel.source_output = "OFF"
    assert channel.source_output == "OFF"
    assert codes(pymeasure_smu) == []


def test_pymeasure_sources_a_current_on_the_other_channel(pymeasure_smu):
    channel = pymeasure_smu.ChB
    channel.source_mode = "current"
    channel.source_current_range = 1e-3
    channel.compliance_voltage = 0.3
    channel.source_current = 5e-4
    channel.wires_mode = "4"
    assert channel.wires_mode == "4"
    channel.source_output = "ON"
    assert channel.voltage == pytest.approx(0.3, rel=5e-3)  # the limit, not 0.5 V
    channel.compliance_voltage = 5
    assert channel.voltage == pytest.approx(0.5, rel=5e-3)
    channel.ramp_to_current(0.0, steps=3, pause=0.0)
    assert channel.source_current == 0.0
    assert codes(pymeasure_smu) == []


def test_pymeasure_configures_by_its_larger_steps(pymeasure_smu):
    channel = pymeasure_smu.ChA
    channel.apply_voltage(voltage_range=6, compliance_current=0.01)
    channel.measure_current(nplc=0.1, current=1e-3, auto_range=False)
    channel.source_voltage = 0.9
    channel.source_output = "ON"
    assert channel.current_range == 1e-3
    assert channel.current == pytest.approx(9e-4, rel=2e-3)
    channel.source_voltage = 5.0  # 5 mA on the 1 mA range
    assert channel.current == 9.91e37
    channel.source_output = "OFF"
    assert channel.source_output == "OFF"
    assert pymeasure_smu.check_errors() == []


def test_pymeasures_own_fault_with_nplc_is_seen_as_one(pymeasure_smu):
    pymeasure_smu.ChA.measure_nplc = 25  # it sends the place in its list of limits: 1
    assert pymeasure_smu.ask("print(smua.measure.nplc)") == "1.00000e+00"
    pymeasure_smu.ChA.measure_nplc = 0.001  # and here 0
    assert [code for code, _ in codes(pymeasure_smu)] == [1102]


def test_pymeasure_gets_the_instruments_errors(pymeasure_smu):
    pymeasure_smu.write("smua.source.levelv = 99")
    pymeasure_smu.write("no such thing")
    assert [code for code, _ in codes(pymeasure_smu)] == [1101, -285]


def test_a_script_goes_on_when_its_client_is_gone():
    with served(make, "tcp") as resource:
        _, host, port, _ = resource.split("::")

        def ask(line: bytes) -> bytes:
            with socket.create_connection((host, int(port)), timeout=10) as link:
                link.sendall(line + b"\nprint(smua.source.output)\n")
                return link.makefile("rb").readline()

        assert ask(b"smua.source.levelv=1 smua.source.output=1") == b"1.00000e+00\n"
        with socket.create_connection((host, int(port)), timeout=10) as link:
            # 40 s of the instrument's time, 2 s of the host's
            link.sendall(b"loadandrunscript\ndelay(40)\nsmua.source.output=0\nendscript\n")
        # an answer comes only when the script is over
        assert ask(b"") == b"0.00000e+00\n"


@needs_xdrlib
def test_keithley2600_finds_the_commands_by_itself(tsp_smu):
    assert {"smua", "smub", "errorqueue", "display", "format", "localnode"} <= set(dir(tsp_smu))
    assert {"source", "measure", "nvbuffer1", "OUTPUT_ON", "sense"} <= set(dir(tsp_smu.smua))
    assert tsp_smu.localnode.model == "2602B"
    assert tsp_smu.smua.OUTPUT_DCVOLTS == 1
    with pytest.raises(AttributeError, match="read-only"):
        tsp_smu.smua.source.compliance = True


@needs_xdrlib
def test_keithley2600_applies_and_measures(tsp_smu):
    smu = tsp_smu.smua
    tsp_smu.set_integration_time(smu, 0.002)
    assert smu.measure.nplc == pytest.approx(0.1)
    smu.source.limiti = 0.01
    tsp_smu.apply_voltage(smu, 1.5)
    assert smu.source.output == smu.OUTPUT_ON
    assert tsp_smu.measure_voltage(smu) == pytest.approx(1.5, rel=2e-3)
    assert tsp_smu.measure_current(smu) == pytest.approx(1.5e-3, rel=2e-3)
    current, voltage = smu.measure.iv()
    assert voltage / current == pytest.approx(1000.0, rel=4e-3)
    tsp_smu.ramp_to_voltage(smu, 0.5, delay=0.0, step_size=0.5)
    assert smu.source.levelv == 0.5
    tsp_smu.apply_current(tsp_smu.smub, 1e-3)
    assert tsp_smu.measure_voltage(tsp_smu.smub) == pytest.approx(1.0, rel=2e-3)
    assert tsp_smu.read_error_queue() == []


@needs_xdrlib
def test_keithley2600_reads_a_buffer_and_the_errors(tsp_smu):
    smu = tsp_smu.smua
    smu.measure.count = 3
    smu.measure.v(smu.nvbuffer1)
    assert len(tsp_smu.read_buffer(smu.nvbuffer1)) == 3
    tsp_smu.create_lua_attr("answer", 42)
    assert tsp_smu.answer == 42
    smu.source.levelv = 99
    ((code, words, severity, node),) = tsp_smu.read_error_queue()
    assert (code, words, severity, node) == (1101, "Parameter too big", 20, 1)


@needs_xdrlib
def test_keithley2600_sweeps_a_voltage(tsp_smu):
    levels = [0.05 * step for step in range(21)]
    # it waits until it has seen the sweep run: 21 times 1.5 s here are 1.6 s of the host's time
    volts, amps = tsp_smu.voltage_sweep_single_smu(
        tsp_smu.smua, levels, t_int=0.5, delay=-1, pulsed=False
    )
    assert volts == pytest.approx(levels, abs=2e-3)
    assert amps == pytest.approx([level / 1000.0 for level in levels], abs=2e-6)
    assert tsp_smu.read_error_queue() == []
