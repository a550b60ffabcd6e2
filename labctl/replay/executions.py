"""A recording cut into the executions of its steps, each with its own clock."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from labctl.figures.charges import REST_SHARE, signs
from labctl.figures.recording import Column, Recording

HELD_WITHIN_V = 0.02
"""A step that begins where the one before it was to stop, and stays there so closely, holds."""
SLACK_S = 1e-6
INTERVAL_SLACK = 1.1


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of a step as it was recorded; `number` counts from 1.

    `tau_s` is the time of each reading since the step began, which was at `start_s`; it ended
    with its last reading. `sign` is its direction, 0 at rest.
    """

    number: int
    start_s: float
    sign: int
    tau_s: Sequence[float]
    voltage_V: Column
    current_A: Column

    @property
    def duration_s(self) -> float:
        """From its beginning to its last reading."""
        return self.tau_s[-1]

    @property
    def last_interval_s(self) -> float:
        """Between its last two readings; 0 where there is one."""
        return self.tau_s[-1] - self.tau_s[-2] if len(self.tau_s) > 1 else 0.0

    @property
    def charge_Ah(self) -> float:
        """What passed, signed, by the trapezoid; before its first reading as at it."""
        return _charge_As(self.tau_s, self.current_A) / 3600.0

    def at(self, tau_s: float) -> tuple[float, float]:
        """Voltage and current so long after its beginning, on a straight line between readings.

        Before the first reading as at it, after the last as at that.
        """
        after = bisect_right(self.tau_s, tau_s)
        if after == 0 or after == len(self.tau_s):
            place = max(after - 1, 0)
            return self.voltage_V[place], self.current_A[place]
        t0, t1 = self.tau_s[after - 1], self.tau_s[after]
        part = (tau_s - t0) / (t1 - t0)
        return (
            _between(self.voltage_V[after - 1], self.voltage_V[after], part),
            _between(self.current_A[after - 1], self.current_A[after], part),
        )

    def holds(self, voltage_V: float) -> bool:
        """Whether this voltage was held all the time."""
        return all(abs(each - voltage_V) <= HELD_WITHIN_V for each in self.voltage_V)


def executions_of(recording: Recording) -> tuple[list[Execution], int]:
    """The executions in order, by the recording's step counter, else by the current's direction;
    and how many were left out, because they are one reading and took no time.

    A step began when the step's own clock says so; without one, where the step before ended if it
    was read again within its own sampling interval, else with its first reading.
    """
    rest_A = REST_SHARE * max(abs(current) for current in recording.current_A)
    marks = recording.step_count
    if marks is None:
        marks = signs(recording)
    cut = [
        _execution(number, recording, first, after, rest_A)
        for number, (first, after) in enumerate(_pieces(marks), start=1)
    ]
    kept = [each for each in cut if each.duration_s > 0]
    return kept, len(cut) - len(kept)


def _pieces(marks: Sequence[float]) -> Iterator[tuple[int, int]]:
    changes = [k for k in range(1, len(marks)) if marks[k] != marks[k - 1]]
    return pairwise([0, *changes, len(marks)])


def _execution(
    number: int, recording: Recording, first: int, after: int, rest_A: float
) -> Execution:
    start_s = _start_s(recording, first, after)
    tau_s = [time_s - start_s for time_s in recording.test_time_s[first:after]]
    current_A = recording.current_A[first:after]
    mean_A = _charge_As(tau_s, current_A) / tau_s[-1] if tau_s[-1] > 0 else current_A[-1]
    sign = 0 if abs(mean_A) <= rest_A else 1 if mean_A > 0 else -1
    return Execution(number, start_s, sign, tau_s, recording.voltage_V[first:after], current_A)


def _start_s(recording: Recording, first: int, after: int) -> float:
    time_s = recording.test_time_s
    before_s = time_s[first - 1] if first else 0.0
    if recording.step_time_s is not None:
        begun_s = time_s[first] - max(recording.step_time_s[first], 0.0)
        if begun_s >= before_s - SLACK_S:
            return begun_s
        # else a clock that goes on through several steps
    interval_s = time_s[first + 1] - time_s[first] if first + 1 < after else 0.0
    soon = time_s[first] - before_s <= INTERVAL_SLACK * interval_s
    return before_s if soon else time_s[first]


def _charge_As(tau_s: Sequence[float], current_A: Column) -> float:
    charge_As = current_A[0] * tau_s[0]
    for k in range(1, len(tau_s)):
        charge_As += 0.5 * (current_A[k - 1] + current_A[k]) * (tau_s[k] - tau_s[k - 1])
    return charge_As


def _between(one: float, other: float, part: float) -> float:
    return one + (other - one) * part
