"""The simulated EmStats on their wire: commands, running scripts, limits, faults."""

import math

import pytest
from emstat_host import Host, ca, cp, package
from wired import Capacitor, Resistor

from labctl_simulators.firmware.emstat import EmStat4, EmStatPico, Nexus
from labctl_simulators.terminals import Terminals


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
    host = Host(Resistor(), deaf_s=0.05)
    assert host.feed(b"x\n") == ["x!0003"]
    host.now += 0.05
    assert len(host.feed(b"t\n")) == 2


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


def test_lines_of_a_script_that_come_too_soon_can_be_lost():
    host = Host(Resistor(), load_gap_s=0.05)
    host.feed(b'e\nsend_string "a"\n')
    host.now += 0.05
    assert host.feed(b'send_string "b"\n\n') + host.follow() == ["e", "Tb", ""]


def test_what_is_said_while_time_passes_without_traffic_waits_to_be_heard():
    host = Host(Resistor())
    assert host.load('wait 5|send_string "a"') == ["e"]
    host.now = 10.0
    host.device.advance(host.now)
    assert host.device.wake_at is not None
    assert host.follow() == ["Ta", ""]
    assert host.device.wake_at is None


def test_a_serial_line_takes_its_time():
    # 33 and 7 bytes of 10 bits at 230400 baud, a Pico's own; a virtual serial port takes none
    host = Host(Resistor(), EmStatPico)
    host.feed(b"t\n")
    assert host.times == pytest.approx([1e-3 + 33 * 10 / 230400, 1e-3 + 40 * 10 / 230400])
    host = Host(Resistor())
    host.feed(b"t\n")
    assert host.times == pytest.approx([1e-3, 1e-3])


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
