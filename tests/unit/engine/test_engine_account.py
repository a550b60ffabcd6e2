"""Coulombic efficiency and its uncertainty, against formulas worked out by hand and by drawing."""

import math
import random
import statistics

import pytest

from labctl_drivers.vocabulary import RangeAccuracy
from labctl_protocols.engine.account import (
    LIMIT_TO_STANDARD,
    Account,
    accuracy_of,
    ce_uncertainty,
    coulombic_efficiency,
)

ONE = (RangeAccuracy(1e-2, 2e-4, 2e-6),)
TWO = (RangeAccuracy(1e-3, 2e-4, 2e-7), RangeAccuracy(1e-2, 5e-4, 2e-6))


def passed(current_A: float, duration_s: float, range_A: float = 1e-2) -> Account:
    account = Account()
    account.add(current_A * duration_s, 0.0, duration_s, range_A)
    return account


def test_limit_to_standard_is_the_spread_of_a_normal_cut_at_two_sigma() -> None:
    draws = [cut_normal(random.Random(seed), 1.0) for seed in range(40_000)]
    assert statistics.pstdev(draws) == pytest.approx(LIMIT_TO_STANDARD, rel=0.02)


def cut_normal(rng: random.Random, limit: float) -> float:
    while True:
        value = rng.gauss(0.0, limit / 2)
        if abs(value) <= limit:
            return value


def test_no_charge_in_the_first_half_gives_no_efficiency() -> None:
    assert coulombic_efficiency(Account(), passed(1e-3, 10.0)) is None
    assert ce_uncertainty(Account(), passed(1e-3, 10.0), ONE) is None


def test_nothing_came_back_is_zero_and_still_uncertain_by_the_offset() -> None:
    first, second = passed(-1e-3, 1000.0), Account()
    assert coulombic_efficiency(first, second) == 0.0
    assert ce_uncertainty(first, second, ONE) == 0.0  # zero times whatever the first half was


def test_offset_pushes_both_halves_the_same_way() -> None:
    # offset only, equal halves: first measured I−e, second I+e ⇒ ΔCE = 2e/I (science.md §4)
    accuracy = (RangeAccuracy(1e-2, 0.0, 2e-6),)
    current, e = 0.5e-3, 2e-6 * LIMIT_TO_STANDARD
    got = ce_uncertainty(passed(-current, 3600.0), passed(current, 3600.0), accuracy)
    assert got == pytest.approx(2 * 2 * e / current, rel=1e-12)


def test_gains_of_the_two_polarities_are_independent() -> None:
    accuracy = (RangeAccuracy(1e-2, 1e-3, 0.0),)
    got = ce_uncertainty(passed(-1e-3, 3600.0), passed(0.9e-3, 3600.0), accuracy)
    assert got == pytest.approx(2 * 0.9 * math.sqrt(2) * 1e-3 * LIMIT_TO_STANDARD, rel=1e-12)


def test_a_half_of_both_polarities_by_small_changes() -> None:
    # second half: 7.2 A·s forward and 1.8 A·s back; each gain moved by itself, differences taken
    accuracy = (RangeAccuracy(1e-2, 1e-3, 0.0),)
    first, second = passed(-2e-3, 3600.0), passed(2e-3, 3600.0)
    second.add(-0.5e-3 * 3600, 0.0, 3600.0, 1e-2)

    def ce(up: float, down: float) -> float:
        return (7.2 * (1 + up) - 1.8 * (1 + down)) / (7.2 * (1 + down))

    g = 1e-3 * LIMIT_TO_STANDARD
    slope_up, slope_down = (ce(1e-7, 0) - ce(0, 0)) / 1e-7, (ce(0, 1e-7) - ce(0, 0)) / 1e-7
    got = ce_uncertainty(first, second, accuracy)
    assert got == pytest.approx(2 * g * math.hypot(slope_up, slope_down), rel=1e-5)


def test_ranges_add_up_apart() -> None:
    got = ce_uncertainty(passed(-0.5e-3, 3600.0, 1e-3), passed(2e-3, 900.0, 1e-2), TWO)
    k = LIMIT_TO_STANDARD
    charge = 0.5e-3 * 3600
    parts = (2e-4 * k, 5e-4 * k, 2e-7 * k * 3600 / charge, 2e-6 * k * 900 / charge)
    assert got == pytest.approx(2 * math.hypot(*parts), rel=1e-12)


def test_sampling_and_timing_add_in_squares() -> None:
    first, second = passed(-1e-3, 1000.0), passed(1e-3, 900.0)
    first.variance_As2, second.variance_As2 = 4e-6, 9e-6
    quiet = (RangeAccuracy(1e-2, 0.0, 0.0),)
    got = ce_uncertainty(first, second, quiet)
    assert got == pytest.approx(2 * math.hypot(0.9 * 2e-3, 3e-3) / 1.0, rel=1e-12)


@pytest.mark.parametrize(
    ("plate", "strip"),
    [((0.5e-3, 1e-3), (0.49e-3, 1e-3)), ((0.5e-3, 1e-3), (2e-3, 1e-2)), ((2e-3, 1e-2),) * 2],
)
def test_k_2_covers_drawn_instruments(
    plate: tuple[float, float], strip: tuple[float, float]
) -> None:
    """Gain per polarity and offset per range drawn within the limits, 4000 instruments."""
    charge = 3.6
    true = 0.99
    rng = random.Random(7)
    inside = 0
    for _ in range(4000):
        gains = {(r.full_scale, s): cut_normal(rng, r.gain) for r in TWO for s in (-1, 1)}
        offsets = {r.full_scale: cut_normal(rng, r.offset) for r in TWO}

        def measured(
            current: float,
            range_A: float,
            charge_As: float,
            gains: dict[tuple[float, int], float] = gains,
            offsets: dict[float, float] = offsets,
        ) -> Account:
            sign = 1 if current > 0 else -1
            shown = current * (1 + gains[range_A, sign]) + offsets[range_A]
            return passed(shown, charge_As / abs(current), range_A)

        first = measured(-plate[0], plate[1], charge)
        second = measured(strip[0], strip[1], true * charge)
        ce, u = coulombic_efficiency(first, second), ce_uncertainty(first, second, TWO)
        assert ce is not None
        assert u is not None
        inside += abs(ce - true) <= u
    assert 0.93 <= inside / 4000 <= 0.98


def test_the_smallest_range_that_holds_it_gives_the_accuracy() -> None:
    assert accuracy_of(1e-3, TWO) is TWO[0]
    assert accuracy_of(1.1e-3, TWO) is TWO[1]
    assert accuracy_of(1.0, TWO) is TWO[1]


def test_merging_is_adding() -> None:
    whole, parts = Account(), Account()
    for part in (passed(-1e-3, 10.0, 1e-3), passed(2e-3, 5.0), passed(-3e-3, 7.0)):
        parts.merge(part)
    for current, duration, range_A in ((-1e-3, 10.0, 1e-3), (2e-3, 5.0, 1e-2), (-3e-3, 7.0, 1e-2)):
        whole.add(current * duration, 0.0, duration, range_A)
    assert parts == whole
    assert whole.ranges[1e-2].negative_As == pytest.approx(0.021)
    assert whole.ranges[1e-2].positive_As == pytest.approx(0.010)


def test_what_sampling_leaves_open_adds_up_over_equal_steps() -> None:
    """Equal steps are cut at the same place between two readings: their errors are one error."""
    total = Account()
    for _ in range(500):
        total.merge(Account(charge_As=0.36, duration_s=36.0, variance_As2=1e-8))
    assert math.sqrt(total.variance_As2) == pytest.approx(500 * 1e-4)
    assert total.charge_As == pytest.approx(180.0)
