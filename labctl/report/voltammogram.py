"""Current against voltage of the sweeps, coloured by scan."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.figure import Figure

from labctl.report.colours import cycle_bar, cycle_colours, cycle_scale
from labctl.report.decimate import spread
from labctl.report.picture import Missing, Picture
from labctl.report.record import Floats, Record
from labctl.show.values import number, text

NAME, TITLE = "voltammogram", "Voltammogram"
MOST = 12
TURN_SHARE = 0.1
"""Of a sweep's whole range: less is noise of the voltage or a pause, not a corner."""


def voltammogram(record: Record) -> Picture | Missing:
    """I over V of every `sweep`; a scan is the way there and back, or a single way."""
    sweeps = sweeps_of(record)
    if not sweeps:
        return Missing(NAME, TITLE, "no voltage was swept")
    scans = [
        rows[start:stop]
        for rows in sweeps
        for start, stop in scans_of(record.voltage_V[rows])
    ]  # fmt: skip
    shown = spread(len(scans), MOST)
    divisor = record.area_cm2 or 1.0

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        scale = cycle_scale([1, len(scans)])
        for place in shown:
            rows = scans[place]
            axes.plot(
                record.voltage_V[rows],
                1e3 * record.current_A[rows] / divisor,
                color=cycle_colours()(scale(place + 1)),
                lw=0.9,
            )
        axes.axhline(0.0, color="0.6", lw=0.5, zorder=0)
        axes.set_xlabel("Voltage (V)")
        axes.set_ylabel("Current (mA)" if record.area_cm2 is None else "Current (mA/cm²)")
        cycle_bar(figure, [axes], range(1, len(scans) + 1), "Scan")

    drawn = f"{len(shown)} of {len(scans)} scans" if len(scans) > 1 else "One scan"
    caption = f"{drawn}, recorded readings. Positive current charges the cell as wired."
    return Picture(NAME, TITLE, caption, draw)


def sweeps_of(record: Record) -> list["np.typing.NDArray[np.intp]"]:
    """The rows of each sweep's readings, in order; sweeps of one reading are none."""
    steps = [
        int(number(event.data, "step_count") or 0)
        for event in record.events
        if event.kind == "step_started" and text(event.data, "step_type") == "sweep"
    ]
    found = [np.flatnonzero(record.step_count == step) for step in steps]
    return [rows for rows in found if rows.size > 1]


def scans_of(voltage_V: Floats) -> list[tuple[int, int]]:
    """(first, last + 1) of each scan: two legs, each from turning point to turning point."""
    turns = [0, *_turns(voltage_V, TURN_SHARE * float(np.ptp(voltage_V))), len(voltage_V) - 1]
    borders = turns[::2] if len(turns) % 2 else [*turns[::2], turns[-1]]
    return [(a, b + 1) for a, b in pairwise(borders) if b > a]


def _turns(voltage_V: Floats, least_V: float) -> Sequence[int]:
    """Where the voltage turns round and then goes back by more than so much."""
    turns: list[int] = []
    low = high = direction = 0
    for place in range(1, len(voltage_V)):
        low = place if voltage_V[place] <= voltage_V[low] else low
        high = place if voltage_V[place] >= voltage_V[high] else high
        fallen = voltage_V[high] - voltage_V[place] > least_V
        risen = voltage_V[place] - voltage_V[low] > least_V
        if fallen and direction >= 0:
            turns += [high] if direction else []
            direction, low = -1, place
        elif risen and direction <= 0:
            turns += [low] if direction else []
            direction, high = 1, place
    return turns
