"""Instrument and cell for the engine, in closed form: no numerical integration anywhere.

The instrument is a source-measure unit: a voltage source at a bound with a current limit. The
cell's ledger is exact; the engine only sees readings.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from helpers.plans import RATINGS
from labctl_drivers.vocabulary import Guard, Ratings, Reading, Setpoint
from labctl_protocols.decisions import (
    Answer,
    Applied,
    Apply,
    Event,
    Heard,
    Operator,
    Row,
    Safe,
    Safed,
    Stopping,
    Unsafe,
    Waited,
)
from labctl_protocols.engine.engine import Engine
from labctl_protocols.engine.state import from_json, to_json
from labctl_protocols.plan import Plan

COMPLIANCE_V = 20.0
Outside = Stopping | Operator
"""What comes from outside the bench."""


class Cell(Protocol):
    """A cell at a voltage source of `bound_V` that gives at most ±`limit_A` (0 = at rest)."""

    def now(self, bound_V: float, limit_A: float) -> tuple[float, float, bool]:
        """(V, A, whether the source holds the voltage)."""
        ...

    def advance(self, dt_s: float, bound_V: float, limit_A: float) -> float:
        """Let the time pass; the charge in A·s."""
        ...


@dataclass
class Linear:
    """V = V0 + Q/C + R·I."""

    start_V: float
    farad_F: float
    ohm: float = 1.0
    charge_As: float = 0.0

    @property
    def ocv_V(self) -> float:
        return self.start_V + self.charge_As / self.farad_F

    def now(self, bound_V: float, limit_A: float) -> tuple[float, float, bool]:
        free_A = (bound_V - self.ocv_V) / self.ohm
        current = max(-limit_A, min(limit_A, free_A))
        return self.ocv_V + current * self.ohm, current, limit_A > 0 and current == free_A

    def advance(self, dt_s: float, bound_V: float, limit_A: float) -> float:
        if limit_A == 0.0 or dt_s <= 0.0:
            return 0.0
        passed = 0.0
        free_A = (bound_V - self.ocv_V) / self.ohm
        if abs(free_A) > limit_A:
            sign = math.copysign(1.0, free_A)
            away_As = abs(bound_V - sign * limit_A * self.ohm - self.ocv_V) * self.farad_F
            constant_s = min(dt_s, away_As / limit_A)
            passed = sign * limit_A * constant_s
            dt_s -= constant_s
        if dt_s > 0.0:
            left_As = (bound_V - self.ocv_V) * self.farad_F - passed
            passed += left_As * -math.expm1(-dt_s / (self.ohm * self.farad_F))
        self.charge_As += passed
        return passed


@dataclass
class Metal:
    """A half cell: metal on a collector, V = R·I while there is any; bare, it blocks stripping."""

    ohm: float = 50.0
    efficiency: float = 1.0
    bare_V: float = 0.6
    metal_As: float = 0.0
    plated_As: float = 0.0
    stripped_As: float = 0.0

    def now(self, bound_V: float, limit_A: float) -> tuple[float, float, bool]:
        if self.metal_As <= 0.0:
            if limit_A == 0.0:
                return self.bare_V, 0.0, False
            if bound_V >= 0.0:
                return bound_V, 0.0, True
        free_A = bound_V / self.ohm
        current = max(-limit_A, min(limit_A, free_A))
        return current * self.ohm, current, limit_A > 0 and current == free_A

    def advance(self, dt_s: float, bound_V: float, limit_A: float) -> float:
        _, current, _ = self.now(bound_V, limit_A)
        passed = current * dt_s
        if current > 0.0:
            passed = min(passed, self.metal_As)
            self.metal_As -= passed
            self.stripped_As += passed
        else:
            self.plated_As -= passed
            self.metal_As -= self.efficiency * passed
        return passed


@dataclass
class Breaks:
    """A cell whose contact opens once so much charge has passed; the voltage runs away."""

    cell: Cell
    after_As: float = 0.0
    passed_As: float = 0.0

    def now(self, bound_V: float, limit_A: float) -> tuple[float, float, bool]:
        if self.passed_As < self.after_As:
            return self.cell.now(bound_V, limit_A)
        return (bound_V if limit_A else COMPLIANCE_V), 0.0, True

    def advance(self, dt_s: float, bound_V: float, limit_A: float) -> float:
        if self.passed_As >= self.after_As:
            return 0.0
        passed = self.cell.advance(dt_s, bound_V, limit_A)
        self.passed_As += abs(passed)
        return passed


@dataclass
class Bench:
    """The instrument's side: what it was told, the cell, the time, and an exact ledger.

    `outside` gives what happens instead of the n-th thing heard; `refuse_safe` makes the output
    impossible to switch off.
    """

    cell: Cell
    delay_s: float = 0.03
    offset_A: float = 0.0
    guard_band_V: float = 0.002
    ratings: Ratings = RATINGS
    now_s: float = 0.0
    setpoint: Setpoint = field(default_factory=lambda: Setpoint("rest"))
    guard: Guard | None = None
    passed_As: float = 0.0
    by_setpoint: list[tuple[Setpoint, float]] = field(default_factory=list)
    refuse_safe: bool = False

    def source(self) -> tuple[float, float]:
        """(bound, current limit) as a source-measure unit would be programmed."""
        told, guard = self.setpoint, self.guard
        if told.mode == "rest" or guard is None:
            return COMPLIANCE_V, 0.0
        if told.mode == "voltage":
            return told.stop_voltage_V or 0.0, min(told.current_A, guard.max_current_A)
        sign = math.copysign(1.0, told.current_A)
        bound = guard.high_V if sign > 0 else guard.low_V
        if told.stop_voltage_V is not None:
            band = 0.0 if told.hold_at_stop else sign * self.guard_band_V
            bound = max(guard.low_V, min(guard.high_V, told.stop_voltage_V + band))
        return bound, abs(told.current_A)

    def advance(self, to_s: float) -> None:
        dt = to_s - self.now_s
        if dt <= 0.0:
            return
        charge = self.cell.advance(dt, *self.source())
        self.passed_As += charge
        if self.by_setpoint:
            setpoint, before = self.by_setpoint[-1]
            self.by_setpoint[-1] = (setpoint, before + charge)
        self.now_s = to_s

    def do(self, command: Apply | Safe) -> Heard:
        """Carry out a command; the old output goes on until it has taken effect."""
        self.advance(self.now_s + self.delay_s)
        if isinstance(command, Safe):
            if self.refuse_safe:
                return Unsafe(self.now_s, "no answer")
            self.setpoint, self.guard = Setpoint("rest"), None
            return Safed(self.now_s)
        self.setpoint, self.guard = command.setpoint, command.guard
        self.by_setpoint.append((command.setpoint, 0.0))
        return Applied(self.now_s)

    def read(self, at_s: float) -> Reading:
        """A reading; it takes the instrument's time, and holds for the middle of it."""
        half = 0.5 * self.ratings.reading_time_s
        self.advance(max(self.now_s, at_s) + half)
        voltage, current, holds = self.cell.now(*self.source())
        taken = self.now_s
        self.advance(self.now_s + half)
        ranges = self.ratings.current_ranges
        wanted = abs(self.setpoint.current_A)
        fits = next((r for r in ranges if wanted <= r.full_scale), ranges[-1])
        return Reading(
            time_s=taken,
            voltage_V=voltage,
            current_A=current + self.offset_A,
            regulating="voltage" if holds else "current",
            current_range_A=fits.full_scale,
            voltage_range_V=2.1 if abs(voltage) < 2.1 else 21.0,
        )


@dataclass
class Trace:
    """All that was heard and answered."""

    engine: Engine
    bench: Bench
    heard: list[Heard] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    waiting: list[Apply | Safe] = field(default_factory=list)

    def take(self, answer: Answer) -> Answer:
        """Keep an answer and queue its commands; a Safe overtakes what has not been done yet."""
        self.answers.append(answer)
        if Safe() in answer.commands:
            self.waiting.clear()
        self.waiting.extend(answer.commands)
        return answer

    @property
    def rows(self) -> list[Row]:
        return [row for answer in self.answers for row in answer.rows]

    def events(self, *kinds: str) -> list[Event]:
        """The events of these kinds (all when none is named)."""
        told = [event for answer in self.answers for event in answer.events]
        return [event for event in told if not kinds or event.kind in kinds]

    def data(self, *kinds: str) -> list[Mapping[str, object]]:
        return [event.data for event in self.events(*kinds)]

    @property
    def steps(self) -> list[Mapping[str, object]]:
        """The ended steps."""
        return self.data("step_ended")

    @property
    def commands(self) -> list[Apply | Safe]:
        return [command for answer in self.answers for command in answer.commands]

    @property
    def applied(self) -> list[Setpoint]:
        return [command.setpoint for command in self.commands if isinstance(command, Apply)]

    @property
    def outcome(self) -> str | None:
        return self.answers[-1].ended

    @property
    def reason(self) -> str:
        return self.answers[-1].reason


def _reload(trace: Trace) -> None:
    """Put the engine's state through JSON into a new engine, in the middle of a step."""
    state = trace.engine.state
    if state.phase == "running":
        again = from_json(to_json(state))
        assert again == state
        trace.engine = Engine(trace.engine.plan, trace.bench.ratings, again)


def run(
    plan: Plan,
    bench: Bench,
    *,
    outside: Mapping[int, Outside] | None = None,
    stop_when: Callable[[Trace], Outside | None] | None = None,
    reload: bool = False,
    most: int = 200_000,
) -> Trace:
    """Run a plan on a bench to its end.

    `outside` puts something before the n-th thing heard; `stop_when` is asked before each until
    it gives something; `reload` puts the engine's state
    through JSON into a new engine wherever no command is under way.
    """
    trace = Trace(Engine(plan, bench.ratings), bench)
    asker = _Asker(outside or {}, stop_when)
    answer = trace.take(trace.engine.begin(bench.now_s))
    for count in range(most):
        if answer.ended is not None:
            return trace
        heard = asker.ask(count, trace) or from_bench(trace, answer, reload)
        trace.heard.append(heard)
        answer = trace.take(trace.engine.hear(heard))
    raise AssertionError(f"the run did not end within {most} exchanges")


@dataclass
class _Asker:
    """What comes from outside, and when."""

    outside: Mapping[int, Outside]
    stop_when: Callable[[Trace], Outside | None] | None

    def ask(self, count: int, trace: Trace) -> Outside | None:
        given = self.outside.get(count)
        if given is None and self.stop_when is not None:
            given = self.stop_when(trace)
            if given is not None:
                self.stop_when = None
        return None if given is None else dataclasses.replace(given, time_s=trace.bench.now_s)


def from_bench(trace: Trace, answer: Answer, reload: bool) -> Heard:
    """What the bench does about an answer."""
    if trace.waiting:
        return trace.bench.do(trace.waiting.pop(0))
    wake_at = answer.wake_at
    if answer.waits and wake_at is not None:
        trace.bench.advance(wake_at)
        return Waited(wake_at)
    if wake_at is None:
        raise AssertionError("the engine neither commands nor wants to be woken")
    if reload:
        _reload(trace)
    return trace.bench.read(wake_at)
