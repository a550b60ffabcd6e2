"""Set-points that move while a step runs: power, resistance, sweeps."""

import itertools
import math
from dataclasses import replace

import pytest
from helpers.engine_bench import RATINGS, Bench, Linear, run
from helpers.plans import (
    charge,
    charge_As,
    discharge,
    make_plan,
    seconds,
    sweep,
    volts,
)

from labctl_drivers.vocabulary import Reading
from labctl_protocols.engine.moving import current_for
from labctl_protocols.plan import Limits, Record

WIDE = Limits(low_V=-5.0, high_V=5.0, current_A=0.5)
FULL = {"kind": "full", "limits": WIDE, "record": Record(all=True)}


def driven(trace):
    return [row for row in trace.rows if row.step_type not in ("rest",)]


def test_power_is_held_within_its_dead_band_while_the_voltage_moves() -> None:
    plan = make_plan(charge(0.03, charge_As(2.0), seconds(1000), control="power"), **FULL)
    trace = run(plan, Bench(Linear(3.0, 2.0)))
    assert trace.outcome == "completed"
    # the first row still shows the current for the cell at rest: V moves by R·I at once
    powers = [row.voltage_V * row.current_A for row in driven(trace)[1:]]
    assert len(powers) > 10
    assert max(abs(p - 0.03) for p in powers) < 0.03 * 0.02
    # an ideal capacitor at constant power: E = P·t
    (step,) = trace.steps
    assert step["energy_Wh"] * 3600 == pytest.approx(0.03 * step["duration_s"], rel=5e-3)


def test_a_resistance_discharges_like_a_resistor_on_a_capacitor() -> None:
    plan = make_plan(discharge(1000.0, seconds(300), control="resistance"), **FULL)
    trace = run(plan, Bench(Linear(3.0, 1.0, ohm=1.0)))
    rows = driven(trace)
    # V = V0·exp(−t/RC) on the capacitor, with the cell's own ohm in series
    last = rows[-1]
    expected = 3.0 * math.exp(-last.step_time_s / 1001.0) * 1000.0 / 1001.0
    assert last.voltage_V == pytest.approx(expected, rel=2e-3)
    assert all(row.current_A < 0 for row in rows)


def test_the_charge_of_every_set_point_is_counted_once() -> None:
    plan = make_plan(charge(0.03, charge_As(1.0), control="power"), **FULL)
    bench = Bench(Linear(3.0, 2.0), delay_s=0.5)
    trace = run(plan, bench)
    counted = trace.engine.state.totals.charging_As
    assert counted == pytest.approx(bench.passed_As, rel=1e-3)
    assert len([s for s in trace.applied if s.mode == "current"]) > 5


def test_power_that_needs_more_than_the_current_limit_ends_the_run() -> None:
    narrow = {"kind": "full", "limits": Limits(low_V=0.0, high_V=5.0, current_A=0.012)}
    plan = make_plan(discharge(0.03, seconds(1e5), control="power"), **narrow)
    trace = run(plan, Bench(Linear(3.0, 2.0)))
    assert trace.outcome == "limit"
    assert "over the limit" in trace.reason
    assert all(abs(s.current_A) <= 0.012 for s in trace.applied)


@pytest.mark.parametrize("control", ["power", "resistance"])
def test_neither_power_nor_resistance_means_anything_at_or_below_zero(control) -> None:
    assert current_for(control, 1.0, 0.0) is None
    assert current_for(control, 1.0, -0.5) is None
    trace = run(
        make_plan(discharge(0.001, seconds(10), control=control), **FULL), Bench(Linear(-0.1, 1.0))
    )
    assert trace.outcome == "limit"
    assert all(s.mode == "rest" for s in trace.applied)


def test_a_power_step_that_ends_on_a_voltage_is_bounded_by_the_instrument() -> None:
    plan = make_plan(charge(0.03, volts(3.5), seconds(1e4), control="power"), **FULL)
    trace = run(plan, Bench(Linear(3.0, 2.0)))
    assert trace.steps[0]["ended"] == "voltage"
    assert all(s.stop_voltage_V == 3.5 for s in trace.applied if s.mode == "current")
    assert max(row.voltage_V for row in trace.rows) < 3.51


def test_a_power_step_is_sampled_towards_its_target_as_any_other() -> None:
    limits = {"kind": "full", "limits": WIDE, "record": Record(every_s=10.0)}
    plan = make_plan(charge(0.03, volts(3.5), seconds(1e4), control="power"), **limits)
    trace = run(plan, Bench(Linear(3.0, 2.0)))
    # energy into a capacitor: ½·C·(V1² − V0²) = P·t, less the ohm's drop at the end
    expected_s = 0.5 * 2.0 * ((3.5 - 0.03 / 3.5) ** 2 - 9.0) / 0.03
    assert trace.steps[0]["duration_s"] == pytest.approx(expected_s, abs=1.5)


# ---- sweeps -------------------------------------------------------------------------------------


def test_a_sweep_climbs_and_descends_its_stairs_at_its_rate() -> None:
    plan = make_plan(sweep(0.0, [0.5, -0.2], 1e-2, step_V=0.1), **FULL)
    trace = run(plan, Bench(Linear(0.0, 10.0, ohm=100.0)))
    applied = [s.stop_voltage_V for s in trace.applied if s.mode == "voltage"]
    up = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    down = [0.4, 0.3, 0.2, 0.1, 0.0, -0.1]
    assert applied == pytest.approx(up + down)
    (step,) = trace.steps
    assert step["ended"] == "sweep"
    assert step["duration_s"] == pytest.approx(120.0, abs=0.3)
    starts = [row.step_time_s for row in driven(trace)]
    assert max(b - a for a, b in itertools.pairwise(starts)) <= 10.1


def test_cycles_go_through_the_corners_again() -> None:
    plan = make_plan(sweep(0.0, [0.2, 0.0], 1e-2, step_V=0.1, cycles=3), **FULL)
    trace = run(plan, Bench(Linear(0.0, 10.0, ohm=100.0)))
    applied = [s.stop_voltage_V for s in trace.applied if s.mode == "voltage"]
    assert applied == pytest.approx([0.0, *[0.1, 0.2, 0.1, 0.0] * 3][:-1])


def test_the_charge_of_a_sweep_is_in_the_counters_but_in_no_cycle() -> None:
    plan = make_plan(sweep(0.0, [0.5, 0.0], 1e-2, step_V=0.05), charge(0.01, seconds(10)), **FULL)
    bench = Bench(Linear(0.0, 10.0, ohm=100.0))
    trace = run(plan, bench)
    totals = trace.engine.state.totals
    net = totals.charging_As - totals.discharging_As
    assert net == pytest.approx(bench.passed_As, rel=2e-2)
    assert not trace.data("cycle")
    (half,) = trace.data("half")
    assert half["half"]["charge_Ah"] * 3600 == pytest.approx(0.1, rel=1e-2)


def test_a_corner_outside_the_limits_is_not_driven_to() -> None:
    trace = run(make_plan(sweep(0.0, [9.0], 1e-2), **FULL), Bench(Linear(0.0, 10.0)))
    assert trace.outcome == "limit"
    assert "outside the limits" in trace.reason
    assert all(s.mode == "rest" for s in trace.applied)


def test_an_unknown_power_is_a_fault() -> None:
    plan = make_plan(discharge(None, seconds(5), control="power"), **FULL)
    trace = run(plan, Bench(Linear(1.0, 10.0)))
    assert trace.outcome == "fault"
    assert "unknown" in trace.reason


@pytest.mark.parametrize(("stops_s", "outcome"), [(20.0, "fault"), (50.0, "completed")])
def test_a_sweep_that_its_instrument_breaks_off_is_not_one_that_is_over(
    stops_s: float, outcome: str
) -> None:
    class Scripted(Bench):
        """Sweeps by itself, and ends that after a while."""

        began_s = math.inf

        def read(self, at_s: float) -> Reading:
            if self.setpoint.mode == "sweep":
                self.began_s = min(self.began_s, self.now_s)
            reading = super().read(at_s)
            over = self.setpoint.mode == "sweep" and reading.time_s - self.began_s >= stops_s
            return replace(reading, ended=over)

    plan = make_plan(sweep(0.0, [0.5], 1e-2), **FULL)
    ratings = replace(RATINGS, modes=RATINGS.modes | {"sweep"})
    trace = run(plan, Scripted(Linear(0.0, 1e6, 1e3), ratings=ratings))
    assert trace.outcome == outcome, trace.reason
