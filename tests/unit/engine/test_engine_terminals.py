"""A third electrode: one terminal at a time, and what is supplied through it."""

import dataclasses
import math
from dataclasses import dataclass, field

import pytest
from helpers.engine_bench import Bench, Linear, Metal, run
from helpers.plans import (
    RATINGS,
    Ask,
    charge,
    charge_As,
    discharge,
    either,
    group,
    make_plan,
    mark,
    plate,
    seconds,
    strip,
    volts,
)

from labctl_drivers.vocabulary import RangeAccuracy
from labctl_protocols.decisions import Apply, Safe, Safed, Unsafe
from labctl_protocols.engine.engine import Engine
from labctl_protocols.logic import beyond_doubt
from labctl_protocols.plan import Limits

LIMITS = Limits(low_V=0.0, high_V=5.0, current_A=0.02)
THREE = {
    "kind": "anode-free",
    "limits": LIMITS,
    "inventory_Ah": 1e-3,
    "terminals": {"main": ("cathode", "collector"), "supply": ("cathode", "reservoir")},
}


@dataclass
class TwoBenches:
    """An instrument at each terminal; `stuck` is a terminal that does not open."""

    main: Bench = field(default_factory=lambda: Bench(Linear(3.0, 10.0)))
    supply: Bench = field(default_factory=lambda: Bench(Linear(3.0, 10.0)))
    stuck: str = ""
    connected: set[str] = field(default_factory=set)
    both: list[float] = field(default_factory=list)

    def do(self, command):
        benches = {"main": self.main, "supply": self.supply}
        now = max(self.main.now_s, self.supply.now_s)
        for bench in benches.values():
            bench.advance(now)
        if isinstance(command, Apply):
            self.connected.add(command.terminal)
            if len(self.connected) > 1:
                self.both.append(now)
            return benches[command.terminal].do(command)
        named = [command.terminal] if command.terminal else list(benches)
        if self.stuck in named:
            return Unsafe(now, f"{self.stuck} says ON")
        for name in named:
            benches[name].do(Safe())
            self.connected.discard(name)
        return Safed(max(self.main.now_s, self.supply.now_s))


def conduct(plan, two: TwoBenches):
    engine = Engine(plan, two.main.ratings, others={"supply": two.supply.ratings})
    answers = [engine.begin(0.0)]
    for _ in range(20_000):
        answer = answers[-1]
        if answer.ended is not None:
            return engine, answers
        if answer.commands:
            heard = two.do(answer.commands[0])
        else:
            bench = two.supply if engine.state.terminal == "supply" else two.main
            heard = bench.read(answer.wake_at)
        answers.append(engine.hear(heard))
    raise AssertionError("the run did not end")


def commands(answers):
    return [command for answer in answers for command in answer.commands]


def told(answers, kind):
    return [e.data for answer in answers for e in answer.events if e.kind == kind]


SUPPLY = discharge(0.01, charge_As(0.5), terminal="supply", label="top-up")


def test_the_main_terminal_is_proven_open_before_the_supply_closes_and_back() -> None:
    two = TwoBenches()
    plan = make_plan(charge(0.01, seconds(20)), SUPPLY, charge(0.01, seconds(20)), **THREE)
    _, answers = conduct(plan, two)
    assert answers[-1].ended == "completed"
    assert two.both == []
    order = [
        (type(c).__name__, c.terminal, c.setpoint.mode if isinstance(c, Apply) else "")
        for c in commands(answers)
    ]
    assert order == [
        ("Apply", "main", "rest"),
        ("Apply", "main", "current"),
        ("Safe", "main", ""),
        ("Apply", "supply", "rest"),
        ("Apply", "supply", "current"),
        ("Safe", "supply", ""),
        ("Apply", "main", "rest"),
        ("Apply", "main", "current"),
        ("Safe", None, ""),
    ]
    assert {row.terminal for a in answers for row in a.rows} == {"main", "supply"}


def test_what_is_supplied_is_in_the_ledger_and_in_no_cycle() -> None:
    two = TwoBenches()
    plan = make_plan(charge(0.01, seconds(20)), SUPPLY, discharge(0.01, seconds(20)), **THREE)
    engine, answers = conduct(plan, two)
    ledger = engine.state.ledger
    assert ledger.supplied_As == pytest.approx(-two.supply.passed_As, rel=1e-6)
    assert ledger.supplied_As == pytest.approx(0.5, abs=0.01)
    assert ledger.inventory_As == pytest.approx(3.6 + ledger.supplied_As)
    assert ledger.deposit_As == pytest.approx(two.main.passed_As, abs=1e-3)
    (cycle,) = told(answers, "cycle")
    assert cycle["second"]["charge_Ah"] * 3600 == pytest.approx(0.2, rel=0.02)


def test_how_sure_a_cycle_is_does_not_depend_on_the_supplys_instrument() -> None:
    poor = dataclasses.replace(RATINGS, current_ranges=(RangeAccuracy(1.05, 0.01, 1e-3),))
    steps = charge(0.01, seconds(20)), discharge(0.01, seconds(20)), SUPPLY
    plan = make_plan(group("g", *steps), **THREE)
    cycles = []
    for ratings in (RATINGS, poor):
        _, answers = conduct(plan, TwoBenches(supply=Bench(Linear(3.0, 10.0), ratings=ratings)))
        (cycle,) = told(answers, "cycle")
        cycles.append((cycle["u_ce"], cycle["ledger"]["u_deposit_Ah"]))
    assert cycles[0] == pytest.approx(cycles[1], rel=0.01)


@pytest.mark.parametrize("stuck", ["main", "supply"])
def test_a_terminal_that_does_not_open_stops_the_run(stuck) -> None:
    two = TwoBenches(stuck=stuck)
    plan = make_plan(charge(0.01, seconds(20)), SUPPLY, charge(0.01, seconds(20)), **THREE)
    _, answers = conduct(plan, two)
    assert answers[-1].ended == "fault"
    assert f"the {stuck} terminal did not open" in answers[-1].reason
    assert "says ON" in answers[-1].reason
    assert two.both == []
    driven = [c.terminal for c in commands(answers) if isinstance(c, Apply)]
    assert driven.count("supply") == (0 if stuck == "main" else 2)
    assert commands(answers)[-1] == Safe()


def test_the_sign_of_supply_follows_the_electrodes() -> None:
    other = THREE | {"terminals": {"main": ("cathode", "collector"), "supply": ("r", "cathode")}}
    two = TwoBenches()
    step = charge(0.01, charge_As(0.5), terminal="supply")
    engine, _ = conduct(make_plan(step, **other), two)
    assert engine.state.ledger.supplied_As == pytest.approx(0.5, abs=0.01)


def test_plating_from_the_reservoir_counts_as_supplied_and_as_deposit() -> None:
    three = THREE | {
        "terminals": {"main": ("cathode", "collector"), "supply": ("collector", "reservoir")}
    }
    step = discharge(0.01, charge_As(0.5), terminal="supply")
    engine, _ = conduct(make_plan(step, **three), TwoBenches())
    ledger = engine.state.ledger
    assert ledger.supplied_As == pytest.approx(0.5, abs=0.01)
    assert ledger.deposit_As == pytest.approx(ledger.supplied_As)


# ---- decisions by the ledger --------------------------------------------------------------------


LOSING = (plate(1e-3, charge_As(1.0)), strip(1e-3, volts(0.5), seconds(5000)))


def deciding(threshold_As: float) -> str:
    """What is decided of `lost > threshold` once 0.1 A·s are lost."""

    def is_lost(names):
        return names.live("lost") > threshold_As

    condition = Ask(beyond_doubt(is_lost), "lost > …")
    plan = make_plan(*LOSING, either(condition, [mark("lost")], [mark("not lost")]))
    trace = run(plan, Bench(Metal(efficiency=0.9)))
    notes = [str(note["text"]) for note in trace.data("note") if "unknown" in str(note["text"])]
    return f"{trace.data('mark')[0]['text']}{', unknown' if notes else ''}"


def test_a_decision_waits_until_the_ledgers_uncertainty_leaves_no_doubt() -> None:
    trace = run(make_plan(*LOSING), Bench(Metal(efficiency=0.9)))
    ledger = trace.engine.state.ledger
    lost_As = ledger.lost_As
    assert lost_As == pytest.approx(0.1, abs=5e-3)
    # GUM by hand: gain of 2e-4 by polarity, 0.2 µA of zero over 1900 s, 0.44 of the limit each;
    # and what one interval hides where the metal runs out at once
    limits_As = 0.4398 * math.hypot(2e-4 * 1.0, 2e-4 * 0.9, 2e-7 * 1900.0)
    u_As = ledger.uncertainty_As("lost", RATINGS.current_ranges)
    by_hand = 2 * math.hypot(limits_As, math.sqrt(ledger.lost.variance_As2))
    assert u_As == pytest.approx(by_hand, rel=0.01)
    assert ledger.uncertainty_As("inventory", RATINGS.current_ranges) == pytest.approx(u_As)
    assert deciding(lost_As - 1.2 * u_As) == "lost"
    assert deciding(lost_As - 0.8 * u_As) == "not lost, unknown"
    assert deciding(lost_As + 0.8 * u_As) == "not lost, unknown"
    assert deciding(lost_As + 1.2 * u_As) == "not lost"
