"""What a scanner reads of the sensors at its channels: errors, noise, open leads, units.

Each channel has an error of its own with each kind of sensor, normal with half the maker's limit
as standard deviation, never beyond the limit. A scanner is told which sensor is there; it is taken
to be that one: a wrong setting of it reads as right.
"""

import random
from collections.abc import Mapping
from math import inf, isfinite

from labctl_simulators.firmware.calibration import within
from labctl_simulators.ports import Probe

ZERO_CELSIUS_K = 273.15
NOISE_K = 0.01


class Thermometry:
    """The probes at the channels, as one instrument sees them.

    `limits`: kind of sensor → how far off a reading may be, K. `scale` 0 makes it exact.
    """

    def __init__(
        self, probes: Mapping[int, Probe], limits: Mapping[str, float], seed: int, scale: float
    ) -> None:
        if scale < 0.0:
            raise ValueError(f"instrument_error = {scale:g}: it cannot be negative")
        self.probes = dict(probes)
        self._limits = limits
        self._seed = seed
        self._scale = scale
        self._noise = random.Random(f"noise {seed}")
        self._errors: dict[tuple[int, str], float] = {}

    def degC(self, channel: int, sensor: str, at: float, nplc: float = 1.0) -> float:
        """A reading in °C; infinite where there is no sensor or a broken one."""
        probe = self.probes.get(channel)
        true_K = inf if probe is None else probe.temperature_K(at)
        if not isfinite(true_K):
            return inf
        noise_K = self._scale * self._noise.gauss(0.0, NOISE_K / max(nplc, 1e-3) ** 0.5)
        return true_K - ZERO_CELSIUS_K + self._error_K(channel, sensor) + noise_K

    def spread(self, sigma: float) -> float:
        """Noise about zero, as of leads at which there is no signal."""
        return self._scale * self._noise.gauss(0.0, sigma)

    def _error_K(self, channel: int, sensor: str) -> float:
        found = self._errors.get((channel, sensor))
        if found is None:
            dice = random.Random(f"{self._seed} {channel} {sensor}")
            found = self._scale * within(dice, self._limits[sensor])
            self._errors[channel, sensor] = found
        return found


def in_unit(degC: float, unit: str) -> float:
    """°C in °F or K; `unit` by its first letter."""
    if unit[0] == "F":
        return degC * 1.8 + 32.0
    return degC + ZERO_CELSIUS_K if unit[0] == "K" else degC
