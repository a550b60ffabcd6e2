"""Set-points that move while a step runs: constant power, constant resistance, voltage sweeps.

The instrument holds a current or a voltage; between two readings it goes on holding the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl_drivers.vocabulary import Reading, Setpoint
from labctl_protocols.engine.state import StepState
from labctl_protocols.engine.steps import guard_now, setpoint_of, sweeps_itself
from labctl_protocols.plan import Control, Drive, Sweep
from labctl_protocols.staircase import voltage_at

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine

DEADBAND = 2e-3
"""Power and resistance are held this well: by less, the current is not set anew."""


def current_for(control: Control, value: float, voltage_V: float) -> float | None:
    """|I| (A) that makes this power (W) or resistance (ohm) at this voltage; None where none does.

    A current is itself. Neither power nor resistance means anything at or below 0 V.
    """
    if control == "current":
        return value
    if voltage_V <= 0.0:
        return None
    return value / voltage_V if control == "power" else voltage_V / value


def next_setpoint(engine: Engine, step: StepState, reading: Reading) -> Setpoint | None:
    """The set-point that the running step needs from now on; None while the present one serves.

    Ends the run where there is none within the limits.
    """
    node = engine.view(step).node
    moved: Setpoint | None = None
    if isinstance(node, Sweep) and not sweeps_itself(engine):
        moved = _next_stair(engine, step, node, reading.time_s)
    elif isinstance(node, Drive) and node.control != "current" and step.set_current_A:
        moved = _next_current(engine, step, node, reading)
    if moved is None and step.stale and engine.state.phase == "running":
        moved = setpoint_of(engine, step)
    return moved


def _next_current(
    engine: Engine, step: StepState, node: Drive, reading: Reading
) -> Setpoint | None:
    if reading.regulating == "voltage":
        return None
    magnitude = current_for(node.control, step.control_value, reading.voltage_V)
    most = engine.limits.current_A
    if magnitude is None or (most is not None and magnitude > most):
        wanted = "no current" if magnitude is None else f"{magnitude:.6g} A, over the limit"
        text = f"{node.path}: at {reading.voltage_V:.6g} V its {node.control} needs {wanted}"
        engine.stop("limit", text)
        return None
    if abs(magnitude - abs(step.set_current_A or 0.0)) <= DEADBAND * magnitude:
        return None
    step.set_current_A = step.sign * magnitude
    return Setpoint("current", step.set_current_A, step.set_voltage_V, engine.view(step).goes_over)


def _next_stair(engine: Engine, step: StepState, node: Sweep, time_s: float) -> Setpoint | None:
    voltage = voltage_at(step.corners, travelled_V(step, node, time_s))
    if voltage == step.set_voltage_V:
        return None
    step.set_voltage_V = voltage
    return Setpoint("voltage", guard_now(engine).max_current_A, voltage)


def travelled_V(step: StepState, node: Sweep, time_s: float) -> float:
    """How far along its corners the staircase is at this time, V, in whole steps."""
    stairs = (time_s - step.started_s) * node.rate_V_s / node.step_V
    # a reading that is due at a stair's edge comes a rounding error before or after it
    return float(int(stairs + 1e-6)) * node.step_V


def next_stair_s(step: StepState, node: Sweep, time_s: float) -> float:
    """When the staircase moves on."""
    stair_s = node.step_V / node.rate_V_s
    stairs = int((time_s - step.started_s) / stair_s + 1e-6) + 1
    return step.started_s + stairs * stair_s
