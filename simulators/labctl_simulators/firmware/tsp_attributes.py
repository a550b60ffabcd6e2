"""Attributes and functions of an instrument's tables, with the manual's checks.

A wrong value is an error in the queue and changes nothing; it does not end a script
(2600S-901-01 B-2: only -286 does).
"""

import math
from collections.abc import Callable, Sequence
from typing import Protocol

from labctl_simulators.lua.values import (
    Builtin,
    Heap,
    Native,
    Steps,
    Value,
    Values,
    to_number,
    untimed,
)


class Refused(Exception):
    """A setting that the instrument does not take, with the manual's code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Host(Protocol):
    """The instrument that the tables belong to: its memory, its time, its error queue."""

    heap: Heap
    clock: float

    def fail(self, code: int, detail: str = "") -> None:
        """Put an error in the queue."""


def as_number(value: Value, low: float = -math.inf, high: float = math.inf) -> float:
    """A number inside limits. Raises Refused -104, 1101 (too big), 1102 (too small)."""
    number = None if isinstance(value, bool) else to_number(value)
    if number is None or math.isnan(number):
        raise Refused(-104)
    if number > high * (1 + 1e-12 * (high > 0)):
        raise Refused(1101)
    if number < low:
        raise Refused(1102)
    return number


def as_choice(value: Value, choices: Sequence[int]) -> int:
    """One of several constants. Raises Refused -104, -222."""
    number = as_number(value)
    if number not in choices:
        raise Refused(-222)
    return int(number)


def as_count(value: Value, low: int, high: int) -> int:
    """A whole number inside limits."""
    return round(as_number(value, low, high))


def as_text(value: Value) -> str:
    """A string. Raises Refused -104."""
    if not isinstance(value, str):
        raise Refused(-104)
    return value


def attribute(
    host: Host,
    table: Native,
    name: str,
    read: Callable[[], Value],
    write: Callable[[Value], None] | None = None,
) -> None:
    """An attribute that acts when it is read or written."""
    table.getters[name] = read
    if write is not None:
        table.setters[name] = checked(host, write)


def checked(host: Host, write: Callable[[Value], None]) -> Callable[[Value], None]:
    """A setter whose refusals go into the error queue."""

    def put(value: Value) -> None:
        try:
            write(value)
        except Refused as refused:
            host.fail(refused.code)

    return put


def constants(table: Native, **values: float) -> None:
    """Numbers with a name."""
    for name, value in values.items():
        table.objects[name] = float(value)


def function(
    host: Host,
    table: Native,
    name: str,
    act: Callable[[Values], Values | None],
    least: int = 0,
    most: int = 0,
) -> None:
    """A function that takes no time, with so many parameters."""

    def run(arguments: Values) -> Values:
        try:
            check_count(arguments, least, most)
            return act(arguments) or []
        except Refused as refused:
            host.fail(refused.code)
            return []

    table.objects[name] = Builtin(name, run)


def timed(host: Host, table: Native, name: str, act: Callable[[Values], Steps]) -> None:
    """A function that takes time."""

    def run(arguments: Values) -> Steps:
        try:
            return (yield from act(arguments))
        except Refused as refused:
            host.fail(refused.code)
            return []

    table.objects[name] = Builtin(name, untimed, run)


def check_count(arguments: Values, least: int, most: int) -> None:
    """Raises Refused -109 for a missing parameter, -108 for one too many."""
    if len(arguments) < least:
        raise Refused(-109)
    if len(arguments) > most:
        raise Refused(-108)
