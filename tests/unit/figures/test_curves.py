"""Nucleation, plateaus and dQ/dV of curves whose answers are known in closed form."""

import math
import random

import pytest

from labctl.figures.curve import noise_V, plateau_V, voltage_at, weighted_median
from labctl.figures.dqdv import differential_capacity
from labctl.figures.nucleation import nucleation

COUNT = 2000
CHARGE_Ah = [1e-3 * n / COUNT for n in range(COUNT + 1)]


def plating(dip_V: float = 0.05, noise: float = 0.0) -> list[float]:
    """From 1 V open circuit through a dip of `dip_V` below a plateau at −40 mV."""
    rng = random.Random(7)
    voltages = []
    for charge in CHARGE_Ah:
        into = charge / 1e-3
        voltage = -0.04 - dip_V * math.exp(-(((into - 0.02) / 0.005) ** 2))
        voltages.append(1.0 if into < 0.005 else voltage + rng.gauss(0, noise))
    return voltages


def test_nucleation_is_the_dip_below_the_plateau() -> None:
    found = nucleation(CHARGE_Ah, plating())
    assert found.dip_V == pytest.approx(-0.09, abs=1e-4)
    assert found.plateau_V == pytest.approx(-0.04)
    assert found.overpotential_V == pytest.approx(0.05, abs=1e-4)
    assert found.reason == ""


def test_nucleation_of_a_tilted_plateau_takes_its_median() -> None:
    tilted = [v - 0.01 * q / 1e-3 for q, v in zip(CHARGE_Ah, plating(), strict=True)]
    assert nucleation(CHARGE_Ah, tilted).plateau_V == pytest.approx(-0.045, abs=1e-5)


@pytest.mark.parametrize(
    ("voltages", "reason"),
    [
        (plating(dip_V=0.001, noise=0.005), "noise"),
        ([0.5] * (COUNT + 1), "does not cross 0 V"),
        ([-0.1 * q / 1e-3 for q in CHARGE_Ah], "still falls"),
    ],
    ids=["noise", "no crossing", "still falling"],
)
def test_no_nucleation_overpotential_where_none_is_seen(voltages: list[float], reason: str) -> None:
    # In the noisy case the window holds few readings: the lowest of them is within the noise.
    area_cm2 = 0.06 if reason == "noise" else None
    found = nucleation(CHARGE_Ah, voltages, area_cm2)
    assert found.overpotential_V is None
    assert reason in found.reason


def test_a_dip_above_twice_the_noise_is_told() -> None:
    found = nucleation(CHARGE_Ah, plating(dip_V=0.02, noise=0.001))
    assert found.overpotential_V == pytest.approx(0.02, abs=0.003)


def test_nothing_plated_has_no_nucleation() -> None:
    assert nucleation([0.0, 0.0], [-0.1, -0.1]).reason == "nothing was plated"


def test_the_plateau_does_not_depend_on_how_densely_was_recorded() -> None:
    """V = Q: the median between 20 and 80 % is the middle, though half is recorded 50 times."""
    dense = sorted({*(n / 1000 for n in range(501)), *(n / 20 for n in range(21))})
    assert plateau_V(dense, dense) == pytest.approx(0.5, abs=0.03)
    assert weighted_median([(1.0, 1.0), (2.0, 5.0), (9.0, 1.0)]) == 2.0
    assert weighted_median([]) is None


def test_voltage_at_a_charge_lies_between_readings() -> None:
    assert voltage_at([0.0, 1.0, 2.0], [3.0, 4.0, 6.0], 1.5) == 5.0
    assert voltage_at([0.0, 1.0], [3.0, 4.0], 2.0) is None


def test_noise_is_seen_through_a_slope() -> None:
    rng = random.Random(3)
    values = [0.01 * n + rng.gauss(0, 2e-3) for n in range(5000)]
    assert noise_V(values) == pytest.approx(2e-3, rel=0.05)
    assert noise_V([1.0, 2.0]) == 0.0


MIDDLE_V, WIDTH_V = 3.4, 0.05
RISING_V = [3.0 + 0.8 * n / COUNT for n in range(COUNT + 1)]


def step_in_charge(voltage: float) -> float:
    return 0.5e-3 * (1 + math.tanh((voltage - MIDDLE_V) / WIDTH_V))


def peak(voltage: float) -> float:
    return 0.5e-3 / WIDTH_V / math.cosh((voltage - MIDDLE_V) / WIDTH_V) ** 2


@pytest.mark.parametrize("falling", [False, True])
def test_dq_dv_of_a_step_is_its_derivative(falling: bool) -> None:
    charges = [step_in_charge(v) - step_in_charge(3.0) for v in RISING_V]
    volts = RISING_V
    if falling:
        volts = RISING_V[::-1]
        charges = [charges[-1] - charge for charge in reversed(charges)]
    found = differential_capacity(charges, volts)
    assert list(found.voltage_V) == sorted(found.voltage_V)
    for voltage, slope in zip(found.voltage_V, found.dq_dv_Ah_per_V, strict=True):
        if 3.05 < voltage < 3.75:
            assert slope == pytest.approx(peak(voltage), abs=0.01 * peak(MIDDLE_V))
    assert found.charge_Ah == pytest.approx(charges[-1], rel=1e-9)


@pytest.mark.parametrize("smooth_V", [0.0, 0.002, 0.01])
def test_dq_dv_keeps_the_charge_of_a_noisy_curve_that_is_not_monotone(smooth_V: float) -> None:
    rng = random.Random(5)
    noisy = [v + rng.gauss(0, 0.003) for v in RISING_V]
    charges = [step_in_charge(v) - step_in_charge(3.0) for v in RISING_V]
    found = differential_capacity(charges, noisy, step_V=0.005, smooth_V=smooth_V)
    assert found.charge_Ah == pytest.approx(charges[-1], rel=1e-9)
    assert (found.step_V, found.smooth_V) == (0.005, smooth_V)
    highest = max(zip(found.dq_dv_Ah_per_V, found.voltage_V, strict=True))
    assert highest[1] == pytest.approx(MIDDLE_V, abs=0.02)


def test_dq_dv_of_a_held_voltage_keeps_its_charge() -> None:
    """A hold passes charge at one voltage: it is in that voltage's cell."""
    volts = [*RISING_V, *([3.8] * 100)]
    charges = [1e-3 * n / len(volts) for n in range(len(volts))]
    found = differential_capacity(charges, volts, smooth_V=0)
    assert found.charge_Ah == pytest.approx(charges[-1], rel=1e-9)
    assert max(found.dq_dv_Ah_per_V) == pytest.approx(charges[100] / found.step_V, rel=0.15)


@pytest.mark.parametrize(
    ("charges", "volts", "step_V"),
    [
        ([0.0], [3.0], 0.004),
        ([0.0, 0.0], [3.0, 4.0], 0.004),
        ([0.0, 1.0], [3.0], 0.004),
        ([0.0, 1.0], [3.0, 4.0], 0.0),
        ([0.0, 1.0, 2.0], [0.0, 1.0, 1e9], 0.004),
    ],
)
def test_dq_dv_refuses_what_is_no_curve(
    charges: list[float], volts: list[float], step_V: float
) -> None:
    with pytest.raises(ValueError, match=r"needs|must|too many"):
        differential_capacity(charges, volts, step_V)
