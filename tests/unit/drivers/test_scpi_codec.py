"""Replies are taken whole or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_drivers import scpi
from labctl_drivers.errors import BadReply, InvalidReading


@pytest.mark.parametrize(
    ("field", "value"),
    [("4.2", 4.2), ("+5.000000E-04", 5e-4), ("-1", -1.0), (".5", 0.5), (" 1e3 ", 1000.0)],
)
def test_numbers(field, value):
    assert scpi.number(field) == value


@pytest.mark.parametrize(
    "field", ["", "+", "4.2 V", "1,5", "1.0E", "nan", "inf", "0x10", "1_000", "٣", "4.2\n", "--1"]
)
def test_what_is_no_number(field):
    with pytest.raises(BadReply):
        scpi.number(field)


@pytest.mark.parametrize(
    "field", [b"+9.910000E+37", b"9.9E37", b"-9.900000E+37", b"nan", b"inf", b"1e400"]
)
def test_sentinels_are_no_measurements(field):
    with pytest.raises(InvalidReading):
        scpi.measured(field)


@pytest.mark.parametrize(
    ("frame", "code", "text", "is_error"),
    [
        (b'0,"No error"', 0, "No error", False),
        (b'+0,"No error"', 0, "No error", False),
        (b'0,"No error;0;0 0"', 0, "No error", False),
        (b'-113,"Undefined header"', -113, "Undefined header", True),
        (b'+803,"Not permitted with OUTPUT off"', 803, "Not permitted with OUTPUT off", True),
        (
            b'-113,"Undefined header;1;2018/05/26 14:00:14.871"',
            -113,
            "Undefined header",
            True,
        ),
        (b'5076,"Limit changed;2;2018/05/26 14:00:14.871"', 5076, "Limit changed", False),
        (b'+114,"Source in compliance"', 114, "Source in compliance", False),
        (b'-285,"TSP Syntax error at line 1; near x"', -285, None, True),
    ],
)
def test_error_queue(frame, code, text, is_error):
    entry = scpi.queue_entry(frame)
    assert (entry.code, entry.is_error) == (code, is_error)
    assert text is None or entry.text == text


@pytest.mark.parametrize("frame", [b"", b"0", b'0,"No er', b"+1.000000E+00", b'x,"y"', b"\xff"])
def test_what_is_no_error_queue_entry(frame):
    with pytest.raises(BadReply):
        scpi.queue_entry(frame)


def test_identities():
    old = scpi.identity(
        b"KEITHLEY INSTRUMENTS INC.,MODEL 2400,4105123,C32   Oct  4 2010 14:20:11/A02  /S/K"
    )
    assert (old.model, old.serial) == ("2400", "4105123")
    assert old.firmware == "C32   Oct  4 2010 14:20:11/A02  /S/K"
    new = scpi.identity(b"KEITHLEY INSTRUMENTS,MODEL 2450,04488850,1.7.3c")
    assert (new.model, new.serial, new.firmware) == ("2450", "04488850", "1.7.3c")


@pytest.mark.parametrize(
    "frame",
    [
        b"+3.7E+00,+5.0E-04,+1.0E+02,+4.2E+06",
        b'0,"No error"',
        b"3.7,1,4,1.0",
        b"1",
        b"SCPI",
        b"",
        b"HIMP;1;VOLT;4.2",
    ],
)
def test_no_other_reply_looks_like_an_identity(frame):
    assert not scpi.looks_like_identity(frame)


@given(st.floats(-1e6, 1e6))
def test_numbers_survive_being_sent(value):
    assert scpi.number(scpi.nr3(value)) == pytest.approx(value, rel=1e-6, abs=1e-12)


@given(st.binary(max_size=60))
def test_whatever_comes_ends_in_a_value_or_a_bad_reply(frame):
    for parse in (scpi.identity, scpi.queue_entry, scpi.text):
        try:
            parse(frame)
        except BadReply:
            pass


def test_the_same_instrument_is_known_by_maker_model_and_serial():
    whole = b"KEITHLEY INSTRUMENTS,MODEL 2450,04488850,1.7.3c"
    assert scpi.is_same(whole, whole[:-1])
    assert not scpi.is_same(whole.replace(b"50,1", b"51,1"), whole)
    assert not scpi.is_same(b",".join(whole.split(b",")[:3]), whole)
