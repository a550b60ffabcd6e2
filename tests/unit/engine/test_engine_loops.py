"""Loops, groups, branches: where the run goes, and that nothing is unrolled."""

import gc
import tracemalloc

import pytest
from helpers.engine_bench import Bench, Linear, Metal, run
from helpers.plans import (
    RATINGS,
    Ask,
    above,
    below,
    charge,
    charge_As,
    discharge,
    either,
    ended,
    for_each,
    group,
    leave,
    make_plan,
    mark,
    plate,
    repeat,
    rest,
    seconds,
    stop,
    strip,
    volts,
    when,
)

from labctl_drivers.vocabulary import Reading
from labctl_protocols.decisions import Applied
from labctl_protocols.engine.engine import Engine
from labctl_protocols.plan import HeldFor, Limits

FULL = {"kind": "full", "limits": Limits(low_V=0.0, high_V=5.0, current_A=0.02)}
CELL = {"start_V": 3.0, "farad_F": 1000.0}


def walked(*steps, **more):
    trace = run(make_plan(*steps, **(FULL | more)), Bench(Linear(**CELL)))
    return trace, [str(m["text"]) for m in trace.data("mark")]


def name(text):
    return Ask(lambda names: names.live(text), text)


def test_repeat_n_and_its_counter() -> None:
    step = charge(Ask(lambda n: 0.001 * n.live("k")), seconds(5))
    trace, _ = walked(repeat(3, step, counter="k"))
    assert [s.current_A for s in trace.applied[1::2]] == pytest.approx([0.001, 0.002, 0.003])


def test_repeat_zero_and_negative_times_is_not_entered() -> None:
    _, marks = walked(repeat(0, mark("a")), repeat(-1, mark("b")), mark("c"))
    assert marks == ["c"]


def test_repeat_unknown_times_is_a_fault() -> None:
    trace, _ = walked(repeat(name("ce"), mark("a"), rest(seconds(1))))
    assert trace.outcome == "fault"


def test_repeat_until_is_tested_after_the_body() -> None:
    trace, marks = walked(repeat(None, mark("a"), rest(seconds(10)), until=above("elapsed", 25.0)))
    assert marks == ["a"] * 3
    _, marks = walked(repeat(5, mark("a"), rest(seconds(1)), until=above("elapsed", -1.0)))
    assert marks == ["a"]
    assert trace.outcome == "completed"


def test_repeat_until_unknown_goes_on_and_is_told() -> None:
    trace, marks = walked(repeat(4, mark("a"), rest(seconds(1)), until=above("retention", 0.5)))
    assert marks == ["a"] * 4
    assert sum("unknown" in str(n["text"]) for n in trace.data("note")) == 3


def test_for_gives_each_value_in_turn_innermost_first() -> None:
    step = charge(Ask(lambda n: n.live("$rate")), seconds(5))
    trace, _ = walked(for_each("rate", [1e-3, 2e-3], for_each("rate", [5e-3], step), step))
    assert [s.current_A for s in trace.applied if s.mode == "current"] == pytest.approx(
        [5e-3, 1e-3, 5e-3, 2e-3]
    )


def test_a_name_that_no_loop_gives_is_an_error_not_a_number() -> None:
    with pytest.raises(KeyError):
        walked(charge(name("$nothing"), seconds(5)))


def test_if_takes_its_branch_and_unknown_takes_else() -> None:
    _, marks = walked(
        either(above("voltage", 1.0), [mark("then")], [mark("else")]),
        either(below("voltage", 1.0), [mark("then")], [mark("else")]),
        either(below("voltage", 1.0), [mark("then")]),
        mark("end"),
    )
    assert marks == ["then", "else", "end"]
    trace, marks = walked(either(above("ce", 0.0), [mark("then")], [mark("else")]), mark("end"))
    assert marks == ["else", "end"]
    assert any("unknown" in str(n["text"]) for n in trace.data("note"))


def test_exit_leaves_the_innermost_loop_through_groups_and_branches() -> None:
    trace, marks = walked(
        repeat(
            2,
            mark("outer"),
            repeat(
                None,
                mark("inner"),
                rest(seconds(1)),
                group("a", group("b", either(True, [leave(True), mark("not here")]))),
                mark("nor here"),
            ),
            mark("after"),
        ),
        mark("end"),
    )
    assert marks == ["outer", "inner", "after"] * 2 + ["end"]
    assert [g["label"] for g in trace.data("group_left")] == ["b", "a"] * 2
    assert trace.outcome == "completed"


def test_an_unknown_exit_stays() -> None:
    _, marks = walked(repeat(2, rest(seconds(1)), leave(above("ce", 0.0)), mark("a")))
    assert marks == ["a", "a"]


def test_stop_ends_as_completed_with_its_reason_and_leaves_groups_incomplete() -> None:
    both = charge(0.01, seconds(5)), discharge(0.01, seconds(5))
    trace, marks = walked(group("g", *both, stop("seen enough"), mark("x")))
    assert (trace.outcome, trace.reason) == ("completed", "seen enough")
    assert marks == []
    assert trace.data("group_left")[0]["complete"] is False


@pytest.mark.parametrize(
    "idle",
    [
        (mark("nothing"),),
        (charge(0.01, charge_As(0.0)),),
        (group("g", either(above("ce", 0.0), [rest(seconds(5))])),),
    ],
)
def test_a_body_that_passes_no_time_three_times_running_is_a_fault(idle) -> None:
    trace, _ = walked(rest(seconds(5)), repeat(None, *idle))
    assert trace.outcome == "fault"
    assert [f["error"] for f in trace.data("fault")] == ["IdleLoop"]


def test_idle_rounds_are_counted_to_three() -> None:
    _, marks = walked(repeat(None, mark("round")))
    assert marks == ["round"] * 3


def test_two_idle_rounds_and_one_busy_one_are_none() -> None:
    busy = either(Ask(lambda n: n.live("k") % 3 == 0), [rest(seconds(5))])
    trace, _ = walked(repeat(30, busy, counter="k"))
    assert trace.outcome == "completed"


def test_100_to_the_5th_starts_at_once_in_flat_memory() -> None:
    body = repeat(100, charge(1e-6, seconds(2)), discharge(1e-6, seconds(2)))
    for _ in range(4):
        body = repeat(100, body)
    engine = Engine(make_plan(body, **FULL), RATINGS)
    answer = engine.begin(0.0)
    now, current, steps = 0.0, 0.0, 0

    def go(count: int) -> None:
        nonlocal answer, now, current, steps
        while steps < count:
            if answer.commands:
                steps += 1
                current = answer.commands[0].setpoint.current_A
                answer = engine.hear(Applied(now))
            else:
                now = answer.wake_at
                answer = engine.hear(Reading(now, 3.0, current, current_range_A=1e-3))

    go(200)
    tracemalloc.start()
    go(400)
    gc.collect()
    first = tracemalloc.get_traced_memory()[0]
    go(1400)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - first
    tracemalloc.stop()
    assert len(engine.state.frames) == 6
    assert grown < 20_000
    assert engine.state.frames[-2].round == 7


def test_ended_is_the_word_of_the_last_step() -> None:
    plan = make_plan(
        plate(1e-3, charge_As(4.0)),
        repeat(
            10,
            strip(1e-3, charge_As(1.0), volts(0.5)),
            leave(ended("voltage")),
            plate(1e-3, charge_As(0.5)),
        ),
        mark("left"),
    )
    trace = run(plan, Bench(Metal()))
    words = [s["ended"] for s in trace.steps]
    # 4 − 7·0.5 = 0.5 A·s are left for the eighth strip
    assert words == ["charge"] * 15 + ["voltage"]
    assert trace.data("mark")


def test_for_3_cycles_is_counted_over_steps() -> None:
    held = HeldFor(guard=9, seconds=None, cycles=3.0)

    def low_for_3(names):
        now = names.live("elapsed") > 100.0
        return names.held(9, now, None, held.cycles)

    body = (charge(0.01, seconds(20)), discharge(0.01, seconds(20)))
    trace, _ = walked(repeat(50, *body, until=Ask(low_for_3)))
    # rounds end at 40, 80, 120 …: true from the third on, for the third time after the fifth
    assert len(trace.steps) == 10


def test_a_guard_over_seconds_begins_anew_in_each_step() -> None:
    held = HeldFor(guard=1, seconds=15.0, cycles=None)
    until = (when(Ask(lambda n: True), held=held), seconds(100))
    trace, _ = walked(repeat(3, charge(0.01, *until)))
    for step in trace.steps:
        assert 15.0 <= step["duration_s"] <= 21.0


def test_groups_are_told_with_class_and_figures_follow_the_gap() -> None:
    trace, _ = walked(group("form", charge(0.01, seconds(60)), cls="formation"), rest(seconds(5)))
    entered, left = trace.data("group_entered")[0], trace.data("group_left")[0]
    assert entered["class"] == left["class"] == "formation"
    assert left["first"]["charge_Ah"] == pytest.approx(trace.steps[0]["capacity_Ah"], rel=1e-12)
    kinds = [e.kind for e in trace.events("step_ended", "group_left", "step_started")]
    assert kinds == ["step_started", "step_ended", "group_left", "step_started", "step_ended"]
