"""A source on a cell: which current flows, and what the cell becomes while time passes.

The source is in one of two regimes: it forces a current while the voltage stays inside a window,
or it forces a voltage while the current stays inside one. The change from one to the other is
located in time. Under a forced voltage the current is solved implicitly (its mean over a sub-step
must lead to its own end value), because an empty electrode has a time constant of a millisecond
while the caller advances by minutes.
"""

import math
from copy import deepcopy
from typing import NamedTuple, Protocol, runtime_checkable

from labctl_simulators.ports import Cell, ManyTerminals, Source, TerminalState
from labctl_simulators.roots import rising_root

STEEP_V = 2e-3
EDGE_V = 1e-7
EDGE_S = 1e-7
FINEST_S = 2e-4  # no instrument integrates for less; what is steeper is only located, not traced
FIRST_S = 1.0
CURRENT_CHANGE = 0.04
NEGLIGIBLE = 1e-6
LEAST_A = 1e-10
HELD_V = 1e-4
FAINT = 1e-3
FAINT_A = 1e-6
FAR = math.inf
TOGETHER_S = 1.0


@runtime_checkable
class KnowsItsHorizon(Protocol):
    """A cell that can promise a flat stretch, so that it is stepped without a trial copy."""

    def horizon_s(self, current_A: float) -> float:
        """For how long, at this current, the voltage will move by less than 1 mV."""


class _Regime(NamedTuple):
    """What the source forces (A or V), the voltage then, and the window of the other quantity."""

    forces_current: bool
    value: float
    at_V: float
    low: float
    high: float
    limited: bool


OPEN = Source()


class Terminals:
    """A cell with one source at its terminals; time only goes forward. Units: V, A, s.

    The cell is copied for trials (`copy.deepcopy`); only accepted steps reach it. `beside` are all
    the terminals of a cell that has several, these too: they share its time (`terminals_of`).
    """

    __slots__ = ("_horizon", "_last_A", "_step_s", "beside", "cell", "now", "source")

    def __init__(self, cell: Cell, now: float = 0.0) -> None:
        self.cell = cell
        self.now = now
        self.source = OPEN
        self.beside: tuple[Terminals, ...] = ()
        self._horizon = cell.horizon_s if isinstance(cell, KnowsItsHorizon) else None
        self._step_s = FIRST_S
        self._last_A = 0.0

    def connect(self, source: Source, now: float) -> None:
        """Advance to `now` under the old source, then present the new one.

        Raises ValueError for a negative limit or a number that is not finite.
        """
        known = all(map(math.isfinite, (source.level, source.limit, source.low)))
        if not known or source.limit < 0 or source.low > source.limit:
            raise ValueError(f"a source needs a finite level and a limit of at least 0: {source}")
        self.advance(now)
        self.source = source
        self._step_s = min(self._step_s, FIRST_S)

    def state(self) -> TerminalState:
        """What is true at the terminals at `.now`."""
        forces_current, value, at_V, _, _, limited = self._regime()
        current_A = value if forces_current else self._current_at(self.cell, value)
        return TerminalState(at_V, current_A, limited)

    def advance(self, now: float) -> None:
        """Let time pass up to `now`. Raises ValueError when `now` is in the past."""
        left_s = now - self.now
        if not left_s >= 0:
            raise ValueError(f"time goes forward only: at {self.now} s, asked for {now} s")
        if self.beside:
            _advance_together(self.beside, now)
        else:
            self.advance_alone(now)

    def advance_alone(self, now: float) -> None:
        """Let time pass at these terminals, whatever the others' time is."""
        left_s = now - self.now
        while left_s > 0:
            left_s -= self._sub_step(self._regime(), left_s)
        self.now = now

    def advance_to_limit(self, now: float) -> bool:
        """Let time pass up to `now`, or until the source is held by its limit: whether it is."""
        if self.beside:
            while self.now < now and not self._regime().limited:
                self.advance(min(now, self.now + TOGETHER_S))
            return self._regime().limited
        left_s = now - self.now
        while left_s > 0:
            regime = self._regime()
            if regime.limited:
                self.now = now - left_s
                return True
            left_s -= self._sub_step(regime, left_s)
        self.now = now
        return self._regime().limited

    def _sub_step(self, regime: _Regime, left_s: float) -> float:
        if regime.forces_current:
            return self._force_current(regime, left_s)
        return self._force_voltage(regime, left_s)

    def _regime(self) -> _Regime:
        source, voltage = self.source, self.cell.voltage
        kind, level, limit, low = source.kind, source.level, source.limit, source.low
        if kind == "open":
            return _Regime(True, 0.0, voltage(0.0), -FAR, FAR, False)
        if kind == "current":
            at_V = voltage(level)
            if at_V > limit:
                return _Regime(False, limit, limit, -FAR, level, True)
            if at_V < low:
                return _Regime(False, low, low, level, FAR, True)
            return _Regime(True, level, at_V, low, limit, False)
        highest_V = voltage(limit)
        if highest_V < level:
            return _Regime(True, limit, highest_V, -FAR, level, True)
        lowest_V = voltage(low)
        if lowest_V > level:
            return _Regime(True, low, lowest_V, level, FAR, True)
        return _Regime(False, level, level, low, limit, False)

    def _force_current(self, regime: _Regime, left_s: float) -> float:
        """One sub-step at a forced current; gives the time that it took."""
        cell, current_A, before_V = self.cell, regime.value, regime.at_V
        self._last_A = current_A
        if self._horizon is not None:
            flat_s = min(self._horizon(current_A), left_s)
            inside = regime.low + STEEP_V < before_V < regime.high - STEEP_V
            if inside and flat_s >= min(self._step_s, left_s):
                self._step_s = max(2.0 * flat_s, self._step_s)
                cell.step(flat_s, current_A)
                return flat_s
        step_s = min(self._step_s, left_s)
        while True:
            after_V = _voltage_after(cell, step_s, current_A)
            moved_V = abs(after_V - before_V)
            if moved_V <= STEEP_V or step_s <= FINEST_S:
                break
            step_s = max(FINEST_S, step_s * max(0.05, 0.7 * STEEP_V / moved_V))
            self._step_s = step_s
        growth = min(4.0, max(1.0, 0.7 * STEEP_V / (moved_V + 1e-9)))
        self._step_s = max(self._step_s, step_s * growth)
        if not regime.low <= after_V <= regime.high:
            edge_V = regime.high if after_V > regime.high else regime.low
            step_s = _time_to_voltage(cell, current_A, edge_V, before_V, after_V, step_s)
        cell.step(step_s, current_A)
        return step_s

    def _force_voltage(self, regime: _Regime, left_s: float) -> float:
        """One sub-step at a forced voltage; gives the time that it took."""
        before_A = self._current_at(self.cell, regime.value)
        negligible_A = max(LEAST_A, NEGLIGIBLE * self._scale_A())
        faint_A = max(FAINT_A, FAINT * self._scale_A())
        # a current that stays exactly at the limit is inside, whatever the last digit says
        digit_A = 1e-9 * self._scale_A()
        low_A, high_A = regime.low - digit_A, regime.high + digit_A
        step_s = min(self._step_s, left_s)
        while True:
            mean_A, after_A, drift_V = self._held(regime.value, before_A, step_s, faint_A)
            larger_A = max(abs(before_A), abs(after_A))
            if larger_A <= faint_A and abs(drift_V) <= HELD_V:
                change = CURRENT_CHANGE / 3.0
                break
            change = abs(after_A - before_A) / (larger_A + negligible_A)
            inside = low_A <= after_A <= high_A
            finest_s = FINEST_S if inside else EDGE_S
            if (inside and change <= CURRENT_CHANGE) or step_s <= finest_s:
                break
            step_s = max(
                finest_s, step_s * max(0.05, min(0.5, 0.7 * CURRENT_CHANGE / (change + 1e-9)))
            )
            self._step_s = step_s
        growth = min(4.0, max(1.0, 0.7 * CURRENT_CHANGE / (change + 1e-3)))
        self._step_s = max(self._step_s, step_s * growth)
        self.cell.step(step_s, mean_A)
        self._last_A = after_A
        return step_s

    def _held(
        self, voltage_V: float, before_A: float, step_s: float, faint_A: float
    ) -> tuple[float, float, float]:
        """Mean and end current of a sub-step at this voltage, each consistent with the other.

        Also by how much the mean alone would miss the voltage at the end.
        """
        after_A, drift_V = before_A, 0.0

        def excess(mean_A: float) -> float:
            nonlocal after_A, drift_V
            trial = deepcopy(self.cell)
            trial.step(step_s, mean_A)
            drift_V = trial.voltage(mean_A) - voltage_V
            after_A = self._current_at(trial, voltage_V)
            return mean_A - _mean_current(before_A, after_A, faint_A)

        tolerance_A = 1e-9 * abs(before_A) + 1e-8 * faint_A
        mean_A = rising_root(excess, before_A, tolerance_A, 0.1 * abs(before_A) + 1e-3 * faint_A)
        return mean_A, after_A, drift_V

    def _current_at(self, cell: Cell, voltage_V: float) -> float:
        start_A = self._last_A
        reach_A = 0.1 * abs(start_A) + 1e-3 * self._scale_A()
        return rising_root(
            lambda i: cell.voltage(i) - voltage_V, start_A, 1e-13 * (1.0 + abs(voltage_V)), reach_A
        )

    def _scale_A(self) -> float:
        source = self.source
        return (
            source.scale or abs(source.level if source.kind == "current" else source.limit) or 1e-6
        )


def terminals_of(cell: Cell, now: float = 0.0) -> dict[str, Terminals]:
    """The terminals of a cell by role: `main` alone, or all that it has, on one clock."""
    if not isinstance(cell, ManyTerminals):
        return {"main": Terminals(cell, now)}
    found = {role: Terminals(port, now) for role, port in cell.ports.items()}
    for terminals in found.values():
        terminals.beside = tuple(found.values())
    return found


def _advance_together(gang: tuple[Terminals, ...], now: float) -> None:
    """Each in turn, at most a second ahead of the others while two sources are connected.

    What one does in such a slice, the others see in theirs.
    """
    while (begin := gang[0].now) < now:
        connected = sum(terminals.source.kind != "open" for terminals in gang)
        until = now if connected < 2 else min(now, begin + TOGETHER_S)
        for terminals in gang:
            terminals.advance_alone(until)


def _voltage_after(cell: Cell, step_s: float, current_A: float) -> float:
    trial = deepcopy(cell)
    trial.step(step_s, current_A)
    return trial.voltage(current_A)


def _time_to_voltage(
    cell: Cell, current_A: float, edge_V: float, before_V: float, after_V: float, step_s: float
) -> float:
    """The time within `step_s` at which the voltage is on the far side of the edge, by 0.1 µV."""
    early_s, early_V = 0.0, before_V - edge_V
    late_s, late_V = step_s, after_V - edge_V
    while abs(late_V) > EDGE_V and late_s - early_s > EDGE_S:
        part = early_V / (early_V - late_V)
        middle_s = early_s + (late_s - early_s) * min(0.95, max(0.05, part * 1.001))
        middle_V = _voltage_after(cell, middle_s, current_A) - edge_V
        if middle_V * late_V > 0:
            late_s, late_V = middle_s, middle_V
        else:
            early_s, early_V = middle_s, middle_V
    return late_s


def _mean_current(before_A: float, after_A: float, faint_A: float) -> float:
    """Mean over a sub-step: exact for an exponential decay, and damped where nothing flows."""
    if abs(before_A) <= faint_A:
        return after_A
    ratio = after_A / before_A
    if ratio <= 0.0 or abs(ratio - 1.0) < 1e-4:
        return 0.5 * (before_A + after_A)
    return (before_A - after_A) / -math.log(ratio)
