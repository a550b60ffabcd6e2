"""Voltage and current against time."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from labctl.report import canvas
from labctl.report.decimate import extremes
from labctl.report.picture import Missing, Picture
from labctl.report.record import Record
from labctl.show.values import number, part

NAME, TITLE = "time", "Voltage and current against time"
ALARMS = ("limit", "detector", "fault")


def time_course(record: Record) -> Picture | Missing:
    """The whole run; what stopped or disturbed it is a vertical line."""
    if not record.t_s.size:
        return Missing(NAME, TITLE, "no reading was recorded")
    divisor = record.area_cm2 or 1.0
    unit_s, unit = _time_unit(float(record.t_s[-1]))
    alarms = [event.t_s / unit_s for event in record.events if event.kind in ALARMS]

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True)
        time = record.t_s / unit_s
        upper.plot(*extremes(time, record.voltage_V), color="black", lw=0.7)
        upper.set_ylabel("Voltage (V)")
        current_mA = 1e3 * record.current_A
        lower.plot(*extremes(time, current_mA / divisor), color=canvas.FIRST, lw=0.7)
        lower.set_ylabel("Current (mA)" if record.area_cm2 is None else "Current\n(mA/cm²)")
        lower.axhline(0.0, color="0.6", lw=0.5, zorder=0)
        lower.set_xlabel(f"Time ({unit})")
        lower.set_xlim(0.0, max(float(time[-1]), 1e-9))
        _limits(upper, record)
        for axes in (upper, lower):
            for when in alarms:
                axes.axvline(when, color=canvas.MARK_COLOUR, lw=0.8, ls=":")
        figure.align_ylabels()

    caption = "Positive current charges the cell as wired. Extremes are kept, however narrow."
    if _limits_inside(record):
        caption += " Dashed: voltage limits of the run."
    if alarms:
        caption += " Dotted: a limit, detector or fault."
    return Picture(NAME, TITLE, caption, draw, height_cm=7.5)


def _time_unit(end_s: float) -> tuple[float, str]:
    if end_s > 10 * 86400.0:
        return 86400.0, "d"
    if end_s > 2 * 3600.0:
        return 3600.0, "h"
    return (60.0, "min") if end_s > 180.0 else (1.0, "s")


def _limits_inside(record: Record) -> list[float]:
    """Voltage limits near enough to be drawn without flattening the curve."""
    limits = part(record.manifest, "limits")
    found = [number(limits, "low_V"), number(limits, "high_V")]
    low, high = float(np.min(record.voltage_V)), float(np.max(record.voltage_V))
    room = 0.5 * max(high - low, 0.1)
    return [limit for limit in found if limit is not None and low - room < limit < high + room]


def _limits(axes: Axes, record: Record) -> None:
    for limit in _limits_inside(record):
        axes.axhline(limit, color="0.5", lw=0.6, ls=(0, (5, 3)), zorder=0)
