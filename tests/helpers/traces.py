"""Synthetic recordings whose figures are known in closed form."""

from collections.abc import Callable
from dataclasses import dataclass

from labctl.figures.recording import Recording

Voltage = Callable[[float], float]
"""Voltage against the time since the step began, in V and s."""


@dataclass
class Trace:
    """Columns that grow by steps of constant current, a reading at each step's start and end."""

    every_s: float = 10.0

    def __post_init__(self) -> None:
        self.now_s = 0.0
        self.columns: tuple[list[float], list[float], list[float]] = ([], [], [])

    def step(self, current_A: float, duration_s: float, voltage: Voltage | float) -> "Trace":
        """Append a step; its voltage is a number or a function of the step's time."""
        count = max(round(duration_s / self.every_s), 1)
        for n in range(count + 1):
            step_s = duration_s * n / count
            self._row(step_s, voltage(step_s) if callable(voltage) else voltage, current_A)
        self.now_s += duration_s
        return self

    def row(self, current_A: float, voltage_V: float) -> "Trace":
        """Append one reading, now."""
        self._row(0.0, voltage_V, current_A)
        return self

    def _row(self, step_s: float, voltage_V: float, current_A: float) -> None:
        for column, value in zip(
            self.columns, (self.now_s + step_s, voltage_V, current_A), strict=True
        ):
            column.append(value)

    @property
    def recording(self) -> Recording:
        """What was built."""
        return Recording(*self.columns)


def ramp(start_V: float, end_V: float, duration_s: float) -> Voltage:
    """A straight line of voltage."""
    return lambda step_s: start_V + (end_V - start_V) * step_s / duration_s
