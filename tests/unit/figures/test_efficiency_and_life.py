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


def test_retention_and_its_end() -> None:
    assert life.retention([2.0, 1.0], 2.0) == [1.0, 0.5]
    assert life.retention([2.0], 0.0) == [None]
    assert life.end_of_life([1, 0.79, 0.81, 0.79, 0.79, 0.79]) == 3
    assert life.end_of_life([1, 0.79, 0.79]) is None
    assert life.end_of_life([0.79, None, 0.79, 0.79, 0.8, 0.79, 0.7, 0.6]) == 5
