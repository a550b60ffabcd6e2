"""What stands behind a command: variables, numbers, types, texts; checked as far as they can be."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from labctl_simulators.methodscript import errors
from labctl_simulators.methodscript.errors import LoadError, ScriptError
from labctl_simulators.methodscript.lexer import Word
from labctl_simulators.methodscript.values import VARTYPES, Number, Variable, literal

Value = Callable[[], Number]
Target = Callable[[], Variable]

CHECKS: Mapping[str, tuple[Callable[[Number], bool], int]] = {
    "positive": (lambda value: value > 0, errors.NOT_POSITIVE),
    "not negative": (lambda value: value >= 0, errors.NEGATIVE),
    "not zero": (lambda value: value != 0, errors.ZERO),
    "count": (lambda value: value >= 1 and value == int(value), errors.OUT_OF_BOUNDS),
}
FIELD = re.compile(r"\{([A-Za-z_]\w*(?:\[[^\[\]{}]*\])?)\}")
MOST_ELEMENTS = 100_000


class Array:
    """An array of variables, made as they are used."""

    __slots__ = ("elements", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.elements: dict[int, Variable] = {}

    def element(self, index: Number) -> Variable:
        """One of them. Raises ScriptError 4205 outside the array."""
        place = int(index)
        if not 0 <= place < self.size:
            raise ScriptError(errors.OUT_OF_BOUNDS)
        found = self.elements.get(place)
        if found is None:
            found = self.elements[place] = Variable()
        return found


class Option(NamedTuple):
    """An optional argument: its name and what stands in parentheses."""

    name: str
    value: Value


class Names:
    """The variables and arrays of a script, as far as it has been read."""

    def __init__(self) -> None:
        self.variables: dict[str, Variable] = {}
        self.arrays: dict[str, Array] = {}

    def declare(self, word: Word, line: int, size: int | None = None) -> None:
        """A new name. Raises LoadError 4026 for one that exists."""
        if word.kind != "name" or not word.text.isidentifier():
            raise LoadError(errors.BAD_ARGUMENT, line, word.column)
        if word.text in self.variables or word.text in self.arrays:
            raise LoadError(errors.DECLARED_TWICE, line, word.column)
        if size is None:
            self.variables[word.text] = Variable()
            return
        if size + sum(array.size for array in self.arrays.values()) > MOST_ELEMENTS:
            raise LoadError(errors.OUT_OF_MEMORY, line, word.column)
        self.arrays[word.text] = Array(size)

    def target(self, word: Word, line: int) -> Target:
        """A variable or an element. Raises LoadError 420B for what is not declared."""
        if word.kind != "name":
            raise LoadError(errors.BAD_ARGUMENT, line, word.column)
        name, bracket, rest = word.text.partition("[")
        if not bracket:
            variable = self.variables.get(name)
            if variable is None:
                raise LoadError(errors.UNDECLARED, line, word.column)
            return lambda: variable
        array = self.arrays.get(name)
        if array is None:
            raise LoadError(errors.UNDECLARED, line, word.column)
        index = self.value(_inner(rest[:-1], word.column + len(name) + 1), line)
        return lambda: array.element(index())

    def value(self, word: Word, line: int, check: str = "") -> Value:
        """A number or what holds one, checked now if it is a literal, else whenever it is used."""
        test, code = CHECKS.get(check, (None, 0))
        if word.kind == "number":
            number = literal(word.text)
            if number is None:
                raise LoadError(errors.BAD_LITERAL, line, word.column)
            if test is not None and not test(number):
                raise LoadError(code, line, word.column)
            return lambda: number
        target = self.target(word, line)
        if test is None:
            return lambda: target().value

        def checked() -> Number:
            value = target().value
            if not test(value):
                raise ScriptError(code)
            return value

        return checked

    def option(self, word: Word, line: int) -> Option:
        """`name(value)`. Raises LoadError."""
        name, _, rest = word.text.partition("(")
        return Option(name, self.value(_inner(rest[:-1], word.column + len(name) + 1), line))

    def text(self, word: Word, line: int) -> Callable[[], str]:
        """A string, or an f-string with variables in braces. Raises LoadError."""
        if word.kind != "string":
            raise LoadError(errors.BAD_ARGUMENT, line, word.column)
        if not word.text.startswith("f"):
            plain = word.text[1:-1]
            return lambda: plain
        pieces = FIELD.split(word.text[2:-1])
        targets = [self.target(Word("name", name, word.column), line) for name in pieces[1::2]]
        plains = pieces[0::2]

        def filled() -> str:
            shown = [target().text() for target in targets]
            return plains[0] + "".join(
                value + plain for value, plain in zip(shown, plains[1:], strict=True)
            )

        return filled

    def argument(self, kind: str, word: Word, line: int) -> Any:  # noqa: ANN401 - by its kind
        """What a command of the table is given for one of its kinds. Raises LoadError."""
        if word.kind in ("operator", "call"):
            raise LoadError(errors.BAD_ARGUMENT, line, word.column)
        if kind == "out":
            return self.target(word, line)
        if kind == "type":
            if word.text not in VARTYPES:
                raise LoadError(errors.BAD_VARTYPE, line, word.column)
            return word.text
        if kind == "text":
            return self.text(word, line)
        return self.value(word, line, kind)


def _inner(text: str, column: int) -> Word:
    stripped = text.strip()
    kind = "number" if re.match(r"[+-]?\d", stripped) else "name"
    return Word(kind, stripped, column + 1)
