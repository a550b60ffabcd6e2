"""The impedance of cell models: against closed forms, and against a sine put on a copy."""

import math
from copy import deepcopy

import pytest

from labctl_simulators.cells import half
from labctl_simulators.cells.plain import Resistor, Thevenin, lfp_graphite
from labctl_simulators.impedance import impedance
from labctl_simulators.ports import CellSize

CAPACITY_Ah = 2e-3
DECADES = [10.0 ** (place / 4) for place in range(-12, 21)]  # 1 mHz … 100 kHz


def circuit(hertz, r0, r1, c1, soc):
    """R0, one RC pair, and the slope of the open-circuit voltage as a capacitance."""
    omega = 2.0 * math.pi * hertz
    slope = (lfp_graphite(soc + 1e-6) - lfp_graphite(soc - 1e-6)) / 2e-6
    return r0 + r1 / (1 + 1j * omega * r1 * c1) + slope / (1j * omega * 3600.0 * CAPACITY_Ah)


@pytest.mark.parametrize(
    ("r0", "r1", "c1"),
    [
        (10.0, 5.0, 12.0),  # 60 s: the model's own
        (10.0, 200.0, 1e-5),  # an arc at 80 Hz
        (0.02, 0.01, 100.0),
        (0.001, 10.0, 1e-3),  # next to no series resistance
        (50.0, 0.0, 0.0),
    ],
)
@pytest.mark.parametrize("current_A", [0.0, 1e-4])
def test_a_thevenin_cell_has_the_impedance_of_its_circuit(r0, r1, c1, current_A):
    cell = Thevenin(CAPACITY_Ah, r0, r1, c1, 0.35)
    for hertz in DECADES:
        true = circuit(hertz, r0, r1, c1, 0.35)
        apart = abs(impedance(cell, hertz, current_A) - true)
        if current_A == 0.0:
            assert apart < 0.002 * abs(true), hertz
        elif hertz >= 1.0:  # below, the state of charge moves on while the current flows
            assert apart < 0.002 * abs(true), hertz


def test_a_resistor_has_its_resistance():
    assert impedance(Resistor(1000.0), 50.0, 1e-3) == pytest.approx(1000.0)


def test_the_cell_is_left_as_it_was():
    cell = Thevenin(CAPACITY_Ah, 10.0, 5.0, 12.0, 0.3)
    impedance(cell, 1e-3, 1e-3)
    assert (cell.soc, cell.rc_V) == (0.3, 0.0)


def test_there_is_none_at_no_frequency():
    with pytest.raises(ValueError, match="above 0"):
        impedance(Resistor(1.0), 0.0, 0.0)


SETTLING, PER_PERIOD = 6, 400


def by_a_sine(cell, hertz, amplitude_A):
    """The fundamental of the voltage while a sine flows, over one period after some others.

    Each interval has the mean of the sine over it; the voltage at its end belongs to the sine then.
    """
    copy = deepcopy(cell)
    omega, dt = 2.0 * math.pi * hertz, 1.0 / hertz / PER_PERIOD
    base_V, total = cell.voltage(0.0), 0j
    for place in range((SETTLING + 1) * PER_PERIOD):
        begin, end = omega * place * dt, omega * (place + 1) * dt
        mean_A = amplitude_A * (math.cos(begin) - math.cos(end)) / (omega * dt)
        copy.step(dt, mean_A)
        volts = copy.voltage(amplitude_A * math.sin(end)) - base_V
        if place >= SETTLING * PER_PERIOD:
            total += volts * complex(math.cos(end), -math.sin(end))
    return total * 2.0 / PER_PERIOD / amplitude_A * 1j


@pytest.fixture(scope="module")
def plated_half_cell():
    """Sodium on copper, half a milliampere hour plated, at rest for an hour."""
    cell = half(CellSize("half", "Na"), {"ce": 1.0}, 1)
    for _ in range(1800):
        cell.step(2.0, -0.5e-3)
    for _ in range(1800):
        cell.step(2.0, 0.0)
    return cell


@pytest.mark.parametrize("hertz", [0.005, 0.02, 1.0, 100.0, 10000.0])
def test_an_electrode_model_answers_a_small_sine_with_this_impedance(plated_half_cell, hertz):
    found = impedance(plated_half_cell, hertz, 0.0)
    assert abs(found - by_a_sine(plated_half_cell, hertz, 1e-6)) < 1e-3 * abs(found)


def test_an_electrode_models_charge_transfer_has_no_arc(plated_half_cell):
    """Butler–Volmer kinetics without a double layer where there is metal: one resistance."""
    high, low = (impedance(plated_half_cell, hertz, 0.0) for hertz in (1e5, 10.0))
    assert abs(low - high) < 1e-3 * abs(high)
