"""What the engine does when a detector fires: policies, flags, the end of the run, no flood."""

import itertools
from dataclasses import dataclass

import pytest
from helpers.engine_bench import Bench, Breaks, Linear, Metal, Trace, run
from helpers.instrument_faults import Deviates, Freezes
from helpers.plans import (
    amps,
    charge,
    charge_As,
    discharge,
    group,
    hold,
    make_plan,
    plate,
    repeat,
    rest,
    seconds,
    strip,
    volts,
)
from helpers.seeing import Watcher

from labctl_protocols.decisions import Revision, Safe
from labctl_protocols.detectors import DETECTORS
from labctl_protocols.engine.detect import readback, watch
from labctl_protocols.plan import Limits, Record

FULL = {"kind": "full", "limits": Limits(low_V=2.0, high_V=4.0, current_A=0.02)}
SYMMETRIC = {"kind": "symmetric"}
HALF_CYCLE = (plate(1e-3, charge_As(1.0)), strip(1e-3, volts(0.5), charge_As(1.2)))


@dataclass
class Softens(Metal):
    """A half cell whose resistance is another once so much has been plated."""

    after_As: float = 1e9
    then_ohm: float = 50.0

    def now(self, bound_V: float, limit_A: float) -> tuple[float, float, bool]:
        if self.plated_As >= self.after_As:
            self.ohm = self.then_ohm
        return super().now(bound_V, limit_A)


def half_run(cell, *steps, **more) -> Trace:
    return run(make_plan(*(steps or HALF_CYCLE), **more), Bench(cell))


def names(trace: Trace) -> list[str]:
    return [str(each["name"]) for each in trace.data("detector")]


def wire(policy: str | None = None, **more) -> Trace:
    """A plating in which the cell becomes a wire of 0.5 Ω after 0.5 A·s."""
    detectors = {"soft_short_step": "ignore"} | ({"hard_short": policy} if policy else {})
    return half_run(Softens(after_As=0.5, then_ohm=0.5), detectors=detectors, **more)


# ---- policies ---------------------------------------------------------------------------------


def test_stop_ends_the_run_through_the_safe_path() -> None:
    trace = wire()
    (told,) = trace.data("detector")
    assert (told["name"], told["policy"], told["cycle"]) == ("hard_short", "stop", 1)
    assert told["step_id"] == "1"
    assert trace.outcome == "detector"
    assert trace.reason == told["text"] == "-0.0005 V at -0.001 A: a hard short"
    assert [index for index, c in enumerate(trace.commands) if isinstance(c, Safe)] == [
        len(trace.commands) - 1
    ]
    # ten seconds after the first of three readings, one interval after it became a wire
    assert 0.5 + 0.01 <= trace.bench.passed_As * -1 <= 0.5 + 0.025
    assert trace.data("cycle") == []
    assert trace.steps[-1]["ended"] == "interrupted"


def test_flag_is_an_event_and_a_flag_of_the_cycle() -> None:
    trace = wire("flag")
    assert trace.outcome == "completed"
    assert names(trace) == ["hard_short"]
    (cycle,) = trace.data("cycle")
    assert "hard short" in cycle["flags"]


def test_ignore_is_nothing() -> None:
    trace = wire("ignore")
    assert (trace.outcome, names(trace)) == ("completed", [])
    assert "hard short" not in trace.data("cycle")[0]["flags"]


def test_what_stands_beside_a_step_outranks_the_protocol() -> None:
    cell = Softens(after_As=0.5, then_ohm=0.5)
    steps = plate(1e-3, charge_As(1.0), detectors={"hard_short": "flag"}), HALF_CYCLE[1]
    trace = half_run(cell, *steps, detectors={"hard_short": "ignore", "soft_short_step": "ignore"})
    # of the strip the protocol's word holds, which is no word at all
    assert [(each["name"], each["step_id"]) for each in trace.data("detector")] == [
        ("hard_short", "1")
    ]
    # what is found of a cycle belongs to its last step, also when the next has been prepared
    for word, found in (("ignore", []), ("flag", [("not_stripped", "1.2")] * 2)):
        cut = strip(1e-3, volts(0.5), charge_As(0.5), detectors={"not_stripped": word})
        trace = half_run(Metal(), repeat(2, HALF_CYCLE[0], cut))
        assert [(each["name"], each["step_id"]) for each in trace.data("detector")] == found


def test_an_amended_policy_holds_from_the_next_reading_on() -> None:
    def plan(word: str):
        return make_plan(*HALF_CYCLE, detectors={"soft_short_step": "ignore", "hard_short": word})

    def amend(trace: Trace) -> Revision | None:
        return Revision(0.0, plan("stop"), "ada@lab") if trace.bench.passed_As < -0.6 else None

    bench = Bench(Softens(after_As=0.5, then_ohm=0.5))
    trace = run(plan("ignore"), bench, stop_when=amend)
    assert (trace.outcome, names(trace)) == ("detector", ["hard_short"])
    (told,) = trace.events("revision")
    assert 10.0 <= trace.events("run_ended")[0].t_s - told.t_s < 21.0


def test_every_detector_has_a_policy_a_meaning_and_a_flag_of_its_own() -> None:
    assert {each.policy for each in DETECTORS.values()} == {"stop", "flag"}
    for column in ("meaning", "flag"):
        assert len({getattr(each, column) for each in DETECTORS.values()}) == len(DETECTORS)


# ---- no flood -----------------------------------------------------------------------------------


def test_what_lasts_is_told_once_in_a_cycle() -> None:
    cell = Softens(after_As=0.5, then_ohm=0.5)
    quiet = {"hard_short": "flag", "soft_short_step": "ignore", "soft_short_hysteresis": "ignore"}
    trace = half_run(cell, repeat(3, *HALF_CYCLE), detectors=quiet)
    assert [each["cycle"] for each in trace.data("detector")] == [1, 2, 3]
    assert all("hard short" in each["flags"] for each in trace.data("cycle"))


def test_a_suspicion_is_looked_at_again_soon_and_only_until_it_is_told() -> None:
    times = [row.t_s for row in wire("flag", record=Record(all=True)).rows]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    onset = next(index for index, t in enumerate(times) if t > 500.0)
    # the first reading on the wire comes within 10 s, then every 0.2 s for ten seconds
    assert gaps[onset + 1] == pytest.approx(0.2, abs=0.06)
    after = [gap for t, gap in zip(times, gaps, strict=False) if 530.0 < t < 800.0]
    assert min(after) > 9.0


# ---- contact ------------------------------------------------------------------------------------


def test_a_contact_lost_in_a_step_without_a_voltage_target() -> None:
    trace = half_run(Breaks(Metal(), after_As=0.5), plate(1e-3, charge_As(1.0)))
    assert (trace.outcome, names(trace)) == ("detector", ["contact_loss"])
    assert "crosses the limit -0.5 V without a current" in trace.reason
    assert [s.mode for s in trace.applied] == ["rest", "current", "rest"]
    assert trace.steps[-1]["ended"] == "interrupted"


def test_a_limit_with_a_cell_behind_it_stays_a_limit() -> None:
    # the metal runs out in a strip that was to end on its charge: 0.6 V at rest, 1.5 V when driven
    steps = plate(1e-3, charge_As(0.5)), strip(1e-3, charge_As(1.0))
    trace = half_run(Metal(), *steps)
    assert (trace.outcome, names(trace)) == ("limit", [])
    assert [each["quantity"] for each in trace.data("limit")] == ["voltage"]
    # and one that still takes its current is not looked at first
    at_once = run(make_plan(charge(0.01, charge_As(1e3)), **FULL), Bench(Linear(3.0, 10.0, 10.0)))
    assert at_once.outcome == "limit"
    assert [s.mode for s in at_once.applied] == ["rest", "current"]


def test_a_contact_lost_in_a_hold_does_not_end_it() -> None:
    # 3.5 V held on 3.4 V and 10 F behind 10 Ω: the current falls with 100 s, from 10 mA to 1 mA
    steps = hold(3.5, amps(1e-3), seconds(1e4))
    whole = run(make_plan(steps, **FULL), Bench(Linear(3.4, 10.0, ohm=10.0)))
    assert (whole.outcome, names(whole)) == ("completed", [])
    assert [s.mode for s in whole.applied] == ["rest", "voltage"]
    cut = run(make_plan(steps, **FULL), Bench(Breaks(Linear(3.4, 10.0, ohm=10.0), after_As=0.5)))
    assert (cut.outcome, names(cut)) == ("detector", ["contact_loss"])


def test_a_current_that_breaks_down_in_a_hold_with_the_cell_still_there() -> None:
    # the metal runs out while 20 mV are held: 0.4 mA, then none
    steps = plate(1e-3, charge_As(0.5)), hold(0.02, amps(1e-4), seconds(1e5)), rest(seconds(5))
    trace = half_run(Metal(), *steps)
    assert (trace.outcome, names(trace)) == ("completed", [])
    assert trace.steps[1]["ended"] == "current"
    assert [n["text"] for n in trace.data("note")][1:] == ["current end confirmed at rest"]


# ---- the instrument ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bench", "found"),
    [
        (lambda: Deviates(Metal(), times=1.02), ["set_deviation"]),
        (lambda: Deviates(Metal(), times=0.98), ["set_deviation"]),
        (lambda: Deviates(Metal(), times=1.005), []),
        (lambda: Freezes(Metal()), ["frozen_reading"]),
        (lambda: Freezes(Metal(), readings=10), []),
        # frozen from before anything could be learnt: found when the current is another
        (lambda: Freezes(Metal(), after=20), ["set_deviation"]),
    ],
)
def test_an_instrument_that_does_otherwise(bench, found) -> None:
    steps = plate(1e-3, charge_As(2.0)), strip(1e-3, volts(0.5), charge_As(2.4))
    trace = run(make_plan(*steps), bench())
    assert names(trace) == found
    assert trace.outcome == ("detector" if found else "completed")


# ---- from cycle to cycle ----------------------------------------------------------------------


def test_more_out_than_in_three_times_running_ends_the_run() -> None:
    trace = half_run(Metal(efficiency=1.1), repeat(9, *HALF_CYCLE))
    assert names(trace) == ["soft_short_charge"] * 3 + ["soft_short_lasting"]
    assert trace.outcome == "detector"
    last = trace.data("cycle")[-1]
    assert (last["cycle"], last["flags"]) == (3, ["more out than in", "soft short (lasting)"])


def test_a_cell_that_arrived_charged_is_flagged_once() -> None:
    cycle = charge(0.01, charge_As(1.0)), discharge(0.01, volts(2.9), charge_As(2.1))
    trace = run(make_plan(repeat(4, *cycle), **FULL), Bench(Linear(3.0, 10.0, ohm=0.1)))
    # 0.1 V · 10 F more than went in, of the first cycle alone
    assert [(each["name"], each["cycle"]) for each in trace.data("detector")] == [
        ("soft_short_charge", 1)
    ]


def test_metal_left_by_an_earlier_cycle_may_come_back() -> None:
    portions = plate(1e-3, charge_As(4.0)), strip(1e-3, charge_As(1.0), volts(0.5))
    back = plate(1e-3, charge_As(0.5)), strip(1e-3, charge_As(1.0), volts(0.5))
    trace = half_run(Metal(), *portions, *back * 4)
    assert trace.outcome == "completed"
    assert "soft_short_charge" not in names(trace)
    assert [round(each["ce"], 2) for each in trace.data("cycle")] == [0.25] + [2.0] * 4


def test_conditioning_and_supply_are_not_judged_by_their_charges() -> None:
    cycle = charge(0.01, charge_As(1.0)), discharge(0.01, volts(2.9), charge_As(2.0))
    for cls in ("conditioning", "supply", "diagnostic"):
        plan = make_plan(group("g", *cycle, cls=cls), **FULL)
        assert names(run(plan, Bench(Linear(3.0, 10.0, ohm=0.1)))) == []


def test_the_gap_of_both_directions_in_a_run() -> None:
    cell = Softens(after_As=6.0, then_ohm=20.0)
    trace = half_run(cell, repeat(9, *HALF_CYCLE), detectors={"soft_short_step": "ignore"})
    told = [(each["name"], each["cycle"]) for each in trace.data("detector")]
    assert told == [("soft_short_hysteresis", n) for n in (8, 9)]
    flags = [each["flags"] for each in trace.data("cycle")]
    assert flags == [[]] * 7 + [["soft short (hysteresis)"]] * 2


# ---- state and terminals ----------------------------------------------------------------------


def test_the_state_carries_what_is_remembered() -> None:
    def told(reload: bool) -> list:
        cell = Softens(after_As=6.5, then_ohm=20.0)
        trace = run(make_plan(repeat(8, *HALF_CYCLE)), Bench(cell), reload=reload)
        return [(event.t_s, dict(event.data)) for event in trace.events("detector")]

    assert told(True) == told(False) != []


def test_only_the_instrument_is_judged_at_a_terminal_for_supply() -> None:
    watcher = Watcher(readback.set_deviation, more={"main": False, "policies": ANY})
    assert {name for name, _ in watch._rules_for(watcher.seen)} == {
        "set_deviation",
        "frozen_reading",
    }


ANY = {name: each.policy for name, each in DETECTORS.items()}


def test_a_cell_past_its_target_at_a_reversal_ends_the_step_and_is_no_deviation() -> None:
    """A source at the target drives such a cell backwards, with the current of before."""
    narrow = {"kind": "full", "limits": Limits(low_V=2.0, high_V=4.2, current_A=0.02)}
    plan = make_plan(charge(0.01, seconds(10)), discharge(0.01, volts(3.15), seconds(60)), **narrow)
    trace = run(plan, Bench(Linear(3.0, 10.0, ohm=1.0)))
    assert trace.outcome == "completed"
    assert trace.steps[1]["ended"] == "voltage"
    assert names(trace) == []
