"""What ends a step: the members of `until`, what each means, and whether one must come."""

from dataclasses import dataclass
from typing import Literal

from labctl_protocols.conditions import held_for
from labctl_protocols.context import Context, Scope, Term
from labctl_protocols.expressions import Parsed, Tree
from labctl_protocols.maker import possible
from labctl_protocols.plan import End, HeldFor, Limits, Where
from labctl_protocols.quantities import (
    CHARGE,
    CURRENT,
    NUMBER,
    TIME,
    VOLTAGE,
    Dimensions,
    dimension_name,
)
from labctl_protocols.settings import SLACK
from labctl_protocols.terms import compiled, maker_of

BareKind = Literal["voltage", "current", "charge", "time"]
BARE: dict[Dimensions, BareKind] = {
    VOLTAGE: "voltage",
    CURRENT: "current",
    CHARGE: "charge",
    TIME: "time",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What ends mean in a step: its verb, its direction (None: not known), whether it holds."""

    verb: str
    sign: int | None
    hold: bool = False

    @property
    def directed(self) -> bool:
        """Whether a current's direction is commanded."""
        return self.verb in ("charge", "discharge", "plate", "strip") and not self.hold


@dataclass(frozen=True, slots=True)
class Ends:
    """A step's ends; `whole` is False where one of them was refused."""

    ends: tuple[End, ...]
    terms: tuple[Term, ...]
    whole: bool


def read_ends(parsed: Parsed, kind: Kind, scope: Scope, ctx: Context) -> Ends:
    """The members of the top-level `or`, each with its meaning; problems noted."""
    ends: list[End] = []
    terms: list[Term] = []
    members = list(_members(parsed.tree))
    for tree in members:
        found = _end(parsed, tree, kind, scope, ctx)
        if found is not None:
            ends.append(found[0])
            terms.append(found[1])
    made = Ends(tuple(ends), tuple(terms), len(ends) == len(members))
    _refuse_endless(made, kind, parsed.scalar.at(parsed.tree.start), ctx)
    return made


def _members(tree: Tree) -> list[Tree]:
    if tree.kind != "any_of":
        return [tree]
    return [member for operand in tree.operands for member in _members(operand)]


def _end(
    parsed: Parsed, tree: Tree, kind: Kind, scope: Scope, ctx: Context
) -> tuple[End, Term] | None:
    guarded = tree.kind in ("held", "held_cycles")
    inner = tree.operands[0] if guarded else tree
    if inner.kind in ("compare", "negation", "all_of", "any_of", "held", "held_cycles"):
        return _condition(parsed, tree, scope, ctx)
    term, expression = compiled(parsed, inner, scope, ctx)
    if term.kind == "bad":
        return None
    bare = None if isinstance(term.kind, str) else BARE.get(term.kind)
    where = parsed.scalar.at(tree.start)
    if bare is None:
        _refuse_dimension(term, where, ctx)
        return None
    if not _fits(bare, term, kind, where, scope.limits, ctx):
        return None
    held = None
    maker = maker_of(parsed, scope, ctx)
    if guarded:
        guard = held_for(maker, tree)
        if guard is None:
            return None
        held = HeldFor(next(ctx.guards), *guard)
    return End(bare, expression, bare, maker.shown(tree), held), term


def _condition(parsed: Parsed, tree: Tree, scope: Scope, ctx: Context) -> tuple[End, Term] | None:
    term, expression = compiled(parsed, tree, scope, ctx)
    if term.kind == "bad":
        return None
    core = tree.operands[0] if tree.kind in ("held", "held_cycles") else tree
    word = term.word if core.kind == "compare" and term.word else "condition"
    return End("condition", expression, word, expression.text), term


def _refuse_dimension(term: Term, where: Where, ctx: Context) -> None:
    literal = term.literal
    if term.kind == NUMBER and literal is not None and literal.unit is None:
        ctx.problems.add("unit-missing", where, "an end without unit", "as in `4.2 V` or `2 h`")
        return
    found = "condition" if isinstance(term.kind, str) else dimension_name(term.kind)
    hint = "write a comparison"
    if literal is not None and literal.unit is not None and literal.unit.text == "%":
        hint = "a percentage of a charge needs `of`, as in `80 % of nominal`"
    ctx.problems.add("dimension", where, f"a {found} ends no step", hint)


def _fits(
    bare: BareKind, term: Term, kind: Kind, where: Where, limits: Limits, ctx: Context
) -> bool:
    """Whether a bare quantity has a meaning in this step, and its value a sense."""
    if _refuse_meaningless(bare, term, kind, where, ctx):
        return False
    value = term.constant
    if bare == "voltage":
        return not kind.directed or not refuse_outside(term, where, limits, ctx)
    if value is not None and (value < 0 or (bare == "current" and value == 0)):
        return not ctx.problems.add(
            "negative", where, f"a {bare} of {value:g} is never reached", "give its magnitude"
        )
    return True


def _refuse_meaningless(bare: BareKind, term: Term, kind: Kind, where: Where, ctx: Context) -> bool:
    """Note a bare quantity that means nothing in this step; whether it was noted."""
    if bare == "voltage" and (not kind.directed or ctx.kind == "symmetric"):
        what = "a symmetric cell" if kind.directed else f"`{kind.verb}`"
        return ctx.problems.add(
            "bare-voltage",
            where,
            f"a bare voltage in {what}, where nothing gives a direction",
            "write `voltage > …` or `voltage < …`",
        )
    if bare == "current" and not kind.hold:
        unit = None if term.literal is None else term.literal.unit
        hint = "write `current < …`"
        if unit is not None and unit.text == "C":
            hint = "`C` is the C-rate only; a charge is written in mAh"
        message = f"a bare current ends a hold, not `{kind.verb}`"
        return ctx.problems.add("bare-current", where, message, hint)
    if bare == "charge" and kind.verb == "rest":
        return ctx.problems.add("bare-charge", where, "a bare charge in `rest`, where none passes")
    return False


def refuse_outside(term: Term, where: Where, limits: Limits, ctx: Context) -> bool:
    """Note a voltage that is, or in a loop becomes, outside the limits; whether it was noted."""
    low, high = limits.low_V, limits.high_V
    for value in possible(term) or ():
        slack = SLACK * max(1.0, abs(value))
        if (low is None or value >= low - slack) and (high is None or value <= high + slack):
            continue
        ends = ["" if end is None else f"{end:g} V" for end in (low, high)]
        message = f"the voltage {value:g} V is outside the limits {' .. '.join(ends)}"
        return ctx.problems.add("outside-limits", where, message)
    return False


def _refuse_endless(made: Ends, kind: Kind, where: Where, ctx: Context) -> None:
    """Note a step that may never end. A refused end has been noted already.

    A sweep ends at its last corner, whatever comes before.
    """
    if not made.whole or kind.verb == "sweep":
        return
    members = zip(made.ends, made.terms, strict=True)
    if not any(_reachable(end, term, kind, ctx) for end, term in members):
        hint = "add a time, as in `or 24 h`" if kind.hold else "add a time or a charge: `or 24 h`"
        ctx.problems.add("no-end", where, f"`{kind.verb}` may never end", hint)
    elif kind.verb == "strip" and not kind.hold:
        kinds = {end.kind for end in made.ends}
        if "voltage" in kinds and not kinds & {"charge", "time"}:
            ctx.problems.add(
                "strip-cap",
                where,
                "`strip` needs a charge or a time beside its voltage: on a soft short the voltage "
                "never comes",
                "add `or 1.2 * deposit`",
            )


def _reachable(end: End, term: Term, kind: Kind, ctx: Context) -> bool:
    """Time, a charge where a current is set, a bare current in a hold, and a voltage that is known
    to lie inside."""
    if end.kind == "voltage":
        return possible(term) is not None or ctx.cell is None
    if end.kind == "charge" and kind.hold:
        return False
    return end.kind != "condition"
