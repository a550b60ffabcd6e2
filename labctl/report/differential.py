"""dQ/dV of charge and discharge, by cycle."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from labctl.figures.dqdv import DifferentialCapacity, differential_capacity
from labctl.figures.run_halves import Half
from labctl.report import canvas
from labctl.report.colours import cycle_bar, cycle_colours, cycle_scale
from labctl.report.decimate import spread
from labctl.report.picture import Missing, Picture
from labctl.report.record import Record

NAME, TITLE = "dqdv", "Differential capacity"
KINDS = ("anode-free", "full", "cathode-half")
MOST = 6


def differential(record: Record) -> Picture | Missing:
    """Charge upwards, discharge downwards; constant-voltage parts are left out."""
    if record.kind not in KINDS:
        return Missing(NAME, TITLE, "the voltage of plating and stripping is one plateau")
    whole = [half for half in record.halves if half.standing == "complete"]
    numbers = sorted({half.cycle for half in whole})
    wanted = {numbers[i] for i in spread(len(numbers), MOST)}
    curves = [
        (half, curve)
        for half in whole
        if half.cycle in wanted and (curve := _curve(record, half)) is not None
    ]
    if not curves:
        return Missing(NAME, TITLE, "no cycle is complete")

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        divisor, unit = canvas.per_area(record.area_cm2)
        scale = cycle_scale(numbers)
        for half, curve in curves:
            per_V = half.sign * 1e3 * np.array(curve.dq_dv_Ah_per_V) / divisor
            # outside the grid no charge passed: the curve comes down to zero
            ends = np.array([curve.voltage_V[0], curve.voltage_V[-1]])
            voltage = np.concatenate([ends[:1], curve.voltage_V, ends[1:]])
            per_V = np.concatenate([[0.0], per_V, [0.0]])
            axes.plot(voltage, per_V, color=cycle_colours()(scale(half.cycle)), lw=0.8)
        axes.axhline(0.0, color="0.6", lw=0.5, zorder=0)
        axes.set_xlim(*_range([curve for _, curve in curves]))
        axes.set_xlabel("Voltage (V)")
        axes.set_ylabel(f"dQ/dV ({unit}/V)")
        cycle_bar(figure, [axes], numbers, "Cycle")

    first = curves[0][1]
    caption = (
        f"{len(wanted)} of {len(numbers)} cycles; charge upwards, discharge downwards, without "
        f"holds. Grid {1e3 * first.step_V:g} mV, Gaussian of {1e3 * first.smooth_V:g} mV (sigma)."
    )
    return Picture(NAME, TITLE, caption, draw)


def _curve(record: Record, half: Half) -> DifferentialCapacity | None:
    driven = record.curve(half, with_holds=False)
    if driven.charge_mAh.size < 2 or driven.charge_mAh[-1] <= driven.charge_mAh[0]:
        return None
    return differential_capacity((driven.charge_mAh / 1e3).tolist(), driven.voltage_V.tolist())


def _range(curves: Sequence[DifferentialCapacity]) -> tuple[float, float]:
    """Where the charge is: all but the outermost 0.2 % of it."""
    voltage = np.concatenate([np.array(curve.voltage_V) for curve in curves])
    weight = np.concatenate([np.array(curve.dq_dv_Ah_per_V) for curve in curves])
    order = np.argsort(voltage)
    passed = np.cumsum(weight[order])
    low, high = np.interp([0.002, 0.998], passed / passed[-1], voltage[order])
    room = 0.08 * max(float(high - low), 0.05)
    return float(low) - room, float(high) + room
