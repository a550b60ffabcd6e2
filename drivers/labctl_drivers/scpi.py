"""SCPI as bytes: numbers out, numbers, identities and error queues in. No I/O.

A reply is taken whole or not at all. A number cut short is still a number, so fields of fixed
format are checked against that format, and only then read.
"""

import re
from typing import NamedTuple

from labctl_drivers.errors import BadReply, InvalidReading
from labctl_drivers.link.owner import Probe
from labctl_drivers.vocabulary import Identity

SENTINEL = 9.9e37
"""From here on up a magnitude means overflow or not-a-number (instruments.md §0)."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_ERROR = re.compile(r'([+-]?\d+)\s*,\s*"(.*)"', re.ASCII)
_MODEL = re.compile(r"(?:MODEL\s+)?(\S+)", re.IGNORECASE)
_STATUS_EVENTS = range(100, 200)
_ERROR_TYPE = "1"


class QueueEntry(NamedTuple):
    """One entry of the error queue; `is_error` is false for warnings and status events."""

    code: int
    text: str
    is_error: bool


def text(frame: bytes) -> str:
    """A reply as text. Raises BadReply unless it is printable ASCII."""
    try:
        decoded = frame.decode("ascii")
    except UnicodeDecodeError as error:
        raise BadReply(f"not ASCII: {frame[:80]!r}") from error
    if not decoded.isprintable():
        raise BadReply(f"unprintable: {frame[:80]!r}")
    return decoded


def number(field: str) -> float:
    """A number that fills the whole field. Raises BadReply."""
    stripped = field.strip(" ")
    if not _NUMBER.fullmatch(stripped):
        raise BadReply(f"no number: {field[:80]!r}")
    return float(stripped)


def measured(field: bytes) -> float:
    """A number that was measured. Raises InvalidReading for the overflow and NaN sentinels."""
    value = float(field)
    if not -SENTINEL < value < SENTINEL:
        raise InvalidReading(f"{field!r} means overflow or not a number")
    return value


def boolean(field: str) -> bool:
    """`1` or `0`. Raises BadReply for anything else."""
    if field not in ("0", "1"):
        raise BadReply(f"neither 0 nor 1: {field[:80]!r}")
    return field == "1"


def nr3(value: float) -> str:
    """A number as it is sent, to 7 digits."""
    return f"{value:.6E}"


def looks_like_identity(frame: bytes) -> bool:
    """Whether a reply has the form of `*IDN?`'s; no number and no error entry has it."""
    fields = frame.split(b",")
    return len(fields) >= 4 and fields[0].strip()[:1].isalpha() and frame.isascii()


def is_same(frame: bytes, reply: bytes) -> bool:
    """Whether two identities are of one instrument; a firmware's name cut short does not count."""
    return looks_like_identity(frame) and frame.split(b",")[:3] == reply.split(b",")[:3]


def identity(frame: bytes) -> Identity:
    """The reply to `*IDN?`. Raises BadReply."""
    if not looks_like_identity(frame):
        raise BadReply(f"no identity: {frame[:80]!r}")
    maker, model, serial, firmware = (part.strip() for part in text(frame).split(",", 3))
    named = _MODEL.fullmatch(model)
    return Identity(maker, named[1] if named else model, serial, firmware)


def queue_entry(frame: bytes) -> QueueEntry:
    """The reply to `SYST:ERR?`. Raises BadReply.

    The 2450 ends the text with `;type;time`, type 1 an error, 2 a warning, 4 a note; codes
    from +100 to +199 are the 2400's status events.
    """
    found = _ERROR.fullmatch(text(frame).strip())
    if found is None:
        raise BadReply(f"no entry of an error queue: {frame[:80]!r}")
    code, words = int(found[1]), found[2]
    parts = words.split(";")
    typed = len(parts) >= 3 and parts[1].strip().isdecimal()
    is_error = code != 0 and code not in _STATUS_EVENTS
    if typed:
        is_error = is_error and parts[1].strip() == _ERROR_TYPE
    return QueueEntry(code, parts[0] if typed else words, is_error)


IDENTITY_PROBE = Probe(b"*IDN?", looks_like_identity)
"""Shows where an instrument's replies stand: it changes nothing, and its reply is no number."""
