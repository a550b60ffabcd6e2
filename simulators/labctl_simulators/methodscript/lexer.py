"""A line of MethodSCRIPT to words, each with the column at which it stands."""

import re
from typing import NamedTuple

from labctl_simulators.methodscript.errors import UNEXPECTED_CHARACTER, LoadError

WORD = re.compile(
    r"""(?P<string>f?"[^"]*")
    |(?P<call>[A-Za-z_]\w*\([^()]*\))
    |(?P<name>[A-Za-z_]\w*(?:\[[^\[\]]*\])?:?)
    |(?P<number>[+-]?\d\w*)
    |(?P<operator>[=!<>]=|[<>&|])""",
    re.VERBOSE,
)
BLANK = " \t"


class Word(NamedTuple):
    """What kind of word, its text, and its column from 1."""

    kind: str
    text: str
    column: int


def words(line: str, number: int) -> list[Word]:
    """The words of a line up to its comment. Raises LoadError 4004 for what is no word."""
    found: list[Word] = []
    at = 0
    while at < len(line):
        if line[at] in BLANK:
            at += 1
            continue
        if line[at] == "#":
            break
        match = WORD.match(line, at)
        if match is None:
            raise LoadError(UNEXPECTED_CHARACTER, number, at + 1)
        found.append(Word(match.lastgroup or "", match[0], at + 1))
        at = match.end()
    return found
