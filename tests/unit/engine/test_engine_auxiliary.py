"""What stands beside the cell: `set`, values in conditions, and the limit on the temperature."""

import pytest
from helpers.plans import (
    RATINGS,
    above,
    charge,
    charge_As,
    group,
    make_plan,
    rest,
    seconds,
    set_to,
    when,
)

from labctl_drivers.vocabulary import Reading, Setpoint
from labctl_protocols.decisions import Answer, Applied, Apply, AuxRead, AuxSet, Safe, Safed, SetAux
from labctl_protocols.decisions import Operator as Said
from labctl_protocols.engine.auxiliary import FRESH_S, LOST_S
from labctl_protocols.engine.engine import Engine
from labctl_protocols.engine.state import from_json, to_json
from labctl_protocols.plan import Limits

ROOM_K = 298.15
LIMITS = Limits(low_V=2.0, high_V=4.0, current_A=0.02)
HOT = Limits(low_V=2.0, high_V=4.0, current_A=0.02, temperature_high_K=ROOM_K + 10.0)
FAR = charge(0.01, charge_As(1000.0))


def engine_of(*steps, limits: Limits = LIMITS) -> Engine:
    plan = make_plan(*steps, kind="full", limits=limits, auxiliaries=("oven", "t"), temperature="t")
    return Engine(plan, RATINGS)


def seen(time_s: float, current_A: float = 0.0, voltage_V: float = 3.0) -> Reading:
    return Reading(time_s, voltage_V, current_A, current_range_A=1.05e-2, voltage_range_V=21.0)


def measured(time_s: float, kelvin: float | None = ROOM_K, name: str = "t") -> AuxRead:
    return AuxRead(time_s, {name: kelvin})


def begun(engine: Engine, *, kelvin: float | None = ROOM_K) -> Answer:
    """The cell and its temperature have been seen at 0 s; what the first step commands."""
    engine.begin(0.0)
    engine.hear(Applied(0.0))
    if kelvin is not None:
        engine.hear(measured(0.0, kelvin))
    return engine.hear(seen(0.0))


def charging(engine: Engine) -> Answer:
    """Until the first step charges with 10 mA and has been read, at 1 s."""
    answer = begun(engine)
    assert [c.setpoint.mode for c in answer.commands] == ["current"]
    engine.hear(Applied(0.0))
    return engine.hear(seen(1.0, 0.01))


def told(answers: list[Answer], kind: str) -> list[dict]:
    return [dict(e.data) for answer in answers for e in answer.events if e.kind == kind]


# ---- set ------------------------------------------------------------------------------------


def test_an_auxiliary_is_set_and_what_was_read_back_is_told() -> None:
    engine = engine_of(set_to("oven", 313.15), rest(seconds(60)))
    assert begun(engine).commands == (SetAux("oven", 313.15),)
    answer = engine.hear(AuxSet(2.0, "oven", 313.2))
    assert [c.setpoint for c in answer.commands] == [Setpoint("rest")]
    assert told([engine.hear(Applied(2.5))], "set") == [
        {"name": "oven", "asked_K": 313.15, "set_K": 313.2, "path": "1"}
    ]


def test_a_driven_cell_is_put_to_rest_before_anything_is_set() -> None:
    engine = engine_of(charge(0.01, charge_As(0.1)), set_to("oven", 313.15), rest(seconds(60)))
    charging(engine)
    (command,) = engine.hear(seen(11.0, 0.01)).commands
    assert isinstance(command, Apply)
    assert command.setpoint == Setpoint("rest")
    answer = engine.hear(Applied(12.0))
    assert answer.commands == (SetAux("oven", 313.15),)
    assert answer.wake_at is None
    # 10 mA from 0 s to 12 s, the gap until the output went off included
    (step,) = told([answer], "step_ended")
    assert step["capacity_Ah"] == pytest.approx(0.01 * 12.0 / 3600.0)


def test_what_cannot_be_set_ends_the_run_before_it_is_sent() -> None:
    answer = begun(engine_of(set_to("oven", None), rest(seconds(60))))
    assert answer.commands == (Safe(),)
    hot = engine_of(set_to("oven", ROOM_K + 11.0), rest(seconds(60)), limits=HOT)
    assert begun(hot).commands == (Safe(),)
    assert hot.hear(Safed(1.0)).ended == "limit"


def test_a_loop_that_only_sets_passes_no_time() -> None:
    from helpers.plans import repeat

    engine = engine_of(repeat(None, set_to("oven", 300.0), until=above("elapsed", 1e9)))
    answer = begun(engine)
    for n in range(1, 10):
        if answer.commands != (SetAux("oven", 300.0),):
            break
        answer = engine.hear(AuxSet(float(n), "oven", 300.0))
    assert answer.commands == (Safe(),)
    assert told([answer], "fault")[0]["error"] == "IdleLoop"


# ---- values -----------------------------------------------------------------------------------


def test_a_value_is_known_while_it_is_fresh() -> None:
    engine = engine_of(rest(seconds(1000)))
    begun(engine)
    engine.hear(Applied(0.0))
    engine.hear(measured(1.0, 310.0, "oven"))
    engine.hear(seen(1.0 + FRESH_S))
    assert engine.names.live("aux.oven") == 310.0
    assert engine.names.live("temperature") == engine.names.live("aux.t") is None
    engine.hear(seen(1.1 + FRESH_S))
    assert engine.names.live("aux.oven") is None
    assert engine.names.live("aux.nobody") is None


def test_a_condition_that_comes_true_is_looked_at_once() -> None:
    engine = engine_of(rest(when(above("aux.oven", 310.0), word="aux.oven"), seconds(9e9)))
    begun(engine)
    engine.hear(Applied(0.0))
    due_s = engine.hear(seen(1.0)).wake_at
    assert due_s is not None
    assert engine.hear(measured(2.0, 309.0, "oven")).wake_at == due_s
    assert engine.hear(measured(7.0, 311.0, "oven")).wake_at == 7.0
    answer = engine.hear(seen(7.1))
    assert answer.commands == (Safe(),)
    assert told([answer, engine.hear(Safed(8.0))], "step_ended")[0]["ended"] == "aux.oven"


def test_an_unknown_value_ends_no_step() -> None:
    engine = engine_of(rest(when(above("aux.oven", 310.0)), seconds(9e9)))
    begun(engine)
    engine.hear(Applied(0.0))
    for time_s in range(60, 6000, 60):
        assert engine.hear(seen(float(time_s))).commands == ()
        assert engine.hear(measured(time_s + 1.0, None, "oven")).commands == ()


def test_rows_carry_the_cell_s_temperature_and_none_where_nobody_knows_it() -> None:
    engine = engine_of(FAR)
    row = charging(engine).rows[0]
    assert row.temperature_K == ROOM_K
    assert engine.hear(seen(1.0 + FRESH_S, 0.01)).rows[0].temperature_K is None


def test_the_journal_is_told_what_moved_by_a_kelvin_what_came_and_what_went() -> None:
    engine = engine_of(rest(seconds(1000)))
    begun(engine)
    answers = [
        engine.hear(measured(float(n), kelvin))
        for n, kelvin in enumerate((ROOM_K + 0.9, ROOM_K + 1.1, ROOM_K + 1.5, None, None, ROOM_K))
    ]
    assert [e["temperatures_K"]["t"] for e in told(answers, "auxiliaries")] == [
        ROOM_K + 1.1,
        None,
        ROOM_K,
    ]


def test_the_state_with_its_values_comes_back_from_json() -> None:
    engine = engine_of(set_to("oven", 300.0), FAR)
    begun(engine)
    assert from_json(to_json(engine.state)) == engine.state


# ---- the limit on the temperature -----------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "kelvin", "trips"),
    [
        (HOT, ROOM_K + 9.9, False),
        (HOT, ROOM_K + 10.1, True),
        (Limits(2.0, 4.0, 0.02, temperature_low_K=280.0), 280.1, False),
        (Limits(2.0, 4.0, 0.02, temperature_low_K=280.0), 279.9, True),
        (LIMITS, 1000.0, False),
    ],
)
def test_a_temperature_beyond_its_limit_switches_off_at_once(limits, kelvin, trips) -> None:
    engine = engine_of(FAR, limits=limits)
    charging(engine)
    answer = engine.hear(measured(1.5, kelvin))
    assert (answer.commands == (Safe(),)) is trips
    if trips:
        (limit,) = told([answer], "limit")
        assert (limit["quantity"], limit["value"]) == ("temperature", kelvin)
        assert engine.hear(Safed(2.0)).ended == "limit"


def test_another_s_temperature_trips_no_limit() -> None:
    engine = engine_of(FAR, limits=HOT)
    charging(engine)
    assert engine.hear(measured(1.5, 1000.0, "oven")).commands == ()


def test_it_acts_while_the_run_waits_too() -> None:
    engine = engine_of(FAR, limits=HOT)
    charging(engine)
    engine.hear(Said(2.0, "pause", "ada"))
    engine.hear(seen(2.1, 0.01))
    assert engine.hear(Safed(2.2)).waits
    answer = engine.hear(measured(5.0, ROOM_K))
    assert answer.waits
    assert engine.hear(measured(9.0, 400.0)).commands == (Safe(),)


def test_a_scanner_lost_while_the_output_is_off_ends_nothing_before_it_goes_on() -> None:
    engine = engine_of(FAR, limits=HOT)
    charging(engine)
    engine.hear(Said(2.0, "pause", "ada"))
    engine.hear(seen(2.1, 0.01))
    assert engine.hear(Safed(2.2)).waits
    assert engine.hear(measured(LOST_S + 10.0, None)).waits
    engine.hear(Said(LOST_S + 20.0, "continue", "ada"))
    engine.hear(Applied(LOST_S + 20.1))
    assert engine.hear(measured(LOST_S + 21.0, None)).commands == (Safe(),)
    assert engine.hear(Safed(LOST_S + 22.0)).ended == "fault"


def test_a_group_s_narrower_limit_is_looked_at_before_its_step_begins() -> None:
    narrow = Limits(temperature_high_K=ROOM_K - 1.0)
    engine = engine_of(group("g", FAR, limits=narrow))
    assert begun(engine).commands == (Safe(),)
    assert engine.hear(Safed(1.0)).ended == "limit"


def test_nothing_is_driven_before_what_is_limited_was_measured() -> None:
    assert begun(engine_of(FAR), kelvin=None).commands != (Safe(),)
    engine = engine_of(FAR, limits=HOT)
    answer = begun(engine, kelvin=None)
    assert answer.commands == (Safe(),)
    assert told([answer], "fault")[0]["error"] == "TemperatureLost"
    assert engine.hear(Safed(1.0)).ended == "fault"


@pytest.mark.parametrize("by", ["reading", "poller"])
def test_a_limit_that_nobody_can_keep_any_more_ends_the_run(by: str) -> None:
    def hears(time_s: float):
        return seen(time_s, 0.01) if by == "reading" else measured(time_s, None)

    free = engine_of(FAR)
    engine = engine_of(FAR, limits=HOT)
    for each in (free, engine):
        charging(each)
        assert each.hear(hears(LOST_S - 0.1)).commands == ()
    assert free.hear(hears(LOST_S + 0.1)).commands == ()
    answer = engine.hear(hears(LOST_S + 0.1))
    assert answer.commands == (Safe(),)
    assert engine.hear(Safed(70.0)).ended == "fault"


def test_a_scanner_that_comes_back_in_time_ends_nothing() -> None:
    engine = engine_of(FAR, limits=HOT)
    charging(engine)
    for n in range(1, 100):
        assert engine.hear(measured(n * 50.0, None)).commands == ()
        assert engine.hear(measured(n * 50.0 + 1.0)).commands == ()
