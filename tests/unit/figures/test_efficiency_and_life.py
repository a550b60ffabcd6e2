"""Means, losses and inventories against the numbers of science.md §4 and arithmetic by hand."""

import pytest

from labctl.figures import efficiency, life


def test_reservoir_vector() -> None:
    cycles = [(5.0, 1.0)] + [(1.0, 1.0)] * 9 + [(1.0, 4.85)]
    assert efficiency.charge_summed(cycles) == pytest.approx(0.99, abs=1e-12)


def test_means() -> None:
    values = [0.5, 0.8]
    assert efficiency.arithmetic_mean(values) == pytest.approx(0.65)
    assert efficiency.geometric_mean(values) == pytest.approx(0.4**0.5)
    assert efficiency.product(values) == pytest.approx(0.4)


@pytest.mark.parametrize(
    "mean", [efficiency.arithmetic_mean, efficiency.geometric_mean, efficiency.product]
)
def test_no_cycles_no_mean(mean: object) -> None:
    assert callable(mean)
    assert mean([]) is None


def test_what_has_no_efficiency() -> None:
    assert efficiency.coulombic_efficiency(0.0, 1.0) is None
    assert efficiency.charge_summed([]) is None
    assert efficiency.geometric_mean([1.0, 0.0]) is None


def test_losses_keep_their_sign() -> None:
    assert efficiency.irreversible([(1.0, 0.75), (1.0, 1.25)]) == [0.25, -0.25]


@pytest.mark.parametrize(
    ("ce", "count", "left"),
    [(0.99, 100, 0.366), (0.995, 100, 0.606), (0.999, 100, 0.905), (0.999, 500, 0.606)],
)
def test_inventory_without_a_reserve(ce: float, count: int, left: float) -> None:
    assert life.inventory_left(1.0, [ce] * count) == pytest.approx(left, abs=5e-4)


@pytest.mark.parametrize(
    ("count", "ce"),
    [(50, 0.99555), (100, 0.99777), (200, 0.99888), (500, 0.99955), (1000, 0.99978)],
)
def test_efficiency_needed_for_80_percent(count: int, ce: float) -> None:
    assert life.efficiency_for(count) == pytest.approx(ce, abs=5.1e-6)


def test_a_reserve_keeps_cycles_full_and_then_they_fade() -> None:
    assert life.full_cycles(1.0, 2.0, 0.99) == 50
    assert life.charge_of_cycle(50, 1.0, 2.0, 0.99) == 2.0
    assert life.charge_of_cycle(51, 1.0, 2.0, 0.99) == pytest.approx(1.98)
    assert life.charge_of_cycle(101, 1.0, 2.0, 0.99) == pytest.approx(1.198, abs=5e-4)
    assert life.full_cycles(1.0, 2.0, 1.0) is None
    assert life.charge_of_cycle(10**6, 1.0, 2.0, 1.0) == 2.0


def test_retention_and_its_end() -> None:
    assert life.retention([2.0, 1.0], 2.0) == [1.0, 0.5]
    assert life.retention([2.0], 0.0) == [None]
    assert life.end_of_life([1, 0.79, 0.81, 0.79, 0.79, 0.79]) == 3
    assert life.end_of_life([1, 0.79, 0.79]) is None
    assert life.end_of_life([0.79, None, 0.79, 0.79, 0.8, 0.79, 0.7, 0.6]) == 5
