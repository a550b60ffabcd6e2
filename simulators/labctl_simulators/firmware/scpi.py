"""The instrument's side of SCPI: program messages to commands, and their parameters.

Source: IEEE 488.2 §7, SCPI-99 vol. 1 §6 and the Keithley 2400 manual (2400S-900-01, sections 15
and B). Whatever arrives is hostile: every fault ends in a `ScpiError`, never anything else.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

D = TypeVar("D")
MAX_MNEMONIC = 12
CACHED_LINES = 512
CACHED_LENGTH = 256


class ScpiError(Exception):
    """A program message unit that the instrument refuses, with the manual's code."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


class Argument(NamedTuple):
    """One parameter as it was sent; `quoted` when it was a string."""

    text: str
    quoted: bool


Arguments = tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Command(Generic[D]):
    """What one header does: `set` for the command form, `ask` for the query form."""

    spec: str
    set: Callable[[D, Arguments], None] | None = None
    ask: Callable[[D, Arguments], str] | None = None
    parameters: tuple[int, int] = (1, 1)
    query_parameters: tuple[int, int] = (0, 1)


@dataclass(frozen=True, slots=True)
class Unit(Generic[D]):
    """One program message unit, resolved: a command, or the error that it is."""

    command: Command[D] | None
    query: bool = False
    arguments: Arguments = ()
    error: int = 0


@dataclass(slots=True)
class _Node(Generic[D]):
    children: "dict[str, _Node[D]]" = field(default_factory=dict)
    command: Command[D] | None = None


_OPTIONAL = re.compile(r"\[(:[^\[\]]*(?:\[1\])?[^\[\]]*)\]")
_MNEMONIC = re.compile(r"([A-Za-z][A-Za-z_]*?)([0-9]*)$")
_HEADER = re.compile(r"\s*([^\s?]*)(\?*)(.*)$", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:\s*[eE]\s*[+-]?[0-9]+)?")
_RADIX = {"B": 2, "Q": 8, "H": 16}


def expand(spec: str) -> list[str]:
    """All spellings of a header with optional nodes, in the manual's notation, as plain paths."""
    found = _OPTIONAL.search(spec)
    if found is None:
        return [spec]
    without = spec[: found.start()] + spec[found.end() :]
    return expand(spec[: found.start()] + found[1] + spec[found.end() :]) + expand(without)


@lru_cache(maxsize=1024)
def forms(node: str) -> tuple[str, ...]:
    """Short and long form of a mnemonic such as `SOURce[1]`, upper case, with its suffixes."""
    stem, suffix = (node[:-3], True) if node.endswith("[1]") else (node, False)
    short = "".join(c for c in stem if not c.islower())
    names = tuple(dict.fromkeys((short, stem.upper())))
    return names + tuple(name + "1" for name in names) if suffix else names


def matches(text: str, keyword: str) -> bool:
    """Whether a word is the short or long form of a keyword such as `HIMPedance`."""
    return text.upper() in forms(keyword)


class Grammar(Generic[D]):
    """A command set, able to resolve whole program messages. Lines seen before cost a look-up."""

    def __init__(self, commands: Iterable[Command[D]]) -> None:
        self.commands = tuple(commands)
        self._root: _Node[D] = _Node()
        self._common: dict[str, Command[D]] = {}
        self._cache: dict[str, tuple[Unit[D], ...]] = {}
        for command in self.commands:
            if command.spec.startswith("*"):
                self._common[command.spec.upper()] = command
            else:
                for path in expand(command.spec):
                    self._insert(path, command)

    def _insert(self, path: str, command: Command[D]) -> None:
        node = self._root
        for mnemonic in path.strip(":").split(":"):
            known = [node.children[f] for f in forms(mnemonic) if f in node.children]
            child: _Node[D] = known[0] if known else _Node()
            for form in forms(mnemonic):
                node.children[form] = child
            node = child
        node.command = command

    def parse(self, line: str) -> tuple[Unit[D], ...]:
        """The units of a message up to and including the first bad one."""
        units = self._cache.get(line)
        if units is None:
            units = tuple(self._units(line))
            if len(self._cache) >= CACHED_LINES:
                self._cache.clear()
            if len(line) <= CACHED_LENGTH:
                self._cache[line] = units
        return units

    def _units(self, line: str) -> Iterable[Unit[D]]:
        path = self._root
        try:
            for part in split(line, ";"):
                if not part.strip():
                    continue
                unit, path = self._unit(part, path)
                yield unit
        except ScpiError as error:
            yield Unit(None, error=error.code)

    def _unit(self, part: str, path: _Node[D]) -> tuple[Unit[D], _Node[D]]:
        found = _HEADER.match(part)
        if found is None:
            raise ScpiError(-102)
        header, marks, rest = found.groups()
        if len(marks) > 1 or (rest and not rest[0].isspace() and not marks):
            raise ScpiError(-102 if len(marks) > 1 else -111)
        if not (part.isascii() and part.replace("\t", " ").isprintable()):
            raise ScpiError(-101)
        if header.startswith("*"):
            command = self._common.get(header.upper())
        else:
            command, path = self._walk(header, path)
        if command is None:
            raise ScpiError(-113)
        query = bool(marks)
        arguments = tuple(parameters(rest.strip()))
        check_count(command, query, len(arguments))
        return Unit(command, query, arguments), path

    def _walk(self, header: str, path: _Node[D]) -> tuple[Command[D] | None, _Node[D]]:
        node = path
        if header.startswith(":"):
            node, header = self._root, header[1:]
        parent = node
        for mnemonic in header.split(":"):
            parent, node = node, self._child(node, mnemonic)
        return node.command, parent

    def _child(self, node: _Node[D], mnemonic: str) -> _Node[D]:
        child = node.children.get(mnemonic.upper())
        if child is not None:
            return child
        found = _MNEMONIC.match(mnemonic)
        if found is None:
            raise ScpiError(-102 if mnemonic else -113)
        if len(found[1]) > MAX_MNEMONIC:
            raise ScpiError(-112)
        raise ScpiError(-114 if found[2] and found[1].upper() in node.children else -113)


def check_count(command: Command[D], query: bool, count: int) -> None:
    """Refuse a form that the command lacks, and too few or too many parameters."""
    if (command.ask if query else command.set) is None:
        raise ScpiError(-113)
    least, most = command.query_parameters if query else command.parameters
    if count < least:
        raise ScpiError(-109)
    if count > most:
        raise ScpiError(-108)


def split(text: str, separator: str) -> list[str]:
    """Cut at a separator outside strings and parentheses. Raises -151 for an open string."""
    if '"' not in text and "'" not in text and "(" not in text:
        return text.split(separator)
    parts, start, quote, depth = [], 0, "", 0
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif character == separator and not depth:
            parts.append(text[start:position])
            start = position + 1
    if quote:
        raise ScpiError(-151)
    return [*parts, text[start:]]


def parameters(text: str) -> list[Argument]:
    """The parameters of one unit."""
    if not text:
        return []
    found: list[Argument] = []
    for part in split(text, ","):
        word = part.strip()
        if not word:
            raise ScpiError(-109 if not found else -103)
        if word[0] in "\"'":
            if word[-1] != word[0] or len(word) < 2:
                raise ScpiError(-151)
            found.append(Argument(word[1:-1].replace(word[0] * 2, word[0]), True))
        else:
            found.append(Argument(word, False))
    return found


def number(
    argument: Argument, low: float, high: float, named: Mapping[str, float] | None = None
) -> float:
    """A numeric parameter inside [low, high]; `named` holds MIN, MAX, DEF where they differ.

    Raises ScpiError: -104 not numeric data, -121 bad character, -123 exponent, -222 out of range.
    """
    if argument.quoted:
        raise ScpiError(-104)
    text = argument.text
    if text[0].isalpha():
        return named_value(text, low, high, named or {})
    if text[0] == "#":
        value = radix(text)
    else:
        if not _NUMBER.fullmatch(text):
            head = _NUMBER.match(text)
            raise ScpiError(-131 if head and text[head.end() :].strip().isalpha() else -121)
        value = float(re.sub(r"\s", "", text))
        if math.isinf(value):
            raise ScpiError(-123)
    if not low <= value <= high:
        raise ScpiError(-222)
    return value


def named_value(text: str, low: float, high: float, named: Mapping[str, float]) -> float:
    """The value of MINimum, MAXimum, DEFault or another name that the command knows."""
    for keyword, value in {"MINimum": low, "MAXimum": high, **named}.items():
        if matches(text, keyword):
            return value
    raise ScpiError(-141)


def radix(text: str) -> float:
    """A `#H`, `#Q` or `#B` number."""
    try:
        return float(int(text[2:], _RADIX[text[1:2].upper()]))
    except (KeyError, ValueError, OverflowError):
        raise ScpiError(-121) from None


def boolean(argument: Argument) -> bool:
    """ON, OFF or a number, of which zero after rounding is OFF."""
    if argument.quoted:
        raise ScpiError(-104)
    word = argument.text.upper()
    if word in ("ON", "OFF"):
        return word == "ON"
    return abs(number(argument, -1e9, 1e9)) >= 0.5


def choice(argument: Argument, keywords: Iterable[str]) -> str:
    """The short form of the keyword that a character parameter spells."""
    if argument.quoted:
        raise ScpiError(-104)
    return keyword(argument.text, keywords)


def keyword(text: str, keywords: Iterable[str]) -> str:
    """The short form of the keyword that a word spells. Raises ScpiError -224 for another word."""
    for known in keywords:
        if matches(text, known):
            return forms(known)[0]
    raise ScpiError(-224 if text[:1].isalpha() else -141)
