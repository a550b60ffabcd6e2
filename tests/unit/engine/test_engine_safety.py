"""Limits, and that every path ends in one Safe (design §11, S6)."""

import math

import pytest
from helpers.engine_bench import Bench, Breaks, Linear, Metal, run
from helpers.plans import (
    RATINGS,
    Ask,
    amps,
    charge,
    charge_As,
    discharge,
    group,
    hold,
    make_plan,
    plate,
    rest,
    seconds,
    strip,
    volts,
)

from labctl_drivers.vocabulary import Reading
from labctl_protocols.decisions import Applied, Apply, Safe, Safed, Stopping, Unsafe
from labctl_protocols.engine import judge
from labctl_protocols.engine.engine import Engine
from labctl_protocols.engine.state import StepState
from labctl_protocols.plan import Limits, narrowed

FULL = {"kind": "full", "limits": Limits(low_V=2.0, high_V=4.0, current_A=0.02)}


def full_run(*steps, cell=None, **more):
    return run(make_plan(*steps, **(FULL | more)), Bench(cell or Linear(3.0, 10.0, ohm=10.0)))


# ---- limits -----------------------------------------------------------------------------------


def reading(voltage_V: float, current_A: float, regulating: str = "current") -> Reading:
    return Reading(
        0.0,
        voltage_V,
        current_A,
        "voltage" if regulating == "voltage" else "current",
        current_range_A=1.05e-2,
        voltage_range_V=21.0,
    )


def step(kind: str, sign: int, target_V: float | None = None) -> StepState:
    node = StepState(0, "charge", 1, sign, [])
    node.type = kind  # type: ignore[assignment]  # the parameter's own words
    node.set_voltage_V = target_V
    return node


LIMITS = Limits(low_V=2.0, high_V=4.0, current_A=0.01)
# errors of the reading: 1e-4 · 4 V + 1 mV = 1.4 mV; 2e-4 · 10 mA + 2 µA = 4 µA


@pytest.mark.parametrize(
    ("seen", "in_step", "quantity"),
    [
        (reading(4.0015, 0.005), step("charge", 1), "voltage"),
        (reading(4.0013, 0.005), step("charge", 1), None),
        (reading(4.5, -0.005), step("discharge", -1), None),  # on its way back
        (reading(4.5, 0.0), step("hold", 0, 3.0), None),
        (reading(1.99, -0.005), step("discharge", -1), "voltage"),
        (reading(1.99, 0.005), step("charge", 1), None),
        (reading(4.5, 0.0), step("rest", 0), None),
        (reading(3.999, 0.001, "voltage"), step("charge", 1), "voltage"),  # held at the limit
        (reading(3.999, 0.001, "voltage"), step("charge", 1, 4.0), None),  # at its own target
        (reading(3.990, 0.001, "voltage"), step("charge", 1), None),
        (reading(2.001, -0.001, "voltage"), step("discharge", -1), "voltage"),
        (reading(3.0, 0.01000), step("charge", 1), None),
        (reading(3.0, 0.010003), step("charge", 1), None),
        (reading(3.0, 0.010005), step("charge", 1), "current"),
        (reading(3.0, -0.010005), step("discharge", -1), "current"),
        (reading(3.0, 0.011), step("rest", 0), "current"),
    ],
)
def test_a_limit_trips_outward_beyond_the_reading_s_error(seen, in_step, quantity) -> None:
    tripped = judge.limit_tripped(seen, LIMITS, in_step, judge.errors_of(seen, RATINGS))
    assert (tripped and tripped["quantity"]) == quantity


def test_intersection_of_limits() -> None:
    one = Limits(low_V=1.0, high_V=4.0, current_A=None, temperature_high_K=330.0)
    other = Limits(low_V=2.0, high_V=5.0, current_A=0.1, temperature_low_K=270.0)
    both = Limits(2.0, 4.0, 0.1, 330.0, 270.0)
    assert narrowed(one, other) == narrowed(other, one) == both


def test_a_charge_step_that_reaches_the_limit_trips_it() -> None:
    trace = full_run(charge(0.01, charge_As(100.0)))
    assert trace.outcome == "limit"
    assert [e["quantity"] for e in trace.data("limit")] == ["voltage"]
    assert trace.bench.cell.ocv_V < 4.0
    assert trace.rows[-1].voltage_V == pytest.approx(4.0, abs=3e-3)


def test_a_limit_outranks_an_end_of_the_same_reading() -> None:
    # the voltage passes the target and the limit between two readings
    limits = Limits(low_V=2.0, high_V=3.5, current_A=0.02)
    engine = Engine(make_plan(charge(0.01, volts(3.4)), **(FULL | {"limits": limits})), RATINGS)
    engine.begin(0.0)
    for heard in (Applied(0.0), reading(3.0, 0.0), Applied(0.0), reading(3.0, 0.01)):
        engine.hear(heard)
    answer = engine.hear(Reading(10.0, 3.6, 0.01, current_range_A=0.0105, voltage_range_V=21.0))
    assert answer.commands == (Safe(),)
    assert engine.hear(Safed(11.0)).ended == "limit"


def test_a_group_s_and_a_step_s_limits_narrow_and_end_with_them() -> None:
    narrow = Limits(high_V=3.3)
    far = charge(0.01, charge_As(4.0))
    assert full_run(far, discharge(0.01, charge_As(4.0))).outcome == "completed"
    assert full_run(group("g", far, limits=narrow)).outcome == "limit"
    assert full_run(charge(0.01, charge_As(4.0), limits=narrow)).outcome == "limit"
    after = full_run(group("g", rest(seconds(1)), limits=narrow), far)
    assert after.outcome == "completed"
    guards = [c.guard for c in full_run(group("g", far, limits=narrow)).commands[1:-1]]
    assert [(g.low_V, g.high_V, g.max_current_A) for g in guards] == [(2.0, 3.3, 0.02)]


def test_the_guard_carries_the_step_s_charge_and_time() -> None:
    trace = full_run(charge(0.01, charge_As(3.6), seconds(1000), volts(3.9)))
    guard = trace.commands[1].guard
    assert (guard.charge_Ah, guard.time_s) == (pytest.approx(1e-3), 1000.0)
    # …but not where the same set-point goes on in a hold: it would end there
    trace = full_run(charge(0.01, volts(3.5), seconds(500), hold=(seconds(200),)))
    guard = trace.commands[1].guard
    assert (guard.charge_Ah, guard.time_s) == (None, None)
    assert trace.outcome == "completed"


@pytest.mark.parametrize(
    ("build", "outcome"),
    [
        (charge(0.021, seconds(10)), "limit"),
        (charge(0.0, seconds(10)), "fault"),
        (charge(-0.01, seconds(10)), "fault"),
        (charge(math.nan, seconds(10)), "fault"),
        (charge(math.inf, seconds(10)), "limit"),
        (charge(None, seconds(10)), "fault"),
        (charge(0.01, volts(4.1), seconds(10)), "limit"),
        (discharge(0.01, volts(1.9), seconds(10)), "limit"),
        (charge(0.01, volts(None), hold=(seconds(5),)), "fault"),
        (hold(4.1, seconds(10)), "limit"),
        (hold(1.9, seconds(10)), "limit"),
        (hold(math.nan, seconds(10)), "limit"),
        (hold(None, seconds(10)), "fault"),
    ],
)
def test_set_points_outside_the_limits_are_refused_as_the_step_begins(build, outcome) -> None:
    trace = full_run(discharge(0.01, seconds(20)), build)
    assert trace.outcome == outcome
    assert [s.mode for s in trace.applied] == ["rest", "current"]
    # the step before is whole, the refused one was never begun
    assert [s["ended"] for s in trace.steps] == ["time"]
    assert trace.steps[0]["capacity_Ah"] * 3600 == pytest.approx(-trace.bench.passed_As, rel=1e-9)


def test_a_cell_at_rest_beyond_the_limit_is_not_driven_further_out() -> None:
    cell = Linear(4.2, 10.0)
    assert full_run(charge(0.01, charge_As(1.0)), cell=cell).outcome == "limit"
    assert cell.charge_As == 0.0
    assert full_run(discharge(0.01, charge_As(1.0)), cell=cell).outcome == "completed"


# ---- the start --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "window", "outcome"),
    [
        (Linear(3.0, 10.0), (2.9, 3.1), "completed"),
        (Linear(3.2, 10.0), (2.9, 3.1), "detector"),
        (Linear(-3.0, 10.0), (2.9, 3.1), "detector"),
        (Linear(3.0, 10.0), None, "completed"),
        (Breaks(Linear(3.0, 10.0)), None, "detector"),
        (Breaks(Linear(3.0, 10.0)), (0.0, 30.0), "detector"),
    ],
)
def test_only_the_right_cell_is_driven(cell, window, outcome) -> None:
    trace = full_run(charge(0.01, seconds(5)), cell=cell, start_V=window)
    assert trace.outcome == outcome
    if outcome == "detector":
        assert [c for c in trace.commands if isinstance(c, Safe)] == [Safe()]
        assert len(trace.applied) == 1
        assert trace.bench.passed_As == 0.0


# ---- the safe path ----------------------------------------------------------------------------

PATH = (
    rest(seconds(30)),
    group(
        "g",
        plate(1e-3, charge_As(0.3)),
        plate(1e-3, charge_As(0.1)),
        strip(1e-3, volts(0.5), charge_As(1.0)),
        pair="total",
    ),
    charge(1e-3, volts(0.5), hold=(amps(1e-5), seconds(20))),
    rest(seconds(30)),
)


def path_run(**more):
    return run(make_plan(*PATH), Bench(Metal()), **more)


def check_ended(trace, outcome: str, reason: str | None = None) -> None:
    """One Safe, nothing commanded after it, one end, paired steps, all charge in its place."""
    safes = [index for index, c in enumerate(trace.commands) if isinstance(c, Safe)]
    assert safes == [len(trace.commands) - 1]
    assert [e["outcome"] for e in trace.data("run_ended")] == [outcome]
    assert trace.outcome == outcome
    if reason is not None:
        assert trace.reason == reason
    assert trace.engine.state.phase == "over"
    driven = [e["step_count"] for e in trace.data("step_ended") if e["driven"]]
    assert driven == [e["step_count"] for e in trace.data("step_started")]
    assert all(0 <= e["duration_s"] < 1e5 for e in trace.data("step_ended"))
    entered = [e["path"] for e in trace.data("group_entered")]
    assert entered == [e["path"] for e in trace.data("group_left")]


def test_a_whole_run_passes_through_every_phase() -> None:
    phases = set()
    trace = path_run(stop_when=lambda t: phases.add(t.engine.state.phase))
    check_ended(trace, "completed")
    assert phases == {
        "start",
        "open_circuit",
        "beginning",
        "running",
        "confirming",
        "safing",
    }


def test_a_stop_anywhere_leads_to_one_safe_and_the_first_reason() -> None:
    exchanges = len(path_run().heard)
    for count in range(exchanges - 1):
        again = {count: Stopping(0.0, "stopped", "first"), count + 1: Stopping(0.0, "fault", "2nd")}
        trace = path_run(outside=again)
        check_ended(trace, "stopped", "first")
        net = trace.engine.state.totals
        passed = net.charging_As - net.discharging_As
        # a drive that was stopped before its first reading leaves nothing to integrate, and where
        # in its 10 s the metal ran out is known to half of them
        assert passed == pytest.approx(trace.bench.passed_As, abs=1e-3 * (5.0 + 0.2))
        assert abs(trace.engine.state.ledger.deposit_As) < 0.5


def test_a_stop_while_the_next_step_is_commanded_keeps_the_ended_step_s_gap() -> None:
    def stop(trace):
        step = trace.engine.state.step
        if step is not None and step.count == 2 and trace.engine.state.phase == "beginning":
            return Stopping(0.0, "fault", "link lost")
        return None

    plan = make_plan(charge(0.01, seconds(20)), discharge(0.01, seconds(20)), **FULL)
    trace = run(plan, Bench(Linear(3.0, 10.0), delay_s=1.0), stop_when=stop)
    check_ended(trace, "fault", "link lost")
    assert [s["ended"] for s in trace.steps] == ["time"]
    assert trace.steps[0]["capacity_Ah"] * 3600 == pytest.approx(trace.bench.passed_As, rel=1e-9)


def test_the_last_reading_before_a_stop_becomes_a_row() -> None:
    plan = make_plan(charge(0.01, volts(3.2), seconds(1000)), **FULL)
    for count in range(5, 20):
        bench = Bench(Linear(3.0, 10.0))
        trace = run(plan, bench, outside={count: Stopping(0.0, "stopped", "enough")})
        readings = [heard for heard in trace.heard if isinstance(heard, Reading)][1:]
        assert trace.rows[-1].t_s == readings[-1].time_s
        assert len({row.t_s for row in trace.rows}) == len(trace.rows)


@pytest.mark.parametrize(
    ("asked", "outcome"),
    [("stopped", "fault"), ("limit", "fault"), ("error", "error"), ("detector", "fault")],
)
def test_unsafe_never_claims_off(asked, outcome) -> None:
    bench = Bench(Metal(), refuse_safe=True)
    trace = run(make_plan(*PATH), bench, outside={8: Stopping(0.0, asked, "why")})
    assert trace.outcome == outcome
    outputs = trace.data("output")
    assert outputs == [{"on": True, "read_back": True}, {"on": None, "read_back": False}]
    assert "no answer" in trace.reason
    assert [f["error"] for f in trace.data("fault")][-1] == "OutputUnknown"


def test_off_at_last_is_told_but_the_run_ends_only_once() -> None:
    bench = Bench(Metal(), refuse_safe=True)
    trace = run(make_plan(*PATH), bench)
    late = trace.engine.hear(Safed(bench.now_s + 5.0))
    assert [e.kind for e in late.events] == ["output"]
    assert late.events[0].data == {"on": False, "read_back": True}
    assert late.ended is None
    again = trace.engine.hear(Unsafe(bench.now_s + 6.0, "still"))
    assert "run_ended" not in [e.kind for e in again.events]
    assert trace.engine.hear(Stopping(bench.now_s, "error", "x")).commands == ()


def test_an_output_that_went_off_unasked_is_a_fault_not_an_end() -> None:
    engine = Engine(make_plan(*PATH), RATINGS)
    engine.begin(0.0)
    engine.hear(Applied(0.1))
    answer = engine.hear(Safed(0.2))
    assert answer.commands == (Safe(),)
    assert answer.ended is None
    assert engine.hear(Safed(0.3)).ended == "fault"


def test_what_comes_after_the_stop_changes_nothing() -> None:
    engine = Engine(make_plan(*PATH), RATINGS)
    engine.begin(0.0)
    engine.hear(Applied(0.1))
    assert engine.hear(Stopping(0.2, "stopped", "enough")).commands == (Safe(),)
    for late in (Reading(0.3, 0.6, 0.0), Applied(0.4), Reading(0.5, 0.6, 0.01)):
        answer = engine.hear(late)
        assert (answer.commands, answer.wake_at, answer.ended) == ((), None, None)
    ended = engine.hear(Safed(0.6))
    assert (ended.ended, ended.reason) == ("stopped", "enough")


def test_an_error_in_an_expression_still_leaves_an_engine_that_stops_safely() -> None:
    def boom(names):
        raise ZeroDivisionError

    engine = Engine(make_plan(rest(seconds(1)), charge(Ask(boom), seconds(5)), **FULL), RATINGS)
    engine.begin(0.0)
    for heard in (Applied(0.0), reading(3.0, 0.0), Applied(0.0), reading(3.0, 0.0)):
        engine.hear(heard)
    with pytest.raises(ZeroDivisionError):
        engine.hear(Reading(2.0, 3.0, 0.0, current_range_A=0.0105, voltage_range_V=21.0))
    answer = engine.hear(Stopping(2.1, "error", "ZeroDivisionError"))
    assert answer.commands == (Safe(),)
    assert engine.hear(Safed(2.2)).ended == "error"


def test_the_first_command_is_a_rest() -> None:
    engine = Engine(make_plan(*PATH), RATINGS)
    first = engine.begin(0.0).commands
    assert [c.setpoint.mode for c in first if isinstance(c, Apply)] == ["rest"]
