"""A B2900 channel's trigger system: source steps and acquisitions, by themselves or paced.

Source: instruments.md §2; B2961 SCPI reference pages 2-48 and 4-142; the data sheet for counts and
intervals. Each of the two actions (transient: the source steps; acquire: a measurement) passes an
arm layer and a trigger layer. With the automatic source (AINT) a step and a measurement take turns.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Literal, NamedTuple

from labctl_simulators.firmware.b2900_models import COUNT_MOST
from labctl_simulators.firmware.b2900_smu import Row, Smu2900
from labctl_simulators.firmware.models import Quantity
from labctl_simulators.firmware.scpi import ScpiError

Kind = Literal["TRAN", "ACQ"]
KINDS: tuple[Kind, Kind] = ("TRAN", "ACQ")
STEP_S = 20e-6


@dataclass(slots=True)
class Layer:
    """`:ARM` or `:TRIG` of one action."""

    count: int = 1
    source: str = "AINT"
    timer_s: float = 100e-6
    delay_s: float = 0.0


@dataclass(slots=True)
class Action:
    """Both layers of one action."""

    arm: Layer = field(default_factory=Layer)
    trigger: Layer = field(default_factory=Layer)

    @property
    def total(self) -> int:
        """How many triggers one initiation takes."""
        return self.arm.count * self.trigger.count


@dataclass(slots=True)
class Run:
    """An initiated action; `released_s` is when a bus trigger came, if one is awaited."""

    action: Action
    begun_s: float
    free_s: float
    layer_s: float
    done: int = 0
    released_s: float | None = None

    @property
    def layer(self) -> Layer:
        """The layer whose event comes next."""
        return self.action.arm if self._arms else self.action.trigger

    @property
    def _arms(self) -> bool:
        """Whether the next trigger begins a new passage of the arm layer, which is not free."""
        first = self.done % self.action.trigger.count == 0
        return first and self.action.arm.source != "AINT"

    @property
    def waits_for_bus(self) -> bool:
        """Whether only `*TRG` lets it go on."""
        return self.layer.source == "BUS" and self.released_s is None

    def due_s(self) -> float:
        """When the next trigger comes; infinite while it waits for the bus."""
        layer = self.layer
        place = self.done % self.action.trigger.count
        if layer.source == "BUS":
            base_s = inf if self.released_s is None else max(self.released_s, self.free_s)
        elif layer.source == "TIM":
            rounds = self.done // self.action.trigger.count if self._arms else place
            start_s = self.begun_s if self._arms else self.layer_s
            base_s = max(start_s + rounds * layer.timer_s, self.free_s)
        else:
            base_s = self.free_s
        arm_s = self.action.arm.delay_s if place == 0 else 0.0
        return base_s + arm_s + self.action.trigger.delay_s


class Event(NamedTuple):
    """What a trigger system does next: when it begins, when it is over."""

    at_s: float
    over_s: float
    kind: Kind


class Sequencer:
    """The trigger system of one channel; readings go to `store`."""

    def __init__(self, smu: Smu2900, store: Callable[[Row], None]) -> None:
        self.smu = smu
        self.store = store
        self.actions: dict[Kind, Action] = {"TRAN": Action(), "ACQ": Action()}
        self.runs: dict[Kind, Run] = {}

    def reset(self) -> None:
        """To idle, settings to their defaults."""
        self.abort()
        self.actions = {"TRAN": Action(), "ACQ": Action()}

    def begin(self, kinds: tuple[Kind, ...], now: float) -> None:
        """Leave idle. Raises ScpiError -213 while running, -221 for settings that cannot be."""
        if any(kind in self.runs for kind in kinds):
            raise ScpiError(-213)
        if any(self.actions[kind].total > COUNT_MOST for kind in kinds):
            raise ScpiError(-221)
        if "TRAN" in kinds:
            self._check_levels()
        for kind in kinds:
            self.runs[kind] = Run(self.actions[kind], now, now, now)

    def abort(self, kinds: tuple[Kind, ...] = KINDS) -> None:
        """To idle; the source goes back to its immediate level."""
        for kind in kinds:
            self.runs.pop(kind, None)
        if "TRAN" in kinds and self.smu.step is not None:
            self.smu.step = None
            self.smu.present()

    def release(self, now: float) -> bool:
        """A bus trigger has come: whether something waited for it."""
        waiting = [run for run in self.runs.values() if run.waits_for_bus]
        for run in waiting:
            run.released_s = now
        return bool(waiting)

    @property
    def stuck(self) -> bool:
        """Whether nothing goes on without a bus trigger."""
        return bool(self.runs) and self.next() is None

    def next(self) -> Event | None:
        """The next event; None when there is none, or only a bus trigger leads to it."""
        found: Event | None = None
        for kind in self.runs:
            at_s = self._at(kind)
            if at_s < inf and (found is None or at_s < found.at_s):
                took_s = STEP_S if kind == "TRAN" else self.smu.window_s()
                found = Event(at_s, at_s + took_s, kind)
        return found

    def _at(self, kind: Kind) -> float:
        run = self.runs[kind]
        own_s = run.due_s()
        other = self.runs.get("ACQ" if kind == "TRAN" else "TRAN")
        if other is None or run.layer.source != "AINT" or other.layer.source != "AINT":
            return own_s
        turn = other.done >= run.done if kind == "TRAN" else other.done > run.done
        return max(own_s, other.free_s) if turn else inf

    def advance(self, event: Event) -> bool:
        """Do the event, which is due: whether the whole initiation is over with it."""
        run = self.runs[event.kind]
        if run.done % run.action.trigger.count == 0:
            run.layer_s = event.at_s - run.action.trigger.delay_s
        if event.kind == "TRAN":
            self.smu.step = self._level(run.done)
            self.smu.present()
        else:
            self.store(self.smu.take(event.at_s, self.smu.extras.functions))
        if self.runs.get(event.kind) is not run:
            return False  # the instrument has switched the output off meanwhile
        run.free_s = event.over_s
        run.released_s = None
        run.done += 1
        if run.done >= run.action.total:
            del self.runs[event.kind]
        if self.runs:
            return False
        self._rest()
        return True

    def _rest(self) -> None:
        if not self.smu.extras.keeps_last and self.smu.step is not None:
            self.smu.step = None
            self.smu.present()

    # Levels

    def _level(self, index: int) -> float:
        function = self.smu.front.function
        extras = self.smu.extras
        mode = extras.modes[function]
        if mode == "LIST":
            values = extras.lists[function][extras.list_first[function] - 1 :]
            return values[index % len(values)]
        if mode == "SWE":
            return self._stair(function, index)
        return extras.triggered.get(function, self.smu.front.source[function].level)

    def _stair(self, function: Quantity, index: int) -> float:
        extras, stairs = self.smu.extras, self.smu.extras.stairs[function]
        points = extras.sweep_points
        place = index % (2 * points if extras.sweep_double else points)
        place = min(place, 2 * points - 1 - place) if extras.sweep_double else place
        part = place / (points - 1) if points > 1 else 0.0
        if extras.sweep_log:
            return float(stairs.start * (stairs.stop / stairs.start) ** part)
        return stairs.start + (stairs.stop - stairs.start) * part

    def _check_levels(self) -> None:
        function = self.smu.front.function
        extras = self.smu.extras
        mode, stairs = extras.modes[function], extras.stairs[function]
        levels = extras.lists[function] if mode == "LIST" else [stairs.start, stairs.stop]
        if mode == "FIX":
            return
        if mode == "SWE" and extras.sweep_log and stairs.start * stairs.stop <= 0.0:
            raise ScpiError(-221)
        side = self.smu.front.source[function]
        top = self.smu.model.ranges(function)[side.span].top
        if not side.auto and max(map(abs, levels)) > top * (1 + 1e-12):
            raise ScpiError(-221)
