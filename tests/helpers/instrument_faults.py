"""What an instrument may do wrong, in front of the closed-form bench: freeze, drive otherwise."""

import dataclasses
import random
from dataclasses import dataclass, field

from helpers.engine_bench import Bench
from labctl_drivers.vocabulary import Reading


@dataclass
class Noisy(Bench):
    """Reads with noise on a last digit, as instruments do."""

    noise_V: float = 2e-6
    noise_A: float = 2e-9
    digit_V: float = 1e-6
    digit_A: float = 1e-9
    dice: random.Random = field(default_factory=lambda: random.Random(0))

    def read(self, at_s: float) -> Reading:
        seen = super().read(at_s)
        return dataclasses.replace(
            seen,
            voltage_V=self._digits(seen.voltage_V, self.noise_V, self.digit_V),
            current_A=self._digits(seen.current_A, self.noise_A, self.digit_A),
        )

    def _digits(self, value: float, noise: float, digit: float) -> float:
        return round((value + self.dice.gauss(0.0, noise)) / digit) * digit


@dataclass
class Freezes(Noisy):
    """Says the same for so many readings from the given one on."""

    after: int = 200
    readings: int = 10**9
    count: int = 0
    kept: Reading | None = None

    def read(self, at_s: float) -> Reading:
        seen = super().read(at_s)
        self.count += 1
        if self.kept is None or not 0 < self.count - self.after <= self.readings:
            self.kept = seen
        return dataclasses.replace(
            seen, voltage_V=self.kept.voltage_V, current_A=self.kept.current_A
        )


@dataclass
class Deviates(Noisy):
    """Drives this many times the current that was set."""

    times: float = 1.0

    def source(self) -> tuple[float, float]:
        bound, limit = super().source()
        return bound, limit * self.times
