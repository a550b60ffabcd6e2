"""The air of a temperature chamber: a set point that it follows with inertia, a room around it.

A controlled chamber is drawn to its aim as a first-order lag whose rate of change is limited; a
chamber that is off drifts to the room as a plain lag. Both are solved exactly, so that asking
about the future changes nothing.
"""

from dataclasses import dataclass
from math import copysign, exp, inf
from typing import NamedTuple

from labctl_simulators.probes import ROOM_K


@dataclass(frozen=True, slots=True)
class Inertia:
    """How a chamber follows: its time constant, s, and the fastest change, K/s, when driven.

    `drift_s` is the time constant of its way back to the room. Raises ValueError unless all are
    positive.
    """

    lag_s: float = 120.0
    ramp_K_s: float = 3.0 / 60.0
    drift_s: float = 3600.0
    room_K: float = ROOM_K

    def __post_init__(self) -> None:
        for name in ("lag_s", "ramp_K_s", "drift_s", "room_K"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} = {getattr(self, name):g}: it must be positive")


class Aim(NamedTuple):
    """From a time on, where the chamber is driven to; None lets it drift to the room."""

    from_s: float
    target_K: float | None


def approach(start_K: float, target_K: float, lag_s: float, ramp_K_s: float, dt_s: float) -> float:
    """Where a lag with a limited rate gets to in a time."""
    away_K = start_K - target_K
    beyond_K = abs(away_K) - ramp_K_s * lag_s
    if beyond_K > 0.0:
        ramped_s = min(dt_s, beyond_K / ramp_K_s)
        away_K = copysign(abs(away_K) - ramp_K_s * ramped_s, away_K)
        dt_s -= ramped_s
    return target_K + away_K * exp(-dt_s / lag_s)


class Air:
    """A chamber's air, a `Probe`: what it was told to do by when, and where that leads."""

    def __init__(self, inertia: Inertia, now: float) -> None:
        self.inertia = inertia
        self._at_s = now
        self._kelvin = inertia.room_K
        self._aims: list[Aim] = [Aim(now, None)]

    def temperature_K(self, now: float) -> float:
        """Its temperature at a time; before the last command, as it was then."""
        kelvin, at_s = self._kelvin, self._at_s
        for place, aim in enumerate(self._aims):
            until_s = self._aims[place + 1].from_s if place + 1 < len(self._aims) else inf
            end_s = min(max(now, at_s), until_s)
            kelvin = self._moved(kelvin, aim.target_K, end_s - at_s)
            at_s = end_s
            if until_s > now:
                break
        return kelvin

    def target_K(self, now: float) -> float | None:
        """Where it is driven to at a time; None while it drifts."""
        return [aim.target_K for aim in self._aims if aim.from_s <= max(now, self._at_s)][-1]

    def drive(self, now: float, *aims: Aim) -> None:
        """From now on, these aims in their order of time, the first at once."""
        self._kelvin = self.temperature_K(now)
        self._at_s = max(now, self._at_s)
        self._aims = [aims[0]._replace(from_s=self._at_s), *aims[1:]]

    def _moved(self, kelvin: float, target_K: float | None, dt_s: float) -> float:
        inertia = self.inertia
        if target_K is None:
            return approach(kelvin, inertia.room_K, inertia.drift_s, inf, dt_s)
        return approach(kelvin, target_K, inertia.lag_s, inertia.ramp_K_s, dt_s)
