"""Coulombic efficiency with its uncertainty, and both capacities, against cycle.

Of a symmetric cell only the charges: it has no Coulombic efficiency.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from labctl.report import canvas
from labctl.report.cycles import CycleColumns, counting, cycle_columns
from labctl.report.picture import Missing, Picture
from labctl.report.record import Floats, Record

NAME, TITLE = "efficiency", "Coulombic efficiency and capacity against cycle"
MANY = 120
"""From so many cycles on, dots and a band instead of markers and bars."""
CE_COLOUR = "#000000"


def efficiency(record: Record) -> Picture | Missing:
    """CE ± u(CE) (k = 2) above, capacities below; interrupted cycles are left out of the CE."""
    columns = cycle_columns(record)
    if not columns.cycle.size:
        return Missing(NAME, TITLE, "the run has no cycle yet")
    if record.kind == "symmetric":
        return _charges_alone(columns, record.area_cm2)

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1.15, 1))
        _draw_ce(upper, columns)
        _draw_capacity(lower, columns, record.area_cm2)
        canvas.count_axis(lower, int(columns.cycle.min()), int(columns.cycle.max()))
        figure.align_ylabels()

    return Picture(NAME, TITLE, _caption(columns), draw, height_cm=8.5)


def _charges_alone(columns: CycleColumns, area_cm2: float | None) -> Picture:
    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _draw_capacity(axes, columns, area_cm2)
        canvas.count_axis(axes, int(columns.cycle.min()), int(columns.cycle.max()))

    caption = (
        "The charge of both halves. A symmetric cell has no Coulombic efficiency: what is plated "
        "on one electrode is stripped from the other."
    )
    return Picture("charge", "Charge against cycle", caption, draw, height_cm=5.5)


def _caption(columns: CycleColumns) -> str:
    told = "bars" if columns.cycle.size <= MANY else "the band"
    caption = (
        f"Above, Coulombic efficiency ({columns.second_kind} over {columns.first_kind}); {told} "
        "for u(CE), k = 2, from the instrument's accuracy. Below, the charge of both halves."
    )
    low, high = _view(columns)
    if np.any((columns.ce_percent < low) | (columns.ce_percent > high)):
        caption += " Triangles at an edge: cycles outside the scale."
    if not columns.complete.all():
        caption += " Crosses: interrupted cycles, which have no CE."
    return caption


def _draw_ce(axes: Axes, columns: CycleColumns) -> None:
    low, high = _view(columns)
    axes.axhline(100.0, color="0.6", lw=0.6, ls=(0, (4, 3)), zorder=0)
    if columns.cycle.size > MANY:
        _band(axes, columns)
    for group_class, marker in canvas.MARKERS.items():
        chosen = np.array([each == group_class for each in columns.classes])
        chosen &= (columns.ce_percent >= low) & (columns.ce_percent <= high)
        if chosen.any():
            _points(axes, columns, chosen, marker, group_class)
    axes.set_ylim(low, high)
    _arrows(axes, columns, low, high)
    axes.set_ylabel("CE (%)")
    if len(set(columns.classes)) > 1:
        axes.legend(handles=_class_handles(columns), loc="best")


def _points(
    axes: Axes, columns: CycleColumns, chosen: "np.typing.NDArray[np.bool_]", marker: str, name: str
) -> None:
    many = columns.cycle.size > MANY
    axes.errorbar(
        columns.cycle[chosen],
        columns.ce_percent[chosen],
        yerr=None if many else np.nan_to_num(columns.u_ce_percent[chosen]),
        fmt=marker,
        ms=1.6 if many and name == "cycle" else 3.5,
        mfc="white" if name != "cycle" else CE_COLOUR,
        mew=0.8 if not many else 0.5,
        color=CE_COLOUR,
        elinewidth=0.7,
        zorder=3,
    )


def _band(axes: Axes, columns: CycleColumns) -> None:
    known = np.isfinite(columns.ce_percent) & np.isfinite(columns.u_ce_percent)
    x, y, u = (each[known] for each in (columns.cycle, columns.ce_percent, columns.u_ce_percent))
    axes.fill_between(x, y - u, y + u, color="0.8", lw=0, zorder=1)


def _arrows(axes: Axes, columns: CycleColumns, low: float, high: float) -> None:
    """Cycles outside the scale stand at its edge."""
    edge = axes.get_xaxis_transform()
    outside = ((columns.ce_percent < low, "v", 0.05), (columns.ce_percent > high, "^", 0.95))
    for chosen, marker, place in outside:
        rows = np.flatnonzero(chosen)
        places = np.full(rows.size, place)
        axes.plot(columns.cycle[rows], places, marker, color=CE_COLOUR, ms=3.5, transform=edge)
        for row in rows if rows.size <= 2 else ():
            axes.annotate(
                f"{columns.ce_percent[row]:.1f} %",
                (columns.cycle[row], place),
                xycoords=edge,
                xytext=(4, -1),
                textcoords="offset points",
                fontsize=6,
                va="center",
            )


def _view(columns: CycleColumns) -> tuple[float, float]:
    """A range that shows what the cycles do: a conditioning cycle at 0 % would flatten them."""
    known = np.isfinite(columns.ce_percent)
    if (known & counting(columns.classes)).any():
        known &= counting(columns.classes)
    ce, u = columns.ce_percent[known], np.nan_to_num(columns.u_ce_percent[known])
    if not ce.size:
        return 0.0, 105.0
    middle = float(np.median(ce))
    reach = max(4.0 * float(np.median(np.abs(ce - middle))), 3.0)
    inside = np.abs(ce - middle) <= 3.0 * reach
    u = np.minimum(u, 2.0 * reach)
    low, high = float((ce - u)[inside].min()), float((ce + u)[inside].max())
    high = max(high, 100.0) if high > 97.0 else high
    room = max(0.08 * (high - low), 0.02)
    return low - 1.5 * room, high + room


def _draw_capacity(axes: Axes, columns: CycleColumns, area_cm2: float | None) -> None:
    divisor, _ = canvas.per_area(area_cm2)
    pairs = (
        (columns.first_mAh, columns.first_kind, canvas.FIRST, True),
        (columns.second_mAh, columns.second_kind, canvas.SECOND, False),
    )
    many = columns.cycle.size > MANY
    for charge, kind, colour, is_open in pairs:
        _capacity_points(axes, columns, charge / divisor, colour, is_open, many)
        axes.plot([], [], "o", ms=3.5, mfc="white" if is_open else colour, color=colour, label=kind)
    axes.set_ylim(*_from_zero(np.concatenate([columns.first_mAh, columns.second_mAh]) / divisor))
    axes.set_ylabel(canvas.capacity_word(area_cm2).replace(" (", "\n("))
    axes.legend(loc="best", ncols=2, columnspacing=1.0)


def _capacity_points(
    axes: Axes, columns: CycleColumns, charge: Floats, colour: str, is_open: bool, many: bool
) -> None:
    for group_class, marker in canvas.MARKERS.items():
        chosen = np.array([each == group_class for each in columns.classes]) & columns.complete
        axes.plot(
            columns.cycle[chosen],
            charge[chosen],
            marker,
            color=colour,
            mfc="none" if is_open else colour,
            ms=(1.6 if many else 3.5) + (1.4 if is_open and not many else 0.0),
            mew=0.8 if not many else 0.4,
            zorder=3 if is_open else 2,
        )
    axes.plot(columns.cycle[~columns.complete], charge[~columns.complete], "x", color=colour)


def _from_zero(charge: Floats) -> tuple[float, float]:
    top = float(np.nanmax(charge)) if np.isfinite(charge).any() else 1.0
    return 0.0, 1.12 * (top or 1.0)


def _class_handles(columns: CycleColumns) -> list[Line2D]:
    return [
        Line2D([], [], ls="", marker=marker, color=CE_COLOUR, label=name, ms=3.5,
               mfc=CE_COLOUR if name == "cycle" else "white", mew=0.8)
        for name, marker in canvas.MARKERS.items()
        if name in columns.classes
    ]  # fmt: skip
