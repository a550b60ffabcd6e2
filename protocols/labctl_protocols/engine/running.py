"""A reading of the running step: limits and detectors first, then the step's ends, then what next.

Each function gives when the next reading is wanted, None where something else comes first, and
whether this is a boundary, where all becomes durable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl_drivers.vocabulary import Reading
from labctl_protocols.engine import (
    auxiliary,
    ending,
    judge,
    looking,
    moving,
    operator,
    waking,
)
from labctl_protocols.engine.detect import watch
from labctl_protocols.engine.ends import Progress, Sample
from labctl_protocols.engine.judge import Errors
from labctl_protocols.engine.state import StepState
from labctl_protocols.engine.view import View
from labctl_protocols.engine.walking import walk_on

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine

Next = tuple[float | None, bool]
FIRST_SOMETHING_ELSE: Next = None, False


def hear(engine: Engine, reading: Reading) -> Next:
    """A reading while a step is running; it may end the step, or the run."""
    step, now = engine.state.step, engine.state.output.now
    if step is None or now is None:
        raise RuntimeError("a reading came while no step was running")
    if step.type == "rest":
        looking.at_rest(engine, reading)
    if not auxiliary.is_watched(engine, engine.limits):
        return FIRST_SOMETHING_ELSE
    view, errors = engine.view(step), judge.errors_of(reading, engine.ratings)
    tripped = judge.limit_tripped(reading, view.limits, step, errors)
    if tripped is not None and judge.cut_off(reading, step, view.until, tripped):
        text = f"{tripped['text']} before the instrument switched off"
        watch.tell(engine, "overshoot", text)
    elif tripped is not None:
        engine.record(reading, force=True)
        ending.at_limit(engine, step, reading, tripped)
        return FIRST_SOMETHING_ELSE
    watch.on_reading(engine, step, reading, errors)
    if engine.halted is not None:
        return FIRST_SOMETHING_ELSE
    return _go_on_or_end(engine, step, reading, view, now, errors)


def _go_on_or_end(
    engine: Engine, step: StepState, reading: Reading, view: View, now: Sample, errors: Errors
) -> Next:
    band_V = 2 * errors[0] if view.goes_over else 0.0
    output = engine.state.output
    progress = Progress(
        step.sign, step.started_s, step.targets, output.before, now, band_V, output.earlier
    )
    over = judge.step_over(reading, step, view.until, progress, engine.names, errors)
    if over is None and reading.ended:
        over = judge.ended_by_itself(step, view.until, progress)
        if over is None:
            ending.ended_early(engine, step, reading)
            return FIRST_SOMETHING_ELSE
    engine.record(reading, force=over is not None)
    if over is not None:
        if ending.end(engine, over, progress):
            walk_on(engine)
        if engine.commands:
            return FIRST_SOMETHING_ELSE
        # the instrument went over to holding the voltage by itself: read on
        return now.time_s + engine.ratings.reading_time_s, True
    if engine.state.pause_asked:
        operator.pause(engine)
        return FIRST_SOMETHING_ELSE
    setpoint = moving.next_setpoint(engine, step, reading)
    if setpoint is not None:
        engine.adjust(setpoint)
    return waking.wake_s(engine, step, view, progress), False
