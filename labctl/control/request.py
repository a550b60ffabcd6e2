"""What may be asked of a running run, and how it stands on the wire: one line of JSON each way.

All that comes in is hostile until it has been read here: whatever is not exactly so is refused.
"""

import getpass
import json
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

Command = Literal["stop", "pause", "continue", "skip", "status", "amend"]
COMMANDS: tuple[str, ...] = get_args(Command)
MOST_BYTES = 64 * 1024
MOST_AMEND_BYTES = 1024 * 1024
"""An amendment may bring a whole protocol."""
MOST_PARAMETERS = 256
MOST_VALUE = 1000
NAME = re.compile(r"[^\W\d]\w{0,63}")


class BadRequest(Exception):
    """What came is no request; the text says why, without repeating what came."""


@dataclass(frozen=True, slots=True)
class Request:
    """A command, who gives it, and for `amend` what changes: parameters' texts, a new protocol.

    `file` is what the sender calls the protocol, for messages.
    """

    command: Command
    by: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    protocol: str | None = None
    file: str = "protocol"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a request. `lines` are what is wrong with an amendment, one problem each."""

    ok: bool
    text: str
    lines: tuple[str, ...] = ()
    data: Mapping[str, object] = field(default_factory=dict)


def asker() -> str:
    """Who is asking: user, host and process."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = "?"
    return f"{user}@{socket.gethostname()}, pid {os.getpid()}"


def request_line(request: Request) -> bytes:
    """The request as it is sent. Raises BadRequest for one that nobody would take."""
    told: dict[str, object] = {"command": request.command, "by": request.by}
    if request.command == "amend":
        told["parameters"] = dict(request.parameters)
        if request.protocol is not None:
            told |= {"protocol": request.protocol, "file": request.file}
    line = _line(told)
    if len(line) > MOST_AMEND_BYTES:
        raise BadRequest(f"more than {MOST_AMEND_BYTES} bytes")
    return line


def reply_line(reply: Reply) -> bytes:
    """The reply as it is sent."""
    told = {"ok": reply.ok, "text": reply.text, "lines": reply.lines, "data": dict(reply.data)}
    return _line(told)


def _line(told: Mapping[str, object]) -> bytes:
    return json.dumps(told, allow_nan=False, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def read_request(line: bytes) -> Request:
    """The request in a line. Raises BadRequest for whatever is not exactly one."""
    told = _document(line)
    command = told.get("command")
    if not isinstance(command, str) or command not in COMMANDS:
        raise BadRequest(f"`command` must be one of {', '.join(COMMANDS)}")
    is_amend = command == "amend"
    if not is_amend and len(line) > MOST_BYTES:
        raise BadRequest(f"more than {MOST_BYTES} bytes")
    known = {"command", "by"} | ({"parameters", "protocol", "file"} if is_amend else set())
    if not told.keys() <= known:
        raise BadRequest(f"`{command}` takes {', '.join(sorted(known))}, and nothing else")
    return Request(
        command=cast(Command, command),
        by=_text(told, "by", MOST_VALUE),
        parameters=_parameters(told),
        protocol=_protocol(told),
        file=_text(told, "file", MOST_VALUE) if "file" in told else "protocol",
    )


def read_reply(line: bytes) -> Reply:
    """The reply in a line. Raises BadRequest for whatever is not exactly one."""
    told = _document(line)
    ok, lines, data = told.get("ok"), told.get("lines"), told.get("data")
    if told.keys() != {"ok", "text", "lines", "data"} or not isinstance(ok, bool):
        raise BadRequest("no reply")
    if not isinstance(lines, list) or not all(isinstance(each, str) for each in lines):
        raise BadRequest("no reply")
    text = told.get("text")
    if not isinstance(text, str) or not isinstance(data, dict):
        raise BadRequest("no reply")
    return Reply(ok, text, tuple(lines), data)


def _document(line: bytes) -> dict[str, object]:
    try:
        told = json.loads(
            line.decode("utf-8"), object_pairs_hook=_without_twins, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError:
        raise BadRequest("not UTF-8") from None
    except (ValueError, RecursionError):
        raise BadRequest("not JSON") from None
    if not isinstance(told, dict):
        raise BadRequest("not a JSON object")
    return told


def _without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    told = dict(pairs)
    if len(told) != len(pairs):
        raise BadRequest("a key stands twice")
    return told


def _refuse_constant(_: str) -> object:
    raise BadRequest("NaN and Infinity are no JSON")


def _text(told: Mapping[str, object], name: str, most: int) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most or not value.isprintable():
        raise BadRequest(f"`{name}` must be a printable text of 1 to {most} characters")
    return value


def _parameters(told: Mapping[str, object]) -> dict[str, str]:
    given = told.get("parameters", {})
    if not isinstance(given, dict) or len(given) > MOST_PARAMETERS:
        raise BadRequest(f"`parameters` must map at most {MOST_PARAMETERS} names to texts")
    for name in given:
        if not NAME.fullmatch(name):
            raise BadRequest("a parameter's name is letters, digits and `_`")
    return {name: _text(given, name, MOST_VALUE) for name in given}


def _protocol(told: Mapping[str, object]) -> str | None:
    if "protocol" not in told:
        return None
    text = told["protocol"]
    if not isinstance(text, str):
        raise BadRequest("`protocol` must be a text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadRequest("`protocol` is no Unicode text") from None
    return text
