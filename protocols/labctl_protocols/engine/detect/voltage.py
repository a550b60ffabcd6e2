"""The overpotential: running away within a step, or closer or wider from cycle to cycle."""

from statistics import median

from labctl_protocols.engine.detect.memory import Memory, Trend, trend_of
from labctl_protocols.engine.detect.seen import Seen

GUARD_V = {"half": 1.0, "symmetric": 2.0}
MIDDLE = (0.2, 0.8)
LEAST_POINTS = 6
COMPARED = 5
CLOSER, CLOSER_CYCLES = 0.7, 2
WIDER, WIDER_V, WIDER_CYCLES = 2.0, 0.2, 3


def voltage_divergence(seen: Seen, memory: Memory) -> str | None:
    """Plating (in a symmetric cell: either way) beyond any overpotential: the ions run out."""
    guard_V = GUARD_V[seen.kind]
    held = memory.held("voltage_divergence", seen.polarised_V > guard_V, seen.now_s)
    if held and held.count >= 2:
        return f"{seen.reading.voltage_V:.4g} V is beyond {guard_V:g} V"
    return None


def enter_plateau(seen: Seen, memory: Memory) -> Trend | None:
    """Enter the ended step's plateau; with one of the other direction, the trend of their gap.

    The gap is between the medians over the middle of the charge. Only steps of the same currents
    are compared. `fallen` and `grown` of the trend then count the cycles.
    """
    points = memory.course.between(*MIDDLE)
    if not (seen.constant_A and seen.main and seen.group_class == "cycle"):
        return None
    if len(points) < LEAST_POINTS:
        return None
    side, other = memory.sides[seen.step.sign], memory.sides[-seen.step.sign]
    side.plateau_V = median(voltage_V for _, voltage_V in points)
    side.plateau_A = seen.constant_A
    if other.plateau_V is None:
        return None
    gap_V = seen.step.sign * (side.plateau_V - other.plateau_V)
    key = " ".join(f"{amps:.3g}" for amps in sorted((side.plateau_A, other.plateau_A)))
    side.plateau_V = other.plateau_V = None
    trend = trend_of(memory.trends, key)
    _judge(seen, trend, gap_V)
    memory.gap_V = gap_V
    return trend


def _judge(seen: Seen, trend: Trend, gap_V: float) -> None:
    lately_V, at_first_V = trend.last_median(COMPARED), trend.first_median(COMPARED)
    closer = lately_V is not None and gap_V < CLOSER * lately_V - seen.sigma_V
    closer = closer and seen.metals
    wider = at_first_V is not None and gap_V > wide_V(at_first_V, seen)
    trend.fallen = trend.fallen + 1 if closer else 0
    trend.grown = trend.grown + 1 if wider else 0
    if not closer:
        trend.usual(gap_V, COMPARED)


def wide_V(at_first_V: float, seen: Seen) -> float:
    """Twice the first gap; in a cell with a cathode also what 100 mV more each way would give."""
    doubled_V = WIDER * at_first_V
    if not seen.metals:
        doubled_V = min(doubled_V, at_first_V + WIDER_V)
    return max(doubled_V, at_first_V + 6 * seen.sigma_V)


def soft_short_hysteresis(trend: Trend, memory: Memory) -> str | None:
    """The gap is 30 % less than in the five cycles before, in two cycles running."""
    if trend.fallen < CLOSER_CYCLES:
        return None
    return f"the voltages of both directions are {_mV(memory)} apart, were {_mV_of(trend.last)}"


def polarisation(trend: Trend, memory: Memory) -> str | None:
    """The gap is twice that of the first five cycles, in three cycles running."""
    if trend.grown < WIDER_CYCLES:
        return None
    return f"the voltages of both directions are {_mV(memory)} apart, were {_mV_of(trend.first)}"


def _mV(memory: Memory) -> str:
    return f"{(memory.gap_V or 0.0) * 1e3:.4g} mV"


def _mV_of(values: list[float]) -> str:
    return f"{median(values) * 1e3:.4g} mV"
