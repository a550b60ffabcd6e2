"""What a source-measure unit can source and measure, and how well: the form of the tables."""

from dataclasses import dataclass

from labctl_drivers.vocabulary import RangeAccuracy


@dataclass(frozen=True, slots=True)
class VoltageRange:
    """A voltage range: limits of error of what is measured and of what is sourced."""

    measure: RangeAccuracy
    source_gain: float
    source_offset: float

    @property
    def full_scale(self) -> float:
        """Of the range, V."""
        return self.measure.full_scale

    def error_V(self, voltage_V: float) -> float:
        """By how much a sourced and then measured voltage may differ from what was set."""
        gain = self.source_gain + self.measure.gain
        return gain * abs(voltage_V) + self.source_offset + self.measure.offset


@dataclass(frozen=True, slots=True)
class Model:
    """One model: ranges in ascending order, and the corners (V, A) that its power allows.

    `usable` is how much of a range's full scale is used as a limit, `least` the smallest current
    limit as a part of the smallest range; `first_V` is a voltage range that holds any cell's.
    """

    name: str
    volts: tuple[VoltageRange, ...]
    amps: tuple[RangeAccuracy, ...]
    corners: tuple[tuple[float, float], ...]
    usable: float = 1.04
    least: float = 1e-3
    first_V: float = 20.0
    channels: int = 1

    @property
    def max_voltage_V(self) -> float:
        """The largest magnitude that it sources."""
        return max(voltage for voltage, _ in self.corners)

    @property
    def least_A(self) -> float:
        """The smallest current limit."""
        return self.amps[0].full_scale * self.least

    def max_current_A(self, voltage_V: float) -> float:
        """The largest magnitude that it sources or sinks at that voltage; 0 beyond its voltage."""
        return max((a for v, a in self.corners if abs(voltage_V) <= v), default=0.0)


def volts(*rows: tuple[float, float, float, float, float]) -> tuple[VoltageRange, ...]:
    """Voltage ranges: full scale, measuring gain and offset, sourcing gain and offset."""
    return tuple(VoltageRange(RangeAccuracy(f, mg, mo), sg, so) for f, mg, mo, sg, so in rows)


def amps(*rows: tuple[float, float, float]) -> tuple[RangeAccuracy, ...]:
    """Current ranges: full scale, measuring gain and offset."""
    return tuple(RangeAccuracy(*row) for row in rows)
