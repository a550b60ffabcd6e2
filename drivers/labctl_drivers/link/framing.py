"""How messages are told apart on a wire that carries only bytes."""

import re
from collections.abc import Callable
from dataclasses import dataclass

MAX_REPLY = 1 << 16
_LF = re.compile(rb"\n")
_CR_OR_LF = re.compile(rb"[\r\n]")
_ENDS = b"\r\n"


@dataclass(frozen=True, slots=True)
class Framing:
    """`end` is added to what is sent; `cut` takes the first whole message off what has come.

    It gives None while there is none. What it leaves beyond `MAX_REPLY` is no message any more.
    """

    end: bytes
    cut: Callable[[bytearray], bytes | None]


def _cut_line(buffer: bytearray, ends: re.Pattern[bytes]) -> bytes | None:
    if buffer and buffer[0] in _ENDS:
        del buffer[: len(buffer) - len(buffer.lstrip(_ENDS))]
    found = ends.search(buffer)
    if found is None or found.start() > MAX_REPLY:
        return None
    frame = bytes(buffer[: found.start()]).rstrip(b"\r")
    del buffer[: found.end()]
    return frame


def _cut_bare_line(buffer: bytearray) -> bytes | None:
    place = buffer.find(b"\n")
    if not 0 <= place <= MAX_REPLY:
        return None
    frame = bytes(buffer[:place])
    del buffer[: place + 1]
    return frame


LINES = Framing(b"\n", lambda buffer: _cut_line(buffer, _LF))
"""Lines that end with LF or CR LF; an empty one says nothing."""
LINES_OR_CR = Framing(b"\n", lambda buffer: _cut_line(buffer, _CR_OR_LF))
"""Lines that may end with CR alone too, as an instrument on a serial port can be set."""
BARE_LINES = Framing(b"\n", _cut_bare_line)
"""Lines that end with LF alone; an empty one says something."""
