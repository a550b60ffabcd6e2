"""MacNet, the remote interface of Maccor's MacTest32: requests out, replies and packets in. No I/O.

A request is one JSON-RPC object without a terminator, a reply one object that ends with CR LF; rest
alone needs a binary packet, on a port of its own. Wire facts: instruments.md §7.2, and the texts
of Maccor's manual that pymacnet 1.1.3 quotes in `messages.py`.

A reply is taken whole or not at all: one `id`, function and channel, every number a finite one.
"""

import json
import re
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

from labctl_drivers import strict_json
from labctl_drivers.errors import BadReply, InstrumentRefused
from labctl_drivers.link import Framing
from labctl_drivers.link.framing import MAX_REPLY
from labctl_drivers.strict_json import is_object, is_whole

Function = tuple[int, int]
"""FClass and FNum."""
SYSTEM_INFO: Function = (1, 1)
GENERAL_INFO: Function = (1, 2)
STATUS: Function = (4, 7)
RESET: Function = (6, 5)
START_DIRECT: Function = (6, 7)
SET_OUTPUT: Function = (6, 8)
SAFETY_LIMITS: Function = (6, 10)

ACTIVE = 2
STATES = (
    "Available",
    "Selected",
    "Active",
    "Suspended",
    "Completed",
    "Problem",
    "Not available",
    "Reset",
    "Start",
    "Power failure",
    "No controller",
    "Shut down",
    "Starting",
    "Blocked",
    "Waiting",
    "FRA",
    "Remote maintenance",
)
"""What `Stat` means."""
TOO_FAST, NOT_READY = 3, 5
CODES = (
    "OK",
    "illegal system type",
    "the channel is not active",
    "sent too fast",
    "direct mode is not active",
    "direct mode is not ready yet",
)
"""What a direct output's result means; as text it is recognised by these words."""
_WORDS = (
    "ok",
    "illegal",
    "channel is not active",
    "too fast",
    "direct mode is not active",
    "ready",
)

Result = Mapping[str, Any]
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


class Status(NamedTuple):
    """The full status of a channel; the current as the tester gives it."""

    stat: int
    voltage_V: float
    current_A: float

    @property
    def name(self) -> str:
        """The state's name."""
        return STATES[self.stat]


def request(number: int, function: Function, **params: object) -> bytes:
    """One request; `number` comes back in the reply."""
    message = {
        "jsonrpc": "2.0",
        "method": "MacNet",
        "params": {"FClass": function[0], "FNum": function[1], **params},
        "id": number,
    }
    return _ENCODER.encode(message).encode()


def reply_of(frame: bytes) -> dict[str, Any]:
    """A reply's object. Raises BadReply for anything but one strict JSON object."""
    decoded = strict_json.parse(frame)
    if decoded.get("jsonrpc") != "2.0":
        raise BadReply(f"no JSON-RPC reply: {frame[:80]!r}")
    return decoded


def answers(reply: Mapping[str, Any], number: int) -> bool:
    """Whether a reply is to the request of this number; a late one is not."""
    return is_whole(reply.get("id")) and reply["id"] == number


def result_of(reply: Mapping[str, Any], function: Function, channel: int | None = None) -> Result:
    """What a function returned. Raises BadReply, InstrumentRefused for a JSON-RPC error."""
    if "error" in reply:
        error = reply["error"]
        code, text = (error.get("code"), error.get("message")) if is_object(error) else (0, error)
        raise InstrumentRefused(code if is_whole(code) else 0, str(text)[:200], _shown(function))
    result = reply.get("result")
    if not is_object(result):
        raise BadReply(f"a reply without a result: {str(reply)[:200]}")
    expected = {"FClass": function[0], "FNum": function[1]}
    if channel is not None:
        expected["Chan"] = channel
    for key, value in expected.items():
        if not is_whole(result.get(key)) or result[key] != value:
            raise BadReply(f"{key} {result.get(key)!r:.80} instead of {value}")
    return dict(result)


def status_of(result: Result) -> Status:
    """The full status of a channel. Raises BadReply."""
    stat = strict_json.whole(result, "Stat")
    if not 0 <= stat < len(STATES):
        raise BadReply(f"there is no Stat {stat}")
    voltage, current = (strict_json.number(result, key) for key in ("Voltage", "Current"))
    return Status(stat, voltage, current)


def check_accepted(result: Result, function: Function) -> None:
    """Raises InstrumentRefused unless the result says OK, BadReply when it says nothing."""
    said = result.get("Result")
    if not is_whole(said) and not isinstance(said, str):
        raise BadReply(f"neither OK nor a code: {said!r:.80}")
    code = said if is_whole(said) else _code_in(str(said))
    if code != 0:
        words = CODES[code] if function == SET_OUTPUT and 0 < code < len(CODES) else str(said)
        raise InstrumentRefused(code, words, _shown(function))


def _code_in(said: str) -> int:
    """The code that a text means; -1 for a text that is none of them."""
    if said.strip() == "OK":
        return 0
    found = re.match(r"\s*(\d{1,3})\b", said, re.ASCII)
    if found:
        return int(found[1])
    lowered = said.lower()
    return next((code for code, words in enumerate(_WORDS) if code and words in lowered), -1)


def _shown(function: Function) -> str:
    return f"{function[0]},{function[1]}"


# ---- the binary port -----------------------------------------------------------------------

_HEADER = struct.Struct("<HHHH")
_OUTPUT = struct.Struct("<ffffBB")
NO_LIMIT = 65536.0
"""A value out of range switches that limit off."""


def rest_packet(channel: int, current_range: int) -> bytes:
    """Set direct output to rest, 26 bytes; `channel` is the index that this port uses."""
    data = _OUTPUT.pack(0.0, 0.0, NO_LIMIT, 0.0, current_range, ord("R"))
    return _HEADER.pack(*SET_OUTPUT, channel, len(data)) + data


def check_packet(frame: bytes, sent: bytes) -> None:
    """Raises InstrumentRefused for a result that is not 0, BadReply for no reply to this packet.

    The reply's form is not published [?]: a header as the request's, then the request's own data
    or nothing (no result given) or a whole number of 1, 2 or 4 bytes.
    """
    if len(frame) < _HEADER.size or frame[:6] != sent[:6]:
        raise BadReply(f"no reply to the packet: {frame[:40]!r}")
    length, data = int.from_bytes(frame[6:8], "little"), frame[8:]
    if len(data) != length or (length not in (0, 1, 2, 4) and data != sent[8:]):
        raise BadReply(f"a packet of another form: {frame[:40]!r}")
    code = int.from_bytes(data, "little") if length in (1, 2, 4) else 0
    if code != 0:
        words = CODES[code] if code < len(CODES) else "unknown"
        raise InstrumentRefused(code, words, "rest")


# ---- framing -------------------------------------------------------------------------------


def _cut_json(buffer: bytearray) -> bytes | None:
    place = buffer.find(b"\r\n")
    if not 0 <= place <= MAX_REPLY:
        return None
    frame = bytes(buffer[:place])
    del buffer[: place + 2]
    return frame


def _cut_packet(buffer: bytearray) -> bytes | None:
    if len(buffer) < _HEADER.size:
        return None
    end = len(buffer)
    if buffer[:4] == _HEADER.pack(*SET_OUTPUT, 0, 0)[:4]:
        end = _HEADER.size + int.from_bytes(buffer[6:8], "little")
        if len(buffer) < end:
            return None
    # what does not begin like a packet is handed over as it is, to be refused
    frame = bytes(buffer[:end])
    del buffer[:end]
    return frame


OBJECTS = Framing(b"", _cut_json)
"""JSON objects: nothing after what is sent, CR LF after what comes; a bare LF may be inside."""
PACKETS = Framing(b"", _cut_packet)
"""Packets that say how long they are."""
