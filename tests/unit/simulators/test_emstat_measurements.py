"""What the simulated EmStats measure on cells of which a closed form is known."""

import math

import pytest
from emstat_host import Host, ca, cp, package
from wired import Capacitor, Resistor

from labctl_simulators.cells.plain import Thevenin, lfp_graphite


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


def test_a_constant_potential_decays_as_the_closed_form_does():
    # 1 V on 1 kΩ and 0.1 F: I = 1 mA exp(-t / 100 s)
    packages = Host(Capacitor(farads=0.1, emf_V=0.0, ohms=1000.0)).packages(ca(run="250"))
    assert len(packages) == 250
    for place, ((kind, volts, _), (_, amperes, _)) in enumerate(packages, 1):
        assert kind == "da"
        assert volts == 1.0
        assert amperes == pytest.approx(1e-3 * math.exp(-place / 100.0), rel=2e-3)


def test_a_hold_ends_at_its_current_and_the_range_follows_the_current_down():
    body = "if c <= 9u\nbreakloop\nendif"
    packages = Host(Capacitor(farads=0.1, emf_V=0.0, ohms=1000.0)).packages(
        ca(run="3600", body=body)
    )
    assert len(packages) == math.ceil(100.0 * math.log(1e-3 / 9e-6))
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
    script = (
        ca()
        .replace("meas_loop_ca p c 1 1 10", "meas_loop_cv p c 0 200m -100m 50m 100m nscans(2)")
        .replace("set_range_minmax da 1 1", "set_range_minmax da -100m 1")
    )
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
    script = (
        lsv_like("meas_loop_lsp p c -200u 200u 200u 100u")
        .replace("set_pgstat_mode 3", "set_pgstat_mode 6")
        .replace("set_e 0", "set_range db 1m")
    )
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
