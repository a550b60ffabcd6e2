"""A cell with a metal electrode in it: two electrodes, a resistance, a temperature, a short."""

from dataclasses import dataclass
from math import exp, inf
from typing import Self

from labctl_simulators.cells.electrode import Electrode
from labctl_simulators.cells.opposite import Opposite
from labctl_simulators.ports import Ledger
from labctl_simulators.roots import rising_root

ZERO_CELSIUS_K = 273.15
WARMS_ABOVE_W = 1e-5
RETUNE_K = 0.05
NEVER = inf
TYPICAL_OHM = 30.0


@dataclass(frozen=True, slots=True)
class Short:
    """An electronic path beside the cell, from an age or from a plated charge on, for a while."""

    conductance_S: float
    from_s: float = NEVER
    from_plated_Ah: float = NEVER
    for_s: float = NEVER


@dataclass(frozen=True, slots=True)
class Body:
    """The cell around its electrodes. `sense` is +1 when a positive current plates."""

    sense: int
    resistance_ohm: float
    ambient_K: float
    heat_loss_W_K: float
    heat_capacity_J_K: float
    shorts: tuple[Short, ...] = ()


class PlatingCell:
    """Collector against an opposite electrode; the ledger is the collector's.

    Charge that passes a short, charges a bare surface or oxidises the collector plates nothing
    and is not in the ledger.
    """

    __slots__ = (
        "_age_s",
        "_body",
        "_onsets_s",
        "_short_S",
        "_tuned_K",
        "collector",
        "opposite",
        "temperature_K",
    )

    def __init__(self, collector: Electrode, opposite: Opposite, body: Body) -> None:
        self.collector = collector
        self.opposite = opposite
        self._body = body
        self.temperature_K = body.ambient_K
        self._age_s = 0.0
        self._onsets_s = [short.from_s for short in body.shorts]
        self._short_S = self._conductance_S()
        self._retune()

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        new = object.__new__(type(self))
        new.collector = self.collector.__deepcopy__(memo)
        new.opposite = self.opposite.__deepcopy__(memo)
        new._body = self._body
        new._age_s = self._age_s
        new._onsets_s = self._onsets_s.copy() if self._onsets_s else self._onsets_s
        new._short_S = self._short_S
        new._tuned_K = self._tuned_K
        new.temperature_K = self.temperature_K
        return new

    @property
    def inventory_Ah(self) -> float:
        """Metal that can still go back and forth: on the collector and opposite to it."""
        return self.collector.metal_Ah + self.opposite.held_Ah

    def ledger(self) -> Ledger:
        """The collector's account so far."""
        side = self.collector
        return Ledger(side.plated_Ah, side.stripped_Ah, side.lost_Ah)

    def voltage(self, current_A: float) -> float:
        """Terminal voltage if this current flowed now."""
        sense = self._body.sense
        if self._short_S <= 0.0:
            return sense * self._across(sense * current_A)
        return sense * self._shorted_V(sense * current_A)

    def _across(self, plating_A: float) -> float:
        """Opposite electrode minus collector at this plating current, ohmic drop included."""
        drop_V = plating_A * (self._body.resistance_ohm + self.collector.film_ohm)
        return self.opposite.potential(plating_A) - self.collector.potential(plating_A) + drop_V

    def _shorted_V(self, terminal_A: float) -> float:
        short_S = self._short_S

        def excess(across_V: float) -> float:
            return across_V - self._across(terminal_A - short_S * across_V)

        resting_V = self._across(0.0)
        guess_V = resting_V + (terminal_A - short_S * resting_V) / (1.0 / TYPICAL_OHM + short_S)
        return rising_root(excess, guess_V, 1e-12, 1e-3)

    def step(self, dt_s: float, current_A: float) -> None:
        """Let this current flow for that long."""
        left_s = dt_s
        while left_s > 0.0:
            part_s = min(left_s, self._next_onset_s()) if self._onsets_s else left_s
            self._step(part_s, current_A)
            left_s -= part_s

    def _step(self, dt_s: float, current_A: float) -> None:
        body, short_S = self._body, self._short_S
        plating_A, slope_S = body.sense * current_A, 0.0
        if short_S > 0.0:
            plating_A -= short_S * self._shorted_V(plating_A)
            slope_S = short_S / (1.0 + short_S * (body.resistance_ohm + self.collector.film_ohm))
        heat_W = plating_A * plating_A * body.resistance_ohm
        if heat_W > WARMS_ABOVE_W or self.temperature_K != body.ambient_K:
            self._warm(dt_s, plating_A)
        self.collector.step(dt_s, plating_A, slope_S)
        self.opposite.step(dt_s, plating_A)
        self._age_s += dt_s
        if self._onsets_s:
            self._short_S = self._conductance_S()

    def horizon_s(self, current_A: float) -> float:
        """For how long, at this current, the voltage will move by less than 1 mV."""
        plating_A = self._body.sense * current_A
        if self._short_S > 0.0:
            plating_A -= self._short_S * self._shorted_V(plating_A)
        horizon_s = self.collector.horizon_s(plating_A)
        horizon_s = min(horizon_s, self.opposite.horizon_s(plating_A))
        if self._onsets_s:
            horizon_s = min(horizon_s, self._next_onset_s())
        return horizon_s

    def _warm(self, dt_s: float, plating_A: float) -> None:
        """Heat at the electrodes and in the resistance against what the case gives off."""
        body = self._body
        resting_V = self.opposite.resting_V - self.collector.resting_V
        heat_W = plating_A * (self._across(plating_A) - resting_V)
        settled_K = body.ambient_K + heat_W / body.heat_loss_W_K
        decay = exp(-dt_s * body.heat_loss_W_K / body.heat_capacity_J_K)
        self.temperature_K = settled_K + (self.temperature_K - settled_K) * decay
        if abs(self.temperature_K - body.ambient_K) < 1e-4 and heat_W <= WARMS_ABOVE_W:
            self.temperature_K = body.ambient_K
        if abs(self.temperature_K - self._tuned_K) > RETUNE_K:
            self._retune()

    def _retune(self) -> None:
        self._tuned_K = self.temperature_K
        self.collector.set_temperature(self.temperature_K)
        self.opposite.set_temperature(self.temperature_K)

    def _conductance_S(self) -> float:
        """All shorts that are there now; notes the onset of those that a plated charge brings."""
        total_S = 0.0
        for index, short in enumerate(self._body.shorts):
            if self._onsets_s[index] > self._age_s and (
                self.collector.plated_Ah >= short.from_plated_Ah
            ):
                self._onsets_s[index] = self._age_s
            if self._onsets_s[index] <= self._age_s < self._onsets_s[index] + short.for_s:
                total_S += short.conductance_S
        return total_S

    def _next_onset_s(self) -> float:
        """Until the next short comes or goes by age; never zero."""
        nearest_s = NEVER
        for onset_s, short in zip(self._onsets_s, self._body.shorts, strict=True):
            for edge_s in (onset_s, onset_s + short.for_s):
                if edge_s > self._age_s:
                    nearest_s = min(nearest_s, edge_s - self._age_s)
        return max(nearest_s, 1e-6)
