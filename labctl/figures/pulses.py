"""Pulses and pauses of a recording: DCIR, ICI and GITT wherever the current changes so.

science.md §2 j, §4. What a change of current gives is told where readings are close enough to it:
nothing is made up between readings that are far apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from labctl.figures.charges import REST_SHARE
from labctl.figures.interruption import interruption
from labctl.figures.recording import Recording
from labctl.figures.resistance import direct_resistance
from labctl.figures.titration import pulse

Json = dict[str, object]
AFTER_S = (0.1, 1.0, 10.0)
"""Δt of the DCIR (science.md §2 j)."""
LEAST_CHANGE = 0.01
"""Share of the recording's greatest current by which a change of current must change it."""
ANOTHER_LEVEL = 0.05
"""Share of a file's current between two readings that begins another stretch."""
SHORTEST_TITRATION_S = 60.0
RESTED = 0.9
"""How long a titration's rests last at least, in pulses."""
SKIPPED_SHARE = 0.05
"""Of a titration's pulse, in which charge transfer is still settling."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Readings `first` to `last` of a recording between two changes of the output.

    `begun_s`: when the output changed; `held`: a voltage was held, not a current.
    """

    first: int
    last: int
    begun_s: float
    held: bool = False


def stretches_of_file(recording: Recording) -> list[Stretch]:
    """A file's stretches: a new one where its step clock starts again, or its current jumps."""
    time_s, current_A, step_s = (
        recording.test_time_s,
        recording.current_A,
        recording.step_time_s,
    )
    least_A = _rest_A(recording)
    firsts = [0]
    for k in range(1, len(recording)):
        level_A = max(abs(current_A[k]), abs(current_A[k - 1]), least_A)
        jumped = abs(current_A[k] - current_A[k - 1]) > ANOTHER_LEVEL * level_A + least_A
        if jumped or (step_s is not None and step_s[k] < step_s[k - 1]):
            firsts.append(k)
    return [
        Stretch(first, beyond - 1, _begun_s(time_s, step_s, first))
        for first, beyond in pairwise([*firsts, len(recording)])
    ]


def _begun_s(time_s: Sequence[float], step_s: Sequence[float] | None, first: int) -> float:
    """By the step's own clock where there is one that began after the reading before."""
    if step_s is None or first == 0:
        return time_s[first]
    return max(time_s[first] - max(step_s[first], 0.0), time_s[first - 1])


def _rest_A(recording: Recording) -> float:
    return REST_SHARE * max((abs(current) for current in recording.current_A), default=0.0)


def pulses_json(recording: Recording, stretches: Sequence[Stretch]) -> dict[str, list[Json]]:
    """`dcir`: R after each change of current; `ici`: of each pause; `gitt`: of each pulse."""
    return {
        "dcir": list(_direct(recording, stretches)),
        "ici": list(_interruptions(recording, stretches)),
        "gitt": list(_titrations(recording, stretches)),
    }


def _at_json(recording: Recording, stretch: Stretch) -> Json:
    """When it was, and the state of the cell just before."""
    before = stretch.first - 1
    net_mAh = None
    if recording.charging_Ah is not None and recording.discharging_Ah is not None:
        net_mAh = 1e3 * (recording.charging_Ah[before] - recording.discharging_Ah[before])
    return {
        "at_s": stretch.begun_s,
        "net_charge_mAh": net_mAh,
        "before_V": recording.voltage_V[before],
        "before_mA": 1e3 * recording.current_A[before],
        "after_mA": 1e3 * recording.current_A[stretch.first],
    }


def _direct(recording: Recording, stretches: Sequence[Stretch]) -> Iterator[Json]:
    greatest_A = max((abs(current) for current in recording.current_A), default=0.0)
    for stretch in stretches[1:]:
        before = stretch.first - 1
        change_A = recording.current_A[stretch.first] - recording.current_A[before]
        if stretch.held or abs(change_A) < LEAST_CHANGE * greatest_A or change_A == 0:
            continue
        found = [
            direct_resistance(recording, before, after_s, stretch.begun_s, stretch.last)
            for after_s in AFTER_S
        ]
        if any(found):
            yield {
                **_at_json(recording, stretch),
                **{
                    f"r_{after_s:g}s_ohm": None if each is None else each.resistance_ohm
                    for after_s, each in zip(AFTER_S, found, strict=True)
                },
            }


def _interruptions(recording: Recording, stretches: Sequence[Stretch]) -> Iterator[Json]:
    rest_A = _rest_A(recording)
    for driven, pause in pairwise(stretches):
        if driven.held or not _is_rest(recording, pause, rest_A) or driven.last == driven.first:
            continue
        if _is_rest(recording, driven, rest_A):
            continue
        rows = range(pause.first, pause.last + 1)
        found = interruption(
            recording.voltage_V[driven.last],
            recording.current_A[driven.last],
            [recording.test_time_s[k] - pause.begun_s for k in rows],
            [recording.voltage_V[k] for k in rows],
        )
        if found is not None:
            yield {
                **_at_json(recording, pause),
                "resistance_ohm": found.resistance_ohm,
                "diffusion_ohm_per_sqrt_s": found.diffusion_ohm_per_sqrt_s,
                "residual_V": found.residual_V,
                "readings": found.readings,
            }


def _titrations(recording: Recording, stretches: Sequence[Stretch]) -> Iterator[Json]:
    """Pulses in a row of one direction, each between rests that last as long or longer."""
    rest_A = _rest_A(recording)
    resting = [_is_rest(recording, each, rest_A) for each in stretches]
    for n in range(1, len(stretches) - 1):
        before, driven, after = stretches[n - 1 : n + 2]
        if not (resting[n - 1] and not resting[n] and resting[n + 1]) or driven.held:
            continue
        lasted_s = after.begun_s - driven.begun_s
        rests_s = (driven.begun_s - before.begun_s, _lasted_s(recording, stretches, n + 1))
        alone = not any(
            0 <= m < len(stretches)
            and not resting[m]
            and recording.current_A[stretches[m].first] * recording.current_A[driven.first] > 0
            for m in (n - 2, n + 2)
        )
        if lasted_s < SHORTEST_TITRATION_S or min(rests_s) < RESTED * lasted_s or alone:
            continue
        told = _titration_json(recording, driven, after, lasted_s)
        if told is not None:
            yield told


def _titration_json(
    recording: Recording, driven: Stretch, after: Stretch, lasted_s: float
) -> Json | None:
    rows = range(driven.first, driven.last + 1)
    found = pulse(
        recording.voltage_V[driven.first - 1],
        [recording.test_time_s[k] - driven.begun_s for k in rows],
        [recording.voltage_V[k] for k in rows],
        recording.voltage_V[after.last],
        skip_s=SKIPPED_SHARE * lasted_s,
    )
    if found is None:
        return None
    current_A = recording.current_A[driven.last]
    return {
        **_at_json(recording, driven),
        "duration_s": lasted_s,
        "relaxed_V": found.relaxed_V,
        "change_relaxed_V": found.change_relaxed_V,
        "change_transient_V": found.change_transient_V,
        "resistance_ohm": found.ohmic_V / current_A,
        "diffusion_per_length2_per_s": found.diffusion_m2_per_s(1.0),
    }


def _lasted_s(recording: Recording, stretches: Sequence[Stretch], n: int) -> float:
    if n + 1 < len(stretches):
        return stretches[n + 1].begun_s - stretches[n].begun_s
    return recording.test_time_s[stretches[n].last] - stretches[n].begun_s


def _is_rest(recording: Recording, stretch: Stretch, rest_A: float) -> bool:
    return abs(recording.current_A[(stretch.first + stretch.last) // 2]) <= rest_A
