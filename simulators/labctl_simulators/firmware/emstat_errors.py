"""One EmStat's own errors, drawn from its seed within what its model states."""

import random
from typing import NamedTuple

from labctl_simulators.firmware.calibration import within
from labctl_simulators.firmware.emstat_models import Accuracy, Device


class Stage(NamedTuple):
    """A source or a converter on one range: its gain, its offset, the noise's deviation."""

    gain: float
    offset: float
    noise: float

    def through(self, value: float) -> float:
        """What comes out without noise."""
        return self.gain * value + self.offset


class Errors:
    """Of the applied and the measured potential, and of the current on each range in A.

    `scale` 0 makes the instrument exact and quiet.
    """

    def __init__(self, device: Device, seed: int, scale: float) -> None:
        dice = random.Random(f"{device.name} {seed}")
        spans = sorted({value for table in device.current.values() for value in table.values()})
        volts, amperes = device.potential_accuracy, device.current_accuracy
        reach = max(window.high for window in device.windows.values())
        self.applied_V = _stage(dice, volts, scale, 1.0, reach)
        self.measured_V = _stage(dice, volts, scale, 1.0, reach)
        self.applied_A = {span: _stage(dice, amperes, scale, span, span) for span in spans}
        self.measured_A = {span: _stage(dice, amperes, scale, span, span) for span in spans}
        self.spectral = 5e-4 * scale
        """Deviation of a spectrum's real and imaginary part, as a share of |Z|."""


def _stage(
    dice: random.Random, accuracy: Accuracy, scale: float, offset_of: float, noise_of: float
) -> Stage:
    return Stage(
        1.0 + scale * within(dice, accuracy.gain),
        scale * within(dice, accuracy.offset) * offset_of,
        scale * accuracy.noise * noise_of,
    )
