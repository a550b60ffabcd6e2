"""How much charge and energy pass between two readings, and to which of them they belong.

Between readings the trapezoid holds. Where a step begins in between, each side has its own
current: for as long as the step's own clock says, else for half of the gap each, which is
unbiased whether the file's writer records the ends of steps or their beginnings.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from labctl.figures.recording import Recording

REST_SHARE = 1e-3
"""Currents below this share of the greatest one are rests (science.md §4)."""
STEP_CLOCK_SLACK_S = 1e-3


class Share(NamedTuple):
    """What one reading has of the gap beside it: signed, in A·s and J; and for how long."""

    charge_As: float
    energy_J: float
    duration_s: float


def signs(recording: Recording, rest_A: float | None = None) -> Sequence[int]:
    """1 charging, −1 discharging, 0 at rest, for each reading."""
    if rest_A is None:
        rest_A = REST_SHARE * max((abs(current) for current in recording.current_A), default=0.0)
    return [
        0 if abs(current) <= rest_A else 1 if current > 0 else -1 for current in recording.current_A
    ]


def shares(recording: Recording) -> Iterator[tuple[Share, Share]]:
    """For each gap between readings: what the reading before it and the one after it have."""
    time_s, voltage_V, current_A = recording.test_time_s, recording.voltage_V, recording.current_A
    for k in range(1, len(recording)):
        after_s = _of_the_later(recording, k)
        before_s = time_s[k] - time_s[k - 1] - after_s
        yield (
            _share(before_s, voltage_V[k - 1], current_A[k - 1]),
            _share(after_s, voltage_V[k], current_A[k]),
        )


def _of_the_later(recording: Recording, k: int) -> float:
    gap_s = recording.test_time_s[k] - recording.test_time_s[k - 1]
    if recording.step_time_s is not None:
        in_step_s = max(recording.step_time_s[k], 0.0)
        if in_step_s < gap_s - STEP_CLOCK_SLACK_S:
            return in_step_s
    return gap_s / 2


def _share(duration_s: float, voltage_V: float, current_A: float) -> Share:
    charge_As = current_A * duration_s
    return Share(charge_As, charge_As * voltage_V, duration_s)


def counted_shares(recording: Recording, driven: Sequence[int]) -> Iterator[tuple[Share, Share]]:
    """The same by the instrument's own counters; voltages and times stay the readings'."""
    charging_Ah, discharging_Ah = recording.charging_Ah, recording.discharging_Ah
    if charging_Ah is None or discharging_Ah is None:
        raise ValueError("the recording has no counters")
    for k, (before, after) in enumerate(shares(recording), start=1):
        counted_As = {
            1: (charging_Ah[k] - charging_Ah[k - 1]) * 3600.0,
            -1: (discharging_Ah[k - 1] - discharging_Ah[k]) * 3600.0,
            0: 0.0,
        }
        if driven[k] == driven[k - 1]:
            total_As = before.charge_As + after.charge_As
            part = before.charge_As / total_As if total_As else 0.5
            parts_As = counted_As[driven[k]] * part, counted_As[driven[k]] * (1 - part)
        else:
            parts_As = counted_As[driven[k - 1]], counted_As[driven[k]]
        yield (
            Share(parts_As[0], parts_As[0] * recording.voltage_V[k - 1], before.duration_s),
            Share(parts_As[1], parts_As[1] * recording.voltage_V[k], after.duration_s),
        )
