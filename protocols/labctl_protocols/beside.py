"""What may stand beside the verb of a step that passes time: label, record, limits, and more."""

from collections.abc import Mapping as Names
from dataclasses import dataclass, field, replace
from typing import Any, cast

from labctl_protocols import fields
from labctl_protocols.context import Context, Scope
from labctl_protocols.detectors import DETECTORS
from labctl_protocols.plan import MAIN, Limits, Policy, Record, narrowed
from labctl_protocols.settings import read_limits, read_record
from labctl_protocols.tokens import is_label
from labctl_protocols.yaml12 import Entry, Mapping
from labctl_protocols.yaml12 import Node as YamlNode

POLICIES = ("ignore", "flag", "stop")


@dataclass(frozen=True, slots=True)
class Beside:
    """The settings of one step, as `plan.Timed` has them."""

    label: str | None = None
    record: Record | None = None
    limits: Limits | None = None
    terminal: str = MAIN
    detectors: Names[str, Policy] = field(default_factory=dict)


def asdict_of(beside: Beside) -> dict[str, Any]:
    """The settings as keyword arguments of a step."""
    return {name: getattr(beside, name) for name in Beside.__slots__}


def read_beside(
    step: Mapping, verb: Entry, position: int, scope: Scope, ctx: Context
) -> tuple[Beside, Scope]:
    """The step's settings, and the scope that they make for what stands in the step."""
    label, limits, record = step.get("label"), step.get("limits"), step.get("record")
    detectors = step.get("detectors")
    named = None if label is None else read_label(label.value, ctx)
    inner = scope
    own = None
    if limits is not None:
        own = read_limits(limits.value, scope, ctx, "the limit around this step,")
        inner = replace(scope, limits=narrowed(scope.limits, own))
    beside = Beside(
        named,
        None if record is None else read_record(record.value, scope, ctx),
        own,
        _terminal(step.get("terminal"), ctx),
        {} if detectors is None else read_detectors(detectors.value, ctx),
    )
    return beside, inner.at(scope.child(f"{position}.{named or verb.key.text}"))


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


def _terminal(entry: Entry | None, ctx: Context) -> str:
    if entry is None:
        return MAIN
    role = fields.as_text(entry.value, "`terminal`", ctx.problems)
    if role is None or ctx.cell is None or role == MAIN:
        return role or MAIN
    if role not in ctx.cell.terminals:
        known = ", ".join(ctx.cell.terminals) or MAIN
        ctx.problems.add(
            "no-terminal",
            entry.value.where,
            f"the cell has no terminal `{role}`; it has {known}",
            "add it to `terminals` in the cell record",
        )
    elif MAIN not in ctx.cell.terminals:
        ctx.problems.add(
            "no-terminal",
            entry.value.where,
            "the cell record does not say which electrodes are on the main terminal",
            "add `main: [positive, negative]` to its `terminals`",
        )
    elif ctx.roles is not None and role not in ctx.roles:
        ctx.problems.add(
            "no-terminal",
            entry.value.where,
            f"no channel of the bench is at the terminal `{role}`",
            f"--channel {role}=…",
        )
    return role


def read_detectors(node: YamlNode, ctx: Context) -> dict[str, Policy]:
    """Detector → what it does when it fires."""
    mapping = fields.as_mapping(node, "`detectors`", ctx.problems)
    if mapping is None:
        return {}
    chosen: dict[str, Policy] = {}
    for entry in mapping.entries:
        name = entry.key.text
        if name not in DETECTORS:
            hint = fields.meant(name, DETECTORS) or "there are " + ", ".join(DETECTORS)
            message = f"there is no detector `{name}`"
            ctx.problems.add("detector", entry.key.where, message, hint)
            continue
        policy = fields.as_choice(entry.value, f"`{name}`", POLICIES, ctx.problems)
        if policy is not None:
            chosen[name] = cast(Policy, policy)
    return chosen
