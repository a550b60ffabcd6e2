"""A running run amended: another plan with the same steps takes the place of the one it follows.

Nothing is half done: what is refused leaves all as it was. A running step is judged by its new ends
and limits from the next reading on; if it goes on after that reading, its output is adjusted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl_protocols.amendment import AmendmentRefused, Change, changes_between
from labctl_protocols.decisions import Revision
from labctl_protocols.engine.names import RunNames
from labctl_protocols.engine.restated import Restated, restated
from labctl_protocols.engine.view import view_of
from labctl_protocols.engine.walk import Frame, nodes_by_id
from labctl_protocols.plan import For, Node, Plan, Repeat

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine

PHASES = frozenset({"start", "open_circuit", "running", "confirming", "asking", "paused"})
"""Those in which no command is under way."""
LATER = " (from its next execution on)"


def revise(engine: Engine, said: Revision) -> None:
    """Follow the revised plan, or tell why not; either is told before anything is commanded."""
    try:
        changes = follow(engine, said.plan)
    except AmendmentRefused as refusal:
        told = {"word": "amend", "by": said.by, "text": f"amend refused: {refusal}", "done": False}
        engine.tell("operator", {**told, "lines": list(refusal.lines)})
        return
    told = {"by": said.by, "text": "; ".join(changes), "changes": changes}
    engine.tell("revision", {**told, **said.data})


def follow(engine: Engine, plan: Plan) -> list[str]:
    """Let the run follow this plan from now on; each change as a text, old → new.

    Raises AmendmentRefused, and then nothing has changed.
    """
    state = engine.state
    if state.phase not in PHASES:
        raise AmendmentRefused(f"not now, while the run is {state.phase}: ask again")
    changes = changes_between(engine.plan, plan)
    nodes = nodes_by_id(plan)
    names = RunNames(state, nodes, engine.main_accuracy, plan.temperature)
    rounds = [_rounds(frame, engine.nodes, nodes, names) for frame in state.frames]
    step, new = state.step, None
    if step is not None:
        view = view_of(plan, nodes, state.frames, step)
        new = restated(engine, step, view, nodes, names)
    engine.plan, engine.nodes, engine.names, engine.seen = plan, nodes, names, None
    for frame, count in zip(state.frames, rounds, strict=True):
        frame.rounds = count
    if step is not None and new is not None:
        new.take(step)
        # until the next reading has been judged, the output stays as it is
        step.stale = state.phase == "running" and state.output.driven
    waiting = state.pending if state.phase == "asking" else None
    return [_told(change, None if step is None else step.node, new, waiting) for change in changes]


def _told(change: Change, running: int | None, new: Restated | None, waiting: int | None) -> str:
    of_step = change.node is not None and change.node == running
    later = of_step and new is not None and (change.field, change.held) in new.later
    asked = change.node is not None and change.node == waiting
    return change.text + (LATER if later or asked else "")


def _rounds(
    frame: Frame, olds: dict[int, Node], news: dict[int, Node], names: RunNames
) -> int | None:
    """How many rounds an open loop has in all; it ends after the present one if they are fewer."""
    old, new = olds.get(frame.node), news.get(frame.node)
    if isinstance(old, Repeat) and isinstance(new, Repeat) and old.times != new.times:
        if new.times is None:
            return None
        times = new.times.evaluate(names)
        if times is None or not float(times) >= 0:
            place = f"{new.where}: {new.path}"
            raise AmendmentRefused(f"{place}: how often it would repeat is unknown now")
        return round(float(times))
    if isinstance(old, For) and isinstance(new, For):
        begun = frame.round
        if len(new.values) < begun or old.values[:begun] != new.values[:begun]:
            place = f"{new.where}: {new.path}"
            raise AmendmentRefused(f"{place}: the first {begun} values have had their turn")
        return len(new.values)
    return frame.rounds
