"""Steps beside charging and resting: voltage sweeps, impedance, questions, auxiliaries."""

from collections.abc import Sequence

from labctl_protocols import fields
from labctl_protocols.beside import asdict_of, read_beside
from labctl_protocols.context import Compiled, Context, Scope
from labctl_protocols.ends import Kind, read_ends, refuse_outside
from labctl_protocols.expressions import Parsed, parse
from labctl_protocols.plan import Ask, End, Expression, Impedance, Names, Node, Sweep, Value
from labctl_protocols.quantities import (
    CURRENT,
    FREQUENCY,
    NUMBER,
    TIME,
    VOLTAGE,
    VOLTAGE_SLOPE,
    Dimensions,
)
from labctl_protocols.set_value import bind_set
from labctl_protocols.settings import constant, wanted
from labctl_protocols.staircase import length_V, way_of
from labctl_protocols.terms import compiled
from labctl_protocols.yaml12 import Entry, List, Mapping
from labctl_protocols.yaml12 import Node as YamlNode

SPECIAL = ("sweep", "impedance", "set", "ask")
SWEEP_KEYS = ("from", "to", "rate", "cycles", "step", "until")
IMPEDANCE_KEYS = ("from", "to", "points_per_decade", "amplitude")
STEP_V = 1e-3
POINTS_PER_DECADE = 10


def bind_special(
    step: Mapping, verb: Entry, position: int, scope: Scope, ctx: Context
) -> Node | None:
    """A sweep, spectrum, question or set value; None with problems noted."""
    bind = {"sweep": _sweep, "impedance": _impedance, "ask": _ask, "set": bind_set}
    return bind[verb.key.text](step, verb, position, scope, ctx)


# ---- sweep ---------------------------------------------------------------------------------


def _sweep(step: Mapping, verb: Entry, position: int, scope: Scope, ctx: Context) -> Node | None:
    beside, inner = read_beside(step, verb, position, scope, ctx)
    number = next(ctx.ids)
    mapping = fields.as_mapping(verb.value, "`sweep`", ctx.problems)
    if mapping is None:
        return None
    fields.refuse_unknown(mapping.entries, SWEEP_KEYS, ctx.problems)
    fields.require(mapping, ("from", "to", "rate"), ctx.problems)
    start = _voltage(mapping.get("from"), inner, ctx)
    corners = _corners(mapping.get("to"), inner, ctx)
    rate = _positive(mapping.get("rate"), VOLTAGE_SLOPE, inner, ctx)
    step_V = _positive(mapping.get("step"), VOLTAGE, inner, ctx)
    cycles = _count(mapping.get("cycles"), inner, ctx)
    ends = _extra_ends(mapping.get("until"), inner, ctx)
    if start is None or not corners or rate is None:
        return None
    if cycles > 1 and len(corners) == 1:
        hint = f"write the way back too: `to: [{corners[0].text}, {start.text}]`"
        message = "a second cycle would go nowhere: the sweep is at its only corner"
        ctx.problems.add("no-way-back", verb.key.where, message, hint)
    text = f"sweep: {start.text} to {', '.join(corner.text for corner in corners)}"
    return Sweep(
        id=number,
        path=inner.path,
        where=verb.key.where,
        text=f"{text} at {rate * 1e3:g} mV/s" + (f", {cycles} times" if cycles > 1 else ""),
        start=start,
        corners=tuple(corners),
        rate_V_s=rate,
        step_V=step_V or STEP_V,
        cycles=cycles,
        until=(*ends, _last_corner(start, corners, cycles, rate)),
        **asdict_of(beside),
    )


def _last_corner(start: Compiled, corners: Sequence[Compiled], cycles: int, rate_V_s: float) -> End:
    """The end of the way as a time, for that is how the staircase goes."""

    def seconds(names: Names) -> Value:
        values = [each.evaluate(names) for each in (start, *corners)]
        if any(value is None for value in values):
            return None
        first, *rest = (float(value) for value in values if value is not None)
        return length_V(way_of(first, rest, cycles)) / rate_V_s

    expression: Expression = Compiled("the last corner", seconds)
    return End("time", expression, "sweep", "the last corner")


def _corners(entry: Entry | None, scope: Scope, ctx: Context) -> list[Compiled]:
    if entry is None:
        return []
    nodes = entry.value.items if isinstance(entry.value, List) else (entry.value,)
    if not nodes:
        ctx.problems.add("empty-list", entry.value.where, "`to` is empty")
    found = [_voltage_at(node, "`to`", scope, ctx) for node in nodes]
    known = [corner for corner in found if corner is not None]
    return known if len(known) == len(found) else []


def _voltage(entry: Entry | None, scope: Scope, ctx: Context) -> Compiled | None:
    return None if entry is None else _voltage_at(entry.value, "`from`", scope, ctx)


def _voltage_at(node: YamlNode, what: str, scope: Scope, ctx: Context) -> Compiled | None:
    parsed = _parsed(node, what, ctx)
    found = None if parsed is None else wanted(parsed, parsed.tree, VOLTAGE, what, scope, ctx)
    if parsed is None or found is None:
        return None
    where = parsed.scalar.at(parsed.tree.start)
    return None if refuse_outside(found[0], where, scope.limits, ctx) else found[1]


def _extra_ends(entry: Entry | None, scope: Scope, ctx: Context) -> tuple[End, ...]:
    if entry is None:
        return ()
    parsed = _parsed(entry.value, "`until`", ctx, "condition")
    if parsed is None:
        return ()
    return read_ends(parsed, Kind("sweep", 0), scope, ctx).ends


# ---- impedance -----------------------------------------------------------------------------


def _impedance(
    step: Mapping, verb: Entry, position: int, scope: Scope, ctx: Context
) -> Node | None:
    beside, inner = read_beside(step, verb, position, scope, ctx)
    number = next(ctx.ids)
    mapping = fields.as_mapping(verb.value, "`impedance`", ctx.problems)
    if mapping is None:
        return None
    fields.refuse_unknown(mapping.entries, IMPEDANCE_KEYS, ctx.problems)
    fields.require(mapping, ("from", "to", "amplitude"), ctx.problems)
    if ctx.abilities is not None and "impedance" not in ctx.abilities:
        ctx.problems.add(
            "ability",
            verb.key.where,
            "the instrument on this channel measures no impedance",
            "a potentiostat that does is needed, as an EmStat or a Nexus",
        )
    first = _positive(mapping.get("from"), FREQUENCY, inner, ctx)
    last = _positive(mapping.get("to"), FREQUENCY, inner, ctx)
    points = _count(mapping.get("points_per_decade"), inner, ctx, POINTS_PER_DECADE)
    amplitude = _amplitude(mapping.get("amplitude"), inner, ctx)
    if first is None or last is None or amplitude is None:
        return None
    return Impedance(
        id=number,
        path=inner.path,
        where=verb.key.where,
        text=f"impedance: {first:g} Hz to {last:g} Hz",
        from_Hz=first,
        to_Hz=last,
        points_per_decade=points,
        amplitude_V=amplitude if _is_voltage(mapping.get("amplitude"), inner, ctx) else None,
        amplitude_A=None if _is_voltage(mapping.get("amplitude"), inner, ctx) else amplitude,
        **asdict_of(beside),
    )


def _amplitude(entry: Entry | None, scope: Scope, ctx: Context) -> float | None:
    kind = VOLTAGE if _is_voltage(entry, scope, ctx) else CURRENT
    return _positive(entry, kind, scope, ctx)


def _is_voltage(entry: Entry | None, scope: Scope, ctx: Context) -> bool:
    parsed = None if entry is None else _parsed(entry.value, "`amplitude`", ctx)
    return parsed is not None and compiled(parsed, parsed.tree, scope, ctx)[0].kind == VOLTAGE


# ---- ask, set ------------------------------------------------------------------------------


def _ask(step: Mapping, verb: Entry, position: int, scope: Scope, ctx: Context) -> Node | None:
    number = next(ctx.ids)
    question = fields.as_text(verb.value, "`ask`", ctx.problems)
    timeout = _positive(step.get("timeout"), TIME, scope, ctx)
    if question is None:
        return None
    return Ask(
        id=number,
        path=scope.child(f"{position}.ask"),
        where=verb.key.where,
        text=f"ask: {question}",
        question=question,
        timeout_s=timeout,
    )


# ---- shared --------------------------------------------------------------------------------


def _parsed(node: YamlNode, what: str, ctx: Context, start: str = "value") -> Parsed | None:
    scalar = fields.as_value(node, what, ctx.problems)
    return None if scalar is None else parse(scalar, ctx.problems, start)


def _positive(entry: Entry | None, kind: Dimensions, scope: Scope, ctx: Context) -> float | None:
    """A value above zero that is known before the run."""
    if entry is None:
        return None
    what = f"`{entry.key.text}`"
    parsed = _parsed(entry.value, what, ctx)
    value = None if parsed is None else constant(parsed, parsed.tree, kind, what, scope, ctx)
    if parsed is None or value is None:
        return None
    if value <= 0:
        where = parsed.scalar.at(parsed.tree.start)
        ctx.problems.add("negative", where, f"{what} must be above zero")
        return None
    return value


def _count(entry: Entry | None, scope: Scope, ctx: Context, otherwise: int = 1) -> int:
    """A whole number from 1."""
    if entry is None:
        return otherwise
    what = f"`{entry.key.text}`"
    parsed = _parsed(entry.value, what, ctx)
    value = None if parsed is None else constant(parsed, parsed.tree, NUMBER, what, scope, ctx)
    if parsed is None or value is None:
        return otherwise
    if value < 1 or value != int(value):
        where = parsed.scalar.at(parsed.tree.start)
        ctx.problems.add("count", where, f"{what} is {value:g}", "a whole number, 1 or more")
        return otherwise
    return int(value)
