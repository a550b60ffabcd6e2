"""The beginning of plating on the collector, enlarged: the dip before the plateau."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from labctl.report import canvas
from labctl.report.colours import cycle_colours
from labctl.report.decimate import extremes, spread
from labctl.report.halves import Half
from labctl.report.picture import Missing, Picture
from labctl.report.record import Curve, Record

NAME, TITLE = "nucleation", "Nucleation close-up"
MOST = 8
SHOWN_MAH_CM2 = 0.2
"""Nucleation is over by then (science.md §4); a fifth of the deposit where that is less."""
SHOWN_SHARE = 0.2


def nucleation(record: Record) -> Picture | Missing:
    """The first 0.2 mAh/cm² (or 20 %) of plating in half cells, against metal at 0 V."""
    if record.kind != "half":
        return Missing(NAME, TITLE, "only a half cell shows the collector's voltage by itself")
    curves = [curve for half in record.halves if (curve := _plating(record, half)) is not None]
    if not curves:
        return Missing(NAME, TITLE, "no metal was plated")
    shown = [curves[i] for i in spread(len(curves), MOST)]
    divisor, _ = canvas.per_area(record.area_cm2)
    end = _end(shown, divisor)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        scale = Normalize(1, max(len(curves), 2))
        for curve in shown:
            _draw_one(axes, curve, divisor, end, cycle_colours()(scale(curves.index(curve) + 1)))
        axes.axhline(0.0, color="0.6", lw=0.5, zorder=0)
        axes.set_xlim(0.0, end)
        axes.set_xlabel(canvas.capacity_word(record.area_cm2))
        axes.set_ylabel("Voltage (mV)")
        _frame(axes, shown, divisor, end)
        if len(curves) > 1:
            bar = figure.colorbar(ScalarMappable(scale, cycle_colours()), ax=axes, pad=0.02)
            bar.set_label("Plating")
            bar.ax.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
            bar.ax.minorticks_off()

    caption = (
        f"{'All' if len(shown) == len(curves) else len(shown)} of {len(curves)} platings, from "
        "their start; points are recorded readings."
    )
    return Picture(NAME, TITLE, caption, draw)


def _plating(record: Record, half: Half) -> Curve | None:
    """The half's curve if metal was plated: current that discharges the half cell below 0 V."""
    if half.kind != "plate":
        return None
    curve = record.curve(half)
    return curve if curve.charge_mAh[-1] > 0 and float(np.min(curve.voltage_V)) < 0 else None


def _end(curves: Sequence[Curve], divisor: float) -> float:
    deposit = max(float(curve.charge_mAh[-1]) for curve in curves) / divisor
    return min(SHOWN_MAH_CM2, SHOWN_SHARE * deposit)


def _draw_one(
    axes: Axes, curve: Curve, divisor: float, end: float, colour: tuple[float, ...]
) -> None:
    charge = np.maximum.accumulate(curve.charge_mAh / divisor)
    stop = int(np.searchsorted(charge, end, side="right")) + 1
    x, y = extremes(charge[:stop], 1e3 * curve.voltage_V[:stop], 600)
    axes.plot(x, y, "-", marker="." if x.size < 80 else "", ms=2.5, color=colour, lw=0.9)


def _frame(axes: Axes, curves: Sequence[Curve], divisor: float, end: float) -> None:
    """From the deepest dip to a little above 0 V: what comes before, at 1 or 2 V, is no plating."""
    lowest = min(1e3 * float(np.min(c.voltage_V[c.charge_mAh <= end * divisor])) for c in curves)
    axes.set_ylim(1.15 * lowest, -0.25 * lowest)
