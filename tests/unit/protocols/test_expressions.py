"""Conditions: three-valued logic, guards, names, and what binds to what."""

from itertools import product

import pytest
from helpers.binding import Known, term_of, truth_of, value_of

from labctl_protocols.plan import Value
from labctl_protocols.problems import ProtocolError

# a and b are `voltage > 0 V` and `current > 0 A`: 1 true, 0 false, None unknown
AMOUNTS: dict[Value, float | None] = {True: 1.0, False: -1.0, None: None}
RANK: dict[Value, int] = {False: 0, None: 1, True: 2}
"""Kleene: false < unknown < true; `and` is the lesser, `or` the greater."""


def names(a: Value, b: Value) -> Known:
    return Known({"voltage": AMOUNTS[a], "current": AMOUNTS[b]})


@pytest.mark.parametrize(("a", "b"), list(product([True, False, None], repeat=2)))
def test_and_is_the_lesser_and_or_the_greater(a: Value, b: Value) -> None:
    both = truth_of("voltage > 0 V and current > 0 A", names(a, b))
    either = truth_of("voltage > 0 V or current > 0 A", names(a, b))
    assert both is min(a, b, key=RANK.__getitem__)
    assert either is max(a, b, key=RANK.__getitem__)


@pytest.mark.parametrize(("a", "turned"), [(True, False), (False, True), (None, None)])
def test_not_unknown_is_unknown(a: Value, turned: Value) -> None:
    assert truth_of("not voltage > 0 V", names(a, None)) is turned


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "!="])
def test_a_comparison_with_unknown_is_unknown(sign: str) -> None:
    assert truth_of(f"ce {sign} 99 %") is None
    assert truth_of(f"99 % {sign} ce") is None
    assert truth_of(f"ce {sign} retention", Known({"ce": 1.0})) is None


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("voltage < 1 V", False),
        ("voltage <= 1 V", True),
        ("voltage >= 1 V", True),
        ("voltage > 1 V", False),
        ("voltage == 1 V", True),
        ("voltage != 1 V", False),
        ("1 V < voltage", False),
        ("voltage < 1001 mV", True),
        ("voltage > -1 V", True),
    ],
)
def test_comparisons(text: str, result: bool) -> None:
    assert truth_of(text, Known({"voltage": 1.0})) is result


def test_zero_is_a_value_like_any_other() -> None:
    assert truth_of("voltage <= 0 V", Known({"voltage": 0.0})) is True
    assert truth_of("deposit > 0 mAh", Known({"deposit": 0.0})) is False


def test_unknown_spreads_through_arithmetic() -> None:
    assert value_of("1.2 * deposit") is None
    assert value_of("max(deposit, 1 mAh)") is None
    assert value_of("abs(current)") is None
    assert value_of("1 mAh / k", Known({"k": 0.0})) is None


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("7 - 2 - 1", 4.0),
        ("12 / 3 / 2", 2.0),
        ("-2 * 3", -6.0),
        ("2 * -3", -6.0),
        ("-(1 + 2)", -3.0),
        ("50 % of 8", 4.0),
        ("2 * 50 % of 8", 8.0),
        ("min(3, 2) + max(1, 5)", 7.0),
        ("abs(2 - 5)", 3.0),
    ],
)
def test_arithmetic_binds_as_in_school(text: str, result: float) -> None:
    term = term_of(text)
    assert term.constant == pytest.approx(result)
    assert term.run(Known()) == pytest.approx(result)


def test_not_binds_tighter_than_and_tighter_than_or() -> None:
    # true or (false and x): only this reading is true
    text = "voltage > 0 V or voltage < 0 V and current > 0 A"
    assert truth_of(text, names(True, False)) is True
    # (not a) and b
    assert truth_of("not voltage > 0 V and current > 0 A", names(True, False)) is False


def test_a_guard_binds_to_the_comparison_before_it() -> None:
    known = names(True, False)
    assert truth_of("voltage > 0 V for 30 s or current > 0 A", known) is True
    assert [asked[1:] for asked in known.asked] == [(True, 30.0, None)]
    known = names(True, False)
    truth_of("ce < 99 % for 3 cycles", known)
    assert [asked[1:] for asked in known.asked] == [(None, None, 3.0)]


def test_a_guard_sees_every_reading_whatever_stands_beside_it() -> None:
    known = names(False, True)
    truth_of("voltage > 0 V and current > 0 A for 30 s", known)
    known.values = {"voltage": 1.0, "current": 1.0}
    truth_of("voltage > 0 V or current > 0 A for 30 s", known)
    assert [asked[1] for asked in known.asked] == [True, True]


def test_what_ended_is_a_word() -> None:
    assert truth_of("ended == voltage", Known(ended="voltage")) is True
    assert truth_of("voltage == ended", Known(ended="charge")) is False
    assert truth_of("ended != time", Known(ended="charge")) is True
    assert truth_of("ended == dV/dt", Known(ended="dV/dt")) is True
    assert truth_of("ended == charge") is None


def test_last_takes_a_raw_label_with_hyphens() -> None:
    known = Known({"last(top-up).capacity": 3.6})
    assert truth_of("last(top-up).capacity >= 1 mAh", known) is True
    assert truth_of("last(top-down).capacity >= 1 mAh", known) is None


def test_the_slope_takes_its_window() -> None:
    known = Known({"voltage over 600": -2e-7})
    assert truth_of("abs(dV/dt over 10 min) < 1 mV/h", known) is True
    assert truth_of("dV/dt over 5 min < 1 mV/h", known) is None


def test_min_is_minutes_after_a_number_and_a_function_otherwise() -> None:
    assert value_of("3 min") == 180.0
    assert value_of("2 * min(1 min, 30 s)") == 60.0


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("voltage > 1 V", "voltage"),
        ("1 V < voltage", "voltage"),
        ("abs(current) < 1 mA", "current"),
        ("1 mAh < deposit + lost", "deposit"),
        ("dV/dt over 10 min < 1 mV/h", "dV/dt"),
        ("k > 2", None),
    ],
)
def test_the_word_of_a_comparison_is_its_first_live_name(text: str, word: str | None) -> None:
    assert term_of(text, start="condition").word == word


@pytest.mark.parametrize("text", ["(" * 900 + "1" + ")" * 900, "1" + " + 1" * 900, "-" * 900 + "1"])
def test_long_and_deep_texts_are_told_and_do_not_overflow(text: str) -> None:
    try:
        value = value_of(text)
    except ProtocolError as error:
        refused = error.problems[0].rule
    else:
        refused = "" if value == 1.0 else "wrong"
    assert refused in ("", "too-large")
