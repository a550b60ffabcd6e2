"""One instrument's own errors: what it sources and reads instead of the truth.

Gain and offset for source, limit and measurement, on each range and for each polarity (the
instruments are calibrated separately at + and − full scale and at +0 and −0; what is measured has
one zero), normal with half the maker's one-year limit as standard deviation, redrawn until inside
the limit, so that every drawn instrument is within its specification.
"""

import random

from labctl_simulators.firmware.models import Model, Quantity, Range

Error = tuple[float, float]
Polarities = tuple[Error, Error]
QUANTITIES: tuple[Quantity, Quantity] = ("VOLT", "CURR")


def within(dice: random.Random, limit: float) -> float:
    """An error with half the limit as standard deviation, never beyond the limit."""
    while True:
        drawn = dice.gauss(0.0, 0.5 * limit)
        if abs(drawn) <= limit:
            return drawn


class Calibration:
    """The errors of one instrument, drawn from its seed; `scale` 0 makes it exact."""

    def __init__(self, model: Model, seed: int, scale: float) -> None:
        dice = random.Random(f"{model.name} {seed}")
        self.source = {q: [_source(dice, r, scale) for r in model.ranges(q)] for q in QUANTITIES}
        self.limit = {q: [_source(dice, r, scale) for r in model.ranges(q)] for q in QUANTITIES}
        self.measure = {q: [_measure(dice, r, scale) for r in model.ranges(q)] for q in QUANTITIES}


def _source(dice: random.Random, span: Range, scale: float) -> Polarities:
    return _pair(dice, span.source_gain * scale, span.source_offset * scale)


def _measure(dice: random.Random, span: Range, scale: float) -> Polarities:
    plus, (minus_gain, _) = _pair(dice, span.measure_gain * scale, span.measure_offset * scale)
    # one converter has one zero: a reading must not step where the quantity changes its sign
    return plus, (minus_gain, plus[1])


def _pair(dice: random.Random, gain: float, offset: float) -> Polarities:
    positive = (1 + within(dice, gain), within(dice, offset))
    return positive, (1 + within(dice, gain), within(dice, offset))


def apply(errors: Polarities, value: float) -> float:
    """What comes out of a stage with these errors when this value goes in."""
    gain, offset = errors[value < 0]
    return gain * value + offset
