"""What a reading means: within limits, still the right cell, step over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labctl_drivers.vocabulary import Ratings, Reading
from labctl_protocols.engine.account import accuracy_of
from labctl_protocols.engine.detect.contact import LOST_CURRENT
from labctl_protocols.engine.ends import Crossing, Progress, first_crossing
from labctl_protocols.engine.state import StepState
from labctl_protocols.plan import End, Limits, Names

Errors = tuple[float, float]
"""The maker's limits of error of a reading: (V, A)."""


NEARLY = 0.98
"""An instrument that ends a step by its own clock and counter does so this near the end."""
ZERO_CELSIUS_K = 273.15


@dataclass(frozen=True, slots=True)
class Over:
    """A step is over: by an end; by what `word` says; or because the current flows against the
    drive (neither)."""

    crossing: Crossing | None
    reason: str
    confirm: bool = False
    word: str = ""


SKIPPED = Over(None, "skipped by the operator", word="skipped")


def errors_of(reading: Reading, ratings: Ratings) -> Errors:
    """The maker's limits of error of this reading."""
    volt = accuracy_of(reading.voltage_range_V, ratings.voltage_ranges)
    ampere = accuracy_of(reading.current_range_A, ratings.current_ranges)
    return (
        volt.gain * abs(reading.voltage_V) + volt.offset,
        ampere.gain * abs(reading.current_A) + ampere.offset,
    )


def limit_tripped(
    reading: Reading, limits: Limits, step: StepState, errors: Errors
) -> dict[str, str | float] | None:
    """The limit that this reading crosses, as the event's data; None when all is well.

    A voltage limit trips only when the current drives the cell further out; also when the
    instrument has to hold the cell at the limit in a step that does not end on a voltage.
    """
    error_V, error_A = errors
    current = reading.current_A
    if limits.current_A is not None and abs(current) > limits.current_A + error_A:
        return _trip("current", current, limits.current_A, "A")
    if step.type == "rest":
        return None
    at_limit = step.set_voltage_V is None and reading.regulating == "voltage"
    # where the instrument itself holds the limit, a reading within its error of it is a crossing
    margin = -2 * error_V if at_limit else error_V
    out = current > error_A or (at_limit and step.sign > 0)
    if limits.high_V is not None and out and reading.voltage_V > limits.high_V + margin:
        return _trip("voltage", reading.voltage_V, limits.high_V, "V")
    down = current < -error_A or (at_limit and step.sign < 0)
    if limits.low_V is not None and down and reading.voltage_V < limits.low_V - margin:
        return _trip("voltage", reading.voltage_V, limits.low_V, "V")
    return None


def inside(voltage_V: float, limits: Limits) -> bool:
    """Whether a voltage to be driven to lies within the limits; NaN does not."""
    low = limits.low_V is None or voltage_V >= limits.low_V
    return low and (limits.high_V is None or voltage_V <= limits.high_V)


def beyond_limit(voltage_V: float, sign: int, limits: Limits) -> dict[str, str | float] | None:
    """The limit that a cell at rest already lies beyond, in the direction of the next drive."""
    if sign > 0 and limits.high_V is not None and voltage_V > limits.high_V:
        return _trip("voltage", voltage_V, limits.high_V, "V")
    if sign < 0 and limits.low_V is not None and voltage_V < limits.low_V:
        return _trip("voltage", voltage_V, limits.low_V, "V")
    return None


def temperature_beyond(temperature_K: float, limits: Limits) -> dict[str, str | float] | None:
    """The limit that this temperature is beyond."""
    low_K, high_K = limits.temperature_low_K, limits.temperature_high_K
    limit_K = None
    if high_K is not None and temperature_K > high_K:
        limit_K = high_K
    elif low_K is not None and temperature_K < low_K:
        limit_K = low_K
    if limit_K is None:
        return None
    value, limit = (f"{kelvin - ZERO_CELSIUS_K:.5g} degC" for kelvin in (temperature_K, limit_K))
    text = f"temperature {value} crosses the limit {limit}"
    return {"quantity": "temperature", "value": temperature_K, "limit": limit_K, "text": text}


def _trip(quantity: str, value: float, limit: float, unit: str) -> dict[str, str | float]:
    text = f"{quantity} {value:.6g} {unit} crosses the limit {limit:.6g} {unit}"
    return {"quantity": quantity, "value": value, "limit": limit, "text": text}


def step_over(
    reading: Reading,
    step: StepState,
    until: Sequence[End],
    progress: Progress,
    names: Names,
    errors: Errors,
) -> Over | None:
    """Whether the step ends with this reading, and why."""
    if step.skip:
        return SKIPPED
    if step.sign and step.sign * reading.current_A < -2 * errors[1]:
        return Over(None, "the current flows against the drive: the cell is already past the end")
    crossing = first_crossing(until, progress, names) or held_at_target(
        reading, step, until, progress, errors[0]
    )
    if crossing is None:
        return None
    expected_A = None
    if crossing.end.kind == "voltage":
        expected_A = step.set_current_A
    elif crossing.end.kind == "current":
        expected_A = step.targets[crossing.index]
    return Over(crossing, crossing.end.text, confirm=starved(reading, expected_A))


def ended_by_itself(step: StepState, until: Sequence[End], progress: Progress) -> Over | None:
    """The end that an instrument which executes the step by itself has reached; None when it has
    ended before any.
    """
    passed = {
        "time": progress.now.time_s - progress.started_s,
        "charge": progress.now.charge_As,
    }
    for index, (end, target) in enumerate(zip(until, progress.targets, strict=True)):
        if target is None:
            continue
        if passed.get(end.kind, 0.0) >= NEARLY * target > 0:
            return Over(Crossing(index, end, 1.0), f"{end.text}, counted by the instrument")
        beyond_V = step.sign * (progress.now.voltage_V - target)
        if end.kind == "voltage" and step.sign and beyond_V >= 0:
            # an instrument that cuts off there cannot wait for how long it stays so
            return Over(Crossing(index, end, 1.0), f"{end.text}, cut off by the instrument")
    return None


def cut_off(
    reading: Reading, step: StepState, until: Sequence[End], tripped: Mapping[str, str | float]
) -> bool:
    """Whether the instrument has ended the step by itself at a voltage at which it was to end: how
    far the cell went beyond that, over a limit too, is its overshoot, and over.
    """
    return (reading.ended and tripped["quantity"] == "voltage") and any(
        end.kind == "voltage"
        and target is not None
        and step.sign * (reading.voltage_V - target) >= 0
        for end, target in zip(until, step.targets, strict=True)
    )


def starved(reading: Reading, expected_A: float | None) -> bool:
    """Whether so little current flows that the contact may as well be lost."""
    return expected_A is not None and abs(reading.current_A) < LOST_CURRENT * abs(expected_A)


def held_at_target(
    reading: Reading, step: StepState, until: Sequence[End], progress: Progress, error_V: float
) -> Crossing | None:
    """The voltage end, where the instrument says that it holds that voltage.

    The first part of CC-CV ends so; and a target at a limit, which no reading may ever pass.
    """
    target = step.set_voltage_V
    if reading.regulating != "voltage" or target is None or step.type in ("hold", "then_hold"):
        return None
    short_V = step.sign * (target - progress.now.voltage_V)
    if not progress.band_V and short_V > 2 * error_V:
        return None
    for index, end in enumerate(until):
        if end.kind == "voltage" and end.held is None and progress.targets[index] == target:
            return Crossing(index, end, 1.0)
    return None
