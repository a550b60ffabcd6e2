"""The simulated 2450 against what instruments.md §0, §0.1 and §1b say of the real one."""

import re
import struct

import pytest
from wired import Capacitor, Host, Resistor

from labctl_simulators.firmware.events import TEXTS
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from labctl_simulators.terminals import Terminals

READ_ALL = 'READ? "defbuffer1",SOUR,READ,REL,STAT,SOURSTAT'


def wire(cell=None, **options):
    options.setdefault("instrument_error", 0.0)
    return Host(Keithley2450(Terminals(cell or Resistor()), **options))


def driving(cell=None, volts=1.0, limit=1e-2, **options):
    host = wire(cell, **options)
    host.send('SENS:FUNC "CURR"', f"SOUR:VOLT {volts}", f"SOUR:VOLT:ILIM {limit}", "OUTP ON")
    assert host.codes() == []
    return host


def test_it_says_who_it_is_and_that_it_is_simulated():
    said = wire(serial="04488850").ask("*IDN?")
    assert said == "KEITHLEY INSTRUMENTS,MODEL 2450,04488850,1.7.12b-sim"


@pytest.mark.parametrize(
    ("model", "volts", "amps"), [("2450", 210, 1.05), ("2460", 105, 7.35), ("2470", 1050, 1.05)]
)
def test_each_model_has_its_own_limits(model, volts, amps):
    host = wire(model=model)
    assert host.values("SOUR:CURR:VLIM? MAX") == [pytest.approx(volts)]
    assert host.values("SOUR:VOLT:ILIM? MAX;ILIM? MIN".split(";")[0]) == [pytest.approx(amps)]
    assert host.values("SOUR:VOLT:ILIM? MIN") == [1e-9]
    assert f"MODEL {model}" in host.ask("*IDN?")


@pytest.mark.parametrize("options", [{"model": "2499"}, {"language": "SCPI2400"}])
def test_what_is_not_simulated_is_refused(options):
    with pytest.raises(ValueError, match=next(iter(options.values()))):
        wire(**options)


ERRORS = [
    ([], "SOUR:VOLT", -109),
    ([], "SENS:CURR:PROT 1E-3", -113),
    ([], "SENS:FUNC CURR", -104),
    ([], "*TRG", -211),
    (['TRIG:LOAD "DurationLoop",60', "INIT"], "INIT", -213),
    (['TRIG:LOAD "DurationLoop",60', "INIT"], "READ?", -213),
    ([], 'TRAC:MAKE "defbuffer1",100', -221),
    (["SOUR:VOLT 100"], "SOUR:VOLT:ILIM 1", -221),
    ([], "SOUR:CURR:VLIM 500", -222),
    ([], "SOUR:VOLT:ILIM 1E-10", -222),
    ([], "FORM:ASC:PREC 17", -222),
    (["READ?"], "TRAC:DATA? 1,2", -222),
    ([], "SOUR:VOLT:PROT PROT7", -224),
    ([], 'READ? "nowhere"', -224),
    ([], 'TRAC:MAKE "b",6875000', -225),
    ([], "FETC?", -230),
    ([], "TRAC:DATA? 1,1", -230),
]


@pytest.mark.parametrize(("before", "line", "code"), ERRORS, ids=lambda value: str(value)[:30])
def test_each_refusal_has_the_manuals_code_and_no_reply(before, line, code):
    host = wire()
    for command in before:
        host.firmware.feed(command.encode() + b"\n", host.now)
        host.now += 0.5
    assert host.codes() == []
    assert host.silent(line)
    head, rest = host.ask("SYST:ERR?").split(",", 1)
    words, kind, stamp = rest.strip('"').split(";")
    assert (int(head), words, kind) == (code, TEXTS[code], "1")
    assert re.fullmatch(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3}", stamp)
    assert host.ask("SYST:ERR?") == '0,"No error;0;0 0"'


def test_a_wrong_element_name_has_a_keithley_number():
    host = wire()
    assert host.silent('READ? "defbuffer1",READ,FOO')
    assert host.ask("SYST:ERR?").startswith(
        '1133,"Parameter 3, Syntax error, expected valid name parameters;1;'
    )


def test_in_tsp_mode_every_scpi_line_is_a_syntax_error():
    host = wire(language="TSP")
    assert host.ask("*LANG?") == "TSP"
    assert host.silent(":OUTP ON")
    assert host.silent("SYST:ERR?")
    assert not host.firmware.output_on
    assert "MODEL 2450" in host.ask("*IDN?")
    assert host.ask("print(eventlog.next())").startswith("-285\tTSP Syntax error")
    host.send("eventlog.clear()")
    assert host.ask("print(eventlog.next())") == "nil"


def test_a_command_set_is_changed_by_a_reboot():
    host = wire(language="TSP")
    host.send("*LANG SCPI")
    assert host.ask("*LANG?") == "TSP"
    host.firmware.power_cycle(host.now)
    host.now += 30
    assert host.ask("*LANG?") == "SCPI"
    assert host.codes() == []


def test_an_open_interlock_blocks_high_voltage_and_when_asked_all():
    host = wire(interlock_code=5074 if 5074 in TEXTS else -221)
    host.firmware.interlock_closed = False
    host.send("OUTP ON")
    assert host.ask("OUTP?;:OUTP:INT:TRIP?") == "1;0"
    host.send("OUTP OFF", "SOUR:VOLT:RANG 200")
    assert host.silent("OUTP ON")
    assert host.ask("OUTP?") == "0"
    host.send("SOUR:VOLT:RANG 20", "OUTP:INT:STAT ON")
    assert host.silent("OUTP ON")
    assert host.codes() == [-221, -221]


def test_read_gives_one_number_without_a_leading_plus():
    host = driving()
    assert re.fullmatch(r"9\.99\d{4}E-04|1\.00\d{4}E-03", host.ask("READ?"))
    host.send("SOUR:VOLT -1")
    assert host.ask("READ?").startswith("-")


def test_read_gives_the_elements_asked_in_their_order():
    host = driving()
    source, reading, relative, status, flags = host.values(READ_ALL)
    assert source == pytest.approx(1.0, abs=1e-4)
    assert reading == pytest.approx(1e-3, rel=1e-3)
    assert relative == 0
    assert status == 8
    assert flags == 128 + 8
    assert host.values('READ? "defbuffer1",READ,SOUR')[0] == pytest.approx(1e-3, rel=1e-3)


def test_all_fourteen_elements():
    names = "READ,SOUR,REL,TST,DATE,TIME,SEC,FRAC,STAT,SOURSTAT,UNIT,SOURUNIT,FORM,SOURFORM"
    reply = driving().ask(f'READ? "defbuffer1",{names}').split(",")
    assert len(reply) == 14
    assert reply[3].startswith("01/01/2026 00:00:")
    assert reply[10:12] == ["Amp DC", "Volt DC"]
    assert reply[12].endswith("A")
    assert reply[13].endswith("V")


def test_source_status_shows_limit_sense_and_output():
    host = wire(Resistor(100.0))
    host.send('SENS:FUNC "CURR"', "SENS:CURR:RSEN ON", "SOUR:VOLT 1", "SOUR:VOLT:ILIM 1E-3")
    host.send("ROUT:TERM REAR", "OUTP ON")
    _, reading, _, status, flags = host.values(READ_ALL)
    assert reading == pytest.approx(1e-3, rel=1e-3)
    assert (status, flags) == (0, 128 + 64 + 32 + 8)
    assert host.ask("SOUR:VOLT:ILIM:TRIP?") == "1"
    host.send("SOUR:VOLT 0.05")
    assert host.values(READ_ALL)[4] == 128 + 64 + 8
    assert host.ask("SOUR:VOLT:ILIM:TRIP?") == "0"


def test_without_read_back_the_source_element_is_the_programmed_value():
    host = wire(Resistor(100.0))
    host.send("SOUR:VOLT 1", "SOUR:VOLT:ILIM 1E-3", "SOUR:VOLT:READ:BACK OFF", "OUTP ON")
    host.send('SENS:FUNC "CURR"')
    source, _, _, _, flags = host.values(READ_ALL)
    assert source == 1.0
    assert not int(flags) & 8
    host.send("SOUR:VOLT:READ:BACK ON")
    assert host.values(READ_ALL)[0] == pytest.approx(0.1, abs=1e-3)


def test_over_range_is_the_sentinel_and_questionable():
    host = wire(Resistor(1000.0, emf_V=5.0))
    host.send("SOUR:VOLT:RANG 0.2", "SOUR:VOLT:ILIM 1E-3", 'SENS:FUNC "VOLT"', "OUTP ON")
    assert host.ask("READ?") == "9.900000E+37"
    assert host.values(READ_ALL)[3] == 8 + 1


def test_read_with_the_output_off_replies_without_error():
    host = wire(Resistor(emf_V=3.0))
    host.send("OUTP:SMOD HIMP", 'SENS:FUNC "VOLT"')
    assert host.values("READ?")[0] == pytest.approx(0.0, abs=1e-5)
    assert host.codes() == []


def test_a_source_function_change_turns_the_output_off():
    host = driving()
    host.send("SOUR:FUNC VOLT")
    assert host.ask("OUTP?") == "1"
    host.send("SOUR:FUNC CURR")
    assert host.ask("OUTP?") == "0"


@pytest.mark.parametrize("change", ["SENS:CURR:RSEN ON", "SENS:VOLT:RSEN ON", "ROUT:TERM REAR"])
def test_rewiring_turns_the_output_off(change):
    host = driving()
    host.send(change)
    assert host.ask("OUTP?") == "0"


def test_off_states_are_stored_with_their_source_function():
    host = wire()
    host.send("OUTP:SMOD HIMP", "OUTP:VOLT:SMOD ZERO")
    assert host.ask("OUTP:SMOD?") == "ZERO"
    host.send("SOUR:FUNC CURR")
    assert host.ask("OUTP:SMOD?") == "HIMP"
    host.send("*RST")
    assert host.ask("OUTP:SMOD?") == "NORM"


def test_normal_off_state_discharges_with_a_tenth_of_the_range():
    cell = Capacitor(farads=10.0, emf_V=3.0)
    host = wire(cell)
    host.send("SENS:CURR:RANG 1E-3")
    before = cell.emf_V
    host.wait(360.0)
    assert before - cell.emf_V == pytest.approx(1e-4 * 360 / 10, rel=1e-3)


def test_high_impedance_leaves_a_cell_alone():
    cell = Capacitor(farads=10.0, emf_V=3.0)
    host = wire(cell)
    host.send("OUTP:SMOD HIMP")
    before = cell.emf_V
    host.wait(36000.0)
    assert cell.emf_V == before


@pytest.mark.parametrize(("start", "target"), [(3.0, 4.2), (4.0, 2.5)])
def test_a_voltage_source_with_a_limit_charges_and_discharges_cc_then_cv(start, target):
    cell = Capacitor(farads=100.0, emf_V=start, ohms=10.0)
    host = wire(cell)
    host.send("OUTP:SMOD HIMP", 'SENS:FUNC "CURR"', "SOUR:VOLT:RANG 20", f"SOUR:VOLT {target}")
    host.send("SOUR:VOLT:ILIM 2E-2", "OUTP ON")
    sign = 1 if target > start else -1
    assert host.values("READ?")[0] == pytest.approx(sign * 2e-2, rel=1e-3)
    assert host.ask("SOUR:VOLT:ILIM:TRIP?") == "1"
    host.wait(36000.0)
    assert abs(host.values("READ?")[0]) < 1e-3
    assert sign * (target - cell.emf_V) > -1e-6
    assert host.ask("SOUR:VOLT:ILIM:TRIP?") == "0"


def test_current_source_limit_is_symmetric_and_does_not_stop_overdischarge():
    cell = Capacitor(farads=1.0, emf_V=3.0)
    host = wire(cell)
    host.send("SOUR:FUNC CURR", "SOUR:CURR:VLIM 4.2", "SOUR:CURR -1E-2", "OUTP ON")
    host.wait(600.0)
    assert cell.emf_V < -2.0
    host.wait(600.0)
    assert cell.emf_V == pytest.approx(-4.2, abs=1e-2)
    assert host.ask("SOUR:CURR:VLIM:TRIP?") == "1"


def test_protection_caps_the_voltage_limit():
    host = wire(Resistor(1e6))
    host.send("SOUR:FUNC CURR", "SOUR:CURR:VLIM 20", "SOUR:CURR 1E-4", "SOUR:VOLT:PROT PROT5")
    host.send('SENS:FUNC "VOLT"', "OUTP ON")
    assert host.values("READ?")[0] == pytest.approx(5.0, abs=1e-3)
    assert host.ask("SOUR:VOLT:PROT:TRIP?;:SOUR:VOLT:PROT?") == "1;PROT5"
    assert int(host.values(READ_ALL)[4]) & 4


def test_a_fixed_measuring_range_clamps_the_current():
    host = wire(Resistor(100.0))
    host.send('SENS:FUNC "CURR"', "SENS:CURR:RANG 1E-3", "SOUR:VOLT 1", "SOUR:VOLT:ILIM 1E-2")
    host.send("OUTP ON")
    assert host.values("READ?")[0] == pytest.approx(1.05e-3, rel=1e-3)


def test_measure_settings_belong_to_their_function():
    host = wire()
    host.send("SENS:CURR:NPLC 5", "SENS:VOLT:NPLC 0.1", "SENS:RES:NPLC 2")
    assert host.ask("SENS:CURR:NPLC?;:SENS:VOLT:NPLC?;:SENS:RES:NPLC?").split(";") == [
        "5.000000E+00",
        "1.000000E-01",
        "2.000000E+00",
    ]


def test_count_readings_go_to_the_buffer_and_the_last_is_sent():
    host = driving()
    host.send("SENS:COUN 5")
    last = host.ask("READ?")
    assert host.ask("TRAC:ACT?") == "5"
    assert host.ask('TRAC:DATA? 5,5,"defbuffer1",READ') == last == host.ask("FETC?")
    times = host.values('TRAC:DATA? 1,5,"defbuffer1",REL')
    assert times[0] == 0
    assert times == sorted(times)


def test_buffers_of_ones_own():
    host = driving()
    host.send('TRAC:MAKE "mine",10', 'TRAC:TRIG "mine"', "SENS:COUN 12", 'TRAC:TRIG "mine"')
    host.now += 10
    assert host.ask('TRAC:ACT? "mine"') == "10"
    assert host.ask('TRAC:POIN? "mine"') == "10"
    assert host.values('TRAC:DATA? 1,1,"mine",REL')[0] > 0
    host.send('TRAC:CLE "mine"')
    assert host.ask('TRAC:ACT? "mine"') == "0"
    host.send('TRAC:DEL "mine"')
    assert host.silent('TRAC:ACT? "mine"')
    host.send('TRAC:POIN 20,"defbuffer1"')
    assert host.ask("TRAC:POIN?") == "20"


def test_buffer_figures():
    host = driving()
    host.send("SENS:COUN 20")
    host.ask("READ?")
    values = host.values("TRAC:DATA? 1,20")
    assert host.values("TRAC:STAT:AVER?")[0] == pytest.approx(sum(values) / 20, rel=1e-6)
    assert host.values("TRAC:STAT:MAX?") == [max(values)]
    assert host.values("TRAC:STAT:MIN?") == [min(values)]


def test_binary_data_and_precision():
    host = driving()
    host.send("FORM:ASC:PREC 3")
    assert re.fullmatch(r"\d\.\d\dE-0\d", host.ask("READ?"))
    host.send("FORM:DATA REAL")
    reply = host.ask('READ? "defbuffer1",SOUR,READ').encode("latin-1")
    assert reply[:2] == b"#0"
    assert struct.unpack("<2d", reply[2:]) == pytest.approx((1.0, 1e-3), rel=1e-3)
    host.send("FORM:DATA SRE", "FORM:BORD NORM")
    reply = host.ask("READ?").encode("latin-1")
    assert struct.unpack(">f", reply[2:])[0] == pytest.approx(1e-3, rel=1e-3)


def test_a_loop_runs_by_itself_and_logs_its_events():
    host = driving()
    host.send('TRIG:LOAD "SimpleLoop",5,0.5,"defbuffer2"', "INIT")
    assert host.ask("TRIG:STAT?").startswith("RUNNING")
    host.wait(1.5)
    assert 1 <= int(host.ask('TRAC:ACT? "defbuffer2"')) < 5
    host.wait(10.0)
    assert host.ask('TRAC:ACT? "defbuffer2"') == "5"
    assert host.ask("TRIG:STAT?").startswith("IDLE")
    assert [host.ask("SYST:EVEN:NEXT?").split(",")[0] for _ in range(3)] == ["2731", "2732", "0"]
    assert host.codes() == []


def test_a_loop_can_be_aborted():
    host = driving()
    host.send('TRIG:LOAD "DurationLoop",100,0', "INIT", "ABOR")
    count = host.ask("TRAC:ACT?")
    host.wait(200.0)
    assert host.ask("TRAC:ACT?") == count
    assert host.ask("TRIG:STAT?").startswith("ABORTED")


def test_a_duration_loop_ends_by_itself():
    host = driving()
    host.send('TRIG:LOAD "DurationLoop",2,0', "INIT")
    host.wait(100.0)
    times = host.values('TRAC:DATA? 1,1,"defbuffer1",SEC')
    count = int(host.ask("TRAC:ACT?"))
    last = host.values(f'TRAC:DATA? {count},{count},"defbuffer1",SEC')
    assert last[0] - times[0] <= 2


def test_reading_time_is_integration_read_back_and_auto_zero():
    host = driving()
    host.send("SOUR:VOLT:DEL 0")
    host.ask("READ?")
    assert host.took_s == pytest.approx(2 * 3 * 0.0202, abs=0.005)
    host.send("SOUR:VOLT:READ:BACK OFF", "SENS:CURR:AZER OFF")
    host.ask("READ?")
    assert host.took_s == pytest.approx(0.0202, abs=0.005)


def test_ohms_are_volts_over_amps():
    host = driving(Resistor(4700.0))
    host.send('SENS:FUNC "RES"')
    assert host.values("READ?")[0] == pytest.approx(4700, rel=1e-3)


def test_two_alike_give_the_same_bytes_and_another_seed_gives_others():
    def history(seed):
        host = driving(seed=seed, instrument_error=1.0)
        return [host.ask(READ_ALL) for _ in range(20)]

    assert history(1) == history(1)
    assert history(1) != history(2)
