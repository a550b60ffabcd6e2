"""`set: {chamber: 40 degC}`: an auxiliary of the bench takes a new value."""

from labctl_protocols import fields
from labctl_protocols.context import Context, Scope, Term
from labctl_protocols.expressions import Parsed, parse
from labctl_protocols.plan import Limits, Set, Where
from labctl_protocols.quantities import TEMPERATURE
from labctl_protocols.settings import wanted
from labctl_protocols.terms import compiled
from labctl_protocols.yaml12 import Entry, Mapping

ZERO_CELSIUS_K = 273.15


def bind_set(step: Mapping, verb: Entry, position: int, scope: Scope, ctx: Context) -> Set | None:
    """An auxiliary's new set value; None with problems noted."""
    number = next(ctx.ids)
    mapping = fields.as_mapping(verb.value, "`set`", ctx.problems)
    if mapping is None:
        return None
    if len(mapping.entries) != 1:
        ctx.problems.add(
            "set", mapping.where, "`set` sets one auxiliary", "as in `set: {chamber: 40 degC}`"
        )
        return None
    entry = mapping.entries[0]
    name = entry.key.text
    scalar = fields.as_value(entry.value, f"`{name}`", ctx.problems)
    parsed = None if scalar is None else parse(scalar, ctx.problems, "value")
    if parsed is None or not _can_be_set(name, entry.key.where, ctx):
        return None
    term, made = compiled(parsed, parsed.tree, scope, ctx)
    if wanted(parsed, parsed.tree, TEMPERATURE, f"`{name}`", scope, ctx) is None:
        return None
    if term.kind == "bad" or _too_far(term, parsed, scope.limits, ctx):
        return None
    ctx.auxiliary_uses.add(name)
    path = scope.child(f"{position}.set")
    text = f"set: {name} to {made.text}"
    return Set(number, path, verb.key.where, text, name=name, value=made)


def _can_be_set(name: str, where: Where, ctx: Context) -> bool:
    known = ctx.auxiliaries
    if known is None or known.get(name):
        return True
    if name in known:
        message, rule = f"`{name}` is measured and cannot be set", "not-settable"
        those = [each for each, can in known.items() if can]
        hint = f"those that can: {', '.join(those)}" if those else ""
    else:
        message, rule = f"the bench has no auxiliary `{name}`", "no-auxiliary"
        hint = f"it has {', '.join(known)}" if known else "it has none"
    ctx.problems.add(rule, where, message, hint)
    return False


def _too_far(term: Term, parsed: Parsed, limits: Limits, ctx: Context) -> bool:
    """Note a set temperature at which the cell's own limit would trip; whether it was noted."""
    value = term.constant
    low_K, high_K = limits.temperature_low_K, limits.temperature_high_K
    if value is None or ((low_K is None or value >= low_K) and (high_K is None or value <= high_K)):
        return False
    where = parsed.scalar.at(parsed.tree.start)
    message = f"the temperature {float(value) - ZERO_CELSIUS_K:g} degC is outside the limits"
    return ctx.problems.add("outside-limits", where, message)
