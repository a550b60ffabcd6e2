"""What makes terms of trees shares: the place, the names in scope, folding of constants."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from labctl_protocols.context import BAD, Context, Kind, Scope, Term
from labctl_protocols.expressions import Parsed, Tree
from labctl_protocols.logic import Run
from labctl_protocols.plan import Names, Value, Where

MAX_SIZE = 5_000
MAX_LOOPS = 8
MAX_SHOWN = 1_000
"""Parameters within parameters could double a text each time."""


@dataclass(slots=True)
class Maker:
    """Makes terms of one parsed text's trees."""

    parsed: Parsed
    scope: Scope
    ctx: Context
    table: Mapping[str, "Make"]

    def term(self, tree: Tree) -> Term:
        """The tree as a term; BAD with a problem noted where it has no meaning."""
        made = self.table[tree.kind](self, tree)
        if made.size > MAX_SIZE:
            return self.refuse("too-large", tree, "too large an expression")
        return made

    def refuse(self, rule: str, tree: Tree, message: str, hint: str = "") -> Term:
        """Note a problem at the tree's place."""
        self.ctx.problems.add(rule, self.where(tree), message, hint)
        return BAD

    def where(self, tree: Tree) -> Where:
        """The tree's place in the file."""
        return self.parsed.scalar.at(tree.start)

    def shown(self, tree: Tree) -> str:
        """How the user wrote it, with parameters filled in."""
        pieces, position = [], tree.start
        text = self.parsed.scalar.text
        for leaf in _parameters(tree):
            named = self.scope.values.get(leaf.word)
            if named is None:
                continue
            pieces.append(text[position : leaf.start])
            alone = leaf is tree or not named.compound
            pieces.append(named.text if alone else f"({named.text})")
            position = leaf.end
        filled = "".join([*pieces, text[position : tree.end]])
        return filled if len(filled) <= MAX_SHOWN else text[tree.start : tree.end]


Make = Callable[[Maker, Tree], Term]


def _parameters(tree: Tree) -> list[Tree]:
    if tree.kind == "parameter":
        return [tree]
    return [leaf for operand in tree.operands for leaf in _parameters(operand)]


def constant_term(kind: Kind, value: float | bool) -> Term:
    """A term whose value is known."""
    return Term(kind, lambda _: value, value)


def folded(kind: Kind, run: Run, parts: list[Term], where: Callable[[str], Term]) -> Term:
    """A term made of parts: a constant where they all are, else the closure."""
    word = next((part.word for part in parts if part.word is not None), None)
    size = 1 + sum(part.size for part in parts)
    if all(part.constant is not None for part in parts):
        value = run(_NOBODY)
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return where("a division by zero, or too large a number")
        return Term(kind, lambda _: value, value, word=word, size=size)
    loops = [() if part.constant is not None else part.loops for part in parts]
    known = [loop for each in loops for loop in each or ()]
    from_loops = None if None in loops else tuple(dict.fromkeys(known))
    ledger = any(part.ledger for part in parts)
    return Term(kind, run, word=word, size=size, loops=from_loops, ledger=ledger)


def possible(term: Term) -> tuple[float, float] | None:
    """The least and greatest value, known before the run; None where it depends on the run.

    Judged at the ends of what loop names can be: right for all that rises or falls with each.
    """
    if term.constant is not None:
        return float(term.constant), float(term.constant)
    if term.loops is None or len(term.loops) > MAX_LOOPS:
        return None
    values = []
    for corner in product(*[((name, low), (name, high)) for name, low, high in term.loops]):
        value = term.run(_Corner(dict(corner)))
        if value is None:
            return None
        values.append(float(value))
    return min(values), max(values)


class _Corner:
    """The names of an expression that asks for loop names only."""

    def __init__(self, values: Mapping[str, float]) -> None:
        self._values = values

    def live(self, name: str) -> Value:
        return self._values[name]

    def ended(self) -> str | None:
        raise LookupError

    def last(self, label: str, figure: str) -> Value:
        raise LookupError(label)

    def slope(self, name: str, window_s: float) -> Value:
        raise LookupError(name)

    def doubtful(self) -> Sequence[Names]:
        raise LookupError

    def held(self, guard: int, now: Value, seconds: float | None, cycles: float | None) -> Value:
        raise LookupError(guard)


_NOBODY = _Corner({})
