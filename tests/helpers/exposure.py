"""What a simulated cell is exposed to: extremes at its terminals over every step of its model."""

from dataclasses import dataclass
from typing import Any

from labctl_simulators.terminals import Terminals

DRIVEN_A = 1e-6
"""Less than that is the instrument's own: it drives the cell nowhere."""
MARGIN_V, MARGIN = 6e-3, 0.02
"""More than a source is off."""


@dataclass
class Exposure:
    """Voltages only while a current drives the cell further that way; V, A, Ah, s.

    `beyond_V_s` is how long it was driven outside the limits, `beyond_A_s` how long with more than
    `limit_A`; for either, a margin is that of an instrument's accuracy.
    """

    low_limit_V: float
    high_limit_V: float
    limit_A: float
    low_V: float = 0.0
    high_V: float = 0.0
    most_A: float = 0.0
    charge_Ah: float = 0.0
    driven_s: float = 0.0
    beyond_V_s: float = 0.0
    beyond_A_s: float = 0.0

    def add(self, seconds: float, voltage_V: float, current_A: float) -> None:
        """So it was for so long."""
        self.most_A = max(self.most_A, abs(current_A))
        self.charge_Ah += current_A * seconds / 3600.0
        if abs(current_A) < DRIVEN_A:
            return
        self.driven_s += seconds
        if current_A > 0:
            self.high_V = max(self.high_V, voltage_V)
        else:
            self.low_V = min(self.low_V, voltage_V)
        outwards_V = (
            voltage_V - self.high_limit_V if current_A > 0 else self.low_limit_V - voltage_V
        )
        if outwards_V > MARGIN_V:
            self.beyond_V_s += seconds
        if abs(current_A) > self.limit_A * (1 + MARGIN):
            self.beyond_A_s += seconds


def watch_exposure(terminals: Terminals, *limits: float) -> Exposure:
    """Begin to watch these terminals; the limits as in `Exposure`."""
    seen = Exposure(*limits)

    class Watched(Terminals):
        """Terminals that keep what their cell was exposed to."""

        __slots__ = ()

        def _force_current(self, regime: Any, left_s: float) -> float:
            took_s = super()._force_current(regime, left_s)
            seen.add(took_s, self.cell.voltage(regime.value), regime.value)
            return took_s

        def _force_voltage(self, regime: Any, left_s: float) -> float:
            before_A = self._current_at(self.cell, regime.value)
            took_s = super()._force_voltage(regime, left_s)
            for current_A in (before_A, self._last_A):
                seen.add(took_s / 2, regime.value, current_A)
            return took_s

    terminals.__class__ = Watched
    return seen
