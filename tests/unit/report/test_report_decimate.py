"""Fewer points, the same picture."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labctl.report.decimate import extremes, spread


def test_a_short_curve_stays_as_it_is() -> None:
    x, y = np.arange(5.0), np.ones(5)
    assert extremes(x, y, 10)[0] is x


@given(st.integers(0, 99_999), st.integers(100, 4000))
def test_one_spike_in_a_hundred_thousand_readings_is_drawn(at: int, points: int) -> None:
    x = np.cumsum(np.abs(np.sin(np.arange(100_000.0))))
    y = np.zeros(100_000)
    y[at] = 1.0
    kept_x, kept_y = extremes(x, y, points)
    assert kept_x.size <= points + 4
    assert kept_y.max() == 1.0
    assert kept_x[kept_y.argmax()] == x[at]
    assert (kept_x[0], kept_x[-1]) == (x[0], x[-1])
    assert (np.diff(kept_x) >= 0).all()


def test_a_curve_that_stands_still_keeps_its_extremes() -> None:
    y = np.linspace(3.0, 4.0, 50_000)
    kept = extremes(np.zeros(50_000), y, 100)[1]
    assert (kept.min(), kept.max()) == (3.0, 4.0)


@given(st.integers(0, 5000), st.integers(2, 40))
def test_what_is_chosen_has_the_first_and_the_last(count: int, wanted: int) -> None:
    chosen = spread(count, wanted)
    assert len(chosen) == min(count, wanted)
    assert chosen == sorted(set(chosen))
    if count:
        assert (chosen[0], chosen[-1]) == (0, count - 1)
