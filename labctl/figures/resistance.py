"""Direct-current resistance: the voltage that a change of current costs after a stated time."""

from dataclasses import dataclass

from labctl.figures.recording import Recording

NEAR = 0.3
"""Share of Δt by which the nearest reading may miss it."""
ENDS_BY = 0.02
"""Share of Δt by which a pulse's last reading may come before it."""
STEADY = 0.02


@dataclass(frozen=True, slots=True)
class DirectResistance:
    """(V(t₀+Δt) − V(t₀−)) / ΔI with Δt as stated; t₀ is the last reading before the change."""

    at_s: float
    after_s: float
    change_A: float
    resistance_ohm: float


def direct_resistance(
    recording: Recording,
    before: int,
    after_s: float,
    changed_s: float | None = None,
    last: int | None = None,
) -> DirectResistance | None:
    """The resistance after the change that follows reading `before`; science.md §4.

    The time counts from `changed_s`, by default the first reading at the new current; `last` is
    the last reading at it, by default the recording's. None where no reading is close enough, or
    the current does not stay within 2 % of its change until then.
    """
    current_A, first = recording.current_A, before + 1
    last = len(recording) - 1 if last is None else last
    if first > last:
        return None
    change_A = current_A[first] - current_A[before]
    begun_s = recording.test_time_s[first] if changed_s is None else changed_s
    found = _voltage_at(recording, first, last, begun_s + after_s, after_s)
    if change_A == 0 or found is None:
        return None
    row, voltage_V = found
    if any(abs(a - current_A[first]) > STEADY * abs(change_A) for a in current_A[first : row + 1]):
        return None
    rise_V = voltage_V - recording.voltage_V[before]
    return DirectResistance(recording.test_time_s[before], after_s, change_A, rise_V / change_A)


def _voltage_at(
    recording: Recording, first: int, last: int, at_s: float, after_s: float
) -> tuple[int, float] | None:
    """The voltage at that time, and the last reading that it is from; None: none is near."""
    time_s, voltage_V = recording.test_time_s, recording.voltage_V
    later = next((k for k in range(first, last + 1) if time_s[k] >= at_s), None)
    if later is None:
        return (last, voltage_V[last]) if at_s - time_s[last] <= ENDS_BY * after_s else None
    earlier = max(later - 1, first)
    if min(time_s[later] - at_s, abs(at_s - time_s[earlier])) > NEAR * after_s:
        return None
    gap_s = time_s[later] - time_s[earlier]
    part = (at_s - time_s[earlier]) / gap_s if gap_s > 0 else 1.0
    return later, voltage_V[earlier] + part * (voltage_V[later] - voltage_V[earlier])
