"""Keithley 2400 series: readings, status word, ohms, trigger model and buffer.

Sources: instruments.md §1; 2400S-900-01 pages 7-2, 13-10, 18-59, 18-62, 18-68, B-6, B-7.
"""

from copy import deepcopy
from math import inf, isinf, nan

from labctl_simulators.firmware.k2400_state import (
    AD_EXTRA_S,
    AUTO_DELAY_S,
    AUTO_OHMS,
    COMPLIANCE,
    CYCLE_S,
    FILTER,
    FRONT_TERMINALS,
    I_MEASURED,
    I_SOURCED,
    M_AVAILABLE,
    M_COMPLIANCE,
    M_FULL,
    M_OVERFLOW,
    M_PROTECTION,
    M_READING,
    O_IDLE,
    O_SWEEPING,
    O_WAIT_ARM,
    OHMS,
    OVERFLOW,
    PROTECTION,
    R_MEASURED,
    RANGE_COMPLIANCE,
    REMOTE_SENSE,
    TIME_WRAPS_S,
    V_MEASURED,
    V_SOURCED,
    Buffer,
    Job,
    Plan,
    Row,
    Setup,
)
from labctl_simulators.firmware.models import OVERRANGE, Quantity
from labctl_simulators.firmware.scpi import ScpiError
from labctl_simulators.firmware.smu import OTHER, Channel, Front, SourceMeter
from labctl_simulators.ports import TerminalState


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
