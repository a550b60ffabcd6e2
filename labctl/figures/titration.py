"""Galvanostatic intermittent titration (GITT): equilibrium voltage and diffusion of each pulse.

Weppner and Huggins, J. Electrochem. Soc. 1977, 124, 1569: for τ ≪ L²/D,
D = 4/(π·τ) · L² · (ΔE_s/ΔE_t)², with ΔE_s the change of the relaxed voltage from pulse to pulse and
ΔE_t that under current without the ohmic drop, here √τ times the slope of E against √t.
"""

import math
from dataclasses import dataclass

from labctl.figures.curve import line_through
from labctl.figures.recording import Column


@dataclass(frozen=True, slots=True)
class Pulse:
    """One pulse of a titration: what its voltage did, and the ohmic part of it."""

    relaxed_V: float
    change_relaxed_V: float
    change_transient_V: float
    ohmic_V: float
    duration_s: float

    def diffusion_m2_per_s(self, length_m: float) -> float | None:
        """D for a diffusion length: an active material's volume over its area; None: no slope."""
        if self.change_transient_V == 0 or self.duration_s <= 0:
            return None
        ratio = self.change_relaxed_V / self.change_transient_V
        return 4 / (math.pi * self.duration_s) * (length_m * ratio) ** 2


def pulse(
    before_V: float, pulse_s: Column, voltage_V: Column, relaxed_V: float, skip_s: float = 0.0
) -> Pulse | None:
    """One pulse: relaxed voltage before it, readings during it, relaxed voltage after it.

    `pulse_s` counts from the pulse's beginning. Readings before `skip_s` are left out of the fit,
    while charge transfer is still settling. None with fewer than three readings to fit.
    """
    inside = [(t, v) for t, v in zip(pulse_s, voltage_V, strict=True) if t >= skip_s]
    line = line_through([math.sqrt(t) for t, _ in inside], [v for _, v in inside])
    if line is None or len(inside) < 3:
        return None
    intercept, slope = line
    duration_s = inside[-1][0]
    return Pulse(
        relaxed_V=relaxed_V,
        change_relaxed_V=relaxed_V - before_V,
        change_transient_V=slope * math.sqrt(duration_s),
        ohmic_V=intercept - before_V,
        duration_s=duration_s,
    )
