"""The simulated 2400 against what instruments.md §0, §0.1 and §1 say of the real one."""

import struct

import pytest
from wired import Capacitor, Host, Resistor

from labctl_simulators.firmware.events import TEXTS
from labctl_simulators.firmware.keithley_2400 import Keithley2400
from labctl_simulators.terminals import Terminals


def wire(cell=None, **options):
    options.setdefault("instrument_error", 0.0)
    return Host(Keithley2400(Terminals(cell or Resistor()), **options))


def driving(cell=None, volts=1.0, limit=1e-2, **options):
    host = wire(cell, **options)
    host.send(":SENS:FUNC 'VOLT','CURR'", f":SOUR:VOLT {volts}", f":SENS:CURR:PROT {limit}")
    host.send(":OUTP ON")
    assert host.codes() == []
    return host


def test_it_says_who_it_is_and_that_it_is_simulated():
    assert wire(serial="4105123").ask("*IDN?") == (
        "KEITHLEY INSTRUMENTS INC.,MODEL 2400,4105123,C32   Oct  4 2010 14:20:11/A02  /S/K-sim"
    )


@pytest.mark.parametrize(
    ("model", "volts", "amps"),
    [("2400", 210, 1.05), ("2401", 21, 1.05), ("2410", 1100, 1.05), ("2420", 63, 3.15)],
)
def test_each_model_has_its_own_limits(model, volts, amps):
    host = wire(model=model)
    assert host.values(":SENS:VOLT:PROT? MAX") == [volts]
    assert host.values(":SOUR:CURR:RANG? MAX") == [pytest.approx(amps)]
    assert f"MODEL {model}" in host.ask("*IDN?")


def test_an_unknown_model_is_refused():
    with pytest.raises(ValueError, match="2499"):
        wire(model="2499")


ERRORS = [
    ([], "SOUR:VOLT \x01", -101),
    ([], "SENS:CU!R:RANG 1", -102),
    ([], "SENS:FUNC VOLT", -104),
    ([], "OUTP ON,OFF", -108),
    ([], "SOUR:VOLT", -109),
    ([], "SOURCEVOLTAGELEVEL 1", -112),
    ([], "SOUR:WATT 1", -113),
    ([], "SOUR2:VOLT 1", -114),
    ([], "SOUR:VOLT 1.2.3", -121),
    ([], "SOUR:VOLT 1e999", -123),
    ([], "SOUR:VOLT 5 mV", -131),
    ([], "SOUR:VOLT FIVE", -141),
    ([], "SENS:FUNC 'VOLT", -151),
    ([], "*TRG", -211),
    (["OUTP ON", "ARM:SOUR BUS", "INIT"], "INIT", -213),
    (["OUTP ON", "ARM:SOUR BUS"], "READ?", -214),
    (["TRIG:COUN 2500"], "ARM:COUN 2", -221),
    ([], "SOUR:VOLT 300", -222),
    (["SOUR:VOLT:RANG 2"], "SOUR:VOLT 3", -222),
    ([], "OUTP:SMOD OPEN", -224),
    ([], "SOUR:FUNC MEM", -224),
    ([], "FETC?", -230),
    ([], "TRAC:DATA?", -230),
    (
        ["OUTP ON", "TRAC:FEED:CONT NEXT", "TRIG:COUN 2000", "INIT"],
        "TRAC:POIN 10",
        800,
    ),
    ([], "READ?", 803),
    ([], "INIT", 803),
    (["SENS:CURR:RANG 1E-4"], "SENS:CURR:PROT 5E-8", 822),
    ([], "SENS:CURR:RANG 1E-3", 824),
    (["SENS:FUNC 'RES'"], "SOUR:VOLT 1", 825),
    (["SOUR:VOLT:RANG 200"], "SENS:CURR:PROT 0.2", 826),
]


@pytest.mark.parametrize(("before", "line", "code"), ERRORS, ids=lambda value: str(value)[:30])
def test_each_refusal_has_the_manuals_code_and_no_reply(before, line, code):
    host = wire()
    host.send(*before)
    assert host.codes() == []
    assert host.silent(line)
    sign = "+" if code > 0 else ""
    assert host.ask("SYST:ERR?") == f'{sign}{code},"{TEXTS[code]}"'
    assert host.ask("SYST:ERR?") == '0,"No error"'


def test_binary_readings_do_not_go_over_rs232():
    host = wire(baud=9600)
    assert host.silent("FORM:DATA REAL,32")
    assert host.codes() == [701]


def test_an_open_interlock_blocks_the_output():
    host = wire()
    host.firmware.interlock_closed = False
    host.send("OUTP:ENAB ON")
    assert host.silent("OUTP ON")
    assert host.codes() == [802]
    assert host.ask("OUTP?;:OUTP:ENAB:TRIP?") == "0;0"


def test_a_hot_instrument_blocks_the_output():
    host = wire()
    host.firmware.overheated = True
    assert host.silent("OUTP ON")
    assert host.codes() == [810]


def test_a_bad_unit_discards_the_rest_of_its_message():
    host = wire()
    assert host.silent("SOUR:VOLT 1;BAD 2;:SOUR:CURR 1E-5;*IDN?")
    assert host.codes() == [-113]
    assert host.values("SOUR:VOLT?") == [1.0]
    assert host.values("SOUR:CURR?") == [0.0]


def test_the_queue_keeps_ten_and_then_says_that_there_were_more():
    host = wire()
    for _ in range(12):
        assert host.silent("BAD")
    assert host.ask("SYST:ERR:COUN?") == "10"
    assert host.codes() == [-113] * 9 + [-350]


def test_clear_status_empties_the_queue_and_reset_does_not():
    host = wire()
    assert host.silent("BAD")
    host.send("*RST")
    assert host.ask("SYST:ERR:COUN?") == "1"
    host.send("*CLS")
    assert host.codes() == []


@pytest.mark.parametrize(("code", "bit"), [("SOUR:VOLT 300", 16), ("BAD", 32)])
def test_errors_set_the_standard_event_register_and_the_status_byte(code, bit):
    host = wire()
    assert host.ask("*ESR?") == "128"
    host.send("*ESE 48", "*SRE 32")
    assert host.silent(code)
    assert host.ask("*STB?") == str(4 | 32 | 64)
    assert host.ask("*ESR?;*ESR?") == f"{bit};0"


def test_too_long_a_line_overruns_the_input_buffer():
    host = wire()
    assert host.firmware.feed(b"A" * 5000, 0.0) == []
    assert host.firmware.feed(b"A" * 5000 + b"\n", 0.1) == []
    host.now = 1.0
    assert host.codes() == [-363]
    assert "2400" in host.ask("*IDN?")


def test_more_messages_than_the_buffer_holds_while_busy_overrun_it():
    host = driving()
    flood = b"READ?\n" * 1000
    replies = host.firmware.feed(flood, host.now)
    assert len(replies) == host.firmware.input_bytes // len(b"READ?")
    host.now = replies[-1][0]
    assert -363 in host.codes()


def test_a_bus_instrument_loses_a_reply_that_is_interrupted():
    host = driving(talk="bus")
    before = host.firmware.generation
    assert len(host.firmware.feed(b"READ?\n", host.now)) == 1
    ((when, data),) = host.firmware.feed(b"*IDN?\n", host.now)
    assert data.startswith(b"KEITHLEY")
    assert host.firmware.generation == before + 1
    host.now = when
    assert host.codes() == [-410]


def test_a_bus_instrument_without_a_reply_is_unterminated():
    host = wire(talk="bus")
    host.firmware.read_empty(0.0)
    assert host.codes() == [-420]


def test_a_bus_instrument_with_both_buffers_full_is_deadlocked():
    host = driving(talk="bus")
    host.send("SYST:AZER OFF;:SENS:CURR:NPLC 0.01", "TRIG:COUN 1500")
    assert host.firmware.feed(b"READ?\nSOUR:VOLT 2\n", host.now) == []
    host.now += 100
    assert host.codes() == [-430]


def test_a_stream_instrument_answers_every_query_in_order():
    host = driving()
    replies = host.firmware.feed(b"READ?\n*IDN?\nOUTP?\n", host.now)
    assert float(replies[0][1].split(b",")[0]) == pytest.approx(1.0, abs=1e-4)
    assert [data[:3] for _, data in replies[1:]] == [b"KEI", b"1\n"]
    times = [when for when, _ in replies]
    assert times == sorted(times)
    assert host.now < times[0]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_input_ends_with_lf_and_cr_is_ignored(ending):
    host = wire()
    assert len(host.firmware.feed(b"*IDN?" + ending, 0.0)) == 1


def test_a_message_may_come_in_pieces():
    host = wire()
    assert host.firmware.feed(b"*ID", 0.0) == []
    assert host.firmware.feed(b"N?", 0.1) == []
    assert len(host.firmware.feed(b"\n", 0.2)) == 1


@pytest.mark.parametrize("byte", [b"\x03", b"\x18"])
def test_control_characters_abort_and_take_back_what_is_not_sent(byte):
    host = driving()
    host.send("TRIG:COUN 100")
    before = host.firmware.generation
    assert len(host.firmware.feed(b"READ?\nSOUR:", host.now)) == 1
    ((when, data),) = host.firmware.feed(b"VOLT 9" + byte + b"OUTP?\n", host.now + 0.1)
    assert data == b"1\n"
    assert when < host.now + 0.2
    assert host.firmware.generation == before + 1
    host.now = when
    assert host.codes() == []


def test_the_default_reading_has_five_elements_and_nan_for_what_is_not_measured():
    host = wire(Resistor(1000.0))
    host.send(":SOUR:VOLT 0.05", ":OUTP ON")
    reply = host.ask(":READ?")
    assert reply.startswith("+5.000000E-02,+")
    volts, amps, ohms, seconds, status = map(float, reply.split(","))
    assert (volts, ohms) == (0.05, 9.91e37)
    assert amps == pytest.approx(5e-5, rel=1e-4)
    assert 0 < seconds < 1
    assert int(status) == 1 << 14 | 1 << 12 | 1 << 2


def test_the_status_word_of_the_reference():
    host = wire()
    host.send(":ROUT:TERM REAR", ":SYST:RSEN ON", ":SOUR:FUNC CURR", ":SENS:FUNC 'VOLT','CURR'")
    host.send(":SOUR:CURR 1E-4", ":OUTP ON", ":FORM:ELEM STAT")
    assert host.ask(":READ?") == "+4.233216E+06"
    host.send(":SENS:VOLT:PROT 0.05")
    assert int(float(host.ask(":READ?"))) == 4233216 + 8


def test_elements_come_in_their_fixed_order_whatever_was_asked():
    host = driving()
    host.send(":FORM:ELEM STAT,CURR,VOLT")
    volts, amps, status = host.values("READ?")
    assert volts == pytest.approx(1.0, abs=1e-4)
    assert amps == pytest.approx(1e-3, abs=1e-7)
    assert status > 1000


def test_binary_readings_are_floats_after_a_short_header():
    host = driving()
    host.send(":FORM:ELEM VOLT,CURR", ":FORM:DATA REAL,32", ":FORM:BORD SWAP")
    reply = host.ask("READ?").encode("latin-1")
    assert reply[:2] == b"#0"
    assert struct.unpack("<2f", reply[2:]) == pytest.approx((1.0, 1e-3), rel=1e-4)


def test_an_over_range_reading_is_the_sentinel_with_its_bit():
    # 0 V on the 0.2 V range, but the compliance lets the cell stand at 0.395 V
    host = wire(Resistor(1000.0, emf_V=0.5))
    host.send(":SENS:FUNC 'VOLT'", ":SOUR:VOLT:RANG 0.2", ":OUTP ON", ":FORM:ELEM VOLT,STAT")
    volts, status = host.values("READ?")
    assert volts == 9.91e37
    assert int(status) & 1
    assert int(host.ask(":STAT:MEAS?")) & 128
    host.send(":SOUR:VOLT:RANG 2")
    volts, status = host.values("READ?")
    assert volts == pytest.approx(0.395, abs=1e-4)
    assert not int(status) & 1


def test_a_fixed_measuring_range_clamps_below_the_compliance():
    host = wire(Resistor(100.0))
    host.send(":SENS:FUNC 'CURR'", ":SOUR:VOLT 1", ":SENS:CURR:PROT 1E-2", ":SENS:CURR:RANG 1E-3")
    host.send(":OUTP ON", ":FORM:ELEM CURR,STAT")
    amps, status = host.values("READ?")
    assert amps == pytest.approx(1.05e-3, rel=1e-4)
    assert int(status) & (1 << 16)
    assert not int(status) & 8
    assert host.ask(":SENS:CURR:PROT:TRIP?") == "0"
    assert host.ask(":SENS:CURR:RANG?") == "+1.050000E-03"


def test_widening_goes_compliance_first_and_narrowing_range_first():
    host = wire()
    host.send(":SENS:CURR:PROT 1E-2", ":SENS:CURR:RANG 1E-2")
    assert host.codes() == []
    assert host.silent(":SENS:CURR:PROT 1E-6")
    assert host.codes() == [822]
    host.send(":SENS:CURR:RANG 1E-5", ":SENS:CURR:PROT 1E-6")
    assert host.codes() == []
    assert host.silent(":SENS:CURR:RANG 1E-2")
    assert host.codes() == [824]
    assert host.ask(":SENS:CURR:RANG?") == "+1.050000E-05"


def test_range_sync_ties_the_measuring_range_to_the_compliance():
    host = wire()
    host.send(":SENS:CURR:PROT:RSYN ON", ":SENS:CURR:RANG:AUTO OFF", ":SENS:CURR:PROT 1E-2")
    assert host.ask(":SENS:CURR:RANG?") == "+1.050000E-02"


@pytest.mark.parametrize(
    ("asked", "kept"),
    [("20", 20.0), ("50", 40.0), ("160", 160.0), ("170", 210.0), ("NONE", 210.0), ("5", 20.0)],
)
def test_overvoltage_protection_takes_the_lower_step(asked, kept):
    host = wire()
    host.send(f":SOUR:VOLT:PROT {asked}")
    assert host.values(":SOUR:VOLT:PROT?") == [kept]


def test_overvoltage_protection_holds_the_source():
    host = driving(volts=50)
    host.send(":SOUR:VOLT:PROT 20", ":SENS:CURR:PROT 0.1")
    volts, _, _, _, status = host.values("READ?")
    assert volts == pytest.approx(20.0, rel=1e-3)
    assert int(status) & 16
    assert host.ask(":SOUR:VOLT:PROT:TRIP?") == "1"


def test_normal_off_state_discharges_a_cell():
    cell = Capacitor(farads=10.0, emf_V=3.0)
    host = wire(cell)
    host.wait(3600.0)
    # 0.5 % of the 100 µA range for an hour out of 10 F
    assert 3.0 - cell.emf_V == pytest.approx(0.5e-6 * 3600 / 10, rel=1e-3)


def test_high_impedance_leaves_a_cell_alone():
    cell = Capacitor(farads=10.0, emf_V=3.0)
    host = wire(cell)
    host.send(":OUTP:SMOD HIMP")
    before = cell.emf_V
    host.wait(36000.0)
    assert cell.emf_V == before


def test_zero_off_state_shorts_a_cell_with_the_compliance():
    cell = Capacitor(farads=10.0, emf_V=3.0)
    host = wire(cell)
    host.send(":OUTP:SMOD ZERO", ":SENS:CURR:PROT 1E-2")
    before = cell.emf_V
    host.wait(100.0)
    assert before - cell.emf_V == pytest.approx(1e-2 * 100 / 10, rel=1e-2)


def test_guard_off_state_draws_nothing_within_its_voltage():
    cell = Capacitor(farads=10.0, emf_V=0.05)
    host = wire(cell)
    host.send(":SOUR:VOLT:RANG 20", ":OUTP:SMOD GUAR")
    before = cell.emf_V
    host.wait(3600.0)
    assert cell.emf_V == pytest.approx(before, abs=1e-9)
    host.send(":SOUR:VOLT:RANG 0.2")
    host.wait(3600.0)
    # 0.5 % of that range is less than the cell has
    assert cell.emf_V == pytest.approx(1e-3, abs=1e-5)


def test_the_2410_wakes_up_in_guard():
    assert wire(model="2410").ask(":OUTP:SMOD?") == "GUAR"


@pytest.mark.parametrize(("start", "target"), [(3.0, 4.2), (4.0, 2.5)])
def test_a_voltage_source_with_a_limit_charges_and_discharges_cc_then_cv(start, target):
    cell = Capacitor(farads=100.0, emf_V=start, ohms=10.0)
    host = wire(cell)
    host.send(":OUTP:SMOD HIMP;:SENS:FUNC 'VOLT','CURR';:SOUR:VOLT:RANG 20")
    host.send(f":SOUR:VOLT {target}", ":SENS:CURR:PROT 2E-2", ":SENS:CURR:RANG 1E-2")
    host.send(":SENS:CURR:RANG:AUTO ON;:SOUR:DEL 0", ":OUTP ON")
    sign = 1 if target > start else -1
    volts, amps, *_ = host.values("READ?")
    assert amps == pytest.approx(sign * 2e-2, rel=1e-3)
    assert host.ask(":SENS:CURR:PROT:TRIP?") == "1"
    host.wait(3600 * 10.0)
    volts, amps, *_ = host.values("READ?")
    assert volts == pytest.approx(target, abs=1e-3)
    assert abs(amps) < 1e-3
    assert cell.emf_V == pytest.approx(target, abs=1e-2)
    assert sign * (target - cell.emf_V) > -1e-6
    assert host.ask(":SENS:CURR:PROT:TRIP?") == "0"


@pytest.mark.parametrize("option", [True, False])
def test_a_function_change_turns_the_output_off_unless_told_otherwise(option):
    host = driving(function_change_turns_off=option)
    host.send(":SOUR:FUNC CURR")
    assert host.ask("OUTP?") == ("0" if option else "1")


def test_choosing_terminals_turns_the_output_off():
    host = driving()
    host.send(":ROUT:TERM REAR")
    assert host.ask(":OUTP?;:ROUT:TERM?") == "0;REAR"


def test_measure_turns_the_output_on_as_the_reference_warns():
    host = wire(Resistor(emf_V=0.05))
    volts = host.values(":MEAS:VOLT?")[0]
    assert host.firmware.output_on
    assert volts == pytest.approx(0.0, abs=0.01)


def test_auto_off_reads_with_a_momentary_output():
    host = wire()
    host.send(":SOUR:CLE:AUTO ON", ":SOUR:VOLT 0.05")
    assert host.values("READ?")[1] == pytest.approx(5e-5, rel=1e-3)
    assert host.ask("OUTP?") == "0"


def test_fetch_repeats_the_last_readings():
    host = driving()
    host.send("TRIG:COUN 3")
    reply = host.ask("READ?")
    assert reply.count(",") == 14
    assert host.ask("FETC?") == reply


def test_the_buffer_fills_in_the_background_and_reports_full():
    host = driving()
    host.send(":TRAC:CLE;POIN 4;:TRAC:FEED SENS;FEED:CONT NEXT", ":TRIG:COUN 4", ":INIT")
    assert host.ask(":TRAC:POIN:ACT?") == "0"
    host.wait(0.3)
    assert 0 < int(host.ask(":TRAC:POIN:ACT?")) < 4
    assert int(host.ask(":STAT:OPER:COND?")) & 8
    host.wait(5.0)
    assert int(host.ask(":STAT:MEAS?")) & 512
    assert int(host.ask(":STAT:OPER:COND?")) & 1024
    assert len(host.values(":TRAC:DATA?")) == 20
    assert host.ask(":TRAC:FEED:CONT?") == "NEV"
    times = host.values(":TRAC:DATA?")[3::5]
    assert times[0] == 0
    assert times == sorted(times)


def test_abort_and_output_off_end_an_acquisition():
    for ending in (":ABOR", ":OUTP OFF"):
        host = driving()
        host.send(":TRAC:POIN 100;:TRAC:FEED:CONT NEXT", ":TRIG:COUN 100", ":INIT", ending)
        count = host.ask(":TRAC:POIN:ACT?")
        host.wait(60.0)
        assert host.ask(":TRAC:POIN:ACT?") == count


def test_a_bus_trigger_starts_what_waits_for_it():
    host = driving()
    host.send(":ARM:SOUR BUS", ":INIT")
    host.wait(10.0)
    assert host.silent("FETC?")
    host.send("*TRG")
    host.wait(1.0)
    assert len(host.values("FETC?")) == 5


def test_operation_complete_waits_for_the_acquisition():
    host = driving()
    host.send(":TRIG:COUN 10", ":INIT")
    host.ask("*OPC?")
    assert host.took_s > 1.0


def test_ohms_are_measured_with_a_test_current_of_the_instruments_choice():
    host = wire(Resistor(47e3))
    host.send(":SENS:FUNC:OFF:ALL", ":SENS:FUNC 'RES'", ":OUTP ON")
    _, amps, ohms, _, status = host.values("READ?")
    assert ohms == pytest.approx(47e3, rel=1e-3)
    assert amps == pytest.approx(1e-5, rel=1e-3)
    assert int(status) & (1 << 10)


@pytest.mark.parametrize(("nplc", "zero", "functions", "expected_s"), [
    (1, "ON", 2, 2 * 3 * (0.02 + 185e-6)),
    (1, "OFF", 2, 2 * (0.02 + 185e-6)),
    (10, "OFF", 1, 0.2 + 185e-6),
    (0.01, "OFF", 1, 0.0002 + 185e-6),
])  # fmt: skip
def test_a_reading_takes_its_integration_time(nplc, zero, functions, expected_s):
    host = wire()
    host.send(":SENS:FUNC:OFF:ALL", ":SENS:FUNC 'CURR'" + (",'VOLT'" if functions == 2 else ""))
    host.send(f":SENS:CURR:NPLC {nplc}", f":SYST:AZER {zero}", ":SOUR:DEL 0", ":OUTP ON")
    host.ask("READ?")
    assert expected_s + 1.8e-3 < host.took_s < expected_s + 8e-3


def test_line_frequency_sets_the_integration_time():
    host = driving(line_hz=60.0)
    host.send(":SENS:CURR:NPLC 10", ":SYST:AZER OFF", ":SOUR:DEL 0")
    host.ask("READ?")
    assert host.took_s == pytest.approx(20 / 60, abs=0.01)


def test_bytes_take_their_time_at_a_baud_rate():
    fast, slow = driving(), driving(baud=9600)
    for host in (fast, slow):
        host.send(":FORM:ELEM VOLT,CURR,TIME,STAT")
        host.wait(1.0)
        reply = host.ask("READ?")
        assert len(reply) == 55
    # 56 bytes out and 6 in, of ten bits each
    assert slow.took_s - fast.took_s == pytest.approx((56 + 6) * 10 / 9600, rel=1e-6)


def test_a_value_is_the_truth_in_the_middle_of_the_window():
    cell = Capacitor(farads=1e-3, emf_V=0.0, ohms=0.0)
    host = wire(cell)
    host.send(":SENS:FUNC:OFF:ALL", ":SENS:FUNC 'VOLT'", ":SOUR:FUNC CURR", ":SENS:VOLT:NPLC 10")
    host.send(":SOUR:CURR 1E-3", ":SOUR:DEL 0", ":SYST:AZER OFF", ":FORM:ELEM VOLT,TIME")
    host.send(":OUTP ON")
    first, began = host.values("READ?")
    host.wait(1.0)
    second, ended = host.values("READ?")
    # dV/dt = I / C = 1 V/s
    assert (second - first) / (ended - began) == pytest.approx(1.0, rel=1e-4)


def test_a_value_is_half_a_window_older_than_its_reply():
    cell = Capacitor(farads=1e-3, emf_V=0.0, ohms=0.0)
    host = wire(cell)
    host.send(":SENS:FUNC:OFF:ALL", ":SENS:FUNC 'VOLT'", ":SOUR:FUNC CURR", ":SENS:VOLT:NPLC 10")
    host.send(":SOUR:CURR 1E-3", ":SOUR:DEL 0", ":SYST:AZER OFF", ":FORM:ELEM VOLT")
    switched_on = host.now
    host.send(":OUTP ON")
    (volts,) = host.values("READ?")
    # 1 V/s since the output went on; the window is 0.2 s of the 0.22 s that the reply takes
    assert volts == pytest.approx(host.now - 0.1 - switched_on, abs=0.01)


def test_time_never_passes_because_somebody_asks():
    host = wire(Capacitor(farads=1.0, emf_V=1.0))
    for _ in range(50):
        host.firmware.feed(b"*IDN?\n", host.now)
    assert host.firmware.terminals.now <= 0.2


def test_the_timestamp_restarts_when_told():
    host = driving()
    host.send(":FORM:ELEM TIME")
    host.wait(500.0)
    assert host.values("READ?")[0] > 500
    host.send(":SYST:TIME:RES")
    assert host.values("READ?")[0] < 1


def test_power_cycle_loses_settings_and_answers_only_after_booting():
    cell = Capacitor(farads=10.0, emf_V=3.0)
    host = driving(cell, volts=3.3)
    host.firmware.power_cycle(host.now)
    assert not host.firmware.output_on
    left = cell.emf_V
    assert host.silent("*IDN?")
    assert cell.emf_V == left
    host.now += 10.0
    assert "2400" in host.ask("*IDN?")
    assert host.ask(":OUTP?;:OUTP:SMOD?") == "0;NORM"
    host.wait(3600.0)
    assert cell.emf_V < left


def test_settings_can_be_stored_and_woken_up_with():
    host = wire()
    host.send(":OUTP:SMOD HIMP", "*SAV 1", ":SYST:POS SAV1", "*RST")
    assert host.ask(":OUTP:SMOD?") == "NORM"
    host.send("*RCL 1")
    assert host.ask(":OUTP:SMOD?") == "HIMP"
    host.firmware.power_cycle(host.now)
    host.now += 10.0
    assert host.ask(":OUTP:SMOD?") == "HIMP"


def test_a_power_limit_keeps_the_old_setting():
    host = wire()
    host.send(":SENS:CURR:PROT 0.5")
    assert host.silent(":SOUR:VOLT:RANG 200")
    assert host.codes() == [826]
    assert host.values(":SOUR:VOLT:RANG?") == [pytest.approx(0.21)]


@pytest.mark.parametrize("power_on", [40.0, float("inf")])
def test_power_on_protection_is_an_option(power_on):
    host = wire(power_on_protection_V=power_on)
    assert host.values(":SOUR:VOLT:PROT?") == [min(power_on, 210.0)]
