"""Whatever the protocol and whenever it is stopped: determinism, safety, exact charge."""

import dataclasses
import itertools
from typing import Any

import pytest
from helpers.engine_bench import Bench, Linear, Metal, Trace, run
from helpers.plans import (
    RATINGS,
    Build,
    above,
    amps,
    below,
    charge,
    charge_As,
    discharge,
    either,
    for_each,
    group,
    hold,
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
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_protocols.decisions import Answer, Safe, Stopping
from labctl_protocols.engine.engine import Engine
from labctl_protocols.plan import HeldFor, Limits, Plan

numbers = itertools.count()
times = st.sampled_from([20.0, 77.7, 200.0, 5.0, 1.0, 0.2, 0.0])
charges = st.sampled_from([0.05, 0.3, 0.011, 0.0])
currents = st.sampled_from([1e-3] * 5 + [5e-3, 2e-4] * 3 + [2.1e-2])  # the last is over the limit
labels = st.sampled_from(["a", "b", "c"])
words = st.sampled_from(["voltage", "ce", "deposit", "elapsed", "capacity", "lost"])
conditions = st.builds(above, words, st.floats(0.0, 2.0)) | st.builds(
    below, words, st.floats(0.0, 2.0)
)


def caps() -> st.SearchStrategy[Any]:
    """Ends that surely come."""
    return st.builds(seconds, times) | st.builds(charge_As, charges)


def ends() -> st.SearchStrategy[Any]:
    guards = st.builds(lambda s: HeldFor(next(numbers), s, None), st.floats(0.0, 60.0)) | st.none()
    return st.builds(volts, st.sampled_from([-0.4, 0.0, 0.3, 0.5, 1.0])) | st.builds(
        lambda condition, held: when(condition, held=held), conditions, guards
    )


def drives() -> st.SearchStrategy[Build]:
    def build(verb: Any, at: float, cap: Any, more: list[Any], label: Any, held: Any) -> Build:
        until = [*more, cap]
        bare = [end for end in until if end.kind == "voltage"]
        return verb(at, *until, label=label, hold=held if len(bare) == 1 else ())

    return st.builds(
        build,
        st.sampled_from([plate, strip, charge, discharge]),
        currents,
        caps(),
        st.lists(ends(), max_size=2),
        labels | st.none(),
        st.just(()) | st.builds(lambda s: (amps(1e-4), seconds(s)), times),
    )


def timed() -> st.SearchStrategy[Build]:
    return (
        drives()
        | st.builds(rest, st.builds(seconds, times))
        | st.builds(hold, st.sampled_from([-0.2, 0.0, 0.4]), st.builds(seconds, times))
    )


def blocks(inner: st.SearchStrategy[Build]) -> st.SearchStrategy[Build]:
    several = st.lists(inner, min_size=2, max_size=4)

    def grouped(label: str, steps: list[Build], pair: str, low: bool) -> Build:
        limits = Limits(high_V=0.8) if low else None
        return group(label, *steps, pair=pair, limits=limits)

    return (
        st.builds(lambda n, steps: repeat(n, *steps, counter="k"), st.integers(0, 3), several)
        | st.builds(lambda u, steps: repeat(4, *steps, until=u), conditions, several)
        | st.builds(lambda steps: for_each("v", [1.0, 2.0], *steps), several)
        | st.builds(
            lambda c, steps: repeat(3, *steps, leave(c), rest(seconds(3.0))), conditions, several
        )
        | st.builds(grouped, labels, several, st.sampled_from(["each", "total"]), st.booleans())
        | st.builds(either, conditions, several, several)
    )


protocols = st.lists(
    st.recursive(timed() | st.builds(mark, labels), blocks, max_leaves=8)
    | st.builds(lambda c: either(c, [stop("enough")]), conditions),
    min_size=2,
    max_size=5,
)
cells = st.sampled_from(
    [
        lambda: Metal(efficiency=0.9),
        lambda: Linear(0.6, 2.0, ohm=20.0),
        lambda: Linear(0.1, 50.0, ohm=5.0),
    ]
)
kinds = st.sampled_from(["half", "anode-free", "symmetric", "cathode-half"])


def told(trace: Trace) -> list[Answer]:
    return trace.answers


def net_As(trace: Trace) -> float:
    totals = trace.engine.state.totals
    return totals.charging_As - totals.discharging_As


def check(trace: Trace) -> None:
    """What holds for every run, however it ended."""
    assert [c for c in trace.commands if isinstance(c, Safe)] == [Safe()]
    assert trace.commands[-1] == Safe()
    assert len(trace.events("run_ended")) == 1
    assert trace.events()[-1].kind == "run_ended"
    started = [e["step_count"] for e in trace.data("step_started")]
    ended = [e["step_count"] for e in trace.data("step_ended") if e["driven"]]
    assert started == ended
    entered = sorted(str(e["path"]) for e in trace.data("group_entered"))
    assert entered == sorted(str(e["path"]) for e in trace.data("group_left"))
    cycles = [e["cycle"] for e in trace.data("cycle")]
    assert len(set(cycles)) == len(cycles)
    read = [row.t_s for row in trace.rows]
    assert read == sorted(set(read))
    counters = [(row.charging_Ah, row.discharging_Ah) for row in trace.rows]
    assert counters == sorted(counters, key=sum)
    high, low = 1.5, -0.5
    for setpoint in trace.applied:
        assert abs(setpoint.current_A) <= 0.02
        assert setpoint.stop_voltage_V is None or low <= setpoint.stop_voltage_V <= high
    check_charge(trace)


def check_charge(trace: Trace) -> None:
    """All that passed is in the steps, and all of it in halves: cycles, lead-ins, open ends."""
    steps = sum(float(str(e["capacity_Ah"])) for e in trace.data("step_ended"))
    last = trace.engine.state.totals
    if not any(e["step_type"] in ("hold", "then_hold") for e in trace.data("step_ended")):
        assert steps * 3600 == pytest.approx(last.charging_As + last.discharging_As, abs=1e-9)


@settings(max_examples=120)
@given(protocols, cells, kinds)
def test_any_protocol_ends_safe_and_the_same_twice(
    steps: list[Build], cell: Any, kind: str
) -> None:
    plan = make_plan(*steps, kind=kind)
    trace = run(plan, Bench(cell()))
    check(trace)
    engine = Engine(plan, RATINGS)
    assert [engine.begin(0.0), *(engine.hear(heard) for heard in trace.heard)] == told(trace)


@settings(max_examples=80)
@given(protocols, cells, kinds)
def test_any_state_survives_json_in_the_middle_of_a_step(
    steps: list[Build], cell: Any, kind: str
) -> None:
    plan = make_plan(*steps, kind=kind)
    assert told(run(plan, Bench(cell()), reload=True)) == told(run(plan, Bench(cell())))


@settings(max_examples=120)
@given(protocols, cells, kinds, st.integers(0, 150), st.integers(0, 3))
def test_any_stop_ends_safe_with_the_first_reason(
    steps: list[Build], cell: Any, kind: str, at: int, later: int
) -> None:
    plan = make_plan(*steps, kind=kind)
    asked = {
        at: Stopping(0.0, "stopped", "first"),
        at + 1 + later: Stopping(0.0, "fault", "second"),
    }
    trace = run(plan, Bench(cell()), outside=asked)
    check(trace)
    if len(trace.heard) > at and any(isinstance(heard, Stopping) for heard in trace.heard):
        first = next(i for i, heard in enumerate(trace.heard) if isinstance(heard, Stopping))
        safed = next(i for i, a in enumerate(trace.answers) if Safe() in a.commands)
        if first + 1 == safed:  # nothing else had ended it before
            assert (trace.outcome, trace.reason) == ("stopped", "first")


steady = st.lists(
    st.tuples(
        st.sampled_from([charge, discharge]),
        st.sampled_from([1e-4, 3e-3, 1e-2]),
        st.floats(1.0, 300.0),
        st.floats(0.0, 30.0),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60)
@given(steady, st.floats(0.0, 3.0))
def test_constant_currents_are_counted_exactly(
    steps: list[tuple[Any, float, float, float]], delay_s: float
) -> None:
    pieces = [
        part
        for verb, current, duration, pause in steps
        for part in (verb(current, seconds(duration)), rest(seconds(pause)))
    ]
    # what comes back is what this cell was told to give: no short, whatever the detectors think
    deaf = {"soft_short_lasting": "ignore"}
    wide = Limits(-10.0, 10.0, 0.02)
    plan: Plan = make_plan(*pieces, kind="anode-free", limits=wide, detectors=deaf)
    bench = Bench(Linear(0.0, 1000.0, ohm=10.0), delay_s=delay_s)
    trace = run(plan, bench)
    assert trace.outcome == "completed"
    assert net_As(trace) == pytest.approx(bench.passed_As, rel=1e-9, abs=1e-12)
    ledger = trace.engine.state.ledger
    assert ledger.deposit_As == pytest.approx(bench.passed_As, rel=1e-9, abs=1e-12)
    halves = 0.0
    for event in trace.events("cycle", "half"):
        parts = ("half",) if event.kind == "half" else ("first", "second")
        signs = {"charge": 1.0, "discharge": -1.0}
        for part in parts:
            half: Any = event.data[part]
            halves += signs[half["kind"]] * half["charge_Ah"] * 3600
    assert halves == pytest.approx(bench.passed_As, rel=1e-9, abs=1e-9)


def test_answers_are_compared_whole() -> None:
    """The comparisons above would be empty if answers compared by identity."""
    assert Answer(reason="a") == dataclasses.replace(Answer(), reason="a")
    assert Answer(reason="a") != Answer()
