"""Shorts: like a wire at once, or soft, by a sudden step or by noise (science.md §5)."""

from labctl_protocols.engine.detect.memory import Memory, Noise
from labctl_protocols.engine.detect.seen import Seen

IN_A_ROW = 3
WIRE_LASTS_S = 10.0
WIRE_MOVES = 0.25
WIRE_V = 5e-3
WIRE_ohm_cm2 = 2.0
CELL_ohm_cm2 = 5.0
UNKNOWN_AREA_cm2 = 5.0
BELOW_WINDOW_V = 0.2
COLLAPSE_V_s = 0.05
LEAST_SHARE, FILM_SHARE, FILM_S = 0.01, 0.05, 600.0
RELAXED_S, REST_DROP_V_s = 1800.0, 0.1 / 600.0

STEP_SHARE, STEP_SIGMAS = 0.2, 5.0
LONGEST_GAP_S = 15.0
STEADY = 0.02

NOISE_TIMES = 5.0
NOISE_FLOOR = 0.1
WINDOW_S, WINDOW_LEAST = 60.0, 12
SETTLED_S = 60.0
QUIET_STEPS = (3, 5)


def wire(seen: Seen, memory: Memory) -> str | None:
    """Metal against metal: close to zero on the side that the current drives to, and staying there.

    A collector on its way from its open-circuit voltage to plating passes zero and goes on.
    """
    now_V, bound_V = seen.polarised_V, wire_bound_V(seen)
    if abs(now_V - memory.wire_V) > WIRE_MOVES * bound_V + seen.sigma_V:
        memory.held("hard_short", False, seen.now_s)
        memory.wire_V = now_V
    like = seen.flows and -3 * seen.sigma_V <= now_V < bound_V
    if seen.target_As and seen.passed_As < LEAST_SHARE * seen.target_As:
        like = False
    held = memory.held("hard_short", like, seen.now_s)
    if held and held.count >= IN_A_ROW and seen.now_s - held.since_s >= WIRE_LASTS_S:
        return f"{seen.reading.voltage_V:.4g} V at {seen.reading.current_A:.4g} A: a hard short"
    return None


def wire_bound_V(seen: Seen) -> float:
    """Below this a cell between two metals is a wire; 0 where the instrument could not tell.

    5 mV, and no more than 2 Ω·cm² would show: at a low current a healthy cell shows little, too.
    """
    least_V = abs(seen.constant_A) / (seen.area_cm2 or UNKNOWN_AREA_cm2)
    three_sigma_V = 3 * seen.sigma_V
    if three_sigma_V > CELL_ohm_cm2 * least_V:
        return 0.0
    return max(min(WIRE_V, WIRE_ohm_cm2 * least_V), three_sigma_V)


def collapse(seen: Seen, memory: Memory) -> str | None:
    """While it is charged, a cell with a cathode falls fast, or out of all that it was to see."""
    before, now_V = seen.before, seen.reading.voltage_V
    fast_V = float("inf")
    if before is not None:
        fast_V = COLLAPSE_V_s * (seen.now_s - before.time_s) + 2 * seen.error_V
    falls = before is not None and before.voltage_V - now_V > fast_V
    held = memory.held("hard_short", falls or _below_window(seen), seen.now_s)
    if held and held.count >= IN_A_ROW:
        return f"the voltage has collapsed to {now_V:.4g} V while charging"
    return None


def _below_window(seen: Seen) -> bool:
    """At first the films are built down there."""
    if seen.low_V is None or seen.reading.voltage_V >= seen.low_V - BELOW_WINDOW_V:
        return False
    share = LEAST_SHARE if seen.group_class in ("cycle", "diagnostic") else FILM_SHARE
    return seen.passed_As > share * seen.full_As if seen.full_As else seen.age_s > FILM_S


def short_at_rest(seen: Seen, memory: Memory, charged: bool) -> str | None:
    """A charged cell that loses its voltage at rest: 100 mV in 10 min once it has relaxed."""
    if not charged or seen.metals or not seen.main:
        return None
    voltage_V = seen.reading.voltage_V
    below = seen.low_V is not None and voltage_V < seen.low_V - BELOW_WINDOW_V
    then = [point for point in memory.course.points if point[0] <= seen.age_s - 300.0]
    falls = seen.age_s > RELAXED_S and bool(then)
    if falls:
        time_s, was_V = then[-1]
        falls = was_V - voltage_V > REST_DROP_V_s * (seen.age_s - time_s)
    held = memory.held("hard_short", below or falls, seen.now_s)
    if held and held.count >= IN_A_ROW:
        return f"at rest the charged cell has fallen to {voltage_V:.4g} V"
    return None


def soft_short_step(seen: Seen, memory: Memory) -> str | None:
    """The polarisation drops within one interval by a fifth, and stays so at the next reading."""
    before, now_V = seen.before, seen.polarised_V
    fallen_from_V, memory.fallen_from_V = memory.fallen_from_V, None
    if before is None or not _comparable(seen, before.current_A, before.time_s):
        memory.held("soft_short_step", False, seen.now_s)
        return None
    if fallen_from_V is not None:
        memory.held("soft_short_step", False, seen.now_s)
        if fallen_from_V - now_V > 0.5 * step_bound_V(seen, memory, fallen_from_V):
            return (
                f"the voltage stepped from {seen.step.sign * fallen_from_V:.4g} V "
                f"to {seen.reading.voltage_V:.4g} V at constant current"
            )
        return None
    before_V = seen.step.sign * before.voltage_V
    dropped = before_V > 0 and before_V - now_V > step_bound_V(seen, memory, before_V)
    memory.held("soft_short_step", dropped, seen.now_s)
    memory.fallen_from_V = before_V if dropped else None
    return None


def _comparable(seen: Seen, before_A: float, before_s: float) -> bool:
    if not seen.flows or seen.now_s - before_s > LONGEST_GAP_S:
        return False
    return abs(seen.reading.current_A - before_A) <= STEADY * abs(seen.constant_A)


def step_bound_V(seen: Seen, memory: Memory, polarised_V: float) -> float:
    """A fifth of the polarisation, of a cell with a cathode half its gap; five sigma at least."""
    if seen.metals:
        share_V = STEP_SHARE * polarised_V
    elif memory.gap_V is None:
        return float("inf")
    else:
        share_V = STEP_SHARE * 0.5 * memory.gap_V
    return max(share_V, STEP_SIGMAS * seen.sigma_V)


def soft_short_noise(seen: Seen, memory: Memory) -> str | None:
    """The voltage's noise is five times what it was in this direction's third to fifth step.

    At another current nothing is compared: bubbles and the like come with it.
    """
    if not seen.flows or seen.age_s < SETTLED_S:
        return None
    noise = memory.noise
    variance_V2 = _noise_of(seen, noise)
    if variance_V2 is None:
        return None
    side = memory.sides[seen.step.sign]
    if side.quiet_A != seen.constant_A and side.quiet_windows:
        return None
    if QUIET_STEPS[0] <= side.steps <= QUIET_STEPS[1]:
        side.quiet_A = seen.constant_A
        side.quiet_windows += 1
        side.quiet_V2 += variance_V2
        return None
    if side.steps < QUIET_STEPS[0] or not side.quiet_windows:
        return None
    quiet_V = max((side.quiet_V2 / side.quiet_windows) ** 0.5, NOISE_FLOOR * seen.sigma_V)
    noise.loud = noise.loud + 1 if variance_V2 > (NOISE_TIMES * quiet_V) ** 2 else 0
    if noise.loud < 2:
        return None
    return f"voltage noise {variance_V2**0.5 * 1e6:.3g} µV, usual are {quiet_V * 1e6:.3g} µV"


def _noise_of(seen: Seen, noise: Noise) -> float | None:
    """The variance over a window that is now full, else None.

    From neighbouring residuals of a straight line through three readings: white noise of variance
    σ² makes them anti-correlated by −(a + 1 − a')·σ², a bend of the curve makes them correlated.
    """
    first, middle, last = seen.earlier, seen.before, seen.reading
    if first is None or middle is None:
        return None
    share = (middle.time_s - first.time_s) / max(last.time_s - first.time_s, 1e-9)
    chord_V = first.voltage_V + share * (last.voltage_V - first.voltage_V)
    residual_V = middle.voltage_V - chord_V
    if noise.residual_V is not None:
        noise.sum_V2 -= noise.residual_V * residual_V
        noise.weight += noise.share + 1.0 - share
        noise.count += 1
    noise.residual_V, noise.share = residual_V, share
    if noise.since_s is None:
        noise.since_s = seen.now_s
    if seen.now_s - noise.since_s < WINDOW_S or noise.count < WINDOW_LEAST:
        return None
    variance_V2 = max(0.0, noise.sum_V2 / noise.weight)
    noise.since_s, noise.count, noise.sum_V2, noise.weight = seen.now_s, 0, 0.0, 0.0
    return variance_V2
