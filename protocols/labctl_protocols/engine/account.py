"""Charge, energy and time that passed in one direction or another, with what limits their truth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from labctl_drivers.vocabulary import RangeAccuracy

LIMIT_TO_STANDARD = 0.4398
"""Standard uncertainty per maker's limit of error: the limit is taken as the two-sigma point of a
normal distribution cut off there (no instrument in calibration lies beyond it)."""


@dataclass(slots=True)
class RangeShare:
    """What passed on one measuring range, by polarity: charges in A·s, unsigned; times in s."""

    positive_As: float = 0.0
    negative_As: float = 0.0
    duration_s: float = 0.0


@dataclass(slots=True)
class Account:
    """Net charge (signed), energy (signed) and duration, and their split over measuring ranges.

    `variance_As2` is what sampling and the timing of output changes leave open.
    """

    charge_As: float = 0.0
    energy_J: float = 0.0
    duration_s: float = 0.0
    variance_As2: float = 0.0
    ranges: dict[float, RangeShare] = field(default_factory=dict)

    def add(self, charge_As: float, energy_J: float, duration_s: float, range_A: float) -> None:
        """Enter what passed since the reading before."""
        self.charge_As += charge_As
        self.energy_J += energy_J
        self.duration_s += duration_s
        share = self.ranges.get(range_A)
        if share is None:
            share = self.ranges[range_A] = RangeShare()
        share.duration_s += duration_s
        if charge_As >= 0:
            share.positive_As += charge_As
        else:
            share.negative_As -= charge_As

    def merge(self, other: "Account") -> None:
        """Enter another account whole.

        What sampling leaves open adds up from step to step: equal steps break down at the same
        place between two readings, and an output changes equally late each time.
        """
        self.charge_As += other.charge_As
        self.energy_J += other.energy_J
        self.duration_s += other.duration_s
        self.variance_As2 = (math.sqrt(self.variance_As2) + math.sqrt(other.variance_As2)) ** 2
        for range_A, theirs in other.ranges.items():
            ours = self.ranges.setdefault(range_A, RangeShare())
            ours.positive_As += theirs.positive_As
            ours.negative_As += theirs.negative_As
            ours.duration_s += theirs.duration_s

    @property
    def mean_voltage_V(self) -> float | None:
        """Charge-weighted mean voltage; None when no charge passed."""
        return self.energy_J / self.charge_As if self.charge_As else None


def coulombic_efficiency(first: Account, second: Account) -> float | None:
    """|second| / |first|; None when nothing passed in the first direction."""
    if not first.charge_As:
        return None
    return abs(second.charge_As) / abs(first.charge_As)


def charge_uncertainty(account: Account, accuracy: Sequence[RangeAccuracy]) -> float:
    """Expanded uncertainty (k = 2) of a net charge, A·s: offset, gain by polarity, sampling."""
    return expanded(charge_errors(account, accuracy), account.variance_As2)


def ce_uncertainty(
    first: Account, second: Account, accuracy: Sequence[RangeAccuracy]
) -> float | None:
    """Expanded uncertainty (k = 2) of |second| / |first|, as a fraction.

    A range's zero offset pushes both halves the same way in current, so it adds up in the ratio;
    its gain is calibrated at each polarity by itself, so it does not cancel (science.md §4, error
    budget; GUM for the combination).
    """
    ce = coulombic_efficiency(first, second)
    if ce is None:
        return None
    return expanded(*ce_errors(first, second, accuracy))


Errors = dict[tuple[str, float], float]
"""Source of error (which, on which range) → what it does to a figure, at one standard uncertainty.

Signed, so that one source's errors in several charges add up or cancel as they do in truth.
"""


def ce_errors(
    first: Account, second: Account, accuracy: Sequence[RangeAccuracy]
) -> tuple[Errors, float]:
    """What each source does to |second| / |first|, and the variance of all that is random."""
    ce, whole = coulombic_efficiency(first, second) or 0.0, abs(first.charge_As)
    errors = {
        source: error / whole
        for source, error in weighed(
            (charge_errors(second, accuracy), 1.0), (charge_errors(first, accuracy), -ce)
        ).items()
    }
    return errors, (second.variance_As2 + ce * ce * first.variance_As2) / whole**2


def charge_errors(account: Account, accuracy: Sequence[RangeAccuracy]) -> Errors:
    """What each source does to the amount of a charge, A·s."""
    sign = math.copysign(1.0, account.charge_As)
    errors: Errors = {}
    for range_A, share in account.ranges.items():
        limits = accuracy_of(range_A, accuracy)
        gain = sign * limits.gain * LIMIT_TO_STANDARD
        errors["gain +", range_A] = gain * share.positive_As
        errors["gain -", range_A] = -gain * share.negative_As
        errors["offset", range_A] = sign * limits.offset * LIMIT_TO_STANDARD * share.duration_s
    return errors


def weighed(*parts: tuple[Errors, float]) -> Errors:
    """The errors of a weighed sum of figures that share their sources."""
    total: Errors = {}
    for errors, weight in parts:
        for source, error in errors.items():
            total[source] = total.get(source, 0.0) + weight * error
    return total


def expanded(errors: Errors, variance: float) -> float:
    """Expanded uncertainty (k = 2) out of independent sources and what is random."""
    return 2.0 * math.sqrt(variance + math.fsum(error * error for error in errors.values()))


def accuracy_of(range_value: float, accuracy: Sequence[RangeAccuracy]) -> RangeAccuracy:
    """The limits of error on the range in force: the smallest that holds it, else the largest."""
    for limits in accuracy:
        if range_value <= limits.full_scale * 1.000001:
            return limits
    return accuracy[-1]
