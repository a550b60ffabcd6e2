"""The analogue side of an EmStat: what it applies to the cell, and what it reads.

Sources: instruments.md §4. The range does not limit the current: only the device's maximum does,
so that a potentiostat can drive much more through the cell than its range can read (then the
status says overload). A change of the mode disconnects the cell. Settings stay from one script to
the next. Ranging takes no time.
"""

import random
from math import sqrt
from typing import NamedTuple

from labctl_simulators.firmware.emstat_errors import Errors, Stage
from labctl_simulators.firmware.emstat_models import GALVANOSTAT, POTENTIOSTATS, Device, Window
from labctl_simulators.firmware.smu import Flaws
from labctl_simulators.impedance import impedance
from labctl_simulators.methodscript import errors
from labctl_simulators.methodscript.errors import ScriptError
from labctl_simulators.methodscript.front import Taken
from labctl_simulators.ports import Source, TerminalState
from labctl_simulators.terminals import Terminals

OPEN = Source()
OVER = 1.2
"""A range reads up to this multiple of its value; the largest up to the device's maximum."""
WARNING, UNDER = 0.95, 0.01
LATE, OVERLOAD, UNDERLOAD, OVERLOAD_WARNING = 1, 2, 4, 8
CONVERTER_COUNTS = 1 << 18
NOISE_NOTE = ",40"


class Span(NamedTuple):
    """A range: its number as the metadata shows it, its value, and the most that it reads."""

    number: int
    value: float
    top: float


class Ranging:
    """Ascending ranges, and those of them that may be chosen."""

    def __init__(self, spans: list[Span]) -> None:
        self.spans = spans
        self.low, self.high = 0, len(spans) - 1

    def fix(self, value: float) -> None:
        """Take the range that holds a value."""
        self.low = self.high = self._place(value)

    def choose_within(self, low: float, high: float) -> None:
        """Choose among ranges, whichever of the values is the larger."""
        one, other = self._place(low), self._place(high)
        self.low, self.high = min(one, other), max(one, other)

    def span(self, value: float) -> Span:
        """The range on which a value is read or applied."""
        for place in range(self.low, self.high):
            if abs(value) <= self.spans[place].value:
                return self.spans[place]
        return self.spans[self.high]

    @property
    def largest(self) -> float:
        """The top of the largest range that may be chosen."""
        return self.spans[self.high].top

    def _place(self, value: float) -> int:
        for place, span in enumerate(self.spans):
            if abs(value) <= span.value:
                return place
        return len(self.spans) - 1


class PgStat:
    """A potentiostat, and a galvanostat where the model is one, on a pair of terminals.

    `critical_s`: a potentiostat at its maximum current for longer is error 0032 at the next
    reading, and disconnects the cell (the condition is not documented).
    """

    def __init__(
        self, terminals: Terminals, device: Device, seed: int, flaws: Flaws, critical_s: float
    ) -> None:
        self.terminals = terminals
        self.device = device
        self.on = False
        self._errors = Errors(device, seed, flaws.error_scale)
        self._noise = random.Random(f"noise {seed}")
        self._factor = 1.0 + flaws.set_deviation
        self._frozen_from_s = terminals.now + flaws.frozen_at_h * 3600.0
        self._stuck: TerminalState | None = None
        self._seen: TerminalState | None = None
        self._critical_s = critical_s
        self._at_maximum_from: float | None = None
        self._defaults()

    def power_off(self) -> None:
        """Leave the cell alone and forget all settings."""
        self.cell_off()
        self._defaults()

    def _defaults(self) -> None:
        self._mode = 0
        self._channel = 0
        self._potential_V = self._current_A = 0.0
        self._narrowed: Window | None = None
        self._ranges: dict[str, Ranging] = {}
        self._set_up_ranges(2)

    def advance(self, now: float) -> None:
        """Let the cell's time pass."""
        if now > self.terminals.now:
            self.terminals.advance(now)
            self._seen = None

    def set_channel(self, channel: int) -> None:
        """Which channel the next mode is for."""
        if not 0 <= channel < self.device.channels:
            raise ScriptError(errors.OUT_OF_BOUNDS)
        self._channel = int(channel)

    def set_mode(self, mode: int) -> None:
        """Off, potentiostat or galvanostat. A second channel can only be off here."""
        if mode == 0 and self._channel > 0:
            return
        if self._channel > 0:
            raise ScriptError(errors.NOT_ON_THIS_DEVICE)
        if mode != 0 and mode not in self.device.current:
            raise ScriptError(errors.UNKNOWN_MODE)
        self.cell_off()
        self._mode = int(mode)
        self._narrowed = None
        self._set_up_ranges(self._mode)

    def _set_up_ranges(self, mode: int) -> None:
        device = self.device
        table = device.current.get(mode, device.current[2])
        largest = max(table.values())
        amperes = [
            Span(index, value, device.max_A if value == largest else OVER * value)
            for index, value in table.items()
        ]
        widest = max(device.potential.values())
        reach = max(window.high for window in device.windows.values())
        volts = [
            Span(index, value / widest * reach, value / widest * reach)
            for index, value in device.potential.items()
        ]
        self._ranges = {"ba": Ranging(amperes), "db": Ranging(amperes), "ab": Ranging(volts)}
        self._ranges["ab"].fix(reach)

    def _ranging(self, vartype: str) -> Ranging | None:
        if vartype == "da":
            return None  # the applied potential has one range
        if vartype not in self._ranges:
            raise ScriptError(errors.INVALID_VARTYPE)
        if vartype == "db" and not self.device.galvanostat:
            raise ScriptError(errors.NOT_ON_THIS_DEVICE)
        return self._ranges[vartype]

    def set_range(self, vartype: str, value: float) -> None:
        """Fix the range of a quantity."""
        ranging = self._ranging(vartype)
        if ranging is not None:
            ranging.fix(value)
            self._present()

    def set_autorange(self, vartype: str, low: float, high: float) -> None:
        """Let the range of a quantity be chosen."""
        ranging = self._ranging(vartype)
        if ranging is not None:
            ranging.choose_within(low, high)
            self._present()

    def set_window(self, vartype: str, low: float, high: float) -> None:
        """What a quantity will stay within; for the potential of a Pico this is its window."""
        ranging = self._ranging(vartype)
        if ranging is not None:
            ranging.choose_within(low, high)
            return
        window = self._window()
        low, high = min(low, high), max(low, high)
        if low < window.low or high > window.high or high - low > window.width:
            raise ScriptError(errors.BAD_POTENTIAL)
        if window.width < window.high - window.low:
            self._narrowed = Window(low, high, high - low)

    def _window(self) -> Window:
        return self.device.windows.get(self._mode, self.device.windows[2])

    def check_potential(self, volts: float) -> None:
        """Refuse what the converter cannot apply."""
        window = self._narrowed or self._window()
        if not window.low <= volts <= window.high:
            raise ScriptError(errors.BAD_POTENTIAL)

    def check_step(self, volts: float, code: int) -> None:
        """Refuse less than one step of the converter."""
        if volts < self._step_V():
            raise ScriptError(code)

    def check_frequency(self, hertz: float) -> None:
        """Refuse what the generator cannot do."""
        low, high = self.device.frequencies_Hz
        if not low <= hertz <= high:
            raise ScriptError(errors.BAD_FREQUENCY)

    def _step_V(self) -> float:
        window = self._window()
        return float(window.width / (1 << self.device.bits))

    def set_potential(self, volts: float) -> None:
        """The potentiostat's set point."""
        self.check_potential(volts)
        self._potential_V = float(volts)
        self._present()

    def set_current(self, amperes: float) -> None:
        """The galvanostat's set point."""
        if not self.device.galvanostat:
            raise ScriptError(errors.NOT_ON_THIS_DEVICE)
        span = self._ranges["db"].span(amperes)
        if abs(amperes) > span.top:
            raise ScriptError(errors.OUT_OF_BOUNDS)
        self._current_A = float(amperes)
        self._present()

    def cell_on(self, potential_V: float | None) -> None:
        """Connect the cell to what is set."""
        if self._mode not in self.device.current:
            raise ScriptError(errors.WRONG_MODE)
        if potential_V is not None and self._mode in POTENTIOSTATS:
            self.check_potential(potential_V)
            self._potential_V = potential_V
        self.on = True
        self._present()

    def cell_off(self) -> None:
        """Disconnect the cell."""
        self.on = False
        self._present()

    def begin_open(self) -> None:
        """Refuse a measurement at open circuit while the cell is on."""
        if self.on:
            raise ScriptError(errors.OCP_WITH_CELL_ON)

    def begin_potential(self, volts: float) -> None:
        """Apply a potential for a measurement."""
        if self._mode not in POTENTIOSTATS:
            raise ScriptError(errors.WRONG_MODE)
        if not self.on:
            raise ScriptError(errors.NEEDS_CELL_ON)
        self.set_potential(volts)

    def begin_current(self, amperes: float) -> None:
        """Apply a current for a measurement."""
        if self._mode != GALVANOSTAT:
            raise ScriptError(errors.WRONG_MODE)
        if not self.on:
            raise ScriptError(errors.NEEDS_CELL_ON)
        self.set_current(amperes)

    def _present(self) -> None:
        source = OPEN
        if self.on and self._mode == GALVANOSTAT:
            span = self._ranges["db"].span(self._current_A)
            step = 2.0 * span.top / (1 << self.device.bits)
            stage = self._errors.applied_A[span.value]
            level = stage.through(round(self._current_A / step) * step) * self._factor
            source = Source("current", level, self.device.compliance_V)
        elif self.on:
            step = self._step_V()
            level = self._errors.applied_V.through(round(self._potential_V / step) * step)
            source = Source("voltage", level, self.device.max_A, self._ranges["ba"].largest)
        if source != self.terminals.source:
            self._at_maximum_from = None
            self._seen = None
            self.terminals.connect(source, self.terminals.now)

    def _truth(self) -> TerminalState:
        if self._seen is None:
            self._seen = self._converted()
        return self._seen

    def _converted(self) -> TerminalState:
        state = self.terminals.state()
        self._check_overload(state)
        if self.terminals.now < self._frozen_from_s:
            return state
        if self._stuck is None:
            self._stuck = state
        return TerminalState(self._stuck.voltage_V, self._stuck.current_A, state.limited)

    def _check_overload(self, state: TerminalState) -> None:
        if not (state.limited and self._mode in POTENTIOSTATS):
            self._at_maximum_from = None
            return
        if self._at_maximum_from is None:
            self._at_maximum_from = self.terminals.now
        if self.terminals.now - self._at_maximum_from > self._critical_s:
            self.cell_off()
            raise ScriptError(errors.CRITICAL_OVERLOAD)

    def measure(self, vartype: str, late: bool) -> Taken:
        """Read the potential (`ab`) or the current (`ba`)."""
        state = self._truth()
        galvanostat = self._mode == GALVANOSTAT
        status = LATE if late else 0
        if vartype == "ab":
            span = self._ranges["ab"].span(state.voltage_V)
            value = self._read(state.voltage_V, self._errors.measured_V, span)
            status |= _loaded(value, span, state.limited and galvanostat)
            return Taken(value, f",1{status:X},2{span.number:02X}")
        if vartype != "ba":
            raise ScriptError(errors.NOT_ON_THIS_DEVICE)
        ranging = self._ranges["db" if galvanostat else "ba"]
        span = ranging.span(self._current_A if galvanostat else state.current_A)
        value = self._read(state.current_A, self._errors.measured_A[span.value], span)
        status |= _loaded(value, span, state.limited)
        if self.on and abs(value) < UNDER * span.value:
            status |= UNDERLOAD
        return Taken(value, f",1{status:X},2{span.number:02X}{NOISE_NOTE}")

    def _read(self, true: float, stage: Stage, span: Span) -> float:
        value = stage.through(true)
        if self._stuck is None and stage.noise > 0.0:
            value += self._noise.gauss(0.0, stage.noise)
        step = 2.0 * span.top / CONVERTER_COUNTS
        return max(-span.top, min(span.top, round(value / step) * step))

    def impedance(
        self, frequency_Hz: float, amplitude: float, late: bool
    ) -> tuple[Taken, Taken, float, float]:
        """One point of a spectrum about the present state.

        Real and imaginary part in Ω, and the amplitudes of potential in V and current in A, rms as
        the makers' list of variable types has them.
        """
        self.check_frequency(frequency_Hz)
        state = self._truth()
        true = impedance(self.terminals.cell, frequency_Hz, state.current_A)
        galvanostat = self._mode == GALVANOSTAT
        volts = amplitude * abs(true) if galvanostat else amplitude
        amperes = amplitude if galvanostat else amplitude / max(abs(true), 1e-12)
        peak_A = sqrt(2.0) * amperes + abs(state.current_A)
        spans = self._ranges["db" if galvanostat else "ba"]
        current = spans.span(peak_A)
        potential = self._ranges["ab"].span(abs(state.voltage_V) + sqrt(2.0) * volts)
        gain = self._errors.measured_V.gain / self._errors.measured_A[current.value].gain
        spread = self._errors.spectral * abs(true)
        real = gain * true.real + self._noise.gauss(0.0, spread)
        imaginary = gain * true.imag + self._noise.gauss(0.0, spread)
        over = peak_A > current.top or state.limited
        status = (LATE if late else 0) | (OVERLOAD if over else 0)
        return (
            Taken(real, f",1{status:X},2{current.number:02X}"),
            Taken(imaginary, f",1{status:X},2{potential.number:02X}"),
            volts,
            amperes,
        )


def _loaded(value: float, span: Span, held: bool) -> int:
    """The status of a value that is near the end of its range, or of a source that is held."""
    if held or abs(value) >= span.top * (1.0 - 1e-9):
        return OVERLOAD
    return OVERLOAD_WARNING if abs(value) > WARNING * span.top else 0
