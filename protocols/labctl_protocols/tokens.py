"""Cutting a value's text into tokens, by the lexing rules of the language."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from labctl_protocols.quantities import Quantity, QuantityError, lex_quantity

MAX_TEXT = 2000
FIGURES = ("capacity", "energy", "time", "voltage", "current", "ce")
FUNCTIONS = ("abs", "min", "max")
KEYWORDS = frozenset("and or not of over for until then hold as every".split())

_SPACE = re.compile(r"\s+")
_SLOPE = re.compile(r"dV/dt(?![\w])")
_LAST = re.compile(r"last\(\s*([^()\s]+)\s*\)\s*\.\s*([A-Za-z_]\w*)")
_WORD = re.compile(r"(?:aux\.)?[^\W\d]\w*")
_PARAMETER = re.compile(r"\$([^\W\d]\w*)")
_COMPARE = re.compile(r"<=|>=|==|!=|<|>")
_SIGNS = {
    "+": "PLUS", "-": "MINUS", "*": "STAR", "/": "SLASH", "(": "LPAR", ")": "RPAR", ",": "COMMA",
}  # fmt: skip
_LABEL = re.compile(r"[\w-]+$")


@dataclass(frozen=True, slots=True)
class Lexeme:
    """One token: its kind, its text, where it stands, and what it means."""

    kind: str
    text: str
    start: int
    end: int
    quantity: Quantity | None = None
    label: str = ""
    name: str = ""


def tokens(text: str) -> Iterator[Lexeme]:
    """The text's tokens in order. Raises QuantityError where none can be cut."""
    if len(text) > MAX_TEXT:
        raise QuantityError("too-large", 0, f"longer than {MAX_TEXT} characters")
    position = 0
    before: Lexeme | None = None
    while position < len(text):
        space = _SPACE.match(text, position)
        if space is not None:
            position = space.end()
            continue
        token = _cut(text, position, before)
        yield token
        before, position = token, token.end


def _cut(text: str, start: int, before: Lexeme | None) -> Lexeme:
    if text.startswith("..", start):
        return Lexeme("DOTS", "..", start, start + 2)
    slope = _SLOPE.match(text, start)
    if slope is not None:
        return Lexeme("SLOPE", "dV/dt", start, slope.end())
    lexed = lex_quantity(text, start)
    if lexed is not None:
        quantity, end = lexed
        _refuse_split_unit(text, quantity, end)
        kind = "NUMBER" if quantity.unit is None else "QUANTITY"
        return Lexeme(kind, text[start:end], start, end, quantity=quantity)
    compare = _COMPARE.match(text, start)
    if compare is not None:
        return Lexeme("COMPARE", compare[0], start, compare.end())
    if text[start] in _SIGNS:
        return Lexeme(_SIGNS[text[start]], text[start], start, start + 1)
    return _cut_word(text, start, before)


def _refuse_split_unit(text: str, quantity: Quantity, end: int) -> None:
    if quantity.unit is None:
        return
    follows = re.match(r" ([A-Za-z]+)([-^]\d|\d)", text[end:])
    if follows is not None and follows[1] not in KEYWORDS:
        unit = quantity.unit.text
        raise QuantityError(
            "unit",
            end + 1,
            f"a unit is written without spaces: `{unit}{follows[0]}` is not one",
            f"`{unit}/{follows[1]}2`",
        )


def _cut_word(text: str, start: int, before: Lexeme | None) -> Lexeme:
    last = _LAST.match(text, start)
    if last is not None:
        _refuse_label(last[1], last.start(1))
        return Lexeme("LAST", last[0], start, last.end(), label=last[1], name=last[2])
    parameter = _PARAMETER.match(text, start)
    if parameter is not None:
        return Lexeme("PARAMETER", parameter[0], start, parameter.end(), name=parameter[1])
    word = _WORD.match(text, start)
    if word is None:
        raise _strange(text, start)
    name, end = word[0], word.end()
    if name in KEYWORDS:
        return Lexeme(name.upper(), name, start, end)
    if name in ("cycle", "cycles") and before is not None and before.kind == "NUMBER":
        return Lexeme("CYCLES", name, start, end)
    if name in FUNCTIONS:
        return Lexeme("FUNCTION", name, start, end, name=name)
    if name == "last":
        raise QuantityError("last", start, "`last` without label", "write `last(label).capacity`")
    if name in ("C", "c") and re.match(r"\s*/", text[end:]):
        raise QuantityError(
            "c-rate",
            start,
            f"`{text[start : end + 3].strip()}` is no C-rate",
            "write `C/10`, or with a name `(1C / $n)`",
        )
    return Lexeme("NAME", name, start, end, name=name)


def _refuse_label(label: str, offset: int) -> None:
    if not is_label(label):
        raise QuantityError(
            "label", offset, f"`{label}` is no label", "letters, digits, `_` and `-`"
        )


def is_label(text: str) -> bool:
    """Whether the text can name a step or group."""
    return _LABEL.match(text) is not None


def is_name(text: str) -> bool:
    """Whether the text can name a parameter, a loop counter or a `for` value."""
    return re.fullmatch(r"[^\W\d]\w*", text) is not None


def _strange(text: str, start: int) -> QuantityError:
    char = text[start]
    hints = {
        "−": "write the minus sign as `-`",
        "–": "write the minus sign as `-`",
        "=": "compare with `==`",
        "≤": "write `<=`",
        "≥": "write `>=`",
        "×": "write `*`",
        "|": "write `abs(…)`",
        "%": "a number stands before `%`",
        "$": "a name follows `$`",
        "&": "write `and`",
        "{": "parameters are written `$name`",
    }
    return QuantityError("expression", start, f"`{char}` cannot stand here", hints.get(char, ""))
