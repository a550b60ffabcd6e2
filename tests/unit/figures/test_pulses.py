"""DCIR, ICI and GITT of an equivalent circuit whose answers are known in closed form."""

import math

import pytest

from labctl.figures.interruption import interruption
from labctl.figures.recording import Recording
from labctl.figures.resistance import direct_resistance
from labctl.figures.titration import pulse

R0_OHM, R1_OHM, TAU_S = 5.0, 2.0, 3.0
LAST_AT_REST, LAST_IN_PULSE = 100, 201
"""Places in `hppc`: 101 readings at rest, 101 in the pulse."""


def hppc() -> Recording:
    """Rest at 3.5 V for 10 s, then 10 mA discharge through R₀ + (R₁ ∥ C₁), then rest."""
    rows = [(0.1 * n, 3.5, 0.0) for n in range(101)]
    for n in range(101):
        t = 0.1 * n
        drop_V = 0.01 * (R0_OHM + R1_OHM * (1 - math.exp(-t / TAU_S)))
        rows.append((10 + t, 3.5 - drop_V, -0.01))
    rows += [(20 + 0.1 * n, 3.49, 0.0) for n in range(1, 50)]
    times, voltages, currents = zip(*rows, strict=True)
    return Recording(times, voltages, currents)


@pytest.mark.parametrize("after_s", [0.1, 1.0, 2.55, 10.0])
def test_dcir_after_a_stated_time(after_s: float) -> None:
    recording = hppc()
    found = direct_resistance(recording, LAST_AT_REST, after_s)
    assert found is not None
    exact = R0_OHM + R1_OHM * (1 - math.exp(-after_s / TAU_S))
    assert found.resistance_ohm == pytest.approx(exact, rel=1e-4)
    assert (found.at_s, found.after_s) == (pytest.approx(10), after_s)
    assert found.change_A == pytest.approx(-0.01)


def test_dcir_counts_from_the_first_reading_at_the_new_current() -> None:
    recording = Recording([0, 5, 6, 7], [3.5, 3.48, 3.47, 3.46], [0, -0.01, -0.01, -0.01])
    found = direct_resistance(recording, 0, 1.0)
    assert found is not None
    assert found.resistance_ohm == pytest.approx(3.0)


def test_no_dcir_beyond_the_pulse_or_the_recording() -> None:
    recording = hppc()
    assert direct_resistance(recording, LAST_AT_REST, 10.05) is None
    assert direct_resistance(recording, LAST_IN_PULSE, 100) is None
    assert direct_resistance(recording, len(recording) - 1, 1) is None
    assert direct_resistance(recording, 5, 1) is None


@pytest.mark.parametrize("current_A", [1e-3, -1e-3])
def test_ici_gives_resistance_and_diffusion(current_A: float) -> None:
    resistance, k = 12.0, 3.0
    times = [0.1 * n for n in range(1, 101)]
    volts = [3.7 - current_A * (resistance + k * math.sqrt(t)) for t in times]
    found = interruption(3.7, current_A, times, volts)
    assert found is not None
    assert found.resistance_ohm == pytest.approx(resistance)
    assert found.diffusion_ohm_per_sqrt_s == pytest.approx(k)
    assert found.residual_V == pytest.approx(0, abs=1e-12)
    assert found.readings == 41


def test_ici_leaves_out_what_is_outside_its_window() -> None:
    times = [0.5, 1, 2, 3, 4, 5, 6]
    volts = [9.9, *(3.7 - 1e-3 * (12 + 3 * math.sqrt(t)) for t in times[1:6]), 9.9]
    found = interruption(3.7, 1e-3, times, volts)
    assert found is not None
    assert found.resistance_ohm == pytest.approx(12)


def test_no_ici_without_current_or_readings() -> None:
    assert interruption(3.7, 0.0, [1, 2, 3], [3.7, 3.7, 3.7]) is None
    assert interruption(3.7, 1e-3, [1, 2], [3.6, 3.6]) is None


def test_gitt_gives_the_diffusion_coefficient_that_made_the_pulse() -> None:
    """Semi-infinite diffusion: ΔE_t = 2·L/√(π·D) · dE_s/τ · √τ, so D comes back."""
    diffusion, length, tau_s, relaxed = 1e-14, 1e-6, 600.0, 0.004
    slope = relaxed / tau_s * 2 * length / math.sqrt(math.pi * diffusion)
    times = [10.0 * n for n in range(61)]
    volts = [3.4 + 0.02 + slope * math.sqrt(t) for t in times]
    volts[:2] = [3.4, 3.4]  # charge transfer has not settled
    found = pulse(3.4, times, volts, 3.4 + relaxed, skip_s=20)
    assert found is not None
    assert found.diffusion_m2_per_s(length) == pytest.approx(diffusion)
    assert found.ohmic_V == pytest.approx(0.02)
    assert found.change_relaxed_V == pytest.approx(relaxed)
    assert found.duration_s == tau_s


def test_no_diffusion_without_a_slope_or_readings() -> None:
    flat = pulse(3.4, [1, 2, 3, 4], [3.5] * 4, 3.41)
    assert flat is not None
    assert flat.diffusion_m2_per_s(1e-6) is None
    assert pulse(3.4, [1, 2], [3.5, 3.5], 3.41) is None
