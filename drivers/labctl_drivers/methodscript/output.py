"""What a running script says, line by line: packages, markers of loops, errors. No I/O.

A package is taken whole or not at all: fields have fixed widths, types and metadata are of a
closed list.
"""

import re
from typing import NamedTuple

from labctl_drivers.errors import BadReply, InvalidReading
from labctl_drivers.methodscript.errors import TEXTS
from labctl_drivers.methodscript.numbers import value_of

FLOW_CONTROL = b"\x11\x13"
"""XON and XOFF, which may stand anywhere in what the instrument sends."""
LOOP = b"L"
"""Begins a loop that measures nothing by itself."""
TIMING_NOT_MET, OVERLOAD, UNDERLOAD, OVERLOAD_WARNING = 1, 2, 4, 8
"""Bits of a value's status."""
TYPES = frozenset(
    ["ab", "ac", "ad", "ae", "af", "ag"]
    + [f"a{c}" for c in "stuvwxyz"]
    + [f"b{c}" for c in "ab"]
    + [f"c{c}" for c in "abcdefghijk"]
    + [f"d{c}" for c in "abcd"]
    + [f"e{c}" for c in "abcdef"]
    + [f"{a}{b}" for a in "hij" for b in "abcd"]
)
"""What a value may be (MethodSCRIPT manual, appendix C, as instruments.md §4 lists it)."""
TECHNIQUES = {
    "0000": "sweep",
    "0007": "voltage",
    "000A": "current",
    "000B": "rest",
    "000D": "impedance",
    "000E": "impedance",
}
"""The measuring loops that this package's scripts use, by the number in their marker."""
_ERROR = re.compile(r"([A-Za-z]?)!([0-9A-F]{4})(?:: Line (\d+)(?:, Col (\d+))?)?")
_HEAD = re.compile(rb"([a-z]{2})(.{8})", re.DOTALL)
_META = re.compile(rb"1([0-9A-F])|2([0-9A-F]{2})|4[0-9A-F]")


class Variable(NamedTuple):
    """One value of a package: its type, status bits, and the index of the measuring range."""

    type: str
    value: float
    status: int = 0
    range_index: int | None = None


class Refusal(NamedTuple):
    """An error message: the command's letter (empty while a script runs), code and place."""

    command: str
    code: int
    line: int | None

    @property
    def text(self) -> str:
        """In words."""
        return TEXTS.get(self.code, "unknown error")


def refusal(line: bytes) -> Refusal | None:
    """The error that a line tells, if it tells one whole."""
    found = _ERROR.fullmatch(line.decode("latin-1"))
    if found is None:
        return None
    return Refusal(found[1], int(found[2], 16), None if found[3] is None else int(found[3]))


def broken_off(line: bytes) -> Refusal | None:
    """The error with which a script has ended, or was never begun, if this line tells one."""
    found = refusal(line)
    return None if found is None or found.command not in ("", "e") else found


def package(line: bytes) -> tuple[Variable, ...]:
    """The values of a line that begins with `P`. Raises InvalidReading."""
    if line[:1] != b"P":
        raise InvalidReading(f"no package: {line[:80]!r}")
    try:
        return tuple(_variable(part) for part in line[1:].split(b";"))
    except InvalidReading as error:
        raise InvalidReading(f"{error} in {line[:120]!r}") from None


def technique(line: bytes) -> str:
    """What kind of loop a line that begins with `M` begins. Raises BadReply."""
    name = TECHNIQUES.get(line[1:].decode("latin-1"))
    if line[:1] != b"M" or name is None:
        raise BadReply(f"no beginning of a loop that was asked for: {line[:80]!r}")
    return name


def _variable(part: bytes) -> Variable:
    head, *metadata = part.split(b",")
    found = _HEAD.fullmatch(head)
    if found is None:
        raise InvalidReading(f"no value: {part[:80]!r}")
    kind = found[1].decode()
    if kind not in TYPES:
        raise InvalidReading(f"no type of value: {kind!r}")
    status, range_index = 0, None
    for field in metadata:
        meta = _META.fullmatch(field)
        if meta is None:
            raise InvalidReading(f"no metadata: {field[:20]!r}")
        if meta[1] is not None:
            status = int(meta[1], 16)
        elif meta[2] is not None:
            range_index = int(meta[2], 16)
    return Variable(kind, value_of(found[2]), status, range_index)
