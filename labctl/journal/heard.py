"""What the engine heard, as the journal keeps it: to be heard again, bit for bit.

Each is one line of JSON, whose floats are the shortest text that gives the same float back, with a
checksum: what was changed later is found even where no decision depends on it.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, NamedTuple, get_args

from labctl.journal.errors import JournalError
from labctl_protocols.decisions import Heard, Revision


@dataclass(frozen=True, slots=True)
class Begun:
    """The engine was told to begin, at this time on the loop's clock."""

    time_s: float


@dataclass(frozen=True, slots=True)
class Revised:
    """The engine was told to follow another plan; `data` says what that was bound from."""

    time_s: float
    by: str
    data: Mapping[str, object]


Told = Begun | Revised | Heard
KINDS: Mapping[str, type[Any]] = {
    kind.__name__: kind for kind in (Begun, Revised, *get_args(Heard)) if kind is not Revision
}


class HeardLine(NamedTuple):
    """One thing heard, as it stands in the journal."""

    kind: str
    data: str
    crc: int


def stored(told: Told) -> HeardLine:
    """What is kept of something heard. Raises TypeError for what is no plain data."""
    if isinstance(told, Revision):
        told = Revised(told.time_s, told.by, told.data)
    kind = type(told).__name__
    values = {name: getattr(told, name) for name in _names(kind)}
    data = json.dumps(values, ensure_ascii=False, default=dict)
    return HeardLine(kind, data, _checksum(kind, data))


def recalled(line: HeardLine) -> Told:
    """What was heard, equal in every bit. Raises JournalError where it was changed since."""
    if _checksum(line.kind, line.data) != line.crc:
        raise JournalError("it was changed after it was stored (its checksum is another)")
    kind = KINDS.get(line.kind)
    if kind is None:
        raise JournalError(f"this version of labctl does not know what {line.kind!r} is")
    try:
        told: Told = kind(**json.loads(line.data))
    except TypeError as error:
        raise JournalError(f"this version of labctl stores {line.kind} otherwise") from error
    return told


@cache
def _names(kind: str) -> tuple[str, ...]:
    return tuple(field.name for field in fields(KINDS[kind]))


def _checksum(kind: str, data: str) -> int:
    return zlib.crc32(f"{kind} {data}".encode())
