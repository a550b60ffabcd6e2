"""Impedance spectra: measured by the instrument about the cell at rest, heard point by point."""

from __future__ import annotations

from math import hypot, isfinite
from typing import TYPE_CHECKING

from labctl_drivers.vocabulary import Excitation, ImpedancePoint
from labctl_protocols.engine import charge, ending, judge, steps
from labctl_protocols.engine.ends import Progress, Sample
from labctl_protocols.engine.judge import Over
from labctl_protocols.engine.state import StepState
from labctl_protocols.plan import Impedance

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine

MEASURED = Over(None, "the spectrum is measured", word="measured")


def begin(engine: Engine, step: StepState, node: Impedance) -> None:
    """Have the spectrum measured about the open-circuit voltage, which has just been seen."""
    state = engine.state
    rest_V, limits = state.open_circuit_V, engine.limits
    if rest_V is None:
        raise RuntimeError("a spectrum is to be measured about a voltage that nobody has seen")
    most_A = limits.current_A
    if node.amplitude_A is not None and most_A is not None and node.amplitude_A > most_A:
        text = f"{node.path} would drive {node.amplitude_A:.6g} A, over the limit {most_A:.6g} A"
        engine.stop("limit", text)
        return
    swing_V = node.amplitude_V or 0.0
    if not all(judge.inside(rest_V + side * swing_V, limits) for side in (1, -1)):
        text = f"{node.path} would go {swing_V:.6g} V about {rest_V:.6g} V, outside the limits"
        engine.stop("limit", text)
        return
    state.phase = "measuring"
    step.started_s, step.begun = state.now_s, True
    engine.tell("step_started", steps.started_data(engine, step))
    engine.tell("output", {"on": True, "read_back": engine.ratings.readback})
    state.off = False
    engine.measure(
        Excitation(
            from_Hz=node.from_Hz,
            to_Hz=node.to_Hz,
            points_per_decade=node.points_per_decade,
            amplitude_V=node.amplitude_V,
            amplitude_A=node.amplitude_A,
            about_V=rest_V if node.amplitude_V is not None else None,
        )
    )


def on_point(engine: Engine, point: ImpedancePoint) -> None:
    """Tell one point of the spectrum."""
    state, step = engine.state, engine.state.step
    if state.phase != "measuring" or step is None:
        return
    state.now_s = max(state.now_s, point.time_s)
    values = (point.frequency_Hz, point.real_ohm, point.imaginary_ohm)
    if not all(isfinite(value) for value in values):
        engine.stop("fault", f"a point of the spectrum is no number: {values}")
        return
    node = engine.view(step).node
    engine.tell(
        "impedance",
        {
            "step_count": step.count,
            "step_id": node.path,
            "frequency_Hz": point.frequency_Hz,
            "real_ohm": point.real_ohm,
            "imaginary_ohm": point.imaginary_ohm,
        },
    )
    if isinstance(node, Impedance):
        _check_swing(engine, node, hypot(point.real_ohm, point.imaginary_ohm))


def _check_swing(engine: Engine, node: Impedance, ohm: float) -> None:
    """What an amplitude comes to in the other quantity shows only now: it has limits, too."""
    limits, rest_V = engine.limits, engine.state.open_circuit_V or 0.0
    text = ""
    if node.amplitude_A is not None:
        swing_V = node.amplitude_A * ohm
        if not all(judge.inside(rest_V + side * swing_V, limits) for side in (1, -1)):
            text = f"{node.path} goes {swing_V:.6g} V about {rest_V:.6g} V, outside the limits"
    elif node.amplitude_V is not None and limits.current_A is not None:
        if node.amplitude_V > limits.current_A * ohm:
            amplitude = f"{node.amplitude_V:.6g} V at {ohm:.6g} ohm"
            text = f"{node.path} drives more than the limit {limits.current_A:.6g} A: {amplitude}"
    if text:
        engine.stop("limit", text)


def end(engine: Engine, time_s: float) -> None:
    """The spectrum is whole, and the output off again."""
    state, step = engine.state, engine.state.step
    if state.phase != "measuring" or step is None:
        return
    state.now_s = max(state.now_s, time_s)
    # what flows there and back again is no charge
    now = Sample(state.now_s, state.open_circuit_V or 0.0, 0.0, 0.0)
    state.output.now = now
    ending.close_step(engine, MEASURED, Progress(0, step.started_s, [], None, now))
    state.off = True
    charge.output_changed(engine, state.now_s, 0.0, drives=False)
    engine.tell("output", {"on": False, "read_back": True})
    state.open_circuit_V, state.last_sign = None, 0
