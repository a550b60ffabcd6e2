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
    """Σ (first − second) over the complete cycles, with its band; below, the metal that is left."""
    columns = cycle_columns(record)
    whole = np.isfinite(columns.lost_mAh)
    if record.kind == "cathode-half":
        return Missing(NAME, TITLE, "a cathode half cell has no metal to lose")
    if record.kind == "symmetric":
        return Missing(NAME, TITLE, "in a symmetric cell charge does not tell what was lost")
    if not whole.any():
        return Missing(NAME, TITLE, "no cycle is complete")
    cycle, lost_mAh = columns.cycle[whole], columns.lost_mAh[whole]
    u_mAh = np.nan_to_num(columns.u_lost_mAh[whole])
    gained = bool(np.any(np.diff(lost_mAh, prepend=0.0) < -np.diff(u_mAh, prepend=0.0)))
    known = np.isfinite(columns.inventory_percent)

    def draw(figure: Figure) -> None:
        divisor, unit = canvas.per_area(record.area_cm2)
        panels = np.atleast_1d(figure.subplots(1 + int(known.any()), 1, sharex=True))
        _band(panels[0], cycle, lost_mAh / divisor, u_mAh / divisor, canvas.SECOND)
        panels[0].set_ylabel(f"Σ irreversible\ncharge ({unit})")
        panels[0].axhline(0.0, color="0.6", lw=0.5, zorder=0)
        if known.any():
            left, u_left = columns.inventory_percent[known], columns.u_inventory_percent[known]
            _band(panels[1], columns.cycle[known], left, np.nan_to_num(u_left), canvas.FIRST)
            panels[1].set_ylabel(f"{_which(record.kind)}\ninventory (%)")
        canvas.count_axis(panels[-1], int(columns.cycle.min()), int(columns.cycle.max()))
        figure.align_ylabels()

    caption = _caption(record, bool(known.any()), gained)
    return Picture(NAME, TITLE, caption, draw, 8.0 if known.any() else 5.5)


def _which(kind: str) -> str:
    return "Apparent" if kind in FULL else "Metal"


def _caption(record: Record, known: bool, gained: bool) -> str:
    caption = (
        "Charge of the first half less that of the second, summed over complete cycles; the band "
        "is its uncertainty (k = 2): the instrument's errors are the same in every cycle and add."
    )
    if gained:
        caption += (
            " In some cycles more came back than went in, beyond the uncertainty: look at the "
            "cycles' flags, and whether the cell was charged at the start."
        )
    start_Ah = number(part(record.manifest, "cell"), "inventory_Ah")
    if known and start_Ah is not None:
        caption += f" Below, what the metal ledger has left of {1e3 * start_Ah:.4g} mAh"
        if record.kind in FULL:
            caption += (
                "; apparent, because the cathode's losses and the electrolyte's oxidation are in it"
            )
        caption += "."
    return caption


def _band(axes: Axes, cycle: Floats, y: Floats, u: Floats, colour: str) -> None:
    marker = "o" if cycle.size <= 60 else ""
    if cycle.size == 1:
        axes.errorbar(cycle, y, yerr=u, fmt="o", color=colour, ms=3.5)
        return
    axes.fill_between(cycle, y - u, y + u, color=colour, alpha=0.25, lw=0)
    axes.plot(cycle, y, marker=marker, color=colour, ms=2.5, lw=0.9)
