"""Coulombic efficiency of charges that went in and came back, and its three means.

The means differ, so each carries its name: science.md §4. Charges in any unit, the same for all.
"""

import math
from collections.abc import Sequence

Charges = Sequence[tuple[float, float]]
"""(first, second) of each cycle, unsigned: plated and stripped, charged and discharged."""


def coulombic_efficiency(first: float, second: float) -> float | None:
    """second / first; None when nothing passed in the first direction."""
    return second / first if first > 0 else None


def arithmetic_mean(efficiencies: Sequence[float]) -> float | None:
    """(1/N) Σ CE."""
    return math.fsum(efficiencies) / len(efficiencies) if efficiencies else None


def product(efficiencies: Sequence[float]) -> float | None:
    """Π CE: what is left of a deposit that nothing replenishes."""
    return math.prod(efficiencies) if efficiencies else None


def geometric_mean(efficiencies: Sequence[float]) -> float | None:
    """(Π CE)^(1/N); None where one is not positive."""
    if not efficiencies or min(efficiencies) <= 0:
        return None
    return math.exp(math.fsum(map(math.log, efficiencies)) / len(efficiencies))


def charge_summed(cycles: Charges) -> float | None:
    """Σ second / Σ first.

    Over a reservoir's span, from a bare collector to a bare collector, this is the reservoir
    method's efficiency: (Σ short strips + last strip) / (Σ short platings + reservoir).
    """
    return coulombic_efficiency(
        math.fsum(first for first, _ in cycles), math.fsum(second for _, second in cycles)
    )


def irreversible(cycles: Charges) -> list[float]:
    """first − second of each cycle; negative values are kept."""
    return [first - second for first, second in cycles]
