"""Keithley 2400 series: readings, status word, ohms, trigger model and buffer.

Sources: instruments.md §1; 2400S-900-01 pages 7-2, 13-10, 18-59, 18-62, 18-68, B-6, B-7.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from math import inf, isinf, nan
from typing import Literal, NamedTuple

from labctl_simulators.firmware.models import OVERRANGE, Quantity
from labctl_simulators.firmware.scpi import ScpiError
from labctl_simulators.firmware.smu import OTHER, Channel, Front, SourceMeter
from labctl_simulators.ports import TerminalState

SENTINEL = 9.91e37
ELEMENTS = ("VOLT", "CURR", "RES", "TIME", "STAT")
BUFFER_MOST = 2500
TIME_WRAPS_S = 99999.999
OVERFLOW, FILTER, FRONT_TERMINALS, COMPLIANCE, PROTECTION = 1, 2, 4, 8, 16
AUTO_OHMS, V_MEASURED, I_MEASURED, R_MEASURED = 1 << 10, 1 << 11, 1 << 12, 1 << 13
V_SOURCED, I_SOURCED, RANGE_COMPLIANCE, REMOTE_SENSE = 1 << 14, 1 << 15, 1 << 16, 1 << 22
M_READING, M_OVERFLOW, M_AVAILABLE, M_FULL = 1 << 6, 1 << 7, 1 << 8, 1 << 9
M_ENABLE_LINE, M_HOT, M_PROTECTION, M_COMPLIANCE = 1 << 11, 1 << 12, 1 << 13, 1 << 14
O_SWEEPING, O_WAIT_TRIGGER, O_WAIT_ARM, O_IDLE = 1 << 3, 1 << 5, 1 << 6, 1 << 10
OHMS = ((20.0, 0.1), (200.0, 1e-2), (2e3, 1e-3), (2e4, 1e-4), (2e5, 1e-5), (2e6, 1e-6), (2e7, 1e-6))
AD_EXTRA_S = 185e-6
CYCLE_S = 2e-3
AUTO_DELAY_S = 1e-3


class Row(NamedTuple):
    """One reading: the five elements, NaN where there is none, infinite when over range."""

    volts: float
    amps: float
    ohms: float
    time_s: float
    status: float


@dataclass(slots=True)
class Setup:
    """Settings beyond the front end, with their values after `*RST`."""

    functions: frozenset[str] = frozenset({"CURR"})
    concurrent: bool = True
    elements: tuple[str, ...] = ELEMENTS
    auto_zero: bool = True
    clear_auto: bool = False
    range_sync: bool = False
    ohms_auto: bool = True
    ohms_range: int = 4
    ohms_range_auto: bool = True
    arm_count: int = 1
    arm_source: str = "IMM"
    arm_timer_s: float = 0.1
    trigger_count: int = 1
    trigger_source: str = "IMM"
    trigger_delay_s: float = 0.0
    words: dict[str, str] = field(default_factory=dict)
    data_format: Literal["ASC", "REAL"] = "ASC"
    swapped: bool = False


@dataclass(slots=True)
class Buffer:
    """The reading buffer (`TRACe`)."""

    points: int = 100
    rows: list[Row] = field(default_factory=list)
    filling: bool = False
    delta_times: bool = False


@dataclass(slots=True)
class Plan:
    """What a reading takes and how, until a setting changes."""

    delay_s: float
    window_s: float
    total_s: float
    volts: bool
    amps: bool
    ohms: bool
    status: int
    v_channel: Channel | None
    i_channel: Channel | None


@dataclass(slots=True)
class Job:
    """An acquisition started by INIT; `start_s` is None while it waits for a trigger."""

    left: int
    start_s: float | None


class Meter2400(SourceMeter):
    """The 2400 series without its command table."""

    input_bytes = 2048
    errors_kept = 10
    turnround_s = 4e-3
    boot_s = 4.0
    aborts_on_control = True
    power_code = 826
    function_change_turns_off = True
    identity = ""

    def prepare(self) -> None:
        """Set the state that is not in the front end."""
        self.setup = Setup()
        self.buffer = Buffer()
        self.saved: dict[int, tuple[Front, Setup]] = {}
        self.power_on_setup = "RST"
        self.zero_s = self.clock
        self.latest: list[Row] = []
        self.job: Job | None = None
        self._plan: Plan | None = None
        self.status.operation.condition = O_IDLE

    def start(self) -> None:
        """Power-on: the chosen stored settings (`:SYST:POS`), else the defaults; output off."""
        saved, chosen = self.saved, self.power_on_setup
        self.front = self.power_on_front()
        self.prepare()
        self.saved, self.power_on_setup = saved, chosen
        if chosen.startswith("SAV"):
            self.recall(int(chosen[3:]))
        self.present()

    def power_on_front(self) -> Front:
        """As for all, but the 2410's off state is GUARD (instruments.md §1)."""
        front = super().power_on_front()
        if self.model.name == "2410":
            for side in front.source.values():
                side.off = "GUAR"
        return front

    def reset(self) -> None:
        """`*RST`: output off, settings to their defaults; queue and buffer stay."""
        self.abort()
        self.front = self.power_on_front()
        self.setup = Setup()
        self.present()

    def save(self, place: int) -> None:
        """`*SAV`."""
        self.saved[place] = deepcopy((self.front, self.setup))

    def recall(self, place: int) -> None:
        """`*RCL`: the stored settings, with the output off."""
        self.abort()
        front, setup = self.saved.get(place) or (self.power_on_front(), Setup())
        self.front, self.setup = deepcopy((front, setup))
        self.switch(False)

    def changed(self) -> None:
        """A setting changed: plan anew."""
        self._plan = None

    def next_error(self) -> str:
        """The oldest error; positive codes carry their sign."""
        entry = self.errors.take()
        return f'{"+" if entry.code > 0 else ""}{entry.code},"{entry.text}"'

    # Source

    def switch(self, on: bool) -> None:
        """Turn the output on or off. Raises ScpiError +802, +810."""
        if on and self.front.interlock_needed and not self.interlock_closed:
            raise ScpiError(802)
        if not on:
            self.abort()
        super().switch(on)

    def set_function(self, function: Quantity) -> None:
        """Choose the source function."""
        self.forbid_in_auto_ohms()
        if function != self.front.function and self.function_change_turns_off:
            self.switch(False)
        self.front.function = function
        self.present()

    def forbid_in_auto_ohms(self) -> None:
        """Raises ScpiError +825 while the instrument chooses its own test current."""
        if self.auto_ohms:
            raise ScpiError(825)

    @property
    def auto_ohms(self) -> bool:
        """Whether ohms are measured with a test current of the instrument's choice."""
        return "RES" in self.setup.functions and self.setup.ohms_auto

    def set_compliance(self, quantity: Quantity, limit: float) -> None:
        """Program the compliance of a quantity. Raises ScpiError +822, -222."""
        sense = self.front.sense[quantity]
        ranges = self.model.ranges(quantity)
        limit = abs(limit)
        if not sense.auto and limit < 1e-3 * ranges[sense.span].full_scale * (1 - 1e-9):
            raise ScpiError(822)
        if limit < 1e-3 * ranges[0].full_scale * (1 - 1e-9):
            raise ScpiError(-222)
        function = OTHER[quantity]
        side = self.front.source[function]
        before, side.limit = side.limit, limit
        try:
            self.put_side(function, side)
        except ScpiError:
            side.limit = before
            raise
        if self.setup.range_sync and not sense.auto:
            sense.span = self.model.index(quantity, limit)
            self.present()

    def set_sense_range(self, quantity: Quantity, magnitude: float) -> None:
        """Fix a measuring range. Raises ScpiError +824 above the compliance range."""
        sense = self.front.sense[quantity]
        span = self.model.index(quantity, magnitude)
        limit = self.front.source[OTHER[quantity]].limit
        if self.front.function != quantity and span > self.model.index(quantity, limit):
            raise ScpiError(824)
        sense.span, sense.auto = span, False
        self.present()

    def range_reply(self, quantity: Quantity) -> float:
        """The measuring range in force, as full scale with its over-range."""
        if quantity == self.front.function:
            return self.source_span(quantity).top
        sense = self.front.sense[quantity]
        ranges = self.model.ranges(quantity)
        if not sense.auto:
            return ranges[sense.span].top
        return ranges[self.model.index(quantity, self.front.source[OTHER[quantity]].limit)].top

    # Readings

    def _make_plan(self) -> Plan:
        front, setup = self.front, self.setup
        ohms = "RES" in setup.functions
        volts, amps = ohms or "VOLT" in setup.functions, ohms or "CURR" in setup.functions
        sense = front.sense["VOLT"]
        repeats = sense.average_count if sense.average and not sense.average_moving else 1
        conversions = (volts + amps) * (3 if setup.auto_zero else 1) * repeats
        window_s = conversions * (sense.nplc / self.line_hz + AD_EXTRA_S)
        side = front.source[front.function]
        delay_s = AUTO_DELAY_S if side.delay_auto else side.delay_s
        delay_s += setup.trigger_delay_s
        status = (
            FILTER * sense.average
            | FRONT_TERMINALS * (not front.rear)
            | AUTO_OHMS * self.auto_ohms
            | V_MEASURED * volts
            | I_MEASURED * amps
            | R_MEASURED * ohms
            | (V_SOURCED if front.function == "VOLT" else I_SOURCED)
            | REMOTE_SENSE * sense.four_wire
        )
        total_s = delay_s + window_s + CYCLE_S
        fixed = {q: self._fixed_channel(q) for q in ("VOLT", "CURR")}
        return Plan(
            delay_s, window_s, total_s, volts, amps, ohms, status, fixed["VOLT"], fixed["CURR"]
        )

    def _fixed_channel(self, quantity: Quantity) -> Channel | None:
        if quantity == self.front.function or not self.front.sense[quantity].auto:
            return self.channel(quantity, 0.0)
        return None

    def take(self, start: float) -> tuple[Row, float]:
        """One reading begun at a time, and when it is done."""
        if self.auto_ohms and self.setup.ohms_range_auto:
            self._range_ohms(start)
        plan = self._plan
        if plan is None:
            plan = self._plan = self._make_plan()
        middle = start + plan.delay_s + 0.5 * plan.window_s
        state = self.truth(middle)
        volts = amps = ohms = nan
        side = self.front.source[self.front.function]
        if plan.volts:
            channel = plan.v_channel or self.channel("VOLT", state.voltage_V)
            volts = self.read_out(channel, state.voltage_V)
        elif self.front.function == "VOLT":
            volts = side.level
        if plan.amps:
            channel = plan.i_channel or self.channel("CURR", state.current_A)
            amps = self.read_out(channel, state.current_A)
        elif self.front.function == "CURR":
            amps = side.level
        if plan.ohms:
            ohms = volts / amps if amps else inf
        status = plan.status | self._live_bits(state, volts, amps)
        time_s = (middle - self.zero_s) % TIME_WRAPS_S
        return Row(volts, amps, ohms, time_s, status), start + plan.total_s

    def _live_bits(self, state: TerminalState, volts: float, amps: float) -> int:
        bits = OVERFLOW if isinf(volts) or isinf(amps) else 0
        held = state.limited and self.front.output
        if held:
            bits |= RANGE_COMPLIANCE if self._range_clamps else COMPLIANCE
        protecting = self.protects(state)
        if protecting:
            bits |= PROTECTION
        measurement = self.status.measurement
        measurement.event |= M_READING | (M_OVERFLOW if bits & OVERFLOW else 0)
        measurement.set_condition(M_COMPLIANCE, held)
        measurement.set_condition(M_PROTECTION, protecting)
        return bits

    def _range_ohms(self, at: float) -> None:
        """Step the ohms range, and with it the test current, until the cell fits."""
        for _ in range(2 * len(OHMS)):
            state = self.truth(at)
            if not state.current_A:
                return
            ohms = abs(state.voltage_V / state.current_A)
            wanted = next((i for i, (top, _) in enumerate(OHMS) if ohms <= top * OVERRANGE), 6)
            if wanted == self.setup.ohms_range:
                return
            self.setup.ohms_range += 1 if wanted > self.setup.ohms_range else -1
            self.clock = max(self.clock, at)
            self.apply_ohms()

    def apply_ohms(self) -> None:
        """Drive the test current of the ohms range when ohms are automatic."""
        if not self.auto_ohms:
            return
        side = self.front.source["CURR"]
        side.level, side.auto = OHMS[self.setup.ohms_range][1], True
        self.front.function = "CURR"
        self._plan = None
        self.present()

    # Trigger model

    def ready(self) -> None:
        """Raises ScpiError when no acquisition can start now."""
        if self.job is not None:
            raise ScpiError(-213)
        if not self.front.output:
            if not self.setup.clear_auto:
                raise ScpiError(803)
            self.switch(True)

    def read(self) -> list[Row]:
        """All readings of one passage of the trigger model, taken from `.clock` on."""
        if not {self.setup.arm_source, self.setup.trigger_source} <= {"IMM", "TIM"}:
            raise ScpiError(-214)
        self.ready()
        rows: list[Row] = []
        for number in range(self.setup.arm_count * self.setup.trigger_count):
            row, self.clock = self.take(self.clock + self._timer_wait(number))
            self._store(row)
            rows.append(row)
        self.latest = rows
        self._finish()
        return rows

    def _timer_wait(self, number: int) -> float:
        if self.setup.arm_source != "TIM" or number % self.setup.trigger_count:
            return 0.0
        return max(0.0, self.setup.arm_timer_s)

    def initiate(self) -> None:
        """`:INIT`: acquire in the background, or wait for the trigger."""
        self.ready()
        waits = not {self.setup.arm_source, self.setup.trigger_source} <= {"IMM", "TIM"}
        self.latest = []
        left = self.setup.arm_count * self.setup.trigger_count
        self.job = Job(left, None if waits else self.clock)
        self.status.operation.set_condition(O_IDLE, False)
        self.status.operation.set_condition(O_WAIT_ARM if waits else O_SWEEPING, True)

    def bus_trigger(self) -> None:
        """`*TRG`."""
        if self.job is None or self.job.start_s is not None or self.setup.arm_source != "BUS":
            raise ScpiError(-211)
        self.job.start_s = self.clock
        self.status.operation.set_condition(O_WAIT_ARM, False)
        self.status.operation.set_condition(O_SWEEPING, True)

    def work(self, until: float) -> None:
        """Take the readings of a running acquisition that are done by then."""
        while self.job is not None and self.job.start_s is not None:
            done = self.setup.arm_count * self.setup.trigger_count - self.job.left
            start = self.job.start_s + self._timer_wait(done)
            if self._plan is None:
                self._plan = self._make_plan()
            if start + self._plan.total_s > until:
                return
            row, self.job.start_s = self.take(start)
            self._store(row)
            self.latest.append(row)
            self.job.left -= 1
            if self.job.left == 0:
                self.clock = max(self.clock, self.job.start_s)
                self._finish()

    def settle(self) -> None:
        """Wait for a running acquisition."""
        if self.job is not None and self.job.start_s is not None:
            self.work(inf)

    def abort(self) -> None:
        """`:ABOR`: to idle."""
        self.job = None
        self.status.operation.set_condition(O_SWEEPING | O_WAIT_ARM, False)
        self.status.operation.set_condition(O_IDLE, True)

    def _finish(self) -> None:
        self.abort()
        if self.setup.clear_auto:
            self.switch(False)

    def _store(self, row: Row) -> None:
        buffer = self.buffer
        if not buffer.filling:
            return
        buffer.rows.append(row)
        if len(buffer.rows) == 2:
            self.status.measurement.raise_event(M_AVAILABLE)
        if len(buffer.rows) >= buffer.points:
            buffer.filling = False
            self.status.measurement.raise_event(M_FULL)
