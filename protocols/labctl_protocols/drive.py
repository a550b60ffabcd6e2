"""The steps that drive or watch the cell: rest, charge, discharge, plate, strip, hold."""

from typing import Literal, cast

from labctl_protocols import fields
from labctl_protocols.beside import Beside, asdict_of, read_beside
from labctl_protocols.context import Compiled, Context, Scope, Term
from labctl_protocols.ends import BARE, Ends, Kind, read_ends, refuse_outside
from labctl_protocols.expressions import Parsed, Tree, parse, parse_short
from labctl_protocols.maker import possible
from labctl_protocols.plan import MAIN, Control, Drive, Hold, Node, Rest, Verb, Where
from labctl_protocols.quantities import (
    CURRENT,
    NUMBER,
    POWER,
    RESISTANCE,
    TIME,
    VOLTAGE,
    Dimensions,
    dimension_name,
)
from labctl_protocols.settings import SLACK, wanted
from labctl_protocols.terms import compiled, maker_of
from labctl_protocols.yaml12 import Entry, Mapping
from labctl_protocols.yaml12 import Node as YamlNode

Parts = tuple[Parsed, Parsed, Parsed | None]
"""Value, `until`, and the hold's `until`."""
VERBS = ("rest", "charge", "discharge", "plate", "strip", "hold")
CONTROLS: dict[object, Control] = {CURRENT: "current", POWER: "power", RESISTANCE: "resistance"}
PLATE_SIGN: dict[str, Literal[1, -1]] = {"half": -1, "anode-free": 1, "full": 1}


def bind_drive(
    step: Mapping, verb: Entry, position: int, scope: Scope, ctx: Context
) -> Node | None:
    """A drive step; None with problems noted."""
    beside, inner = read_beside(step, verb, position, scope, ctx)
    name = verb.key.text
    if name == "rest":
        return _rest(verb, beside, inner, ctx)
    if name == "hold":
        return _hold(verb, beside, inner, ctx)
    return _drive(verb, beside, inner, ctx)


# ---- rest ----------------------------------------------------------------------------------


def _rest(verb: Entry, beside: Beside, scope: Scope, ctx: Context) -> Rest | None:
    number = next(ctx.ids)
    until = _rest_until(verb.value, ctx)
    if until is None:
        return None
    kind = Kind("rest", 0)
    if verb.value is until.scalar and until.tree.start == 0:
        # `rest: 12 h`: a plain duration
        found = wanted(until, until.tree, TIME, "the duration", scope, ctx)
        if found is None:
            return None
    ends = read_ends(until, kind, scope, ctx)
    prefix = "" if _is_plain_time(until) else "until "
    return Rest(
        id=number,
        path=scope.path,
        where=verb.key.where,
        text=f"rest: {prefix}{_shown(until, until.tree, scope, ctx)}",
        until=ends.ends,
        **asdict_of(beside),
    )


def _is_plain_time(until: Parsed) -> bool:
    return until.tree.start == 0 and until.tree.kind not in ("any_of", "compare")


def _rest_until(node: YamlNode, ctx: Context) -> Parsed | None:
    if isinstance(node, Mapping):
        fields.refuse_unknown(node.entries, ("until",), ctx.problems)
        return _until_of(node, "`rest`", ctx)
    scalar = fields.as_value(node, "`rest`", ctx.problems)
    form = None if scalar is None else parse_short(scalar, ctx.problems, "rest")
    if scalar is None or form is None:
        return None
    tree = form.until or form.value
    return None if tree is None else Parsed(scalar, tree)


def _until_of(mapping: Mapping, what: str, ctx: Context) -> Parsed | None:
    entry = mapping.get("until")
    if entry is None:
        ctx.problems.add("no-end", mapping.where, f"{what} has no `until`: it would never end")
        return None
    scalar = fields.as_value(entry.value, "`until`", ctx.problems)
    return None if scalar is None else parse(scalar, ctx.problems, "condition")


# ---- hold ----------------------------------------------------------------------------------


def _parts(node: YamlNode, what: str, keys: tuple[str, ...], ctx: Context) -> Parts | None:
    """Value, `until` and the hold's `until` of a short form or a mapping."""
    if isinstance(node, Mapping):
        return _mapping_parts(node, what, keys, ctx)
    scalar = fields.as_value(node, what, ctx.problems)
    form = None if scalar is None else parse_short(scalar, ctx.problems, "drive")
    if scalar is None or form is None or form.value is None:
        return None
    if form.until is None:
        ctx.problems.add(
            "no-end", scalar.where, f"{what} has no `until`: it would never end", "add `until …`"
        )
        return None

    hold = None if form.hold_until is None else Parsed(scalar, form.hold_until)
    return Parsed(scalar, form.value), Parsed(scalar, form.until), hold


def _mapping_parts(
    mapping: Mapping, what: str, keys: tuple[str, ...], ctx: Context
) -> Parts | None:
    fields.refuse_unknown(mapping.entries, keys, ctx.problems)
    fields.require(mapping, ("at",), ctx.problems)
    at = mapping.get("at")
    until = _until_of(mapping, what, ctx)
    hold_until = None
    then_hold = mapping.get("then_hold") if "then_hold" in keys else None
    if then_hold is not None:
        inner = fields.as_mapping(then_hold.value, "`then_hold`", ctx.problems)
        if inner is None:
            return None
        fields.refuse_unknown(inner.entries, ("until",), ctx.problems)
        hold_until = _until_of(inner, "`then_hold`", ctx)
        if hold_until is None:
            return None
    scalar = None if at is None else fields.as_value(at.value, "`at`", ctx.problems)
    value = None if scalar is None else parse(scalar, ctx.problems)
    return None if value is None or until is None else (value, until, hold_until)


def _hold(verb: Entry, beside: Beside, scope: Scope, ctx: Context) -> Hold | None:
    number = next(ctx.ids)
    parts = _parts(verb.value, "`hold`", ("at", "until"), ctx)
    if parts is None:
        return None
    value, until, hold_until = parts
    if hold_until is not None:
        where_then = hold_until.scalar.at(hold_until.tree.start)
        ctx.problems.add("then-hold", where_then, "`then hold` behind a hold", "leave it out")
    found = wanted(value, value.tree, VOLTAGE, "the voltage of `hold`", scope, ctx)
    ends = read_ends(until, Kind("hold", 0, hold=True), scope, ctx)
    if found is None:
        return None
    term, voltage = found
    refuse_outside(term, value.scalar.at(value.tree.start), scope.limits, ctx)
    return Hold(
        id=number,
        path=scope.path,
        where=verb.key.where,
        text=f"hold: {voltage.text} until {_shown(until, until.tree, scope, ctx)}",
        voltage=voltage,
        until=ends.ends,
        **asdict_of(beside),
    )


# ---- charge, discharge, plate, strip -------------------------------------------------------


def _drive(verb: Entry, beside: Beside, scope: Scope, ctx: Context) -> Drive | None:
    number = next(ctx.ids)
    name, where = verb.key.text, verb.key.where
    sign = _sign(name, where, beside.terminal, ctx)
    parts = _parts(verb.value, f"`{name}`", ("at", "until", "then_hold"), ctx)
    if parts is None:
        return None
    value, until, hold_until = parts
    control, at = _set_value(value, name, scope, ctx)
    ends = read_ends(until, Kind(name, sign), scope, ctx)
    then_hold = None
    if hold_until is not None:
        then_hold = _then_hold(hold_until, until, ends, where, scope, ctx)
    if at is None:
        return None
    text = f"{name}: {at.text} until {_shown(until, until.tree, scope, ctx)}"
    if then_hold is not None:
        text += f" then {then_hold.text}"
    return Drive(
        id=number,
        path=scope.path,
        where=where,
        text=text,
        verb=cast(Verb, name),
        sign=sign or 1,
        control=control,
        at=at,
        until=ends.ends,
        then_hold=then_hold,
        **asdict_of(beside),
    )


def _sign(verb: str, where: Where, terminal: str, ctx: Context) -> Literal[1, -1] | None:
    """The current's sign that the verb means at this terminal; None where that is not known."""
    if verb in ("charge", "discharge"):
        return 1 if verb == "charge" else -1
    if ctx.kind is None:
        return None
    if terminal != MAIN:
        return _sign_beside_main(verb, where, terminal, ctx)
    sign = PLATE_SIGN.get(ctx.kind)
    if sign is None:
        ctx.problems.add(
            "no-plating",
            where,
            f"`{verb}` in a {ctx.kind} cell, which has no collector to plate",
            "use charge and discharge",
        )
        return None
    return sign if verb == "plate" else opposite(sign)


def _sign_beside_main(
    verb: str, where: Where, terminal: str, ctx: Context
) -> Literal[1, -1] | None:
    pair = None if ctx.cell is None else ctx.cell.terminals.get(terminal)
    if pair is None or "collector" not in pair:
        ctx.problems.add(
            "no-plating",
            where,
            f"`{verb}` at the terminal {terminal}, which has no collector to plate",
            "use charge and discharge",
        )
        return None
    sign: Literal[1, -1] = -1 if pair[0] == "collector" else 1
    return sign if verb == "plate" else opposite(sign)


def opposite(sign: Literal[1, -1]) -> Literal[1, -1]:
    """The other direction."""
    return -1 if sign == 1 else 1


def _set_value(
    value: Parsed, verb: str, scope: Scope, ctx: Context
) -> tuple[Control, Compiled | None]:
    """What is controlled, and its value; None with a problem noted."""
    term, made = compiled(value, value.tree, scope, ctx)
    where = value.scalar.at(value.tree.start)
    if term.kind == "bad" or _refuse_no_set_value(term, where, ctx):
        return "current", None
    control = CONTROLS[cast(Dimensions, term.kind)]
    if control == "resistance" and verb != "discharge":
        ctx.problems.add(
            "resistance",
            where,
            f"`{verb}` through a resistance, which only discharges",
            "use discharge, or give a current",
        )
        return control, None
    amount = possible(term)
    if amount is None:
        return control, made
    least, most = amount
    if least <= 0:
        ctx.problems.add(
            "negative", where, f"the set {control} must be above zero", "the verb gives its sign"
        )
        return control, None
    limit = scope.limits.current_A
    if control == "current" and limit is not None and most > limit * (1 + SLACK):
        ctx.problems.add(
            "outside-limits",
            where,
            f"the current {most * 1e3:g} mA is above the limit {limit * 1e3:g} mA",
        )
    return control, made


def _refuse_no_set_value(term: Term, where: Where, ctx: Context) -> bool:
    """Note a set value that is no current, power or resistance; whether it is none."""
    if term.kind in CONTROLS:
        return False
    hint = "as in `0.5 mA/cm2`, `C/10` or `1 mA`"
    if term.kind == NUMBER and term.literal is not None and term.literal.unit is None:
        ctx.problems.add("unit-missing", where, "the set current has no unit", hint)
        return True
    found = "condition" if isinstance(term.kind, str) else dimension_name(term.kind)
    if term.kind in BARE:
        hint = f"a {found} stands behind `until`; the current before it, {hint}"
    ctx.problems.add("dimension", where, f"the set current is a {found}", hint)
    return True


def _then_hold(
    hold_until: Parsed,
    until: Parsed,
    first: Ends,
    where: Where,
    scope: Scope,
    ctx: Context,
) -> Hold | None:
    number = next(ctx.ids)
    bare = sum(end.kind == "voltage" for end in first.ends)
    if first.whole and bare != 1:
        ctx.problems.add(
            "then-hold",
            until.scalar.at(until.tree.start),
            f"`then hold` needs exactly one bare voltage before it, not {bare}",
            "the hold is at that voltage",
        )
    ends = read_ends(hold_until, Kind("hold", 0, hold=True), scope, ctx)
    return Hold(
        id=number,
        path=f"{scope.path}.hold",
        where=where,
        text=f"hold until {_shown(hold_until, hold_until.tree, scope, ctx)}",
        until=ends.ends,
    )


def _shown(parsed: Parsed, tree: Tree, scope: Scope, ctx: Context) -> str:
    return maker_of(parsed, scope, ctx).shown(tree)
