"""Steps that pass time: how they begin, or turn out to be over before they began."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl_drivers.vocabulary import Guard, Setpoint
from labctl_protocols.decisions import Outcome
from labctl_protocols.engine import judge
from labctl_protocols.engine.ends import freeze_targets
from labctl_protocols.engine.state import StepState, StepType
from labctl_protocols.plan import Drive, End, Hold, Rest, TimedNode, Value

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine


def until_of(engine: Engine, step: StepState) -> tuple[End, ...]:
    """The ends of the running step."""
    return engine.view(step).until


def target_of(until: tuple[End, ...], targets: list[float | None], kind: str) -> float | None:
    """The frozen bare target of this kind, if the step has one that is known."""
    for end, target in zip(until, targets, strict=True):
        if end.kind == kind and target is not None:
            return target
    return None


def begin(engine: Engine, node: TimedNode) -> bool:
    """Begin a step; False when it was over before it began and nothing was commanded."""
    targets = freeze_targets(node.until, engine.names)
    for end, target in zip(node.until, targets, strict=True):
        if target is None and end.kind != "condition":
            engine.tell("note", {"text": f"{end.text} is unknown and cannot end {node.path}"})
    bare = [t for end, t in zip(node.until, targets, strict=True) if end.kind != "condition"]
    if bare and all(target is None for target in bare):
        # the checker was promised an end that is always reached
        engine.stop("fault", f"no end of {node.path} has a known value: it might never end")
        return True
    state = engine.state
    state.phase = "beginning"
    state.step_count += 1
    state.step = StepState(node.id, _type_of(node), state.step_count, 0, targets)
    _forget_step_guards(engine)
    if isinstance(node, Rest):
        return _begin_rest(engine, state.step, node)
    if isinstance(node, Hold):
        return _begin_hold(engine, state.step, node)
    return _begin_drive(engine, state.step, node)


def _type_of(node: TimedNode) -> StepType:
    if isinstance(node, Drive):
        return node.verb
    return "hold" if isinstance(node, Hold) else "rest"


def _forget_step_guards(engine: Engine) -> None:
    guarded = engine.state.guarded
    for guard in [g for g, since in guarded.items() if since.in_step]:
        del guarded[guard]


def _begin_rest(engine: Engine, step: StepState, node: Rest) -> bool:
    if _over_at_once(engine, step, node):
        return False
    engine.apply(Setpoint("rest"))
    return True


def _begin_hold(engine: Engine, step: StepState, node: Hold) -> bool:
    if _over_at_once(engine, step, node):
        return False
    voltage = None if node.voltage is None else node.voltage.evaluate(engine.names)
    if voltage is None:
        engine.stop("fault", f"the voltage to hold in {node.path} is unknown")
        return True
    held = float(voltage)
    if not judge.inside(held, engine.limits):
        engine.stop("limit", f"{node.path} would hold {held:.6g} V, outside the limits")
        return True
    step.set_voltage_V = held
    step.metal = engine.plan.charge_plates
    hold_now(engine, step, held)
    return True


def hold_now(engine: Engine, step: StepState, voltage_V: float) -> None:
    """Command the voltage to be held, with the current that brought the cell there at most."""
    engine.state.phase = "beginning"
    engine.state.open_circuit_V = None
    guard = _step_guard(engine, step)
    current = abs(step.set_current_A) if step.set_current_A else guard.max_current_A
    engine.apply(Setpoint("voltage", current, voltage_V), guard)


def _begin_drive(engine: Engine, step: StepState, node: Drive) -> bool:
    current = None if node.at is None else node.at.evaluate(engine.names)
    step.sign = node.sign
    step.set_voltage_V = target_of(node.until, step.targets, "voltage")
    step.metal = engine.plan.charge_plates or node.verb in ("plate", "strip")
    if _over_at_once(engine, step, node):
        return False
    refusal = _refusal(engine, step, node, current)
    if refusal is not None:
        engine.stop(*refusal)
        return True
    step.set_current_A = node.sign * float(current or 0.0)
    if engine.state.open_circuit_V is None and engine.state.last_sign != -node.sign:
        engine.state.phase = "open_circuit"
        engine.apply(Setpoint("rest"))
        return True
    return drive(engine)


def _refusal(
    engine: Engine, step: StepState, node: Drive, current: Value
) -> tuple[Outcome, str] | None:
    """Why the step's set-points cannot be driven; NaN is refused with the rest."""
    limits = engine.limits
    if current is None or not float(current) > 0:
        what = "unknown" if current is None else f"{float(current):.6g} A"
        return "fault", f"the set-point of {node.path} is {what}"
    if limits.current_A is not None and not float(current) <= limits.current_A:
        text = f"{node.path} would drive {float(current):.6g} A, over the limit"
        return "limit", f"{text} {limits.current_A:.6g} A"
    if step.set_voltage_V is not None and not judge.inside(step.set_voltage_V, limits):
        return "limit", f"{node.path} would drive to {step.set_voltage_V:.6g} V, outside the limits"
    if step.set_voltage_V is None and node.then_hold is not None:
        return "fault", f"the voltage to hold in {node.path} is unknown"
    return None


def _step_guard(engine: Engine, step: StepState) -> Guard:
    """The guard with the step's own bounds; none where the same set-point goes on in a hold."""
    if engine.view(step).goes_over:
        return engine.guard()
    until = engine.view(step).until
    return engine.guard(
        target_of(until, step.targets, "charge"), target_of(until, step.targets, "time")
    )


def _over_at_once(engine: Engine, step: StepState, node: TimedNode) -> bool:
    """Zero is a value like any other: no charge or no time to pass is an end already reached."""
    for end, target in zip(node.until, step.targets, strict=True):
        if target is not None and target <= 0 and end.kind in ("charge", "time"):
            _skip(engine, step, end, f"{end.text} is already reached")
            return True
    return False


def drive(engine: Engine) -> bool:
    """Drive the prepared step, unless the cell at rest is already past its end."""
    state, step = engine.state, engine.state.step
    if step is None or step.set_current_A is None:
        raise RuntimeError("no drive step is prepared")
    until = engine.view(step).until
    if state.open_circuit_V is not None:
        for end, target in zip(until, step.targets, strict=True):
            if end.kind == "voltage" and target is not None:
                if step.sign * (state.open_circuit_V - target) >= 0:
                    seen = f"at rest the cell stands at {state.open_circuit_V:.6g} V"
                    _skip(engine, step, end, f"already past {end.text}: {seen}")
                    return False
        trip = judge.beyond_limit(state.open_circuit_V, step.sign, engine.limits)
        if trip is not None:
            engine.tell("limit", trip)
            engine.stop("limit", str(trip["text"]))
            return True
    state.cycles.begin_step(step.sign, engine.later, engine.ratings.current_ranges)
    state.phase = "beginning"
    state.open_circuit_V = None
    hold = engine.view(step).goes_over
    setpoint = Setpoint("current", step.set_current_A, step.set_voltage_V, hold)
    engine.apply(setpoint, _step_guard(engine, step))
    return True


def started_data(engine: Engine, step: StepState) -> dict[str, object]:
    """What the journal says of a step that begins."""
    node = engine.view(step).node
    scope = engine.state.cycles.scopes[-1]
    return {
        "step_count": step.count,
        "step_id": node.path,
        "step_type": step.type,
        "text": node.text,
        "label": node.label,
        "cycle": engine.state.cycles.number,
        "class": scope.group_class,
        "set_current_A": step.set_current_A,
        "set_voltage_V": step.set_voltage_V,
        "ends": [
            {"text": end.text, "kind": end.kind, "target": shown(end, target)}
            for end, target in zip(node.until, step.targets, strict=True)
        ],
    }


def shown(end: End, target: float | None) -> float | None:
    """A target for people and files: charges in Ah."""
    return target / 3600.0 if end.kind == "charge" and target is not None else target


def _skip(engine: Engine, step: StepState, end: End, reason: str) -> None:
    """A step that was over before it began: nothing was driven."""
    node = engine.view(step).node
    state = engine.state
    state.ended = end.word
    count, kind, voltage_V = step.count, step.type, state.open_circuit_V
    label = node.label
    if label is not None:
        state.lasts[label] = {
            "capacity": 0.0,
            "energy": 0.0,
            "time": 0.0,
            "voltage": voltage_V,
            "current": 0.0,
        }
    if end.kind == "voltage":
        leave_bare(engine, step)
    engine.later(
        "step_ended",
        lambda: {
            "step_count": count,
            "step_id": node.path,
            "step_type": kind,
            "label": label,
            "ended": end.word,
            "reason": reason,
            "driven": False,
            "duration_s": 0.0,
            "capacity_Ah": 0.0,
            "energy_Wh": 0.0,
            "voltage_V": voltage_V,
            "current_A": 0.0,
            "at": {},
            "runners_up": [],
        },
    )
    state.step = None


def leave_bare(engine: Engine, step: StepState) -> None:
    """A strip that ended at its voltage has left the collector bare."""
    plate_sign = engine.plan.plate_sign
    if step.metal and plate_sign is not None and step.sign == -plate_sign:
        engine.state.ledger.strip_bare()
