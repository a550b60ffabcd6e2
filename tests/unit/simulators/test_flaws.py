"""Instruments with something wrong in them: a converter that hangs, a current that is another."""

import math

import pytest
from wired import Capacitor, Host, Make, Resistor

from labctl_simulators.firmware.keithley_2400 import Keithley2400
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from labctl_simulators.terminals import Terminals

VOLTS = {
    Keithley2450: ['SENS:FUNC "VOLT"', "SOUR:FUNC CURR", "SOUR:CURR 1e-3", "SOUR:CURR:VLIM 10"],
    Keithley2400: [
        ":SENS:FUNC 'VOLT','CURR'",
        ":SOUR:FUNC CURR",
        ":SOUR:CURR 1e-3",
        ":SENS:VOLT:PROT 10",
    ],
}
AMPS = {
    Keithley2450: ['SENS:FUNC "CURR"', "SOUR:VOLT 5", "SOUR:VOLT:ILIM 1e-3"],
    Keithley2400: [":SENS:FUNC 'VOLT','CURR'", ":SOUR:VOLT 5", ":SENS:CURR:PROT 1e-3"],
}
both = pytest.mark.parametrize("make", [Keithley2400, Keithley2450])


def host_on(make: Make, cell: Resistor, lines: list[str], **flaws: float) -> Host:
    host = Host(make(Terminals(cell), instrument_error=0.0, **flaws))
    host.send(*lines, "OUTP ON")
    assert host.codes() == []
    return host


@both
def test_a_frozen_converter_repeats_itself_while_the_cell_goes_on(make: Make) -> None:
    cell = Capacitor(farads=10.0, emf_V=1.0)
    host = host_on(make, cell, VOLTS[make], frozen_at_h=0.1)
    live = []
    for _ in range(5):
        host.wait(60.0)
        live.append(host.ask("READ?"))
    assert len(set(live)) == 5
    host.wait(100.0)
    frozen = []
    for _ in range(5):
        host.wait(60.0)
        reading = host.ask("READ?")
        # the 2400 sends its clock along, which does not hang
        frozen.append(reading.split(",")[:2])
    assert all(each == frozen[0] for each in frozen)
    # 1 mA on 10 F for 300 s: it has moved by 30 mV meanwhile
    assert cell.emf_V > 1.0 + 1e-3 / 10.0 * 600.0
    assert float(frozen[0][0]) == pytest.approx(1.01 + 1e-3 / 10.0 * 460.0, abs=3e-3)


@both
@pytest.mark.parametrize("deviation", [0.1, -0.5])
def test_another_current_flows_than_was_acknowledged(make: Make, deviation: float) -> None:
    as_level = host_on(make, Resistor(ohms=1000.0), VOLTS[make], set_deviation=deviation)
    assert as_level.values("SOUR:CURR?") == [1e-3]
    assert as_level.values("READ?")[0] == pytest.approx(1.0 + deviation, rel=1e-3)
    as_limit = host_on(make, Resistor(ohms=1000.0), AMPS[make], set_deviation=deviation)
    asked = "SOUR:VOLT:ILIM?" if make is Keithley2450 else "SENS:CURR:PROT?"
    assert as_limit.values(asked) == [1e-3]
    amps = as_limit.values("READ?")[0 if make is Keithley2450 else 1]
    assert amps == pytest.approx(1e-3 * (1.0 + deviation), rel=1e-3)


@both
@pytest.mark.parametrize(
    "flaws",
    [
        {"instrument_error": -1.0},
        {"frozen_at_h": -0.1},
        {"set_deviation": -1.5},
        {"set_deviation": math.nan},
    ],
)
def test_flaws_that_cannot_be_are_refused(make: Make, flaws: dict[str, float]) -> None:
    (name,) = flaws
    with pytest.raises(ValueError, match=f"{name} = "):
        make(Terminals(Resistor()), **flaws)
