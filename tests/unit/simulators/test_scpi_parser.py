"""The instrument's parser: spellings, paths, parameters, and what hostile input becomes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_simulators.firmware import scpi
from labctl_simulators.firmware.scpi import Argument, Command, Grammar, ScpiError

GRAMMAR = Grammar(
    [
        Command("*IDN", ask=lambda d, a: "me"),
        Command("[:SENSe[1]]:CURRent[:DC]:RANGe[:UPPer]", lambda d, a: None, lambda d, a: "r"),
        Command("[:SENSe[1]]:CURRent[:DC]:NPLCycles", lambda d, a: None, lambda d, a: "n"),
        Command(":SOURce[1]:FUNCtion[:MODE]", lambda d, a: None, lambda d, a: "f"),
        Command(":SYSTem:ERRor[:NEXT]", ask=lambda d, a: "e"),
        Command(":INITiate[:IMMediate]", lambda d, a: None, None, (0, 0)),
    ]
)


def specs(line):
    return [(u.command.spec if u.command else u.error) for u in GRAMMAR.parse(line)]


RANGE, NPLC = GRAMMAR.commands[1].spec, GRAMMAR.commands[2].spec


@pytest.mark.parametrize(
    "line",
    [
        ":SENS:CURR:RANG 1",
        "sense:current:range 1",
        ":SENSe1:CURRent:DC:RANGe:UPPer 1",
        "CURR:RANG 1",
        "curr:dc:rang:upp 1\t",
        "SENS1:CURR:RANG:UPP 1",
    ],
)
def test_every_spelling_of_a_header_is_the_same_command(line):
    assert specs(line) == [RANGE]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("SENSE:CURREN:RANG 1", -113),
        ("NOTHING", -113),
        ("SENS2:CURR:RANG 1", -114),
        ("SOUR:FUNC", -109),
        ("SOUR:FUNC VOLT,CURR", -108),
        ("INIT 1", -108),
        ("INIT?", -113),
        ("SYST:ERR 1", -113),
        ("*FOO?", -113),
        ("SENS:THIRTEENLETTERS 1", -112),
        ("SENS::CURR 1", -113),
        ("SENS:CU!R:RANG 1", -102),
        ("SOUR:FUNC??", -102),
        ('SOUR:FUNC "VOLT', -151),
        ("SOUR:FUNC ,VOLT", -109),
        ("SOUR:FUNC \x01", -101),
        ("SOUR:FUNC é", -101),
    ],
)
def test_a_bad_unit_has_its_own_code(line, code):
    assert specs(line) == [code]


def test_a_message_goes_on_in_the_subsystem_of_its_last_header():
    assert specs("SENS:CURR:RANG 1;NPLC 2;:SOUR:FUNC VOLT;*IDN?;FUNC?") == [
        RANGE,
        NPLC,
        ":SOURce[1]:FUNCtion[:MODE]",
        "*IDN",
        ":SOURce[1]:FUNCtion[:MODE]",
    ]


def test_without_a_colon_another_subsystem_is_not_found():
    assert specs("SENS:CURR:RANG 1;SOUR:FUNC VOLT") == [RANGE, -113]


def test_nothing_follows_a_bad_unit():
    assert specs("CURR:RANG 1;BAD;*IDN?") == [RANGE, -113]


def test_separators_inside_strings_are_text():
    (unit,) = GRAMMAR.parse("SOUR:FUNC 'a;b,c'")
    assert unit.arguments == (Argument("a;b,c", True),)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1E-3", 1e-3), ("+.5", 0.5), ("-2.", -2.0), ("1 e 2", 100.0), ("#H10", 16.0), ("#B101", 5.0),
     ("#Q17", 15.0), ("MIN", -200.0), ("maximum", 200.0), ("DEF", 7.0)],
)  # fmt: skip
def test_numbers(text, value):
    assert scpi.number(Argument(text, False), -200, 200, {"DEFault": 7.0}) == value


@pytest.mark.parametrize(
    ("text", "code"),
    [("1e999", -123), ("nan", -141), ("inf", -141), ("1.2.3", -121), ("5 mA", -131), ("201", -222),
     ("#Z1", -121), ("", -104), ("--1", -121), ("MAXI", -141)],
)  # fmt: skip
def test_bad_numbers(text, code):
    with pytest.raises(ScpiError) as caught:
        scpi.number(Argument(text, text == ""), -200, 200)
    assert caught.value.code == code


@given(st.text(max_size=60))
def test_whatever_arrives_is_units_or_one_error(line):
    units = GRAMMAR.parse(line)
    assert all((u.command is None) == (u.error < 0) for u in units)
    assert all(u.command is not None for u in units[:-1])


@given(st.text(alphabet="SENCURANG:;?*12 ,'\"()#.e-", max_size=40))
def test_nearly_right_input_is_units_or_one_error(line):
    assert all((u.command is None) == (u.error < 0) for u in GRAMMAR.parse(line))


def test_the_cache_of_lines_is_bounded():
    grammar = Grammar(GRAMMAR.commands)
    for number in range(3 * scpi.CACHED_LINES):
        grammar.parse(f"CURR:RANG {number}")
    assert len(grammar._cache) <= scpi.CACHED_LINES
