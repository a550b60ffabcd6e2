"""Differential capacity dQ/dV of a half cycle, with its charge kept.

The voltage is made monotone by isotonic regression (pool adjacent violators, weighed by charge),
Q(V) is read off on an even grid, differenced and smoothed by a Gaussian whose every share stays
inside the grid: so ∫ dQ/dV dV is the half cycle's charge, less nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from labctl.figures.recording import Column

STEP_V = 0.004
SMOOTH_V = 0.004
REACH_SIGMAS = 4
MOST_CELLS = 100_000


@dataclass(frozen=True, slots=True)
class DifferentialCapacity:
    """|dQ/dV| at the middle of each cell of the grid; step and sigma of the Gaussian as used."""

    voltage_V: Sequence[float]
    dq_dv_Ah_per_V: Sequence[float]
    step_V: float
    smooth_V: float

    @property
    def charge_Ah(self) -> float:
        """∫ |dQ/dV| dV."""
        return math.fsum(self.dq_dv_Ah_per_V) * self.step_V


def differential_capacity(
    charge_Ah: Column, voltage_V: Column, step_V: float = STEP_V, smooth_V: float = SMOOTH_V
) -> DifferentialCapacity:
    """dQ/dV of one half cycle, its charge counted up from its beginning.

    Positive in both directions; which one it is, the mean of the ends tells. Raises ValueError for
    columns without charge, or with more than 100 000 cells of the grid.
    """
    if len(charge_Ah) != len(voltage_V) or len(charge_Ah) < 2 or charge_Ah[-1] <= charge_Ah[0]:
        raise ValueError("a half cycle needs two readings or more and a charge that grows")
    if not step_V > 0 or smooth_V < 0:
        raise ValueError("the grid's step must be above 0 V, the smoothing not below")
    falling = voltage_V[-1] < voltage_V[0]
    rising = [-each for each in voltage_V] if falling else list(voltage_V)
    blocks = _isotonic(charge_Ah, rising)
    masses, low_cell = _masses(blocks, step_V)
    smooth = _smoothed(masses, smooth_V / step_V)
    middles = [(low_cell + n + 0.5) * step_V for n in range(len(masses))]
    per_V = [mass / step_V for mass in smooth]
    if falling:
        middles, per_V = [-each for each in reversed(middles)], per_V[::-1]
    return DifferentialCapacity(middles, per_V, step_V, smooth_V)


Block = tuple[float, float]
"""(voltage, charge that passed at it)."""


def _isotonic(charge_Ah: Column, rising_V: Sequence[float]) -> list[Block]:
    """Charges at voltages that never fall: neighbours that do are pooled at their mean."""
    pooled: list[Block] = []
    for k in range(1, len(charge_Ah)):
        mass = charge_Ah[k] - charge_Ah[k - 1]
        if mass <= 0:
            continue
        middle = (rising_V[k] + rising_V[k - 1]) / 2
        while pooled and pooled[-1][0] >= middle:
            before, with_mass = pooled.pop()
            middle = (before * with_mass + middle * mass) / (with_mass + mass)
            mass += with_mass
        pooled.append((middle, mass))
    return pooled


def _masses(blocks: Sequence[Block], step_V: float) -> tuple[list[float], int]:
    """The charge in each cell of the grid, and the first cell's number."""
    edges = _edges(blocks)
    low_cell = math.floor(edges[0] / step_V)
    count = math.floor(edges[-1] / step_V) - low_cell + 1
    if count > MOST_CELLS:
        raise ValueError(f"{count} cells of {step_V} V are too many")
    masses = [0.0] * count
    for (_, mass), (left, right) in zip(blocks, pairwise(edges), strict=True):
        _spread(masses, mass, left / step_V - low_cell, right / step_V - low_cell)
    return masses, low_cell


def _edges(blocks: Sequence[Block]) -> list[float]:
    """Between which voltages each block's charge passed: half-way to its neighbours."""
    middles = [voltage for voltage, _ in blocks]
    if len(middles) == 1:
        return [middles[0], middles[0]]
    inner = [(a + b) / 2 for a, b in pairwise(middles)]
    return [2 * middles[0] - inner[0], *inner, 2 * middles[-1] - inner[-1]]


def _spread(masses: list[float], mass: float, left: float, right: float) -> None:
    """Share a block's charge out evenly from `left` to `right`, in cells."""
    if right - left < 1e-9:
        masses[min(int(left), len(masses) - 1)] += mass
        return
    for cell in range(int(left), min(int(right), len(masses) - 1) + 1):
        overlap = min(right, cell + 1) - max(left, cell)
        masses[cell] += mass * max(overlap, 0.0) / (right - left)


def _smoothed(masses: Sequence[float], sigma: float) -> list[float]:
    reach = math.ceil(REACH_SIGMAS * sigma)
    if reach == 0:
        return list(masses)
    kernel = [math.exp(-0.5 * (n / sigma) ** 2) for n in range(-reach, reach + 1)]
    smooth = [0.0] * len(masses)
    for cell, mass in enumerate(masses):
        low, high = max(cell - reach, 0), min(cell + reach, len(masses) - 1)
        inside = kernel[low - cell + reach : high - cell + reach + 1]
        share = mass / math.fsum(inside)
        for n, weight in enumerate(inside, start=low):
            smooth[n] += share * weight
    return smooth
