"""When a script's package was measured, by what is known of when the script began."""

import pytest

from labctl_drivers.emstat.stream import DRIFT, EARLY_S, Clock
from labctl_drivers.errors import InvalidReading


def within(clock: Clock, script_s: float, arrived_s: float, truth_s: float) -> None:
    time_s = clock.when(script_s, arrived_s)
    assert abs(time_s - truth_s) <= clock.error_s + 1e-9


@pytest.mark.parametrize("began_s", [100.0, 100.6, 101.2])
def test_a_host_that_hears_the_beginning_late_loses_no_reading(began_s: float) -> None:
    """Sent at 100 s, heard at 101.2 s; then every package comes at once."""
    clock = Clock(100.0, 101.2)
    for n in range(1, 100):
        within(clock, 0.1 * n, began_s + 0.1 * n, began_s + 0.1 * n)


def test_a_package_that_comes_sooner_narrows_it() -> None:
    clock = Clock(100.0, 101.2)
    assert clock.error_s == pytest.approx(0.6)
    within(clock, 0.5, 100.75, 100.7)  # it began at 100.2 s, and this package took 0.05 s
    assert clock.error_s == pytest.approx(0.125, abs=DRIFT)
    within(clock, 1.0, 101.9, 101.2)  # a slow one changes nothing
    assert clock.error_s == pytest.approx(0.125, abs=2 * DRIFT)


@pytest.mark.parametrize("rate", [1 - DRIFT / 2, 1 + DRIFT / 2])
def test_clocks_that_drift_apart_for_ten_hours_are_followed(rate: float) -> None:
    clock = Clock(99.98, 100.02)
    for n in range(1, 3600):
        truth_s = 100.0 + 10.0 * n
        time_s = clock.when(rate * (truth_s - 100.0), truth_s + (0.3 if n % 7 else 0.01))
        # a late one may be that much off, and so may what the clocks drift until one is in time
        assert abs(time_s - truth_s) <= clock.error_s + 0.01 + 70.0 * DRIFT
    assert clock.error_s <= 0.02


def test_however_late_it_is_heard_its_time_is_that_of_the_measurement() -> None:
    clock = Clock(100.0, 100.1)
    within(clock, 5.0, 135.05, 105.05)
    within(clock, 5.2, 135.06, 105.25)


def test_what_was_measured_before_it_can_have_been_is_no_reading() -> None:
    clock = Clock(100.0, 100.1)
    with pytest.raises(InvalidReading):
        clock.when(5.0, 105.0 - EARLY_S - 2 * DRIFT * 5.0)
    within(clock, 5.0, 105.05, 105.05)
    with pytest.raises(InvalidReading):
        clock.when(5.0, 105.1)
