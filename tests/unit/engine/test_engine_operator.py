"""Questions, pauses and skipped steps: what the operator does to a running run."""

import pytest
from helpers.engine_bench import Bench, Breaks, Linear, Metal, Trace, from_bench, run
from helpers.plans import (
    above,
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
    when,
)

from labctl_protocols.decisions import Apply, Operator, Safe, Stopping, Unsafe
from labctl_protocols.engine.engine import Engine
from labctl_protocols.plan import HeldFor, Limits

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


class Say:
    """Says words at moments that a test chooses; between them the bench does what it is told."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        trace.take(trace.engine.begin(0.0))

    def __call__(self, word: str) -> None:
        now_s = self.trace.bench.now_s
        stop = Stopping(now_s, "stopped", "stop")
        self.trace.take(self.trace.engine.hear(stop if word == "stop" else Operator(now_s, word)))

    def until(self, reached) -> None:
        for _ in range(20_000):
            if reached():
                return
            heard = from_bench(self.trace, self.trace.answers[-1], reload=True)
            self.trace.take(self.trace.engine.hear(heard))
        raise AssertionError("it never came to that")


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


def test_a_voltage_is_not_held_again_where_nothing_is_connected_any_more() -> None:
    bench = Bench(Linear(3.0, 10.0, ohm=100.0))
    trace = Trace(Engine(make_plan(hold(3.2, seconds(100)), **FULL), bench.ratings), bench)
    say = Say(trace)
    say.until(lambda: bench.now_s > 30.0)
    say("pause")
    say.until(lambda: trace.answers[-1].waits)
    bench.cell = Breaks(bench.cell)  # somebody took it away
    say("continue")
    say.until(lambda: trace.outcome is not None)
    assert trace.outcome == "detector"
    assert "contact lost" in trace.reason
    assert [s.mode for s in trace.applied] == ["rest", "voltage", "rest"]


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


@pytest.mark.parametrize("way", ["continue", "skip", "stop"])
def test_a_step_paused_again_while_the_cell_is_looked_at_is_entered_whatever_follows(way) -> None:
    plan = make_plan(charge(0.01, charge_As(1.0)), rest(seconds(10)), **FULL)
    bench = Bench(Linear(3.0, 10.0))
    trace = Trace(Engine(plan, bench.ratings), bench)
    say = Say(trace)
    say.until(lambda: bench.now_s > 40.0)
    say("pause")
    say.until(lambda: trace.answers[-1].waits)
    bench.advance(100.0)
    say("continue")
    say.until(lambda: trace.engine.state.phase == "open_circuit" and not trace.waiting)
    say("pause")
    say.until(lambda: trace.answers[-1].waits)
    bench.advance(1000.0)
    say(way)
    say.until(lambda: trace.outcome is not None)
    step = trace.steps[0]
    assert step["driven"] is True
    assert step["capacity_Ah"] * 3600 == pytest.approx(bench.passed_As, rel=1e-9)
    assert step["ended"] == {"continue": "charge", "skip": "skipped", "stop": "interrupted"}[way]
    assert step["duration_s"] == pytest.approx(100.0 if way == "continue" else 40.0, abs=2.0)
    if way != "continue":
        assert step["voltage_V"] == pytest.approx(3.05, abs=0.01)  # where it was paused
    halves = [event["half"]["charge_Ah"] for event in trace.data("half")]
    assert sum(halves) * 3600 == pytest.approx(bench.passed_As, rel=1e-9)


def test_a_stop_while_the_cell_is_looked_at_after_a_pause_loses_no_charge() -> None:
    plan = make_plan(charge(0.01, charge_As(1.0)), **FULL)
    bench = Bench(Linear(3.0, 10.0))
    trace = Trace(Engine(plan, bench.ratings), bench)
    say = Say(trace)
    say.until(lambda: bench.now_s > 40.0)
    say("pause")
    say.until(lambda: trace.answers[-1].waits)
    say("continue")
    assert trace.engine.state.phase == "open_circuit"
    say("stop")
    say.until(lambda: trace.outcome is not None)
    (step,) = trace.steps
    assert step["ended"] == "interrupted"
    assert step["capacity_Ah"] * 3600 == pytest.approx(bench.passed_As, rel=1e-9)
    (half,) = trace.data("half")
    assert half["half"]["charge_Ah"] * 3600 == pytest.approx(bench.passed_As, rel=1e-9)


def test_a_step_that_reached_its_charge_on_the_way_to_its_pause_is_not_driven_again() -> None:
    plan = make_plan(charge(0.01, charge_As(0.5)), rest(seconds(10)), **FULL)
    bench = Bench(Linear(3.0, 10.0), delay_s=3.0)
    # the last 10 mA·s pass while the output is being switched off
    trace = conduct(plan, bench, ("pause", 51.5), ("continue", 100.0))
    step = trace.steps[0]
    assert step["ended"] == "charge"
    assert step["capacity_Ah"] * 3600 == pytest.approx(bench.passed_As, rel=1e-9)
    assert bench.passed_As > 0.5
    assert [s.mode for s in trace.applied] == ["rest", "current", "rest"]


def test_what_a_comparison_held_for_before_a_pause_does_not_count_after_it() -> None:
    guarded = when(above("voltage", 3.2), held=HeldFor(0, 60.0, None))
    plan = make_plan(charge(0.01, guarded, seconds(5000)), **FULL)
    bench = Bench(Linear(3.0, 10.0))
    # above 3.2 V (10 mV of it ohmic) from 190 s on; paused in the middle of the 60 s
    trace = conduct(plan, bench, ("pause", 220.0), ("continue", 900.0))
    (step,) = trace.steps
    assert step["ended"] == "condition"
    assert bench.now_s >= 960.0
    assert step["duration_s"] == pytest.approx(280.0, abs=12.0)


def test_a_hold_after_a_paused_first_part_is_told_as_started() -> None:
    plan = make_plan(charge(0.01, volts(3.5), hold=[seconds(60)]), **FULL)
    trace = conduct(plan, Bench(Linear(3.0, 10.0)), ("pause", 40.0), ("continue", 100.0))
    assert [e["step_type"] for e in trace.data("step_started")] == ["charge", "then_hold"]
    assert [e["step_type"] for e in trace.data("step_resumed")] == ["charge"]
    resumed = [(row.step_type, row.quality) for row in trace.rows if row.quality != "ok"]
    assert resumed == [("charge", "resumed")]


def test_a_hold_that_is_skipped_and_paused_at_once_is_not_held_again() -> None:
    plan = make_plan(hold(3.2, seconds(100)), rest(seconds(10)), **FULL)
    bench = Bench(Linear(3.0, 10.0, ohm=100.0))
    trace = conduct(plan, bench, ("skip", 30.0), ("pause", 30.0), ("continue", 90.0))
    assert trace.steps[0]["ended"] == "skipped"
    assert [s.mode for s in trace.applied] == ["rest", "voltage", "rest"]


@pytest.mark.parametrize("hands", ["ask", "skip"])
def test_the_cell_is_looked_at_after_hands_were_on_it(hands) -> None:
    before = [rest(seconds(30)), ask("new cell in?")]
    words = [("continue", 500.0)]
    if hands == "skip":
        before, words = [charge(0.01, seconds(60))], [("pause", 30.0), ("skip", 500.0)]
    plan = make_plan(*before, discharge(0.01, volts(2.0), seconds(10)), **FULL)
    trace = conduct(plan, Bench(Linear(3.0, 10.0)), *words)
    modes = [s.mode for s in trace.applied]
    # without a look, nobody would know that what stands there now may be driven so
    assert modes[-2:] == ["rest", "current"]
    looks = [c.setpoint.mode for c in trace.commands[:-1] if isinstance(c, Apply)][-2]
    off = max(i for i, c in enumerate(trace.commands[:-1]) if isinstance(c, Safe))
    assert looks == "rest"
    assert trace.commands[off + 1].setpoint.mode == "rest"


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


@pytest.mark.parametrize("step", [hold(3.2, seconds(10)), sweep(3.0, [3.1], 1e-2)])
def test_a_voltage_is_held_after_a_question_only_once_the_cell_was_seen(step) -> None:
    trace = conduct(
        make_plan(ask("ready?"), step, **FULL), Bench(Linear(3.0, 10.0)), ("continue", 9.0)
    )
    assert trace.outcome == "completed"
    modes = [s.mode for s in trace.applied]
    assert modes[:3] == ["rest", "rest", "voltage"]


@pytest.mark.parametrize(
    "step", [charge(0.01, seconds(10)), hold(3.2, seconds(10)), sweep(3.0, [3.1], 1e-2)]
)
def test_a_cell_that_was_connected_the_wrong_way_round_is_not_driven(step) -> None:
    bench = Bench(Linear(3.0, 10.0))
    plan = make_plan(charge(0.01, seconds(10)), ask("swap"), step, **FULL)
    trace = Trace(Engine(plan, bench.ratings), bench)
    answer = trace.take(trace.engine.begin(0.0))
    while answer.ended is None:
        if answer.waits:
            bench.cell = Linear(-3.0, 10.0)
            heard = Operator(bench.now_s, "continue", "test")
        else:
            heard = from_bench(trace, answer, False)
        answer = trace.take(trace.engine.hear(heard))
    assert trace.outcome == "detector"
    assert "wrong polarity" in trace.reason
    assert [s.mode for s in trace.applied] == ["rest", "current", "rest"]
