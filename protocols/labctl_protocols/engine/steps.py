"""What a step that passes time is: its ends, its set-point and guard, and what is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl_drivers.vocabulary import Guard, Setpoint, SweepShape
from labctl_protocols.engine.state import StepState
from labctl_protocols.plan import End, Sweep
from labctl_protocols.staircase import way_left

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


def hold_now(engine: Engine, step: StepState) -> None:
    """Command the step's voltage to be held, once the cell has been looked at where it was off."""
    if engine.state.off:
        engine.state.phase = "open_circuit"
        engine.apply(Setpoint("rest"))
        return
    engine.state.phase = "beginning"
    engine.state.open_circuit_V = None
    engine.apply(setpoint_of(engine, step), step_guard(engine, step))


def setpoint_of(engine: Engine, step: StepState) -> Setpoint:
    """What the instrument is to do in this step, as it stands."""
    if step.type == "rest":
        return Setpoint("rest")
    if step.type in ("hold", "then_hold", "sweep"):
        # with the current that brought the cell there at most
        most = abs(step.set_current_A) if step.set_current_A else guard_now(engine).max_current_A
        node = engine.view(step).node
        if isinstance(node, Sweep) and sweeps_itself(engine):
            return Setpoint("sweep", most, sweep=_way_left(step, node))
        return Setpoint("voltage", most, step.set_voltage_V)
    goes_over = engine.view(step).goes_over
    return Setpoint("current", step.set_current_A or 0.0, step.set_voltage_V, goes_over)


def sweeps_itself(engine: Engine) -> bool:
    """Whether the instrument goes through a staircase of voltages by itself."""
    return "sweep" in engine.ratings.modes


def _way_left(step: StepState, node: Sweep) -> SweepShape:
    start_V, *corners_V = step.corners
    cycles = node.cycles
    if step.elapsed_s:
        travelled = step.elapsed_s * node.rate_V_s
        start_V, *corners_V = way_left(step.corners, travelled)
        cycles = 1
    else:
        corners_V = corners_V[: len(node.corners)]
    return SweepShape(start_V, tuple(corners_V), node.rate_V_s, node.step_V, cycles)


def guard_now(engine: Engine, charge_As: float | None = None, time_s: float | None = None) -> Guard:
    """What the instrument must hold by itself now."""
    limits, ratings = engine.limits, engine.ratings
    return Guard(
        low_V=ratings.low_V if limits.low_V is None else limits.low_V,
        high_V=ratings.high_V if limits.high_V is None else limits.high_V,
        max_current_A=ratings.max_current_A if limits.current_A is None else limits.current_A,
        charge_Ah=None if charge_As is None else charge_As / 3600.0,
        time_s=time_s,
    )


def step_guard(engine: Engine, step: StepState) -> Guard:
    """The guard with what is left of the step's own bounds; none where the same set-point goes on
    in a hold."""
    if engine.view(step).goes_over:
        return guard_now(engine)
    until = engine.view(step).until
    charge_As = target_of(until, step.targets, "charge")
    time_s = target_of(until, step.targets, "time")
    if charge_As is not None:
        charge_As = max(0.0, charge_As - abs(step.account.charge_As))
    if time_s is not None:
        begun = engine.state.phase in ("running", "adjusting")
        time_s -= engine.state.now_s - step.started_s if begun else step.elapsed_s
    return guard_now(engine, charge_As, None if time_s is None else max(0.0, time_s))


def begins(engine: Engine, time_s: float) -> None:
    """The running step's output is there from this time on."""
    step = engine.state.step
    if step is None:
        raise RuntimeError("an output was commanded for no step")
    engine.state.phase = "running"
    step.started_s = time_s - step.elapsed_s
    engine.state.last_row = None
    kind = "step_resumed" if step.begun else "step_started"
    step.begun = True
    engine.tell(kind, started_data(engine, step))


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
        "terminal": engine.state.terminal,
        "cycle": engine.state.cycles.number,
        "class": scope.group_class,
        "set_current_A": step.set_current_A,
        "set_voltage_V": step.set_voltage_V,
        "ends": [
            {"text": end.text, "kind": end.kind, "target": shown(end, target)}
            for end, target in zip(node.until, step.targets, strict=True)
        ],
    }


def forget_step_guards(engine: Engine) -> None:
    """What the running step's comparisons have held for counts no more."""
    guarded = engine.state.guarded
    for guard in [g for g, since in guarded.items() if since.in_step]:
        del guarded[guard]


def shown(end: End, target: float | None) -> float | None:
    """A target for people and files: charges in Ah."""
    return target / 3600.0 if end.kind == "charge" and target is not None else target


def leave_if_bare(engine: Engine, step: StepState, end: End) -> None:
    """A step that is over for its voltage may have left the collector bare."""
    if end.kind == "voltage":
        leave_bare(engine, step)


def skip_step(engine: Engine, step: StepState, word: str, reason: str) -> None:
    """Enter a step that was over before it began: nothing was driven."""
    node = engine.view(step).node
    state = engine.state
    state.ended = word
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
    engine.later(
        "step_ended",
        lambda: {
            "step_count": count,
            "step_id": node.path,
            "step_type": kind,
            "label": label,
            "ended": word,
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
    if step.metal and step.sign == -step.metal:
        engine.state.ledger.strip_bare()
