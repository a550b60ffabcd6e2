"""One channel of a Series 2600B on its cell: what it presents, and what it reads.

Sources: instruments.md §0.1 and §3; 2600BS-901-01 Rev. B/C/F: 2-44 (spans), 2-84 (ranges and
autoranging), 2-41 (output-off states), 9-243 to 9-249 (levels and limits).

Not simulated: the larger error of a limit in quadrants II and IV without `source.sink`
(SPEC-2602B notes 10 and 11: 0.06 % of the limit range), settling, contact check.
"""

import random
from dataclasses import dataclass, field, replace
from math import sqrt

from labctl_simulators.firmware.calibration import QUANTITIES, Calibration, apply
from labctl_simulators.firmware.k2600_buffer import Buffer
from labctl_simulators.firmware.k2600_models import MEASURE_SPAN, SOURCE_SPAN, Model2600
from labctl_simulators.firmware.leads import Leads
from labctl_simulators.firmware.models import Quantity, Range
from labctl_simulators.firmware.smu import OTHER, Flaws
from labctl_simulators.firmware.tsp_attributes import Refused
from labctl_simulators.ports import Source, TerminalState
from labctl_simulators.terminals import Terminals

OVERFLOW = 9.91e37
COUNTS = 1e6
CONVERSION_EXTRA_S = 200e-6
OFF, ON, HIGH_Z = 0, 1, 2
NORMAL, ZERO = 0, 1
AUTO_ZERO = 2
OPEN = Source()


@dataclass(slots=True)
class SourceSettings:
    """`smuX.source`; by quantity where both are kept."""

    level: dict[Quantity, float]
    limit: dict[Quantity, float]
    span: dict[Quantity, int]
    auto: dict[Quantity, bool]
    low: dict[Quantity, int]
    off_limit: dict[Quantity, float]
    function: Quantity = "VOLT"
    output: int = OFF
    limit_W: float = 0.0
    off_mode: int = NORMAL
    off_function: Quantity = "VOLT"
    delay_s: float = 0.0


@dataclass(slots=True)
class MeasureSettings:
    """`smuX.measure`; by quantity where both are kept."""

    span: dict[Quantity, int]
    auto: dict[Quantity, bool]
    low: dict[Quantity, int]
    nplc: float = 1.0
    count: int = 1
    delay_s: float = 0.0
    interval_s: float = 0.0
    auto_zero: int = AUTO_ZERO
    filter_on: bool = False
    filter_count: int = 1
    remote: bool = False
    relative: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conversion:
    """One measurement: current and voltage as read, and the source value of that moment."""

    amps: float
    volts: float
    source: float


class Smu:
    """One channel. `interlock_closed` is the world's to set; all times are the caller's.

    `level_code` and `area_code` are the errors for a level beyond its fixed range and for leaving
    the safe operating area, which the reference does not settle.
    """

    def __init__(
        self,
        terminals: Terminals,
        model: Model2600,
        *,
        seed: int,
        flaws: Flaws,
        line_hz: float,
        lead_ohm: float,
        level_code: int,
        area_code: int,
    ) -> None:
        self.terminals = terminals
        self.model = model
        self.line_hz = line_hz
        self.level_code = level_code
        self.area_code = area_code
        self.interlock_closed = True
        self.buffers = {"nvbuffer1": Buffer(), "nvbuffer2": Buffer()}
        self._leads = Leads(terminals.cell, lead_ohm) if lead_ohm > 0.0 else None
        if self._leads is not None:
            terminals.cell = self._leads
        self._calibration = Calibration(model.ranges, seed, flaws.error_scale)
        self._factor = 1.0 + flaws.set_deviation
        self._frozen_from_s = terminals.now + flaws.frozen_at_h * 3600.0
        self._stuck: TerminalState | None = None
        self._noise = random.Random(f"noise {model.name} {seed}")
        self._presented = OPEN
        self.latest = Conversion(0.0, 0.0, 0.0)
        self.defaults()

    def defaults(self) -> None:
        """The settings after `smuX.reset()`, output off."""
        model = self.model
        auto: dict[Quantity, bool] = {"VOLT": True, "CURR": True}
        zero: dict[Quantity, int] = {"VOLT": 0, "CURR": 0}
        self.source = SourceSettings(
            level={"VOLT": 0.0, "CURR": 0.0},
            limit={"VOLT": model.limit_V, "CURR": model.limit_A},
            span=dict(zero),
            auto=dict(auto),
            low=dict(zero),
            off_limit={"VOLT": model.limit_V, "CURR": 1e-3},
        )
        self.measure = MeasureSettings(span=dict(zero), auto=dict(auto), low=dict(zero))

    # Source

    def ranges(self, quantity: Quantity) -> tuple[Range, ...]:
        """The ranges of a quantity."""
        return self.model.ranges.ranges(quantity)

    def source_index(self, quantity: Quantity) -> int:
        """The source range in force: fixed, or the smallest for the level."""
        source = self.source
        if not source.auto[quantity]:
            return source.span[quantity]
        return max(self.model.source_index(quantity, source.level[quantity]), source.low[quantity])

    def change(self, now: float, **settings: object) -> None:
        """Take source settings, if the output may have them, and present them.

        Raises Refused; then nothing has changed.
        """
        changed = replace(self.source, **settings)  # type: ignore[arg-type]  # fields by name
        present = self.source
        self.source = changed
        try:
            if changed.output == ON:
                self._check_output()
        except Refused:
            self.source = present
            raise
        self.present(now)

    def _check_output(self) -> None:
        source = self.source
        function = source.function
        span = self.ranges(function)[self.source_index(function)]
        if abs(source.level[function]) > span.full_scale * SOURCE_SPAN * (1 + 1e-12):
            raise Refused(self.level_code)
        limit = source.limit[OTHER[function]]
        volts, amps = span.full_scale, limit
        if function == "CURR":
            volts, amps = limit, span.full_scale
        if not self.model.ranges.allows(volts, amps):
            raise Refused(self.area_code)
        threshold = self.model.needs_interlock_V
        if threshold is not None and volts >= threshold and not self.interlock_closed:
            raise Refused(802)

    def present(self, now: float) -> None:
        """Present to the cell, from `now` on, what the settings say."""
        wires = self._leads is not None and self._leads.remote != self.measure.remote
        source = self._driving() if self.source.output == ON else self._idle()
        if source == self._presented and not wires:
            return
        now = max(now, self.terminals.now)
        self.terminals.advance(now)
        if self._leads is not None:
            self._leads.remote = self.measure.remote
        self._presented = source
        self.terminals.connect(source, now)

    def disconnect(self, now: float) -> None:
        """Leave the cell alone, as without power."""
        self.source.output = OFF
        self._presented = OPEN
        self.terminals.connect(OPEN, max(now, self.terminals.now))

    def _driving(self) -> Source:
        source = self.source
        function, other = source.function, OTHER[source.function]
        at = self.source_index(function)
        span = self.ranges(function)[at]
        level = round(source.level[function] / span.resolution) * span.resolution
        limit = self._limit(other)
        held = self._calibration.limit[other][self.model.source_index(other, limit)]
        level = apply(self._calibration.source[function][at], level)
        limit = abs(apply(held, limit))
        if function == "VOLT":
            return Source("voltage", level, limit * self._factor)
        return Source("current", level * self._factor, limit)

    def _limit(self, quantity: Quantity) -> float:
        source = self.source
        limit = source.limit[quantity]
        level = abs(source.level[source.function])
        if source.limit_W > 0.0 and level > 0.0:
            limit = min(limit, source.limit_W / level)
        return limit

    def _idle(self) -> Source:
        source = self.source
        if source.output == HIGH_Z or source.off_mode == HIGH_Z:
            return OPEN
        if source.off_mode == ZERO:
            return Source("voltage", 0.0, source.limit["CURR"])
        if source.off_function == "VOLT":
            return Source("voltage", 0.0, source.off_limit["CURR"])
        return Source("current", 0.0, source.off_limit["VOLT"])

    # Readings

    def truth(self, at: float) -> TerminalState:
        """What the converter sees at a time; nothing behind an open relay."""
        if at > self.terminals.now:
            self.terminals.advance(at)
        shut = self._presented is not OPEN
        state = self.terminals.state() if shut else TerminalState(0.0, 0.0, False)
        if at < self._frozen_from_s:
            return state
        if self._stuck is None:
            self._stuck = state
        return replace(self._stuck, limited=state.limited)

    def in_compliance(self, at: float) -> bool:
        """Whether the limit holds the source now."""
        return self.source.output == ON and self.truth(at).limited

    def window_s(self) -> float:
        """How long one measurement integrates; automatic zeroing takes two more conversions."""
        measure = self.measure
        conversions = 3 if measure.auto_zero == AUTO_ZERO else 1
        repeats = measure.filter_count if measure.filter_on else 1
        return conversions * repeats * (measure.nplc / self.line_hz + CONVERSION_EXTRA_S)

    def convert(self, at: float) -> Conversion:
        """Both quantities as read at a time."""
        state = self.truth(at)
        true: dict[Quantity, float] = {"VOLT": state.voltage_V, "CURR": state.current_A}
        read = {quantity: self._read(quantity, true[quantity]) for quantity in QUANTITIES}
        return Conversion(read["CURR"], read["VOLT"], self.source.level[self.source.function])

    def measure_index(self, quantity: Quantity, value: float = 0.0) -> int:
        """The measuring range for a value: the source's own, the fixed one, or the smallest."""
        measure = self.measure
        if quantity == self.source.function:
            return self.source_index(quantity)
        if measure.auto[quantity]:
            return max(self.model.measure_index(quantity, value), measure.low[quantity])
        return measure.span[quantity]

    def _read(self, quantity: Quantity, true: float) -> float:
        measure = self.measure
        at = self.measure_index(quantity, true)
        if quantity != self.source.function and measure.auto[quantity]:
            measure.span[quantity] = at
        span = self.ranges(quantity)[at]
        repeats = measure.filter_count if measure.filter_on else 1
        coarse = 1 if measure.nplc >= 1 else 10 if measure.nplc >= 0.1 else 100
        deviation = self.model.ranges.noise * sqrt(coarse / measure.nplc / repeats)
        noise = self._noise.gauss(0.0, deviation * span.full_scale) if self._stuck is None else 0.0
        read = apply(self._calibration.measure[quantity][at], true) + noise
        if abs(read) > span.full_scale * MEASURE_SPAN:
            return OVERFLOW if read > 0 else -OVERFLOW
        step = coarse * span.full_scale / COUNTS
        relative = self.measure.relative
        suffix = "v" if quantity == "VOLT" else "i"
        offset = relative.get(f"level{suffix}", 0.0) if relative.get(f"enable{suffix}") else 0.0
        return round(read / step) * step - offset
