"""Direct-current resistance: the voltage that a change of current costs after a stated time."""

from collections.abc import Iterator
from dataclasses import dataclass

from labctl.figures.recording import Column, Recording


@dataclass(frozen=True, slots=True)
class DirectResistance:
    """(V(t₀+Δt) − V(t₀−)) / ΔI with Δt as stated; t₀ is the last reading before the change."""

    at_s: float
    after_s: float
    change_A: float
    resistance_ohm: float


def current_changes(recording: Recording, least_A: float) -> Iterator[int]:
    """The last reading before each change of current by at least so much."""
    current_A = recording.current_A
    for k in range(len(current_A) - 1):
        if abs(current_A[k + 1] - current_A[k]) >= least_A:
            yield k


def direct_resistance(
    recording: Recording, before: int, after_s: float, steady: float = 0.02
) -> DirectResistance | None:
    """The resistance after the change that follows reading `before`; science.md §4.

    The time counts from the first reading at the new current. None where the recording ends
    sooner, or the current does not stay within `steady` of its change until then.
    """
    time_s, current_A = recording.test_time_s, recording.current_A
    first = before + 1
    if first >= len(recording):
        return None
    change_A = current_A[first] - current_A[before]
    until_s = time_s[first] + after_s
    last = first
    while last < len(recording) and time_s[last] < until_s:
        last += 1
    if change_A == 0 or last == len(recording):
        return None
    if any(abs(a - current_A[first]) > steady * abs(change_A) for a in current_A[first : last + 1]):
        return None
    voltage = _between(time_s, recording.voltage_V, last, until_s)
    rise_V = voltage - recording.voltage_V[before]
    return DirectResistance(time_s[before], after_s, change_A, rise_V / change_A)


def _between(time_s: Column, voltage_V: Column, later: int, at_s: float) -> float:
    gap_s = time_s[later] - time_s[later - 1] if later else 0.0
    if gap_s <= 0:
        return voltage_V[later]
    part = (at_s - time_s[later - 1]) / gap_s
    return voltage_V[later - 1] + part * (voltage_V[later] - voltage_V[later - 1])
