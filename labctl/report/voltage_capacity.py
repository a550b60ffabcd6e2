"""Voltage against the charge of each half cycle, coloured by cycle."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from labctl.figures.run_halves import Half
from labctl.report import canvas
from labctl.report.colours import cycle_bar, cycle_colours, cycle_scale
from labctl.report.decimate import extremes, spread
from labctl.report.picture import Missing, Picture
from labctl.report.record import Curve, Record

NAME, TITLE = "voltage-capacity", "Voltage against capacity"
MOST = 24
"""So many cycles can be told apart by their colour."""
POINTS = 500
APART = {"lead-in": "lead-in", "open": "open half", "interrupted": "interrupted",
         "unfinished": "unfinished"}  # fmt: skip
APART_COLOUR = "0.45"


def voltage_capacity(record: Record) -> Picture | Missing:
    """Complete cycles in colour; lead-in, open and interrupted halves grey and dashed."""
    if not record.halves:
        return Missing(NAME, TITLE, "no current was driven")
    by_pair = counts_pairs(record.halves)
    shown, numbers = chosen(record.halves, by_pair)
    curves = [record.curve(half) for half in shown]
    plateaus = _plateaus(curves) if _has_plating(record) else None

    def draw(figure: Figure) -> None:
        if plateaus is not None:
            upper, lower = figure.subplots(2, 1, sharex=True)
            panels = [upper, lower]
            lower.set_ylim(*plateaus)
        else:
            panels = [figure.subplots()]
        for axes in panels:
            _draw_curves(axes, curves, record.area_cm2, by_pair, numbers)
            axes.set_ylabel("Voltage (V)")
        panels[-1].set_xlabel(canvas.capacity_word(record.area_cm2))
        panels[-1].set_xlim(left=0.0)
        panels[-1].xaxis.set_major_locator(MaxNLocator(nbins=6))
        _legend(panels[0], shown)
        cycle_bar(figure, panels, numbers, "Plating" if by_pair else "Cycle")
        figure.align_ylabels()

    caption = f"{_drawn(shown, len(numbers), by_pair)} Charge counts from each half's start."
    if plateaus is not None:
        caption += " Below, the plateaus enlarged; full range above."
    if any(half.standing != "complete" for half in shown):
        caption += " Grey and dashed: halves that are in no complete cycle."
    return Picture(NAME, TITLE, caption, draw, height_cm=6.5 if plateaus is None else 9.0)


def counts_pairs(halves: Sequence[Half]) -> bool:
    """Whether a cycle has several pairs of halves (a reservoir), so that pairs are counted."""
    cycles = [half.cycle for half in halves if half.standing == "complete"]
    return len(cycles) > 2 * len(set(cycles))


def ordinal(half: Half, by_pair: bool) -> int:
    """The number by which a half is coloured."""
    return half.pair if by_pair else half.cycle


def chosen(halves: Sequence[Half], by_pair: bool) -> tuple[list[Half], list[int]]:
    """The halves to draw: at most MOST cycles and some halves apart; and all cycles' numbers."""
    whole = [half for half in halves if half.standing == "complete"]
    numbers = sorted({ordinal(half, by_pair) for half in whole})
    wanted = {numbers[i] for i in spread(len(numbers), MOST)}
    apart = [half for half in halves if half.standing != "complete"]
    drawn = [half for half in whole if ordinal(half, by_pair) in wanted]
    return drawn + [apart[i] for i in spread(len(apart), 6)], numbers


def _drawn(shown: Sequence[Half], total: int, by_pair: bool) -> str:
    what = "pairs of halves" if by_pair else "cycles"
    drawn = len({ordinal(half, by_pair) for half in shown if half.standing == "complete"})
    if drawn < total:
        return f"{drawn} of {total} {what}, evenly chosen, the first and the last among them."
    return f"All {total} {what}." if total else "No cycle is complete."


def _draw_curves(
    axes: Axes,
    curves: Sequence[Curve],
    area_cm2: float | None,
    by_pair: bool,
    numbers: Sequence[int],
) -> None:
    divisor, _ = canvas.per_area(area_cm2)
    colours = cycle_colours()
    scale = cycle_scale(numbers)
    for curve in curves:
        x, y = extremes(np.maximum.accumulate(curve.charge_mAh / divisor), curve.voltage_V, POINTS)
        if curve.half.standing == "complete":
            colour = colours(scale(ordinal(curve.half, by_pair)))
            axes.plot(x, y, color=colour, lw=0.9)
        else:
            axes.plot(x, y, color=APART_COLOUR, lw=0.9, ls=(0, (3, 1.5)), zorder=3)


def _has_plating(record: Record) -> bool:
    kinds = {half.kind for half in record.halves}
    return record.kind in ("half", "symmetric") or not kinds.isdisjoint(("plate", "strip"))


def _plateaus(curves: Sequence[Curve]) -> tuple[float, float] | None:
    """Where the readings are for most of the charge: nucleation and cut-off stand out of it.

    None where that is most of the whole range, so that nothing would be enlarged.
    """
    middles = [
        curve.voltage_V[(curve.charge_mAh > 0.1 * top) & (curve.charge_mAh < 0.9 * top)]
        for curve in curves
        if curve.charge_mAh.size and (top := float(curve.charge_mAh[-1])) > 0
    ]
    inside = np.concatenate([*middles, [0.0]])
    reach = 1.8 * max(float(np.percentile(np.abs(inside), 98)), 1e-3)
    low, high = (-reach if inside.min() < 0 else 0.0), (reach if inside.max() > 0 else 0.0)
    whole = np.concatenate([curve.voltage_V for curve in curves])
    return (low, high) if high - low < 0.6 * float(np.ptp(whole)) else None


def _legend(axes: Axes, shown: Sequence[Half]) -> None:
    words = sorted({APART[half.standing] for half in shown if half.standing != "complete"})
    if words:
        line = Line2D([], [], color=APART_COLOUR, lw=0.9, ls=(0, (3, 1.5)), label=", ".join(words))
        axes.legend(handles=[line], loc="best")
