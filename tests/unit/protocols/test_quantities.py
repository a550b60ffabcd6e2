"""Quantities: every unit of the closed list against factors written down here, and the lexing."""

import pytest
from helpers.binding import value_of

from labctl_protocols.quantities import (
    UNITS,
    QuantityError,
    lex_quantity,
    parse_quantity,
    to_si,
)

PREFIXES = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "c": 1e-2}
ROOTS = {
    "V": 1.0, "A": 1.0, "Ah": 3600.0, "W": 1.0, "Wh": 3600.0, "ohm": 1.0, "Hz": 1.0, "s": 1.0,
    "min": 60.0, "h": 3600.0, "d": 86400.0, "K": 1.0, "%": 0.01, "g": 1e-3, "C": 1 / 3600.0,
    "cm2": 1e-4, "mm2": 1e-6, "m2": 1.0, "mm": 1e-3, "cm": 1e-2,
}  # fmt: skip


def expected(unit: str) -> float:
    """The unit's factor from its parts: prefix, root, and what it is divided by."""
    top, _, bottom = unit.partition("/")
    below = expected(bottom) if bottom else 1.0
    if top in ROOTS:
        return ROOTS[top] / below
    return PREFIXES[top[0]] * ROOTS[top[1:]] / below


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit != "degC"])
def test_each_unit_is_worth_what_its_parts_say(unit: str) -> None:
    assert to_si(parse_quantity(f"3 {unit}")) == pytest.approx(3 * expected(unit), rel=1e-12)


def test_degrees_celsius_are_kelvin_with_an_offset() -> None:
    assert to_si(parse_quantity("25 degC")) == pytest.approx(298.15)
    assert value_of("-10 degC") == pytest.approx(263.15)


@pytest.mark.parametrize("micro", ["u", "\u00b5", "\u03bc"])
def test_all_three_signs_for_micro_are_one(micro: str) -> None:
    assert to_si(parse_quantity(f"5 {micro}Ah/cm2")) == pytest.approx(5e-6 * 3600 / 1e-4)


@pytest.mark.parametrize("ohm", ["ohm", "\u03a9", "\u2126"])
def test_all_signs_for_ohm_are_one(ohm: str) -> None:
    assert to_si(parse_quantity(f"2 k{ohm}")) == pytest.approx(2000)


@pytest.mark.parametrize(
    ("text", "amperes"),
    [
        # the cell `full`: 2 cm2, 4 mAh, 40 mg
        ("0.5 mA/cm2", 0.5e-3 * 2),
        ("C/10", 0.004 / 10),
        ("C/2.5", 0.004 / 2.5),
        ("0.5C", 0.004 * 0.5),
        ("2 C", 0.004 * 2),
        ("(1C / 4)", 0.001),
        ("100 mA/g", 100e-3 * 0.04),
        ("1 A/g", 0.04),
        ("30 A/m2", 30 * 2e-4),
        ("1mA", 1e-3),
        ("1e-3 A", 1e-3),
        (".5 mA", 0.5e-3),
    ],
)
def test_currents_resolve_against_the_cell(text: str, amperes: float) -> None:
    assert value_of(text) == pytest.approx(amperes, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "coulombs"),
    [
        ("1 mAh", 3.6),
        ("1 mAh/cm2", 3.6 * 2),
        ("100 mAh/g", 100 * 3.6 * 0.04),
        ("80 % of nominal", 0.8 * 4 * 3.6),
        ("50 % of 80 % of nominal", 0.4 * 4 * 3.6),
        ("50 % of nominal / 2", 0.25 * 4 * 3.6),
        ("C/10 * 5 h", 2 * 3.6),
        ("abs(-1 mAh)", 3.6),
        ("min(1 mAh, 2 mAh)", 3.6),
        ("max(1 mAh, 2 mAh, 3 mAh)", 3 * 3.6),
    ],
)
def test_charges_resolve_against_the_cell(text: str, coulombs: float) -> None:
    assert value_of(text) == pytest.approx(coulombs, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "value", "unit", "end"),
    [
        ("5 mV/h", 5, "mV/h", 6),
        ("10 h / k", 10, "h", 4),
        ("4.2V", 4.2, "V", 4),
        ("3 min", 3, "min", 5),
        ("30 s and", 30, "s", 4),
        ("80 % of", 80, "%", 4),
        ("80%", 80, "%", 3),
        ("C/10 or", 0.1, "C", 4),
        ("1C / $n", 1, "C", 2),
    ],
)
def test_a_quantity_ends_where_its_unit_ends(text: str, value: float, unit: str, end: int) -> None:
    lexed = lex_quantity(text, 0)
    assert lexed is not None
    quantity, stop = lexed
    assert (quantity.value, quantity.unit and quantity.unit.text, stop) == (value, unit, end)


@pytest.mark.parametrize("word", "or and not until then of as for over every cycles".split())
def test_words_of_the_language_are_never_units(word: str) -> None:
    lexed = lex_quantity(f"3 {word}", 0)
    assert lexed is not None
    assert lexed[0].unit is None


@pytest.mark.parametrize("text", ["1 cm²", "1 mA h", "1 volt", "1 Ω2", "1 mah", "1 as", "1 ma", ""])
def test_what_is_not_on_the_list_is_refused(text: str) -> None:
    with pytest.raises(QuantityError):
        parse_quantity(text)


def test_amperes_per_area_and_charge_per_current_reckon_out() -> None:
    assert value_of("4 mAh/cm2 / 0.5 mA/cm2") == pytest.approx(8 * 3600)
    assert value_of("1 V / 1 mA") == pytest.approx(1000)
