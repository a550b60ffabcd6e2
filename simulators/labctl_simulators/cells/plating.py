"""A cell with a metal electrode in it: two electrodes, a resistance, a temperature, troubles."""

from dataclasses import dataclass
from math import exp
from typing import Self

from labctl_simulators.cells.electrode import Electrode
from labctl_simulators.cells.opposite import Opposite
from labctl_simulators.cells.troubles import Course, Trouble
from labctl_simulators.ports import Ledger
from labctl_simulators.roots import rising_root

ZERO_CELSIUS_K = 273.15
WARMS_ABOVE_W = 1e-5
RETUNE_K = 0.05
TYPICAL_OHM = 30.0
OPEN_OHM = 1e12


@dataclass(frozen=True, slots=True)
class Body:
    """The cell around its electrodes. `sense` is +1 when a positive current plates."""

    sense: int
    resistance_ohm: float
    ambient_K: float
    heat_loss_W_K: float
    heat_capacity_J_K: float
    troubles: tuple[Trouble, ...] = ()
    seed: int = 0


class PlatingCell:
    """Collector against an opposite electrode; the ledger is the collector's.

    What is around it may change its temperature: `ambient_K` may be set at any time.

    Charge that passes a short, charges a bare surface or oxidises the collector plates nothing
    and is not in the ledger.
    """

    __slots__ = (
        "_age_s",
        "_body",
        "_course",
        "_is_open",
        "_ohm",
        "_short_S",
        "_tuned_K",
        "ambient_K",
        "collector",
        "opposite",
        "temperature_K",
    )

    def __init__(self, collector: Electrode, opposite: Opposite, body: Body) -> None:
        self.collector = collector
        self.opposite = opposite
        self._body = body
        self.ambient_K = body.ambient_K
        self.temperature_K = body.ambient_K
        self._age_s = 0.0
        self._ohm = body.resistance_ohm
        self._short_S, self._is_open = 0.0, False
        self._course = Course(body.troubles, body.seed) if body.troubles else None
        self._suffer()
        self._retune()

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        new = object.__new__(type(self))
        new.collector = self.collector.__deepcopy__(memo)
        new.opposite = self.opposite.__deepcopy__(memo)
        new._body = self._body
        new._age_s = self._age_s
        new._course = None if self._course is None else self._course.__deepcopy__(memo)
        new._ohm = self._ohm
        new._short_S = self._short_S
        new._is_open = self._is_open
        new._tuned_K = self._tuned_K
        new.ambient_K = self.ambient_K
        new.temperature_K = self.temperature_K
        return new

    @property
    def inventory_Ah(self) -> float:
        """Metal that can still go back and forth: on the collector and opposite to it."""
        return self.collector.metal_Ah + self.opposite.held_Ah

    def ledger(self) -> Ledger:
        """The collector's account so far."""
        side = self.collector
        return Ledger(side.plated_Ah, side.stripped_Ah, side.lost_Ah, self.opposite.supplied_Ah)

    def voltage(self, current_A: float) -> float:
        """Terminal voltage if this current flowed now."""
        if self._is_open:
            return OPEN_OHM * current_A
        sense = self._body.sense
        if self._short_S <= 0.0:
            return sense * self._across(sense * current_A)
        return sense * self._shorted_V(sense * current_A)

    def _across(self, plating_A: float) -> float:
        """Opposite electrode minus collector at this plating current, ohmic drop included."""
        drop_V = plating_A * (self._ohm + self.collector.film_ohm)
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
        course = self._course
        if course is None:
            self._step(dt_s, current_A)
            return
        left_s = dt_s
        while left_s > 0.0:
            part_s = min(left_s, course.next_edge_s(self._age_s))
            self._step(part_s, 0.0 if self._is_open else current_A)
            self._suffer()
            left_s -= part_s

    def _step(self, dt_s: float, current_A: float) -> None:
        body, short_S = self._body, self._short_S
        plating_A, slope_S = body.sense * current_A, 0.0
        if short_S > 0.0:
            plating_A -= short_S * self._shorted_V(plating_A)
            slope_S = short_S / (1.0 + short_S * (self._ohm + self.collector.film_ohm))
        heat_W = plating_A * plating_A * self._ohm
        if heat_W > WARMS_ABOVE_W or self.temperature_K != self.ambient_K:
            self._warm(dt_s, plating_A)
        self.collector.step(dt_s, plating_A, slope_S)
        self.opposite.step(dt_s, plating_A)
        self._age_s += dt_s

    def horizon_s(self, current_A: float) -> float:
        """For how long, at this current, the voltage will move by less than 1 mV."""
        plating_A = 0.0 if self._is_open else self._body.sense * current_A
        if self._short_S > 0.0:
            plating_A -= self._short_S * self._shorted_V(plating_A)
        horizon_s = self.collector.horizon_s(plating_A)
        horizon_s = min(horizon_s, self.opposite.horizon_s(plating_A))
        if self._course is not None:
            horizon_s = min(horizon_s, self._course.next_edge_s(self._age_s))
        return horizon_s

    def _warm(self, dt_s: float, plating_A: float) -> None:
        """Heat at the electrodes and in the resistance against what the case gives off."""
        body = self._body
        resting_V = self.opposite.resting_V - self.collector.resting_V
        heat_W = plating_A * (self._across(plating_A) - resting_V)
        settled_K = self.ambient_K + heat_W / body.heat_loss_W_K
        decay = exp(-dt_s * body.heat_loss_W_K / body.heat_capacity_J_K)
        self.temperature_K = settled_K + (self.temperature_K - settled_K) * decay
        if abs(self.temperature_K - self.ambient_K) < 1e-4 and heat_W <= WARMS_ABOVE_W:
            self.temperature_K = self.ambient_K
        if abs(self.temperature_K - self._tuned_K) > RETUNE_K:
            self._retune()

    def _retune(self) -> None:
        self._tuned_K = self.temperature_K
        self.collector.set_temperature(self.temperature_K)
        self.opposite.set_temperature(self.temperature_K)

    def _suffer(self) -> None:
        """Take what troubles there are now."""
        if self._course is None:
            return
        effects = self._course.effects(self._age_s, self.collector.plated_Ah)
        self._short_S, self._is_open = effects.conductance_S, effects.is_open
        self._ohm = self._body.resistance_ohm + effects.resistance_ohm
        self.collector.hasten_self_discharge(effects.self_discharge_per_h)
