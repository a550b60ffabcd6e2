"""What stands beside steps: limits, recording rules, start window, and values of a known kind."""

from labctl_protocols import fields
from labctl_protocols.context import MEASURED_BY, Compiled, Context, Scope, Term
from labctl_protocols.expressions import Parsed, Tree, parse, parse_short
from labctl_protocols.plan import Limits, Record, Where
from labctl_protocols.quantities import (
    CURRENT,
    EXAMPLES,
    NUMBER,
    TEMPERATURE,
    TIME,
    VOLTAGE,
    Dimensions,
    dimension_name,
)
from labctl_protocols.terms import compiled
from labctl_protocols.yaml12 import Entry
from labctl_protocols.yaml12 import Node as YamlNode

SLACK = 1e-9
"""Relative slack of comparisons with limits: unit conversion rounds."""


def wanted(
    parsed: Parsed, tree: Tree, kind: Dimensions, what: str, scope: Scope, ctx: Context
) -> tuple[Term, Compiled] | None:
    """A value of this kind; None with a problem noted."""
    term, made = compiled(parsed, tree, scope, ctx)
    if term.kind == kind:
        return term, made
    if term.kind == "bad":
        return None
    word = dimension_name(kind)
    example = EXAMPLES.get(word, "")
    hint = f"as in {example}" if example else ""
    where = parsed.scalar.at(tree.start)
    literal = term.literal
    if term.kind == NUMBER and literal is not None and literal.unit is None:
        ctx.problems.add("unit-missing", where, f"{what} has no unit", hint)
        return None
    found = "condition" if isinstance(term.kind, str) else dimension_name(term.kind)
    ctx.problems.add("dimension", where, f"{what} is a {found}, not a {word}", hint)
    return None


def constant(
    parsed: Parsed, tree: Tree, kind: Dimensions, what: str, scope: Scope, ctx: Context
) -> float | None:
    """A value of this kind that is known before the run; None where it is not, or a problem."""
    found = wanted(parsed, tree, kind, what, scope, ctx)
    if found is None:
        return None
    value = found[0].constant
    if value is None and ctx.cell is not None:
        where = parsed.scalar.at(tree.start)
        ctx.problems.add("not-constant", where, f"{what} must be known before the run")
    return None if value is None else float(value)


def read_condition(node: YamlNode, what: str, scope: Scope, ctx: Context) -> Compiled | None:
    """A truth value; None with a problem noted."""
    scalar = fields.as_value(node, what, ctx.problems)
    parsed = None if scalar is None else parse(scalar, ctx.problems, "condition")
    if parsed is None:
        return None
    term, made = compiled(parsed, parsed.tree, scope, ctx)
    if term.kind in ("truth", "bad"):
        return None if term.kind == "bad" else made
    ctx.problems.add(
        "bare-target",
        parsed.scalar.at(parsed.tree.start),
        f"{what} takes a condition, not a bare {dimension_name(term.kind)}",  # type: ignore[arg-type]
        "write a comparison, as in `voltage > 0.1 V`",
    )
    return None


def read_limits(node: YamlNode, scope: Scope, ctx: Context, owner: str) -> Limits:
    """Limits as written, checked against those around them; `owner` names the latter."""
    mapping = fields.as_mapping(node, "`limits`", ctx.problems)
    if mapping is None:
        return Limits()
    fields.refuse_unknown(mapping.entries, ("voltage", "current", "temperature"), ctx.problems)
    low_V = high_V = current_A = low_K = high_K = None
    for entry in mapping.entries:
        if entry.key.text == "voltage":
            low_V, high_V = _span(entry, VOLTAGE, scope, ctx)
            _refuse_wider(
                entry, low_V, high_V, (scope.limits.low_V, scope.limits.high_V), ctx, owner
            )
        elif entry.key.text == "current":
            current_A = _magnitude(entry, scope, ctx)
            _refuse_wider(entry, None, current_A, (None, scope.limits.current_A), ctx, owner)
        elif entry.key.text == "temperature":
            low_K, high_K = _span(entry, TEMPERATURE, scope, ctx)
            around = (scope.limits.temperature_low_K, scope.limits.temperature_high_K)
            _refuse_wider(entry, low_K, high_K, around, ctx, owner)
            if "temperature" not in ctx.measures:
                ctx.problems.add(
                    "not-measured",
                    entry.key.where,
                    "a limit on the temperature, which nobody measures",
                    MEASURED_BY,
                )
    return Limits(low_V, high_V, current_A, high_K, low_K)


def _span(
    entry: Entry, kind: Dimensions, scope: Scope, ctx: Context
) -> tuple[float | None, float | None]:
    """`low .. high`; a single temperature is the high one."""
    what = f"`{entry.key.text}`"
    scalar = fields.as_value(entry.value, what, ctx.problems)
    form = None if scalar is None else parse_short(scalar, ctx.problems, "span")
    if scalar is None or form is None:
        return None, None
    if len(form.rest) == 1 and kind != TEMPERATURE:
        ctx.problems.add(
            "span", scalar.where, f"{what} is no range", "write `low .. high`, each with its unit"
        )
        return None, None
    parsed = Parsed(scalar, form.rest[0])
    values = [constant(parsed, tree, kind, what, scope, ctx) for tree in form.rest]
    if len(values) == 1:
        return None, values[0]
    low, high = values
    if low is not None and high is not None and low >= high:
        ctx.problems.add("span", scalar.where, f"{what}: the low end is not below the high end")
    return low, high


def _magnitude(entry: Entry, scope: Scope, ctx: Context) -> float | None:
    scalar = fields.as_value(entry.value, "`current`", ctx.problems)
    parsed = None if scalar is None else parse(scalar, ctx.problems)
    if scalar is None or parsed is None:
        return None
    value = constant(parsed, parsed.tree, CURRENT, "`current`", scope, ctx)
    if value is not None and value <= 0:
        ctx.problems.add(
            "negative", scalar.where, "a current limit is a magnitude above zero", "leave the sign"
        )
        return None
    return value


def _refuse_wider(
    entry: Entry,
    low: float | None,
    high: float | None,
    around: tuple[float | None, float | None],
    ctx: Context,
    owner: str,
) -> None:
    floor, ceiling = around
    what = entry.key.text
    unit = {"voltage": "V", "current": "A"}.get(what, "K")
    if low is not None and floor is not None and low < floor - SLACK * max(1.0, abs(floor)):
        ctx.problems.add(
            "limits-wider",
            entry.value.where,
            f"the {what} limit {low:g} {unit} is below {owner} {floor:g} {unit}",
        )
    if high is not None and ceiling is not None and high > ceiling + SLACK * abs(ceiling):
        ctx.problems.add(
            "limits-wider",
            entry.value.where,
            f"the {what} limit {high:g} {unit} is above {owner} {ceiling:g} {unit}",
        )


def read_record(node: YamlNode, scope: Scope, ctx: Context) -> Record | None:
    """`all`, or `every 10 s or 5 mV`."""
    scalar = fields.as_value(node, "`record`", ctx.problems)
    if scalar is None:
        return None
    if scalar.text == "all":
        return Record(all=True)
    form = parse_short(scalar, ctx.problems, "record")
    if form is None:
        return None
    found: dict[Dimensions, float] = {}
    for tree in form.rest:
        parsed = Parsed(scalar, tree)
        where = scalar.at(tree.start)
        entry = _record_part(parsed, tree, where, scope, ctx)
        if entry is None:
            continue
        kind, value = entry
        if kind in found:
            word = dimension_name(kind)
            ctx.problems.add("record", where, f"a second {word} in `record`", "one of a kind")
        found[kind] = value
    return Record(found.get(TIME), found.get(VOLTAGE), found.get(CURRENT))


def _record_part(
    parsed: Parsed, tree: Tree, where: Where, scope: Scope, ctx: Context
) -> tuple[Dimensions, float] | None:
    term, _ = compiled(parsed, tree, scope, ctx)
    if term.kind == "bad":
        return None
    if isinstance(term.kind, str) or term.kind not in (TIME, VOLTAGE, CURRENT):
        ctx.problems.add(
            "record", where, "`record` takes a time, a voltage or a current",
            "as in `every 10 s or 5 mV`",
        )  # fmt: skip
        return None
    value = term.constant
    if value is None:
        if ctx.cell is not None:
            ctx.problems.add("not-constant", where, "`record` must be known before the run")
        return None
    if value <= 0:
        ctx.problems.add("negative", where, "`record` takes values above zero")
        return None
    return term.kind, float(value)


def read_start(node: YamlNode, scope: Scope, ctx: Context) -> tuple[float, float] | None:
    """The open-circuit window that a right cell shows before anything is driven."""
    mapping = fields.as_mapping(node, "`start`", ctx.problems)
    if mapping is None:
        return None
    fields.refuse_unknown(mapping.entries, ("voltage",), ctx.problems)
    fields.require(mapping, ("voltage",), ctx.problems)
    entry = mapping.get("voltage")
    if entry is None:
        return None
    low, high = _span(entry, VOLTAGE, scope, ctx)
    return None if low is None or high is None else (low, high)
