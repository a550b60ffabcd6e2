"""Whatever the operator says, breaks or amends, and whenever: safe, counted, and never a crash."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import pytest
from helpers.engine_bench import Bench, Linear, Metal
from helpers.plans import (
    RATINGS,
    Build,
    above,
    amps,
    ask,
    charge,
    charge_As,
    discharge,
    drive,
    group,
    hold,
    make_plan,
    plate,
    repeat,
    rest,
    seconds,
    strip,
    sweep,
    volts,
    when,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_drivers.vocabulary import Ratings, Reading
from labctl_protocols.decisions import (
    Answer,
    Applied,
    Apply,
    Heard,
    Operator,
    Revision,
    Safe,
    Safed,
    Stopping,
    Unsafe,
    Waited,
)
from labctl_protocols.detectors import DETECTORS
from labctl_protocols.engine.engine import Engine
from labctl_protocols.engine.state import from_json, to_json
from labctl_protocols.plan import Drive, HeldFor, Limits, Plan

LIMITS = Limits(low_V=-0.5, high_V=1.5, current_A=0.02)
TERMINALS = {"main": ("cathode", "collector"), "supply": ("cathode", "reservoir")}
DEAF = {name: "ignore" for name in DETECTORS if name not in ("start", "contact_loss")}
"""The cells here are no cells to a detector; what detectors find is tried elsewhere."""


@dataclass
class Lab:
    """An instrument at each terminal, each with a cell of its own, all on one clock.

    `broken`: so many commands to one terminal come to nothing.
    """

    benches: dict[str, Bench]
    on: set[str] = field(default_factory=set)
    broken: int = 0

    @property
    def now_s(self) -> float:
        return max(bench.now_s for bench in self.benches.values())

    def advance(self, to_s: float) -> None:
        for bench in self.benches.values():
            bench.advance(to_s)

    def do(self, command: Apply | Safe) -> Heard:
        self.advance(self.now_s)
        if isinstance(command, Apply):
            return self._apply(command)
        named = list(self.benches) if command.terminal is None else [command.terminal]
        if command.terminal is not None and self._breaks():
            self.advance(self.now_s + 15.0)
            return Unsafe(self.now_s, "it does not answer")
        for name in named:
            self.benches[name].do(Safe())
            self.on.discard(name)
        self.advance(self.now_s)
        return Safed(self.now_s)

    def _breaks(self) -> bool:
        left, self.broken = self.broken, max(0, self.broken - 1)
        return left > 0

    def _apply(self, command: Apply) -> Heard:
        others = self.on - {command.terminal}
        assert not others, f"{command} while {others} is not proven off"
        if self._breaks():
            return Stopping(self.now_s, "fault", "the link timed out")
        self.on.add(command.terminal)
        heard = self.benches[command.terminal].do(command)
        self.advance(self.now_s)
        return heard

    def read(self, terminal: str, at_s: float) -> Reading:
        reading = self.benches[terminal].read(at_s)
        self.advance(self.now_s)
        return reading


# ---- plans --------------------------------------------------------------------------------------

durations = st.builds(seconds, st.sampled_from([0.3, 5.0, 40.0, 100.0]))
caps = st.builds(
    lambda end, more: [end, *more],
    durations,
    st.just(()) | st.builds(lambda As: (charge_As(As),), st.sampled_from([0.004, 0.05, 0.3])),
)
"""A time that surely comes, and perhaps a charge before it."""
guarded = st.builds(
    lambda limit, s, number: when(above("voltage", limit), held=HeldFor(number, s, None)),
    st.sampled_from([-1.0, 0.3]),
    st.sampled_from([3.0, 60.0]),
    st.integers(0, 3),
)
targets = st.builds(volts, st.sampled_from([-0.4, 0.0, 0.3, 0.9, 1.5]))
holds = st.just(()) | st.builds(lambda cap: (amps(1e-4), *cap), caps)


def drives(terminals: list[str], verbs: list[Any]) -> st.SearchStrategy[Build]:
    def build(verb: Any, at: float, cap: Any, more: Any, held: Any, terminal: str) -> Build:
        until = cap if more is None else [more, *cap]
        one_voltage = any(end.kind == "voltage" for end in until)
        return verb(at, *until, hold=held if one_voltage else (), terminal=terminal)

    return st.builds(
        build,
        st.sampled_from(verbs),
        st.sampled_from([1e-3, 8e-3, 0.02]),
        caps,
        targets | guarded | st.none(),
        holds,
        st.sampled_from(terminals),
    )


def moving(terminals: list[str]) -> st.SearchStrategy[Build]:
    """Set-points that move: power and resistance across ranges and limits, sweeps through 0 V."""
    return st.builds(
        lambda verb, control_at, cap, terminal: drive(
            verb, control_at[1], *cap, control=control_at[0], terminal=terminal
        ),
        st.sampled_from(["charge", "discharge"]),
        st.sampled_from([("power", 1e-3), ("power", 8e-3), ("resistance", 50.0)]),
        caps,
        st.sampled_from(terminals),
    ) | st.builds(
        lambda corners, terminal: sweep(0.1, corners, 0.05, step_V=0.02, terminal=terminal),
        st.sampled_from([[0.9, -0.3], [0.1, 1.5], [-0.5]]),
        st.sampled_from(terminals),
    )


def protocols(kind: str) -> st.SearchStrategy[list[Build]]:
    terminals = ["main", "main", "supply"] if kind == "anode-free" else ["main"]
    verbs = [plate, strip] if kind == "half" else [charge, discharge]
    timed = (
        drives(terminals, verbs)
        | moving(terminals)
        | st.builds(rest, durations)
        | st.builds(lambda V, cap: hold(V, *cap), st.sampled_from([0.0, 0.4, 1.5]), caps)
        | st.builds(ask, st.just("ready?"), st.sampled_from([None, 30.0]))
    )
    blocks = st.builds(lambda steps: repeat(2, *steps), st.lists(timed, min_size=1, max_size=3))
    grouped = st.builds(
        lambda steps, pair: group("g", *steps, pair=pair, limits=Limits(high_V=1.0)),
        st.lists(timed, min_size=1, max_size=3),
        st.sampled_from(["each", "total"]),
    )
    return st.lists(timed | blocks | grouped, min_size=1, max_size=4)


@dataclass(frozen=True)
class Case:
    plan: Plan
    cell: Any


def plan_of(steps: list[Build], kind: str) -> Plan:
    more: dict[str, Any] = {"limits": LIMITS, "inventory_Ah": 1e-3, "detectors": DEAF}
    if kind == "anode-free":
        more["terminals"] = TERMINALS
    return make_plan(*steps, kind=kind, **more)


CELLS: dict[str, list[Any]] = {
    "half": [lambda: Metal(efficiency=0.9), lambda: Metal(metal_As=5.0)],
    "anode-free": [lambda: Linear(0.6, 2.0, ohm=20.0), lambda: Linear(0.05, 0.5, ohm=5.0)],
}
cases = st.sampled_from(list(CELLS)).flatmap(
    lambda kind: st.builds(
        lambda steps, cell: Case(plan_of(steps, kind), cell),
        protocols(kind),
        st.sampled_from(CELLS[kind]),
    )
)

# ---- what happens -------------------------------------------------------------------------------

happenings = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 1, 2, 3, 5, 12, 25]),
        st.sampled_from(
            ["pause", "continue", "skip"] * 4 + ["amend", "slower", "broken"] * 2 + ["stop"]
        ),
    ),
    max_size=14,
)
"""After so many exchanges more, this."""


def amended(plan: Plan, word: str) -> Plan:
    """The plan with half the current everywhere, or with narrower limits."""
    if word == "amend":
        return dataclasses.replace(plan, limits=Limits(low_V=-0.45, high_V=1.2, current_A=0.018))

    def slower(node: Any) -> Any:
        if isinstance(node, Drive) and node.control == "current" and node.at is not None:
            at = dataclasses.replace(node.at, value=node.at.value / 2)  # type: ignore[type-var]
            return dataclasses.replace(node, at=at)
        if hasattr(node, "steps"):
            return dataclasses.replace(node, steps=tuple(map(slower, node.steps)))
        return node

    return dataclasses.replace(plan, steps=tuple(map(slower, plan.steps)))


@dataclass
class Run:
    """One run through all that happens, as the run's loop would conduct it."""

    engine: Engine
    lab: Lab
    happens: list[tuple[int, str]]
    reload: bool
    heard: list[Heard] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    wait: int = 0

    def take(self, answer: Answer) -> Answer:
        assert len(answer.commands) <= 1, "the loop does one thing at a time"
        for command in answer.commands:
            if isinstance(command, Apply):
                self.check(command)
        self.answers.append(answer)
        return answer

    def check(self, command: Apply) -> None:
        setpoint, guard, limits = command.setpoint, command.guard, self.engine.limits
        assert limits.low_V is not None
        assert limits.high_V is not None
        assert limits.current_A is not None
        assert abs(setpoint.current_A) <= limits.current_A + 1e-15
        assert (guard.low_V, guard.high_V) == (limits.low_V, limits.high_V)
        assert guard.max_current_A == limits.current_A
        stop_V = setpoint.stop_voltage_V
        assert stop_V is None or limits.low_V <= stop_V <= limits.high_V
        if setpoint.mode == "current":
            assert setpoint.current_A != 0.0
            assert command.terminal in self.lab.on, "driven without a look at the cell"
        if setpoint.mode != "rest":
            # to an instrument that bounds them, nothing left may mean no bound
            assert guard.charge_Ah is None or guard.charge_Ah > 0.0
            assert guard.time_s is None or guard.time_s > 0.0

    def conduct(self) -> None:
        answer = self.take(self.engine.begin(0.0))
        for _ in range(20_000):
            if answer.ended is not None:
                return
            heard = self.next(answer)
            self.heard.append(heard)
            answer = self.take(self.engine.hear(heard))
            if self.reload and not answer.commands:
                self.through_json()
        raise AssertionError("the run did not end")

    def through_json(self) -> None:
        """The state as it would be found again, in every phase in which it is kept."""
        state = self.engine.state
        again = from_json(to_json(state))
        assert again == state
        self.engine = Engine(self.engine.plan, RATINGS, again, others_of(self.lab.benches))

    def next(self, answer: Answer) -> Heard:
        word = self.happening()
        if word == "broken":
            self.lab.broken += 1
        elif word == "stop":
            # the loop says so in place of doing what was commanded, unless that is to switch off
            if not any(isinstance(command, Safe) for command in answer.commands):
                return Stopping(self.lab.now_s, "stopped", "Ctrl-C")
        elif word and not answer.commands:
            return self.said(word)
        if answer.commands:
            return self.lab.do(answer.commands[0])
        if answer.waits:
            return self.waited(answer.wake_at)
        assert answer.wake_at is not None
        return self.lab.read(self.engine.state.terminal, answer.wake_at)

    def happening(self) -> str:
        if not self.happens:
            return ""
        after, word = self.happens[0]
        if self.wait < after:
            self.wait += 1
            return ""
        self.wait = 0
        self.happens.pop(0)
        return word

    def said(self, word: str) -> Heard:
        now_s = self.lab.now_s
        if word in ("amend", "slower"):
            data = {"protocol_text": "", "sha256": "", "file": "", "given": {}, "parameters": {}}
            return Revision(now_s, amended(self.engine.plan, word), "test", data)
        return Operator(now_s, word, "test")  # type: ignore[arg-type]

    def waited(self, until_s: float | None) -> Heard:
        """Nobody has said anything for a while; in the end somebody does, or the time is over."""
        now_s = self.lab.now_s
        if until_s is not None and now_s + 20.0 >= until_s:
            self.lab.advance(until_s)
            return Waited(until_s)
        self.lab.advance(now_s + 20.0)
        return Operator(self.lab.now_s, "continue", "test")

    def events(self, kind: str) -> list[Any]:
        return [e.data for answer in self.answers for e in answer.events if e.kind == kind]


def others_of(benches: dict[str, Bench]) -> dict[str, Ratings]:
    return {role: bench.ratings for role, bench in benches.items() if role != "main"}


def conducted(case: Case, happens: list[tuple[int, str]], reload: bool) -> Run:
    benches = {role: Bench(case.cell()) for role in (case.plan.terminals or {"main": ()})}
    engine = Engine(case.plan, RATINGS, others=others_of(benches))
    run = Run(engine, Lab(benches), list(happens), reload)
    run.conduct()
    return run


def check_end(run: Run) -> None:
    assert not run.lab.on
    assert [c for answer in run.answers for c in answer.commands][-1] == Safe()
    assert len(run.events("run_ended")) == 1
    assert run.events("output")[-1] == {"on": False, "read_back": True}
    # off is never told but after it was read back
    offs = sum(1 for told in run.events("output") if told["on"] is False)
    assert offs == sum(1 for heard in run.heard if isinstance(heard, Safed))


def check_steps(run: Run) -> None:
    """What was begun is ended, once, and resumed only in between."""
    begun, open_step = [], None
    for answer in run.answers:
        for event in answer.events:
            count = event.data.get("step_count")
            if event.kind == "step_started":
                assert open_step is None
                open_step = count
                begun.append(count)
            elif event.kind == "step_resumed":
                assert count == open_step
            elif event.kind == "step_ended" and event.data["driven"]:
                assert count == open_step
                open_step = None
    assert open_step is None
    assert len(set(begun)) == len(begun)


def check_charge(run: Run) -> None:
    """All that passed through the cells is counted, up to what lies between two readings."""
    totals = run.engine.state.totals
    passed = {role: bench.passed_As for role, bench in run.lab.benches.items()}
    counted = totals.charging_As - totals.discharging_As
    # a current that changes by all it can within the longest time between two readings, each time
    # that the output changed; at constant current there is no error at all
    changes = sum(isinstance(heard, Applied | Safed) for heard in run.heard)
    # while an output does not go off, nobody reads what flows
    blind_s = 15.0 * sum(isinstance(heard, Unsafe) for heard in run.heard)
    unseen_As = 0.02 * (0.25 * (1 + changes) + blind_s)
    assert counted == pytest.approx(sum(passed.values()), abs=unseen_As)
    steps = sum(3600.0 * e["capacity_Ah"] for e in run.events("step_ended"))
    types = {e["step_type"] for e in run.events("step_ended")}
    if not types & {"hold", "then_hold", "sweep"}:
        assert steps == pytest.approx(totals.charging_As + totals.discharging_As, abs=1e-9)
    ledger = run.engine.state.ledger
    if run.engine.plan.kind == "anode-free":
        # a positive current at `supply` takes metal out of the cathode into the reservoir
        net = ledger.deposit_As + ledger.lost_As - ledger.supplied_As
        assert net == pytest.approx(counted, abs=1e-9)
        assert ledger.supplied_As == pytest.approx(
            -passed["supply"], abs=0.02 * 0.25 * (1 + changes)
        )


@settings(max_examples=200)
@given(cases, happenings)
def test_whatever_is_said_and_breaks_the_run_ends_safe_and_counted(
    case: Case, happens: list[tuple[int, str]]
) -> None:
    run = conducted(case, happens, reload=False)
    check_end(run)
    check_steps(run)
    check_charge(run)


@settings(max_examples=60)
@given(cases, happenings)
def test_the_state_survives_json_whenever_it_is_kept(
    case: Case, happens: list[tuple[int, str]]
) -> None:
    kept, straight = conducted(case, happens, True), conducted(case, happens, False)
    assert kept.answers == straight.answers
