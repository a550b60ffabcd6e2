"""What ends a step, where, and what is driven at all."""

import pytest
from helpers.engine_bench import Bench, Breaks, Linear, Metal, run
from helpers.plans import (
    Ask,
    above,
    amps,
    charge,
    charge_As,
    discharge,
    hold,
    make_plan,
    plate,
    rest,
    seconds,
    strip,
    volts,
    when,
)

from labctl_protocols.engine.ends import Progress, Sample, first_crossing, freeze_targets
from labctl_protocols.plan import End, HeldFor, Limits, Names

WIDE = Limits(low_V=-5.0, high_V=5.0, current_A=0.02)
FULL = {"kind": "full", "limits": Limits(low_V=0.0, high_V=5.0, current_A=0.02)}


# ---- crossings, by hand -----------------------------------------------------------------------


class Nothing:
    """Names of a run in which nothing is known."""

    def live(self, name: str) -> None:
        return None


NOTHING: Names = Nothing()


def crossing(
    until: tuple[End, ...], before: Sample | None, now: Sample, sign: int = 1
) -> tuple[str, float] | None:
    targets = freeze_targets(until, NOTHING)
    found = first_crossing(until, Progress(sign, 0.0, targets, before, now), NOTHING)
    return None if found is None else (found.end.kind, found.fraction)


BEFORE = Sample(100.0, 1.0, 0.010, 1.0)
NOW = Sample(110.0, 2.0, 0.002, 2.0)


@pytest.mark.parametrize(
    ("end", "fraction"),
    [(volts(1.25), 0.25), (amps(0.004), 0.75), (charge_As(1.1), 0.1), (seconds(105.0), 0.5)],
)
def test_a_crossing_lies_between_the_readings(end: End, fraction: float) -> None:
    assert crossing((end,), BEFORE, NOW) == (end.kind, pytest.approx(fraction))


def test_the_earliest_crossing_wins_whatever_the_order() -> None:
    ends = (volts(1.5), amps(0.004), charge_As(1.4), seconds(109.0))
    for until in (ends, ends[::-1]):
        assert crossing(until, BEFORE, NOW) == ("charge", pytest.approx(0.4))


def test_ties_go_to_voltage_current_charge_time() -> None:
    ends = (seconds(105.0), charge_As(1.5), amps(0.006), volts(1.5))
    for count, kind in ((4, "voltage"), (3, "current"), (2, "charge"), (1, "time")):
        assert crossing(ends[:count], BEFORE, NOW) == (kind, pytest.approx(0.5))


def test_a_bare_target_outranks_a_condition_of_the_same_reading() -> None:
    until = (when(Ask(lambda names: True)), seconds(109.9))
    assert crossing(until, BEFORE, NOW) == ("time", pytest.approx(0.99))


def test_voltage_is_reached_in_the_current_s_direction() -> None:
    down = Sample(110.0, -0.5, -0.01, 2.0)
    assert crossing((volts(0.0),), BEFORE, down, sign=-1) == ("voltage", pytest.approx(2 / 3))
    assert crossing((volts(0.0),), BEFORE, down, sign=1) is None
    assert crossing((volts(1.5),), down, BEFORE, sign=-1) == ("voltage", 0.0)


def test_exactly_at_the_target_is_reached_and_just_short_is_not() -> None:
    assert crossing((volts(2.0),), BEFORE, NOW) == ("voltage", pytest.approx(1.0))
    assert crossing((volts(2.0000001),), BEFORE, NOW) is None
    assert crossing((volts(1.0),), None, NOW) == ("voltage", 1.0)


def test_unknown_and_nan_targets_never_fire() -> None:
    assert crossing((volts(None), charge_As(float("nan")), seconds(None)), BEFORE, NOW) is None


# ---- ends of a driven step --------------------------------------------------------------------


def linear_run(*steps: object, cell: Linear | None = None, **more: object):
    plan = make_plan(*steps, **(FULL | more))
    return run(plan, Bench(cell or Linear(3.0, 10.0, ohm=10.0)))


def test_constant_current_to_a_voltage() -> None:
    # V = 3 + Q/10 F + 10 Ω · 10 mA reaches 3.5 V after 4 A·s, 400 s
    step = linear_run(charge(0.01, volts(3.5), seconds(1e4))).steps[0]
    assert step["ended"] == "voltage"
    assert step["driven"] is True
    at = step["at"]
    assert at["voltage_V"] == pytest.approx(3.5)
    assert at["time_s"] == pytest.approx(400.0, abs=0.05)
    assert at["capacity_Ah"] == pytest.approx(4.0 / 3600, rel=2e-4)
    assert step["capacity_Ah"] >= at["capacity_Ah"]
    assert step["runners_up"] == [
        {"text": "time 10000.0", "value": pytest.approx(400.0, abs=0.3), "target": 1e4}
    ]


def test_constant_current_to_a_charge_and_to_a_time() -> None:
    trace = linear_run(charge(0.01, charge_As(2.0)), discharge(0.005, seconds(123.0)))
    first, second = trace.steps
    assert (first["ended"], second["ended"]) == ("charge", "time")
    assert first["at"]["capacity_Ah"] == pytest.approx(2.0 / 3600, rel=1e-9)
    assert second["at"]["time_s"] == pytest.approx(123.0, abs=1e-9)
    assert second["at"]["capacity_Ah"] == pytest.approx(0.005 * 123.0 / 3600, rel=1e-9)


def test_the_overshoot_after_a_crossing_counts() -> None:
    trace = linear_run(charge(0.01, charge_As(2.0)))
    step = trace.steps[0]
    assert step["capacity_Ah"] * 3600 == pytest.approx(trace.bench.passed_As, rel=1e-12)
    assert step["capacity_Ah"] > step["at"]["capacity_Ah"]


def test_then_hold_follows_a_voltage_end_without_a_new_command() -> None:
    trace = linear_run(charge(0.01, volts(3.5), hold=(amps(0.001), seconds(7200))))
    assert [(s["step_type"], s["ended"]) for s in trace.steps] == [
        ("charge", "voltage"),
        ("then_hold", "current"),
    ]
    assert [s.mode for s in trace.applied] == ["rest", "current"]
    assert trace.applied[1].hold_at_stop
    # the first part ends within twice the voltage's error of the target: 2.7 mV, 2.7 s at 1 mV/s;
    # then the current decays with R·C = 100 s from 10 mA to 1 mA: ln 10
    held = trace.steps[1]
    # seen at most one period of 1.25 s later, which the hold is shorter by
    assert 230.26 + 2.7 - 1.25 - 0.1 <= held["at"]["time_s"] <= 230.26 + 2.7 + 0.1
    types = [e["step_type"] for e in trace.data("step_started")]
    assert types == ["charge", "then_hold"]


def test_the_hold_s_time_counts_from_its_own_start() -> None:
    trace = linear_run(charge(0.01, volts(3.5), hold=(seconds(50),)))
    assert trace.steps[1]["at"]["time_s"] == pytest.approx(50.0, abs=1e-6)


def test_no_hold_where_something_else_ended_the_first_part() -> None:
    ends = (volts(3.5), when(above("voltage", 3.2), "voltage"), charge_As(50.0))
    trace = linear_run(charge(0.01, *ends, hold=(seconds(50),)))
    assert [(s["step_type"], s["ended"]) for s in trace.steps] == [("charge", "voltage")]


def test_label_names_both_parts_of_charge_then_hold() -> None:
    trace = linear_run(charge(0.01, volts(3.5), hold=(seconds(50),), label="cccv"))
    whole = sum(s["capacity_Ah"] for s in trace.steps) * 3600
    last = trace.engine.state.lasts["cccv"]
    assert last["capacity"] == pytest.approx(whole, rel=1e-3)
    assert 450.0 - 2.7 - 0.1 <= last["time"] <= 450.0 - 2.7 + 1.25 + 0.1


def test_a_charge_end_in_a_hold() -> None:
    # 0.5 V over 10 F: 5 A·s would flow in all
    trace = linear_run(hold(3.5, charge_As(2.0), seconds(1e4)))
    step = trace.steps[0]
    assert step["ended"] == "charge"
    assert step["at"]["capacity_Ah"] == pytest.approx(2.0 / 3600, rel=1e-6)
    # …and with the current flowing the other way
    step = linear_run(hold(2.5, charge_As(2.0), seconds(1e4))).steps[0]
    assert step["ended"] == "charge"
    assert step["at"]["capacity_Ah"] == pytest.approx(2.0 / 3600, rel=1e-6)


def test_a_target_at_the_limit_is_reached_though_no_reading_passes_it() -> None:
    # the instrument may not source beyond 3.5 V, and its reading there is a little low
    class Low(Linear):
        def now(self, bound_V: float, limit_A: float) -> tuple[float, float, bool]:
            voltage, current, holds = super().now(bound_V, limit_A)
            return voltage - 2e-4, current, holds

    limits = Limits(low_V=0.0, high_V=3.5, current_A=0.02)
    trace = linear_run(charge(0.01, volts(3.5), seconds(1e5)), cell=Low(3.0, 10.0), limits=limits)
    assert trace.outcome == "completed"
    assert trace.steps[0]["ended"] == "voltage"
    assert trace.steps[0]["at"]["time_s"] < 600


def test_guard_for_30_s() -> None:
    held = HeldFor(guard=1, seconds=30.0, cycles=None)
    trace = linear_run(charge(0.01, when(above("voltage", 3.3), "voltage", held), seconds(1e4)))
    # crossed at Q = 2 A·s (200 s); seen at a 10 s reading, held for 30 s from there
    assert 230.0 <= trace.steps[0]["duration_s"] <= 251.0
    assert trace.steps[0]["ended"] == "voltage"


def test_a_guard_is_broken_by_one_reading_that_says_otherwise() -> None:
    seen = iter(range(10_000))
    flickers = Ask(lambda names: next(seen) % 3 != 2)
    held = HeldFor(guard=1, seconds=25.0, cycles=None)
    trace = linear_run(charge(0.001, when(flickers, held=held), seconds(200)))
    assert trace.steps[0]["ended"] == "time"


def test_an_unknown_condition_never_fires() -> None:
    trace = linear_run(charge(0.01, when(above("ce", 0.0)), seconds(60)))
    assert trace.steps[0]["ended"] == "time"


def test_an_unknown_target_is_told_and_cannot_end_the_step() -> None:
    trace = linear_run(charge(0.01, charge_As(None), seconds(60)))
    assert trace.steps[0]["ended"] == "time"
    assert any("is unknown" in str(note.get("text")) for note in trace.data("note"))


def test_a_step_whose_only_bare_ends_are_unknown_is_not_begun() -> None:
    never = when(above("ce", 0.0))
    trace = linear_run(charge(0.01, charge_As(None), never))
    assert trace.outcome == "fault"
    assert [s.mode for s in trace.applied] == ["rest"]
    assert trace.bench.passed_As == 0.0


@pytest.mark.parametrize("end", [charge_As(0.0), charge_As(-1.0), seconds(0.0)])
def test_nothing_to_pass_is_already_reached_and_not_driven(end: End) -> None:
    trace = linear_run(charge(0.01, end, volts(3.5), label="none"))
    assert trace.bench.passed_As == 0.0
    assert [s.mode for s in trace.applied] == ["rest"]
    assert trace.steps[0]["driven"] is False
    assert trace.steps[0]["ended"] == end.kind
    assert trace.engine.state.lasts["none"]["capacity"] == 0.0


# ---- a cell already past its target -----------------------------------------------------------


@pytest.mark.parametrize("start_V", [3.5, 3.6])
def test_already_past_from_rest_is_not_driven(start_V: float) -> None:
    trace = linear_run(charge(0.01, volts(3.5), seconds(60)), cell=Linear(start_V, 10.0))
    assert trace.bench.passed_As == 0.0
    assert trace.steps[0]["driven"] is False
    assert trace.steps[0]["voltage_V"] == pytest.approx(start_V)
    assert "already past" in str(trace.steps[0]["reason"])


def test_the_same_direction_again_is_looked_at_first() -> None:
    # 4 A·s bring the cell to 3.4 V at rest: past 3.3 V, not past 3.6 V
    trace = linear_run(
        charge(0.01, charge_As(4.0)), charge(0.005, volts(3.3)), charge(0.005, volts(3.6))
    )
    assert [s.mode for s in trace.applied] == ["rest", "current", "rest", "current"]
    assert [s["driven"] for s in trace.steps] == [True, False, True]
    assert trace.steps[1]["voltage_V"] == pytest.approx(3.4, abs=1e-3)


def test_after_a_reversal_nothing_is_looked_at() -> None:
    trace = linear_run(charge(0.01, charge_As(4.0)), discharge(0.01, volts(3.2), seconds(600)))
    assert [s.mode for s in trace.applied] == ["rest", "current", "current"]


def test_after_a_rest_nothing_is_looked_at_again() -> None:
    trace = linear_run(
        charge(0.01, charge_As(4.0)), rest(seconds(30)), charge(0.01, volts(3.3), seconds(60))
    )
    assert [s.mode for s in trace.applied] == ["rest", "current", "rest"]
    assert trace.steps[-1]["driven"] is False


def test_a_current_against_the_drive_ends_the_step() -> None:
    # discharged to 3.45 V while the next target lies below: the source would charge backwards
    class Jumps(Linear):
        """Rises by itself as soon as it is charged."""

        def advance(self, dt_s: float, bound_V: float, limit_A: float) -> float:
            passed = super().advance(dt_s, bound_V, limit_A)
            if passed > 0:
                self.start_V = 4.5
            return passed

    cell = Jumps(3.0, 10.0, ohm=10.0)
    trace = linear_run(charge(0.01, volts(3.5), seconds(1e4)), cell=cell)
    step = trace.steps[0]
    assert step["ended"] == "voltage"
    assert step["duration_s"] < 1.0
    assert "against the drive" in str(step["reason"])
    assert trace.outcome == "completed"


def test_a_current_against_a_step_without_a_voltage_is_a_limit() -> None:
    cell = Linear(3.0, 10.0, ohm=10.0)
    plan = make_plan(charge(0.01, seconds(1000)), **FULL)
    bench = Bench(cell)

    def jump(trace):
        if len(trace.rows) == 3:
            cell.start_V = 6.0
        return None

    trace = run(plan, bench, stop_when=jump)
    assert trace.outcome == "limit"
    assert trace.steps[0]["ended"] == "interrupted"


# ---- zero volts -------------------------------------------------------------------------------


@pytest.mark.parametrize("capped", [True, False])
def test_until_0_V_with_and_without_a_time_limit(capped: bool) -> None:
    # a fresh half cell at 0.6 V, 10 F: plating at 10 mA brings it to 0 V after 5 A·s
    until = (volts(0.0), seconds(1e5)) if capped else (volts(0.0),)
    cell = Linear(0.6, 10.0, ohm=10.0)
    trace = run(make_plan(plate(0.01, *until)), Bench(cell))
    step = trace.steps[0]
    assert step["ended"] == "voltage"
    assert step["at"]["time_s"] == pytest.approx(500.0, abs=0.1)
    assert step["at"]["voltage_V"] == pytest.approx(0.0, abs=1e-12)
    assert trace.applied[1].stop_voltage_V == 0.0
    assert trace.applied[1].current_A == -0.01


# ---- low current: exhausted, or lost? ---------------------------------------------------------


def test_exhausted_metal_is_confirmed_at_rest_and_accepted() -> None:
    trace = run(
        make_plan(plate(1e-3, charge_As(1.0)), strip(1e-3, volts(0.5), charge_As(2.0))),
        Bench(Metal()),
    )
    assert trace.outcome == "completed"
    assert trace.steps[1]["ended"] == "voltage"
    notes = [n for n in trace.data("note") if "confirmed" in str(n["text"])]
    assert [n["voltage_V"] for n in notes] == [0.6]


def test_a_lost_contact_is_not_taken_for_a_voltage_end() -> None:
    trace = run(
        make_plan(plate(1e-3, charge_As(1.0)), strip(1e-3, volts(0.5), charge_As(2.0))),
        Bench(Breaks(Metal(), after_As=1.4)),
    )
    assert trace.outcome == "detector"
    assert [d["name"] for d in trace.data("detector")] == ["contact_loss"]
    cycles = trace.data("cycle")
    assert [c["complete"] for c in cycles] == [False]
    assert cycles[0]["ce"] is None
    assert trace.engine.state.ledger.lost_As == 0.0
    assert trace.engine.state.ledger.bare is False


def test_a_contact_lost_on_the_way_to_a_hold_is_found() -> None:
    cell = Breaks(Linear(3.0, 10.0, ohm=10.0), after_As=1.0)
    plan = make_plan(charge(0.01, volts(3.5), hold=(amps(0.001),)), **FULL)
    trace = run(plan, Bench(cell))
    assert trace.outcome == "detector"


def test_a_cell_that_only_takes_a_little_at_the_voltage_is_confirmed_and_held() -> None:
    # 3.45 V at rest, 100 Ω: at 3.5 V it takes 0.5 mA of the 10 mA
    cell = Linear(3.45, 10.0, ohm=100.0)
    trace = linear_run(charge(0.01, volts(3.5), hold=(seconds(50),)), cell=cell)
    assert trace.outcome == "completed"
    assert [s.mode for s in trace.applied] == ["rest", "current", "rest", "voltage"]
    assert trace.applied[-1].current_A == pytest.approx(0.01)
    assert trace.applied[-1].stop_voltage_V == 3.5
    assert trace.steps[1]["at"]["time_s"] == pytest.approx(50.0, abs=1e-3)


def test_a_contact_lost_at_rest_is_not_taken_for_a_full_cell() -> None:
    cell = Breaks(Linear(3.0, 10.0, ohm=10.0), after_As=1.0005)
    plan = make_plan(charge(0.01, charge_As(1.0)), charge(0.01, volts(3.5)), **FULL)
    trace = run(plan, Bench(cell))
    assert trace.outcome == "detector"
    plan = make_plan(
        charge(0.01, charge_As(1.0)), rest(seconds(60)), charge(0.01, volts(3.5)), **FULL
    )
    trace = run(plan, Bench(Breaks(Linear(3.0, 10.0, ohm=10.0), after_As=1.0005)))
    assert trace.outcome == "detector"


def test_a_contact_lost_at_rest_is_found_before_a_reversal_too() -> None:
    cell = Breaks(Linear(3.0, 10.0, ohm=10.0), after_As=1.0005)
    steps = charge(0.01, charge_As(1.0)), rest(seconds(60)), discharge(0.01, charge_As(0.5))
    trace = run(make_plan(*steps, **FULL), Bench(cell))
    assert trace.outcome == "detector"
    assert [s.mode for s in trace.applied] == ["rest", "current", "rest", "rest"]
