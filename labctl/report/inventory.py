"""What did not come back: cumulative irreversible charge, and the metal that is left."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from labctl.report import canvas
from labctl.report.cycles import cycle_columns
from labctl.report.picture import Missing, Picture
from labctl.report.record import Floats, Record
from labctl.show.values import number, part

NAME, TITLE = "inventory", "Cumulative irreversible charge and inventory"
FULL = ("anode-free", "full")


def inventory(record: Record) -> Picture | Missing:
    """Σ (first − second) over the complete cycles, with its band; for full cells what is left."""
    columns = cycle_columns(record)
    whole = columns.complete & np.isfinite(columns.first_mAh) & np.isfinite(columns.second_mAh)
    if record.kind == "cathode-half":
        return Missing(NAME, TITLE, "a cathode half cell has no metal to lose")
    if not whole.any():
        return Missing(NAME, TITLE, "no cycle is complete")
    cycle = columns.cycle[whole]
    lost_mAh = np.cumsum(columns.first_mAh[whole] - columns.second_mAh[whole])
    # one instrument's offset has one sign all the time, so that these add and do not average out
    u_mAh = np.cumsum(np.nan_to_num(columns.u_ce_percent[whole]) / 100.0 * columns.first_mAh[whole])
    gained = bool(np.any(np.diff(lost_mAh, prepend=0.0) < -np.diff(u_mAh, prepend=0.0)))
    start_Ah = number(part(record.manifest, "cell"), "inventory_Ah")
    start_mAh = 1e3 * start_Ah if start_Ah is not None and record.kind in FULL else None

    def draw(figure: Figure) -> None:
        divisor, unit = canvas.per_area(record.area_cm2)
        rows = 1 if start_mAh is None else 2
        panels = np.atleast_1d(figure.subplots(rows, 1, sharex=True))
        _band(panels[0], cycle, lost_mAh / divisor, u_mAh / divisor, canvas.SECOND)
        panels[0].set_ylabel(f"Σ irreversible\ncharge ({unit})")
        panels[0].axhline(0.0, color="0.6", lw=0.5, zorder=0)
        if start_mAh is not None:
            left = 100.0 * (start_mAh - lost_mAh) / start_mAh
            _band(panels[1], cycle, left, 100.0 * u_mAh / start_mAh, canvas.FIRST)
            panels[1].set_ylabel("Apparent\ninventory (%)")
        canvas.count_axis(panels[-1], int(cycle.min()), int(cycle.max()))
        figure.align_ylabels()

    return Picture(
        NAME, TITLE, _caption(start_mAh, gained), draw, 5.5 if start_mAh is None else 8.0
    )


def _caption(start_mAh: float | None, gained: bool) -> str:
    caption = (
        "Charge of the first half less that of the second, summed over complete cycles; the band "
        "is its uncertainty (k = 2) with all cycles' errors of one sign."
    )
    if gained:
        caption += (
            " In some cycles more came back than went in, beyond the uncertainty: look at the "
            "cycles' flags, and whether the cell was charged at the start."
        )
    if start_mAh is not None:
        caption += (
            f" Below, what is left of {start_mAh:.4g} mAh; apparent, because the cathode's losses "
            "and the electrolyte's oxidation are in it too."
        )
    return caption


def _band(axes: Axes, cycle: Floats, y: Floats, u: Floats, colour: str) -> None:
    marker = "o" if cycle.size <= 60 else ""
    if cycle.size == 1:
        axes.errorbar(cycle, y, yerr=u, fmt="o", color=colour, ms=3.5)
        return
    axes.fill_between(cycle, y - u, y + u, color=colour, alpha=0.25, lw=0)
    axes.plot(cycle, y, marker=marker, color=colour, ms=2.5, lw=0.9)
