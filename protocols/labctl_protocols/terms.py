"""Trees to terms: names looked up, dimensions checked, constants folded, the rest closures."""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass

from labctl_protocols.cell_record import in_si
from labctl_protocols.context import BAD, Compiled, Context, Kind, Named, Scope, Term, unknown
from labctl_protocols.expressions import Parsed, Tree
from labctl_protocols.fields import meant
from labctl_protocols.logic import COMPARISONS, Run, all_of, any_of, arithmetic, call, compare
from labctl_protocols.plan import Names, Value, Where
from labctl_protocols.quantities import (
    CHARGE,
    CURRENT,
    ENERGY,
    NUMBER,
    POWER,
    TEMPERATURE,
    TIME,
    VOLTAGE,
    VOLTAGE_SLOPE,
    Dimensions,
    dimension_name,
    to_si,
)
from labctl_protocols.tokens import FIGURES

LIVE = {
    "voltage": VOLTAGE,
    "current": CURRENT,
    "power": POWER,
    "capacity": CHARGE,
    "energy": ENERGY,
    "time": TIME,
    "temperature": TEMPERATURE,
    "elapsed": TIME,
    "cycle": NUMBER,
    "ce": NUMBER,
    "retention": NUMBER,
    "deposit": CHARGE,
    "lost": CHARGE,
    "supplied": CHARGE,
    "inventory": CHARGE,
    "nominal": CHARGE,
}
LEDGER = frozenset({"deposit", "lost", "supplied", "inventory"})
FIGURE_KINDS = dict(zip(FIGURES, (CHARGE, ENERGY, TIME, VOLTAGE, CURRENT, NUMBER), strict=True))
ENDED_WORDS = frozenset({*LIVE, "charge", "condition", "dV/dt"})
RESERVED = frozenset({*LIVE, "ended", "last", "aux", "abs", "min", "max", "C", "d", "V", "A"})
MAX_SIZE = 5_000


@dataclass(slots=True)
class Maker:
    """Makes terms of one parsed text's trees."""

    parsed: Parsed
    scope: Scope
    ctx: Context

    def term(self, tree: Tree) -> Term:
        """The tree as a term; BAD with a problem noted where it has no meaning."""
        made = _MAKE[tree.kind](self, tree)
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
            atomic = leaf is tree or not any(sign in named.text for sign in " +-*/".split()[1:])
            pieces.append(named.text if atomic else f"({named.text})")
            position = leaf.end
        return "".join([*pieces, text[position : tree.end]])


def compiled(parsed: Parsed, tree: Tree, scope: Scope, ctx: Context) -> tuple[Term, Compiled]:
    """A tree as a term and as an expression for the plan."""
    maker = Maker(parsed, scope, ctx)
    term = maker.term(tree)
    return term, Compiled(maker.shown(tree), term.run, term.constant)


def named(parsed: Parsed, scope: Scope, ctx: Context) -> Named:
    """A parsed value as what a `$name` stands for."""
    maker = Maker(parsed, scope, ctx)
    return Named(maker.term(parsed.tree), maker.shown(parsed.tree))


def _parameters(tree: Tree) -> list[Tree]:
    if tree.kind == "parameter":
        return [tree]
    return [leaf for operand in tree.operands for leaf in _parameters(operand)]


def _constant(kind: Kind, value: float | bool, size: int = 1) -> Term:
    return Term(kind, lambda _: value, value, size=size)


def _folded(kind: Kind, run: Run, parts: list[Term], where: Callable[[str], Term]) -> Term:
    """A term made of parts: a constant where they all are, else the closure."""
    word = next((part.word for part in parts if part.word is not None), None)
    size = 1 + sum(part.size for part in parts)
    if all(part.constant is not None for part in parts):
        value = run(_NOBODY)
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return where("a division by zero, or too large a number")
        return Term(kind, lambda _: value, value, word=word, size=size)
    return Term(kind, run, word=word, size=size)


class _Nobody:
    """The names of a constant expression: it asks for none."""

    def live(self, name: str) -> Value:
        raise LookupError(name)

    def ended(self) -> str | None:
        raise LookupError

    def last(self, label: str, figure: str) -> Value:
        raise LookupError(label)

    def slope(self, name: str, window_s: float) -> Value:
        raise LookupError(name)

    def held(self, guard: int, now: Value, seconds: float | None, cycles: float | None) -> Value:
        raise LookupError(guard)


_NOBODY = _Nobody()


# ---- leaves --------------------------------------------------------------------------------


def _quantity(maker: Maker, tree: Tree) -> Term:
    quantity = tree.quantity
    if quantity is None:
        raise RuntimeError("a quantity without its value")
    unit, cell = quantity.unit, maker.ctx.cell
    if cell is None:
        if unit is not None and unit.per:
            return Term(quantity.dimensions, unknown, literal=quantity)
        value, missing = to_si(quantity), ""
    else:
        value, missing = in_si(quantity, cell)
    if missing and unit is not None:
        message = f"`{unit.text}` needs `{missing}` in the cell record, which has none"
        maker.refuse("missing-field", tree, message)
    return Term(quantity.dimensions, lambda _: value, value, literal=quantity)


def _name(maker: Maker, tree: Tree) -> Term:
    name, scope = tree.word, maker.scope
    plan_name = scope.counters.get(name)
    if plan_name is not None:
        return Term(NUMBER, lambda names: names.live(plan_name))
    if name.startswith("aux."):
        return maker.refuse("not-yet", tree, f"`{name}`: auxiliaries are not in this version")
    kind = LIVE.get(name)
    if kind is None:
        return maker.refuse("unknown-name", tree, f"unknown name `{name}`", _name_hint(maker, name))
    return _live(maker, tree, name, kind)


def _name_hint(maker: Maker, name: str) -> str:
    scope = maker.scope
    if name in scope.values:
        return f"a parameter is written `${name}`"
    if name in ("ended", "charge", "condition"):
        return "as in `ended == voltage`"
    if name in ("C", "c"):
        return "a C-rate is written `C/10` or `0.5C`"
    return meant(name, [*LIVE, *scope.counters])


def _live(maker: Maker, tree: Tree, name: str, kind: Dimensions) -> Term:
    ctx, cell = maker.ctx, maker.ctx.cell
    if name == "temperature" and "temperature" not in ctx.measures:
        return maker.refuse("not-measured", tree, "nobody measures the temperature")
    if name in LEDGER and ctx.kind in ("symmetric", "cathode-half"):
        return maker.refuse(
            "no-ledger", tree, f"a {ctx.kind} cell has no metal ledger, so no `{name}`"
        )
    if name == "nominal" and cell is not None:
        if cell.capacity_Ah is None:
            return maker.refuse(
                "missing-field", tree, "`nominal` needs `capacity` in the cell record"
            )
        value = cell.capacity_Ah * 3600.0
        return Term(kind, lambda _: value, value, word=name)
    if name == "inventory" and cell is not None and cell.inventory_Ah is None:
        return maker.refuse(
            "missing-field", tree, "`inventory` needs `inventory` in the cell record"
        )
    return Term(kind, lambda names: names.live(name), word=name)


def _parameter(maker: Maker, tree: Tree) -> Term:
    found = maker.scope.values.get(tree.word)
    if found is not None:
        return found.term
    if tree.word in maker.scope.counters:
        hint = f"a loop counter is bare: `{tree.word}`"
    else:
        known = list(maker.scope.values)
        hint = meant(tree.word, known) or (
            "known here: " + ", ".join(f"${name}" for name in known) if known else ""
        )
    return maker.refuse("unknown-parameter", tree, f"unknown parameter `${tree.word}`", hint)


def _last(maker: Maker, tree: Tree) -> Term:
    label, figure = tree.label, tree.word
    maker.ctx.label_uses.append((maker.where(tree), label))
    kind = FIGURE_KINDS.get(figure)
    if kind is None:
        hint = meant(figure, FIGURES) or "one of " + ", ".join(FIGURES)
        return maker.refuse("figure", tree, f"unknown figure `{figure}`", hint)
    return Term(kind, lambda names: names.last(label, figure))


def _slope(maker: Maker, tree: Tree) -> Term:
    if not tree.operands:
        return maker.refuse("slope", tree, "`dV/dt` without a window", "write `dV/dt over 10 min`")
    window = maker.term(tree.operands[0])
    if window.kind == "bad":
        return BAD
    seconds = window.constant
    if (
        window.kind != TIME
        or (seconds is not None and not seconds > 0)
        or (seconds is None and maker.ctx.cell is not None)
    ):
        return maker.refuse(
            "slope", tree.operands[0], "the window of `over` is a fixed time above zero"
        )
    width = float(seconds or 0.0)
    return Term(VOLTAGE_SLOPE, lambda names: names.slope("voltage", width), word="dV/dt")


# ---- arithmetic ----------------------------------------------------------------------------


def _numbers(maker: Maker, trees: tuple[Tree, ...], absolute_allowed: bool) -> list[Term] | None:
    """Operands that are numbers or quantities; None with a problem noted."""
    terms = [maker.term(tree) for tree in trees]
    for tree, term in zip(trees, terms, strict=True):
        if term.kind == "bad":
            return None
        if term.kind == "truth":
            maker.refuse("dimension", tree, "a condition cannot be reckoned with")
            return None
        if not absolute_allowed and term.literal is not None and _is_celsius(term):
            maker.refuse("celsius", tree, "degC cannot be reckoned with", "write K")
            return None
    return terms


def _is_celsius(term: Term) -> bool:
    unit = term.literal.unit if term.literal else None
    return unit is not None and unit.text == "degC"


def _binary(maker: Maker, tree: Tree) -> Term:
    terms = _numbers(maker, tree.operands, absolute_allowed=False)
    if terms is None:
        return BAD
    left, right = terms
    sign = tree.word
    kind = _product_kind(left, right, sign) if sign in "*/" else left.kind
    if sign in "+-" and left.kind != right.kind:
        return _mismatch(maker, tree, terms, f"`{sign}`")
    if sign == "/" and right.constant == 0:
        return maker.refuse("division", tree.operands[1], "a division by zero")
    run = arithmetic(sign, left.run, right.run)
    return _folded(kind, run, terms, lambda text: maker.refuse("number", tree, text))


def _product_kind(left: Term, right: Term, sign: str) -> Kind:
    if isinstance(left.kind, str) or isinstance(right.kind, str):
        return "bad"
    combine = operator.add if sign == "*" else operator.sub
    return Dimensions(*(combine(a, b) for a, b in zip(left.kind, right.kind, strict=True)))


def _mismatch(maker: Maker, tree: Tree, terms: list[Term], what: str) -> Term:
    """Note why two operands do not belong together."""
    left, right = terms
    for ours, other, place in ((left, right, 0), (right, left, 1)):
        if ours.kind != NUMBER or isinstance(other.kind, str):
            continue
        literal = ours.literal
        operand = tree.operands[place]
        if literal is not None and literal.unit is not None and other.kind == CHARGE:
            return maker.refuse(
                "percent-of",
                operand,
                "a percentage of a charge needs `of`",
                f"as in `{maker.parsed.text(operand)} of nominal`",
            )
        if literal is not None and literal.unit is None:
            return maker.refuse(
                "unit-missing",
                operand,
                f"a number without unit beside a {dimension_name(other.kind)}",
            )
    names = " and ".join(
        "a condition" if isinstance(t.kind, str) else dimension_name(t.kind) for t in terms
    )
    return maker.refuse("dimension", tree, f"{names} do not belong together in {what}")


def _minus(maker: Maker, tree: Tree) -> Term:
    terms = _numbers(maker, tree.operands, absolute_allowed=True)
    if terms is None:
        return BAD
    inner = terms[0]
    if _is_celsius(inner) and inner.literal is not None:
        # −5 degC is a temperature of its own, not the negative of 5 degC
        value = 273.15 - inner.literal.value
        return _constant(TEMPERATURE, value)
    zero = _constant(inner.kind, 0.0)
    run = arithmetic("-", zero.run, inner.run)
    made = _folded(inner.kind, run, terms, lambda text: maker.refuse("number", tree, text))
    return Term(made.kind, made.run, made.constant, made.word, made.size, inner.literal)


def _share(maker: Maker, tree: Tree) -> Term:
    terms = _numbers(maker, tree.operands, absolute_allowed=False)
    if terms is None:
        return BAD
    share, whole = terms
    if share.kind != NUMBER:
        return maker.refuse("dimension", tree.operands[0], "a percentage stands before `of`")
    run = arithmetic("*", share.run, whole.run)
    return _folded(whole.kind, run, terms, lambda text: maker.refuse("number", tree, text))


def _call(maker: Maker, tree: Tree) -> Term:
    terms = _numbers(maker, tree.operands, absolute_allowed=tree.word != "abs")
    if terms is None:
        return BAD
    if (len(terms) == 1) != (tree.word == "abs"):
        wanted = "one value" if tree.word == "abs" else "two values or more"
        return maker.refuse("arguments", tree, f"`{tree.word}` takes {wanted}")
    for other in terms[1:]:
        if other.kind != terms[0].kind:
            return maker.refuse("dimension", tree, f"`{tree.word}` of values of different kinds")
    run = call(tree.word, [term.run for term in terms])
    return _folded(terms[0].kind, run, terms, lambda text: maker.refuse("number", tree, text))


# ---- conditions ----------------------------------------------------------------------------


def _compare(maker: Maker, tree: Tree) -> Term:
    ended = [operand.kind == "name" and operand.word == "ended" for operand in tree.operands]
    if any(ended):
        return _compare_ended(maker, tree, tree.operands[1 if ended[0] else 0])
    terms = _numbers(maker, tree.operands, absolute_allowed=True)
    if terms is None:
        return BAD
    left, right = terms
    if left.kind != right.kind:
        return _mismatch(maker, tree, terms, "a comparison")
    run = compare(tree.word, left.run, right.run, right.constant)
    word = left.word or right.word
    if left.constant is not None and right.constant is not None:
        value = bool(COMPARISONS[tree.word](left.constant, right.constant))
        return Term("truth", lambda _: value, value, word=word)
    return Term("truth", run, word=word, size=1 + left.size + right.size)


def _compare_ended(maker: Maker, tree: Tree, other: Tree) -> Term:
    word = other.word if other.kind == "name" else "dV/dt" if other.kind == "slope" else ""
    if tree.word not in ("==", "!="):
        return maker.refuse("ended", tree, "`ended` is compared with `==` or `!=`")
    if word not in ENDED_WORDS:
        hint = meant(word, ENDED_WORDS) or "as in `ended == voltage`"
        return maker.refuse("ended", other, "no word of what can end a step", hint)
    wanted = tree.word == "=="

    def run(names: Names) -> Value:
        ended = names.ended()
        return None if ended is None else (ended == word) is wanted

    return Term("truth", run)


def _conditions(maker: Maker, trees: tuple[Tree, ...], what: str) -> list[Term] | None:
    terms = [maker.term(tree) for tree in trees]
    for tree, term in zip(trees, terms, strict=True):
        if term.kind == "bad":
            return None
        if term.kind != "truth":
            maker.refuse(
                "bare-target",
                tree,
                f"a bare {dimension_name(term.kind)} {what}",
                "write a comparison, as in `voltage > 0.1 V`",
            )
            return None
    return terms


def _junction(maker: Maker, tree: Tree) -> Term:
    word = "and" if tree.kind == "all_of" else "or"
    terms = _conditions(
        maker, tree.operands, f"beside `{word}`: it can only be one of a step's ends"
    )
    if terms is None:
        return BAD
    join = all_of if tree.kind == "all_of" else any_of
    run = join([term.run for term in terms])
    return _folded("truth", run, terms, lambda text: maker.refuse("number", tree, text))


def _negation(maker: Maker, tree: Tree) -> Term:
    terms = _conditions(maker, tree.operands, "behind `not`")
    if terms is None:
        return BAD
    inner = terms[0].run

    def run(names: Names) -> Value:
        value = inner(names)
        return None if value is None else not value

    return _folded("truth", run, terms, lambda text: maker.refuse("number", tree, text))


def held_for(maker: Maker, tree: Tree) -> tuple[float | None, float | None] | None:
    """A guard's seconds or cycles; None with a problem noted."""
    if tree.kind == "held_cycles":
        count = tree.quantity.value if tree.quantity else 0.0
        if count < 1 or count != int(count):
            maker.refuse("guard", tree, "a guard counts whole cycles, from 1")
            return None
        return None, count
    term = maker.term(tree.operands[1])
    if term.kind == "bad":
        return None
    if term.kind != TIME or term.constant is None or not term.constant > 0:
        maker.refuse(
            "guard", tree.operands[1], "a guard is a fixed time or a number of cycles",
            "as in `for 30 s` or `for 3 cycles`",
        )  # fmt: skip
        return None
    return float(term.constant), None


def _held(maker: Maker, tree: Tree) -> Term:
    terms = _conditions(maker, tree.operands[:1], "before `for` here")
    guard = held_for(maker, tree)
    if terms is None or guard is None:
        return BAD
    seconds, cycles = guard
    number = next(maker.ctx.guards)
    inner = terms[0].run
    return Term(
        "truth",
        lambda names: names.held(number, inner(names), seconds, cycles),
        word=terms[0].word,
        size=1 + terms[0].size,
    )


_MAKE: dict[str, Callable[[Maker, Tree], Term]] = {
    "quantity": _quantity,
    "name": _name,
    "parameter": _parameter,
    "last": _last,
    "slope": _slope,
    "call": _call,
    "binary": _binary,
    "minus": _minus,
    "share": _share,
    "compare": _compare,
    "held": _held,
    "held_cycles": _held,
    "negation": _negation,
    "all_of": _junction,
    "any_of": _junction,
}
