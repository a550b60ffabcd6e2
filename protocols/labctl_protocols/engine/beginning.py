"""How steps that pass time begin, or turn out to be over before they began."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl_drivers.vocabulary import Setpoint
from labctl_protocols.engine import auxiliary, driving, judge
from labctl_protocols.engine.ends import freeze_targets
from labctl_protocols.engine.state import StepState, StepType
from labctl_protocols.engine.steps import (
    forget_step_guards,
    hold_now,
    leave_if_bare,
    skip_step,
)
from labctl_protocols.plan import (
    MAIN,
    Drive,
    Hold,
    Impedance,
    Plan,
    Rest,
    Sweep,
    TimedNode,
)
from labctl_protocols.staircase import way_of

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine


def begin(engine: Engine, node: TimedNode) -> bool:
    """Begin a step; False when it was over before it began and nothing was commanded."""
    state = engine.state
    if node.terminal != state.terminal and not state.off:
        state.pending = node.id
        engine.open_terminal(switching=True)
        return True
    state.terminal = node.terminal
    if not auxiliary.may_begin(engine, node):
        return True
    targets = freeze_targets(node.until, engine.names)
    if not _some_end_is_known(engine, node, targets):
        return True
    state.phase = "beginning"
    state.step_count += 1
    step = StepState(node.id, _type_of(node), state.step_count, 0, targets)
    step.metal, step.supply = metal_signs(engine.plan, node)
    state.step = step
    forget_step_guards(engine)
    if _over_at_once(engine, step, node):
        return False
    match node:
        case Rest():
            engine.apply(Setpoint("rest"))
            return True
        case Hold():
            return _begin_hold(engine, step, node)
        case Sweep():
            return _begin_sweep(engine, step, node)
        case Impedance():
            # about the voltage at rest, which has to be seen first
            engine.state.phase = "open_circuit"
            engine.apply(Setpoint("rest"))
            return True
        case Drive():
            return driving.begin_drive(engine, step, node)


def _some_end_is_known(engine: Engine, node: TimedNode, targets: list[float | None]) -> bool:
    for end, target in zip(node.until, targets, strict=True):
        if target is None and end.kind != "condition":
            engine.tell("note", {"text": f"{end.text} is unknown and cannot end {node.path}"})
    bare = [t for end, t in zip(node.until, targets, strict=True) if end.kind != "condition"]
    if bare and all(target is None for target in bare):
        # the checker was promised an end that is always reached
        engine.stop("fault", f"no end of {node.path} has a known value: it might never end")
        return False
    return True


def metal_signs(plan: Plan, node: TimedNode) -> tuple[int, int]:
    """The current's signs that plate the collector and that bring metal from another electrode.

    0 where the step's charge does not count so: in half cells only plate and strip count.
    """
    if isinstance(node, Rest | Impedance):
        return 0, 0
    if node.terminal == MAIN:
        named = isinstance(node, Drive) and node.verb in ("plate", "strip")
        return (plan.plate_sign or 0) if plan.charge_plates or named else 0, 0
    positive, negative = plan.terminals[node.terminal]
    main = plan.terminals.get(MAIN, ())
    metal = {positive: -1, negative: 1}.get("collector", 0)
    # a positive current leaves through the negative electrode: metal goes into it
    return metal, 1 if positive not in main else -1 if negative not in main else 0


def _type_of(node: TimedNode) -> StepType:
    match node:
        case Drive():
            return node.verb
        case Hold():
            return "hold"
        case Rest():
            return "rest"
        case Sweep():
            return "sweep"
        case Impedance():
            return "impedance"


def _begin_hold(engine: Engine, step: StepState, node: Hold) -> bool:
    voltage = None if node.voltage is None else node.voltage.evaluate(engine.names)
    if voltage is None:
        engine.stop("fault", f"the voltage to hold in {node.path} is unknown")
        return True
    held = float(voltage)
    if not judge.inside(held, engine.limits):
        engine.stop("limit", f"{node.path} would hold {held:.6g} V, outside the limits")
        return True
    step.set_voltage_V = held
    hold_now(engine, step)
    return True


def _begin_sweep(engine: Engine, step: StepState, node: Sweep) -> bool:
    values = [corner.evaluate(engine.names) for corner in (node.start, *node.corners)]
    voltages = [float(value) for value in values if value is not None]
    if len(voltages) != len(values):
        engine.stop("fault", f"a voltage of {node.path} is unknown")
        return True
    if not all(judge.inside(voltage, engine.limits) for voltage in voltages):
        shown = ", ".join(f"{voltage:.6g}" for voltage in voltages)
        engine.stop("limit", f"{node.path} would go to {shown} V, outside the limits")
        return True
    step.corners = way_of(voltages[0], voltages[1:], node.cycles)
    step.set_voltage_V = voltages[0]
    hold_now(engine, step)
    return True


def _over_at_once(engine: Engine, step: StepState, node: TimedNode) -> bool:
    """Zero is a value like any other: no charge or no time to pass is an end already reached."""
    for end, target in zip(node.until, step.targets, strict=True):
        if target is not None and target <= 0 and end.kind in ("charge", "time"):
            leave_if_bare(engine, step, end)
            skip_step(engine, step, end.word, f"{end.text} is already reached")
            return True
    return False
