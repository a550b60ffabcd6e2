"""The operator's words in a running run: questions, pauses, and steps that are skipped.

While nobody has answered, the output is off and read back. A paused step goes on with the charge
and the time that it had: what passed through a cell is never repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl_drivers.vocabulary import Setpoint
from labctl_protocols.decisions import Operator
from labctl_protocols.engine import driving, ending, steps
from labctl_protocols.engine.ends import Progress, Sample
from labctl_protocols.engine.judge import SKIPPED, Over
from labctl_protocols.engine.state import StepState
from labctl_protocols.plan import Ask

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine


def ask(engine: Engine, node: Ask) -> None:
    """Switch off, then ask."""
    engine.state.pending = node.id
    engine.open_terminal()


def is_off(engine: Engine) -> None:
    """The output is off, as was wanted: tell what is waited for."""
    state, step = engine.state, engine.state.step
    if state.paused is not None:
        if step is not None and state.paused == "running":
            step.elapsed_s = state.now_s - step.started_s
        state.phase = "paused"
        return
    node = engine.nodes[state.pending] if state.pending is not None else None
    if not isinstance(node, Ask):
        raise RuntimeError("the output was opened for nothing")
    state.phase = "asking"
    state.deadline_s = None if node.timeout_s is None else state.now_s + node.timeout_s
    engine.tell("ask", {"question": node.question, "timeout_s": node.timeout_s, "path": node.path})


def nobody_answered(engine: Engine) -> None:
    """The question's time is over."""
    node = None if engine.state.pending is None else engine.nodes[engine.state.pending]
    question = node.question if isinstance(node, Ask) else ""
    engine.stop("stopped", f"nobody answered in time: {question}")


def heard(engine: Engine, said: Operator) -> bool:
    """Do what the operator says, or note why not; True = walk on to the next step."""
    phase = engine.state.phase
    done = {"pause": _pause, "continue": _go_on, "skip": _skip}[said.word](engine)
    text = done or f"{said.word}: nothing to {said.word} while {phase}"
    engine.tell("operator", {"word": said.word, "by": said.by, "text": text, "done": bool(done)})
    if not done or said.word == "pause":
        return False
    return engine.state.phase in ("asking", "paused") and engine.state.step is None


def _pause(engine: Engine) -> str:
    state = engine.state
    if state.phase not in ("running", "open_circuit", "confirming", "start"):
        return ""
    if state.phase == "running" and state.output.now is None:
        # what flows until the output is off could not be counted
        state.pause_asked = True
        return "paused: the output goes off once the cell has been read"
    pause(engine)
    return "paused: the output goes off"


def pause(engine: Engine) -> None:
    """Command the output off, to go on later where this is."""
    state, step = engine.state, engine.state.step
    state.pause_asked = False
    state.paused = state.phase
    if step is not None and state.phase == "running":
        engine.record_last()
        state.before_pause = state.output.now
        step.whole = False
        engine.receive_gap([step.account], step)
    engine.open_terminal()


def _go_on(engine: Engine) -> str:
    state = engine.state
    if state.phase == "asking":
        state.pending = state.deadline_s = None
        _look_first(engine)
        return "answered: the run goes on"
    if state.pause_asked:
        state.pause_asked = False
        return "the run goes on"
    if state.phase != "paused" or state.paused is None:
        return ""
    phase, step = state.paused, state.step
    over = None if step is None else _over_meanwhile(engine, step)
    if over is not None:
        end_paused(engine, over)
        return "the run goes on"
    state.paused = None
    _look_first(engine)
    if phase == "running" and step is not None:
        if step.type == "rest":
            state.phase = "beginning"
            engine.apply(steps.setpoint_of(engine, step), steps.step_guard(engine, step))
            return "the run goes on"
        phase = "open_circuit"
    state.phase = phase
    engine.apply(Setpoint("rest"))
    return "the run goes on"


def _look_first(engine: Engine) -> None:
    """Nobody knows what was done to the cell meanwhile: look before driving, hold nothing over."""
    state = engine.state
    state.open_circuit_V, state.last_sign = None, 0
    steps.forget_step_guards(engine)
    state.detect.forget_readings()


def _over_meanwhile(engine: Engine, step: StepState) -> Over | None:
    """Why a paused step is over: what passed until its output was off has reached an end."""
    if not step.begun:
        return None
    if step.skip:
        return SKIPPED
    passed_As = (step.sign or 1) * step.account.charge_As
    passed = {"charge": passed_As if step.sign else abs(passed_As), "time": step.elapsed_s}
    for end, target in zip(engine.view(step).until, step.targets, strict=True):
        if target is not None and end.held is None and passed.get(end.kind, -1.0) >= target:
            return Over(None, f"{end.text}: reached before the output was off", word=end.word)
    return None


def _skip(engine: Engine) -> str:
    state, step = engine.state, engine.state.step
    if state.phase == "asking":
        return _go_on(engine)
    phase = state.paused or state.phase
    if step is None or phase not in ("running", "open_circuit"):
        return ""
    if state.phase != "paused":
        step.skip = True
        return "the step is skipped"
    if step.begun:
        end_paused(engine, SKIPPED)
    else:
        state.paused = None
        steps.skip_step(engine, step, SKIPPED.word, SKIPPED.reason)
    return "the step is skipped"


def drive_again(engine: Engine) -> bool:
    """After a look at the cell: go on driving the paused step, or end it; False = walk on."""
    step = engine.state.step
    if step is None:
        raise RuntimeError("no step was paused")
    if step.skip:
        end_paused(engine, SKIPPED)
        return False
    if step.type in ("hold", "then_hold", "sweep"):
        steps.hold_now(engine, step)
        return True
    past = driving.past_end(engine, step)
    if past is not None:
        end_paused(engine, Over(None, past[1], word=past[0].word))
        return False
    return driving.drive(engine)


def end_paused(engine: Engine, over: Over) -> None:
    """End a step that was paused after it had begun."""
    state, step = engine.state, engine.state.step
    if step is None:
        raise RuntimeError("no step was paused")
    seen = state.before_pause or Sample(state.now_s, 0.0, 0.0)
    step.started_s = seen.time_s - step.elapsed_s
    ending.close_step(engine, over, Progress(step.sign, step.started_s, step.targets, seen, seen))
    if state.paused is not None:
        state.paused = None
        _look_first(engine)
