"""When the cell of the running step is read next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl_protocols.engine import moving
from labctl_protocols.engine.detect import watch
from labctl_protocols.engine.ends import Progress
from labctl_protocols.engine.sampling import FASTEST_S, next_reading
from labctl_protocols.engine.state import StepState
from labctl_protocols.engine.steps import sweeps_itself
from labctl_protocols.engine.view import View
from labctl_protocols.plan import Sweep

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine


def wake_s(engine: Engine, step: StepState, view: View, progress: Progress) -> float:
    """The time of the next reading: as sampling goes, at a sweep's stair, or soon on suspicion."""
    now_s, shortest_s = progress.now.time_s, engine.ratings.reading_time_s
    due_s = next_reading(
        view.record,
        engine.state.output.driven,
        shortest_s,
        view.until,
        progress,
        (view.limits.high_V, view.limits.low_V) if step.sign else (),
        engine.state.trail_s,
    )
    if isinstance(view.node, Sweep) and not sweeps_itself(engine):
        due_s = min(due_s, moving.next_stair_s(step, view.node, now_s))
    if watch.is_suspicious(engine):
        due_s = min(due_s, now_s + max(FASTEST_S, shortest_s))
    return due_s
