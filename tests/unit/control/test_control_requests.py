"""Requests on the control socket: what is one, and that nothing else is."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.control.request import (
    COMMANDS,
    MOST_AMEND_BYTES,
    MOST_BYTES,
    BadRequest,
    Reply,
    Request,
    asker,
    read_reply,
    read_request,
    reply_line,
    request_line,
)

BY = "ada@lab, pid 1"


def line(**told: object) -> bytes:
    return json.dumps({"command": "stop", "by": BY, **told}).encode()


PRINTABLE = st.text(min_size=1, max_size=50).filter(str.isprintable)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
PLAIN = st.builds(Request, st.sampled_from([c for c in COMMANDS if c != "amend"]), PRINTABLE)
AMENDMENTS = st.builds(
    Request,
    st.just("amend"),
    PRINTABLE,
    st.dictionaries(NAMES, PRINTABLE, max_size=5),
    st.text(st.characters(exclude_categories=["Cs"])),
    PRINTABLE,
)


WITHOUT_PROTOCOL = AMENDMENTS.map(lambda r: replace(r, protocol=None, file="protocol"))


@settings(max_examples=60)
@given(st.one_of(PLAIN, AMENDMENTS, WITHOUT_PROTOCOL))
def test_a_request_arrives_as_it_was_sent(request: Request) -> None:
    sent = request_line(request)
    assert sent.count(b"\n") == 1
    assert read_request(sent) == request


@given(st.binary(max_size=400))
def test_bytes_that_are_no_request_are_refused_and_nothing_else_happens(sent: bytes) -> None:
    with pytest.raises(BadRequest):
        read_request(sent)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FIELDS = ["command", "by", "parameters", "protocol", "file", "more"]


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON | st.sampled_from([*COMMANDS, BY])))
def test_what_looks_like_a_request_is_one_or_is_refused(told: dict[str, object]) -> None:
    sent = json.dumps(told).encode()
    try:
        request = read_request(sent)
    except BadRequest:
        return
    assert {"command", "by"} <= told.keys() <= set(FIELDS[:5])
    assert request.command == told["command"]
    assert request.by == told["by"]
    assert request.parameters == told.get("parameters", {})
    assert request.protocol == told.get("protocol")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        line().decode().encode("utf-16"),
        line(command="delete"),
        line(command=["stop"]),
        line(by=""),
        line(by="a\nb"),
        line(by="\x1b[2J"),
        line(by="x" * 2000),
        line(by=1),
        line(more=1),
        line(parameters={}),  # only `amend` takes them
        line(protocol="name: x"),
        line(command="amend", parameters=[]),
        line(command="amend", parameters={"a b": "1 V"}),
        line(command="amend", parameters={"a": 1}),
        line(command="amend", parameters={"a": None}),
        line(command="amend", parameters={f"p{n}": "1 V" for n in range(300)}),
        line(command="amend", protocol=1),
        line(command="amend", protocol="\ud800"),
        line(command="amend", file="../\x00"),
        b'{"command": "stop", "by": "a", "by": "b"}',
        b'{"command": "stop", "by": NaN}',
        b"[" * 100_000,
        b"9" * 10_000,
        json.dumps({"by": BY, "x": "y" * MOST_BYTES, "command": "pause"}).encode(),
        json.dumps({"command": "pause", "by": BY}).encode() + b" " * MOST_BYTES,
    ],
)
def test_it_is_refused(sent: bytes) -> None:
    with pytest.raises(BadRequest):
        read_request(sent)


def test_only_an_amendment_may_be_large() -> None:
    request = Request("amend", BY, {}, "x" * (MOST_BYTES * 2), "p.yaml")
    assert read_request(request_line(request)) == request
    with pytest.raises(BadRequest, match="bytes"):
        request_line(replace(request, protocol="x" * MOST_AMEND_BYTES))


def test_who_asks_is_told_with_host_and_process() -> None:
    assert "@" in asker()
    assert ", pid " in asker()
    assert read_request(request_line(Request("stop", asker()))).by == asker()


@settings(max_examples=30)
@given(st.booleans(), st.text(st.characters(exclude_categories=["Cs"])), st.lists(PRINTABLE))
def test_a_reply_arrives_as_it_was_sent(ok: bool, text: str, lines: list[str]) -> None:
    reply = Reply(ok, text, tuple(lines), {"outcome": "stopped", "t": 1.5})
    assert read_reply(reply_line(reply)) == reply


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"{}",
        b'{"ok": 1, "text": "", "lines": [], "data": {}}',
        b'{"ok": true, "text": "", "lines": [1], "data": {}}',
        b'{"ok": true, "text": "", "lines": "", "data": {}}',
        b'{"ok": true, "text": null, "lines": [], "data": {}}',
        b'{"ok": true, "text": "", "lines": [], "data": []}',
    ],
)
def test_it_is_no_reply(sent: bytes) -> None:
    with pytest.raises(BadRequest):
        read_reply(sent)
