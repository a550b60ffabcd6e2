"""PyMeasure, unchanged, against the simulated B2900 over a real socket.

It has no class for a B2900; its electrometers B2985/87 have the same command tree.
"""

import itertools
import warnings

import pytest
from helpers.served_firmware import served
from test_pymeasure import OHMS, VISA, Resistor

from labctl_simulators.firmware.keysight_b2900 import KeysightB2900
from labctl_simulators.terminals import Terminals

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pymeasure.instruments.agilent.agilentB298x import AgilentB2985


@pytest.fixture
def smu():
    with served(lambda: KeysightB2900(Terminals(Resistor()), seed=3), "tcp") as resource:
        device = AgilentB2985(resource, **VISA)
        device.write(':SENS:FUNC "VOLT","CURR";:SOUR:VOLT 1;:SENS:CURR:PROT 1E-2')
        try:
            yield device
        finally:
            device.adapter.close()
            device.adapter.manager.close()


def test_it_identifies_itself(smu):
    maker, model, serial, revision = smu.id.split(",")
    assert (maker, model) == ("Keysight Technologies", "B2902A")
    assert serial.startswith("MY")
    assert revision.endswith("-sim")


def test_spot_measurements(smu):
    assert smu.voltage == pytest.approx(1.0, rel=2e-3)
    assert smu.current == pytest.approx(1.0 / OHMS, rel=2e-3)
    assert smu.resistance == pytest.approx(OHMS, rel=4e-3)
    volts, amps, _, _, status, source = smu.measure
    assert volts == pytest.approx(1.0, rel=2e-3)
    assert amps == pytest.approx(1.0 / OHMS, rel=2e-3)
    assert (status, source) == (0.0, 1.0)
    assert smu.check_errors() == []


def test_trigger_settings_read_back(smu):
    smu.trigger_all_source = "TIM"
    smu.trigger_all_timer = 0.01
    smu.trigger_all_count = 5
    smu.trigger_all_delay = 0.0
    assert smu.trigger_acquisition_source == smu.trigger_transient_source == "TIM"
    assert smu.trigger_acquisition_timer == 0.01
    assert smu.trigger_transient_count == 5
    smu.arm_acquisition_count = 2
    assert smu.arm_acquisition_count == 2
    assert smu.check_errors() == []


def test_an_acquisition_paced_by_the_timer(smu):
    smu.trigger_all_source = "TIM"
    smu.trigger_all_timer = 0.05
    smu.trigger_all_count = 4
    smu.init()
    assert smu.trigger_all_is_idle
    smu.write(":FORM:ELEM:SENS TIME")
    times = smu.values(":FETC:ARR?")
    assert [b - a for a, b in itertools.pairwise(times)] == pytest.approx([0.05] * 3)
    smu.init()
    smu.abort()
    assert smu.check_errors() == []


def test_the_interlock(smu):
    assert smu.interlock_enabled


def test_what_only_an_electrometer_has_is_refused(smu):
    smu.write(":INP ON")
    smu.write(":FUNC 'CHAR'")  # here, the shape of the source: a word and no string
    assert [entry[0] for entry in smu.check_errors()] == [-113, -104]
