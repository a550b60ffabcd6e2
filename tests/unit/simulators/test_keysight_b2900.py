"""The simulated B2900 against what instruments.md §0.1, §2 and the manual's pages say of it."""

import struct

import pytest
from wired import Capacitor, Host, Resistor

from labctl_simulators.firmware.keysight_b2900 import KeysightB2900
from labctl_simulators.terminals import Terminals

OPEN_SEQUENCE = (
    ":OUTP:ON:AUTO OFF",
    ":OUTP OFF",
    ":OUTP:OFF:MODE HIZ",
    ":SENS:REM ON",
    ':SENS:FUNC "VOLT","CURR"',
    ":FORM:ELEM:SENS VOLT,CURR,TIME,STAT",
)


def wire(cell=None, second=None, **options):
    options.setdefault("instrument_error", 0.0)
    more = {2: Terminals(second)} if second is not None else None
    return Host(KeysightB2900(Terminals(cell or Resistor()), more=more, **options))


def by_voltage(cell, volts, amps, **options):
    """As the reference's CCCV sequence says."""
    host = wire(cell, **options)
    host.send(*OPEN_SEQUENCE)
    host.send(":SOUR:FUNC:MODE VOLT", ":SOUR:VOLT:RANG 20", f":SOUR:VOLT {volts}")
    host.send(":SENS:CURR:RANG 1E-3", f":SENS:CURR:PROT {amps}", ":OUTP ON")
    assert host.codes() == []
    return host


def by_current(cell, amps, volts, **options):
    host = wire(cell, **options)
    host.send(*OPEN_SEQUENCE)
    host.send(":SOUR:FUNC:MODE CURR", f":SOUR:CURR {amps}", f":SENS:VOLT:PROT {volts}")
    assert host.codes() == []
    return host


def test_a_cell_is_charged_by_the_limit_and_then_held_at_the_voltage():
    cell = Capacitor(1.0, emf_V=3.0)
    host = by_voltage(cell, 4.2, 5e-4)
    host.wait(100.0)
    volts, amps, _, status = host.values(":MEAS? (@1)")
    # Q = I · t: 0.5 mA for 100 s into 1 F, and 10 Ω · 0.5 mA over the series resistance
    assert volts == pytest.approx(3.0 + 0.05 + 5e-3, abs=2e-4)
    assert amps == pytest.approx(5e-4, rel=1e-4)
    assert status == 2
    host.wait(36_000.0)
    volts, amps, _, status = host.values(":MEAS? (@1)")
    assert volts == pytest.approx(4.2, abs=2e-4)
    assert abs(amps) < 1e-6
    assert status == 0
    assert cell.emf_V <= 4.2 + 1e-9


def test_a_cell_is_discharged_by_the_limit_and_never_below_the_voltage():
    cell = Capacitor(1.0, emf_V=4.0)
    host = by_voltage(cell, 2.5, 5e-4)
    assert host.values(":MEAS? (@1)")[1] == pytest.approx(-5e-4, rel=1e-3)
    host.wait(36_000.0)
    assert cell.emf_V == pytest.approx(2.5, abs=1e-4)
    assert cell.emf_V >= 2.5 - 1e-9


@pytest.mark.parametrize(
    ("mode", "options", "discharges"),
    [
        ("HIZ", {}, False),
        ("NORM", {}, False),
        ("NORM", {"normal_opens": False}, True),
        ("ZERO", {}, True),
    ],
)
def test_the_off_state_decides_whether_a_cell_is_discharged(mode, options, discharges):
    cell = Capacitor(1.0, emf_V=3.0)
    host = wire(cell, **options)
    host.send(f":OUTP:OFF:MODE {mode}")
    before_V = cell.emf_V
    host.wait(1000.0)
    # ZERO: 0 V with 100 µA, so that 0.1 C leave 1 F in 1000 s
    assert before_V - cell.emf_V == pytest.approx(0.1 if discharges else 0.0, abs=2e-6)


def test_a_power_cycle_brings_the_defaults_back():
    cell = Capacitor(1.0, emf_V=3.0)
    host = by_voltage(cell, 4.2, 5e-4)
    host.firmware.power_cycle(host.now)
    after_V = cell.emf_V
    host.now += 60.0
    assert host.ask(":OUTP?;:OUTP:OFF:MODE?;:OUTP:ON:AUTO?;:SENS:REM?") == "0;NORM;1;0"
    assert host.ask(":SENS:CURR:PROT?") == "+1.000000E-04"
    assert cell.emf_V == after_V


def test_nothing_that_the_open_sequence_forbids_switches_the_output_on():
    host = wire()
    host.send(*OPEN_SEQUENCE)
    for line in (":MEAS? (@1)", ":READ? (@1)"):
        volts, amps, _, _ = host.values(line)
        assert (volts, amps) == (pytest.approx(0, abs=1e-3), pytest.approx(0, abs=1e-6))
    host.send(":INIT (@1)")
    assert host.ask(":OUTP?") == "0"


def test_protection_opens_the_output_when_compliance_is_reached_and_not_later():
    cell = Capacitor(1.0, emf_V=3.0, ohms=10.0)
    host = by_current(cell, 1e-3, 3.5)
    host.send(":OUTP:PROT ON", ":OUTP ON")
    host.wait(10_000.0)
    assert host.ask(":OUTP?") == "0"
    # 3.5 V at the terminals are 3.49 V behind 10 Ω at 1 mA
    assert cell.emf_V == pytest.approx(3.49, abs=1e-5)
    assert host.values(":MEAS? (@1)")[3] == 1 + 8
    host.send(":OUTP:PROT OFF", ":SOUR:CURR 0", ":OUTP ON")
    assert host.values(":MEAS? (@1)")[3] == 1


def test_both_polarities_hold_a_half_cell_between_its_limits():
    for sign, end_V in ((1, 1.5), (-1, -0.5)):
        cell = Capacitor(1.0, emf_V=0.2)
        host = by_current(cell, sign * 1e-3, 2.0, both_polarities=True)
        host.send(":SENS:VOLT:PROT:NEG 0.5", ":SENS:VOLT:PROT:POS 1.5", ":OUTP ON")
        host.wait(36_000.0)
        assert cell.emf_V == pytest.approx(end_V, abs=1e-4)
        assert host.values(":MEAS? (@1)")[3] == 1 + 2


def test_a_timed_list_runs_by_itself_while_nobody_talks():
    cell = Capacitor(1.0, emf_V=1.0)
    host = by_current(cell, 0.0, 4.0)
    host.send(":SOUR:CURR:MODE LIST", ":SOUR:LIST:CURR 1E-3,0,-2E-3", ":FORM:ELEM:SENS CURR,SOUR")
    host.send(":TRIG:SOUR TIM;:TRIG:TIM 100;:TRIG:COUN 3", ":OUTP ON", ":INIT (@1)")
    host.wait(1000.0)
    # 1 mA for 100 s, rest, then -2 mA until the last measurement is over: 2 ms, and back to 0 A
    assert cell.emf_V == pytest.approx(1.0 + 0.1, abs=1e-4)
    amps = host.values(":FETC:ARR? (@1)")
    assert amps[1::2] == [1e-3, 0.0, -2e-3]
    assert amps[0::2] == [pytest.approx(each, abs=1e-6) for each in amps[1::2]]
    assert host.ask(":OUTP?") == "1"


def test_the_last_level_stays_when_it_is_told_to():
    cell = Capacitor(1.0, emf_V=1.0)
    host = by_current(cell, 0.0, 4.0)
    host.send(":SOUR:CURR:MODE LIST", ":SOUR:LIST:CURR 1E-3", ":SOUR:FUNC:TRIG:CONT ON")
    host.send(":OUTP ON", ":INIT:TRAN (@1)")
    host.wait(100.0)
    assert cell.emf_V == pytest.approx(1.1, abs=1e-4)


def test_a_staircase_there_and_back():
    host = wire()
    host.send(':SENS:FUNC "VOLT"', ":FORM:ELEM:SENS SOUR", ":SENS:CURR:PROT 0.01")
    host.send(":SOUR:VOLT:MODE SWE", ":SOUR:VOLT:STAR 0", ":SOUR:VOLT:STOP 1", ":SOUR:SWE:POIN 3")
    host.send(":SOUR:SWE:STA DOUB", ":TRIG:COUN 6")
    assert host.values(":READ:ARR? (@1)") == [0.0, 0.5, 1.0, 1.0, 0.5, 0.0]
    host.send(":SOUR:VOLT:STAR 0.01", ":SOUR:SWE:SPAC LOG", ":TRIG:COUN 3", ":SOUR:SWE:STA SING")
    assert host.values(":READ:ARR? (@1)") == pytest.approx([0.01, 0.1, 1.0])


def test_two_channels_work_beside_each_other():
    one, two = Capacitor(1.0, emf_V=1.0), Capacitor(2.0, emf_V=2.0)
    host = wire(one, two)
    for c in (1, 2):
        host.send(f":OUTP{c}:ON:AUTO OFF", f':SENS{c}:FUNC "VOLT","CURR"')
        host.send(f":SOUR{c}:FUNC:MODE CURR", f":SENS{c}:VOLT:PROT 5")
    host.send(":FORM:ELEM:SENS CURR", ":SOUR1:CURR 1E-3", ":SOUR2:CURR -1E-3")
    host.send(":OUTP1 ON;:OUTP2 ON")
    host.wait(100.0)
    assert host.values(":MEAS? (@1,2)") == [
        pytest.approx(1e-3, rel=1e-3),
        pytest.approx(-1e-3, rel=1e-3),
    ]
    assert one.emf_V == pytest.approx(1.1, abs=1e-4)
    assert two.emf_V == pytest.approx(1.95, abs=1e-4)
    host.send(":OUTP1 OFF")
    held_V = one.emf_V
    host.wait(100.0)
    assert one.emf_V == held_V
    assert two.emf_V == pytest.approx(1.90, abs=1e-4)


def test_a_reading_of_one_channel_does_not_stop_the_others_profile():
    two = Capacitor(1.0, emf_V=1.0)
    host = wire(Resistor(), two)
    host.send(":SOUR2:FUNC:MODE CURR", ":SENS2:VOLT:PROT 5", ":SOUR2:CURR:MODE LIST")
    host.send(":SOUR2:LIST:CURR 1E-3,-1E-3", ":TRIG2:SOUR TIM;:TRIG2:TIM 1;:TRIG2:COUN 10")
    host.send(":SENS:CURR:APER 2", ":TRIG:COUN 3", ":INIT (@2)")
    host.ask(":READ? (@1)")
    # steps 0 to 6 of the list: an even number of seconds up and down, and a part of one more
    assert 1.0 <= two.emf_V <= 1.0011


def test_the_interlock_ends_a_high_output_and_leaves_a_low_one():
    host = wire(Resistor(1e6))
    host.send(":SENS:CURR:PROT 1E-3", ":SOUR:VOLT:RANG 200", ":SOUR:VOLT 100", ":OUTP ON")
    host.send(":OUTP2 ON")
    host.firmware.interlock_closed = False
    assert host.ask(":OUTP?;:OUTP2?") == "0;1"
    host.firmware.interlock_closed = True
    host.send(":OUTP ON")
    host.firmware.overheated = True
    assert host.ask(":OUTP?;:OUTP2?") == "0;0"
    assert host.codes() == []


def test_binary_readings_hold_the_numbers():
    host = wire()
    host.send(':SENS:FUNC "VOLT"', ":SOUR:VOLT 1", ":SENS:CURR:PROT 0.01", ":OUTP ON")
    host.send(":FORM:ELEM:SENS VOLT,SOUR", ":FORM REAL,64")
    block = host.ask(":MEAS? (@1)").encode("latin-1")
    assert block[:4] == b"#216"
    volts, source = struct.unpack(">2d", block[4:])
    assert volts == pytest.approx(1.0, abs=1e-4)
    assert source == 1.0
    host.send(":FORM:BORD SWAP;:FORM REAL,32")
    block = host.ask(":MEAS? (@1)").encode("latin-1")
    assert struct.unpack("<2f", block[3:])[1] == 1.0


def test_numbers_have_a_sign_and_seven_digits():
    host = wire()
    host.send(":SENS:CURR:PROT 1E-2", ":SOUR:VOLT 1", ":FORM:ELEM:SENS VOLT,CURR,STAT")
    assert host.ask(":MEAS? (@1)").startswith("+9.910000E+37,+")
    assert host.ask(":SYST:ERR?") == '+0,"No error"'


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"model": "B2962A"}, "B2962A"),
        ({"model": "B2901A", "second": Resistor()}, "1 channel"),
        ({"lead_ohm": -1.0}, "lead_ohm"),
    ],
)
def test_what_is_not_simulated_is_refused(options, match):
    with pytest.raises(ValueError, match=match):
        wire(**options)


def test_two_instruments_of_one_seed_are_alike_and_of_two_are_not():
    said = []
    for seed in (1, 1, 2):
        host = by_voltage(Resistor(), 0.3, 1e-3, seed=seed, instrument_error=1.0)
        said.append(host.ask(":MEAS? (@1)"))
    assert said[0] == said[1] != said[2]


def test_a_code_that_no_manual_names_can_be_the_interlocks():
    host = wire(interlock_code=302)
    host.firmware.interlock_closed = False
    host.send(":SOUR:VOLT:RANG 200", ":OUTP ON")
    assert host.ask(":SYST:ERR?") == '+302,"Device-specific error"'
