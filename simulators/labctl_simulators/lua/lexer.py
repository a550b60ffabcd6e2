"""Lua source to tokens. Source: the Lua 5.0 reference manual, §2.1."""

import re
from typing import Literal, NamedTuple

KEYWORDS = frozenset(
    "and break do else elseif end false for function if in local nil not or repeat return then "
    "true until while".split()
)
Kind = Literal["name", "keyword", "number", "string", "symbol", "end"]


class LuaSyntaxError(Exception):
    """A chunk that cannot be executed; `near` is the token at which that was seen."""

    def __init__(self, line: int, words: str, near: str) -> None:
        super().__init__(f"at line {line}: {words} near `{near}'")


class Token(NamedTuple):
    """One token and the line that it stands on."""

    kind: Kind
    text: str
    line: int


_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n\f\v]+)"
    r"|(?P<comment>--(?!\[\[)[^\n]*)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<quote>[\"'])"
    r"|(?P<long>(?:--)?\[\[)"
    r"|(?P<symbol>\.\.\.|\.\.|==|~=|<=|>=|[-+*/^=<>(){}\[\];:,.])"
)
_PIECE = re.compile(r"[^\"'\\\n]+|\\(?:[0-9]{1,3}|\n|.)|[\"']")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def tokens(source: str) -> list[Token]:
    """All tokens, an `end` at last. Raises LuaSyntaxError."""
    found: list[Token] = []
    at, line = 0, 1
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise LuaSyntaxError(line, "unexpected symbol", _shown(source[at]))
        kind, text = match.lastgroup, match[0]
        begin, at = line, match.end()
        if kind == "quote":
            value, at = _quoted(source, at, text, line)
            found.append(Token("string", value, begin))
            text = source[match.start() : at]
        elif kind == "long":
            close = source.find("]]", at)
            if close < 0:
                raise LuaSyntaxError(line, "unfinished long string", text)
            if not text.startswith("--"):
                found.append(Token("string", source[at:close].removeprefix("\n"), begin))
            text, at = source[match.start() : close], close + 2
        elif kind == "name":
            found.append(Token("keyword" if text in KEYWORDS else "name", text, begin))
        elif kind in ("number", "symbol"):
            found.append(Token("number" if kind == "number" else "symbol", text, begin))
        line += text.count("\n")
    found.append(Token("end", "<eof>", line))
    return found


def _quoted(source: str, at: int, quote: str, line: int) -> tuple[str, int]:
    pieces: list[str] = []
    while True:
        match = _PIECE.match(source, at)
        if match is None:
            raise LuaSyntaxError(line, "unfinished string", quote)
        piece, at = match[0], match.end()
        if piece == quote:
            return "".join(pieces), at
        pieces.append(_escaped(piece[1:], line) if piece[0] == "\\" else piece)


def _escaped(rest: str, line: int) -> str:
    if rest.isdigit():
        if int(rest) > 255:
            raise LuaSyntaxError(line, "escape sequence too large", rest)
        return chr(int(rest))
    return _ESCAPES.get(rest, rest)


def _shown(character: str) -> str:
    return character if character.isprintable() else f"char({ord(character)})"
