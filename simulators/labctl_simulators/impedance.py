"""The small-signal impedance of a cell about its present state, from its response to a small step.

A cell model answers `voltage(i)` and `step(dt, i)` only. Two copies of it go on, one at a little
more than the present current and one at a little less; their difference per ampere is the step
response r(t), and Z(ω) = r(0) + ∫ r'(t) e^(-jωt) dt. r is sampled from far below to far beyond 1/ω
and taken as straight between samples, for which the integral is exact; what decays beyond the last
sample is continued as one exponential. This is the limit of a small amplitude: harmonics, and what
a large amplitude would do to the cell, are not in it.

What a model does not have, its spectrum does not show: `thevenin` has one arc and the capacitance
of its state of charge; the electrode models have resistance, charge transfer at once (no double
layer where there is metal, hence no arc) and one diffusion element.
"""

from cmath import exp
from collections.abc import Iterator
from copy import deepcopy
from math import log, pi

from labctl_simulators.ports import Cell

FIRST = 1e-3
"""Times in units of 1/ω: the first sample, where the even spacing begins, where it ends."""
EVEN_FROM = 1.0
LAST = 30.0
GROWTH = 1.06
EVEN_STEP = 0.06
SMALL_V = 1e-4
SMALLEST_A = 1e-12
LARGEST_A = 1.0
COARSE = (1e-4, 9e-4, 9e-3, 9e-2, 0.2, 0.2, 0.2, 0.2, 0.1)


def impedance(cell: Cell, frequency_Hz: float, current_A: float) -> complex:
    """Z in Ω at a frequency while `current_A` flows on the mean. The cell itself is not changed.

    Raises ValueError for a frequency that is not above 0.
    """
    if not frequency_Hz > 0.0:
        raise ValueError(f"an impedance has a frequency above 0, not {frequency_Hz:g} Hz")
    omega = 2.0 * pi * frequency_Hz
    extra_A = _small_current(cell, current_A, LAST / omega)
    pair = _Pair(cell, current_A, extra_A)
    response = pair.response()
    total = complex(response)
    at_s, before = 0.0, complex(1.0)
    slopes: list[tuple[float, float]] = []
    for until_s in _times(omega):
        pair.step(until_s - at_s)
        now = pair.response()
        slope = (now - response) / (until_s - at_s)
        after = exp(-1j * omega * until_s)
        total += slope * (before - after) / (1j * omega)
        slopes.append((0.5 * (at_s + until_s), slope))
        at_s, before, response = until_s, after, now
    return total + _tail(omega, at_s, slopes)


class _Pair:
    """Two copies of a cell, with a little more and a little less current than it has."""

    def __init__(self, cell: Cell, current_A: float, extra_A: float) -> None:
        self._more, self._less = deepcopy(cell), deepcopy(cell)
        self._more_A, self._less_A = current_A + extra_A, current_A - extra_A

    def step(self, dt_s: float) -> None:
        """Let both go on."""
        self._more.step(dt_s, self._more_A)
        self._less.step(dt_s, self._less_A)

    def response(self) -> float:
        """The difference of their voltages per ampere of the difference of their currents."""
        apart_V = self._more.voltage(self._more_A) - self._less.voltage(self._less_A)
        return apart_V / (self._more_A - self._less_A)


def _small_current(cell: Cell, current_A: float, over_s: float) -> float:
    """A current that moves the voltage by about 0.1 mV, at once or within a time."""
    extra_A = max(SMALLEST_A, 1e-6 * abs(current_A))
    base_V = cell.voltage(current_A)
    while cell.voltage(current_A + extra_A) - base_V < SMALL_V and extra_A < LARGEST_A:
        extra_A *= 2.0
    while extra_A > SMALLEST_A:
        pair = _Pair(cell, current_A, extra_A)
        moved_V = 0.0
        for part in COARSE:
            pair.step(part * over_s)
            moved_V = max(moved_V, abs(pair.response()) * extra_A)
        if moved_V <= 2.0 * SMALL_V:
            break
        extra_A *= max(1e-3, 0.9 * SMALL_V / moved_V)
    return extra_A


def _times(omega: float) -> Iterator[float]:
    at = FIRST
    while at < EVEN_FROM:
        yield at / omega
        at *= GROWTH
    while at < LAST:
        yield at / omega
        at += EVEN_STEP


def _tail(omega: float, from_s: float, slopes: list[tuple[float, float]]) -> complex:
    """What follows the last sample, its slope fading as it did over the last half of the time."""
    middle_s, middle = slopes[len(slopes) // 2]
    last_s, last = slopes[-1]
    fading = 0.0
    if middle * last > 0.0 and abs(last) < abs(middle):
        fading = log(middle / last) / (last_s - middle_s)
    begin = last * exp(-fading * (from_s - last_s))
    return begin * exp(-1j * omega * from_s) / (1j * omega + fading)
