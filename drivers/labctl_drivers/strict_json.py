"""JSON from an instrument, hostile until parsed: one object, and values of the kind asked for.

Python's own reader takes NaN, Infinity and a key that stands twice, and a boolean is an integer to
it; none of these is a value here. Everything else than asked for raises BadReply.
"""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, TypeGuard

from labctl_drivers.errors import BadReply

Object = Mapping[str, Any]


def parse(frame: bytes) -> dict[str, Any]:
    """The one object that a frame holds."""
    try:
        decoded = _DECODER.decode(frame.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadReply(f"no JSON ({error}): {frame[:80]!r}") from error
    if not is_object(decoded):
        raise BadReply(f"no JSON object: {frame[:80]!r}")
    return decoded


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a value is an object."""
    return isinstance(value, dict)


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def number(of: Object, key: str) -> float:
    """A finite number."""
    value = of.get(key)
    if not is_whole(value) and not isinstance(value, float):
        raise BadReply(f"{key} is no number: {value!r:.80}")
    try:
        as_float = float(value)
    except OverflowError as error:
        raise BadReply(f"{key} is beyond every number") from error
    if not isfinite(as_float):
        raise BadReply(f"{key} is not finite: {value!r:.80}")
    return as_float


def whole(of: Object, key: str) -> int:
    """A whole number."""
    value = of.get(key)
    if not is_whole(value):
        raise BadReply(f"{key} is no whole number: {value!r:.80}")
    return value


def boolean(of: Object, key: str) -> bool:
    """True or false."""
    value = of.get(key)
    if not isinstance(value, bool):
        raise BadReply(f"{key} is neither true nor false: {value!r:.80}")
    return value


def text(of: Object, key: str) -> str:
    """Printable text, not empty, without the spaces around it."""
    value = of.get(key)
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise BadReply(f"{key} is no text: {value!r:.80}")
    return value.strip()


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_no_key_twice, parse_constant=_refuse)
