"""A running run amended: what changes, from when on, and what is refused with nothing changed.

Times and charges are the closed forms of a linear cell, V = V0 + Q/C + I·R.
"""

import dataclasses
from collections.abc import Callable

import pytest
from helpers.binding import plan_of
from helpers.engine_bench import Bench, Linear, Metal, Trace, from_bench
from helpers.plans import RATINGS, make_plan, plate, seconds

from labctl_drivers.vocabulary import Setpoint
from labctl_protocols.amendment import AmendmentRefused, changes_between
from labctl_protocols.decisions import Apply, Heard, Operator, Revision, Safed, Waited
from labctl_protocols.engine import Engine
from labctl_protocols.engine.state import to_json
from labctl_protocols.plan import Limits, Plan

V0, FARAD_F, OHM = 3.0, 14.4, 2.0
Say = Callable[[Trace], Heard | None]


def linear() -> Bench:
    return Bench(Linear(V0, FARAD_F, OHM))


def amp(milliampere: float) -> float:
    return milliampere * 1e-3


def charge_to(voltage_V: float, current_A: float) -> float:
    """A·s until the cell stands at this voltage under this current."""
    return (voltage_V - current_A * OHM - V0) * FARAD_F


def run(plan: Plan, bench: Bench, *saying: Say) -> Trace:
    """Run a plan; each in turn is asked, where no command is under way, until it says something."""
    trace = Trace(Engine(plan, bench.ratings), bench)
    left = list(saying)
    answer = trace.take(trace.engine.begin(bench.now_s))
    for _ in range(20_000):
        if answer.ended is not None:
            assert not left
            return trace
        said = left[0](trace) if left and not trace.waiting else None
        if said is not None:
            left.pop(0)
            said = dataclasses.replace(said, time_s=bench.now_s)
        heard = said or from_bench(trace, answer, reload=False)
        trace.heard.append(heard)
        answer = trace.take(trace.engine.hear(heard))
    raise AssertionError("the run did not end")


def amends(plan: Plan, after_s: float, step: int = 1) -> Say:
    """Says a revision in this step, so long after its begin."""

    def say(trace: Trace) -> Heard | None:
        state = trace.engine.state
        now = state.step is not None and state.step.count == step and state.phase == "running"
        if not now or state.now_s - state.step.started_s < after_s:
            return None
        return Revision(0.0, plan, "ada@lab", {"sha256": "…"})

    return say


def charging(cut: str = "3.5 V", j: str = "10 mA", **more: str) -> Plan:
    head = "parameters: {cut: 3.5 V, j: 10 mA}\nlimits: {voltage: 2 V .. 4 V, current: 15 mA}"
    return plan_of("- charge: $j until $cut or 5 h", "full", head, cut=cut, j=j, **more)


def driven(trace: Trace) -> list[Setpoint]:
    return [setpoint for setpoint in trace.applied if setpoint.mode != "rest"]


def conserved(trace: Trace) -> None:
    """The engine's counters against the cell's own ledger."""
    totals = trace.engine.state.totals
    net = totals.charging_As - totals.discharging_As
    assert net == pytest.approx(trace.bench.passed_As, abs=0.02)


# ---- the running step ---------------------------------------------------------------------


@pytest.mark.parametrize("cut_V", [3.3, 3.9])
def test_a_new_cut_off_ends_the_running_step(cut_V: float) -> None:
    trace = run(charging(), linear(), amends(charging(cut=f"{cut_V} V"), after_s=200.0))
    (step,) = trace.steps
    assert step["ended"] == "voltage"
    at = step["at"]
    assert at["capacity_Ah"] * 3600 == pytest.approx(charge_to(cut_V, amp(10)), abs=0.05)
    assert at["voltage_V"] == pytest.approx(cut_V, abs=2e-4)
    assert [s.stop_voltage_V for s in driven(trace)] == [3.5, cut_V]
    conserved(trace)


def test_a_new_set_point_goes_on_from_the_charge_that_has_passed() -> None:
    trace = run(charging(), linear(), amends(charging(j="4 mA"), after_s=300.0))
    (step,) = trace.steps
    assert [s.current_A for s in driven(trace)] == pytest.approx([amp(10), amp(4)])
    # the end is where a cell stands at 3.5 V under 4 mA, whatever it was charged with before
    assert step["at"]["capacity_Ah"] * 3600 == pytest.approx(charge_to(3.5, amp(4)), abs=0.05)
    assert len(trace.events("step_started")) == 1
    conserved(trace)


def test_a_cut_off_that_is_passed_ends_the_step_at_the_next_reading_and_is_never_driven_to() -> (
    None
):
    bench = linear()
    seen: list[float] = []

    def say(trace: Trace) -> Heard | None:
        now = trace.engine.state.output.now
        if now is None or trace.engine.state.phase != "running" or now.voltage_V < 3.3:
            return None
        seen.append(bench.now_s)
        return Revision(0.0, charging(cut="3.1 V"), "ada@lab")

    trace = run(charging(), bench, say)
    (step,) = trace.steps
    assert step["ended"] == "voltage"
    assert [s.stop_voltage_V for s in driven(trace)] == [3.5]
    assert bench.now_s - seen[0] < 0.5
    conserved(trace)


def test_limits_reach_the_instrument_at_once_and_nothing_else_changes() -> None:
    def plan(high: str) -> Plan:
        head = f"limits: {{voltage: 2 V .. {high}, current: 15 mA}}"
        return plan_of("- charge: 10 mA until 3.5 V or 5 h", "full", head)

    trace = run(plan("3.6 V"), linear(), amends(plan("4.2 V"), after_s=100.0))
    guards = [
        c.guard.high_V for c in trace.commands if isinstance(c, Apply) and c.setpoint.current_A
    ]
    assert guards == [3.6, 4.2]
    assert trace.steps[0]["at"]["capacity_Ah"] * 3600 == pytest.approx(
        charge_to(3.5, amp(10)), abs=0.05
    )
    (event,) = trace.events("revision")
    assert event.data["changes"] == ["limits: highest voltage 3.6 V → 4.2 V"]
    conserved(trace)


def test_a_limit_below_where_the_cell_stands_trips() -> None:
    def plan(high: str) -> Plan:
        head = f"limits: {{voltage: 2 V .. {high}, current: 15 mA}}"
        return plan_of("- charge: 10 mA until 2 h", "full", head)

    trace = run(plan("4 V"), linear(), amends(plan("3.05 V"), after_s=200.0))
    assert trace.outcome == "limit"
    assert len(driven(trace)) == 1
    assert "3.05" in trace.reason


def test_an_end_may_come_and_go() -> None:
    before = plan_of("- charge: 10 mA until 3.5 V or 5 h")
    trace = run(
        before, linear(), amends(plan_of("- charge: 10 mA until 3.5 V or 400 s"), after_s=99.0)
    )
    assert trace.steps[0]["ended"] == "time"
    assert trace.steps[0]["duration_s"] == pytest.approx(400.0, abs=0.2)
    trace = run(
        before, linear(), amends(plan_of("- charge: 10 mA until 1 mAh or 5 h"), after_s=99.0)
    )
    assert trace.steps[0]["ended"] == "charge"


def test_a_cut_off_of_cccv_lowered_below_the_cell_is_held_there() -> None:
    def plan(cut: str) -> Plan:
        return plan_of(f"- charge: 10 mA until {cut} then hold until 1 mA or 1 h")

    trace = run(plan("3.6 V"), linear(), amends(plan("3.2 V"), after_s=500.0))
    first, second = driven(trace)
    assert (first.mode, first.stop_voltage_V, first.hold_at_stop) == ("current", 3.6, True)
    assert (second.mode, second.stop_voltage_V) == ("voltage", 3.2)
    assert [step["step_type"] for step in trace.steps] == ["charge", "then_hold"]
    conserved(trace)


def test_a_hold_takes_its_new_voltage_and_its_new_end() -> None:
    def plan(voltage: str, end: str) -> Plan:
        return plan_of(f"- hold: {voltage} until {end} or 5 h")

    bench = Bench(Linear(3.2, FARAD_F, OHM))
    trace = run(plan("3.21 V", "0.1 mA"), bench, amends(plan("3.22 V", "0.2 mA"), after_s=20.0))
    assert [s.stop_voltage_V for s in driven(trace)] == [3.21, 3.22]
    # at the end 0.2 mA flow across the resistance
    assert bench.cell.ocv_V == pytest.approx(3.22 - amp(0.2) * OHM, abs=1e-4)
    conserved(trace)


def test_what_was_frozen_from_the_run_stays_until_the_step_comes_again() -> None:
    def plan(share: str) -> Plan:
        head = "limits: {voltage: -0.5 V .. 2 V, current: 15 mA}"
        steps = (
            "- repeat: 2\n  steps:\n    - plate: 10 mA until 100 s\n"
            f"    - strip: 10 mA until 1 V or {share} * deposit"
        )
        return plan_of(steps, "half", head)

    trace = run(plan("0.5"), Bench(Metal(ohm=10.0)), amends(plan("0.8"), step=2, after_s=20.0))
    (event,) = trace.events("revision")
    assert event.data["changes"] == [
        "1.repeat.2.strip: until 1 V or 0.5 * deposit → 1 V or 0.8 * deposit"
        " (from its next execution on)"
    ]
    strips = [s for s in trace.steps if s["step_type"] == "strip"]
    first, second = (s["at"]["capacity_Ah"] * 3600 for s in strips)
    assert first == pytest.approx(0.5 * 1.0, abs=0.01)
    # plated again: what is left of the first (0.5 A·s) and another 1 A·s
    assert second == pytest.approx(0.8 * 1.5, abs=0.01)


# ---- loops --------------------------------------------------------------------------------


def looping(rounds: str = "5") -> Plan:
    body = "    - charge: 5 mA until 10 s\n    - rest: 10 s\n"
    steps = f"- repeat: $rounds as k\n  steps:\n{body}- rest: 5 s"
    return plan_of(steps, "full", "parameters: {rounds: 5}", rounds=rounds)


@pytest.mark.parametrize(("rounds", "charges"), [("7", 7), ("4", 4), ("3", 3), ("2", 3), ("0", 3)])
def test_a_loop_ends_after_its_new_count_or_after_this_round(rounds: str, charges: int) -> None:
    # the fifth step is the charge of the third round
    trace = run(looping(), linear(), amends(looping(rounds), step=5, after_s=2.0))
    assert sum(step["step_type"] == "charge" for step in trace.steps) == charges
    assert trace.outcome == "completed"
    assert trace.steps[-1]["step_id"] == "2.rest"


def for_plan(values: str) -> Plan:
    return plan_of(f"- for: {{rate: [{values}]}}\n  steps:\n    - charge: $rate until 20 s")


def test_values_that_had_their_turn_stay_and_others_may_come() -> None:
    trace = run(
        for_plan("1 mA, 2 mA, 3 mA"),
        linear(),
        amends(for_plan("1 mA, 2 mA, 4 mA, 5 mA"), step=2, after_s=5.0),
    )
    set_A = [e.data["set_current_A"] for e in trace.events("step_started")]
    assert set_A == pytest.approx([amp(each) for each in (1, 2, 4, 5)])


@pytest.mark.parametrize("values", ["1 mA", "1 mA, 3 mA, 3 mA", "2 mA, 2 mA, 3 mA"])
def test_values_that_had_their_turn_cannot_change(values: str) -> None:
    before = for_plan("1 mA, 2 mA, 3 mA")
    trace = run(before, linear(), amends(for_plan(values), step=2, after_s=5.0))
    assert "had their turn" in trace.data("operator")[0]["text"]
    assert len(trace.steps) == 3


# ---- other moments ------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["start", "open_circuit"])
def test_amended_before_it_drives_it_runs_like_the_other_protocol(phase: str) -> None:
    def plan(cut: str, j: str) -> Plan:
        # the second step looks at the cell first
        return plan_of(f"- charge: 5 mA until 10 s\n- charge: {j} until {cut} or 5 h")

    other = plan("3.3 V", "6 mA")

    def say(trace: Trace) -> Heard | None:
        ready = trace.engine.state.phase == phase and not trace.engine.state.awaiting
        return Revision(0.0, other, "ada@lab") if ready else None

    amended, own = run(plan("3.5 V", "10 mA"), linear(), say), run(other, linear())
    assert amended.steps == own.steps
    assert driven(amended) == driven(own)


def test_amended_while_paused_it_goes_on_with_what_it_had() -> None:
    def pause(trace: Trace) -> Heard | None:
        state = trace.engine.state
        late = state.phase == "running" and state.now_s - state.step.started_s >= 300.0
        return Operator(0.0, "pause", "ada@lab") if late else None

    def amend(trace: Trace) -> Heard | None:
        paused = trace.engine.state.phase == "paused"
        return Revision(0.0, charging(cut="3.4 V", j="5 mA"), "ada@lab") if paused else None

    def go_on(trace: Trace) -> Heard | None:
        return Operator(0.0, "continue", "ada@lab")

    trace = run(charging(), linear(), pause, amend, go_on)
    (step,) = trace.steps
    assert [s.current_A for s in driven(trace)] == pytest.approx([amp(10), amp(5)])
    assert trace.bench.passed_As == pytest.approx(charge_to(3.4, amp(5)), abs=0.05)
    assert step["capacity_Ah"] * 3600 == pytest.approx(trace.bench.passed_As, abs=0.02)
    assert step["ended"] == "voltage"


def test_a_revision_is_told_before_the_output_changes() -> None:
    trace = run(charging(), linear(), amends(charging(j="4 mA"), after_s=300.0))
    told = next(
        n for n, a in enumerate(trace.answers) if any(e.kind == "revision" for e in a.events)
    )
    assert trace.answers[told].boundary
    assert trace.answers[told].commands == ()
    assert any(a.commands for a in trace.answers[told + 1 : told + 3])
    (data,) = trace.data("revision")
    assert data == {
        "by": "ada@lab",
        "text": "parameter j: 10 mA → 4 mA; 1.charge: at 10 mA → 4 mA",
        "changes": ["parameter j: 10 mA → 4 mA", "1.charge: at 10 mA → 4 mA"],
        "sha256": "…",
    }


# ---- what is refused ----------------------------------------------------------------------

BASE = """\
- group: a
  class: formation
  steps:
    - charge: 5 mA until 3.5 V or 5 h then hold until 1 mA or 1 h
      label: up
    - rest: 1 min
- repeat: 3 as k
  steps:
    - discharge: 5 mA until voltage < 3 V for 30 s or 5 h
    - exit: cycle > 3
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("charge: 5", "discharge: 5", "`verb` cannot change: charge → discharge"),
        ("discharge: 5 mA until voltage", "charge: 5 mA until voltage", "the steps are others"),
        ("- rest: 1 min", "- rest: 1 min\n    - rest: 1 min", "the steps are others: a.3.rest"),
        ("    - exit: cycle > 3\n", "", "2.repeat"),
        ("repeat: 3 as k", "repeat: 3 as n", "`counter` cannot change: k → n"),
        ("label: up", "label: upward", "the steps are others: a.1.upward"),
        ("class: formation", "class: cycle", "`group_class` cannot change: formation → cycle"),
        ("group: a", "group: b", "the steps are others"),
        (" then hold until 1 mA or 1 h", "", "a `then hold` cannot come or go"),
        (" for 30 s", "", "only its numbers can change"),
        ("3.5 V or 5 h then", "3.5 V or voltage > 3 V for 1 s or 5 h then", "only its numbers"),
        ("voltage < 3 V for", "current < 3 mA for", "only its numbers can change"),
        ("5 mA until 3.5 V", "50 mW until 3.5 V", "`control` cannot change: current → power"),
    ],
)
def test_other_steps_are_refused_with_their_place(old: str, new: str, said: str) -> None:
    assert old in BASE
    with pytest.raises(AmendmentRefused) as refused:
        changes_between(plan_of(BASE), plan_of(BASE.replace(old, new, 1)))
    assert said in str(refused.value)
    assert all(line.startswith("f.yaml:") for line in refused.value.lines)


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("3.5 V or 5 h then", "3.6 V or 4 h then", ["a.1.up: until 3.5 V or 5 h → 3.6 V or 4 h"]),
        ("1 mA or 1 h", "2 mA or 1 h", ["a.1.up: then hold until 1 mA or 1 h → 2 mA or 1 h"]),
        ("3 V for 30 s", "2.9 V for 60 s", [
            "2.repeat.1.discharge: until voltage < 3 V for 30 s or 5 h"
            " → voltage < 2.9 V for 60 s or 5 h"]),
        ("cycle > 3", "cycle > 4", ["2.repeat.2.exit: condition cycle > 3 → cycle > 4"]),
        ("repeat: 3", "repeat: 30", ["2.repeat: rounds 3 → 30"]),
        ("- rest: 1 min", "- rest: 2 min", ["a.2.rest: until 1 min → 2 min"]),
        ("label: up", "label: up\n      record: every 1 s or 5 mV",
         ["a.1.up: record none → every 1 s or 5 mV"]),
        ("label: up", "label: up\n      limits: {voltage: 2.5 V .. 4 V}", [
            "a.1.up: limits: lowest voltage none → 2.5 V",
            "a.1.up: limits: highest voltage none → 4 V"]),
    ],
)  # fmt: skip
def test_other_values_are_told_old_and_new(old: str, new: str, changes: list[str]) -> None:
    assert old in BASE
    found = changes_between(plan_of(BASE), plan_of(BASE.replace(old, new, 1)))
    assert [change.text for change in found] == changes


def test_nothing_new_is_refused() -> None:
    with pytest.raises(AmendmentRefused, match="nothing would change"):
        changes_between(plan_of(BASE), plan_of(BASE))


def test_another_cell_is_refused() -> None:
    steps = "- charge: 5 mA until 3.5 V or 5 h"
    with pytest.raises(AmendmentRefused, match="`kind` cannot change"):
        changes_between(plan_of(steps, "full"), plan_of(steps, "anode-free"))


REFUSED = [
    pytest.param(charging(cut="3.5 V", j="10 mA"), id="nothing"),
    pytest.param(plan_of("- charge: 10 mA until 3.5 V or 5 h\n- rest: 1 s"), id="other steps"),
    pytest.param(
        plan_of(
            "- charge: $j until (3.5 V + 0 V * elapsed / 1 s) or 5 h",
            "full",
            "parameters: {cut: 3.5 V, j: 10 mA}\nlimits: {voltage: 2 V .. 3.4 V, current: 15 mA}",
        ),
        id="running step outside its limits",
    ),
]


@pytest.mark.parametrize("plan", REFUSED)
def test_what_is_refused_changes_nothing(plan: Plan) -> None:
    states: list[str] = []
    before = charging()

    def say(trace: Trace) -> Heard | None:
        state = trace.engine.state
        if state.phase != "running" or state.now_s - state.step.started_s < 100.0:
            return None
        states.append(to_json(dataclasses.replace(state, now_s=trace.bench.now_s)))
        return Revision(0.0, plan, "ada@lab")

    def look(trace: Trace) -> Heard | None:
        states.append(to_json(trace.engine.state))
        assert trace.engine.plan is before
        return Operator(0.0, "continue", "ada@lab")

    trace = run(before, linear(), say, look)
    assert states[0] == states[1]
    refused = trace.data("operator")[0]
    assert (refused["word"], refused["done"], refused["by"]) == ("amend", False, "ada@lab")
    assert trace.steps[0]["at"]["capacity_Ah"] * 3600 == pytest.approx(
        charge_to(3.5, amp(10)), abs=0.05
    )
    assert len(driven(trace)) == 1


def test_while_a_command_is_under_way_it_is_refused() -> None:
    engine = Engine(charging(), RATINGS)
    engine.begin(0.0)
    answer = engine.hear(Operator(0.0, "pause"))
    while not answer.commands or engine.state.phase != "opening":
        answer = engine.hear(Operator(1.0, "pause"))
    engine.hear(Revision(1.0, charging(cut="3.3 V"), "ada@lab"))
    assert engine.plan.parameters["cut"] == "3.5 V"
    engine.hear(Safed(2.0))
    engine.hear(Revision(2.5, charging(cut="3.3 V"), "ada@lab"))
    assert engine.plan.parameters["cut"] == "3.3 V"
    assert not isinstance(engine.hear(Revision(3.0, charging(), "ada@lab")), Waited)


def test_what_a_raised_current_adds_to_the_voltage_is_no_lost_contact() -> None:
    def plating(current_A: float) -> Plan:
        wide = Limits(low_V=-5.0, high_V=5.0, current_A=0.02)
        return make_plan(plate(current_A, seconds(300)), limits=wide)

    # 15 mA in 60 ohm: 0.84 V more than 1 mA
    bench = Bench(Metal(ohm=60.0))
    trace = run(plating(1e-3), bench, amends(plating(0.015), after_s=100.0))
    assert trace.outcome == "completed"
    assert min(row.voltage_V for row in trace.rows) == pytest.approx(-0.9)
