"""What a paper says of a run in one line: the three means of CE, retention, cycles to 80 %."""

from collections.abc import Iterator

import numpy as np

from labctl.figures.efficiency import arithmetic_mean, charge_summed, geometric_mean
from labctl.figures.life import end_of_life, retention
from labctl.report.cycles import cycle_columns
from labctl.report.record import Record

CHARGED = ("anode-free", "full", "cathode-half")


def summary_figures(record: Record) -> Iterator[tuple[str, float | str, str]]:
    """(name, value, how it is shown and of which cycles), over complete cycles of class `cycle`.

    The means of CE differ, so that each is named; nothing for a single cycle.
    """
    columns = cycle_columns(record)
    chosen = np.array([each == "cycle" for each in columns.classes], bool)
    chosen &= columns.complete & np.isfinite(columns.ce_percent)
    if chosen.sum() < 2:
        return
    cycle = columns.cycle[chosen]
    over = f"% over {cycle.size} cycles, {cycle[0]:.0f} to {cycle[-1]:.0f}"
    ce = (columns.ce_percent[chosen] / 100.0).tolist()
    first, second = columns.first_mAh[chosen].tolist(), columns.second_mAh[chosen].tolist()
    means = (
        ("mean CE, arithmetic", arithmetic_mean(ce)),
        ("mean CE, geometric", geometric_mean(ce)),
        ("CE, charge-summed", charge_summed(list(zip(first, second, strict=True)))),
    )
    for name, value in means:
        if value is not None:
            yield name, 100.0 * value, over
    if record.kind in CHARGED:
        kept = retention(second, second[0])
        if kept[-1] is not None:
            told = f"% in cycle {cycle[-1]:.0f}, of cycle {cycle[0]:.0f}"
            yield "capacity retention", 100.0 * kept[-1], told
        end = end_of_life(kept)
        told = "not reached" if end is None else f"cycle {cycle[end]:.0f}"
        yield "N80", told, f"the first of three running below 80 % of cycle {cycle[0]:.0f}"
