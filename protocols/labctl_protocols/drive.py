"""The steps that drive or watch the cell: rest, charge, discharge, plate, strip, hold."""

from dataclasses import replace
from typing import Literal, cast

from labctl_protocols import fields
from labctl_protocols.context import Compiled, Context, Scope, Term
from labctl_protocols.ends import BARE, Ends, Kind, read_ends, refuse_outside
from labctl_protocols.expressions import Parsed, Tree, parse, parse_short
from labctl_protocols.maker import possible
from labctl_protocols.plan import Drive, Hold, Limits, Node, Record, Rest, Verb, Where
from labctl_protocols.quantities import (
    CURRENT,
    NUMBER,
    POWER,
    RESISTANCE,
    TIME,
    VOLTAGE,
    dimension_name,
)
from labctl_protocols.settings import SLACK, narrowed, read_limits, read_record, wanted
from labctl_protocols.terms import compiled, maker_of
from labctl_protocols.tokens import is_label
from labctl_protocols.yaml12 import Entry, Mapping
from labctl_protocols.yaml12 import Node as YamlNode

Parts = tuple[Parsed, Parsed, Parsed | None]
"""Value, `until`, and the hold's `until`."""
VERBS = ("rest", "charge", "discharge", "plate", "strip", "hold")
PLATE_SIGN: dict[str, Literal[1, -1]] = {"half": -1, "anode-free": 1, "full": 1}


def bind_drive(
    step: Mapping, verb: Entry, position: int, scope: Scope, ctx: Context
) -> Node | None:
    """A drive step; None with problems noted."""
    label = _label(step, ctx)
    limits, inner = _limits(step, scope, ctx)
    record = _record(step, scope, ctx)
    name = verb.key.text
    path = scope.child(f"{position}.{label or name}")
    inner = inner.at(path)
    where = verb.key.where
    if name == "rest":
        return _rest(verb, where, label, record, limits, inner, ctx)
    if name == "hold":
        return _hold(verb, where, label, record, limits, inner, ctx)
    return _drive(verb, where, label, record, limits, inner, ctx)


def _label(step: Mapping, ctx: Context) -> str | None:
    entry = step.get("label")
    return None if entry is None else read_label(entry.value, ctx)


def read_label(node: YamlNode, ctx: Context) -> str | None:
    """A label: letters, digits, `_` and `-`."""
    text = fields.as_text(node, "the label", ctx.problems)
    if text is None:
        return None
    if not is_label(text):
        ctx.problems.add(
            "label", node.where, f"`{text}` is no label", "letters, digits, `_` and `-`"
        )
        return None
    ctx.labels.add(text)
    return text


def _limits(step: Mapping, scope: Scope, ctx: Context) -> tuple[Limits | None, Scope]:
    entry = step.get("limits")
    if entry is None:
        return None, scope
    limits = read_limits(entry.value, scope, ctx, "the limit around this step,")
    return limits, replace(scope, limits=narrowed(scope.limits, limits))


def _record(step: Mapping, scope: Scope, ctx: Context) -> Record | None:
    entry = step.get("record")
    return None if entry is None else read_record(entry.value, scope, ctx)


# ---- rest ----------------------------------------------------------------------------------


def _rest(
    verb: Entry,
    where: Where,
    label: str | None,
    record: Record | None,
    limits: Limits | None,
    scope: Scope,
    ctx: Context,
) -> Rest | None:
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
        where=where,
        text=f"rest: {prefix}{_shown(until, until.tree, scope, ctx)}",
        label=label,
        until=ends.ends,
        record=record,
        limits=limits,
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


def _hold(
    verb: Entry,
    where: Where,
    label: str | None,
    record: Record | None,
    limits: Limits | None,
    scope: Scope,
    ctx: Context,
) -> Hold | None:
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
        where=where,
        text=f"hold: {voltage.text} until {_shown(until, until.tree, scope, ctx)}",
        label=label,
        voltage=voltage,
        until=ends.ends,
        record=record,
        limits=limits,
    )


# ---- charge, discharge, plate, strip -------------------------------------------------------


def _drive(
    verb: Entry,
    where: Where,
    label: str | None,
    record: Record | None,
    limits: Limits | None,
    scope: Scope,
    ctx: Context,
) -> Drive | None:
    number = next(ctx.ids)
    name = verb.key.text
    sign = _sign(name, where, ctx)
    parts = _parts(verb.value, f"`{name}`", ("at", "until", "then_hold"), ctx)
    if parts is None:
        return None
    value, until, hold_until = parts
    at = _set_current(value, scope, ctx)
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
        label=label,
        verb=cast(Verb, name),
        sign=sign or 1,
        at=at,
        until=ends.ends,
        then_hold=then_hold,
        record=record,
        limits=limits,
    )


def _sign(verb: str, where: Where, ctx: Context) -> Literal[1, -1] | None:
    """The current's sign that the verb means in this cell; None where that is not known."""
    if verb in ("charge", "discharge"):
        return 1 if verb == "charge" else -1
    if ctx.kind is None:
        return None
    sign = PLATE_SIGN.get(ctx.kind)
    if sign is None:
        ctx.problems.add(
            "no-plating",
            where,
            f"`{verb}` in a {ctx.kind} cell, which has no collector to plate",
            "use charge and discharge",
        )
        return None
    if verb == "plate":
        return sign
    return -1 if sign == 1 else 1


def _set_current(value: Parsed, scope: Scope, ctx: Context) -> Compiled | None:
    term, made = compiled(value, value.tree, scope, ctx)
    where = value.scalar.at(value.tree.start)
    if term.kind == "bad" or _refuse_no_current(term, where, ctx):
        return None
    amperes = possible(term)
    if amperes is None:
        return made
    least, most = amperes
    if least <= 0:
        ctx.problems.add(
            "negative", where, "the set current must be above zero", "the verb gives its sign"
        )
        return None
    limit = scope.limits.current_A
    if limit is not None and most > limit * (1 + SLACK):
        ctx.problems.add(
            "outside-limits",
            where,
            f"the current {most * 1e3:g} mA is above the limit {limit * 1e3:g} mA",
        )
    return made


def _refuse_no_current(term: Term, where: Where, ctx: Context) -> bool:
    """Note a set value that is no current; whether it is none."""
    if term.kind == CURRENT:
        return False
    if term.kind in (POWER, RESISTANCE):
        word = dimension_name(POWER if term.kind == POWER else RESISTANCE)
        ctx.problems.add("not-yet", where, f"control of {word} is not in this version")
        return True
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
