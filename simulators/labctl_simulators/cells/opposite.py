"""What faces the collector: a foil of the metal, an electrode like it, or a cathode."""

from copy import deepcopy
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

    @property
    def supplied_Ah(self) -> float:
        """Metal that came from elsewhere than the host: an additive."""


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

    @property
    def supplied_Ah(self) -> float:
        """Nothing."""
        return 0.0


class Cathode:
    """A host of the metal: open-circuit curve by its fraction held, Butler–Volmer, its content.

    An empty host oxidises the electrolyte at its last potential; a full one takes no more: either
    charge is in `other_Ah`, positive when it oxidises. An additive gives its metal once, at the
    potential of its own, when the host has risen to that; nothing takes it back but the host.

    Always: charge passed = content at the start − content now + supplied + other.
    """

    __slots__ = (
        "_curve",
        "_exchange_A",
        "_kinetic_V",
        "_knee_Ah",
        "_per_K",
        "_sites_Ah",
        "additive_Ah",
        "content_Ah",
        "other_Ah",
        "supplied_Ah",
    )

    def __init__(
        self,
        curve: Curve,
        sites_Ah: float,
        content_Ah: float,
        exchange_A: float,
        electrons: int,
        additive_Ah: float = 0.0,
        additive_V: float = 0.0,
    ) -> None:
        self._curve = curve
        self._sites_Ah = sites_Ah
        self.content_Ah = content_Ah
        self._exchange_A = exchange_A
        self._per_K = 2.0 * GAS_J_MOL_K / (electrons * FARADAY_C_MOL)
        self._kinetic_V = self._per_K * ROOM_K
        self.additive_Ah = additive_Ah
        self._knee_Ah = sites_Ah * fraction_at(curve, additive_V) if additive_Ah > 0.0 else 0.0
        self.supplied_Ah = self.other_Ah = 0.0

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
        passed_Ah = current_A * dt_s / 3600.0
        if self.additive_Ah > 0.0 and passed_Ah > 0.0:
            released_Ah = self._from_additive(passed_Ah)
            self.additive_Ah -= released_Ah
            self.supplied_Ah += released_Ah
            passed_Ah -= released_Ah
        wanted_Ah = self.content_Ah - passed_Ah
        self.content_Ah = min(self._sites_Ah, max(0.0, wanted_Ah))
        self.other_Ah += self.content_Ah - wanted_Ah

    def _from_additive(self, passed_Ah: float) -> float:
        """Of a charge, what the additive gives: all beyond the host's knee, while there is some."""
        from_host_Ah = max(0.0, self.content_Ah - self._knee_Ah)
        return min(self.additive_Ah, max(0.0, passed_Ah - from_host_Ah))

    def _content_after(self, dt_s: float, current_A: float) -> float:
        passed_Ah = current_A * dt_s / 3600.0
        if self.additive_Ah > 0.0 and passed_Ah > 0.0:
            passed_Ah -= self._from_additive(passed_Ah)
        return min(self._sites_Ah, max(0.0, self.content_Ah - passed_Ah))

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


def fraction_at(curve: Curve, volts: float) -> float:
    """The fraction held at which a charging host has risen to this potential.

    Raises ValueError when the potential is not between the half-full and the empty host's.
    """
    low, high = 0.0, 0.5
    if not curve(high) < volts < curve(low):
        raise ValueError(
            f"an additive at {volts:g} V: the host goes from {curve(high):.2f} V "
            f"to {curve(low):.2f} V"
        )
    while high - low > 1e-15:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if curve(middle) > volts else (low, middle)
    return high


class Tap:
    """A cathode that two pairs of terminals share, as one of them (`mine`) sees it.

    The other's current, that of its last step, flows through the cathode and its resistance too.
    """

    __slots__ = ("_cathode", "_currents_A", "_mine", "_ohm")

    def __init__(self, cathode: Cathode, currents_A: list[float], mine: int, ohm: float) -> None:
        self._cathode = cathode
        self._currents_A = currents_A
        self._mine = mine
        self._ohm = ohm

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        # by way of deepcopy, so that two taps copied together still share their cathode
        cathode, currents_A = deepcopy(self._cathode, memo), deepcopy(self._currents_A, memo)
        return type(self)(cathode, currents_A, self._mine, self._ohm)

    def potential(self, current_A: float) -> float:
        """Potential against the metal, V."""
        beside_A = self._currents_A[1 - self._mine]
        return self._cathode.potential(current_A + beside_A) + beside_A * self._ohm

    def step(self, dt_s: float, current_A: float) -> None:
        """Let the current flow for that long."""
        self._currents_A[self._mine] = current_A
        self._cathode.step(dt_s, current_A)

    def horizon_s(self, current_A: float) -> float:
        """For how long the potential will surely move by less than 1 mV by this current alone."""
        return self._cathode.horizon_s(current_A)

    def set_temperature(self, temperature_K: float) -> None:
        """Thermal voltage of the cathode."""
        self._cathode.set_temperature(temperature_K)

    @property
    def resting_V(self) -> float:
        """The open-circuit curve's value, V."""
        return self._cathode.resting_V

    @property
    def held_Ah(self) -> float:
        """The metal in the host."""
        return self._cathode.held_Ah

    @property
    def supplied_Ah(self) -> float:
        """What the cathode's additive gave."""
        return self._cathode.supplied_Ah
