"""SCPI channel lists, `(@101:110,115)`. Source: SCPI-99 vol. 1 §8.3; instruments.md §8."""

import re
from collections.abc import Collection, Iterable

from labctl_simulators.firmware.scpi import Argument, Arguments, ScpiError

_LIST = re.compile(r"\(\s*@([0-9:,\s]*)\)")
_ENTRY = re.compile(r"\s*([0-9]{1,6})\s*(?::\s*([0-9]{1,6})\s*)?")


def is_list(argument: Argument) -> bool:
    """Whether a parameter is a channel list."""
    return not argument.quoted and argument.text.startswith("(")


def take_list(arguments: Arguments) -> tuple[Arguments, Argument | None]:
    """The parameters before a channel list that ends them, and the list where there is one."""
    if arguments and is_list(arguments[-1]):
        return arguments[:-1], arguments[-1]
    return arguments, None


def parse_list(
    argument: Argument, known: Collection[int], malformed: int = -224, unknown: int = -222
) -> tuple[int, ...]:
    """The channels of a list in the order given, each once.

    A range holds what is `known` of it; its ends, and single channels, must be known. Raises
    ScpiError `malformed` or `unknown`.
    """
    found = _LIST.fullmatch(argument.text)
    if found is None or argument.quoted:
        raise ScpiError(malformed)
    channels: dict[int, None] = {}
    for part in found[1].split(",") if found[1].strip() else ():
        entry = _ENTRY.fullmatch(part)
        if entry is None:
            raise ScpiError(malformed)
        first = int(entry[1])
        last = int(entry[2]) if entry[2] else first
        if first not in known or last not in known:
            raise ScpiError(unknown)
        step = 1 if last >= first else -1
        span = [c for c in known if min(first, last) <= c <= max(first, last)]
        channels |= dict.fromkeys(sorted(span, reverse=step < 0))
    return tuple(channels)


def write_list(channels: Iterable[int]) -> str:
    """A list as the instruments send it."""
    return f"(@{','.join(map(str, channels))})"
