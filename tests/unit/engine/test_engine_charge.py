"""Charge and metal: the engine's accounts against the bench's exact ledger."""

import itertools

import pytest
from helpers.engine_bench import Bench, Linear, Metal, run
from helpers.plans import (
    Ask,
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

from labctl_protocols.engine.ledger import MetalLedger
from labctl_protocols.plan import Limits

FULL = {"kind": "full", "limits": Limits(low_V=0.0, high_V=5.0, current_A=0.02)}


def net_As(trace) -> float:
    totals = trace.engine.state.totals
    return totals.charging_As - totals.discharging_As


# ---- charge -----------------------------------------------------------------------------------


def test_constant_currents_agree_with_the_bench_to_1e_9_gaps_included() -> None:
    plan = make_plan(
        charge(0.01, charge_As(2.0)),
        discharge(0.003, seconds(77.7)),
        rest(seconds(600)),
        charge(0.007, seconds(33.3)),
        charge(0.002, seconds(50.0)),
        **FULL,
    )
    trace = run(plan, Bench(Linear(3.0, 10.0), delay_s=0.7))
    assert trace.outcome == "completed"
    assert net_As(trace) == pytest.approx(trace.bench.passed_As, rel=1e-9)
    driven = [(s, q) for s, q in trace.bench.by_setpoint if s.mode != "rest"]
    ended = [s for s in trace.steps if s["step_type"] != "rest"]
    for (setpoint, passed), step in zip(driven, ended, strict=True):
        assert step["capacity_Ah"] * 3600 == pytest.approx(abs(passed), rel=1e-9)
        assert step["duration_s"] == pytest.approx(abs(passed / setpoint.current_A), rel=1e-9)


def test_never_across_a_change_of_the_set_point() -> None:
    # 20 mA, then at once 1 mA the same way over rest: a trapezoid across would be seen at once
    plan = make_plan(charge(0.02, seconds(60)), discharge(0.001, seconds(60)), **FULL)
    trace = run(plan, Bench(Linear(3.0, 10.0), delay_s=2.0))
    first, second = trace.steps
    assert first["capacity_Ah"] * 3600 == pytest.approx(trace.bench.by_setpoint[1][1], rel=1e-9)
    assert second["capacity_Ah"] * 3600 == pytest.approx(-trace.bench.by_setpoint[2][1], rel=1e-9)


def test_a_decay_is_integrated_by_trapezoids_within_its_own_variance() -> None:
    plan = make_plan(hold(3.5, amps(1e-4)), **(FULL | {"limits": Limits(0.0, 5.0, 0.1)}))
    trace = run(plan, Bench(Linear(3.0, 10.0, ohm=10.0), delay_s=0.03))
    measured, true = net_As(trace), trace.bench.passed_As
    assert measured == pytest.approx(true, rel=5e-3)
    # an exponential through trapezoids is over-estimated, never under-estimated
    assert measured >= true


def test_rest_adds_nothing_though_the_instrument_reads_an_offset() -> None:
    plan = make_plan(rest(seconds(40 * 3600)), plate(1e-3, charge_As(1.0)), rest(seconds(3600)))
    bench = Bench(Metal(), offset_A=5e-9)
    trace = run(plan, bench)
    assert trace.engine.state.totals.charging_As == 0.0
    assert trace.engine.state.ledger.deposit_As == pytest.approx(1.0, rel=1e-3)
    rows = [row for row in trace.rows if row.step_type == "rest"]
    assert rows[0].discharging_Ah == 0.0
    assert rows[-1].discharging_Ah == pytest.approx(trace.steps[1]["capacity_Ah"], rel=1e-12)


def test_counters_never_go_back_and_rows_count_steps() -> None:
    plan = make_plan(
        repeat(3, charge(0.01, seconds(60)), rest(seconds(30)), discharge(0.01, seconds(60))),
        **FULL,
    )
    trace = run(plan, Bench(Linear(3.0, 10.0)))
    rows = trace.rows
    for before, after in itertools.pairwise(rows):
        assert after.charging_Ah >= before.charging_Ah
        assert after.discharging_Ah >= before.discharging_Ah
        assert after.step_count - before.step_count in (0, 1)
        assert after.t_s > before.t_s
    assert rows[-1].step_count == 9
    assert [row.cycle for row in rows if row.step_type == "charge"][-1] == 3


def test_energy_of_a_plateau() -> None:
    plan = make_plan(plate(1e-3, charge_As(1.0)), strip(1e-3, charge_As(0.5)))
    trace = run(plan, Bench(Metal(ohm=50.0)))
    for step in trace.steps:
        assert step["energy_Wh"] == pytest.approx(0.05 * step["capacity_Ah"], rel=1e-9)


def test_a_reading_while_a_command_is_under_way_belongs_to_the_step_that_ended() -> None:
    from helpers.plans import RATINGS

    from labctl_drivers.vocabulary import Reading
    from labctl_protocols.decisions import Applied
    from labctl_protocols.engine.engine import Engine

    plan = make_plan(charge(0.01, seconds(10)), discharge(0.01, seconds(10)), **FULL)
    engine = Engine(plan, RATINGS)
    engine.begin(0.0)
    engine.hear(Applied(0.0))
    engine.hear(Reading(0.0, 3.0, 0.0))
    engine.hear(Applied(1.0))
    engine.hear(Reading(1.0, 3.0, 0.010))
    assert engine.hear(Reading(11.0, 3.0, 0.010)).commands
    engine.hear(Reading(12.0, 3.0, 0.020))  # just before the output changes
    told = engine.hear(Applied(13.0)).events
    ended = next(e.data for e in told if e.kind == "step_ended")
    # 10 s · 10 mA + 1 s · 15 mA + 1 s · 20 mA
    assert ended["capacity_Ah"] * 3600 == pytest.approx(0.100 + 0.015 + 0.020)
    assert ended["duration_s"] == pytest.approx(12.0)
    assert engine.state.totals.charging_As == pytest.approx(0.135)
    assert engine.state.step is not None
    assert engine.state.step.account.charge_As == 0.0


# ---- the metal ledger -------------------------------------------------------------------------


def test_deposit_and_lost_against_the_cell_s_own_counters() -> None:
    cell = Metal(efficiency=0.9)
    plan = make_plan(
        repeat(3, plate(1e-3, charge_As(10.0)), strip(1e-3, volts(0.5), charge_As(12.0))),
        plate(1e-3, charge_As(3.0)),
        inventory_Ah=100.0 / 3600,
    )
    trace = run(plan, Bench(cell))
    ledger = trace.engine.state.ledger
    stripped_till_bare = cell.stripped_As
    plated_till_bare = cell.plated_As - cell.metal_As / cell.efficiency
    # the last 10 s of a strip, in which the metal ran out, are known to half of 10 mA·s
    assert ledger.lost_As == pytest.approx(plated_till_bare - stripped_till_bare, abs=0.015)
    assert ledger.deposit_As == pytest.approx(3.0, rel=1e-3)
    assert ledger.inventory_As == pytest.approx(100.0 - ledger.lost_As)


def test_only_a_voltage_leaves_the_collector_bare() -> None:
    plan = make_plan(plate(1e-3, charge_As(2.0)), strip(1e-3, charge_As(0.5), volts(0.5)))
    ledger = run(plan, Bench(Metal())).engine.state.ledger
    assert ledger.lost_As == 0.0
    assert ledger.bare is False
    assert ledger.deposit_As == pytest.approx(1.5, rel=1e-3)


def test_in_half_cells_plain_charge_and_discharge_are_not_metal() -> None:
    plan = make_plan(plate(1e-3, charge_As(2.0)), charge(1e-3, charge_As(1.0)))
    ledger = run(plan, Bench(Metal())).engine.state.ledger
    assert ledger.deposit_As == pytest.approx(2.0, rel=1e-3)


def test_in_anode_free_cells_they_are_and_charging_plates() -> None:
    plan = make_plan(
        charge(0.01, charge_As(4.0)),
        discharge(0.01, volts(3.1), seconds(1e4)),
        kind="anode-free",
        limits=FULL["limits"],
        inventory_Ah=10.0 / 3600,
    )
    trace = run(plan, Bench(Linear(3.0, 10.0)))
    ledger = trace.engine.state.ledger
    # 3.1 V leaves 1 A·s in the cell, 10 mA · 1 Ω lower: 1.1 A·s counted as lost
    assert ledger.deposit_As == 0.0
    assert ledger.lost_As == pytest.approx(trace.bench.passed_As, rel=1e-9)
    assert ledger.inventory_As == pytest.approx(10.0 - trace.bench.passed_As)


def test_cells_without_a_collector_keep_no_metal() -> None:
    limits = Limits(low_V=-1.0, high_V=1.0, current_A=0.02)
    plan = make_plan(charge(0.01, seconds(60)), discharge(0.01, seconds(50)), kind="symmetric")
    plan_limits = make_plan(charge(0.01, seconds(60)), kind="symmetric", limits=limits)
    for each in (plan, plan_limits):
        ledger = run(each, Bench(Linear(0.0, 10.0))).engine.state.ledger
        assert ledger == MetalLedger(3.6, None)


def test_what_is_stripped_from_a_bare_collector_is_regained() -> None:
    ledger = MetalLedger(None, 10.0)
    ledger.plate(5.0)
    ledger.plate(-4.0)
    ledger.strip_bare()
    assert ledger.lost_As == pytest.approx(1.0)
    ledger.plate(-0.25)  # a slow strip of what had seemed lost
    assert (ledger.deposit_As, ledger.lost_As) == (0.0, pytest.approx(0.75))
    ledger.plate(2.0)
    assert (ledger.deposit_As, ledger.lost_As) == (pytest.approx(2.0), pytest.approx(0.75))
    assert ledger.inventory_As == pytest.approx(9.25)


def test_a_cap_of_1_2_times_the_deposit_ends_a_strip_that_finds_no_voltage() -> None:
    class Shorted(Metal):
        """A soft short: the branch never reaches the cut-off."""

        def now(self, bound_V: float, limit_A: float) -> tuple[float, float, bool]:
            return (
                limit_A * (1 if bound_V > 0 else -1) * 50.0,
                limit_A * (1 if bound_V > 0 else -1),
                False,
            )

        def advance(self, dt_s: float, bound_V: float, limit_A: float) -> float:
            return limit_A * (1 if bound_V > 0 else -1) * dt_s

    cap = Ask(lambda names: 1.2 * (names.live("deposit") or 0.0), "1.2 * deposit")
    plan = make_plan(
        group("g", plate(1e-3, charge_As(5.0)), strip(1e-3, volts(0.5), charge_As(cap)))
    )
    trace = run(plan, Bench(Shorted()))
    assert trace.steps[1]["ended"] == "charge"
    assert trace.steps[1]["at"]["capacity_Ah"] * 3600 == pytest.approx(6.0, rel=1e-3)
    assert trace.data("group_left")[0]["ce"] == pytest.approx(1.2, rel=1e-3)
