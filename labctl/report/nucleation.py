"""The beginning of plating on the collector, enlarged: the dip before the plateau."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from labctl.figures.nucleation import DIP_WITHIN_MAH_CM2, Nucleation
from labctl.figures.nucleation import nucleation as overpotential_of
from labctl.report import canvas
from labctl.report.colours import cycle_bar, cycle_colours, cycle_scale
from labctl.report.decimate import extremes, spread
from labctl.report.picture import Missing, Picture
from labctl.report.record import Curve, Record

NAME, TITLE = "nucleation", "Nucleation close-up"
MOST = 8
SHOWN_SHARE = 0.2
"""Of the deposit, where that is less than what nucleation takes."""


def nucleation(record: Record) -> Picture | Missing:
    """The first 0.2 mAh/cm² (or 20 %) of plating in half cells, against metal at 0 V."""
    if record.kind != "half":
        return Missing(NAME, TITLE, "only a half cell shows the collector's voltage by itself")
    curves = [
        curve
        for half in record.halves
        if half.kind == "plate" and _is_plating(curve := record.curve(half))
    ]
    if not curves:
        return Missing(NAME, TITLE, "no metal was plated")
    found = [_figure_of(curve, record.area_cm2) for curve in curves]
    known = [place for place, each in enumerate(found) if each.overpotential_V is not None]
    shown = sorted({*(known[:1]), *spread(len(curves), MOST)})
    divisor, _ = canvas.per_area(record.area_cm2)
    end = _end([curves[i] for i in shown], divisor)

    def draw(figure: Figure) -> None:
        several = len(known) > 1
        panels = np.atleast_1d(
            figure.subplots(1 + several, 1, height_ratios=(1.6, 1) if several else (1,))
        )
        _draw_close_up(panels[0], curves, shown, divisor, end)
        panels[0].set_xlabel(canvas.capacity_word(record.area_cm2))
        if known:
            _draw_levels(panels[0], found[known[0]])
        if several:
            x = np.array(known) + 1
            y = [1e3 * (found[i].overpotential_V or 0.0) for i in known]
            panels[1].plot(x, y, "o" if x.size <= 60 else ".", ms=3 if x.size <= 60 else 1.5)
            panels[1].set_ylabel("Nucleation\nη (mV)")
            panels[1].margins(y=0.2)
            canvas.count_axis(panels[1], 1, len(curves), "Plating")
        cycle_bar(figure, [panels[0]], range(1, len(curves) + 1), "Plating")
        figure.align_ylabels()

    caption = _caption(len(shown), len(curves), found, known)
    return Picture(NAME, TITLE, caption, draw, height_cm=9.0 if len(known) > 1 else 6.5)


def _caption(shown: int, count: int, found: Sequence[Nucleation], known: Sequence[int]) -> str:
    told = f"{shown} of {count} platings from their start; points are recorded readings."
    if not known:
        reasons = sorted({each.reason for each in found})
        return f"{told} No nucleation overpotential: {'; '.join(reasons)}."
    first = found[known[0]]
    told += (
        f" Dashed, for plating {known[0] + 1}: dip {_mV(first.dip_V)}, plateau "
        f"{_mV(first.plateau_V)}, nucleation overpotential {_mV(first.overpotential_V)}."
    )
    if len(known) > 1:
        last = found[known[-1]].overpotential_V
        told += f" Below, against plating; {_mV(last)} in plating {known[-1] + 1}."
    return told


def _mV(voltage_V: float | None) -> str:
    return "–" if voltage_V is None else f"{1e3 * voltage_V:.1f} mV"


def _is_plating(curve: Curve) -> bool:
    return bool(curve.charge_mAh.size > 2 and curve.charge_mAh[-1] > 0) and bool(
        np.min(curve.voltage_V) < 0
    )


def _figure_of(curve: Curve, area_cm2: float | None) -> Nucleation:
    charge_Ah = curve.charge_mAh / 1e3
    return overpotential_of(charge_Ah.tolist(), curve.voltage_V.tolist(), area_cm2)


def _end(curves: Sequence[Curve], divisor: float) -> float:
    deposit = max(float(curve.charge_mAh[-1]) for curve in curves) / divisor
    return min(DIP_WITHIN_MAH_CM2, SHOWN_SHARE * deposit)


def _draw_close_up(
    axes: Axes, curves: Sequence[Curve], shown: Sequence[int], divisor: float, end: float
) -> None:
    scale = cycle_scale(range(1, len(curves) + 1))
    lowest = 0.0
    for place in shown:
        charge = np.maximum.accumulate(curves[place].charge_mAh / divisor)
        stop = int(np.searchsorted(charge, end, side="right")) + 1
        x, y = extremes(charge[:stop], 1e3 * curves[place].voltage_V[:stop], 600)
        colour = cycle_colours()(scale(place + 1))
        axes.plot(x, y, "-", marker="." if x.size < 120 else "", ms=2.5, color=colour, lw=0.9)
        lowest = min(lowest, float(np.min(y)))
    axes.axhline(0.0, color="0.6", lw=0.5, zorder=0)
    axes.set_xlim(0.0, end)
    # what comes before 0 V, at 1 or 2 V, is no plating
    axes.set_ylim(1.15 * lowest, -0.25 * lowest)
    axes.set_ylabel("Voltage (mV)")


def _draw_levels(axes: Axes, found: Nucleation) -> None:
    for level in (found.dip_V, found.plateau_V):
        if level is not None:
            axes.axhline(1e3 * level, color="0.4", lw=0.6, ls=(0, (4, 3)), zorder=1)
