"""JSON whose every value knows its place: strict, bounded, and never a NaN.

The standard library's parser tells no places, lets NaN and duplicate keys through, and recurses as
deep as the file does.
"""

import math
import re
from bisect import bisect_right
from dataclasses import dataclass
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]  # not in typeshed

from labctl_protocols.plan import Where
from labctl_protocols.problems import Problem, ProtocolError

MAX_DEPTH = 40
MAX_VALUES = 200_000
_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NO_NUMBER = re.compile(r"-?(?:NaN|Infinity|nan|inf)")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its place and its path, as `method[3].rate_C`."""

    where: Where
    path: str
    value: "dict[str, Node] | list[Node] | str | int | float | bool | None"

    def get(self, name: str) -> "Node | None":
        """The member of that name; None where there is none or it is null."""
        found = self.value.get(name) if isinstance(self.value, dict) else None
        return None if found is None or found.value is None else found


def shortened(message: str) -> str:
    """A message on one screen, whatever it quotes: no control characters, no endless text."""
    message = "".join(char if char.isprintable() else "\ufffd" for char in message[:301])
    return message if len(message) <= 300 else f"{message[:300]} …"


def read_json(text: str, file: str) -> Node:
    """The document's tree. Raises ProtocolError with the first thing that is wrong."""
    reader = _Reader(text, file)
    node, end = reader.value(reader.skip(0), "", 0)
    end = reader.skip(end)
    if end != len(text):
        raise reader.error(end, "something follows the document")
    return node


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._count = 0

    def where(self, position: int) -> Where:
        line = bisect_right(self._starts, position)
        return Where(self._file, line, position - self._starts[line - 1] + 1)

    def error(self, position: int, message: str, hint: str = "") -> ProtocolError:
        return ProtocolError((Problem(self.where(position), shortened(message), "json", hint),))

    def skip(self, position: int) -> int:
        found = _SPACE.match(self._text, position)
        return position if found is None else found.end()

    def value(self, start: int, path: str, depth: int) -> tuple[Node, int]:
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_VALUES:
            what = "nested too deeply" if depth > MAX_DEPTH else "too many values"
            raise self.error(start, what)
        char = self._text[start : start + 1]
        if char == "{":
            return self._object(start, path, depth)
        if char == "[":
            return self._array(start, path, depth)
        if char == '"':
            text, end = self._string(start)
            return Node(self.where(start), path, text), end
        for word, meaning in _WORDS.items():
            if self._text.startswith(word, start):
                return Node(self.where(start), path, meaning), start + len(word)
        return self._number(start, path)

    def _number(self, start: int, path: str) -> tuple[Node, int]:
        found = _NUMBER.match(self._text, start)
        if found is None:
            odd = _NO_NUMBER.match(self._text, start)
            if odd is not None:
                raise self.error(start, f"{odd[0]} is no number")
            if start >= len(self._text):
                raise self.error(start, "the file ends too early")
            raise self.error(start, f"`{self._text[start]}` cannot stand here", "this is no JSON")
        digits = found[0]
        if len(digits) > 300 or not math.isfinite(float(digits)):
            raise self.error(start, "a number that is too large")
        value = int(digits) if found[1] is None and found[2] is None else float(digits)
        return Node(self.where(start), path, value), found.end()

    def _string(self, start: int) -> tuple[str, int]:
        try:
            text, end = scanstring(self._text, start + 1, True)
        except JSONDecodeError as error:
            raise self.error(error.pos, f"a damaged text: {error.msg}") from error
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise self.error(start, "half of a character (a lone surrogate) in a text")
        return text, end

    def _array(self, start: int, path: str, depth: int) -> tuple[Node, int]:
        items: list[Node] = []
        position = self.skip(start + 1)
        while self._text[position : position + 1] != "]" or items:
            item, position = self.value(position, f"{path}[{len(items)}]", depth + 1)
            items.append(item)
            position, is_end = self._after(position, "]")
            if is_end:
                return Node(self.where(start), path, items), position
        return Node(self.where(start), path, items), position + 1

    def _object(self, start: int, path: str, depth: int) -> tuple[Node, int]:
        members: dict[str, Node] = {}
        position = self.skip(start + 1)
        while self._text[position : position + 1] != "}" or members:
            key_at = position
            if self._text[position : position + 1] != '"':
                raise self.error(position, "a key in double quotes is missing here")
            key, position = self._string(position)
            if key in members:
                raise self.error(key_at, f"`{key}` stands twice")
            position = self.skip(position)
            if self._text[position : position + 1] != ":":
                raise self.error(position, f"`:` is missing behind `{key}`")
            inner = f"{path}.{key}" if path else key
            members[key], position = self.value(self.skip(position + 1), inner, depth + 1)
            position, is_end = self._after(position, "}")
            if is_end:
                return Node(self.where(start), path, members), position
        return Node(self.where(start), path, members), position + 1

    def _after(self, position: int, closing: str) -> tuple[int, bool]:
        """Where the next member begins, or the end behind the closing bracket."""
        position = self.skip(position)
        char = self._text[position : position + 1]
        if char == closing:
            return position + 1, True
        if char != ",":
            raise self.error(position, f"`,` or `{closing}` is missing here")
        return self.skip(position + 1), False
