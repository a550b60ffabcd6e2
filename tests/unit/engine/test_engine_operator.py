"""Questions, pauses and skipped steps: what the operator does to a running run."""

import pytest
from helpers.engine_bench import Bench, Linear, Metal, Trace, from_bench, run
from helpers.plans import (
    ask,
    charge,
    charge_As,
    discharge,
    hold,
    make_plan,
    plate,
    rest,
    seconds,
    strip,
    sweep,
    volts,
)

from labctl_protocols.decisions import Apply, Operator, Safe, Unsafe
from labctl_protocols.engine.engine import Engine
from labctl_protocols.plan import Limits

WIDE = Limits(low_V=-5.0, high_V=5.0, current_A=0.02)
FULL = {"kind": "full", "limits": Limits(low_V=0.0, high_V=5.0, current_A=0.02)}


class Then:
    """One word after another, each `after_s`; between them the bench's clock goes on if nothing
    else moves it."""

    def __init__(self, *words: tuple[str, float]) -> None:
        self.words = list(words)

    def outside(self, trace: Trace) -> Operator | None:
        answer = trace.answers[-1]
        if not self.words:
            return None
        word, after_s = self.words[0]
        if answer.waits and trace.bench.now_s < after_s:
            trace.bench.advance(after_s)
        if trace.waiting or trace.bench.now_s < after_s:
            return None
        self.words.pop(0)
        return Operator(0.0, word, "test")


def conduct(plan, bench, *words):
    """Run a plan while the operator says words."""
    trace = Trace(Engine(plan, bench.ratings), bench)
    then = Then(*words)
    answer = trace.take(trace.engine.begin(bench.now_s))
    for _ in range(20_000):
        if answer.ended is not None:
            return trace
        heard = then.outside(trace)
        if heard is not None:
            heard = Operator(bench.now_s, heard.word, heard.by)
        else:
            heard = from_bench(trace, answer, reload=True)
        trace.heard.append(heard)
        answer = trace.take(trace.engine.hear(heard))
    raise AssertionError("the run did not end")


# ---- pause and continue -------------------------------------------------------------------------


def test_a_paused_drive_is_off_read_back_and_goes_on_with_its_charge_and_time() -> None:
    plan = make_plan(charge(0.01, charge_As(1.0)), **FULL)
    bench = Bench(Linear(3.0, 10.0))
    trace = conduct(plan, bench, ("pause", 40.0), ("continue", 500.0))
    assert trace.outcome == "completed"
    (step,) = trace.steps
    # 1 A·s at 10 mA is 100 s, whenever they pass; the overshoot counts
    assert step["duration_s"] == pytest.approx(100.0, abs=0.5)
    assert step["capacity_Ah"] * 3600 == pytest.approx(bench.passed_As, rel=1e-9)
    assert bench.passed_As == pytest.approx(1.0, abs=0.005)
    kinds = [c.terminal if isinstance(c, Safe) else c.setpoint.mode for c in trace.commands]
    # first look, drive, off, look again, drive, off at the end
    assert kinds == ["rest", "current", "main", "rest", "current", None]
    assert [d["on"] for d in trace.data("output")] == [True, False, True, False]


def test_the_guard_after_a_pause_is_what_is_left() -> None:
    plan = make_plan(charge(0.01, charge_As(1.0), seconds(1000)), **FULL)
    trace = conduct(plan, Bench(Linear(3.0, 10.0)), ("pause", 40.0), ("continue", 500.0))
    first, second = (
        c.guard for c in trace.commands if isinstance(c, Apply) and c.setpoint.mode == "current"
    )
    assert first.charge_Ah * 3600 == pytest.approx(1.0)
    passed_As = 0.01 * (1000 - second.time_s)
    assert second.charge_Ah * 3600 == pytest.approx(1.0 - passed_As, abs=0.002)
    assert 0.3 < passed_As < 0.5


def test_a_paused_cycle_is_interrupted_and_gives_no_figure() -> None:
    plan = make_plan(plate(1e-3, charge_As(0.1)), strip(1e-3, volts(0.5), seconds(500)))
    trace = conduct(plan, Bench(Metal()), ("pause", 30.0), ("continue", 60.0))
    (cycle,) = trace.data("cycle")
    assert cycle["complete"] is False
    assert "interrupted" in cycle["flags"]
    assert cycle["ce"] is None
    assert cycle["cycle"] == 1


def test_a_paused_rest_goes_on_for_what_is_left() -> None:
    plan = make_plan(rest(seconds(100)))
    trace = conduct(plan, Bench(Linear(1.0, 10.0)), ("pause", 30.0), ("continue", 1000.0))
    (step,) = trace.steps
    assert step["duration_s"] == pytest.approx(100.0, abs=1.0)
    assert trace.bench.now_s == pytest.approx(1070.0, abs=3.0)


def test_a_paused_hold_goes_on_at_its_voltage() -> None:
    plan = make_plan(hold(3.2, seconds(100)), **FULL)
    trace = conduct(plan, Bench(Linear(3.0, 10.0, ohm=100.0)), ("pause", 30.0), ("continue", 90.0))
    held = [s for s in trace.applied if s.mode == "voltage"]
    assert [s.stop_voltage_V for s in held] == [3.2, 3.2]
    assert trace.steps[0]["duration_s"] == pytest.approx(100.0, abs=1.0)


def test_a_cell_that_is_past_its_target_after_a_pause_is_not_driven() -> None:
    bench = Bench(Linear(3.0, 1.0))
    plan = make_plan(charge(0.01, volts(4.0), seconds(1000)), rest(seconds(10)), **FULL)
    trace = Trace(Engine(plan, bench.ratings), bench)
    then = Then(("pause", 40.0), ("continue", 100.0))
    answer = trace.take(trace.engine.begin(0.0))
    while answer.ended is None:
        heard = then.outside(trace)
        if heard is not None and heard.word == "continue":
            bench.cell.charge_As += 2.0  # somebody charged it meanwhile
        heard = Operator(bench.now_s, heard.word) if heard else from_bench(trace, answer, False)
        answer = trace.take(trace.engine.hear(heard))
    step = trace.steps[0]
    assert step["ended"] == "voltage"
    assert "already past" in step["reason"]
    assert step["capacity_Ah"] * 3600 == pytest.approx(0.4, abs=0.02)
    assert step["duration_s"] == pytest.approx(40.0, abs=2.0)
    assert [s.mode for s in trace.applied].count("current") == 1


def test_an_output_that_does_not_go_off_for_a_pause_ends_the_run_as_unknown() -> None:
    bench = Bench(Linear(3.0, 10.0), refuse_safe=True)
    plan = make_plan(charge(0.01, charge_As(1.0)), **FULL)
    trace = conduct(plan, bench, ("pause", 40.0))
    assert trace.outcome == "fault"
    assert "did not open" in trace.reason
    assert {"on": None, "read_back": False} in trace.data("output")


def test_words_that_mean_nothing_now_change_nothing() -> None:
    plan = make_plan(charge(0.01, seconds(60)), **FULL)
    bench = Bench(Linear(3.0, 10.0))
    trace = conduct(plan, bench, ("continue", 20.0))
    assert trace.outcome == "completed"
    (told,) = trace.data("operator")
    assert told["done"] is False
    assert told["by"] == "test"
    assert trace.steps[0]["duration_s"] == pytest.approx(60.0, abs=0.5)


# ---- skip ---------------------------------------------------------------------------------------


def test_a_skipped_step_ends_as_skipped_and_the_next_begins() -> None:
    plan = make_plan(charge(0.01, charge_As(1.0), label="a"), discharge(0.01, seconds(10)), **FULL)
    trace = conduct(plan, Bench(Linear(3.0, 10.0)), ("skip", 40.0))
    first, second = trace.steps
    assert first["ended"] == "skipped"
    assert first["capacity_Ah"] * 3600 == pytest.approx(0.4, abs=0.02)
    assert second["ended"] == "time"
    (cycle,) = trace.data("cycle")
    assert cycle["complete"] is False


def test_a_paused_step_can_be_skipped_without_driving_it_again() -> None:
    plan = make_plan(charge(0.01, charge_As(1.0)), rest(seconds(10)), **FULL)
    trace = conduct(plan, Bench(Linear(3.0, 10.0)), ("pause", 40.0), ("skip", 300.0))
    first, second = trace.steps
    assert (first["ended"], second["ended"]) == ("skipped", "time")
    assert first["duration_s"] == pytest.approx(40.0, abs=2.0)
    assert [s.mode for s in trace.applied] == ["rest", "current", "rest"]


def test_a_skipped_strip_does_not_leave_the_collector_bare() -> None:
    plan = make_plan(plate(1e-3, charge_As(0.1)), strip(1e-3, volts(0.5), seconds(500)))
    trace = conduct(plan, Bench(Metal()), ("skip", 130.0))
    ledger = trace.engine.state.ledger
    assert ledger.lost_As == 0.0
    assert ledger.deposit_As == pytest.approx(0.07, abs=0.005)


# ---- ask ----------------------------------------------------------------------------------------


def test_a_question_waits_with_the_output_off_and_the_answer_goes_on() -> None:
    plan = make_plan(
        charge(0.01, seconds(10)), ask("valve open?"), charge(0.01, seconds(10)), **FULL
    )
    bench = Bench(Linear(3.0, 10.0))
    trace = conduct(plan, bench, ("continue", 5000.0))
    assert trace.outcome == "completed"
    (asked,) = trace.data("ask")
    assert asked["question"] == "valve open?"
    waits = [a for a in trace.answers if a.waits]
    assert waits
    assert all(not a.commands and a.wake_at is None for a in waits)
    # looked at again before it is driven: who knows what was done to the cell
    assert [s.mode for s in trace.applied] == ["rest", "current", "rest", "current"]
    assert bench.passed_As == pytest.approx(0.2, abs=0.005)


def test_a_question_that_nobody_answers_in_time_ends_the_run_with_the_output_off() -> None:
    plan = make_plan(ask("valve open?", timeout_s=3600.0), charge(0.01, seconds(10)), **FULL)
    trace = run(plan, Bench(Linear(3.0, 10.0)))
    assert trace.outcome == "stopped"
    assert "nobody answered" in trace.reason
    assert "current" not in [s.mode for s in trace.applied]
    assert trace.bench.now_s == pytest.approx(3600.0, abs=1.0)


def test_the_output_of_a_question_that_stays_on_ends_the_run() -> None:
    bench = Bench(Linear(3.0, 10.0), refuse_safe=True)
    trace = run(make_plan(ask("valve open?"), **FULL), bench)
    assert trace.outcome == "fault"
    assert isinstance(bench.do(Safe()), Unsafe)


# ---- sweeps -------------------------------------------------------------------------------------


def test_a_paused_sweep_goes_on_where_it_was() -> None:
    plan = make_plan(sweep(0.5, [1.0], 1e-2, step_V=0.05), limits=WIDE)
    trace = conduct(plan, Bench(Linear(0.5, 10.0, ohm=100.0)), ("pause", 22.0), ("continue", 90.0))
    levels = [s.stop_voltage_V for s in trace.applied if s.mode == "voltage"]
    assert sorted(set(levels)) == pytest.approx([0.5 + 0.05 * k for k in range(10)])
    assert levels == sorted(levels)
    assert trace.steps[0]["ended"] == "sweep"
    assert trace.steps[0]["duration_s"] == pytest.approx(50.0, abs=1.0)
