"""Strict YAML 1.2: a tree whose every key and value knows its place; problems, no guesses.

libyaml's scanner gives the events; nothing is resolved to a type here. What PyYAML's 1.1 resolver
reads differently, anchors, aliases, tags, merge keys, several documents, nulls, tabs and duplicate
keys are problems. Used for protocols, cells, routines, benches and batch files alike.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from labctl_protocols.plan import Where
from labctl_protocols.problems import Problems

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
MAX_NODES = 50_000

# libyaml ends lines at NEL, LS and PS as YAML 1.1 did; YAML 1.2 and editors do not
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_INT_12 = re.compile(r"[-+]?[0-9]+$|0o[0-7]+$|0x[0-9a-fA-F]+$")
_FLOAT_12 = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$"
)
_BOOL_12 = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
_NULL_12 = frozenset({"", "~", "null", "Null", "NULL"})
_SPECIAL = ">|@%*&!`"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A piece of text as it stands in the file. `comment` is what follows a `#` on its line."""

    where: Where
    text: str
    style: Literal["plain", "quoted", "block"] = "plain"
    comment: str = ""
    one_line: bool = True

    def at(self, offset: int) -> Where:
        """The place of the character at this offset of the text."""
        if not self.one_line or self.style == "block":
            return self.where
        quote = 1 if self.style == "quoted" else 0
        return Where(self.where.file, self.where.line, self.where.column + quote + offset)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping with its value."""

    key: Scalar
    value: "Node"


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys in file order, each once."""

    where: Where
    entries: tuple[Entry, ...]

    def get(self, name: str) -> Entry | None:
        """The entry with this key."""
        return next((entry for entry in self.entries if entry.key.text == name), None)


@dataclass(frozen=True, slots=True)
class List:
    """Items in file order."""

    where: Where
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """Something whose problem has been noted; whoever meets it says nothing more."""

    where: Where


Node = Scalar | Mapping | List | Broken


class _Unreadable(Exception):
    """The text is no YAML that can be read on; the problem has been noted."""


def read_text(path: Path, problems: Problems) -> str | None:
    """A file's text (UTF-8, a byte order mark is allowed); None with a problem noted."""
    shown = path.as_posix()
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        problems.add("not-found", Where(shown, 1, 1), f"cannot be read: {reason}")
        return None
    return decode(data, shown, problems)


def decode(data: bytes, file: str, problems: Problems) -> str | None:
    """Bytes of a YAML file as text; None with a problem noted."""
    if len(data) > MAX_BYTES:
        problems.add("too-large", Where(file, 1, 1), f"larger than {MAX_BYTES} bytes")
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        problems.add("encoding", Where(file, line, column), "not UTF-8", "save the file as UTF-8")
        return None


def compose(text: str, file: str, problems: Problems) -> Node | None:
    """The file's tree; None when it cannot be read at all (then a problem has been noted).

    What can be read on after a problem is read on, so that all problems are found at once.
    """
    lines = text.split("\n")
    try:
        _refuse_characters(lines, file, problems)
        return _Composer(text, lines, file, problems).document()
    except _Unreadable:
        return None


def _refuse_characters(lines: list[str], file: str, problems: Problems) -> None:
    for number, line in enumerate(lines, 1):
        found = _FORBIDDEN.search(line)
        if found is not None:
            where = Where(file, number, found.start() + 1)
            problems.add("character", where, f"the character U+{ord(found[0]):04X} is not allowed")
            raise _Unreadable
        indent = len(line) - len(line.lstrip(" \t"))
        if "\t" in line[:indent] and line.strip() and not line.lstrip().startswith("#"):
            where = Where(file, number, line.index("\t") + 1)
            problems.add("tab", where, "a tab stands in the indentation", "indent with spaces")
            raise _Unreadable


class _Composer:
    """Events to nodes, with a bound on depth and number (libyaml's own composer has none)."""

    def __init__(self, text: str, lines: list[str], file: str, problems: Problems) -> None:
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._parser = loader(text)
        self._lines = lines
        self._file = file
        self._problems = problems
        self._nodes = 0
        self._key: Where | None = None

    def document(self) -> Node | None:
        """The only document's tree."""
        self._next()
        start = self._next()
        if isinstance(start, yaml.StreamEndEvent):
            self._problems.add("empty", Where(self._file, 1, 1), "the file is empty")
            raise _Unreadable
        if isinstance(start, yaml.DocumentStartEvent) and (start.version or start.tags):
            self._problems.add("tag", self._where(start), "a % directive", "remove it")
        node = self._node(self._next(), 0)
        self._next()
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            self._problems.add(
                "documents", self._where(after), "a second document", "one file holds one document"
            )
        return node

    def _next(self) -> yaml.Event:
        try:
            event: yaml.Event = self._parser.get_event()
            return event
        except yaml.MarkedYAMLError as error:
            self._note_syntax(error)
        except yaml.YAMLError as error:
            self._problems.add("syntax", Where(self._file, 1, 1), f"not YAML: {error}")
        raise _Unreadable

    def _note_syntax(self, error: yaml.MarkedYAMLError) -> None:
        marks = [m for m in (error.context_mark, error.problem_mark) if m is not None]
        for mark in reversed(marks):
            char = self._char(mark.line, mark.column)
            if char and char in _SPECIAL:
                self._problems.add(
                    "leading-character",
                    Where(self._file, mark.line + 1, mark.column + 1),
                    f"a text cannot begin with `{char}` in YAML",
                    "quote it",
                )
                return
        unclosed = "end of stream" in str(error.problem)
        line, column = _place(marks[0 if unclosed else -1] if marks else None)
        where = Where(self._file, line + 1, column + 1)
        text = str(error.problem)
        if "mapping values" in text:
            self._problems.add(
                "colon", where, "YAML reads `: ` as a new key here", "quote the text that holds it"
            )
        elif self._char(line, column) == "\t":
            self._problems.add("tab", where, "a tab stands where YAML allows none", "use spaces")
        else:
            self._problems.add("syntax", where, f"not YAML: {text}")

    def _char(self, line: int, column: int) -> str:
        row = self._lines[line] if line < len(self._lines) else ""
        return row[column : column + 1]

    def _where(self, event: yaml.Event) -> Where:
        line, column = _place(event.start_mark)
        return Where(self._file, line + 1, column + 1)

    def _node(self, event: yaml.Event, depth: int) -> Node:
        where = self._where(event)
        if not isinstance(event, yaml.ScalarEvent):
            self._key = None
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            what = "nested too deeply" if depth > MAX_DEPTH else "too many values"
            self._problems.add("too-large", where, what)
            raise _Unreadable
        if isinstance(event, yaml.AliasEvent):
            self._problems.add(
                "alias", where, f"an alias `*{event.anchor}`", "write it out, or quote the text"
            )
            return Broken(where)
        if self._refuse_properties(event, where) and isinstance(event, yaml.ScalarEvent):
            return Broken(where)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, where)
        if isinstance(event, yaml.SequenceStartEvent):
            return List(where, tuple(self._items(depth)))
        return Mapping(where, tuple(self._entries(depth)))

    def _refuse_properties(self, event: yaml.Event, where: Where) -> bool:
        hint = "remove it, or quote the text"
        refused = False
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            return False
        if event.anchor is not None:
            refused = self._problems.add("anchor", where, f"an anchor `&{event.anchor}`", hint)
        if event.tag is not None:
            refused |= self._problems.add("tag", where, "a tag (`!`)", hint)
        return refused

    def _items(self, depth: int) -> Iterator[Node]:
        event = self._next()
        while not isinstance(event, yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)
            event = self._next()

    def _entries(self, depth: int) -> list[Entry]:
        found: list[Entry] = []
        event = self._next()
        while not isinstance(event, yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value_event = self._next()
            if self._is_decimal_comma(found, key, value_event):
                found[-1] = Entry(found[-1].key, Broken(found[-1].value.where))
            else:
                self._key = key.where
                value = self._node(value_event, depth + 1)
                found.extend(self._entry(found, key, value))
            event = self._next()
        return found

    def _entry(self, before: list[Entry], key: Node, value: Node) -> list[Entry]:
        """The entry, unless its key is none or stands there already."""
        if isinstance(key, Broken):
            return []
        if not isinstance(key, Scalar):
            self._problems.add("key", key.where, "a key that is no text")
            return []
        for other in before:
            if other.key.text != key.text:
                continue
            hint = f"first at line {other.key.where.line}"
            if self._problems.add("duplicate-key", key.where, f"`{key.text}` stands twice", hint):
                return []
        return [Entry(key, value)]

    def _is_decimal_comma(self, before: list[Entry], key: Node, value: yaml.Event) -> bool:
        """Whether `{at: 1,5 mA}` was split at its comma; noted at the number."""
        number = before[-1].value if before else None
        if not (isinstance(number, Scalar) and isinstance(key, Scalar)):
            return False
        if not (isinstance(value, yaml.ScalarEvent) and not value.value and not value.style):
            return False
        if not (number.text[-1:].isdigit() and key.text[:1].isdigit()):
            return False
        hint = f"write `{number.text}.{key.text}`"
        return self._problems.add("decimal-comma", number.where, "a decimal comma", hint)

    def _scalar(self, event: yaml.ScalarEvent, where: Where) -> Node:
        text: str = event.value
        style: Literal["plain", "quoted", "block"] = "quoted"
        if not event.style:
            style = "plain"
        elif event.style in "|>":
            style = "block"
        line, column = _place(event.end_mark)
        one_line = where.line == line + 1
        if one_line and style == "quoted":
            one_line = column - where.column + 1 == len(text) + 2
        rest = self._lines[line][column:] if line < len(self._lines) else ""
        comment = rest.strip() if style == "plain" and rest.lstrip(" \t\r").startswith("#") else ""
        key, self._key = self._key, None
        if style == "plain" and self._refuse_plain(text, key or where, where, comment):
            return Broken(where)
        return Scalar(where, text, style, comment, one_line)

    def _refuse_plain(self, text: str, key: Where, where: Where, comment: str) -> bool:
        if text in _NULL_12:
            where = where if text else key
            hint = "give it a value, or leave the key out"
            if comment:
                hint = "what follows a `#` is a comment: quote the text"
            elif self._is_in_braces(where):
                hint = "in { } and [ ] a comma separates; a decimal comma is written as a point"
            return self._problems.add("null", where, "no value", hint)
        if text == "<<":
            return self._problems.add("merge-key", where, "a merge key", "write the keys out")
        if reads_differently(text):
            return self._problems.add(
                "yaml-1.1",
                where,
                f"YAML 1.1 programs read `{text}` as something else",
                "quote it if it is a text, else write a plain number",
            )
        return False

    def _is_in_braces(self, where: Where) -> bool:
        before = "\n".join(self._lines[max(0, where.line - 3) : where.line - 1])
        before += self._lines[where.line - 1][: where.column - 1]
        return before.count("{") > before.count("}")


def _place(mark: object) -> tuple[int, int]:
    """Line and column of one of PyYAML's marks, from 0."""
    return getattr(mark, "line", 0), getattr(mark, "column", 0)


def reads_differently(text: str) -> bool:
    """Whether PyYAML's YAML 1.1 resolver and the YAML 1.2 core schema disagree on a plain text."""
    return _tag_11(text) != _tag_12(text) or bool(re.match(r"[-+]?0[0-9]+$", text))


def _tag_11(text: str) -> str:
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers
    for tag, pattern in [*resolvers.get(text[:1], []), *resolvers.get(None, [])]:
        if pattern.match(text):
            return str(tag).rpartition(":")[2]
    return "str"


def _tag_12(text: str) -> str:
    if text in _NULL_12:
        return "null"
    if text in _BOOL_12:
        return "bool"
    if _INT_12.match(text):
        return "int"
    return "float" if _FLOAT_12.match(text) else "str"
