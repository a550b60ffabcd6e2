"""Loops and branches: `repeat`, `for`, `if`. They are never unrolled."""

from dataclasses import replace

from labctl_protocols import fields
from labctl_protocols.context import BAD, Compiled, Context, Named, Scope, Term
from labctl_protocols.expressions import Parsed, parse, parse_short
from labctl_protocols.leaves import RESERVED
from labctl_protocols.plan import For, If, Node, Repeat
from labctl_protocols.quantities import NUMBER
from labctl_protocols.settings import read_condition, wanted
from labctl_protocols.terms import compiled
from labctl_protocols.tokens import is_name
from labctl_protocols.yaml12 import Entry, Mapping
from labctl_protocols.yaml12 import Node as YamlNode


def body(step: Mapping, verb: Entry, scope: Scope, ctx: Context) -> tuple[Node, ...]:
    """The nodes under `steps`."""
    entry = step.get("steps")
    if entry is None:
        ctx.problems.add("missing-key", step.where, f"`{verb.key.text}` without `steps`")
        return ()
    return ctx.bind_steps(entry.value, scope, ctx, "`steps`")


def _repeat(step: Mapping, verb: Entry, position: int, scope: Scope, ctx: Context) -> Node | None:
    number = next(ctx.ids)
    path = scope.child(f"{position}.repeat")
    times, counter, until_node = None, None, None
    node = verb.value
    if isinstance(node, Mapping):
        fields.refuse_unknown(node.entries, ("times", "until"), ctx.problems)
        until_node = node.get("until")
        count = node.get("times")
        if count is None and until_node is None:
            ctx.problems.add("missing-key", node.where, "`repeat` needs `times` or `until`")
        if count is not None:
            times, counter = _times(count.value, scope, ctx)
    else:
        times, counter = _times(node, scope, ctx)
    inner, plan_counter = _with_counter(counter, times, replace(scope.at(path), in_loop=True))
    until = None
    if until_node is not None:
        until = read_condition(until_node.value, "`until` of a loop", inner, ctx)
    steps = body(step, verb, inner, ctx)
    text = f"repeat: {times.text}" if times else "repeat:"
    text += f" as {counter}" if counter else ""
    return Repeat(
        id=number,
        path=path,
        where=verb.key.where,
        text=f"{text} until {until.text}" if until else text,
        times=times,
        counter=plan_counter,
        until=until,
        steps=steps,
    )


def _with_counter(
    counter: str | None, times: Compiled | None, scope: Scope
) -> tuple[Scope, str | None]:
    if counter is None:
        return scope, None
    unique = scope.unique(counter)
    most = None if times is None else times.constant
    loops = None if most is None else ((unique, 1.0, max(1.0, float(most))),)
    term = Term(NUMBER, lambda names: names.live(unique), loops=loops)
    return (
        replace(scope, counters={**scope.counters, counter: term}, taken=scope.taken | {unique}),
        unique,
    )


def _times(node: YamlNode, scope: Scope, ctx: Context) -> tuple[Compiled | None, str | None]:
    scalar = fields.as_value(node, "`repeat`", ctx.problems)
    form = None if scalar is None else parse_short(scalar, ctx.problems, "repeat")
    if scalar is None or form is None or form.value is None:
        return None, None
    parsed = Parsed(scalar, form.value)
    where = scalar.at(form.value.start)
    name = form.name
    if name is not None and (name in scope.counters or name in RESERVED):
        ctx.problems.add("name-taken", where, f"the counter's name `{name}` is taken")
        name = None
    found = wanted(parsed, form.value, NUMBER, "the number of rounds", scope, ctx)
    if found is None:
        return None, name
    rounds = found[0].constant
    if rounds is not None and (rounds < 0 or rounds != int(rounds)):
        ctx.problems.add("count", where, f"{rounds:g} rounds", "a whole number, 0 or more")
        return None, name
    return found[1], name


def _for(step: Mapping, verb: Entry, position: int, scope: Scope, ctx: Context) -> Node | None:
    number = next(ctx.ids)
    path = scope.child(f"{position}.for")
    given = _for_values(verb, scope, ctx)
    inner = replace(scope.at(path), in_loop=True)
    if given is None:
        # the name is unknown then: what stands in the body cannot be judged
        return None
    name, values, term = given
    unique = scope.unique(name)
    amounts = [value.constant for value in values if value.constant is not None]
    loops = None
    if len(amounts) == len(values):
        loops = ((f"${unique}", float(min(amounts)), float(max(amounts))),)
    known = Term(term.kind, lambda names: names.live(f"${unique}"), loops=loops)
    inner = replace(
        inner,
        values={**scope.values, name: Named(known, f"${name}")},
        taken=scope.taken | {unique},
    )
    steps = body(step, verb, inner, ctx)
    shown = ", ".join(value.text for value in values)
    return For(
        id=number,
        path=path,
        where=verb.key.where,
        text=f"for: {name} in {shown}",
        name=unique,
        values=values,
        steps=steps,
    )


def _for_values(
    verb: Entry, scope: Scope, ctx: Context
) -> tuple[str, tuple[Compiled, ...], Term] | None:
    mapping = fields.as_mapping(verb.value, "`for`", ctx.problems)
    if mapping is None:
        return None
    if len(mapping.entries) != 1:
        ctx.problems.add(
            "for",
            mapping.where,
            "`for` takes one name with its values",
            "as in `{rate: [C/10, 1C]}`",
        )
        return None
    entry = mapping.entries[0]
    name = entry.key.text
    if not is_name(name):
        ctx.problems.add("name", entry.key.where, f"`{name}` is no name", "letters, digits, `_`")
        return None
    if name in scope.values:
        ctx.problems.add("name-taken", entry.key.where, f"the name `${name}` is taken")
        return None
    listed = fields.as_list(entry.value, f"`{name}`", ctx.problems)
    if listed is None:
        return None
    first: Term | None = None
    values: list[Compiled] = []
    for item in listed.items:
        found = _for_value(item, name, first, scope, ctx)
        if found is None:
            return None
        term, made = found
        first = first or term
        values.append(made)
    return name, tuple(values), first or BAD


def _for_value(
    item: YamlNode, name: str, first: Term | None, scope: Scope, ctx: Context
) -> tuple[Term, Compiled] | None:
    scalar = fields.as_value(item, f"a value of `{name}`", ctx.problems)
    parsed: Parsed | None = None if scalar is None else parse(scalar, ctx.problems)
    if parsed is None:
        return None
    term, made = compiled(parsed, parsed.tree, scope, ctx)
    if term.kind == "bad":
        return None
    if first is not None and term.kind != first.kind:
        ctx.problems.add(
            "dimension", parsed.scalar.where, f"the values of `{name}` are not of one kind"
        )
        return None
    return term, made


def _if(step: Mapping, verb: Entry, position: int, scope: Scope, ctx: Context) -> Node | None:
    number = next(ctx.ids)
    path = scope.child(f"{position}.if")
    condition = read_condition(verb.value, "`if`", scope, ctx)
    then = body(step, verb, scope.at(path), ctx)
    other = step.get("else")
    otherwise: tuple[Node, ...] = ()
    if other is not None:
        otherwise = ctx.bind_steps(other.value, scope.at(f"{path}.else"), ctx, "`else`")
    if condition is None:
        return None
    return If(
        id=number,
        path=path,
        where=verb.key.where,
        text=f"if: {condition.text}",
        condition=condition,
        then=then,
        otherwise=otherwise,
    )


LOOPS = {"repeat": _repeat, "for": _for, "if": _if}
