"""MacNet's messages as bytes: the reference's own examples, and what must never be a number."""

import json
import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labctl_drivers import macnet
from labctl_drivers.errors import BadReply, InstrumentRefused

REQUEST = b'{"jsonrpc":"2.0","method":"MacNet","params":{"FClass":4,"FNum":7,"Chan":0},"id":1987}'
REPLY = (
    b'{"jsonrpc":"2.0","result":{"FClass":4,"FNum":7,"Chan":0,"RF1":0,"RF2":192,"Stat":2,'
    b'"LastRecNum":4225,"Cycle":0,"Step":5,"TestTime":2.0,"StepTime":1.0,"Capacity":0,'
    b'"Energy":0,"Current":0,"Voltage":3.85,"TesterTime":"2022-10-13T12:32:56"},"id":1987}'
)
"""instruments.md §7.2."""


def read(frame: bytes, number: int = 1987, channel: int = 0) -> macnet.Status:
    """A status as the driver reads it."""
    reply = macnet.reply_of(frame)
    if not macnet.answers(reply, number):
        raise BadReply("late")
    return macnet.status_of(macnet.result_of(reply, macnet.STATUS, channel))


def test_the_request_of_the_reference() -> None:
    assert macnet.request(1987, macnet.STATUS, Chan=0) == REQUEST


def test_the_reply_of_the_reference() -> None:
    assert read(REPLY) == macnet.Status(2, 3.85, 0.0)
    assert read(REPLY).name == "Active"


def test_the_packet_of_the_reference() -> None:
    packet = macnet.rest_packet(0, 4)
    assert len(packet) == 26
    assert packet[:8].hex(" ") == "06 00 08 00 00 00 12 00"
    assert packet[-2:].hex(" ") == "04 52"
    assert struct.unpack("<ffff", packet[8:24]) == (0.0, 0.0, 65536.0, 0.0)
    assert macnet.rest_packet(258, 1)[4:6] == b"\x02\x01"


@pytest.mark.parametrize(
    "frame",
    [
        REPLY.replace(b'"id":1987', b'"id":1986'),
        REPLY.replace(b'"id":1987', b'"id":"1987"'),
        REPLY.replace(b'"id":1987', b'"id":1987.0'),
        REPLY.replace(b'"FClass":4', b'"FClass":6'),
        REPLY.replace(b'"FNum":7', b'"FNum":1'),
        REPLY.replace(b'"Chan":0', b'"Chan":1'),
        REPLY.replace(b'"Chan":0', b'"Chan":false'),
        REPLY.replace(b'"Chan":0,', b""),
        REPLY.replace(b'"Stat":2', b'"Stat":17'),
        REPLY.replace(b'"Stat":2', b'"Stat":-1'),
        REPLY.replace(b'"Stat":2', b'"Stat":2.0'),
        REPLY.replace(b'"Stat":2', b'"Stat":true'),
        REPLY.replace(b'"Stat":2,', b""),
        REPLY.replace(b"3.85", b'"3.85"'),
        REPLY.replace(b"3.85", b"true"),
        REPLY.replace(b"3.85", b"null"),
        REPLY.replace(b"3.85", b"NaN"),
        REPLY.replace(b"3.85", b"-Infinity"),
        REPLY.replace(b"3.85", b"1e999"),
        REPLY.replace(b"3.85", b"9" * 400),
        REPLY.replace(b"3.85", b"9" * 5000),
        REPLY.replace(b"3.85", b"[3.85]"),
        REPLY.replace(b',"Voltage":3.85', b""),
        REPLY.replace(b'"Current":0,', b'"Current":0,"Voltage":1.0,'),
        REPLY.replace(b'"2.0"', b"2.0"),
        REPLY + REPLY,
        REPLY[:-1],
        REPLY[1:],
        b"[" * 60000,
        b"\xff" + REPLY,
        b"null",
        b"[]",
        b"",
    ],
)
def test_what_is_no_status(frame: bytes) -> None:
    with pytest.raises(BadReply):
        read(frame)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(st.sampled_from(["Voltage", "Current", "Stat", "Chan", "FNum", "FClass"]), ANYTHING)
@example("Voltage", float("nan"))
@example("Current", True)
def test_a_value_of_any_kind_is_a_number_or_refused(key: str, value: Any) -> None:
    reply = json.loads(REPLY)
    reply["result"][key] = value
    try:
        status = read(json.dumps(reply).encode())
    except BadReply:
        return
    for given_, found in ((3.85, status.voltage_V), (0, status.current_A), (2, status.stat)):
        name = {3.85: "Voltage", 0: "Current", 2: "Stat"}[given_]
        assert found == (value if key == name else given_)
    assert not isinstance(value, bool | str | None)


@given(st.binary(max_size=200))
def test_bytes_are_refused_and_never_crash(data: bytes) -> None:
    with pytest.raises(BadReply):
        read(data)


@given(st.integers(0, len(REPLY) - 1), st.integers(0, 255))
def test_a_byte_changed_gives_the_same_kind_of_thing_or_nothing(place: int, byte: int) -> None:
    """A changed digit is still a number; that is for plausibility to judge, not for the codec."""
    frame = REPLY[:place] + bytes([byte]) + REPLY[place + 1 :]
    try:
        status = read(frame)
    except (BadReply, InstrumentRefused):
        return
    assert isinstance(status.voltage_V, float)
    assert 0 <= status.stat <= 16


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("OK", 0),
        (0, 0),
        (3, 3),
        ("3", 3),
        ("Command sent too fast. There must be at least 100 ms between commands.", 3),
        ("5: Direct mode is not ready yet.", 5),
        ("The channel is not active", 2),
        ("Direct mode is not active.", 4),
        ("Illegal system type", 1),
        ("whatever", -1),
        ("ok?", -1),
    ],
)
def test_what_a_result_says(said: object, code: int) -> None:
    if code == 0:
        macnet.check_accepted({"Result": said}, macnet.SET_OUTPUT)
        return
    with pytest.raises(InstrumentRefused) as refused:
        macnet.check_accepted({"Result": said}, macnet.SET_OUTPUT)
    assert refused.value.code == code


@pytest.mark.parametrize("said", [None, True, 0.0, [], {}])
def test_a_result_that_says_nothing(said: object) -> None:
    with pytest.raises(BadReply):
        macnet.check_accepted({"Result": said}, macnet.RESET)


SENT = macnet.rest_packet(2, 1)


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0", b"\0\0\0\0", SENT[8:]])
def test_a_packet_that_was_taken(data: bytes) -> None:
    macnet.check_packet(SENT[:6] + len(data).to_bytes(2, "little") + data, SENT)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        SENT[:7],
        SENT[:4] + b"\1\0" + b"\1\0\0",  # another channel
        SENT[:6] + b"\2\0\0",  # shorter than it says
        SENT[:6] + b"\3\0\0\0\0",
        SENT[:-1] + b"C",
    ],
)
def test_what_is_no_reply_to_a_packet(frame: bytes) -> None:
    with pytest.raises(BadReply):
        macnet.check_packet(frame, SENT)


def test_a_packet_that_was_refused() -> None:
    with pytest.raises(InstrumentRefused, match="too fast") as refused:
        macnet.check_packet(SENT[:6] + b"\1\0\3", SENT)
    assert refused.value.code == macnet.TOO_FAST


def test_frames_are_cut_where_they_end() -> None:
    buffer = bytearray(b'{\n "a": 1\n}\r\n{"b"')
    assert macnet.OBJECTS.cut(buffer) == b'{\n "a": 1\n}'
    assert macnet.OBJECTS.cut(buffer) is None
    assert buffer == b'{"b"'
    packets = bytearray(SENT[:20])
    assert macnet.PACKETS.cut(packets) is None
    packets += SENT[20:] + SENT[:6]
    assert macnet.PACKETS.cut(packets) == SENT
    assert macnet.PACKETS.cut(packets) is None
    assert packets == SENT[:6]
