"""The simulated EmStats on their wire: commands, streams, what is applied and what is read."""

import math

import pytest
from mscript import Host, package
from wired import Capacitor, Resistor

from labctl_simulators.cells.plain import Thevenin, lfp_graphite
from labctl_simulators.firmware.emstat import EmStat4, EmStatPico, Nexus
from labctl_simulators.terminals import Terminals

CP = """
var p
var c
var t
set_pgstat_chan 0
set_pgstat_mode 6
set_max_bandwidth 10
set_range ab 4200m
set_autoranging ab 100m 4200m
set_range db 1m
set_autoranging db 1m 1m
meas 100m p ab
set_i 0
cell_on
timer_start
meas_loop_cp p c {current} {interval} {run}
timer_get t
pck_start
pck_add t
pck_add p
pck_add c
pck_end
if p {compare} {limit}
breakloop
endif
endloop
on_finished:
cell_off
"""


def cp(current="500u", interval="1", run="36000", compare=">=", limit="4200m"):
    return CP.format(current=current, interval=interval, run=run, compare=compare, limit=limit)


def test_it_says_what_it_is_and_that_it_is_simulated():
    host = Host(Resistor())
    assert host.ask("t") == ["tes4_hr1300#Sep 30 2025 12:00:00", "R-sim*"]
    assert host.ask("i") == ["iES4_HRSIM00001"]
    assert host.ask("v") == ["v0109"]
    assert Host(Resistor(), serial="EP250X").ask("i") == ["iEP250X"]


@pytest.mark.parametrize(
    ("make", "model", "code"),
    [
        (EmStat4, "EmStat4 LR", "es4_lr"), (EmStat4, "MultiEmStat4 HR", "mes4hr"),
        (EmStat4, "MultiEmStat4 LR", "mes4lr"), (EmStatPico, None, "espico"),
        (EmStatPico, "Sensit Wearable", "senswb"), (Nexus, None, "nexus1"),
    ],
)  # fmt: skip
def test_each_model_has_its_type(make, model, code):
    assert Host(Resistor(), make, model=model).ask("t")[0][1:7] == code


def test_another_familys_model_is_refused():
    with pytest.raises(ValueError, match="known: EmStat Pico"):
        EmStatPico(Terminals(Resistor()), model="EmStat4 HR")


def test_it_is_deaf_after_an_error_for_a_while():
    host = Host(Resistor())
    assert host.feed(b"x\n") == ["x!0003"]
    assert host.feed(b"t\n") == []
    host.now += 0.09
    assert len(host.feed(b"t\n")) == 2
    assert Host(Resistor(), deaf_s=0.05)._lines([]) == []


def test_the_rest_of_what_came_with_an_error_is_not_heard():
    assert Host(Resistor()).feed(b"x\nt\nt\n") == ["x!0003"]


def test_pieces_and_flow_control_bytes_of_a_line_do_not_matter():
    host = Host(Resistor())
    said = []
    for byte in b"\x11t\x13\x11\n":
        said += host.feed(bytes([byte]))
    assert said == ["tes4_hr1300#Sep 30 2025 12:00:00", "R-sim*"]
    noisy = Host(Resistor(), flow_bytes=True)
    assert noisy.feed(b"i\n") == ["\x13\x11iES4_HRSIM00001"]


def test_a_serial_line_takes_its_time():
    host = Host(Resistor(), baud=230400)
    host.feed(b"t\n")
    assert host.times == pytest.approx([1e-3 + 33 * 10 / 230400, 1e-3 + 40 * 10 / 230400])


def test_while_a_script_runs_only_five_commands_are_heard():
    host = Host(Resistor())
    host.load("wait 100")
    for line in ("i", "v", "e", "l", "r", "G01", "foo"):
        assert host.ask(line) == [f"{line[0]}!0006"]
    assert len(host.ask("t")) == 2
    assert host.ask("Y") == ["Y"]
    assert host.ask("h") == ["h"]
    assert host.ask("H") == ["H"]
    assert host.ask("Z") + host.follow() == ["Z", ""]
    assert host.ask("Z") == ["Z!0006"]


def test_a_script_is_loaded_run_kept_and_found_again_after_a_power_cycle():
    host = Host(Resistor())
    assert host.ask("r") == ["r!000C"]
    assert host.ask("Fmscr") == ["F!000C"]
    assert host.ask("Lmscr") == ["L!000C"]
    assert host.load('var k|add_var k 1|send_string f"{k}"', "l") == ["l"]
    for _ in range(2):  # variables are new each time
        assert host.ask("r") + host.follow() == ["r", "T1", ""]
    assert host.ask("Fmscr") == ["F"]
    host.device.power_cycle(host.now)
    assert host.ask("t") == []
    host.now += 2.0
    assert host.ask("r") == ["r!000C"]
    assert host.ask("Lmscr") == ["L"]
    assert host.ask("r") + host.follow() == ["r", "T1", ""]


def test_a_line_that_is_too_long():
    assert Host(Resistor()).ask("t" * 256) == ["t!0008"]
    assert Host(Resistor(), line_bytes=128).load("var a|# " + "x" * 127) == [
        "e!0008: Line 2, Col 129"
    ]
    assert Host(Resistor()).load("|".join(["# " + "x" * 200] * 400)) == ["e!4005: Line 323, Col 1"]


def test_a_constant_current_is_streamed_as_the_reference_shows_it():
    # 6.402468 kΩ so that 0.5 mA are at 3.201234 V
    host = Host(Resistor(6402.468))
    said = host.run(cp(interval="100m", run="300m"))
    assert said[0] == "M000A"
    assert said[-2:] == ["*", ""]
    assert len(said) == 6
    time_s, potential, current = package(said[1])
    assert (time_s[0], potential[0], current[0]) == ("eb", "ab", "ba")
    assert time_s[2] == ()
    assert potential[2] == ("10", "206")
    assert current[2] == ("10", "215", "40")
    assert time_s[1] == pytest.approx(0.1, abs=2e-4)
    assert potential[1] == pytest.approx(3.201234, abs=2e-4)
    assert current[1] == pytest.approx(5e-4, abs=4e-8)  # a step of the converter
    assert not host.device.output_on


def test_a_charge_ends_at_its_cut_off_where_the_closed_form_has_it():
    # V = 3 V + I t / C + I R: at 0.5 mA, 2 F and 100 Ω the cut-off of 3.25 V is reached at 800 s
    host = Host(Capacitor(farads=2.0, emf_V=3.0, ohms=100.0))
    packages = host.packages(cp(limit="3250m"))
    assert packages[-1][0][1] == pytest.approx(800.0, abs=1.1)
    assert len(packages) == round(packages[-1][0][1])
    for (_, time_s, _), (_, volts, _), _ in packages:
        assert volts == pytest.approx(3.0 + 5e-4 * time_s / 2.0 + 0.05, abs=5e-5)


def test_a_discharge_ends_at_its_cut_off_too():
    host = Host(Capacitor(farads=2.0, emf_V=3.0, ohms=100.0))
    packages = host.packages(cp(current="-500u", compare="<=", limit="2900m"))
    assert packages[-1][0][1] == pytest.approx(200.0, abs=1.1)
    assert packages[-1][2][1] == pytest.approx(-5e-4, abs=4e-8)


def test_a_thevenin_cell_answers_a_step_of_the_current_as_its_circuit_does():
    cell = Thevenin(2e-3, r0=10.0, r1=5.0, c1=12.0, soc=0.3)
    host = Host(cell)
    for (_, time_s, _), (_, volts, _), _ in host.packages(cp(interval="5", run="300")):
        soc = 0.3 + 5e-4 * time_s / 3600.0 / 2e-3
        rc_V = 5e-4 * 5.0 * (1.0 - math.exp(-time_s / 60.0))
        assert volts == pytest.approx(lfp_graphite(soc) + rc_V + 5e-3, abs=6e-5)


def ca(volts="1", interval="1", run="10", body="", extra=""):
    return f"""
var p
var c
set_pgstat_mode 3
set_range_minmax da {volts} {volts}
set_range ba 1m
set_autoranging ba 10u 1m
{extra}
set_e {volts}
cell_on
meas_loop_ca p c {volts} {interval} {run}
pck_start
pck_add p
pck_add c
pck_end
{body}
endloop
on_finished:
cell_off
"""


def test_a_constant_potential_decays_as_the_closed_form_does():
    # 1 V on 1 kΩ and 0.1 F: I = 1 mA exp(-t / 100 s)
    packages = Host(Capacitor(farads=0.1, emf_V=0.0, ohms=1000.0)).packages(ca(run="250"))
    assert len(packages) == 250
    for place, ((kind, volts, _), (_, amperes, _)) in enumerate(packages, 1):
        assert kind == "da"
        assert volts == 1.0
        # what is faint beside the device's 200 mA is stepped more coarsely: 0.1 mV on 1 kΩ a step
        assert amperes == pytest.approx(1e-3 * math.exp(-place / 100.0), abs=4e-7)


def test_a_hold_ends_at_its_current_and_the_range_follows_the_current_down():
    body = "if c <= 9u\nbreakloop\nendif"
    packages = Host(Capacitor(farads=0.1, emf_V=0.0, ohms=1000.0)).packages(
        ca(run="3600", body=body)
    )
    assert len(packages) == pytest.approx(100.0 * math.log(1e-3 / 9e-6), abs=2.0)
    ranges = [metadata[1] for _, (_, _, metadata) in packages]
    # 1 mA, 100 µA and 10 µA: the indices 21, 18 and 15 in hexadecimal
    assert list(dict.fromkeys(ranges)) == ["215", "212", "20F"]


def test_open_circuit():
    script = "var p|meas_loop_ocp p 500m 2|pck_start|pck_add p|pck_end|endloop"
    host = Host(Resistor(1000.0, 0.777))
    said = host.run(script)
    assert said[0] == "M000B"
    assert [package(line)[0][1] for line in said[1:5]] == pytest.approx([0.777] * 4, abs=2e-5)
    assert said[5:] == ["*", ""]
    assert host.times[-1] == pytest.approx(2.0, abs=0.01)


def test_a_cyclic_voltammogram_of_a_resistor_with_its_scans():
    script = ca().replace(
        "meas_loop_ca p c 1 1 10", "meas_loop_cv p c 0 200m -100m 50m 100m nscans(2)"
    ).replace("set_range_minmax da 1 1", "set_range_minmax da -100m 1")
    host = Host(Resistor(1000.0))
    said = host.run(script)
    marks = [line for line in said if not line.startswith("P")]
    assert marks == ["M0005", "C0000", "-", "C0001", "-", "*", ""]
    steps = [0.0, 0.05, 0.1, 0.15, 0.2, 0.15, 0.1, 0.05, 0.0, -0.05, -0.1, -0.05, 0.0]
    volts, amperes = zip(
        *((p[1], c[1]) for p, c in map(package, (s for s in said if s[:1] == "P"))), strict=True
    )
    assert volts == pytest.approx(steps * 2, abs=1e-9)
    assert amperes == pytest.approx([v / 1000.0 for v in steps * 2], abs=1.5e-7)
    # 26 points of 50 mV at 100 mV/s
    assert host.times[-1] == pytest.approx(13.0, abs=0.02)


def lsv_like(command, outs="p c"):
    return f"""
var p
var c
var f
var r
set_pgstat_mode 3
set_range ba 1m
set_e 0
cell_on
{command}
pck_start
{chr(10).join("pck_add " + name for name in outs.split())}
pck_end
endloop
on_finished:
cell_off
"""


@pytest.mark.parametrize(
    ("command", "technique", "currents"),
    [
        # on 1 kΩ: a sweep, and what each pulse technique subtracts
        ("meas_loop_lsv p c 0 200m 100m 1", "0000", [0.0, 1e-4, 2e-4]),
        ("meas_loop_dpv p c 0 200m 100m 50m 10m 1", "0001", [5e-5] * 3),
        ("meas_loop_dpv p c 200m 0 100m 50m 10m 1", "0001", [-5e-5] * 3),
        ("meas_loop_swv p c f r 0 200m 100m 25m 10", "0002", [5e-5] * 3),
        ("meas_loop_npv p c 0 200m 100m 10m 1", "0003", [0.0, 1e-4, 2e-4]),
        ("meas_loop_pad p c 100m 300m 10m 50m 100m 1", "0008", [1e-4] * 2),
        ("meas_loop_pad p c 100m 300m 10m 50m 100m 2", "0008", [3e-4] * 2),
        ("meas_loop_pad p c 100m 300m 10m 50m 100m 3", "0008", [2e-4] * 2),
    ],
)
def test_sweeps_and_pulses_of_a_resistor(command, technique, currents):
    said = Host(Resistor(1000.0)).run(lsv_like(command))
    assert said[0] == f"M{technique}"
    found = [package(line)[1][1] for line in said if line.startswith("P")]
    assert found == pytest.approx(currents, abs=2e-7)  # two steps of the converter


def test_a_square_wave_gives_both_currents():
    said = Host(Resistor(1000.0)).run(
        lsv_like("meas_loop_swv p c f r 0 100m 100m 25m 10", outs="p f r")
    )
    points = [[value for _, value, _ in package(line)] for line in said if line[:1] == "P"]
    assert points[1] == pytest.approx([0.1, 1.25e-4, 7.5e-5], abs=2e-7)


def test_a_sweep_of_the_current():
    script = lsv_like("meas_loop_lsp p c -200u 200u 200u 100u").replace(
        "set_pgstat_mode 3", "set_pgstat_mode 6"
    ).replace("set_e 0", "set_range db 1m")
    host = Host(Resistor(1000.0))
    said = host.run(script)
    assert said[0] == "M000F"
    volts = [package(line)[0][1] for line in said if line[:1] == "P"]
    assert volts == pytest.approx([-0.2, 0.0, 0.2], abs=4e-5)
    assert host.times[-1] == pytest.approx(6.0, abs=0.02)


def test_an_alternating_voltammogram():
    script = """
var d
var i
var e
var a
var z
var y
set_pgstat_mode 3
set_range ba 1m
set_e 0
cell_on
meas_loop_acv d i e a z y 0 100m 100m 1 10m 15
pck_start
pck_add d
pck_add a
pck_add z
pck_add y
pck_end
endloop
cell_off
"""
    points = Host(Resistor(1000.0)).packages(script)
    assert [point[0][:2] for point in points] == [("ci", 0.0), ("ci", 0.1)]
    for _, current, real, imaginary in points:
        assert current[1] == pytest.approx(1e-5)
        assert real[1] == pytest.approx(1000.0)
        assert imaginary[1] == pytest.approx(0.0, abs=1e-6)


def spectrum(kind, amplitude, bias, mode, setting):
    return f"""
var f
var r
var i
set_pgstat_mode {mode}
{setting}
cell_on
meas_loop_{kind} f r i {amplitude} 100k 1m 33i {bias}
pck_start
pck_add f
pck_add r
pck_add i
pck_end
endloop
on_finished:
cell_off
"""


@pytest.mark.parametrize(
    ("technique", "script"),
    [
        ("M000D", spectrum("eis", "5m", "{ocv}u", 3, "set_range ba 10m\nset_e {ocv}u")),
        ("M000E", spectrum("geis", "10u", "0", 6, "set_range db 1m\nset_i 0")),
    ],
)
def test_a_spectrum_of_a_thevenin_cell_is_that_of_its_circuit(technique, script):
    r0, r1, c1, capacity_Ah, soc = 10.0, 5.0, 12.0, 2e-3, 0.3
    ocv_V = lfp_graphite(soc)
    host = Host(Thevenin(capacity_Ah, r0, r1, c1, soc))
    said = host.run(script.replace("{ocv}", str(round(ocv_V * 1e6))))
    assert said[0] == technique
    points = [package(line) for line in said if line.startswith("P")]
    assert len(points) == 33
    slope = (lfp_graphite(soc + 1e-6) - lfp_graphite(soc - 1e-6)) / 2e-6
    for (kind, hertz, _), (one, real, _), (other, imaginary, _) in points:
        assert (kind, one, other) == ("dc", "cc", "cd")
        omega = 2.0 * math.pi * hertz
        true = r0 + r1 / (1 + 1j * omega * r1 * c1) + slope / (1j * omega * 3600.0 * capacity_Ah)
        assert abs(complex(real, imaginary) - true) < 0.002 * abs(true)
    frequencies = [point[0][1] for point in points]
    assert frequencies == pytest.approx([10 ** (5 - place / 4) for place in range(33)], rel=1e-4)


def test_the_instrument_puts_its_own_error_on_a_spectrum():
    script = spectrum("eis", "5m", "0", 3, "set_range ba 10m\nset_e 0").replace("1m 33i", "1 41i")
    exact = Host(Resistor(1000.0)).packages(script)
    noisy = Host(Resistor(1000.0), instrument_error=1.0).packages(script)
    assert all(point[1][1] == pytest.approx(1000.0, rel=1e-6) for point in exact)
    apart = [abs(complex(point[1][1], point[2][1]) - 1000.0) for point in noisy]
    assert 0.1 < max(apart) < 10.0  # 0.4 % of gain at most, and 0.05 % of noise


def test_without_a_galvanostat_there_is_no_constant_current():
    for command in ("meas_loop_cp p c 1m 1 2", "meas_loop_lsp p c 0 1m 1m 1m"):
        assert Host(Resistor(), EmStatPico).load(f"var p|var c|{command}|endloop") == [
            "e!001B: Line 3, Col 1"
        ]
    host = Host(Resistor(), EmStatPico)
    assert host.run("set_pgstat_mode 6") == ["!0021: Line 1", ""]
    assert host.run("set_i 1m") == ["!001B: Line 1", ""]


def test_the_picos_window_of_the_potential():
    host = Host(Resistor(), EmStatPico)
    assert host.run("set_pgstat_mode 2|set_e 1900m") == [""]
    assert host.run("set_pgstat_mode 2|set_e -1500m") == ["!000F: Line 2", ""]
    assert host.run("set_pgstat_mode 4|set_e -1500m") == [""]
    assert host.run("set_pgstat_mode 3|set_range_minmax da -1 1") == ["!000F: Line 2", ""]
    assert host.run("set_pgstat_mode 3|set_range_minmax da 0 1|set_e 1100m") == [
        "!000F: Line 3", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "model", "volts"),
    [(EmStat4, None, 6), (EmStat4, "EmStat4 LR", 3), (Nexus, None, 10), (EmStatPico, None, 2)],
)
def test_potentials_beyond_the_device_are_refused(make, model, volts):
    host = Host(Resistor(), make, model=model)
    assert host.run(f"set_pgstat_mode 2|set_e {volts}") == [""]
    assert host.run(f"set_pgstat_mode 2|set_e {volts * 1000 + 1}m") == ["!000F: Line 2", ""]


def test_a_galvanostat_is_held_at_its_compliance_and_says_so():
    host = Host(Resistor(1e6))  # 0.5 mA would need 500 V
    packages = host.packages(cp(interval="1", run="2", limit="100"))
    (_, volts, potential_status), (_, amperes, current_status) = packages[0][1:]
    assert volts == pytest.approx(6.0)  # all that it reads; 8 V are there
    assert host.device.terminals.source.kind == "open"
    assert amperes == pytest.approx(8e-6, rel=1e-2)
    assert potential_status[0] == "12"
    assert int(current_status[0][1], 16) & 2


def test_a_fixed_range_that_is_too_small_reads_its_end_and_says_overload():
    script = ca("1", run="2", extra="set_autoranging ba 10u 10u")
    (_, (_, amperes, metadata)), *_ = Host(Resistor(1000.0)).packages(script)
    assert amperes == pytest.approx(12e-6, rel=1e-3)
    assert metadata == ("12", "20F", "40")


def test_a_small_current_on_a_large_range_is_an_underload():
    script = ca("1m", run="2", extra="set_autoranging ba 1m 1m")
    (_, (_, _, metadata)), *_ = Host(Resistor(1000.0)).packages(script)
    assert metadata == ("14", "215", "40")


def test_a_potentiostat_at_its_maximum_current_gives_up():
    host = Host(Resistor(0.1, 3.0))
    said = host.run(ca("5", run="60"))
    assert said[-2:] == ["!0032: Line 9", ""]
    assert len([line for line in said if line.startswith("P")]) == 2
    assert not host.device.output_on  # by itself: on_finished was not run
    assert host.device.terminals.source.kind == "open"


def test_the_current_is_never_more_than_the_devices():
    host = Host(Resistor(0.1, 3.0), critical_s=math.inf)
    host.load(ca("5", run="60"))
    host.follow(seconds=30.0)
    assert host.device.terminals.state().current_A == pytest.approx(0.2)
    assert host.device.terminals.state().limited


def test_after_an_error_the_cell_stays_on_until_a_script_switches_it_off():
    host = Host(Resistor(1000.0))
    body = "div_var c 0"
    said = host.run(ca("1", body=body))
    assert said[-2:] == ["!0028: Line 14", ""]
    assert host.device.output_on
    assert host.device.terminals.state().voltage_V == pytest.approx(1.0, abs=2e-4)
    host.now += 0.2
    assert host.run("cell_off") == [""]
    assert not host.device.output_on


def test_the_blank_line_after_an_error_can_be_left_out():
    assert Host(Resistor(), blank_after_error=False).run("cell_on") == ["!0023: Line 1"]


def test_abort_runs_on_finished_and_switches_the_cell_off():
    host = Host(Resistor(1000.0))
    host.load(ca("1", run="36000"))
    host.follow(seconds=5.5)
    assert host.device.output_on
    said = host.ask("Z") + host.follow()
    assert said == ["Z", "*", ""]
    assert not host.device.output_on


def test_the_present_measurement_can_be_ended_alone():
    host = Host(Resistor(1000.0))
    host.load(ca("1", run="36000").replace("on_finished:", 'send_string "next"\non_finished:'))
    host.follow(seconds=5.5)
    assert host.ask("Y") + host.follow() == ["Y", "*", "Tnext", ""]


def test_a_halted_script_stands_still_with_the_cell_on():
    host = Host(Resistor(1000.0))
    host.load(ca("1", run="10"))
    assert len([line for line in host.follow(seconds=3.5) if line[:1] == "P"]) == 3
    assert host.ask("h") == ["h"]
    assert host.follow(seconds=100.0) == []
    assert host.device.output_on
    assert host.ask("H") == ["H"]
    assert len([line for line in host.follow() if line[:1] == "P"]) == 7


def test_a_host_that_stops_the_stream_stops_the_script_but_not_the_cell():
    cell = Capacitor(farads=2.0, emf_V=3.0, ohms=100.0)
    host = Host(cell)
    host.load(cp(limit="3250m"))
    host.follow(seconds=10.0)
    assert host.feed(b"\x13") == []
    assert host.follow(seconds=2000.0) == []
    # the charge went on: the cut-off would have come after 800 s
    assert cell.emf_V == pytest.approx(3.0 + 5e-4 * 2010.0 / 2.0, abs=1e-2)
    said = host.feed(b"\x11")
    assert len(said) > 50
    late = host.follow()
    status = [package(line)[1][2][0] for line in said + late if line.startswith("P")]
    assert status.count("11") == 1  # the time was not met once
    assert not host.device.output_on


def test_the_cell_is_driven_to_its_cut_off_when_nobody_listens_any_more():
    cell = Capacitor(farads=2.0, emf_V=3.0, ohms=100.0)
    host = Host(cell)
    host.load(cp(limit="3250m"))
    for hour in range(1, 11):
        host.device.advance(host.now + 3600.0 * hour)
        assert cell.emf_V + 0.05 <= 3.25 + 5e-4
    assert cell.emf_V == pytest.approx(3.2, abs=5e-4)
    assert not host.device.output_on


def test_the_same_script_in_pieces_of_time_says_the_same():
    once = Host(Capacitor(2.0, 3.0, 100.0), instrument_error=1.0, seed=5).run(cp(run="50"))
    host = Host(Capacitor(2.0, 3.0, 100.0), instrument_error=1.0, seed=5)
    pieces = host.load(cp(run="50"))[1:]
    for _ in range(600):
        pieces += host.follow(seconds=0.1)
    assert pieces == once


def test_errors_are_within_what_the_maker_states_and_differ_by_seed():
    def reading(seed):
        host = Host(Resistor(1000.0), instrument_error=1.0, seed=seed)
        return host.packages(ca("1", run="1"))[0][1][1]

    found = [reading(seed) for seed in range(30)]
    assert len(set(found)) > 20
    # gains of potential and current, offsets of 0.2 % of 1 mA and of 1 mV on 1 kΩ
    assert all(abs(value - 1e-3) < 1e-3 * (0.004 + 0.002) + 1.2e-6 for value in found)


def test_a_frozen_converter_repeats_itself():
    host = Host(Capacitor(2.0, 3.0, 100.0), instrument_error=1.0, frozen_at_h=0.005)
    volts = [point[1][1] for point in host.packages(cp(run="60"))]
    assert len(set(volts[:17])) > 10
    assert len(set(volts[18:])) == 1


def test_a_current_that_is_not_the_one_set():
    packages = Host(Resistor(1000.0), set_deviation=0.1).packages(cp(run="1"))
    assert packages[0][2][1] == pytest.approx(5.5e-4, rel=1e-3)
