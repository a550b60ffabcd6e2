"""Numbers and lines of MethodSCRIPT, by the examples of instruments.md §4 and against noise."""

import math
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from labctl_drivers.errors import BadReply, InvalidReading, OutOfRange
from labctl_drivers.methodscript.numbers import literal, rounded, value_of
from labctl_drivers.methodscript.output import (
    Refusal,
    Variable,
    broken_off,
    package,
    refusal,
    technique,
)

PREFIXES = {
    "a": Fraction(1, 10**18), "f": Fraction(1, 10**15), "p": Fraction(1, 10**12),
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000),
    " ": Fraction(1), "": Fraction(1), "k": Fraction(1000), "M": Fraction(10**6),
    "G": Fraction(10**9), "T": Fraction(10**12), "P": Fraction(10**15), "E": Fraction(10**18),
}  # fmt: skip
PACKAGE = b"Peb80186A0u;ab83879F2u,10,206;ba807A120n,10,215,40"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"800000Am", 0.01),
        (b"7FFFFF6m", -0.01),
        (b"8401640u", 4.2),
        (b"83879F2u", 3.701234),
        (b"807A120n", 0.5e-3),
        (b"7F85EE0n", -0.5e-3),
        (b"80186A0u", 0.1),
        (b"80186A0 ", 100e3),
        (b"8000003i", 3.0),
        (b"8000000 ", 0.0),
        (b"0000001a", -134217727e-18),
        (b"FFFFFFFE", 134217727e18),
    ],
)
def test_the_examples_of_the_reference(field, value):
    assert value_of(field) == value


@pytest.mark.parametrize(
    "field",
    [
        b"     nan",
        b"",
        b"8401640",
        b"840164u",
        b"84016400u",
        b"8401640x",
        b"8401640\n",
        b"84O1640u",
        b"84_1640u",
        b"+401640u",
        b" 401640u",
        b"8401640U",
        "８４01640u".encode(),
        b"84015f0u",
    ],
)
def test_what_is_no_value_is_never_a_number(field):
    with pytest.raises(InvalidReading):
        value_of(field)


@given(st.integers(-(1 << 27), (1 << 27) - 1), st.sampled_from([p for p in PREFIXES if p]))
def test_every_value_is_the_float_nearest_to_what_was_sent(whole, prefix):
    # Fraction's own division is correctly rounded, whatever ours does
    exact = float(whole * PREFIXES[prefix])
    assert value_of(b"%07X%s" % (whole + (1 << 27), prefix.encode())) == exact


@pytest.mark.parametrize(
    ("value", "text"),
    [(4.2, "4200m"), (0.123456e-3, "123456n"), (0.5, "500m"), (-2.0, "-2"), (0.0, "0"),
     (36000.0, "36000"), (1e-15, "1f"), (5e9, "5000000k"), (-0.0, "0")],
)  # fmt: skip
def test_literals_as_the_reference_writes_them(value, text):
    assert literal(value) == text


@given(st.floats())
def test_a_literal_is_exact_or_refused(value):
    try:
        text = literal(value)
    except OutOfRange:
        return
    digits, prefix = (text, "") if text[-1].isdigit() else (text[:-1], text[-1])
    # the float nearest to what the literal says is the one that was meant
    assert float(int(digits) * PREFIXES[prefix]) == value


@given(st.floats(0.0, 1e9), st.sampled_from([1, -1]))
def test_what_is_set_is_rounded_to_seven_digits_and_then_exact(size, sign):
    value = rounded(sign * size)
    assert math.isclose(value, sign * size, rel_tol=5e-7, abs_tol=5e-19)
    assert literal(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value):
    for refuse in (literal, rounded):
        with pytest.raises(OutOfRange):
            refuse(value)


def test_the_package_of_the_reference():
    assert package(PACKAGE) == (
        Variable("eb", 0.1),
        Variable("ab", 3.701234, 0, 6),
        Variable("ba", 0.5e-3, 0, 0x15),
    )


@pytest.mark.parametrize("cut", range(len(PACKAGE)))
def test_a_package_cut_short_never_has_three_values_other_than_those_sent(cut):
    try:
        found = package(PACKAGE[:cut])
    except InvalidReading:
        return
    whole = package(PACKAGE)
    assert [each.value for each in found] == [each.value for each in whole[: len(found)]]


@pytest.mark.parametrize(
    "line",
    [
        b"P",
        b"P;",
        b"Qeb80186A0u",
        b"Peb80186A0u;",
        b"Peb80186A0u ;ab83879F2u",
        b"Pzz80186A0u",
        b"PEB80186A0u",
        b"Peb80186A0u,1",
        b"Peb80186A0u,1G",
        b"Peb80186A0u,206F",
        b"Peb80186A0u,10,",
        b"Peb80186A0u\x00",
        b"Peb     nan",
        b"Peb80186A0u;ab83879F2u,10,206;ba807A120n,10,215,40P",
    ],
)
def test_a_package_that_is_not_whole_is_refused(line):
    with pytest.raises(InvalidReading):
        package(line)


@given(st.binary(max_size=60))
def test_noise_is_no_package(noise):
    assume(not noise.startswith(b"P"))
    with pytest.raises(InvalidReading):
        package(noise)


@given(st.integers(0, len(PACKAGE) - 1), st.integers(0, 255))
def test_a_byte_changed_is_refused_or_stays_in_its_place(place, byte):
    garbled = bytearray(PACKAGE)
    garbled[place] = byte
    try:
        found = package(bytes(garbled))
    except InvalidReading:
        return
    same = [a == b for a, b in zip(found, package(PACKAGE), strict=True)]
    assert same.count(False) <= 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"Z!0006", Refusal("Z", 6, None)),
        (b"e!4001: Line 3, Col 5", Refusal("e", 0x4001, 3)),
        (b"!0032: Line 12", Refusal("", 0x32, 12)),
        (b"Z", None),
        (b"!003", None),
        (b"P!0032", Refusal("P", 0x32, None)),
        (b"Peb80186A0u", None),
        (b"", None),
    ],
)
def test_errors_of_commands_and_of_scripts(line, told):
    assert refusal(line) == told
    ends_a_script = told is not None and told.command in ("", "e")
    assert broken_off(line) == (told if ends_a_script else None)


def test_loops_that_no_script_here_has_are_refused():
    assert technique(b"M000A") == "current"
    assert technique(b"M0007") == "voltage"
    for line in (b"M0001", b"M", b"M000a", b"N000A"):
        with pytest.raises(BadReply):
            technique(line)
