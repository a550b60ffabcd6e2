"""What a step that has begun is by an amended plan: its frozen targets and set-point, anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labctl_protocols.amendment import AmendmentRefused
from labctl_protocols.engine import judge
from labctl_protocols.engine.names import RunNames
from labctl_protocols.engine.state import StepState
from labctl_protocols.engine.steps import target_of
from labctl_protocols.engine.view import View
from labctl_protocols.engine.walk import Frame
from labctl_protocols.plan import (
    Drive,
    Expression,
    For,
    Hold,
    Names,
    Node,
    Repeat,
    Sweep,
    Value,
)

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine

OF_SWEEP = ("start", "corners", "rate_V_s", "step_V", "cycles")


class DependsOnRun(Exception):
    """A value that was frozen when the step began, and cannot be had again as it was then."""


@dataclass(slots=True)
class Restated:
    """A step's targets and set-point by the amended plan. `later`: which of its changed fields
    (True: of the hold in it) hold from its next execution on."""

    targets: list[float | None]
    control_value: float
    set_current_A: float | None
    set_voltage_V: float | None
    later: set[tuple[str, bool]] = field(default_factory=set)

    def take(self, step: StepState) -> None:
        """Let the step be so."""
        step.targets = self.targets
        step.control_value = self.control_value
        step.set_current_A = self.set_current_A
        step.set_voltage_V = self.set_voltage_V


def restated(
    engine: Engine, step: StepState, view: View, nodes: Mapping[int, Node], names: RunNames
) -> Restated:
    """The step by the amended plan, of which `view` and `nodes` are.

    Raises AmendmentRefused for what the step could not be while it runs.
    """
    new = Restated(step.targets, step.control_value, step.set_current_A, step.set_voltage_V)
    old = engine.view(step)
    if "confirming" in (engine.state.phase, engine.state.paused):
        # it is over but for a look at the cell
        new.later = {(name, False) for name in ("until", "at", "voltage", *OF_SWEEP)}
    else:
        frozen = Frozen(names, engine.state.frames, nodes)
        _set_targets(new, step, old, view, frozen)
        _set_point(new, step, old, view, frozen)
    if step.type == "then_hold":
        new.later |= {("until", False), ("at", False)}
    _refuse_outside(new, step, view)
    return new


def _set_targets(new: Restated, step: StepState, old: View, view: View, names: Names) -> None:
    held = step.type == "then_hold"
    targets: list[float | None] = []
    for index, end in enumerate(view.until):
        if end in old.until:
            targets.append(step.targets[old.until.index(end)])
        elif end.kind == "condition":
            targets.append(None)
        else:
            try:
                value = end.expression.evaluate(names)
            except DependsOnRun:
                if index >= len(old.until) or old.until[index].kind != end.kind:
                    raise _refused(
                        view, f"{end.text} was to be known when the step began"
                    ) from None
                targets.append(step.targets[index])
                new.later.add(("until", held))
            else:
                targets.append(None if value is None else float(value))
    bare = [t for end, t in zip(view.until, targets, strict=True) if end.kind != "condition"]
    if bare and all(target is None for target in bare):
        raise _refused(view, "no end of it would have a known value")
    new.targets = targets


def _set_point(new: Restated, step: StepState, old: View, view: View, names: Names) -> None:
    before, node = old.node, view.node
    if isinstance(node, Drive) and isinstance(before, Drive):
        new.set_voltage_V = target_of(view.until, new.targets, "voltage")
        if new.set_voltage_V is None and view.goes_over:
            raise _refused(view, "the voltage to hold would be unknown")
        value = _changed(new, "at", before.at, node.at, names)
        if value is not None:
            if not value > 0:
                raise _refused(view, f"its set-point would be {value:.6g}")
            new.control_value = value
            if node.control == "current" and step.set_current_A is not None:
                new.set_current_A = step.sign * value
    elif isinstance(node, Hold) and isinstance(before, Hold) and step.type == "hold":
        voltage = _changed(new, "voltage", before.voltage, node.voltage, names)
        new.set_voltage_V = new.set_voltage_V if voltage is None else voltage
    elif isinstance(node, Sweep) and isinstance(before, Sweep):
        if any(getattr(before, name) != getattr(node, name) for name in OF_SWEEP):
            raise _refused(view, "a sweep that has begun cannot change")


def _changed(
    new: Restated, name: str, old: Expression | None, now: Expression | None, names: Names
) -> float | None:
    """The value of an expression that has changed; None where it has not, or holds later."""
    if old == now or now is None:
        return None
    try:
        value = now.evaluate(names)
    except DependsOnRun:
        value = None
    if value is None:
        new.later.add((name, False))
        return None
    return float(value)


def _refuse_outside(new: Restated, step: StepState, view: View) -> None:
    limits = view.limits
    voltages = [*step.corners] if new.set_voltage_V is None else [new.set_voltage_V, *step.corners]
    for voltage in voltages:
        if not judge.inside(voltage, limits):
            raise _refused(view, f"it would go to {voltage:.6g} V, outside the limits")
    set_A = abs(new.set_current_A or 0.0)
    if isinstance(view.node, Drive) and view.node.control == "current":
        set_A = max(set_A, new.control_value)
    if limits.current_A is not None and set_A > limits.current_A:
        over = f"{set_A:.6g} A, over the limit {limits.current_A:.6g} A"
        raise _refused(view, f"it would drive {over}")


def _refused(view: View, text: str) -> AmendmentRefused:
    return AmendmentRefused(f"{view.node.where}: {view.node.path} is running: {text}")


class Frozen:
    """Names that are what they were when the running step began: those of loops, the figures of
    earlier steps, the cell's own. All others raise DependsOnRun."""

    def __init__(self, names: RunNames, frames: Sequence[Frame], nodes: Mapping[int, Node]) -> None:
        self._names = names
        self._fixed = {"nominal"}
        for frame in frames:
            node = nodes.get(frame.node)
            if isinstance(node, Repeat) and node.counter is not None:
                self._fixed.add(node.counter)
            elif isinstance(node, For):
                self._fixed.add(f"${node.name}")

    def live(self, name: str) -> Value:
        """A name of a loop."""
        if name not in self._fixed:
            raise DependsOnRun(name)
        return self._names.live(name)

    def ended(self) -> str | None:
        """What ended the step before."""
        return self._names.ended()

    def last(self, label: str, figure: str) -> Value:
        """A figure of an earlier step."""
        return self._names.last(label, figure)

    def slope(self, name: str, window_s: float) -> Value:
        """Depends on the run."""
        raise DependsOnRun(f"d{name}/dt")

    def doubtful(self) -> Sequence[Names]:
        """What is fixed is not in doubt."""
        return (self, self)

    def held(self, guard: int, now: Value, seconds: float | None, cycles: float | None) -> Value:
        """Depends on the run."""
        raise DependsOnRun("for")
