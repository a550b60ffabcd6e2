"""What faces the collector: a foil of the metal, an electrode like it, or a cathode."""

from math import asinh
from typing import Protocol, Self

from labctl_simulators.cells.cathodes import Curve
from labctl_simulators.cells.electrode import FARADAY_C_MOL, GAS_J_MOL_K, ROOM_K, Electrode

HORIZON_V = 2.5e-4


class Opposite(Protocol):
    """The other electrode. Currents are the collector's: positive takes metal from this one."""

    def potential(self, current_A: float) -> float:
        """Potential against the metal, V; rises with the current."""

    def step(self, dt_s: float, current_A: float) -> None:
        """Let the current flow for that long."""

    def horizon_s(self, current_A: float) -> float:
        """For how long the potential will surely move by less than 1 mV."""

    def set_temperature(self, temperature_K: float) -> None:
        """Kinetics at this temperature."""

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """A copy for trial steps."""

    @property
    def resting_V(self) -> float:
        """Potential that no current and no gradient would leave, V."""

    @property
    def held_Ah(self) -> float:
        """Metal that could still be plated from here."""


class Facing:
    """A second metal electrode, seen from the collector: it strips while that one plates."""

    __slots__ = ("electrode",)

    def __init__(self, electrode: Electrode) -> None:
        self.electrode = electrode

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return type(self)(self.electrode.__deepcopy__(memo))

    def potential(self, current_A: float) -> float:
        """Potential against the metal, V."""
        return self.electrode.potential(-current_A)

    def step(self, dt_s: float, current_A: float) -> None:
        """Let the current flow for that long."""
        self.electrode.step(dt_s, -current_A)

    def horizon_s(self, current_A: float) -> float:
        """For how long the potential will surely move by less than 1 mV."""
        return self.electrode.horizon_s(-current_A)

    def set_temperature(self, temperature_K: float) -> None:
        """Kinetics at this temperature."""
        self.electrode.set_temperature(temperature_K)

    @property
    def resting_V(self) -> float:
        """Potential that no current and no gradient would leave, V."""
        return self.electrode.resting_V

    @property
    def held_Ah(self) -> float:
        """The metal on it."""
        return self.electrode.metal_Ah


class Cathode:
    """A host of the metal: open-circuit curve by its fraction held, Butler–Volmer, its content.

    An empty host oxidises the electrolyte at its last potential; a full one takes no more.
    """

    __slots__ = ("_curve", "_exchange_A", "_kinetic_V", "_per_K", "_sites_Ah", "content_Ah")

    def __init__(
        self, curve: Curve, sites_Ah: float, content_Ah: float, exchange_A: float, electrons: int
    ) -> None:
        self._curve = curve
        self._sites_Ah = sites_Ah
        self.content_Ah = content_Ah
        self._exchange_A = exchange_A
        self._per_K = 2.0 * GAS_J_MOL_K / (electrons * FARADAY_C_MOL)
        self._kinetic_V = self._per_K * ROOM_K

    def __deepcopy__(self, memo: object) -> Self:
        new = object.__new__(type(self))
        for name in Cathode.__slots__:
            setattr(new, name, getattr(self, name))
        return new

    def potential(self, current_A: float) -> float:
        """Potential against the metal, V."""
        fraction = self.content_Ah / self._sites_Ah
        return self._curve(fraction) + self._kinetic_V * asinh(0.5 * current_A / self._exchange_A)

    def step(self, dt_s: float, current_A: float) -> None:
        """Let the current flow for that long."""
        self.content_Ah = self._content_after(dt_s, current_A)

    def _content_after(self, dt_s: float, current_A: float) -> float:
        content_Ah = self.content_Ah - current_A * dt_s / 3600.0
        return min(self._sites_Ah, max(0.0, content_Ah))

    def horizon_s(self, current_A: float) -> float:
        """For how long the potential will surely move by less than 1 mV."""
        if current_A == 0.0:
            return 600.0
        here_V = self._curve(self.content_Ah / self._sites_Ah)
        longest_s = 300.0
        for _ in range(4):
            content_Ah = self._content_after(longest_s, current_A)
            moved_V = abs(self._curve(content_Ah / self._sites_Ah) - here_V)
            if moved_V <= HORIZON_V:
                return longest_s
            longest_s *= max(0.02, 0.7 * HORIZON_V / moved_V)
        return longest_s

    def set_temperature(self, temperature_K: float) -> None:
        """Thermal voltage only: the host's own kinetics stand for a resistance."""
        self._kinetic_V = self._per_K * temperature_K

    @property
    def resting_V(self) -> float:
        """The open-circuit curve's value, V."""
        return self._curve(self.content_Ah / self._sites_Ah)

    @property
    def held_Ah(self) -> float:
        """The metal in the host."""
        return self.content_Ah
