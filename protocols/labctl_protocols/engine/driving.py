"""Steps that drive: what their set-point is, and whether the cell at rest may be driven so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl_drivers.vocabulary import Setpoint
from labctl_protocols.decisions import Outcome
from labctl_protocols.engine import judge, spectrum
from labctl_protocols.engine.moving import current_for
from labctl_protocols.engine.state import StepState
from labctl_protocols.engine.steps import (
    hold_now,
    leave_if_bare,
    setpoint_of,
    skip_step,
    step_guard,
    target_of,
)
from labctl_protocols.engine.telling import cycle_teller
from labctl_protocols.plan import MAIN, Drive, End, Impedance, Limits, Value

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine


def begin_drive(engine: Engine, step: StepState, node: Drive) -> bool:
    """Prepare a drive step, and look at the cell first where it has to be."""
    step.sign = node.sign
    step.set_voltage_V = target_of(node.until, step.targets, "voltage")
    value = None if node.at is None else node.at.evaluate(engine.names)
    refusal = _refusal(engine, step, node, value)
    if refusal is not None:
        engine.stop(*refusal)
        return True
    step.control_value = float(value or 0.0)
    looked = engine.state.open_circuit_V is not None
    if not looked and (engine.state.last_sign != -node.sign or node.control != "current"):
        engine.state.phase = "open_circuit"
        engine.apply(Setpoint("rest"))
        return True
    return drive(engine)


def _refusal(
    engine: Engine, step: StepState, node: Drive, value: Value
) -> tuple[Outcome, str] | None:
    """Why the step's set-points cannot be driven; NaN is refused with the rest."""
    limits = engine.limits
    if value is None or not float(value) > 0:
        unit = {"current": "A", "power": "W", "resistance": "ohm"}[node.control]
        what = "unknown" if value is None else f"{float(value):.6g} {unit}"
        return "fault", f"the set-point of {node.path} is {what}"
    if node.control == "current":
        over = _over_limit(node, float(value), limits)
        if over is not None:
            return over
    if step.set_voltage_V is not None and not judge.inside(step.set_voltage_V, limits):
        return "limit", f"{node.path} would drive to {step.set_voltage_V:.6g} V, outside the limits"
    if step.set_voltage_V is None and node.then_hold is not None:
        return "fault", f"the voltage to hold in {node.path} is unknown"
    return None


def _over_limit(node: Drive, current_A: float, limits: Limits) -> tuple[Outcome, str] | None:
    if limits.current_A is None or current_A <= limits.current_A:
        return None
    text = f"{node.path} would drive {current_A:.6g} A, over the limit {limits.current_A:.6g} A"
    return "limit", text


def past_end(engine: Engine, step: StepState) -> tuple[End, str] | None:
    """The voltage end that the cell at rest is already past, and how that was seen."""
    rest_V = engine.state.open_circuit_V
    if rest_V is None:
        return None
    for end, target in zip(engine.view(step).until, step.targets, strict=True):
        if end.kind == "voltage" and target is not None and step.sign * (rest_V - target) >= 0:
            return end, f"already past {end.text}: at rest the cell stands at {rest_V:.6g} V"
    return None


def drive(engine: Engine) -> bool:
    """Drive the prepared step, unless the cell at rest is already past its end."""
    state, step = engine.state, engine.state.step
    if step is None:
        raise RuntimeError("no drive step is prepared")
    if step.skip:
        skip_step(engine, step, judge.SKIPPED.word, judge.SKIPPED.reason)
        return False
    node = engine.view(step).node
    if isinstance(node, Impedance):
        spectrum.begin(engine, step, node)
        return True
    if step.type in ("hold", "sweep"):
        hold_now(engine, step)
        return True
    past = past_end(engine, step)
    if past is not None:
        leave_if_bare(engine, step, past[0])
        skip_step(engine, step, past[0].word, past[1])
        return False
    if state.open_circuit_V is not None:
        trip = judge.beyond_limit(state.open_circuit_V, step.sign, engine.limits)
        if trip is not None:
            engine.tell("limit", trip)
            engine.stop("limit", str(trip["text"]))
            return True
    if not _set_current(engine, step):
        return True
    if state.terminal == MAIN and step.whole:
        state.cycles.begin_step(step.sign, cycle_teller(engine), engine.main_accuracy)
    state.phase = "beginning"
    state.open_circuit_V = None
    engine.apply(setpoint_of(engine, step), step_guard(engine, step))
    return True


def _set_current(engine: Engine, step: StepState) -> bool:
    """The current that the step begins with; False when there is none and the run was ended."""
    node = engine.view(step).node
    if not isinstance(node, Drive):
        raise RuntimeError("no drive step is prepared")
    rest_V = engine.state.open_circuit_V
    current = current_for(node.control, step.control_value, 0.0 if rest_V is None else rest_V)
    if current is None:
        seen = "nothing was seen" if rest_V is None else f"the cell stands at {rest_V:.6g} V"
        engine.stop("limit", f"{node.path}: {seen}, where its {node.control} needs no real current")
        return False
    over = _over_limit(node, current, engine.limits)
    if over is not None:
        engine.stop(*over)
        return False
    step.set_current_A = step.sign * current
    return True
