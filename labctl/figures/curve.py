"""A half cycle's voltage against its charge: the part in the middle, the noise, crossings."""

from collections.abc import Iterator, Sequence
from statistics import median

from labctl.figures.recording import Column

PLATEAU = 0.2, 0.8
"""Shares of a half cycle's charge between which its voltage counts as plateau (science.md §4)."""
MAD_TO_SIGMA = 1.4826
SECOND_DIFFERENCE_SIGMAS = 6**0.5


def plateau_V(charge_Ah: Column, voltage_V: Column) -> float | None:
    """Median voltage between 20 and 80 % of the charge, each voltage weighed by its charge.

    Weighed, so that it does not depend on how densely which part was recorded.
    """
    return weighted_median(plateau_parts(charge_Ah, voltage_V))


def plateau_parts(charge_Ah: Column, voltage_V: Column) -> list[tuple[float, float]]:
    """Voltages between 20 and 80 % of the charge, each with the charge that passed at it."""
    if not charge_Ah or charge_Ah[-1] <= 0:
        return []
    low_Ah, high_Ah = (share * charge_Ah[-1] for share in PLATEAU)
    parts = []
    for k in range(1, len(charge_Ah)):
        inside_Ah = min(charge_Ah[k], high_Ah) - max(charge_Ah[k - 1], low_Ah)
        if inside_Ah > 0:
            parts.append(((voltage_V[k] + voltage_V[k - 1]) / 2, inside_Ah))
    return parts


def weighted_median(parts: Sequence[tuple[float, float]]) -> float | None:
    """The value with half of the weight on either side; None where there is no weight."""
    half = sum(weight for _, weight in parts) / 2
    passed = 0.0
    for value, weight in sorted(parts):
        passed += weight
        if passed >= half > 0:
            return value
    return None


def voltage_at(charge_Ah: Column, voltage_V: Column, at_Ah: float) -> float | None:
    """The voltage when so much charge had passed, between readings; None outside."""
    for k in range(1, len(charge_Ah)):
        if charge_Ah[k - 1] <= at_Ah <= charge_Ah[k]:
            step_Ah = charge_Ah[k] - charge_Ah[k - 1]
            part = (at_Ah - charge_Ah[k - 1]) / step_Ah if step_Ah else 1.0
            return voltage_V[k - 1] + part * (voltage_V[k] - voltage_V[k - 1])
    return None


def noise_V(voltage_V: Column) -> float:
    """Standard deviation of the noise, from second differences: slopes do not count."""
    if len(voltage_V) < 3:
        return 0.0
    return (
        MAD_TO_SIGMA * median(map(abs, _second_differences(voltage_V))) / (SECOND_DIFFERENCE_SIGMAS)
    )


def _second_differences(values: Column) -> Iterator[float]:
    for k in range(1, len(values) - 1):
        yield values[k - 1] - 2 * values[k] + values[k + 1]


def line_through(x: Column, y: Column) -> tuple[float, float] | None:
    """Least squares y = intercept + slope · x; None for fewer than two different x."""
    if len(x) < 2:
        return None
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((each - mean_x) ** 2 for each in x)
    if spread <= 0:
        return None
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread
    return mean_y - slope * mean_x, slope
