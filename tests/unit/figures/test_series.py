"""Uncertainties of sums and means: by shifting each source of error by itself, and by hand."""

import math
from collections.abc import Callable, Sequence

import pytest

from labctl.figures.series import Counted, areal, irreversible_json, means_json
from labctl_drivers.vocabulary import RangeAccuracy
from labctl_protocols.engine.account import LIMIT_TO_STANDARD, Account, RangeShare

RANGE_A = 0.01
GAIN, OFFSET_A = 5e-4, 2e-6
ACCURACY = (RangeAccuracy(RANGE_A, GAIN, OFFSET_A),)
HOUR_S = 3600.0
CYCLES = [(1.0, 0.99, 7200.0, 7100.0), (1.1, 1.06, 8000.0, 9000.0), (0.9, 0.93, 5000.0, 5500.0)]
"""mAh plated (negative current), mAh stripped (positive), seconds each."""


def account(charge_mAh: float, sign: int, duration_s: float, random_As: float = 0.0) -> Account:
    charge_As = 3.6 * charge_mAh
    share = RangeShare(charge_As if sign > 0 else 0.0, charge_As if sign < 0 else 0.0, duration_s)
    return Account(sign * charge_As, 0.0, duration_s, random_As**2, {RANGE_A: share})


def counted(
    cycles: Sequence[tuple[float, float, float, float]] = CYCLES, random_As: float = 0.0
) -> list[Counted]:
    return [
        Counted(
            number=n,
            first=account(first, -1, first_s, random_As),
            second=account(second, 1, second_s, random_As),
            efficiency=second / first,
            summed=True,
            meant=True,
        )
        for n, (first, second, first_s, second_s) in enumerate(cycles, start=1)
    ]


def shifted(source: str, way: int = 1) -> list[tuple[float, float]]:
    """The charges (mAh) that an instrument shows whose source is one standard uncertainty off."""
    gain, offset_mA = way * GAIN * LIMIT_TO_STANDARD, way * 1e3 * OFFSET_A * LIMIT_TO_STANDARD
    shown = []
    for first, second, first_s, second_s in CYCLES:
        if source == "gain +":
            second *= 1 + gain
        elif source == "gain -":
            first *= 1 + gain
        elif source == "offset":
            # a current that is shown too high shows less plating and more stripping
            first, second = (
                first - offset_mA * first_s / HOUR_S,
                second + offset_mA * second_s / HOUR_S,
            )
        shown.append((first, second))
    return shown


MEANS: dict[str, Callable[[list[tuple[float, float]]], float]] = {
    "arithmetic": lambda pairs: sum(s / f for f, s in pairs) / len(pairs),
    "geometric": lambda pairs: math.prod(s / f for f, s in pairs) ** (1 / len(pairs)),
    "product": lambda pairs: math.prod(s / f for f, s in pairs),
    "charge_summed": lambda pairs: sum(s for _, s in pairs) / sum(f for f, _ in pairs),
}


def by_shifting(figure: Callable[[list[tuple[float, float]]], float]) -> float:
    """k = 2, out of what each source does by itself."""
    sources = ("gain +", "gain -", "offset")
    return math.hypot(*(figure(shifted(each)) - figure(shifted(each, -1)) for each in sources))


@pytest.mark.parametrize("name", MEANS)
def test_a_mean_and_its_uncertainty(name: str) -> None:
    told = means_json(counted(), ACCURACY)
    assert told[f"{name}_ce_percent"] == pytest.approx(100 * MEANS[name](shifted("none")))
    expected = 100 * by_shifting(MEANS[name])
    assert told[f"u_{name}_ce_percent"] == pytest.approx(expected, rel=1e-4)


def test_cumulated_charge_and_its_uncertainty() -> None:
    rows = irreversible_json(counted(), ACCURACY, area_cm2=2.0)
    for n, row in enumerate(rows, start=1):

        def lost(pairs: list[tuple[float, float]], count: int = n) -> float:
            return sum(first - second for first, second in pairs[:count])

        assert row["cumulative_irreversible_mAh"] == pytest.approx(lost(shifted("none")))
        u_mAh = row["u_cumulative_irreversible_mAh"]
        assert u_mAh == pytest.approx(by_shifting(lost), rel=1e-9)
        assert row["cumulative_irreversible_mAh_cm2"] == pytest.approx(lost(shifted("none")) / 2)
        assert row["u_cumulative_irreversible_mAh_cm2"] == pytest.approx(by_shifting(lost) / 2)
    assert [row["irreversible_mAh"] for row in rows] == pytest.approx([0.01, 0.04, -0.03])


def test_what_is_common_to_all_cycles_does_not_average_out() -> None:
    one = means_json(counted(CYCLES[:1]), ACCURACY)
    many = means_json(counted(CYCLES[:1] * 100), ACCURACY)
    for name in ("arithmetic", "geometric", "charge_summed"):
        u_one = one[f"u_{name}_ce_percent"]
        assert many[f"u_{name}_ce_percent"] == pytest.approx(u_one)
    (row,) = irreversible_json(counted(CYCLES[:1]), ACCURACY, None)
    last = irreversible_json(counted(CYCLES[:1] * 100), ACCURACY, None)[-1]
    u_row, u_last = row["u_irreversible_mAh"], last["u_cumulative_irreversible_mAh"]
    assert isinstance(u_row, float)
    assert u_last == pytest.approx(100 * u_row)


def test_what_is_random_averages_out() -> None:
    exact = (RangeAccuracy(RANGE_A, 0.0, 0.0),)
    random_As = 1e-3
    one = means_json(counted(CYCLES[:1], random_As), exact)["u_arithmetic_ce_percent"]
    many = means_json(counted(CYCLES[:1] * 100, random_As), exact)["u_arithmetic_ce_percent"]
    assert one == pytest.approx(200 * random_As / 3.6 * math.hypot(1, 0.99))
    assert isinstance(one, float)
    assert many == pytest.approx(one / 10)


def test_only_cycles_that_may_are_in_sums_and_means() -> None:
    cycles = counted()
    cycles[1] = Counted(2, cycles[1].first, cycles[1].second, 1.06 / 1.1, True, False)
    cycles[2] = Counted(3, cycles[2].first, cycles[2].second, None, False, False)
    told = means_json(cycles, ACCURACY)
    assert (told["cycles"], told["n"]) == ([1], 1)
    assert told["arithmetic_ce_percent"] == pytest.approx(99)
    assert told["charge_summed_cycles"] == [1, 2]
    assert told["charge_summed_ce_percent"] == pytest.approx(100 * 2.05 / 2.1)
    rows = irreversible_json(cycles, ACCURACY, None)
    assert rows[2]["irreversible_mAh"] is None
    assert rows[2]["cumulative_irreversible_mAh"] is None


def test_nothing_is_told_that_nobody_knows() -> None:
    told = means_json(counted(), ())
    assert told["arithmetic_ce_percent"] is not None
    assert {value for name, value in told.items() if name.startswith("u_")} == {None}
    empty = means_json([], ACCURACY)
    assert {value for name, value in empty.items() if name.endswith("percent")} == {None}
    assert areal(1.0, None) is None
