"""Intermittent current interruption (ICI): resistance and diffusion out of a short pause.

After the current I stops, E(t) = E₀ − I·R − I·k·√t; a line through E against √t from 1 to 5 s gives
R from its intercept and k from its slope (science.md §2 j).
"""

import math
from dataclasses import dataclass

from labctl.figures.curve import line_through
from labctl.figures.recording import Column

FROM_S, TO_S = 1.0, 5.0


@dataclass(frozen=True, slots=True)
class Interruption:
    """`resistance_ohm` is R, `diffusion_ohm_per_sqrt_s` is k; the residual tells of the fit."""

    resistance_ohm: float
    diffusion_ohm_per_sqrt_s: float
    residual_V: float
    readings: int


def interruption(
    before_V: float,
    before_A: float,
    pause_s: Column,
    voltage_V: Column,
) -> Interruption | None:
    """R and k of one pause; None with fewer than three readings in the window or without current.

    `before_V` and `before_A` are of the last reading under current, `pause_s` counts from there.
    """
    if before_A == 0:
        return None
    inside = [(t, v) for t, v in zip(pause_s, voltage_V, strict=True) if FROM_S <= t <= TO_S]
    roots = [math.sqrt(t) for t, _ in inside]
    fitted = [v for _, v in inside]
    line = line_through(roots, fitted)
    if line is None or len(inside) < 3:
        return None
    intercept, slope = line
    squares = [(v - intercept - slope * root) ** 2 for root, v in zip(roots, fitted, strict=True)]
    return Interruption(
        resistance_ohm=(before_V - intercept) / before_A,
        diffusion_ohm_per_sqrt_s=-slope / before_A,
        residual_V=math.sqrt(math.fsum(squares) / len(squares)),
        readings=len(inside),
    )
