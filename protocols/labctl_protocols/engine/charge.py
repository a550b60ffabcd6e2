"""Charge that passes: between readings, and in the gap until a new output holds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from labctl_drivers.vocabulary import Reading
from labctl_protocols.engine.ends import Sample
from labctl_protocols.engine.state import Output, StepState

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine


def integrate(engine: Engine, reading: Reading) -> None:
    """Enter what passed since the reading before, and keep this one."""
    state = engine.state
    output = state.output
    last = output.now
    state.now_s = max(state.now_s, reading.time_s)
    since = output.since_s if last is None else last.time_s
    dt = max(0.0, reading.time_s - since)
    before_A = reading.current_A if last is None else last.current_A
    before_V = reading.voltage_V if last is None else last.voltage_V
    charge = 0.5 * (before_A + reading.current_A) * dt
    energy = 0.5 * (before_A * before_V + reading.current_A * reading.voltage_V) * dt
    output.range_A = reading.current_range_A
    step = state.step
    if output.driven and step is not None and state.phase == "running":
        account = step.account
        account.add(charge, energy, dt, reading.current_range_A)
        if last is None:
            half_width = reading.current_A * max(reading.time_error_s, output.since_error_s)
        else:
            # the current may have changed at once, at any moment between the two readings
            between_s = dt + last.time_error_s + reading.time_error_s
            half_width = 0.5 * (reading.current_A - before_A) * between_s
        variance = half_width * half_width / 3.0
        account.variance_As2 += variance
        _count(engine, charge, energy)
        _enter_metal(engine, step, charge, dt, variance)
    if last is not None:
        output.earlier, output.before = output.before, last
    passed = 0.0
    if step is not None:
        passed = (step.sign or 1) * step.account.charge_As
        if not step.sign:
            passed = abs(passed)
    output.now = Sample(
        reading.time_s, reading.voltage_V, reading.current_A, passed, reading.time_error_s
    )
    output.unrecorded = reading
    if reading.ended:
        # however long ago that was, and however late the next set-point comes
        output.driven = False
    _keep_trail(engine, reading)


def output_changed(
    engine: Engine, time_s: float, error_s: float, drives: bool, unseen_As: float = 0.0
) -> None:
    """The old output went on until now: enter the gap, then tell what was waiting for it.

    `unseen_As` is by how much the gap's charge may be another.
    """
    state, last = engine.state, engine.state.output.now
    state.now_s = max(state.now_s, time_s)
    variance = unseen_As * unseen_As / 3.0
    if last is not None:
        gap(engine, time_s, last.voltage_V, last.current_A)
        if state.output.driven and drives:
            # the same wrong moment, once too much and once too little: in a ratio they add up
            error_s *= math.sqrt(2.0)
        variance += (last.current_A * error_s) ** 2 / 3.0
    for account in engine.gap_receivers:
        account.variance_As2 += variance
    if engine.gap_step is not None:
        _enter_metal(engine, engine.gap_step, 0.0, 0.0, variance)
    engine.receive_gap([], None)
    state.awaiting = False
    state.output = Output(time_s, error_s, drives)
    if state.phase == "adjusting":
        # the cell goes on as before: where it is heading is known
        state.output.before = last
    else:
        state.trail, state.trail_s = [], 0.0
    engine.flush()


def leave_in_doubt(engine: Engine) -> None:
    """The run ends: what was asked of the instrument last may have been done, and is some step's.

    Once a reading has shown what became of it, there is no doubt.
    """
    state, step = engine.state, engine.state.step
    if state.awaiting and engine.gap_step is None and step is not None and not step.begun:
        engine.receive_gap([step.account], step)
    if not state.awaiting and state.output.now is not None:
        engine.asked_A = 0.0


def unseen_As(engine: Engine, time_s: float) -> float:
    """What may not have passed, or passed the other way, since the cell was last seen.

    The output may have gone off at any moment, and what was asked of it last may have been done.
    """
    output = engine.state.output
    last = output.now
    flowing_A = abs(last.current_A) if last is not None and output.driven else 0.0
    since_s = output.since_s if last is None else last.time_s
    return (flowing_A + engine.asked_A) * max(0.0, time_s - since_s)


def gap(engine: Engine, time_s: float, voltage_V: float, current_A: float) -> None:
    """Enter what passed on the old output while a command is under way."""
    output, last = engine.state.output, engine.state.output.now
    if not output.driven or last is None:
        return
    dt = max(0.0, time_s - last.time_s)
    charge = 0.5 * (last.current_A + current_A) * dt
    energy = 0.5 * (last.current_A * last.voltage_V + current_A * voltage_V) * dt
    _count(engine, charge, energy)
    if engine.gap_step is not None:
        _enter_metal(engine, engine.gap_step, charge, dt, 0.0)
    for account in engine.gap_receivers:
        account.add(charge, energy, dt, output.range_A)
    output.now = Sample(max(time_s, last.time_s), voltage_V, current_A, last.charge_As)


def _count(engine: Engine, charge_As: float, energy_J: float) -> None:
    totals = engine.state.totals
    if charge_As >= 0:
        totals.charging_As += charge_As
        totals.charging_J += energy_J
    else:
        totals.discharging_As -= charge_As
        totals.discharging_J -= energy_J


def _enter_metal(
    engine: Engine, step: StepState, charge_As: float, dt_s: float, variance_As2: float
) -> None:
    ledger, range_A = engine.state.ledger, engine.state.output.range_A
    if step.metal:
        ledger.plate(step.metal * charge_As, dt_s, range_A, variance_As2)
    if step.supply:
        ledger.supply(step.supply * charge_As, dt_s, range_A, variance_As2)


def _keep_trail(engine: Engine, reading: Reading) -> None:
    state = engine.state
    if not state.trail_s:
        return
    trail = state.trail
    trail.append((reading.time_s, reading.voltage_V))
    oldest = reading.time_s - state.trail_s
    while len(trail) > 2 and trail[1][0] <= oldest:
        del trail[0]
