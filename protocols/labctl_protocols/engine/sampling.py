"""When to read next, and which readings become rows."""

import math
from dataclasses import dataclass

from labctl_protocols.engine.ends import Progress, Sample, seconds_to
from labctl_protocols.plan import End, Record

DRIVEN_S = 10.0
REST_S = 60.0
FASTEST_S = 0.2
SOONEST_S = 1e-3
READINGS_IN_WINDOW = 10
MOST_GROWTH = 16.0
SHARE_OF_AGE = 0.05


def next_reading(
    record: Record,
    driven: bool,
    fastest_s: float,
    until: tuple[End, ...],
    progress: Progress,
    limits_V: tuple[float | None, ...],
    window_s: float = 0.0,
) -> float:
    """The time of the next reading: next sample, time end or predicted charge end, the earliest.

    The period is halved while a voltage or current would arrive within two periods, and while the
    voltage is about to move by more than the recorded change in one: what happens between two
    readings cannot be integrated. A drive is sampled by its age at first: that shows nucleation,
    and keeps what one interval may hide small against a short step's charge. A slope over
    `window_s` needs some readings in it.
    """
    longest = DRIVEN_S if driven else REST_S
    period = min(record.every_s or longest, longest)
    if window_s:
        period = min(period, window_s / READINGS_IN_WINDOW)
    floor = min(period, max(FASTEST_S, fastest_s))
    if driven:
        age = progress.now.time_s - progress.started_s
        period = min(period, max(floor, age * SHARE_OF_AGE))
    soonest = due = math.inf
    for limit in limits_V:
        if limit is not None:
            soonest = _sooner(soonest, seconds_to("voltage", limit, progress))
    for end, target in zip(until, progress.targets, strict=True):
        if target is None:
            continue
        if end.kind == "time" or end.kind == "charge":
            due = _sooner(due, seconds_to(end.kind, target, progress))
        else:
            soonest = _sooner(soonest, seconds_to(end.kind, target, progress))
    if driven and record.change_V:
        slope = coming_slope(progress)
        # as if the recorded change were a target that must not come within one period
        soonest = min(soonest, 2 * record.change_V / slope) if slope else soonest
    while period > floor and soonest < 2 * period:
        period /= 2
    # a reading a rounding error before its due time must not be due again at once
    return progress.now.time_s + min(max(period, floor), max(due, SOONEST_S))


def _sooner(than: float, seconds: float | None) -> float:
    return than if seconds is None or not 0.0 <= seconds < than else seconds


def coming_slope(progress: Progress) -> float:
    """|dV/dt| to be expected until the next reading.

    Where the metal runs out the voltage turns away like a logarithm: what it did in one interval
    says little, how much more than in the one before says when the current will break down.
    """
    slope = voltage_slope(progress.before, progress.now)
    if progress.before is None:
        return slope
    was = voltage_slope(progress.earlier, progress.before)
    growth = slope / was if was else 1.0
    return slope * min(max(growth * growth, 1.0), MOST_GROWTH)


def voltage_slope(before: Sample | None, now: Sample) -> float:
    """|dV/dt| between two readings; 0 when there is only one."""
    if before is None or now.time_s <= before.time_s:
        return 0.0
    return abs(now.voltage_V - before.voltage_V) / (now.time_s - before.time_s)


@dataclass(slots=True)
class LastRow:
    """The last recorded reading."""

    time_s: float
    voltage_V: float
    current_A: float


def is_recorded(record: Record, last: LastRow | None, now: Sample) -> bool:
    """Whether this reading becomes a row by the rule (first and last of a step always do)."""
    if last is None or record.all:
        return True
    # half a floor of slack: a reading due at 10 s arrives some milliseconds before or after
    if record.every_s is not None and now.time_s - last.time_s >= record.every_s - FASTEST_S / 2:
        return True
    if record.change_V is not None and abs(now.voltage_V - last.voltage_V) >= record.change_V:
        return True
    return record.change_A is not None and abs(now.current_A - last.current_A) >= record.change_A
