"""A source-measure unit's analogue side: what it presents to the cell, and what it reads.

Sources: instruments.md §1, §1b; 2400S-900-01 sections 6 (real and range compliance), 13 and
18-57 (output-off states); 2450-901-01 pages 2-82 and 6-32.
"""

import random
from dataclasses import dataclass, replace
from math import inf, sqrt
from typing import Literal, NamedTuple

from labctl_simulators.firmware.calibration import Calibration, Polarities, apply
from labctl_simulators.firmware.exchange import Instrument
from labctl_simulators.firmware.models import Model, Quantity, Range
from labctl_simulators.firmware.on_bus import Talk
from labctl_simulators.firmware.scpi import ScpiError
from labctl_simulators.ports import Source, TerminalState
from labctl_simulators.terminals import Terminals

OffState = Literal["NORM", "ZERO", "GUAR", "HIMP"]
OTHER: dict[Quantity, Quantity] = {"VOLT": "CURR", "CURR": "VOLT"}
COUNTS = 2e6
READING_TOP = 1.055
OPEN = Source()


@dataclass(slots=True)
class SourceSide:
    """The settings of one source function; `limit` is in the other quantity's unit."""

    limit: float
    span: int
    level: float = 0.0
    auto: bool = True
    delay_s: float = 0.0
    delay_auto: bool = True
    off: OffState = "NORM"
    readback: bool = True


@dataclass(slots=True)
class SenseSide:
    """The settings of one measure function."""

    span: int
    auto: bool = True
    nplc: float = 1.0
    lowest: int = 0
    average: bool = False
    average_count: int = 10
    average_moving: bool = False
    four_wire: bool = False
    auto_zero: bool = True


@dataclass(slots=True)
class Front:
    """All that decides what is presented to the cell, with the power-on values."""

    source: dict[Quantity, SourceSide]
    sense: dict[Quantity, SenseSide]
    function: Quantity = "VOLT"
    output: bool = False
    protection: float = inf
    rear: bool = False
    interlock_needed: bool = False


@dataclass(frozen=True, slots=True)
class Flaws:
    """What is wrong with an instrument. Raises ValueError for what cannot be.

    `error_scale`: its errors, as a multiple of what was drawn within the data sheet. From
    `frozen_at_h` hours on, its converter repeats one conversion. It sources `1 + set_deviation`
    times the current that it acknowledges, as level and as limit.
    """

    error_scale: float = 1.0
    frozen_at_h: float = inf
    set_deviation: float = 0.0

    def __post_init__(self) -> None:
        if self.error_scale < 0.0:
            raise ValueError(f"instrument_error = {self.error_scale:g}: it cannot be negative")
        if self.frozen_at_h < 0.0:
            raise ValueError(f"frozen_at_h = {self.frozen_at_h:g}: it cannot be negative")
        if not -1.0 <= self.set_deviation <= 10.0:
            raise ValueError(f"set_deviation = {self.set_deviation:g} is outside -1 … 10")


class Channel(NamedTuple):
    """How one quantity is read on one range: its errors, noise, step and top."""

    errors: Polarities
    noise: float
    step: float
    top: float


class Stage:
    """One channel's analogue side: ranges, limits, output states and one measurement.

    `interlock_closed` and `overheated` are the world's to set; `clock` is the instrument's time.
    """

    clock: float
    idle_share = 0.005
    power_code = -221
    range_holds = True
    reading_top = READING_TOP

    def __init__(
        self, terminals: Terminals, model: Model, *, seed: int, flaws: Flaws, line_hz: float
    ) -> None:
        self.terminals = terminals
        self.model = model
        self.line_hz = line_hz
        self.calibration = Calibration(model, seed, flaws.error_scale)
        self._frozen_from_s = terminals.now + flaws.frozen_at_h * 3600.0
        self._stuck: TerminalState | None = None
        self._current_factor = 1.0 + flaws.set_deviation
        self.interlock_closed = True
        self.overheated = False
        self.front = self.power_on_front()
        self._noise = random.Random(f"noise {seed}")
        self._presented = OPEN
        self._range_clamps = False
        self._protects = False

    def power_on_front(self) -> Front:
        """The settings after `*RST`: source 0 V, limit 105 µA, output off."""
        model = self.model
        return Front(
            source={
                "VOLT": SourceSide(limit=1.05e-4, span=model.index("VOLT", 20.0)),
                "CURR": SourceSide(limit=21.0, span=model.index("CURR", 1e-4)),
            },
            sense={
                "VOLT": SenseSide(span=model.index("VOLT", 20.0)),
                "CURR": SenseSide(span=model.index("CURR", 1e-4)),
            },
        )

    @property
    def output_on(self) -> bool:
        """Whether the output is on."""
        return self.front.output

    def disconnect(self, now: float) -> None:
        """Leave the cell alone, as without power."""
        self.front.output = False
        self._presented = OPEN
        self.terminals.connect(OPEN, max(now, self.terminals.now))

    def pass_time(self, until: float) -> None:
        """Bring the cell to a time; nothing happens when it is already there."""
        if until > self.terminals.now:
            self.terminals.advance(until)

    def present(self) -> None:
        """Present to the cell, from `.clock` on, what the settings say."""
        source = self._driving() if self.front.output else self._idle()
        if source != self._presented:
            self._presented = source
            self.terminals.connect(source, max(self.clock, self.terminals.now))

    def switch(self, on: bool) -> None:
        """Turn the output on or off. Raises ScpiError when it is blocked."""
        if on and self.overheated:
            raise ScpiError(810)
        self.front.output = on
        self.present()

    def level(self, function: Quantity) -> float:
        """The level that is sourced."""
        return self.front.source[function].level

    def source_span(self, function: Quantity) -> Range:
        """The source range in force: fixed, or the smallest for the level."""
        side = self.front.source[function]
        ranges = self.model.ranges(function)
        return ranges[self.model.index(function, self.level(function)) if side.auto else side.span]

    def present_span(self, quantity: Quantity) -> Range:
        """The present range of a quantity, which the off states are a share of."""
        if quantity == self.front.function:
            return self.source_span(quantity)
        sense = self.front.sense[quantity]
        limit = self.front.source[self.front.function].limit
        ranges = self.model.ranges(quantity)
        return ranges[self.model.index(quantity, limit) if sense.auto else sense.span]

    def check_area(self, function: Quantity, side: SourceSide) -> None:
        """Raises ScpiError for source settings that the power envelope does not allow."""
        ranges = self.model.ranges(function)
        span = ranges[self.model.index(function, side.level) if side.auto else side.span]
        volts, amps = (span.full_scale, side.limit) if function == "VOLT" else (0.0, 0.0)
        if function == "CURR":
            volts, amps = side.limit, span.full_scale
        if not self.model.allows(volts, amps):
            raise ScpiError(self.power_code)

    def put_side(self, function: Quantity, side: SourceSide) -> None:
        """Take source settings if the power envelope allows them. Raises ScpiError."""
        self.check_area(function, side)
        self.front.source[function] = side
        if function == self.front.function:
            self.present()

    def set_level(self, function: Quantity, level: float) -> None:
        """Program a level. Raises ScpiError -222 beyond the fixed range."""
        side = self.front.source[function]
        if not side.auto and abs(level) > self.model.ranges(function)[side.span].top:
            raise ScpiError(-222)
        self.put_side(function, replace(side, level=level))

    def set_source_range(self, function: Quantity, magnitude: float) -> None:
        """Fix the source range; a level that it does not hold becomes its top."""
        side = self.front.source[function]
        span = self.model.index(function, magnitude)
        top = self.model.ranges(function)[span].top
        level = max(-top, min(top, side.level))
        self.put_side(function, replace(side, span=span, auto=False, level=level))

    def set_source_auto(self, function: Quantity, auto: bool) -> None:
        """Let the source range follow the level, or fix it where it is."""
        side = self.front.source[function]
        span = self.model.ranges(function).index(self.source_span(function))
        self.put_side(function, replace(side, auto=auto, span=span))

    def set_sense_auto(self, quantity: Quantity, auto: bool) -> None:
        """Let the measuring range follow the signal, or fix it at the compliance range."""
        sense = self.front.sense[quantity]
        if sense.auto and not auto:
            sense.span = self.model.index(quantity, self.front.source[OTHER[quantity]].limit)
        sense.auto = auto
        self.present()

    def _driving(self) -> Source:
        front = self.front
        function, other = front.function, OTHER[front.function]
        side, sense = front.source[function], front.sense[other]
        span = self.source_span(function)
        level = round(self.level(function) / span.resolution) * span.resolution
        errors = self.calibration.source[function][self.model.ranges(function).index(span)]
        limit = side.limit
        free = sense.auto or not self.range_holds
        clamp = inf if free else self.model.ranges(other)[sense.span].top
        self._range_clamps = clamp < limit
        limit = min(limit, clamp)
        level = apply(errors, level)
        held = self.calibration.limit[other][self.model.index(other, limit)]
        limit = abs(apply(held, limit))
        if function == "VOLT":
            self._protects = abs(level) > front.protection
            level = max(-front.protection, min(front.protection, level))
            return Source("voltage", level, limit * self._current_factor)
        self._protects = limit > front.protection
        return Source("current", level * self._current_factor, min(limit, front.protection))

    def _idle(self) -> Source:
        front = self.front
        side = front.source[front.function]
        self._range_clamps = self._protects = False
        if side.off == "HIMP":
            return OPEN
        if side.off == "GUAR":
            return Source("current", 0.0, self.idle_share * self.present_span("VOLT").full_scale)
        share = self.idle_share * self.present_span("CURR").full_scale
        return Source("voltage", 0.0, share if side.off == "NORM" else self.zero_limit(share))

    def zero_limit(self, share: float) -> float:
        """The current limit of the ZERO off state."""
        side = self.front.source[self.front.function]
        return side.limit if self.front.function == "VOLT" else max(abs(side.level), share)

    def truth(self, at: float) -> TerminalState:
        """What the converter sees at a time: what is true; nothing behind an open relay."""
        self.pass_time(at)
        shut = self._presented is not OPEN
        state = self.terminals.state() if shut else TerminalState(0.0, 0.0, False)
        if at < self._frozen_from_s:
            return state
        if self._stuck is None:
            self._stuck = state
        return replace(self._stuck, limited=state.limited)

    def channel(self, quantity: Quantity, value: float) -> Channel:
        """How a quantity of this size would be read now."""
        front = self.front
        sense = front.sense[quantity]
        ranges = self.model.ranges(quantity)
        if quantity == front.function:
            span = self.source_span(quantity)
            index = ranges.index(span)
        else:
            index = max(self.model.index(quantity, value), sense.lowest)
            index = index if sense.auto else sense.span
            span = ranges[index]
        errors = self.calibration.measure[quantity][index]
        averaged = sense.average_count if sense.average else 1
        coarse = 1 if sense.nplc >= 1 else 10 if sense.nplc >= 0.1 else 100
        noise = self.model.noise * span.full_scale * sqrt(coarse / sense.nplc / averaged)
        return Channel(errors, noise, coarse * span.full_scale / COUNTS, span.full_scale)

    def read_out(self, channel: Channel, value: float) -> float:
        """A true value as this instrument reads it; infinite when over range."""
        noise = self._noise.gauss(0.0, channel.noise) if self._stuck is None else 0.0
        read = apply(channel.errors, value) + noise
        if abs(read) > channel.top * self.reading_top:
            return inf
        return round(read / channel.step) * channel.step

    def in_compliance(self, state: TerminalState) -> bool:
        """Whether the programmed limit, not the measuring range, holds the source."""
        return state.limited and self.front.output and not self._range_clamps

    def protects(self, state: TerminalState) -> bool:
        """Whether the overvoltage protection holds the source."""
        held = state.limited or self.front.function == "VOLT"
        return self.front.output and self._protects and held


class SourceMeter(Stage, Instrument):
    """An instrument of one channel: the 2400 and the 2450."""

    def __init__(
        self,
        terminals: Terminals,
        model: Model,
        *,
        seed: int,
        flaws: Flaws,
        baud: int | None,
        line_hz: float,
        talk: Talk,
    ) -> None:
        Instrument.__init__(self, terminals, baud=baud, talk=talk)
        Stage.__init__(self, terminals, model, seed=seed, flaws=flaws, line_hz=line_hz)
