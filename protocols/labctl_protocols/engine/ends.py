"""When a step is over: crossings between the last two readings, the earliest wins."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from labctl_protocols.plan import End, Names

ORDER = {"voltage": 1, "current": 2, "charge": 3, "time": 4, "condition": 5}


@dataclass(slots=True)
class Sample:
    """A reading as the engine keeps it; `charge_As` is the step's, positive in its direction."""

    time_s: float
    voltage_V: float
    current_A: float
    charge_As: float = 0.0
    time_error_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Crossing:
    """An end that fired: its index in `until` and where between the last two readings (0 … 1)."""

    index: int
    end: End
    fraction: float


@dataclass(slots=True)
class Progress:
    """What ends are judged by: direction, own start, the frozen targets, the last two readings.

    `earlier` is the reading before those two, for how fast the voltage gets faster.
    """

    sign: int
    started_s: float
    targets: Sequence[float | None]
    before: Sample | None
    now: Sample
    band_V: float = 0.0
    earlier: Sample | None = None


def freeze_targets(until: Sequence[End], names: Names) -> list[float | None]:
    """The bare targets' values as the step begins; None for conditions and unknown values."""
    frozen: list[float | None] = []
    for end in until:
        value = None if end.kind == "condition" else end.expression.evaluate(names)
        frozen.append(None if value is None or math.isnan(value) else float(value))
    return frozen


def first_crossing(until: Sequence[End], progress: Progress, names: Names) -> Crossing | None:
    """The end that fires now, if any: earliest crossing, ties by voltage, current, charge, time."""
    best: Crossing | None = None
    best_key = (2.0, 99)
    for index, end in enumerate(until):
        if end.kind == "condition":
            fired = end.expression.evaluate(names) is True
            fraction = 1.0
        else:
            target = progress.targets[index]
            if target is None:
                continue
            fired, fraction = crossed(end.kind, target, progress)
        if end.held is not None:
            held = names.held(end.held.guard, fired, end.held.seconds, end.held.cycles)
            fired, fraction = held is True, 1.0
        if fired and (fraction, ORDER[end.kind]) < best_key:
            best_key = (fraction, ORDER[end.kind])
            best = Crossing(index, end, fraction)
    return best


def crossed(kind: str, target: float, progress: Progress) -> tuple[bool, float]:
    """Whether a bare target is reached, and at which fraction of the last interval."""
    now, before = progress.now, progress.before
    if kind == "voltage":
        over = progress.sign * (now.voltage_V - target) + progress.band_V
        was = (
            None
            if before is None
            else progress.sign * (before.voltage_V - target) + progress.band_V
        )
    elif kind == "current":
        over = target - abs(now.current_A)
        was = None if before is None else target - abs(before.current_A)
    elif kind == "charge":
        over = now.charge_As - target
        was = None if before is None else before.charge_As - target
    else:
        over = now.time_s - progress.started_s - target
        was = None if before is None else before.time_s - progress.started_s - target
    if over < 0:
        return False, 1.0
    if was is None or was >= 0 or over <= was:
        return True, 1.0 if was is None else 0.0
    return True, min(1.0, -was / (over - was))


def interpolate(before: Sample | None, now: Sample, fraction: float) -> Sample:
    """The cell between two readings."""
    if before is None:
        return now
    return Sample(
        *(
            a + (b - a) * fraction
            for a, b in (
                (before.time_s, now.time_s),
                (before.voltage_V, now.voltage_V),
                (before.current_A, now.current_A),
                (before.charge_As, now.charge_As),
            )
        )
    )


def seconds_to(kind: str, target: float, progress: Progress) -> float | None:
    """How long until a bare target is reached if all goes on as between the last two readings.

    None when it moves away from the target or nothing is known.
    """
    now, before = progress.now, progress.before
    if kind == "time":
        return progress.started_s + target - now.time_s
    if kind == "charge":
        return (target - now.charge_As) / abs(now.current_A) if now.current_A else None
    if before is None or now.time_s <= before.time_s:
        return None
    if kind == "voltage":
        away = progress.sign * (target - now.voltage_V)
        speed = progress.sign * (now.voltage_V - before.voltage_V)
    else:
        away = abs(now.current_A) - target
        speed = abs(before.current_A) - abs(now.current_A)
    if speed <= 0:
        return None
    return away * (now.time_s - before.time_s) / speed
