"""What the plan says of the step that runs now, with all that encloses it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labctl_protocols.engine.state import StepState
from labctl_protocols.engine.walk import Frame
from labctl_protocols.plan import (
    Drive,
    End,
    Group,
    Limits,
    Node,
    Plan,
    Record,
    Timed,
    TimedNode,
    narrowed,
)


@dataclass(frozen=True, slots=True)
class View:
    """A running step's node (of a drive's `then hold`, the Hold in it), its ends, the narrowest of
    all limits around it, its recording rule, and whether the instrument goes over to holding the
    voltage by itself once the step has reached it. `label` is what the user calls it."""

    node: TimedNode
    label: str | None
    until: tuple[End, ...]
    limits: Limits
    record: Record
    goes_over: bool


def view_of(
    plan: Plan, nodes: Mapping[int, Node], frames: Sequence[Frame], step: StepState
) -> View:
    """The plan's side of this step."""
    whole = _timed(nodes[step.node])
    part = whole
    if step.type == "then_hold" and isinstance(whole, Drive) and whole.then_hold is not None:
        part = whole.then_hold
    limits = enclosing_limits(plan, nodes, frames)
    for own in (whole.limits, part.limits):
        limits = limits if own is None else narrowed(limits, own)
    return View(
        node=part,
        label=part.label or whole.label,
        until=part.until,
        limits=limits,
        record=part.record or whole.record or plan.record,
        goes_over=isinstance(part, Drive) and part.then_hold is not None,
    )


def enclosing_limits(plan: Plan, nodes: Mapping[int, Node], frames: Sequence[Frame]) -> Limits:
    """The narrowest of the plan's and the open groups' limits."""
    limits = plan.limits
    for frame in frames:
        node = nodes.get(frame.node)
        if isinstance(node, Group) and node.limits is not None:
            limits = narrowed(limits, node.limits)
    return limits


def _timed(node: Node) -> TimedNode:
    if isinstance(node, Timed):
        return node
    raise TypeError(f"node {node.id} passes no time")
