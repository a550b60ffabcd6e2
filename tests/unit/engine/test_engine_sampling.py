"""When the next reading is due, and which readings become rows."""

import itertools
import math

import pytest
from helpers.engine_bench import Bench, Linear, Metal, run
from helpers.plans import (
    Ask,
    amps,
    charge,
    charge_As,
    discharge,
    hold,
    make_plan,
    rest,
    seconds,
    volts,
    when,
)

from labctl_protocols.engine.ends import Progress, Sample
from labctl_protocols.engine.sampling import LastRow, is_recorded, next_reading
from labctl_protocols.plan import Limits, Record

FULL = {"kind": "full", "limits": Limits(low_V=0.0, high_V=5.0, current_A=0.02)}
NOW = Sample(1000.0, 3.0, 0.010, 5.0)
TEN = Record(every_s=10.0)


def due(
    before: Sample | None,
    *until,
    now: Sample = NOW,
    record: Record = TEN,
    driven: bool = True,
    fastest_s: float = 0.05,
    limits_V=(5.0, 0.0),
    started_s: float = 500.0,
    window_s: float = 0.0,
) -> float:
    targets = [e.expression.evaluate(None) if e.kind != "condition" else None for e in until]
    progress = Progress(1, started_s, targets, before, now)
    at = next_reading(record, driven, fastest_s, until, progress, limits_V, window_s)
    return at - now.time_s


def rising(volt_per_s: float) -> Sample:
    return Sample(NOW.time_s - 1.0, NOW.voltage_V - volt_per_s, 0.010, 4.99)


@pytest.mark.parametrize(
    ("record", "driven", "period"),
    [
        (TEN, True, 10.0),
        (Record(every_s=3.0), True, 3.0),
        (Record(every_s=60.0), True, 10.0),
        (Record(every_s=60.0), False, 60.0),
        (Record(every_s=600.0), False, 60.0),
        (Record(change_V=0.005), True, 10.0),
        (Record(all=True), False, 60.0),
    ],
)
def test_the_period(record, driven, period) -> None:
    assert due(rising(0.0), record=record, driven=driven) == period


@pytest.mark.parametrize(
    ("seconds_away", "period"),
    [(21.0, 10.0), (19.9, 5.0), (10.1, 5.0), (9.9, 2.5), (2.51, 1.25), (0.1, 0.2)],
)
def test_halved_while_the_target_would_come_within_two_periods(seconds_away, period) -> None:
    rate = 0.01
    assert due(rising(rate), volts(3.0 + rate * seconds_away)) == pytest.approx(period)


def test_a_limit_counts_like_a_target_and_what_moves_away_does_not() -> None:
    assert due(rising(0.01), limits_V=(3.05, 0.0)) == pytest.approx(2.5)
    assert due(rising(-0.01), volts(3.05)) == 10.0


def test_the_floor_is_a_fifth_of_a_second_or_the_instrument_s_own_time() -> None:
    assert due(rising(1.0), volts(3.01)) == pytest.approx(0.2)
    assert due(rising(1.0), volts(3.01), fastest_s=0.5) == pytest.approx(0.5)
    assert due(rising(1.0), volts(3.01), record=Record(every_s=0.1)) == pytest.approx(0.1)


def test_a_falling_current_is_foreseen() -> None:
    before = Sample(999.0, 3.0, 0.011, 4.99)
    assert due(before, amps(0.005)) == pytest.approx(2.5)


def test_steep_slopes_are_sampled_by_the_recorded_change() -> None:
    record = Record(every_s=10.0, change_V=0.005)
    assert due(rising(0.0039), record=record) == pytest.approx(1.25)
    assert due(rising(0.0004), record=record) == 10.0
    assert due(rising(0.004), record=record, driven=False) == 10.0


def test_ends_of_charge_and_time_are_met_on_time() -> None:
    assert due(rising(0.0), charge_As(5.05)) == pytest.approx(5.0)
    assert due(rising(0.0), seconds(503.25)) == pytest.approx(3.25)
    assert due(rising(0.0), charge_As(5.05), seconds(502.0)) == pytest.approx(2.0)
    assert due(rising(0.0), charge_As(9.0), seconds(5000.0)) == 10.0


def test_a_reading_a_rounding_error_too_early_is_not_due_again_at_once() -> None:
    assert due(rising(0.0), seconds(500.0 + 1e-13)) >= 0.9e-3


@pytest.mark.parametrize(
    ("age_s", "period"), [(0.0, 0.2), (4.0, 0.2), (40.0, 2.0), (199.0, 9.95), (400.0, 10.0)]
)
def test_a_young_drive_is_sampled_by_its_age(age_s, period) -> None:
    assert due(rising(0.0), started_s=NOW.time_s - age_s) == pytest.approx(period)
    assert due(None, started_s=NOW.time_s - age_s) == pytest.approx(period)
    assert due(None, started_s=NOW.time_s - age_s, driven=False) == 10.0


def test_the_growth_of_a_slope_foretells_where_the_metal_runs_out() -> None:
    # η = 25.7 mV · ln(1 + 7.2 s / τ), read every 10 s, τ seconds before the collector is bare
    def at(tau_s: float, time_s: float) -> Sample:
        return Sample(time_s, 0.0257 * math.log(1 + 7.2 / tau_s), 0.010, 5.0)

    def period(tau_s: float) -> float:
        earlier, before, now = (at(tau_s + back, 1000.0 - back) for back in (20.0, 10.0, 0.0))
        progress = Progress(1, 0.0, [1.0], before, now, earlier=earlier)
        record = Record(every_s=10.0, change_V=0.005)
        return next_reading(record, True, 0.05, (volts(1.0),), progress, ()) - 1000.0

    assert period(100.0) == 10.0
    assert all(period(tau_s) < tau_s for tau_s in range(4, 100))


def test_a_slope_gets_the_readings_it_needs() -> None:
    assert due(rising(0.0), driven=False, window_s=20.0) == pytest.approx(2.0)
    assert due(rising(0.0), driven=False, window_s=3600.0) == 10.0


def test_a_rest_until_the_slope_is_small_ends_with_a_window_of_a_minute() -> None:
    seen = []

    def flat(names):
        slope = names.slope("voltage", 60.0)
        seen.append(slope)
        return None if slope is None else abs(slope) < 1e-6

    plan = make_plan(rest(when(Ask(flat)), seconds(3600)), rest(seconds(1000)), **FULL)
    trace = run(plan, Bench(Linear(3.0, 10.0)))
    assert trace.steps[0]["ended"] == "condition"
    assert 60.0 <= trace.steps[0]["duration_s"] <= 90.0
    assert seen[0] is None
    # the next step is read as slowly as ever
    times = [row.t_s for row in trace.rows if row.step_count == 2]
    assert max(b - a for a, b in itertools.pairwise(times)) > 9.0


def test_a_slope_is_the_least_squares_one() -> None:
    slopes = []

    def ask(names):
        slopes.append(names.slope("voltage", 100.0))
        return False

    plan = make_plan(charge(0.01, when(Ask(ask)), seconds(300)), **FULL)
    run(plan, Bench(Linear(3.0, 10.0)))
    known = [s for s in slopes if s is not None]
    assert known == pytest.approx([0.001] * len(known), rel=1e-9)  # I/C
    assert len(known) > 15


@pytest.mark.parametrize(
    ("record", "seconds_on", "volts_on", "recorded"),
    [
        (TEN, 9.95, 0.0, True),
        (TEN, 9.0, 1.0, False),
        (Record(every_s=10.0, change_V=0.005), 1.0, 0.006, True),
        (Record(every_s=10.0, change_V=0.005), 1.0, -0.006, True),
        (Record(every_s=10.0, change_V=0.005), 1.0, 0.004, False),
        (Record(all=True), 0.01, 0.0, True),
    ],
)
def test_what_becomes_a_row(record, seconds_on, volts_on, recorded) -> None:
    last = LastRow(1000.0, 3.0, 0.01)
    now = Sample(1000.0 + seconds_on, 3.0 + volts_on, 0.01)
    assert is_recorded(record, last, now) is recorded
    assert is_recorded(record, None, now) is True


def test_first_and_last_reading_of_every_step_are_rows() -> None:
    plan = make_plan(
        charge(0.01, charge_As(1.234)),
        discharge(0.01, seconds(33.3)),
        hold(3.0, seconds(44.4)),
        rest(seconds(55.5)),
        **(FULL | {"record": Record(every_s=1000.0)}),
    )
    trace = run(plan, Bench(Linear(3.0, 10.0)))
    by_step = {n: [r for r in trace.rows if r.step_count == n] for n in (1, 2, 3, 4)}
    assert [len(rows) for rows in by_step.values()] == [2, 2, 2, 2]
    for step in trace.steps:
        last = by_step[step["step_count"]][-1]
        assert last.voltage_V == step["voltage_V"]
        assert last.step_time_s == pytest.approx(step["duration_s"], abs=0.2)


def test_a_voltage_end_is_met_within_the_floor() -> None:
    for rate in (0.001, 0.005, 0.02):
        plan = make_plan(charge(rate, volts(3.5)), **FULL)
        trace = run(plan, Bench(Linear(3.0, 10.0, ohm=1.0)))
        step = trace.steps[0]
        assert step["duration_s"] - step["at"]["time_s"] < 0.2 + 0.05 + 0.03 + 1e-6


def test_rest_is_read_every_minute_at_most() -> None:
    record = Record(every_s=600.0)
    trace = run(make_plan(rest(seconds(3600)), record=record), Bench(Metal()))
    waits = [
        b.wake_at - a.wake_at
        for a, b in itertools.pairwise(trace.answers)
        if a.wake_at is not None and b.wake_at is not None
    ]
    assert max(waits) < 60.1
    assert len(trace.rows) == 7
