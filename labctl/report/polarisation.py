"""Mean voltages of both halves, and what lies between them, against cycle."""

import numpy as np
from matplotlib.figure import Figure

from labctl.report import canvas
from labctl.report.cycles import counting, cycle_columns
from labctl.report.picture import Missing, Picture
from labctl.report.record import Record

NAME, TITLE = "polarisation", "Mean voltages and polarisation against cycle"


GAPS = {
    "half": ("Hysteresis", "the distance of the plateaus (medians from 20 to 80 % of the charge)"),
    "symmetric": ("Overpotential", "half of their distance, that of both electrodes together"),
}
GAP_OF_CELL = "Polarisation", "the mean while charging less the mean while discharging"


def polarisation(record: Record) -> Picture | Missing:
    """Charge-weighted means as the journal has them, and what lies between the two halves."""
    columns = cycle_columns(record)
    whole = (
        counting(columns.classes)
        & columns.complete
        & np.isfinite(columns.first_V)
        & np.isfinite(columns.second_V)
    )
    if not whole.any():
        return Missing(NAME, TITLE, "no cycle is complete")
    word, meaning = GAPS.get(record.kind, GAP_OF_CELL)
    cycle = columns.cycle[whole]
    first, second = columns.first_V[whole], columns.second_V[whole]
    marker = "o" if cycle.size <= 60 else "."
    size = 3.0 if cycle.size <= 60 else 1.5
    scale, unit = (1e3, "mV") if float(np.max(np.abs((first, second)))) < 0.5 else (1.0, "V")

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True)
        halves = ((first, columns.first_kind, canvas.FIRST),
                  (second, columns.second_kind, canvas.SECOND))  # fmt: skip
        for voltage, kind, colour in halves:
            upper.plot(cycle, scale * voltage, marker, ms=size, color=colour, label=kind)
        upper.set_ylabel(f"Mean\nvoltage ({unit})")
        upper.margins(y=0.25)
        # inside, its points would be taken for cycles
        upper.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, columnspacing=1.0)
        lower.plot(cycle, 1e3 * columns.gap_V[whole], marker, ms=size, color="black")
        lower.set_ylabel(f"{word}\n(mV)")
        lower.margins(y=0.15)
        canvas.count_axis(lower, int(cycle.min()), int(cycle.max()))
        figure.align_ylabels()

    caption = (
        "Above, charge-weighted mean voltages of the complete cycles' halves; below, "
        f"{meaning}. Conditioning and supply are left out."
    )
    return Picture(NAME, TITLE, caption, draw, height_cm=7.5)
