"""Arguments of Lua's own functions, with the errors that Lua has for wrong ones."""

import math
from collections.abc import Callable

from labctl_simulators.lua.steps import World
from labctl_simulators.lua.values import (
    Builtin,
    Heap,
    LuaError,
    Table,
    Value,
    Values,
    to_number,
    type_name,
)


def argument(values: Values, place: int) -> Value:
    """An argument, nil where it is missing."""
    return values[place] if place < len(values) else None


def number(values: Values, place: int, function: str, default: float | None = None) -> float:
    """A number. Raises LuaError as Lua's own library does."""
    given = argument(values, place)
    if given is None and default is not None:
        return default
    found = to_number(given)
    if found is None:
        raise LuaError(_bad(place, function, "number", given))
    return found


def integer(values: Values, place: int, function: str, default: float | None = None) -> int:
    """A number without its fraction."""
    found = number(values, place, function, default)
    if not math.isfinite(found):
        raise LuaError(_bad(place, function, "number", found))
    return int(found)


def string(values: Values, place: int, function: str, world: World) -> str:
    """A string, or a number as it is spelled."""
    given = argument(values, place)
    if isinstance(given, float):
        return world.spell(given)
    if not isinstance(given, str):
        raise LuaError(_bad(place, function, "string", given))
    return given


def table(values: Values, place: int, function: str) -> Table:
    """A table."""
    given = argument(values, place)
    if not isinstance(given, Table):
        raise LuaError(_bad(place, function, "table", given))
    return given


def _bad(place: int, function: str, wanted: str, given: Value) -> str:
    got = "no value" if given is None else type_name(given)
    return f"bad argument #{place + 1} to `{function}' ({wanted} expected, got {got})"


def module(heap: Heap, **functions: Callable[[Values], Values]) -> Table:
    """A table of functions."""
    made = Table(heap)
    for name, call in functions.items():
        made.set(name.rstrip("_"), Builtin(name.rstrip("_"), call))
    return made
