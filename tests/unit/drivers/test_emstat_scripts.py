"""Setpoints compiled to MethodSCRIPT, against scripts written by hand in `scripts/`."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_drivers.emstat.models import EMSTAT4, EMSTAT_PICO, NEXUS
from labctl_drivers.emstat.programs import program_for
from labctl_drivers.emstat.scripts import Timing
from labctl_drivers.emstat.sweeps import spectrum_program, sweep_program
from labctl_drivers.errors import OutOfRange
from labctl_drivers.vocabulary import Excitation, Guard, Setpoint, SweepShape

SCRIPTS = Path(__file__).parent / "scripts"
HR, LR, PICO, NEX = EMSTAT4["es4_hr"], EMSTAT4["es4_lr"], EMSTAT_PICO["espico"], NEXUS["nexus1"]
TIMING = Timing(0.2, 1.0, 0.005)
LI = Guard(2.5, 4.3, 5e-3)
HALF = Guard(-0.5, 1.5, 3e-3)
AROUND_0 = Guard(-1.0, 1.0, 5e-3)


def written(name):
    return (SCRIPTS / f"{name}.mscr").read_text().splitlines()


COMPILED = {
    "charge_to_4v2": lambda: program_for(Setpoint("current", 0.5e-3, 4.2), LI, HR, TIMING),
    "discharge_then_hold": lambda: program_for(
        Setpoint("current", -1e-3, 2.5, hold_at_stop=True), LI, HR, TIMING
    ),
    "hold_with_charge_on_a_pico": lambda: program_for(
        # 2 mAh = 7.2 As, half a percent more and 2 s of the current; 102 s and 2 s likewise
        Setpoint("voltage", 2e-3, -0.1),
        replace(HALF, charge_Ah=7.2 / 1.005 / 3600, time_s=102.5 / 1.005),
        PICO,
        Timing(0.5, 1.0, 0.005),
    ),
    "rest": lambda: program_for(Setpoint("rest"), LI, HR, TIMING),
    "sweep_twice": lambda: sweep_program(
        Setpoint("sweep", 5e-3, sweep=SweepShape(0.0, (0.5, -0.5), 0.1, 0.01, 2)), AROUND_0, HR
    ),
    "eis_on_a_pico": lambda: spectrum_program(
        Excitation(100e3, 100.0, 10, amplitude_V=0.01, about_V=0.2), HALF, PICO
    ),
    "geis": lambda: spectrum_program(Excitation(1e3, 0.1, 5, amplitude_A=100e-6), LI, HR),
}


@pytest.mark.parametrize("name", COMPILED)
def test_a_setpoint_becomes_the_script_written_by_hand(name):
    assert list(COMPILED[name]().lines) == written(name)


@pytest.mark.parametrize("model", [HR, LR, NEX])
@pytest.mark.parametrize(
    ("setpoint", "line"),
    [
        (Setpoint("current", 1e-3), "store_var v 1500m ab"),
        (Setpoint("current", -1e-3), "store_var v -500m ab"),
        (Setpoint("current", -1e-3, 0.0), "store_var v 0 ab"),
    ],
)
def test_the_cut_off_is_the_stop_or_the_guards_voltage_in_the_currents_direction(
    model, setpoint, line
):
    assert line in program_for(setpoint, HALF, model, TIMING).lines


def test_charge_and_time_bound_how_long_a_current_flows():
    def longest(**bounds):
        program = program_for(Setpoint("current", 1e-3, 1.0), replace(HALF, **bounds), HR, TIMING)
        return next(value for name, _, value in program.declared if name == "w")

    # half a percent more, and 1 s and two intervals
    assert longest(time_s=1000.0) == pytest.approx(1006.4)
    assert longest(charge_Ah=1e-3) == pytest.approx(3600 * 1.005 + 1.4)
    assert longest(charge_Ah=1e-3, time_s=60.0) == pytest.approx(61.7)
    assert longest() == 3.6e6


@pytest.mark.parametrize("model", [HR, PICO, NEX])
@pytest.mark.parametrize("name", ["rest", "hold", "sweep", "eis"])
def test_whatever_happens_the_cell_goes_off_at_the_end(model, name):
    program = {
        "rest": lambda: program_for(Setpoint("rest"), HALF, model, TIMING),
        "hold": lambda: program_for(Setpoint("voltage", 1e-3, 0.5), HALF, model, TIMING),
        "sweep": lambda: sweep_program(
            Setpoint("sweep", 1e-3, sweep=SweepShape(0.0, (1.0,), 0.1, 0.01)), HALF, model
        ),
        "eis": lambda: spectrum_program(
            Excitation(1e4, 1.0, 10, amplitude_V=0.01, about_V=0.0), HALF, model
        ),
    }[name]()
    assert program.lines[-2:] == ("on_finished:", "cell_off")
    assert all(0 < len(line) < 128 for line in program.lines)
    # on only after the limits have been said
    said, on = program.lines.index("pck_end"), "cell_on"
    assert on not in program.lines[:said]


@pytest.mark.parametrize(
    ("setpoint", "guard", "model"),
    [
        (Setpoint("current", 1e-3), HALF, PICO),
        (Setpoint("current", 1e-3, hold_at_stop=True), HALF, HR),
        (Setpoint("current", 4e-3), HALF, HR),
        (Setpoint("current", 0.0), HALF, HR),
        (Setpoint("current", float("nan")), HALF, HR),
        (Setpoint("current", 1e-3, float("inf")), HALF, HR),
        (Setpoint("current", 1e-3, 1.6), HALF, HR),
        (Setpoint("current", 0.3), Guard(-0.5, 1.5, 1.0), HR),
        (Setpoint("current", 11e-3), Guard(-0.5, 1.5, 1.0), LR),
        (Setpoint("voltage", 1e-3), HALF, HR),
        (Setpoint("voltage", 1e-3, -0.6), HALF, HR),
        (Setpoint("voltage", 3.1e-3, 0.1), Guard(-0.5, 1.5, 1.0), PICO),
        (Setpoint("rest"), Guard(1.0, -1.0, 1e-3), HR),
        (Setpoint("rest"), Guard(-0.5, 4.3, 1e-3), LR),
        (Setpoint("rest"), Guard(-0.5, 2.1, 1e-3), PICO),
        (Setpoint("rest"), replace(HALF, time_s=float("inf")), PICO),
    ],
)
def test_what_the_instrument_cannot_do_is_refused(setpoint, guard, model):
    with pytest.raises(OutOfRange):
        program_for(setpoint, guard, model, TIMING)


SHAPE = SweepShape(0.0, (1.0,), 0.1, 0.01)


@pytest.mark.parametrize(
    "shape",
    [
        None,
        replace(SHAPE, corners_V=()),
        replace(SHAPE, cycles=0),
        replace(SHAPE, corners_V=(1.6,)),
        replace(SHAPE, start_V=-0.6),
        replace(SHAPE, rate_V_s=0.0),
        replace(SHAPE, step_V=-0.01),
        replace(SHAPE, step_V=float("nan")),
    ],
)
def test_a_sweep_outside_the_guard_or_of_no_shape_is_refused(shape):
    with pytest.raises(OutOfRange):
        sweep_program(Setpoint("sweep", 1e-3, sweep=shape), HALF, HR)


def test_a_pico_sweeps_only_within_its_window():
    wide, narrow = replace(SHAPE, start_V=-0.7), replace(SHAPE, start_V=-1.7, corners_V=(0.8,))
    guard = Guard(-1.7, 2.0, 3e-3)
    swept = sweep_program(Setpoint("sweep", 1e-3, sweep=wide), guard, PICO)
    assert "set_pgstat_mode 2" in swept.lines
    swept = sweep_program(Setpoint("sweep", 1e-3, sweep=narrow), guard, PICO)
    assert "set_pgstat_mode 4" in swept.lines
    shape = replace(SHAPE, start_V=-1.7, corners_V=(2.0,))
    with pytest.raises(OutOfRange):
        sweep_program(Setpoint("sweep", 1e-3, sweep=shape), guard, PICO)


@pytest.mark.parametrize(
    ("excitation", "model"),
    [
        (Excitation(1e3, 1.0, 10, amplitude_A=1e-4), PICO),
        (Excitation(1e3, 1.0, 10, amplitude_A=4e-3), HR),
        (Excitation(1e3, 1.0, 10, amplitude_V=0.01), HR),
        (Excitation(1e3, 1.0, 10), HR),
        (Excitation(1e3, 1.0, 10, amplitude_V=0.01, about_V=1.495), HR),
        (Excitation(1e3, 1.0, 10, amplitude_V=-0.01, about_V=0.5), HR),
        (Excitation(1.0, 1e3, 10, amplitude_V=0.01, about_V=0.5), HR),
        (Excitation(1e3, 0.0, 10, amplitude_V=0.01, about_V=0.5), HR),
        (Excitation(3e5, 1.0, 10, amplitude_V=0.01, about_V=0.5), HR),
        (Excitation(1e3, 1.0, 0, amplitude_V=0.01, about_V=0.5), HR),
    ],
)
def test_a_spectrum_that_cannot_be_measured_is_refused(excitation, model):
    with pytest.raises(OutOfRange):
        spectrum_program(excitation, HALF, model)


@given(
    current_A=st.floats(-3e-3, 3e-3).filter(lambda value: abs(value) > 1e-9),
    stop_V=st.none() | st.floats(-0.5, 1.5),
    charge_Ah=st.none() | st.floats(0.0, 10.0),
    time_s=st.none() | st.floats(0.0, 1e6),
)
def test_any_current_inside_the_guard_compiles(current_A, stop_V, charge_Ah, time_s):
    guard = replace(HALF, charge_Ah=charge_Ah, time_s=time_s)
    program = program_for(Setpoint("current", current_A, stop_V), guard, HR, TIMING)
    given_values = {name: value for name, _, value in program.declared}
    assert given_values["i"] == pytest.approx(current_A, rel=1e-6)
    assert given_values["w"] <= 3.6e6
