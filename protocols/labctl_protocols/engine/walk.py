"""Where the run stands in the plan: a stack of blocks, walked without ever unrolling a loop."""

from dataclasses import dataclass

from labctl_protocols.plan import For, Group, If, Node, Plan, Repeat, every

ROOT = -1


@dataclass(slots=True)
class Frame:
    """One block being executed: the node that owns it (−1 = the plan), and the next child.

    `rounds` is how often a loop's body runs in all (None = until its condition), `round` the one
    now running, from 1; `idle` counts rounds in a row in which no step took any time.
    """

    node: int
    index: int = 0
    otherwise: bool = False
    round: int = 1
    rounds: int | None = None
    idle: int = 0
    passed_s: float = 0.0


def nodes_by_id(plan: Plan) -> dict[int, Node]:
    """Every node of the plan under its id; a `then hold` part is found through its drive."""
    return {node.id: node for node in every(plan.steps)}


def block_of(plan: Plan, nodes: dict[int, Node], frame: Frame) -> tuple[Node, ...]:
    """The children that the frame walks through."""
    if frame.node == ROOT:
        return plan.steps
    node = nodes[frame.node]
    if isinstance(node, If):
        return node.otherwise if frame.otherwise else node.then
    if isinstance(node, Group | Repeat | For):
        return node.steps
    raise TypeError(f"node {frame.node} has no block")
