"""One channel of a B2900 on its cell: what it presents, and what it reads.

Sources: instruments.md §0.1, §2; B2900 User's Guide Ed. 2 page 6-13 (output-off states, emergency);
B2961 SCPI reference pages 4-67 (`:OUTP:PROT`), 4-90 (compliance per polarity, as magnitudes).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf, isinf, nan
from typing import NamedTuple

from labctl_simulators.firmware.b2900_models import NEEDS_INTERLOCK_V, READING_TOP, ModelB2900
from labctl_simulators.firmware.calibration import apply
from labctl_simulators.firmware.exchange import Instrument
from labctl_simulators.firmware.leads import Leads
from labctl_simulators.firmware.models import Quantity
from labctl_simulators.firmware.scpi import ScpiError
from labctl_simulators.firmware.smu import OPEN, OTHER, Flaws, Front, SenseSide, SourceSide, Stage
from labctl_simulators.ports import Source, TerminalState
from labctl_simulators.terminals import Terminals

I_SOURCED, COMPLIANCE, OVER_VOLTAGE, OVER_CURRENT, HOT = 1, 2, 8, 16, 32
RANGE_OVERFLOW = 1 << 13
OFF_LIMIT_A = 100e-6
DEFAULT_LIMIT: dict[Quantity, float] = {"VOLT": 2.0, "CURR": 100e-6}
DEFAULT_NPLC = 0.1
CONVERSION_EXTRA_S = 100e-6


class Row(NamedTuple):
    """One reading: the six elements in their fixed order, NaN where nothing was measured."""

    volts: float
    amps: float
    ohms: float
    time_s: float
    status: float
    source: float


NO_ROW = Row(nan, nan, nan, nan, nan, nan)


@dataclass(slots=True)
class Staircase:
    """`:SOUR:CURR:STAR`, `:STOP`; how many points is the channel's."""

    start: float = 0.0
    stop: float = 0.0


@dataclass(slots=True)
class Extras:
    """A channel's settings beyond the front end, with their values after `*RST`."""

    functions: frozenset[str] = frozenset({"CURR"})
    remote: bool = False
    protect: bool = False
    on_auto: bool = True
    off_auto: bool = False
    keeps_last: bool = False
    sweep_points: int = 1
    sweep_log: bool = False
    sweep_double: bool = False
    low_limit: dict[Quantity, float] = field(default_factory=dict)
    modes: dict[Quantity, str] = field(default_factory=lambda: {"VOLT": "FIX", "CURR": "FIX"})
    triggered: dict[Quantity, float] = field(default_factory=dict)
    lists: dict[Quantity, list[float]] = field(
        default_factory=lambda: {"VOLT": [0.0], "CURR": [0.0]}
    )
    list_first: dict[Quantity, int] = field(default_factory=lambda: {"VOLT": 1, "CURR": 1})
    stairs: dict[Quantity, Staircase] = field(
        default_factory=lambda: {"VOLT": Staircase(), "CURR": Staircase()}
    )
    words: dict[str, str] = field(default_factory=dict)


class Smu2900(Stage):
    """One channel. `on_trip` is called when the instrument has switched the output off by itself.

    `normal_opens`: whether the NORMAL off state opens the relay. `holds_range`: whether a fixed
    measuring range below the compliance holds the source at its top, or lets the reading overflow.
    """

    def __init__(
        self,
        instrument: Instrument,
        terminals: Terminals,
        model: ModelB2900,
        *,
        seed: int,
        flaws: Flaws,
        line_hz: float,
        lead_ohm: float,
        normal_opens: bool,
        holds_range: bool,
        interlock_code: int,
    ) -> None:
        self._instrument = instrument
        self._leads = Leads(terminals.cell, lead_ohm) if lead_ohm > 0.0 else None
        if self._leads is not None:
            terminals.cell = self._leads
        super().__init__(terminals, model.ranges, seed=seed, flaws=flaws, line_hz=line_hz)
        self.sheet = model
        self.reading_top = READING_TOP
        self.range_holds = holds_range
        self._normal_opens = normal_opens
        self._interlock_code = interlock_code
        self.extras = Extras()
        self.step: float | None = None
        self.tripped = 0
        self.on_trip: Callable[[], None] = _nothing
        self.zero_s = terminals.now

    @property
    def clock(self) -> float:  # type: ignore[override]  # the instrument's, which both channels share
        """The instrument's time."""
        return self._instrument.clock

    def power_on_front(self) -> Front:
        """The settings after `*RST`: source 0 V, compliance 100 µA and 2 V, output off."""
        model = self.model
        return Front(
            source={
                "VOLT": SourceSide(limit=DEFAULT_LIMIT["CURR"], span=model.index("VOLT", 2.0)),
                "CURR": SourceSide(limit=DEFAULT_LIMIT["VOLT"], span=model.index("CURR", 1e-4)),
            },
            sense={
                "VOLT": SenseSide(span=model.index("VOLT", 2.0), nplc=DEFAULT_NPLC),
                "CURR": SenseSide(span=model.index("CURR", 1e-4), nplc=DEFAULT_NPLC),
            },
        )

    def defaults(self) -> None:
        """`*RST`: output off, settings to their defaults."""
        self.front = self.power_on_front()
        self.extras = Extras()
        self.step = None
        self.tripped = 0
        self.present()

    # Source

    def pass_time(self, until: float) -> None:
        """Bring the cell to a time; `:OUTP:PROT` ends the output when it reaches compliance."""
        if until <= self.terminals.now:
            return
        guarded = self.extras.protect and self.front.output
        if guarded and self.terminals.advance_to_limit(until):
            self.trip(OVER_CURRENT if self.front.function == "VOLT" else OVER_VOLTAGE)
        super().pass_time(until)

    def trip(self, reason: int) -> None:
        """An emergency: 0 V and the relay open, whatever the off state."""
        self.front.output = False
        self.tripped |= reason
        self._presented = OPEN
        self.terminals.connect(OPEN, self.terminals.now)
        self.on_trip()

    def present(self) -> None:
        """Present to the cell, from the instrument's time on, what the settings say."""
        self.pass_time(self.clock)
        if self._leads is not None and self._leads.remote != self.extras.remote:
            self._leads.remote = self.extras.remote
        super().present()

    def switch(self, on: bool) -> None:
        """Turn the output on or off. Raises ScpiError when interlock or heat block it."""
        if on and (self.overheated or (self.is_high and not self.interlock_closed)):
            raise ScpiError(self._interlock_code)
        if on:
            self.tripped = 0
        self.front.output = on
        self.step = None
        self.present()

    @property
    def is_high(self) -> bool:
        """Whether the settings reach beyond the voltage that needs the interlock."""
        if self.front.function == "VOLT":
            return self.source_span("VOLT").full_scale > NEEDS_INTERLOCK_V
        side = self.front.source["CURR"]
        low = self.extras.low_limit.get("CURR", 0.0)
        return max(side.limit, low) > NEEDS_INTERLOCK_V

    def level(self, function: Quantity) -> float:
        """The level that is sourced: the triggered one, or the immediate."""
        if self.step is not None and function == self.front.function:
            return self.step
        return super().level(function)

    def set_level(self, function: Quantity, level: float) -> None:
        """Program the immediate level, which the triggered one follows."""
        super().set_level(function, level)
        self.extras.triggered.pop(function, None)
        if function == self.front.function:
            self.step = None
            self.present()

    def set_function(self, function: Quantity) -> None:
        """Choose the source function; the output stays as it is."""
        self.step = None
        self.front.function = function
        self.present()

    def set_limit(self, quantity: Quantity, limit: float, polarity: str) -> None:
        """Program the compliance of a quantity: BOTH, or only POS or NEG. Raises ScpiError."""
        function = OTHER[quantity]
        side = self.front.source[function]
        lows = self.extras.low_limit
        self.check_area(function, replace(side, limit=limit))
        if polarity == "NEG":
            lows[function] = limit
        elif polarity == "POS":
            lows.setdefault(function, side.limit)
        else:
            lows.pop(function, None)
        if polarity != "NEG":
            side.limit = limit
        self.present()

    def limit(self, quantity: Quantity, polarity: str) -> float:
        """The compliance in force, as a magnitude."""
        function = OTHER[quantity]
        high = self.front.source[function].limit
        return self.extras.low_limit.get(function, high) if polarity == "NEG" else high

    def set_sense_range(self, quantity: Quantity, magnitude: float) -> None:
        """Fix a measuring range."""
        sense = self.front.sense[quantity]
        sense.span, sense.auto = self.model.index(quantity, magnitude), False
        self.present()

    def _driving(self) -> Source:
        source = super()._driving()
        function = self.front.function
        low = self.extras.low_limit.get(function)
        if low is None:
            return source
        other = OTHER[function]
        held = self.calibration.limit[other][self.model.index(other, low)]
        factor = self._current_factor if other == "CURR" else 1.0
        return replace(source, low_limit=-abs(apply(held, -low)) * factor)

    def _idle(self) -> Source:
        self._range_clamps = self._protects = False
        off = self.front.source[self.front.function].off
        if self.tripped or off == "HIMP" or (off == "NORM" and self._normal_opens):
            return OPEN
        return Source("voltage", 0.0, OFF_LIMIT_A)

    # Readings

    def window_s(self) -> float:
        """How long a measurement integrates; both quantities are converted at once."""
        return self.front.sense["VOLT"].nplc / self.line_hz + CONVERSION_EXTRA_S

    def take(self, start_s: float, functions: frozenset[str]) -> Row:
        """One reading begun at a time; it is done `window_s` later."""
        state = self.truth(start_s + 0.5 * self.window_s())
        ohms = "RES" in functions
        volts = self._read("VOLT", state.voltage_V) if ohms or "VOLT" in functions else nan
        amps = self._read("CURR", state.current_A) if ohms or "CURR" in functions else nan
        ratio = (volts / amps if amps else inf) if ohms else nan
        return Row(
            volts if "VOLT" in functions else nan,
            amps if "CURR" in functions else nan,
            ratio,
            start_s - self.zero_s,
            self._bits(state, volts, amps),
            self.level(self.front.function),
        )

    def _read(self, quantity: Quantity, true: float) -> float:
        return self.read_out(self.channel(quantity, true), true)

    def _bits(self, state: TerminalState, volts: float, amps: float) -> float:
        bits = self.tripped | (I_SOURCED if self.front.function == "CURR" else 0)
        if state.limited and self.front.output:
            bits |= COMPLIANCE
        if self.overheated:
            bits |= HOT
        if isinf(volts) or isinf(amps):
            bits |= RANGE_OVERFLOW
        return float(bits)


def _nothing() -> None:
    """Nobody to tell."""
