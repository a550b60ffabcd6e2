"""Whether a half cycle ran to its cut-off voltage, which a file of readings does not say.

A voltage counts as a cut-off where the file's second halves reach furthest, and where three or
more of them end within 5 mV (windows change between formation and cycling). A strip must besides
rise 0.1 V above its plateau: one that ends on the plateau was ended by charge or time, and what it
left on the collector is not lost (data_and_reliability.md §2 g).
"""

from collections.abc import Sequence

from labctl.figures.curve import plateau_V
from labctl.figures.halves import Half

SHARED_WITHIN_V = 0.005
SHARED_BY = 3
SHORT_SHARE = 0.05
LEAST_SHORT_V = 0.01
STRIPPED_ABOVE_PLATEAU_V = 0.1


def at_cut_off(halves: Sequence[Half], stripping: bool) -> list[bool]:
    """For each second half whether it reached a cut-off."""
    if not halves:
        return []
    reached = [half.reached_V for half in halves]
    sign = halves[0].sign
    begun = [half.voltage_V[0] for half in halves]
    span_V = max(max(reached), max(begun)) - min(min(reached), min(begun))
    allowed_V = max(SHORT_SHARE * span_V, LEAST_SHORT_V)
    furthest = max(reached) if sign > 0 else min(reached)
    return [
        (abs(voltage - furthest) <= allowed_V or _shared(voltage, reached))
        and not (stripping and _on_plateau(half))
        for half, voltage in zip(halves, reached, strict=True)
    ]


def _shared(voltage: float, reached: Sequence[float]) -> bool:
    return sum(abs(voltage - other) <= SHARED_WITHIN_V for other in reached) >= SHARED_BY


def _on_plateau(strip: Half) -> bool:
    plateau = plateau_V(strip.charge_at_Ah, strip.voltage_V)
    return plateau is None or strip.reached_V - plateau < STRIPPED_ABOVE_PLATEAU_V
