"""Shorts: each rule fires at 120 % of its threshold and not at 80 %, by readings made up for it."""

import random

import pytest
from helpers.seeing import SIGMA_V, Watcher, level

from labctl_protocols.engine.detect import shorts

# ---- hard shorts ------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("current_A", "ohm"),
    [
        (1e-3, 2.0),  # 2 Ω·cm² on 1 cm²
        (10e-3, 0.5),  # 5 mV
    ],
)
def test_a_wire_between_metals_by_its_resistance(current_A, ohm, sign) -> None:
    def fires(times: float) -> bool:
        watcher = Watcher(shorts.wire, set_A=sign * current_A)
        return watcher.fires(level(sign * current_A * ohm / times))

    assert fires(1.2)  # 120 % of the conductance
    assert not fires(0.8)


def test_a_wire_is_judged_by_area_and_where_the_meter_can_tell() -> None:
    # 2 Ω·cm² on 10 cm² are 0.2 Ω: 0.2 mV at 1 mA, which this meter cannot tell from 0.4 mV
    large = Watcher(shorts.wire, set_A=1e-3, more={"area_cm2": 10.0})
    assert shorts.wire_bound_V(large.seen) == pytest.approx(3 * SIGMA_V)
    # at 0.05 mA/cm² even a healthy cell's 5 Ω·cm² are below three sigma
    slow = Watcher(shorts.wire, set_A=0.05e-3)
    assert shorts.wire_bound_V(slow.seen) == 0.0
    assert not slow.fires(level(1e-5))


def test_passing_zero_on_the_way_to_plating_is_no_short() -> None:
    # a carbon-coated collector: 0.3 F/cm² at 1 mA/cm² come down at 3.3 mV/s; and ten times slower
    for speed_V_s in (3.3e-3, 3.3e-4):
        watcher = Watcher(shorts.wire, set_A=-1e-3)
        readings = [(0.2 * n, 0.05 - speed_V_s * 0.2 * n) for n in range(1500)]
        assert not watcher.fires(readings)


def test_a_wire_counts_after_a_hundredth_of_the_charge_and_ten_seconds() -> None:
    watcher = Watcher(shorts.wire, set_A=-1e-3, more={"target_As": 3.6})
    assert not watcher.fires(level(-1e-4, 0.0, 36.0, 4.0))
    assert not watcher.fires(level(-1e-4, 36.0, 45.0, 1.0))
    assert watcher.fires(level(-1e-4, 45.0, 50.0, 1.0))


@pytest.mark.parametrize(("below_V", "fires"), [(0.24, True), (0.16, False)])
def test_charging_far_below_the_window(below_V, fires) -> None:
    def watch(**more) -> Watcher:
        return Watcher(shorts.collapse, "anode-free", 1e-3, more=more)

    down = level(2.0 - below_V, 0.0, 100.0, 10.0)
    assert watch().fires(down) is fires
    # 1 % of 3.6 A·s passes in 36 s, the film of a first cycle may take 5 % = 180 s
    assert not watch(group_class="formation").fires(down)
    assert watch(group_class="formation").fires(level(2.0 - below_V, 0, 300, 10)) is fires


@pytest.mark.parametrize(("share", "fires"), [(1.2, True), (0.8, False)])
def test_a_voltage_that_collapses_while_charging(share, fires) -> None:
    # 50 mV/s, and what the meter itself may be off
    fall_V = share * (0.05 * 1.0 + 2 * 3e-4)
    watcher = Watcher(shorts.collapse, "full", 1e-3)
    assert watcher.fires([(float(n), 3.8 - fall_V * n) for n in range(5)]) is fires


@pytest.mark.parametrize(("mV", "fires"), [(120.0, True), (80.0, False)])
def test_a_charged_cell_falling_at_rest(mV, fires) -> None:
    def rule(seen, memory):
        memory.course.put(seen.age_s, seen.reading.voltage_V)
        return shorts.short_at_rest(seen, memory, charged=True)

    falling = [(60.0 * n, 3.5 - mV * 1e-3 * n / 10) for n in range(60)]
    assert Watcher(rule, "full", 0.0).fires(falling) is fires
    # the first half hour relaxes, and that much is no short
    assert not Watcher(rule, "full", 0.0).fires(falling[:30])


# ---- soft shorts ------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("share", "fires"), [(0.24, True), (0.16, False)])
def test_a_step_towards_zero(share, fires, sign) -> None:
    def watch(kind: str, before_V: float, after_V: float) -> bool:
        watcher = Watcher(shorts.soft_short_step, kind, sign * 1e-3)
        watcher.memory.gap_V = 0.2
        return watcher.fires([(0.0, before_V), (10.0, before_V), (20.0, after_V), (20.2, after_V)])

    assert watch("half", sign * 0.05, sign * 0.05 * (1 - share)) is fires
    assert not watch("half", sign * 0.05, sign * 0.05 * (1 + share))  # away from zero
    # with a cathode: a fifth of half the gap between charge and discharge; only while charging
    assert watch("full", 3.4, 3.4 - share * 0.1) is (fires and sign > 0)


def test_a_step_must_last_and_a_slow_fall_is_none() -> None:
    glitch = [(0.0, -0.05), (10.0, -0.05), (20.0, -0.03), (20.2, -0.05), (30.0, -0.05)]
    assert not Watcher(shorts.soft_short_step).fires(glitch)
    # nucleation: the overpotential decays by 5 % of its age between two readings
    slow = [(10 * 1.05**n, -0.02 - 0.04 * 2.72 ** -(10 * 1.05**n / 108)) for n in range(100)]
    assert not Watcher(shorts.soft_short_step).fires(slow)


def test_a_step_of_the_current_is_no_step_of_the_cell() -> None:
    readings = [(0.0, -0.05), (10.0, -0.05), (20.0, -0.03, -0.6e-3), (20.2, -0.03, -0.6e-3)]
    assert not Watcher(shorts.soft_short_step).fires(readings)


def test_five_sigma_at_least() -> None:
    # 20 % of 1 mV are 0.2 mV; five sigma of ±0.3 mV are 0.66 mV
    readings = [(0.0, -1e-3), (10.0, -1e-3), (20.0, -0.5e-3), (20.2, -0.5e-3)]
    assert not Watcher(shorts.soft_short_step).fires(readings)


def noisy(sigma_V: float, seed: int, until_s: float = 900.0) -> list[tuple[float, float]]:
    dice = random.Random(seed)
    times = [5.0 * n for n in range(int(until_s / 5))]
    return [(t, -0.05 - 1e-6 * t + dice.gauss(0.0, sigma_V)) for t in times]


@pytest.mark.parametrize(("times", "fires"), [(6.0, True), (4.0, False)])
def test_noise_against_that_of_the_third_to_fifth_step(times, fires) -> None:
    watcher = Watcher(shorts.soft_short_noise)
    for seed in range(5):
        assert not watcher.fires(noisy(1e-4, seed, 3600.0))
        watcher.begin(-1e-3)
    # the mean over windows is what counts here: each says the variance to about a half
    assert watcher.fires(alternating(times * 1e-4)) is fires


def test_noise_at_another_current_is_not_compared() -> None:
    watcher = Watcher(shorts.soft_short_noise)
    for seed in range(5):
        assert not watcher.fires(noisy(1e-4, seed))
        watcher.begin(-1e-3)
    assert watcher.fires(alternating(6e-4))
    assert not watcher.begin(-2e-3).fires(alternating(6e-4))


def alternating(sigma_V: float) -> list[tuple[float, float]]:
    """±σ in turn has four times the variance that white noise of σ shows in three readings."""
    return [(5.0 * n, -0.05 + sigma_V / 2 * (-1) ** n) for n in range(100)]


def test_the_noise_of_white_noise_is_its_variance_and_a_bend_is_none() -> None:
    def variances(readings) -> list[float]:
        watcher = Watcher(shorts.soft_short_noise)
        watcher.memory.sides[-1].steps = 3  # the windows are kept as the usual ones
        watcher.fires(readings)
        side = watcher.memory.sides[-1]
        return [side.quiet_windows, side.quiet_V2]

    windows, total = variances(noisy(1e-4, 7, 36_000.0))
    assert windows > 500
    assert (total / windows) ** 0.5 == pytest.approx(1e-4, rel=0.03)
    dice = random.Random(1)
    uneven, t = [], 0.0
    for _ in range(7200):
        t += dice.choice([0.2, 1.0, 5.0, 10.0])
        uneven.append((t, dice.gauss(0.0, 1e-4)))
    windows, total = variances(uneven)
    assert (total / windows) ** 0.5 == pytest.approx(1e-4, rel=0.05)
    bend = [(float(n), 0.02 + 1e-8 * n**3) for n in range(600)]
    assert variances(bend)[1] == 0.0


def test_noise_is_not_judged_below_what_the_meter_may_show() -> None:
    watcher = Watcher(shorts.soft_short_noise)
    for _ in range(5):
        assert not watcher.fires(level(-0.05, 0.0, 900.0, 5.0))
        watcher.begin(-1e-3)
    # 5 · 0.1 · σ(V): 66 µV
    assert not watcher.fires(alternating(0.8 * 5 * 0.1 * SIGMA_V))
    assert watcher.begin(-1e-3).fires(alternating(1.2 * 5 * 0.1 * SIGMA_V))
