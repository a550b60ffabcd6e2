"""A list of steps: which verb each is, loops, groups, branches, and the calls of routines."""

from collections.abc import Mapping as Names
from dataclasses import replace
from typing import cast

from labctl_protocols import fields
from labctl_protocols.beside import read_label
from labctl_protocols.context import MAX_STEPS, Context, Scope
from labctl_protocols.drive import VERBS, bind_drive
from labctl_protocols.loops import LOOPS, body
from labctl_protocols.plan import Exit, Group, GroupClass, Mark, Node, Stop, narrowed
from labctl_protocols.routines import bind_call
from labctl_protocols.settings import read_condition, read_limits
from labctl_protocols.special import SPECIAL, bind_special
from labctl_protocols.yaml12 import Broken, Entry, List, Mapping, Scalar
from labctl_protocols.yaml12 import Node as YamlNode

CONTROL = ("group", "repeat", "for", "if")
PLAIN = ("exit", "mark", "stop")
KNOWN = frozenset({*VERBS, *SPECIAL, *CONTROL, *PLAIN})
BESIDE: Names[str, tuple[str, ...]] = {
    **{
        verb: ("label", "record", "limits", "terminal", "detectors")
        for verb in (*VERBS, "sweep", "impedance")
    },
    "ask": ("timeout",),
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
    if name not in KNOWN:
        return bind_call(verb, position, scope, ctx)
    if name in VERBS:
        bound = bind_drive(step, verb, position, scope, ctx)
    elif name in SPECIAL:
        bound = bind_special(step, verb, position, scope, ctx)
    elif name == "group":
        bound = _group(step, verb, position, twins, scope, ctx)
    elif name in CONTROL:
        bound = LOOPS[name](step, verb, position, scope, ctx)
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
            continue
        if key in ALL_BESIDE:
            ctx.problems.add("beside", entry.key.where, f"`{key}` cannot stand beside `{name}`")
            continue
        hint = fields.meant(key, allowed) or (
            "beside it stand " + ", ".join(allowed) if allowed else "nothing stands beside it"
        )
        ctx.problems.add("unknown-key", entry.key.where, f"unknown key `{key}`", hint)


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
    steps = body(step, verb, inner, ctx)
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
