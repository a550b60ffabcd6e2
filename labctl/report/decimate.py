"""Fewer points for the same picture; figures are never computed from what these give."""

import numpy as np

from labctl.report.record import Floats

POINTS = 3000
"""A column of 8.5 cm has about 2000 pixels at 600 dpi."""


def extremes(x: Floats, y: Floats, points: int = POINTS) -> tuple[Floats, Floats]:
    """The first, lowest, highest and last point of each stretch of x; short curves as they are.

    x does not fall. No peak is lost, however narrow.
    """
    if len(x) <= points:
        return x, y
    stretches = max(points // 4, 1)
    borders = np.searchsorted(x, np.linspace(x[0], x[-1], stretches + 1)[1:-1])
    kept = {0, len(x) - 1}
    starts = np.concatenate(([0], borders))
    ends = np.concatenate((borders, [len(x)]))
    for start, end in zip(starts, ends, strict=True):
        if end > start:
            inside = y[start:end]
            kept.update((start, end - 1, start + np.argmin(inside), start + np.argmax(inside)))
    rows = np.array(sorted(kept), dtype=np.intp)
    return x[rows], y[rows]


def spread(count: int, wanted: int) -> list[int]:
    """Indices of at most so many of `count` things: the first, the last and evenly between."""
    if count <= wanted:
        return list(range(count))
    return sorted({round(i * (count - 1) / (wanted - 1)) for i in range(wanted)})
