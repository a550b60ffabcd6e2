"""A list of steps: which verb each is, loops, groups, branches, and the calls of routines."""

from collections.abc import Mapping as Names
from dataclasses import replace
from typing import cast

from labctl_protocols import fields
from labctl_protocols.context import BAD, MAX_STEPS, Compiled, Context, Named, Scope, Term
from labctl_protocols.drive import VERBS, bind_drive, read_label
from labctl_protocols.expressions import Parsed, parse, parse_short
from labctl_protocols.plan import Exit, For, Group, GroupClass, If, Mark, Node, Repeat, Stop
from labctl_protocols.quantities import NUMBER, dimension_name
from labctl_protocols.settings import narrowed, read_limits, wanted
from labctl_protocols.terms import RESERVED, compiled, named
from labctl_protocols.tokens import KEYWORDS, is_name
from labctl_protocols.yaml12 import Broken, Entry, List, Mapping, Scalar
from labctl_protocols.yaml12 import Node as YamlNode

NOT_YET = ("sweep", "impedance", "set", "ask")
CONTROL = ("group", "repeat", "for", "if")
PLAIN = ("exit", "mark", "stop")
KNOWN = frozenset({*VERBS, *NOT_YET, *CONTROL, *PLAIN})
BESIDE: Names[str, tuple[str, ...]] = {
    **{verb: ("label", "record", "limits", "terminal", "detectors") for verb in VERBS},
    **{verb: ("label", "record", "limits", "terminal", "detectors", "timeout") for verb in NOT_YET},
    "group": ("class", "pair", "limits", "steps"),
    "repeat": ("steps",),
    "for": ("steps",),
    "if": ("steps", "else"),
}
ALL_BESIDE = frozenset(key for keys in BESIDE.values() for key in keys)
CLASSES = ("conditioning", "formation", "supply", "cycle", "diagnostic")


def bind_steps(
    node: YamlNode, scope: Scope, ctx: Context, what: str = "`steps`"
) -> tuple[Node, ...]:
    """The nodes of a list of steps; what cannot be bound is left out, with problems noted."""
    steps = fields.as_list(node, what, ctx.problems)
    if steps is None:
        return ()
    twins = _labels_that_repeat(steps)
    bound: list[Node] = []
    for position, item in enumerate(steps.items, 1):
        ctx.steps += 1
        if ctx.steps > MAX_STEPS:
            if ctx.steps == MAX_STEPS + 1:
                ctx.problems.add("too-large", item.where, f"more than {MAX_STEPS} steps in all")
            break
        bound.extend(_step(item, position, twins, scope, ctx))
    return tuple(bound)


def _labels_that_repeat(steps: List) -> frozenset[str]:
    """Labels of groups that stand more than once in this list: their paths need the position."""
    seen: set[str] = set()
    twins: set[str] = set()
    for item in steps.items:
        entry = item.get("group") if isinstance(item, Mapping) else None
        if entry is not None and isinstance(entry.value, Scalar):
            label = entry.value.text
            (twins if label in seen else seen).add(label)
    return frozenset(twins)


def _step(
    item: YamlNode, position: int, twins: frozenset[str], scope: Scope, ctx: Context
) -> tuple[Node, ...]:
    if isinstance(item, Scalar):
        ctx.problems.add("type", item.where, f"`{item.text}` is no step", "a step is `verb: value`")
        return ()
    step = fields.as_mapping(item, "a step", ctx.problems)
    verb = None if step is None else _verb(step, ctx)
    if step is None or verb is None:
        return ()
    name = verb.key.text
    _refuse_beside(step, verb, ctx)
    if isinstance(verb.value, Broken):
        return ()
    if name in NOT_YET:
        ctx.problems.add("not-yet", verb.key.where, f"`{name}` is not in this version")
        return ()
    if name not in KNOWN:
        from labctl_protocols.routines import bind_call

        return bind_call(verb, position, scope, ctx)
    if name in VERBS:
        bound = bind_drive(step, verb, position, scope, ctx)
    elif name == "group":
        bound = _group(step, verb, position, twins, scope, ctx)
    elif name in CONTROL:
        bound = _LOOPS[name](step, verb, position, scope, ctx)
    else:
        bound = _plain(verb, position, scope, ctx)
    return () if bound is None else (bound,)


def _verb(step: Mapping, ctx: Context) -> Entry | None:
    verbs = [e for e in step.entries if e.key.text in KNOWN or e.key.text in ctx.routines]
    if not verbs:
        strange = [e for e in step.entries if e.key.text not in ALL_BESIDE]
        if not strange:
            ctx.problems.add("no-verb", step.where, "a step without verb", "as in `rest: 12 h`")
            return None
        word = strange[0].key.text
        known = [*KNOWN, *ctx.routines]
        ctx.problems.add(
            "unknown-verb",
            strange[0].key.where,
            f"`{word}` is no verb and no routine",
            fields.meant(word, known) or "routines: " + ", ".join(sorted(ctx.routines)),
        )
        return None
    for extra in verbs[1:]:
        ctx.problems.add(
            "second-verb",
            extra.key.where,
            f"a second verb, `{extra.key.text}`, in one step",
            "begin a new step with `- `",
        )
    return verbs[0]


def _refuse_beside(step: Mapping, verb: Entry, ctx: Context) -> None:
    name = verb.key.text
    allowed = BESIDE.get(name, ())
    others = [
        e
        for e in step.entries
        if e is not verb and e.key.text not in KNOWN and e.key.text not in ctx.routines
    ]
    for entry in others:
        key = entry.key.text
        if key in allowed:
            if key in ("terminal", "detectors") and name in VERBS:
                ctx.problems.add("not-yet", entry.key.where, f"`{key}` is not in this version")
            continue
        if key in ALL_BESIDE:
            ctx.problems.add("beside", entry.key.where, f"`{key}` cannot stand beside `{name}`")
            continue
        hint = fields.meant(key, allowed) or (
            "beside it stand " + ", ".join(allowed) if allowed else "nothing stands beside it"
        )
        ctx.problems.add("unknown-key", entry.key.where, f"unknown key `{key}`", hint)


def _body(step: Mapping, verb: Entry, scope: Scope, ctx: Context) -> tuple[Node, ...]:
    entry = step.get("steps")
    if entry is None:
        ctx.problems.add("missing-key", step.where, f"`{verb.key.text}` without `steps`")
        return ()
    return bind_steps(entry.value, scope, ctx)


def _shorten(verb: Entry) -> str:
    value = verb.value
    return f"{verb.key.text}: {value.text}" if isinstance(value, Scalar) else f"{verb.key.text}:"


# ---- mark, stop, exit ----------------------------------------------------------------------


def _plain(verb: Entry, position: int, scope: Scope, ctx: Context) -> Node | None:
    name, where, number = verb.key.text, verb.key.where, next(ctx.ids)
    path = scope.child(f"{position}.{name}")
    if name == "exit":
        if not scope.in_loop:
            ctx.problems.add(
                "exit-outside-loop", where, "`exit` outside any loop", "`stop` ends the run"
            )
        condition = read_condition(verb.value, "`exit`", scope, ctx)
        if condition is None:
            return None
        return Exit(number, path, where, f"exit: {condition.text}", condition=condition)
    text = fields.as_text(verb.value, f"`{name}`", ctx.problems)
    if text is None:
        return None
    if name == "mark":
        return Mark(number, path, where, f"mark: {text}", remark=text)
    return Stop(number, path, where, f"stop: {text}", reason=text)


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


# ---- group ---------------------------------------------------------------------------------


def _group(
    step: Mapping, verb: Entry, position: int, twins: frozenset[str], scope: Scope, ctx: Context
) -> Node | None:
    number = next(ctx.ids)
    label = read_label(verb.value, ctx)
    group_class, pair = step.get("class"), step.get("pair")
    chosen = None if group_class is None else fields.as_choice(
        group_class.value, "`class`", CLASSES, ctx.problems
    )  # fmt: skip
    paired = None if pair is None else fields.as_choice(
        pair.value, "`pair`", ("each", "total"), ctx.problems
    )  # fmt: skip
    part = f"{position}.{label}" if label in twins else label or str(position)
    inner = scope.at(scope.child(part))
    own = step.get("limits")
    limits = None
    if own is not None:
        limits = read_limits(own.value, scope, ctx, "the limit around this group,")
        inner = replace(inner, limits=narrowed(scope.limits, limits))
    steps = _body(step, verb, inner, ctx)
    return Group(
        id=number,
        path=inner.path,
        where=verb.key.where,
        text=_shorten(verb),
        label=label,
        group_class=cast(GroupClass, chosen or "cycle"),
        pair="total" if paired == "total" else "each",
        limits=limits,
        steps=steps,
    )


# ---- loops and branches --------------------------------------------------------------------


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
    inner, plan_counter = _with_counter(counter, replace(scope.at(path), in_loop=True))
    until = None
    if until_node is not None:
        until = read_condition(until_node.value, "`until` of a loop", inner, ctx)
    steps = _body(step, verb, inner, ctx)
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


def _with_counter(counter: str | None, scope: Scope) -> tuple[Scope, str | None]:
    if counter is None:
        return scope, None
    unique = scope.unique(counter)
    return (
        replace(scope, counters={**scope.counters, counter: unique}, taken=scope.taken | {unique}),
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
    known = Term(term.kind, lambda names: names.live(f"${unique}"))
    inner = replace(
        inner,
        values={**scope.values, name: Named(known, f"${name}")},
        taken=scope.taken | {unique},
    )
    steps = _body(step, verb, inner, ctx)
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
    if not is_name(name) or name in KEYWORDS:
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
    then = _body(step, verb, scope.at(path), ctx)
    other = step.get("else")
    otherwise = ()
    if other is not None:
        otherwise = bind_steps(other.value, scope.at(f"{path}.else"), ctx, "`else`")
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


_LOOPS = {"repeat": _repeat, "for": _for, "if": _if}


def read_parameter(scalar: Scalar, scope: Scope, ctx: Context) -> Named | None:
    """A parameter's value; None with a problem noted."""
    parsed = parse(scalar, ctx.problems)
    return None if parsed is None else named(parsed, scope, ctx)
