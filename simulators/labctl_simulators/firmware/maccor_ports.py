"""MacNet's two TCP ports: JSON-RPC objects on one, packets on the other; one cycler behind them.

Each connection has its own parser (`session`); the channels are shared.
"""

import json
import struct
from math import isfinite
from typing import TYPE_CHECKING, Any

from labctl_simulators.firmware.maccor_messages import (
    ASKS,
    CHANNEL_ASKS,
    MODES,
    BadParameter,
    limits_of,
    whole,
)
from labctl_simulators.firmware.maccor_parts import REST, Refused
from labctl_simulators.firmware.maccor_stream import ObjectStream
from labctl_simulators.terminals import Terminals

if TYPE_CHECKING:
    from labctl_simulators.firmware.maccor import Maccor

Reply = tuple[float, bytes]
PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
HEADER = struct.Struct("<HHHH")
OUTPUT = struct.Struct("<ffffBB")
RESULT = struct.Struct("<HHHHH")
NOT_DONE = 255


class Port:
    """One connection; replies leave in order, each `reply_s` after its request at the earliest."""

    def __init__(self, cycler: "Maccor") -> None:
        self.cycler = cycler
        self._free_at = 0.0
        self._powered = cycler.generation
        self.forget()

    @property
    def terminals(self) -> Terminals:
        """Those of channel 1."""
        return self.cycler.terminals

    @property
    def output_on(self) -> bool:
        """Whether channel 1 drives its cell."""
        return self.cycler.output_on

    def advance(self, now: float) -> None:
        """Let time pass for all channels."""
        self.cycler.advance(now)

    def session(self) -> "Port":
        """Another connection to the same port."""
        return type(self)(self.cycler)

    def feed(self, data: bytes, now: float) -> list[Reply]:
        """Take bytes at `now`; give the replies with the times at which each is on the wire."""
        if not self.cycler.listens(now):
            return []
        if self._powered != self.cycler.generation:
            self._powered = self.cycler.generation
            self.forget()
        answers = self.answers(data, now)
        replies = []
        for answer in answers:
            self._free_at = max(self._free_at, now) + self.cycler.reply_s
            replies.append((self._free_at, answer))
        return replies

    @property
    def generation(self) -> int:
        """Grows when the mains fail: replies that were under way are lost."""
        return self.cycler.generation

    def forget(self) -> None:
        """Drop what has come of a request that is not complete."""
        raise NotImplementedError

    def answers(self, data: bytes, now: float) -> list[bytes]:
        """What the requests that are complete now are answered with."""
        raise NotImplementedError


class JsonPort(Port):
    """JSON-RPC 2.0; a reply ends with CR LF, a request with its last brace."""

    def forget(self) -> None:
        """Drop what has come of an object that is not complete."""
        self._stream = ObjectStream()

    def answers(self, data: bytes, now: float) -> list[bytes]:
        """What the requests that are complete now are answered with."""
        found = (self._answer(each, now) for each in self._stream.feed(data))
        return [_packed(document) for document in found if document is not None]

    def _answer(self, raw: bytes | None, now: float) -> dict[str, Any] | None:
        try:
            request = None if raw is None else _DECODER.decode(raw.decode())
        except (ValueError, RecursionError):
            request = None
        if request is None:
            return _error(None, PARSE_ERROR, "Parse error")
        ident = request.get("id")
        if ident is not None and not isinstance(ident, str | int | float):
            return _error(None, INVALID_REQUEST, "Invalid Request")
        params = request.get("params")
        if request.get("jsonrpc") != "2.0" or not isinstance(params, dict):
            return _error(ident, INVALID_REQUEST, "Invalid Request")
        if request.get("method") != "MacNet":
            return _error(ident, NO_METHOD, "Method not found")
        document = self._done(ident, params, now)
        return document if "id" in request else None

    def _done(self, ident: object, params: dict[str, Any], now: float) -> dict[str, Any]:
        try:
            code = whole(params, "FClass", 0, 65535), whole(params, "FNum", 0, 65535)
            if code not in ASKS and code not in CHANNEL_ASKS:
                return _error(ident, NO_METHOD, f"There is no function {code[0]},{code[1]}")
            result = self._result(code, params, now)
        except BadParameter as bad:
            return _error(ident, INVALID_PARAMS, f"Invalid params: {bad}")
        echoed = {"FClass": code[0], "FNum": code[1]}
        if "Chan" in params and code[0] != 1:
            echoed["Chan"] = params["Chan"]
        return {"jsonrpc": "2.0", "result": {**echoed, **result}, "id": ident}

    def _result(self, code: tuple[int, int], params: dict[str, Any], now: float) -> dict[str, Any]:
        cycler = self.cycler
        if code in ASKS:
            if code[0] != 1:
                cycler.advance(now)
            return ASKS[code](cycler, params)
        place = whole(params, "Chan", 0, len(cycler.channels) - 1)
        cycler.advance_one(place, now)
        try:
            return CHANNEL_ASKS[code](cycler, params, cycler.at(place))
        except Refused as refused:
            said = refused.text if cycler.results == "text" else str(refused.code)
            return {"Result": said}


class BinaryPort(Port):
    """Little-endian packets: FClass, FNum, Chan, length, then so many bytes.

    Only 6,8 is in the reference. The reply is not: here the header again, with a length of 2, and
    the result's code; 255 is what is not done at all.
    """

    port = 57560

    def forget(self) -> None:
        """Drop what has come of a packet that is not complete."""
        self._input = bytearray()

    def answers(self, data: bytes, now: float) -> list[bytes]:
        """What the packets that are complete now are answered with."""
        self._input += data
        found = []
        while len(self._input) >= HEADER.size:
            f_class, f_num, chan, length = HEADER.unpack_from(self._input)
            if len(self._input) < HEADER.size + length:
                break
            body = bytes(self._input[HEADER.size : HEADER.size + length])
            del self._input[: HEADER.size + length]
            code = self._obey((f_class, f_num), chan, body, now)
            found.append(RESULT.pack(f_class, f_num, chan, 2, code))
        return found

    def _obey(self, function: tuple[int, int], chan: int, body: bytes, now: float) -> int:
        cycler = self.cycler
        place = chan - cycler.binary_channel_base
        if function != (6, 8) or len(body) != OUTPUT.size or place not in range(cycler.count):
            return NOT_DONE
        *values, span, letter = OUTPUT.unpack(body)
        mode = MODES.get(letter)
        if mode is None or not 1 <= span <= 4 or not all(map(isfinite, values)):
            return NOT_DONE
        output = REST if mode == "R" else limits_of(cycler.rating, mode, values, span)
        cycler.advance_one(place, now)
        try:
            cycler.check_system_type()
            cycler.at(place).set_output(output)
        except Refused as refused:
            return refused.code
        return 0


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def _error(ident: object, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": {"code": code, "message": message}, "id": ident}


def _packed(document: dict[str, Any]) -> bytes:
    return _ENCODER.encode(document).encode() + b"\r\n"
