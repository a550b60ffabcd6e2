"""Instrument errors: within the data sheet, of the right width, independent by polarity."""

from statistics import pstdev

import pytest
from wired import Host, Resistor

from labctl_simulators.firmware.calibration import Calibration, apply
from labctl_simulators.firmware.keithley_2400 import Keithley2400
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from labctl_simulators.firmware.models import SERIES_2400, SERIES_2450
from labctl_simulators.terminals import Terminals

EVERY = [*SERIES_2400.values(), *SERIES_2450.values()]


@pytest.mark.parametrize("model", EVERY, ids=lambda model: model.name)
@pytest.mark.parametrize("sign", [1, -1])
def test_every_drawn_instrument_is_within_its_specification(model, sign):
    for seed in range(100):
        drawn = Calibration(model, seed, 1.0)
        for quantity in ("VOLT", "CURR"):
            for index, span in enumerate(model.ranges(quantity)):
                for share in (1e-6, 0.5, 1.0):
                    value = sign * share * span.full_scale
                    error = abs(apply(drawn.source[quantity][index], value) - value)
                    assert error <= span.source_gain * abs(value) + span.source_offset
                    error = abs(apply(drawn.measure[quantity][index], value) - value)
                    assert error <= span.measure_gain * abs(value) + span.measure_offset


@pytest.mark.parametrize("part", ["gain", "offset"])
@pytest.mark.parametrize("polarity", [0, 1])
def test_errors_spread_by_about_half_the_limit(part, polarity):
    model = SERIES_2450["2450"]
    index = model.index("CURR", 1e-3)
    span = model.amps[index]
    drawn = [Calibration(model, s, 1.0).measure["CURR"][index][polarity] for s in range(1000)]
    if part == "gain":
        spread = pstdev(gain - 1 for gain, _ in drawn) / span.measure_gain
    else:
        spread = pstdev(offset for _, offset in drawn) / span.measure_offset
    # a normal with sigma 1/2 cut at ±1 has a standard deviation of 0.440
    assert spread == pytest.approx(0.440, abs=0.03)


def test_polarities_are_independent():
    model = SERIES_2400["2400"]
    pairs = [Calibration(model, s, 1.0).measure["CURR"][3] for s in range(1000)]
    plus = [a[0] - 1 for a, _ in pairs]
    minus = [b[0] - 1 for _, b in pairs]
    together = sum(p * m for p, m in zip(plus, minus, strict=True)) / 1000
    assert abs(together) < 0.12 * pstdev(plus) * pstdev(minus)


@pytest.mark.parametrize("model", EVERY, ids=lambda model: model.name)
def test_what_is_measured_has_one_zero(model):
    for pairs in Calibration(model, 7, 1.0).measure.values():
        assert all(plus[1] == minus[1] != 0 for plus, minus in pairs)


@pytest.mark.parametrize("model", EVERY, ids=lambda model: model.name)
def test_without_instrument_error_nothing_is_changed(model):
    drawn = Calibration(model, 7, 0.0)
    for errors in (drawn.source, drawn.limit, drawn.measure):
        for ranges in errors.values():
            assert all(pair == ((1.0, 0.0), (1.0, 0.0)) for pair in ranges)


@pytest.mark.parametrize("make", [Keithley2400, Keithley2450])
def test_noise_has_no_mean_and_falls_with_integration_time(make):
    def readings(nplc):
        firmware = make(Terminals(Resistor(1000.0)), instrument_error=0.0, seed=5)
        host = Host(firmware)
        if make is Keithley2400:
            host.send("SENS:CURR:PROT 1E-3", "SENS:CURR:RANG 1E-3", "FORM:ELEM CURR")
        else:
            host.send("SOUR:VOLT:ILIM 1E-3", "SENS:CURR:RANG 1E-3")
        host.send('SENS:FUNC "CURR"', f"SENS:CURR:NPLC {nplc}", "SOUR:VOLT 0.5", "OUTP ON")
        return [host.values("READ?")[0] for _ in range(400)]

    slow, fast = readings(10), readings(0.01)
    assert sum(slow) / 400 == pytest.approx(5e-4, abs=1e-9)
    assert sum(fast) / 400 == pytest.approx(5e-4, abs=5e-8)
    assert 0 < pstdev(slow) < 0.1 * pstdev(fast)


def test_source_levels_are_multiples_of_the_programming_resolution():
    firmware = Keithley2450(Terminals(Resistor(1000.0)), instrument_error=0.0)
    host = Host(firmware)
    host.send("SOUR:VOLT:RANG 20", "SOUR:VOLT 4.20021", "SOUR:VOLT:ILIM 1E-2", "OUTP ON")
    host.wait(0.1)
    assert firmware.terminals.state().voltage_V == pytest.approx(4.2, abs=1e-12)


def test_a_limit_is_as_accurate_as_its_range():
    held = set()
    for seed in range(50):
        firmware = Keithley2450(Terminals(Resistor(10.0)), seed=seed)
        host = Host(firmware)
        host.send("SOUR:VOLT 1", "SOUR:VOLT:ILIM 5E-4", "OUTP ON")
        host.wait(0.1)
        current_A = firmware.terminals.state().current_A
        # 0.020 % + 150 nA on the 1 mA range
        assert abs(current_A - 5e-4) <= 2e-4 * 5e-4 + 150e-9
        held.add(current_A)
    assert len(held) == 50
