"""Self-discharge: the drift of the open-circuit voltage at the end of a rest."""

from labctl_protocols.engine.detect.memory import Memory, trend_of
from labctl_protocols.engine.detect.seen import Seen

TIMES = 5.0
LEAST_V_s = 0.02 / 3600.0
LEAST_POINTS = 5
LEAST_S = 120.0
COMPARED = 3


def self_discharge(seen: Seen, memory: Memory, charged: bool) -> str | None:
    """The voltage drifts five times as fast as it did at the end of this very rest before.

    Only after metal was plated or a cell charged, away from where that had brought it; and only
    after the same current, for a cell relaxes from what was driven.
    """
    if not (charged and seen.main and seen.group_class == "cycle") or seen.kind == "symmetric":
        return None
    points = memory.course.between(0.5, 1.0)
    if len(points) < LEAST_POINTS or seen.age_s < LEAST_S:
        return None
    drift_V_s = -(seen.plates if seen.kind == "half" and seen.plates else 1) * slope(points)
    trend = trend_of(memory.rests, f"{seen.step.node} {memory.last_set_A:.3g}")
    usual_V_s = trend.first_median(COMPARED)
    if usual_V_s is None:
        trend.usual(drift_V_s, COMPARED)
        return None
    if drift_V_s <= max(TIMES * usual_V_s, LEAST_V_s):
        return None
    return (
        f"at rest the voltage drifts by {drift_V_s * 3.6e6:.3g} mV/h, "
        f"was {usual_V_s * 3.6e6:.3g} mV/h"
    )


def slope(points: list[tuple[float, float]]) -> float:
    """Least-squares slope, V/s."""
    mean_t = sum(t for t, _ in points) / len(points)
    mean_V = sum(v for _, v in points) / len(points)
    spread = sum((t - mean_t) ** 2 for t, _ in points)
    return sum((t - mean_t) * (v - mean_V) for t, v in points) / spread if spread else 0.0
