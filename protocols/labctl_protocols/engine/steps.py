"""Steps that pass time: how they begin, go over, end, and are broken off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl_drivers.vocabulary import Guard, Reading, Setpoint
from labctl_protocols.decisions import Outcome
from labctl_protocols.engine import judge
from labctl_protocols.engine.account import ce_uncertainty, coulombic_efficiency
from labctl_protocols.engine.cycles import Half, Scope, half_data
from labctl_protocols.engine.ends import Progress, Sample, freeze_targets, interpolate
from labctl_protocols.engine.judge import Over
from labctl_protocols.engine.state import StepState, StepType
from labctl_protocols.plan import Drive, End, Hold, Limits, Node, Record, Rest, Value

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine

TimedNode = Drive | Hold | Rest


# ---- the plan's side of the running step ------------------------------------------------------


def node_of(engine: Engine, step: StepState) -> TimedNode:
    """The plan's node of this step; the `then hold` part of a drive is the Hold in it."""
    node = engine.nodes[step.node]
    if step.type == "then_hold" and isinstance(node, Drive) and node.then_hold is not None:
        return node.then_hold
    if isinstance(node, Drive | Hold | Rest):
        return node
    raise TypeError(f"node {step.node} passes no time")


def until_of(engine: Engine, step: StepState) -> tuple[End, ...]:
    """The ends of the running step."""
    return node_of(engine, step).until


def limits_of(engine: Engine, step: StepState) -> Limits | None:
    """The step's own limits, where it has any."""
    own = node_of(engine, step).limits
    return own or getattr(engine.nodes[step.node], "limits", None)


def record_of(engine: Engine, step: StepState) -> Record | None:
    """The step's own recording rule, where it has one."""
    own = node_of(engine, step).record
    return own or getattr(engine.nodes[step.node], "record", None)


def goes_over_to_hold(engine: Engine, step: StepState) -> bool:
    """Whether the instrument holds the voltage by itself once this part has reached it."""
    node = engine.nodes[step.node]
    return isinstance(node, Drive) and node.then_hold is not None and step.type != "then_hold"


def target_of(until: tuple[End, ...], targets: list[float | None], kind: str) -> float | None:
    """The frozen bare target of this kind, if the step has one that is known."""
    for end, target in zip(until, targets, strict=True):
        if end.kind == kind and target is not None:
            return target
    return None


# ---- beginning --------------------------------------------------------------------------------


def begin(engine: Engine, node: TimedNode) -> bool:
    """Begin a step; False when it was over before it began and nothing was commanded."""
    targets = freeze_targets(node.until, engine.names)
    for end, target in zip(node.until, targets, strict=True):
        if target is None and end.kind != "condition":
            engine.tell("note", {"text": f"{end.text} is unknown and cannot end {node.path}"})
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
    _hold_now(engine, step, held)
    return True


def _hold_now(engine: Engine, step: StepState, voltage_V: float) -> None:
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
    if goes_over_to_hold(engine, step):
        return engine.guard()
    until = until_of(engine, step)
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
    until = until_of(engine, step)
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
    hold = goes_over_to_hold(engine, step)
    setpoint = Setpoint("current", step.set_current_A, step.set_voltage_V, hold)
    engine.apply(setpoint, _step_guard(engine, step))
    return True


def started_data(engine: Engine, step: StepState) -> dict[str, object]:
    """What the journal says of a step that begins."""
    node = node_of(engine, step)
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
            {"text": end.text, "kind": end.kind, "target": _shown(end, target)}
            for end, target in zip(node.until, step.targets, strict=True)
        ],
    }


def _shown(end: End, target: float | None) -> float | None:
    """A target for people and files: charges in Ah."""
    return target / 3600.0 if end.kind == "charge" and target is not None else target


# ---- ending -----------------------------------------------------------------------------------


def end(engine: Engine, over: Over, progress: Progress) -> None:
    """The running step is over: confirm it, go over to the hold, or close it and walk on."""
    from labctl_protocols.engine.walking import walk_on

    state, step = engine.state, engine.state.step
    if step is None:
        raise RuntimeError("no step is running")
    if over.confirm:
        state.phase = "confirming"
        _close(engine, over, progress)
        engine.apply(Setpoint("rest"))
        return
    if over.crossing is None and step.set_voltage_V is None:
        engine.stop("limit", over.reason)
        return
    _close(engine, over, progress)
    at_target = over.crossing is not None and over.crossing.end.kind == "voltage"
    if at_target and goes_over_to_hold(engine, step):
        _go_over(engine, step, progress.now)
        return
    walk_on(engine)


def ended_by(over: Over) -> str:
    """The word of what ended the step."""
    return "voltage" if over.crossing is None else over.crossing.end.word


def confirmed(engine: Engine, reading: Reading) -> None:
    """After a voltage end with hardly any current: a cell at rest, or a contact that was lost?"""
    from labctl_protocols.engine.walking import walk_on

    state = engine.state
    step = state.step
    if step is None:
        raise RuntimeError("no step is being confirmed")
    if judge.contact_lost(reading):
        contact_loss(engine, "the current broke down, and at rest there is no cell to be seen")
        return
    engine.tell("note", {"text": "voltage end confirmed at rest", "voltage_V": reading.voltage_V})
    _leave_bare(engine, step)
    held = _hold_part(engine, step)
    if held is not None and held.set_voltage_V is not None:
        state.step = held
        _hold_now(engine, held, held.set_voltage_V)
        return
    state.step = None
    walk_on(engine)


def contact_loss(engine: Engine, seen: str) -> None:
    """Nothing is connected any more: end the run."""
    text = f"contact lost: {seen}"
    engine.tell("detector", {"name": "contact_loss", "text": text})
    engine.stop("detector", text)


def _go_over(engine: Engine, step: StepState, now: Sample) -> None:
    """The instrument holds the voltage already: command nothing, start the hold's own time."""
    engine.flush()
    engine.receive_gap([], metal=False)
    held = _hold_part(engine, step)
    if held is None:
        raise RuntimeError("a step without a hold cannot go over to it")
    held.started_s = now.time_s
    state = engine.state
    state.step = held
    state.phase = "running"
    state.last_row = None
    state.output.now = Sample(now.time_s, now.voltage_V, now.current_A, 0.0)
    engine.tell("step_started", started_data(engine, held))


def _hold_part(engine: Engine, step: StepState) -> StepState | None:
    node = engine.nodes[step.node]
    if not isinstance(node, Drive) or node.then_hold is None or step.type == "then_hold":
        return None
    engine.state.step_count += 1
    targets = freeze_targets(node.then_hold.until, engine.names)
    return StepState(
        step.node,
        "then_hold",
        engine.state.step_count,
        step.sign,
        targets,
        metal=step.metal,
        set_current_A=step.set_current_A,
        set_voltage_V=step.set_voltage_V,
    )


def _close(engine: Engine, over: Over, progress: Progress) -> None:
    """Enter the ended step in cycles and ledger; its event waits for the last gap's charge."""
    state, step = engine.state, engine.state.step
    if step is None:
        raise RuntimeError("no step is running")
    node = node_of(engine, step)
    word = ended_by(over)
    state.ended = word
    at_voltage = word == "voltage" or step.type == "then_hold"
    _enter(engine, step, None if step.type == "hold" else at_voltage, whole=True)
    if at_voltage and state.phase != "confirming":
        _leave_bare(engine, step)
    fraction = 1.0 if over.crossing is None else over.crossing.fraction
    at = interpolate(progress.before, progress.now, fraction)
    now = progress.now
    _keep_last(engine, step, node, now)
    runners_up = _runners_up(node, step, over, now)
    count, label, kind, path = step.count, node.label, step.type, node.path
    account, started_s = step.account, step.started_s

    def data() -> dict[str, object]:
        return {
            "step_count": count,
            "step_id": path,
            "step_type": kind,
            "label": label,
            "ended": word,
            "reason": over.reason,
            "driven": True,
            "duration_s": state.now_s - started_s,
            "capacity_Ah": abs(account.charge_As) / 3600.0,
            "energy_Wh": abs(account.energy_J) / 3600.0,
            "voltage_V": now.voltage_V,
            "current_A": now.current_A,
            "at": {
                "voltage_V": at.voltage_V,
                "current_A": at.current_A,
                "time_s": at.time_s - started_s,
                "capacity_Ah": at.charge_As / 3600.0,
            },
            "runners_up": runners_up,
        }

    engine.later("step_ended", data)
    state.passed_s += now.time_s - started_s
    if state.phase != "confirming":
        state.step = None


def _enter(engine: Engine, step: StepState, at_voltage: bool | None, whole: bool) -> None:
    state = engine.state
    if step.type == "rest":
        engine.receive_gap([], metal=False)
        return
    sign = step.sign or (1 if step.account.charge_As >= 0 else -1)
    if not step.sign:
        state.cycles.begin_step(sign, engine.later, engine.ratings.current_ranges)
    state.last_sign = sign
    kind = _half_kind(engine, step, sign)
    receivers = state.cycles.enter_step(step.account, sign, kind, at_voltage, whole)
    engine.receive_gap([step.account, *receivers], metal=step.metal)


def _leave_bare(engine: Engine, step: StepState) -> None:
    """A strip that ended at its voltage has left the collector bare."""
    plate_sign = engine.plan.plate_sign
    if step.metal and plate_sign is not None and step.sign == -plate_sign:
        engine.state.ledger.strip_bare()


def _half_kind(engine: Engine, step: StepState, sign: int) -> str:
    node = engine.nodes[step.node]
    if isinstance(node, Drive):
        return node.verb
    return "charge" if sign > 0 else "discharge"


def _keep_last(engine: Engine, step: StepState, node: Node, now: Sample) -> None:
    label = node.label or engine.nodes[step.node].label
    if label is None:
        return
    passed = {
        "capacity": abs(step.account.charge_As),
        "energy": abs(step.account.energy_J),
        "time": now.time_s - step.started_s,
    }
    if step.type == "then_hold" and node.label is None:
        # to the user the label names both parts of `… then hold …`
        first = engine.state.lasts.get(label, {})
        passed = {name: value + (first.get(name) or 0.0) for name, value in passed.items()}
    engine.state.lasts[label] = {
        **passed,
        "voltage": now.voltage_V,
        "current": now.current_A,
    }


def _runners_up(
    node: TimedNode, step: StepState, over: Over, now: Sample
) -> list[dict[str, object]]:
    fired = None if over.crossing is None else over.crossing.index
    values = {
        "voltage": now.voltage_V,
        "current": abs(now.current_A),
        "charge": now.charge_As / 3600.0,
        "time": now.time_s - step.started_s,
    }
    return [
        {"text": end.text, "value": values.get(end.kind), "target": _shown(end, target)}
        for index, (end, target) in enumerate(zip(node.until, step.targets, strict=True))
        if index != fired
    ]


def _skip(engine: Engine, step: StepState, end: End, reason: str) -> None:
    """A step that was over before it began: nothing was driven."""
    node = node_of(engine, step)
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
        _leave_bare(engine, step)
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


def abandon(engine: Engine) -> None:
    """The run ends here: close the running step and all groups as they stand."""
    state = engine.state
    step = state.step
    if step is not None and state.phase == "running":
        _interrupt(engine, step)
    elif step is not None and state.phase == "confirming":
        state.cycles.spoil()
    state.step = None
    while state.cycles.scopes:
        close_scope(engine, whole=False)
    state.frames = []


def _interrupt(engine: Engine, step: StepState) -> None:
    """Enter a step that was broken off: its charge counts, its figures do not."""
    state = engine.state
    now, node = state.output.now, node_of(engine, step)
    _enter(engine, step, at_voltage=False, whole=False)
    runners_up = [] if now is None else _runners_up(node, step, Over(None, ""), now)
    engine.later(
        "step_ended",
        lambda: {
            "step_count": step.count,
            "step_id": node.path,
            "step_type": step.type,
            "label": node.label,
            "ended": "interrupted",
            "reason": "the run was ended",
            "driven": True,
            "duration_s": state.now_s - step.started_s,
            "capacity_Ah": abs(step.account.charge_As) / 3600.0,
            "energy_Wh": abs(step.account.energy_J) / 3600.0,
            "voltage_V": None if now is None else now.voltage_V,
            "current_A": None if now is None else now.current_A,
            "at": {},
            "runners_up": runners_up,
        },
    )


def close_scope(engine: Engine, whole: bool = True) -> None:
    """Close the innermost group (or the run's own scope) and tell its figures."""
    accuracy = engine.ratings.current_ranges
    cycles = engine.state.cycles
    cycles.scopes[-1].whole = cycles.scopes[-1].whole and whole
    scope = cycles.close_group(engine.later, accuracy)
    if scope.label is None:
        return
    engine.state.lasts[scope.label] = {
        "ce": _ce_of(scope.first, scope.second),
        "capacity": None if scope.second is None else abs(scope.second.account.charge_As),
    }
    engine.later("group_left", lambda: group_data(engine, scope))


def _ce_of(first: Half | None, second: Half | None) -> float | None:
    if first is None or second is None:
        return None
    return coulombic_efficiency(first.account, second.account)


def group_data(engine: Engine, scope: Scope) -> dict[str, object]:
    """A group's figures: Σ second / Σ first over all that passed in it."""
    first, second = scope.first, scope.second
    both = first is not None and second is not None
    return {
        "label": scope.label,
        "class": scope.group_class,
        "path": scope.path,
        "pair": scope.pair,
        "complete": scope.whole and both,
        "first": None if first is None else half_data(first),
        "second": None if second is None else half_data(second),
        "ce": _ce_of(first, second),
        "u_ce": (
            None
            if first is None or second is None
            else ce_uncertainty(first.account, second.account, engine.ratings.current_ranges)
        ),
    }
