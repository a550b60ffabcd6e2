"""Values and conditions as trees: parsed by Lark's LALR parser, every node knowing its place."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from labctl_protocols.problems import Problems
from labctl_protocols.quantities import Quantity, QuantityError
from labctl_protocols.tokens import Lexeme, tokens
from labctl_protocols.yaml12 import Scalar

if TYPE_CHECKING:
    from lark import Lark, Token, Transformer

MAX_DEPTH = 60


@dataclass(frozen=True, slots=True)
class Tree:
    """A node: its kind, its operands, where it stands in the text, and what its token meant.

    Kinds: quantity name parameter last slope call binary minus share compare held held_cycles
    negation all_of any_of. `word` is the operator, function or name.
    """

    kind: str
    start: int
    end: int
    operands: tuple["Tree", ...] = ()
    word: str = ""
    quantity: Quantity | None = None
    label: str = ""
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Parsed:
    """A tree and the scalar that it was written in."""

    scalar: Scalar
    tree: Tree

    def text(self, tree: Tree | None = None) -> str:
        """How the user wrote it."""
        node = self.tree if tree is None else tree
        return self.scalar.text[node.start : node.end]


@dataclass(frozen=True, slots=True)
class ShortForm:
    """A short form's parts, such as `C/10 until 4.2 V then hold until C/50`; None where absent."""

    value: Tree | None = None
    until: Tree | None = None
    hold_until: Tree | None = None
    name: str | None = None
    rest: tuple[Tree, ...] = ()


class _Refused(Exception):
    def __init__(self, rule: str, offset: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.rule, self.offset, self.message, self.hint = rule, offset, message, hint


def parse(scalar: Scalar, problems: Problems, start: str = "value") -> Parsed | None:
    """A `value` or `condition`; None with a problem noted."""
    tree = _parse(scalar, start, problems)
    return Parsed(scalar, tree) if isinstance(tree, Tree) else None


def parse_short(scalar: Scalar, problems: Problems, start: str) -> ShortForm | None:
    """A `drive`, `rest`, `repeat`, `record` or `span`; None with a problem noted."""
    form = _parse(scalar, start, problems)
    return form if isinstance(form, ShortForm) else None


def _parse(scalar: Scalar, start: str, problems: Problems) -> object:
    import lark

    text = scalar.text
    try:
        if not text.isascii() and "\u00a0" in text:
            at = text.index("\u00a0")
            raise _Refused("expression", at, "a no-break space", "write a plain space")
        lexemes = list(tokens(text))
        try:
            return _parser().parse(lexemes, start=start)
        except lark.UnexpectedToken as error:
            raise _unexpected(error.token, lexemes, text, start) from None
    except (QuantityError, _Refused) as error:
        hint = error.hint
        if not hint and scalar.comment:
            hint = "what follows a `#` is a comment"
        problems.add(error.rule, scalar.at(error.offset), error.message, hint)
        return None


def _unexpected(token: "Token", lexemes: list[Lexeme], text: str, start: str) -> _Refused:
    if token.type == "$END":
        return _Refused("expression", max(0, len(text) - 1), "something is missing at the end")
    found: Lexeme = token.value
    hint = ""
    if found.kind in ("PLUS", "MINUS", "STAR", "SLASH") and start == "drive":
        return _Refused(
            "parentheses",
            found.start,
            f"`{found.text}` in a short form",
            "put a sum or product in parentheses, as in `charge: (2 * $j) until 1 h`",
        )
    if found.kind == "UNTIL" and found.start == 0:
        return _Refused("until-twice", 0, "`until` is already the key", "leave the word out")
    before = next((x for x in reversed(lexemes) if x.end <= found.start), None)
    if before is not None and before.kind == "NUMBER" and found.kind == "NAME":
        hint = f"unknown unit, or write `{before.text} * {found.text}`"
    elif found.kind == "COMMA":
        hint = "a decimal comma is written as a point; several ends are joined by `or`"
    elif found.kind == "OR" and start == "rest":
        hint = "write `rest: until … or …`"
    elif found.kind == "FOR":
        hint = "`for` stands behind the comparison that it guards"
    return _Refused("expression", found.start, f"`{found.text}` cannot stand here", hint)


@cache
def _parser() -> "Lark":
    import lark
    from lark.lexer import Lexer, Token

    class Given(Lexer):
        """Hands on the tokens that tokens.py has cut."""

        def __init__(self, conf: object) -> None:
            pass

        def lex(self, data: Any, parser_state: Any = None) -> Iterator[Token]:  # noqa: ANN401 - Lark's own signature
            for lexeme in data:
                yield Token(lexeme.kind, lexeme)

    grammar = files("labctl_protocols").joinpath("grammar.lark").read_text("utf-8")
    return lark.Lark(
        grammar,
        parser="lalr",
        lexer=Given,
        start=["value", "condition", "drive", "rest", "repeat", "record", "span"],
        maybe_placeholders=False,
        transformer=_builder(),
    )


def _builder() -> "Transformer[Token, object]":
    """Lark's callbacks, one per rule: called at each reduction, so depth costs no recursion."""
    import lark

    class Build(lark.Transformer[Any, Any]):
        """One method per rule of the grammar."""

    for name, build in _BUILD.items():
        setattr(Build, name, _method(build))
    return Build()


def _method(build: Callable[[list[Any]], object]) -> Callable[[object, list[Any]], object]:
    def method(_: object, children: list[Any]) -> object:
        parts = [child.value if hasattr(child, "type") else child for child in children]
        return build(parts)

    return method


def _tree(kind: str, parts: list[Any], operands: list[Tree], word: str = "") -> Tree:
    depth = 1 + max((operand.depth for operand in operands), default=0)
    if depth > MAX_DEPTH:
        raise _refused_depth(parts[0].start)
    return Tree(kind, parts[0].start, parts[-1].end, tuple(operands), word, depth=depth)


def _refused_depth(offset: int) -> QuantityError:
    return QuantityError("too-large", offset, "nested too deeply")


def _operands(parts: list[Any]) -> list[Tree]:
    return [part for part in parts if isinstance(part, Tree)]


def _nest(kind: str) -> Callable[[list[Any]], Tree]:
    return lambda parts: _tree(kind, parts, _operands(parts))


def _leaf(kind: str) -> Callable[[list[Any]], Tree]:
    def build(parts: list[Any]) -> Tree:
        token: Lexeme = parts[0]
        return Tree(kind, token.start, token.end, (), token.name, token.quantity, token.label)

    return build


def _binary(parts: list[Any]) -> Tree:
    return _tree("binary", parts, [parts[0], parts[2]], parts[1].text)


def _compare(parts: list[Any]) -> Tree:
    if len(parts) > 3:
        raise QuantityError(
            "chained-comparison",
            parts[3].start,
            "a chained comparison",
            "write two comparisons joined by `and`",
        )
    return _tree("compare", parts, [parts[0], parts[2]], parts[1].text)


def _held_cycles(parts: list[Any]) -> Tree:
    count: Lexeme = parts[2]
    tree = _tree("held_cycles", parts, [parts[0]])
    return Tree(
        tree.kind, tree.start, tree.end, tree.operands, quantity=count.quantity, depth=tree.depth
    )


def _call(parts: list[Any]) -> Tree:
    return _tree("call", parts, _operands(parts), parts[0].text)


def _drive(parts: list[Any]) -> ShortForm:
    trees = _operands(parts)
    return ShortForm(
        trees[0], trees[1] if len(trees) > 1 else None, trees[2] if len(trees) > 2 else None
    )


def _repeat(parts: list[Any]) -> ShortForm:
    return ShortForm(parts[0], name=parts[2].name if len(parts) > 2 else None)


_BUILD: dict[str, Callable[[list[Any]], object]] = {
    "quantity": _leaf("quantity"),
    "name": _leaf("name"),
    "parameter": _leaf("parameter"),
    "last": _leaf("last"),
    "slope": _nest("slope"),
    "call": _call,
    "inner": lambda parts: replace(parts[1], start=parts[0].start, end=parts[2].end),
    "minus": _nest("minus"),
    "share": _nest("share"),
    "binary": _binary,
    "compare": _compare,
    "held": _nest("held"),
    "held_cycles": _held_cycles,
    "negation": _nest("negation"),
    "all_of": _nest("all_of"),
    "any_of": _nest("any_of"),
    "drive": _drive,
    "rest_until": lambda parts: ShortForm(until=parts[1]),
    "rest_for": lambda parts: ShortForm(value=parts[0]),
    "repeat": _repeat,
    "record": lambda parts: ShortForm(rest=tuple(_operands(parts))),
    "span": lambda parts: ShortForm(rest=tuple(_operands(parts))),
}
