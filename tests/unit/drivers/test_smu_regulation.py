"""What a source-measure unit is set to: never past the guard, also between two writes (S2)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_drivers.errors import OutOfRange
from labctl_drivers.keithley_24xx_dialects import Dialect2400, Dialect2450, Options
from labctl_drivers.keithley_24xx_models import SERIES_2400, SERIES_2450
from labctl_drivers.keithley_2600 import _Tsp
from labctl_drivers.keithley_2600_models import SERIES_2600
from labctl_drivers.keysight_b2900 import _B2900
from labctl_drivers.keysight_b2900_models import SERIES_B2900
from labctl_drivers.smu_regulation import Program, program_for
from labctl_drivers.vocabulary import Guard, Setpoint

M2400, M2450 = SERIES_2400["2400"], SERIES_2450["2450"]
OPTIONS = Options(rear=True, four_wire=True, nplc=1.0)
GUARD = Guard(-0.5, 1.5, 5e-3)


def test_charging_to_a_voltage_sources_it_plus_what_source_and_meter_may_err():
    got = program_for(Setpoint("current", 0.5e-3, 1.0), GUARD, M2400, 0.1)
    # 2 V range of SPEC-2400: source 0.02 % + 600 µV, measure 0.012 % + 300 µV
    assert got.level == pytest.approx(1.0 + 0.0002 + 600e-6 + 0.00012 + 300e-6)
    assert (got.function, got.limit, got.voltage.full_scale) == ("VOLT", 0.5e-3, 2.0)
    assert got.current.full_scale == 1e-3


def test_discharging_goes_the_other_way_and_zero_volts_is_a_voltage():
    got = program_for(Setpoint("current", -0.5e-3, 0.0), GUARD, M2400, 0.1)
    assert got.level == pytest.approx(-(600e-6 + 300e-6))
    assert got.limit == 0.5e-3


@pytest.mark.parametrize(
    ("setpoint", "level"),
    [
        (Setpoint("current", 1e-3, 1.0, hold_at_stop=True), 1.0),
        (Setpoint("current", 1e-3), 1.5),
        (Setpoint("current", -1e-3), -0.5),
        (Setpoint("current", 1e-3, 1.5), 1.5),
        (Setpoint("current", -1e-3, -0.5), -0.5),
        (Setpoint("voltage", 1e-3, 0.3), 0.3),
        (Setpoint("voltage", -1e-3, 0.0), 0.0),
    ],
)
def test_levels_of_the_other_steps(setpoint, level):
    assert program_for(setpoint, GUARD, M2450, 0.1).level == level


def test_rest_is_no_current_with_a_limit_beyond_any_cell():
    got = program_for(Setpoint("rest"), GUARD, M2450, None)
    assert (got.function, got.level, got.limit) == ("CURR", 0.0, 20.0)
    assert (got.current.full_scale, got.voltage.full_scale) == (1e-6, 20.0)


def test_the_first_range_holds_any_cell_and_a_held_range_is_kept():
    drive = Setpoint("current", -1e-3)
    assert program_for(drive, GUARD, M2450, None).voltage.full_scale == 20.0
    assert program_for(drive, GUARD, M2450, 2.7).voltage.full_scale == 20.0
    low = program_for(drive, GUARD, M2450, 0.2)
    assert low.voltage.full_scale == 2.0
    held = program_for(drive, GUARD, M2450, None).voltage
    assert program_for(drive, GUARD, M2450, 0.2, held).voltage is held
    assert program_for(drive, Guard(0, 30, 5e-3), M2450, 0.2, held).voltage.full_scale == 200.0


@pytest.mark.parametrize(
    ("current", "full_scale"),
    [(1e-3, 1e-3), (1.04e-3, 1e-3), (1.05e-3, 10e-3), (0.9e-6, 1e-6), (5e-3, 10e-3)],
)
def test_the_smallest_current_range_that_fits(current, full_scale):
    got = program_for(Setpoint("current", current), GUARD, M2400, 0.0)
    assert got.current.full_scale == full_scale


@pytest.mark.parametrize(
    ("setpoint", "guard"),
    [
        (Setpoint("current", 0.0), GUARD),
        (Setpoint("current", 1e-12), GUARD),
        (Setpoint("current", 6e-3), GUARD),
        (Setpoint("current", 1e-3, 1.6), GUARD),
        (Setpoint("current", 1e-3, -0.6), GUARD),
        (Setpoint("current", float("nan")), GUARD),
        (Setpoint("current", 1e-3, float("inf")), GUARD),
        (Setpoint("voltage", 1e-3), GUARD),
        (Setpoint("voltage", 0.0, 1.0), GUARD),
        (Setpoint("current", 2.0), Guard(0, 4, 10)),
        (Setpoint("current", 0.5), Guard(0, 40, 10)),
        (Setpoint("current", 0.5), Guard(0, 400, 10)),
        (Setpoint("rest"), Guard(0, 400, 10)),
        (Setpoint("rest"), Guard(2, 1, 1)),
        (Setpoint("rest"), Guard(0, float("nan"), 1)),
    ],
)
def test_what_cannot_be_done_is_refused(setpoint, guard):
    with pytest.raises(OutOfRange):
        program_for(setpoint, guard, M2450, 0.0)


volts = st.floats(-1.9, 1.9)
amps = st.floats(1e-6, 1.0) | st.sampled_from([1e-6, 1e-3, 1.04e-3, 1.0])


@given(volts, volts, st.floats(-1.0, 1.0).filter(lambda i: abs(i) >= 1e-9), st.data())
def test_the_level_never_leaves_the_guard_and_lies_in_the_current_s_direction(a, b, current, data):
    low, high = sorted((a, b))
    if low == high:
        return
    stop = data.draw(st.none() | st.floats(low, high))
    held = data.draw(st.booleans())
    setpoint = Setpoint("current", current, stop, hold_at_stop=held and stop is not None)
    for model in (M2400, M2450, SERIES_2450["2460"]):
        got = program_for(setpoint, Guard(low, high, 1.0), model, 0.0)
        assert low <= got.level <= high
        assert got.limit == abs(current) <= 1.05 * got.current.full_scale
        if stop is not None:
            assert (got.level - stop) * current >= 0


def drive(level, limit, model):
    got = program_for(Setpoint("voltage", limit, level), Guard(-2, 2, 1.0), model, 0.0)
    return Program("VOLT", level, limit, got.voltage, got.current)


KINDS = {
    r":SOUR1?:VOLT(?::LEV)? |smua\.source\.levelv=": "level",
    r":SENS1?:CURR:RANG |smua\.measure\.rangei=": "span",
    r":SENS1?:CURR:PROT |:SOUR:VOLT:ILIM |smua\.source\.limiti=": "limit",
}


def writes(line: str) -> list[tuple[str, float]]:
    """What one line sets, one after the other."""
    found = []
    for unit in re.split(r";| (?=smua)", line):
        (kind,) = [kind for words, kind in KINDS.items() if re.match(words, unit)]
        found.append((kind, float(re.split(r"[ =]", unit)[-1])))
    return found


class Meter:
    """What an output that is on does with each unit, and the two manuals' rules about it.

    2400S-900-01 page 18-62 note 3 (+824) and page 18-68 (+822).
    """

    def __init__(self, at: Program) -> None:
        self.level, self.limit, self.span = at.level, at.limit, at.current.full_scale

    def take(self, kind: str, value: float) -> None:
        if kind == "level":
            self.level = value
        elif kind == "span":
            assert value <= self.compliance_span() * 1.001, "+824"
            self.span = value
        else:
            assert value >= self.span * 1e-3, "+822"
            self.limit = value

    def compliance_span(self) -> float:
        return next(s for s in (10.0**n for n in range(-6, 2)) if self.limit <= s * 1.04)

    def most_A(self) -> float:
        return min(self.limit, self.span * 1.05)


@pytest.mark.parametrize(
    ("dialect", "model"), [(Dialect2400(OPTIONS), M2400), (Dialect2450(OPTIONS), M2450)]
)
@given(volts, amps, volts, amps)
def test_between_two_writes_the_cell_sees_one_setpoint_or_less(
    dialect, model, old_V, old_A, new_V, new_A
):
    old, new = drive(old_V, old_A, model), drive(new_V, new_A, model)
    meter = Meter(old)
    for kind, value in writes(dialect.change(old, new)):
        meter.take(kind, value)
        slack = 1 + 1e-6
        as_before = meter.level == old.level and meter.most_A() <= old.limit * slack
        close = abs(meter.level - new.level) <= 1e-6 * abs(new.level) + 1e-12
        as_after = close and meter.most_A() <= new.limit * slack
        assert as_before or as_after, kind
    assert close
    assert meter.limit == pytest.approx(new.limit, rel=1e-6)
    assert meter.span == new.current.full_scale


@pytest.mark.parametrize(
    ("dialect", "model"),
    [
        (_Tsp(1, four_wire=True, nplc=1.0, sink=False), SERIES_2600["2602B"]),
        (_B2900(1, four_wire=True, nplc=1.0), SERIES_B2900["B2902A"]),
    ],
)
@given(volts, amps, volts, amps)
def test_nor_does_it_on_an_instrument_whose_ranges_do_not_limit(
    dialect, model, old_V, old_A, new_V, new_A
):
    old, new = drive(old_V, old_A, model), drive(new_V, new_A, model)
    now = {"level": old.level, "limit": old.limit, "span": old.current.full_scale}
    for kind, value in writes(dialect.change(old, new)):
        now[kind] = value
        as_before = now["level"] == old.level and now["limit"] <= old.limit * (1 + 1e-6)
        close = abs(now["level"] - new.level) <= 1e-6 * abs(new.level) + 1e-12
        assert as_before or (close and now["limit"] <= new.limit * (1 + 1e-6)), kind
        if isinstance(dialect, _Tsp):
            # or a reading in compliance would overflow
            assert now["limit"] <= now["span"] * (1 + 1e-6), kind
    assert close
    assert now["limit"] == pytest.approx(new.limit, rel=1e-6)
    assert now["span"] == new.current.full_scale


def test_a_2602_is_read_on_6_V_while_a_cell_is_not_known_and_on_40_V_beyond():
    model = SERIES_2600["2602B"]
    got = program_for(Setpoint("rest"), GUARD, model, None)
    assert (got.limit, got.voltage.full_scale, got.current.full_scale) == (6.0, 6.0, 100e-9)
    assert program_for(Setpoint("rest"), Guard(0, 7, 1e-3), model, 3.0).voltage.full_scale == 40.0


@pytest.mark.parametrize("model", [SERIES_2600["2602B"], SERIES_B2900["B2902A"]])
@pytest.mark.parametrize(("current", "full_scale"), [(1e-3, 1e-3), (1.001e-3, 10e-3)])
def test_no_range_is_used_beyond_its_full_scale(model, current, full_scale):
    got = program_for(Setpoint("current", current), GUARD, model, 0.0)
    assert got.current.full_scale == full_scale
