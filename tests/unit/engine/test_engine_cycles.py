"""Halves, cycles and groups as the protocol's structure gives them."""

import pytest
from helpers.engine_bench import Bench, Linear, Metal, run
from helpers.plans import (
    above,
    amps,
    below,
    charge,
    charge_As,
    discharge,
    ended,
    group,
    hold,
    leave,
    make_plan,
    mark,
    plate,
    repeat,
    rest,
    seconds,
    strip,
    volts,
)

from labctl_drivers.vocabulary import RangeAccuracy, Ratings
from labctl_protocols.decisions import Stopping
from labctl_protocols.plan import Limits

FULL = {"kind": "anode-free", "limits": Limits(low_V=0.0, high_V=5.0, current_A=0.02)}
UP = charge(0.01, charge_As(2.0))
DOWN = discharge(0.01, charge_As(1.8))


def full_run(*steps, **more):
    return run(make_plan(*steps, **(FULL | more)), Bench(Linear(3.0, 100.0)))


def told(trace):
    """(event, cycle or role, kinds, charges) in order."""
    rows = []
    for event in trace.events("cycle", "half"):
        data = event.data
        if event.kind == "half":
            half = data["half"]
            rows.append((data["role"], half["kind"], round(half["charge_Ah"] * 3600, 2)))
        else:
            charges = [round(data[part]["charge_Ah"] * 3600, 2) for part in ("first", "second")]
            rows.append((data["cycle"], data["first"]["kind"], *charges))
    return rows


# ---- each -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "flagged"), [(1.004, False), (1.2, True)])
def test_more_out_than_in_is_flagged_beyond_half_a_percent_and_u(share, flagged) -> None:
    down = discharge(0.01, charge_As(2.0 * share))
    cycle = full_run(charge(0.01, charge_As(2.0)), down).data("cycle")[0]
    assert cycle["ce"] == pytest.approx(share, rel=1e-3)
    assert ("more out than in" in cycle["flags"]) is flagged


def test_plain_cycling_outside_groups() -> None:
    trace = full_run(repeat(3, UP, rest(seconds(60)), DOWN, rest(seconds(60))))
    assert told(trace) == [(n, "charge", 2.0, 1.8) for n in (1, 2, 3)]
    cycle = trace.data("cycle")[0]
    assert cycle["complete"] is True
    assert cycle["ce"] == pytest.approx(0.9, rel=1e-3)
    assert cycle["flags"] == ["not at cut-off"]
    assert (cycle["class"], cycle["group"]) == ("cycle", None)


def test_each_cycle_s_charges_are_those_of_its_steps_gaps_included() -> None:
    trace = full_run(repeat(2, UP, DOWN))
    steps = [s["capacity_Ah"] for s in trace.steps]
    got = [c[part]["charge_Ah"] for c in trace.data("cycle") for part in ("first", "second")]
    assert got == pytest.approx(steps, rel=1e-12)
    ce = [c["ce"] for c in trace.data("cycle")]
    assert ce == pytest.approx([steps[1] / steps[0], steps[3] / steps[2]], rel=1e-12)
    # the figure that expressions see is the same one, the last gap included
    assert trace.engine.names.live("ce") == pytest.approx(ce[-1], rel=1e-12)


def test_lead_in_and_open_half_are_told_apart() -> None:
    trace = full_run(DOWN, UP, DOWN, UP)
    assert told(trace) == [("lead_in", "discharge", 1.8), (1, "charge", 2.0, 1.8), *told(trace)[2:]]
    assert told(trace)[2] == ("open", "charge", 2.0)


def test_steps_in_one_direction_and_the_hold_are_one_half() -> None:
    up = charge(0.01, volts(3.05), hold=(amps(1e-3),))
    slow = discharge(0.002, charge_As(0.4))
    trace = full_run(repeat(2, up, DOWN, rest(seconds(10)), slow))
    assert [row[0] for row in told(trace)] == [1, 2]
    cycle = trace.data("cycle")[0]
    by_step = [s["capacity_Ah"] for s in trace.steps if s["step_type"] != "rest"]
    assert cycle["first"]["charge_Ah"] == pytest.approx(sum(by_step[:2]), rel=1e-9)
    assert cycle["second"]["charge_Ah"] == pytest.approx(sum(by_step[2:4]), rel=1e-9)
    assert cycle["first"]["kind"] == "charge"


def test_a_hold_of_its_own_goes_on_with_the_half_and_stays_at_the_voltage() -> None:
    down = (discharge(0.01, volts(2.95)), hold(2.95, amps(1e-3)))
    trace = full_run(UP, *down, UP, *down)
    assert [row[0] for row in told(trace)] == [1, 2]
    assert not any("not at cut-off" in c["flags"] for c in trace.data("cycle"))


def test_pairs_belong_to_their_group() -> None:
    trace = full_run(group("a", UP), group("b", DOWN, UP, DOWN))
    assert told(trace) == [
        ("open", "charge", 2.0),
        ("lead_in", "discharge", 1.8),
        (2, "charge", 2.0, 1.8),
    ]


def test_a_group_within_breaks_the_half_around_it() -> None:
    trace = full_run(UP, group("inner", DOWN, UP, DOWN), UP, DOWN)
    rows = told(trace)
    assert (2, "charge", 2.0, 1.8) in rows  # the inner pair
    assert (3, "charge", 2.0, 1.8) in rows  # the outer one, not 4.0 against 1.8
    assert ("open", "charge", 2.0) in rows


def test_a_half_cell_plates_first() -> None:
    body = (plate(1e-3, charge_As(5.0)), strip(1e-3, volts(0.5), charge_As(6.0)))
    cell = Metal(efficiency=0.9)
    trace = run(make_plan(repeat(2, *body)), Bench(cell))
    cycle = trace.data("cycle")[0]
    assert (cycle["first"]["kind"], cycle["second"]["kind"]) == ("plate", "strip")
    assert cycle["flags"] == []
    # 5 s of 4500 s are open where the metal ran out, and the stated uncertainty covers them
    assert abs(cycle["ce"] - 0.9) < cycle["u_ce"] < 0.004
    assert trace.steps[0]["capacity_Ah"] > 0
    assert trace.applied[1].current_A == -1e-3


def test_the_same_plate_in_an_anode_free_cell_charges() -> None:
    trace = full_run(plate(1e-3, charge_As(1.0), sign=1), strip(1e-3, charge_As(0.9), sign=-1))
    assert [s.current_A for s in trace.applied if s.mode == "current"] == [1e-3, -1e-3]
    assert told(trace) == [(1, "plate", 1.0, 0.9)]
    assert trace.engine.state.ledger.deposit_As == pytest.approx(0.1, rel=1e-3)


def test_a_cathode_half_cell_discharges_first() -> None:
    trace = full_run(repeat(2, DOWN, UP), kind="cathode-half")
    assert told(trace) == [(n, "discharge", 1.8, 2.0) for n in (1, 2)]


def test_a_symmetric_cell_begins_with_whatever_comes_first() -> None:
    limits = Limits(low_V=-1.0, high_V=1.0, current_A=0.02)
    plan = make_plan(repeat(2, DOWN, UP), kind="symmetric", limits=limits)
    assert [row[1] for row in told(run(plan, Bench(Linear(0.0, 100.0, ohm=10.0))))] == [
        "discharge"
    ] * 2


def test_a_symmetric_cell_has_no_efficiency_and_needs_no_cut_off() -> None:
    limits = Limits(low_V=-1.0, high_V=1.0, current_A=0.02)
    steps = group("g", repeat(2, DOWN, UP))
    cell = Linear(0.0, 100.0, ohm=10.0)
    trace = run(make_plan(steps, kind="symmetric", limits=limits), Bench(cell))
    for cycle in trace.data("cycle"):
        assert cycle["complete"] is True
        assert (cycle["ce"], cycle["u_ce"], cycle["flags"]) == (None, None, [])
    (left,) = trace.data("group_left")
    assert (left["complete"], left["ce"], left["u_ce"]) == (True, None, None)
    assert trace.engine.state.cycles.live_ce() is None
    assert trace.engine.state.lasts["g"]["ce"] is None


def test_a_stop_in_mid_half_leaves_the_cycle_incomplete_without_a_figure() -> None:
    def stop(trace):
        step = trace.engine.state.step
        if step is not None and step.count == 4 and step.account.charge_As:
            return Stopping(0.0, "stopped", "enough")
        return None

    plan = make_plan(group("g", repeat(5, UP, DOWN)), **FULL)
    trace = run(plan, Bench(Linear(3.0, 100.0)), stop_when=stop)
    assert [c["complete"] for c in trace.data("cycle")] == [True, False]
    last = trace.data("cycle")[1]
    assert (last["ce"], last["u_ce"]) == (None, None)
    assert "interrupted" in last["flags"]
    assert trace.data("group_left")[0]["complete"] is False
    assert trace.engine.state.cycles.done == 1
    assert trace.steps[-1]["ended"] == "interrupted"
    assert last["second"]["charge_Ah"] == pytest.approx(trace.steps[-1]["capacity_Ah"], rel=1e-12)


def test_a_stop_in_the_rest_after_it_leaves_the_cycle_complete() -> None:
    def stop(trace):
        step = trace.engine.state.step
        resting = step is not None and step.type == "rest"
        return Stopping(0.0, "stopped", "enough") if resting and len(trace.rows) > 50 else None

    plan = make_plan(repeat(5, UP, DOWN, rest(seconds(600))), **FULL)
    trace = run(plan, Bench(Linear(3.0, 100.0)), stop_when=stop)
    assert [c["complete"] for c in trace.data("cycle")] == [True]


# ---- total ------------------------------------------------------------------------------------


def reservoir(portion_As: float, portions: int, reservoir_As: float) -> tuple[object, ...]:
    return (
        plate(0.01, charge_As(reservoir_As)),
        repeat(
            portions,
            strip(0.01, charge_As(portion_As), volts(0.5)),
            leave(ended("voltage")),
            plate(0.01, charge_As(portion_As)),
        ),
        strip(0.01, volts(0.5), charge_As(2 * reservoir_As)),
    )


def test_the_reservoir_formula_s_vector() -> None:
    """Q_T = 5, Q_C = 1, n = 10, Q_S = 4.85 mAh ⇒ 14.85 / 15 = 0.9900 (science.md §2 a2)."""
    mAh = 3.6
    plan = make_plan(
        group("formation", plate(0.01, charge_As(mAh)), strip(0.01, charge_As(mAh)), pair="each"),
        group(
            "reservoir",
            plate(0.01, charge_As(5 * mAh)),
            repeat(10, strip(0.01, charge_As(mAh)), plate(0.01, charge_As(mAh))),
            strip(0.01, charge_As(4.85 * mAh)),
            pair="total",
        ),
    )
    trace = run(plan, Bench(Metal(ohm=5.0), delay_s=0.0, ratings=fast_ratings()))
    left = trace.data("group_left")[1]
    assert left["ce"] == pytest.approx(0.9900, abs=2e-6)
    assert left["complete"] is True
    assert left["first"]["charge_Ah"] == pytest.approx(15e-3, rel=1e-6)
    assert left["second"]["charge_Ah"] == pytest.approx(14.85e-3, rel=1e-6)
    cycles = trace.data("cycle")
    assert [(c["cycle"], c["group"]) for c in cycles] == [(1, "formation"), (2, "reservoir")]
    assert cycles[1]["ce"] == left["ce"]


def fast_ratings() -> Ratings:
    from dataclasses import replace

    from helpers.plans import RATINGS

    exact = (RangeAccuracy(1.05, 0.0, 0.0),)
    return replace(RATINGS, reading_time_s=1e-6, current_ranges=exact)


@pytest.mark.parametrize("efficiency", [0.999, 0.99, 0.9])
def test_reservoir_against_the_cell_s_own_ledger(efficiency: float) -> None:
    cell = Metal(ohm=5.0, efficiency=efficiency)
    plan = make_plan(group("r", *reservoir(3.6, 10, 18.0), pair="total"))
    trace = run(plan, Bench(cell))
    left = trace.data("group_left")[0]
    assert cell.stripped_As / cell.plated_As == pytest.approx(efficiency, rel=1e-9)
    assert abs(left["ce"] - efficiency) < left["u_ce"]
    assert left["ce"] == pytest.approx(efficiency, abs=1e-3)


def test_an_exhausted_reservoir_is_left_and_its_shorter_figure_stands() -> None:
    cell = Metal(ohm=5.0, efficiency=0.7)
    plan = make_plan(group("r", *reservoir(3.6, 10, 7.2), pair="total"), mark("end"))
    trace = run(plan, Bench(cell))
    assert trace.outcome == "completed"
    plates = [s for s in trace.steps if s["step_type"] == "plate"]
    assert len(plates) < 11
    left = trace.data("group_left")[0]
    assert left["complete"] is True
    assert abs(left["ce"] - 0.7) < left["u_ce"]
    # the last strip finds the collector bare and is not driven
    assert trace.steps[-1]["driven"] is False


def test_total_numbers_one_cycle_and_groups_inside_give_none() -> None:
    trace = full_run(
        UP, DOWN, group("t", repeat(3, group("inner", UP, DOWN)), pair="total"), UP, DOWN
    )
    rows = told(trace)
    assert [row[0] for row in rows] == [1, 2, 3]
    assert rows[1][2:] == (pytest.approx(6.0, abs=0.02), pytest.approx(5.4, abs=0.02))
    inner = [g for g in trace.data("group_left") if g["label"] == "inner"]
    assert len(inner) == 3
    assert inner[0]["ce"] == pytest.approx(0.9, rel=1e-3)


def test_total_broken_off_is_no_figure_to_trust() -> None:
    def stop(trace):
        return Stopping(0.0, "fault", "link lost") if len(trace.steps) == 3 else None

    plan = make_plan(group("t", repeat(3, UP, DOWN), pair="total"), **FULL)
    trace = run(plan, Bench(Linear(3.0, 100.0)), stop_when=stop)
    assert trace.data("cycle")[0]["complete"] is False
    assert trace.data("group_left")[0]["complete"] is False


# ---- figures that expressions see -------------------------------------------------------------


def test_retention_counts_from_the_reference_group() -> None:
    trace = full_run(
        UP,
        discharge(0.01, charge_As(1.0)),
        group("ref", UP, discharge(0.01, charge_As(2.0))),
        repeat(5, UP, discharge(0.01, charge_As(1.5)), leave(below("retention", 0.8))),
        reference="ref",
    )
    # when the exit is first asked the last complete cycle is the reference's own
    assert trace.engine.names.live("retention") == pytest.approx(0.75, rel=1e-3)
    assert len([s for s in trace.steps]) == 4 + 4


def test_retention_by_default_counts_from_the_first_cycle_of_class_cycle() -> None:
    trace = full_run(
        group("form", UP, discharge(0.01, charge_As(1.0)), cls="formation"),
        repeat(2, group("c", UP, DOWN)),
        group("c", UP, discharge(0.01, charge_As(0.9))),
    )
    assert trace.engine.names.live("retention") == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("reference", [None, "cycling"])
def test_a_reference_test_between_the_cycles_is_no_retention(reference) -> None:
    half_way = discharge(0.01, charge_As(0.9))
    trace = full_run(
        group("cycling", UP, DOWN),
        group("resistance", UP, half_way, group_class="diagnostic"),
        reference=reference,
    )
    assert [cycle["group"] for cycle in trace.data("cycle")] == ["cycling", "resistance"]
    assert trace.engine.names.live("retention") == pytest.approx(1.0, rel=1e-3)


def test_retention_by_reference_tests_is_told_by_them() -> None:
    trace = full_run(
        group("test", UP, DOWN, group_class="diagnostic"),
        group("test", UP, discharge(0.01, charge_As(0.9)), group_class="diagnostic"),
        reference="test",
    )
    assert trace.engine.names.live("retention") == pytest.approx(0.5, rel=1e-3)


def test_retention_is_unknown_before_its_reference() -> None:
    trace = full_run(UP, DOWN, reference="never")
    assert trace.engine.names.live("retention") is None
    assert trace.engine.names.live("ce") == pytest.approx(0.9, rel=1e-3)


def test_a_second_half_at_its_voltage_already_counts_for_ce() -> None:
    plan = make_plan(
        repeat(
            5,
            plate(1e-3, charge_As(5.0)),
            strip(1e-3, volts(0.5), charge_As(6.0)),
            leave(above("ce", 0.5)),
        )
    )
    trace = run(plan, Bench(Metal(efficiency=0.9)))
    assert len(trace.steps) == 2


def test_last_of_a_group() -> None:
    trace = full_run(group("g", UP, DOWN))
    names = trace.engine.names
    assert names.last("g", "ce") == pytest.approx(0.9, rel=1e-3)
    assert names.last("g", "capacity") == pytest.approx(1.8, rel=1e-2)
    assert names.last("nobody", "ce") is None


# ---- what sums over cycles need -----------------------------------------------------------------


def test_a_half_carries_its_charge_by_range_and_the_limits_there() -> None:
    trace = full_run(UP, DOWN, UP)
    halves = [trace.data("cycle")[0][part] for part in ("first", "second")]
    halves.append(trace.data("half")[0]["half"])
    for half, sign in zip(halves, (1, -1, 1), strict=True):
        (share,) = half["ranges"]
        net_Ah = share["positive_Ah"] - share["negative_Ah"]
        assert net_Ah == pytest.approx(sign * half["charge_Ah"], rel=1e-12)
        assert share["duration_s"] == pytest.approx(half["duration_s"], rel=1e-12)
        limits = {each.full_scale: each for each in trace.bench.ratings.current_ranges}
        assert (share["gain"], share["offset_A"]) == (
            limits[share["range_A"]].gain,
            limits[share["range_A"]].offset,
        )


def test_a_cycle_tells_retention_and_the_ledger_by_then() -> None:
    down = discharge(0.01, volts(2.99), charge_As(1.8))
    trace = full_run(
        group("formation", UP, DOWN, group_class="formation"),
        repeat(2, UP, down),
        inventory_Ah=100.0 / 3600,
    )
    formation, first, second = trace.data("cycle")
    assert "retention" not in formation
    assert (first["retention"], first["u_retention"], first["reference_cycle"]) == (1.0, 0.0, 2)
    ratio = second["second"]["charge_Ah"] / first["second"]["charge_Ah"]
    assert second["retention"] == pytest.approx(ratio, rel=1e-12)
    for cycle in (formation, first, second):
        ledger = cycle["ledger"]
        known_Ah = ledger["deposit_Ah"] + ledger["lost_Ah"]
        passed = [
            each["first"]["charge_Ah"] - each["second"]["charge_Ah"]
            for each in trace.data("cycle")[: cycle["cycle"]]
        ]
        assert known_Ah == pytest.approx(sum(passed), rel=1e-9)
        assert ledger["inventory_Ah"] == pytest.approx(100.0 / 3600 - ledger["lost_Ah"])
        assert ledger["u_deposit_Ah"] > 0 or ledger["deposit_Ah"] == 0


def test_retention_knows_that_gain_and_zero_are_the_same_in_both() -> None:
    """One polarity, one range, one duration: of the instrument only what is random is left."""
    (first, second) = full_run(repeat(2, UP, DOWN)).data("cycle")
    assert second["u_retention"] < 0.05 * first["u_ce"]
