"""Keithley 2450 series: readings, source status, buffers and the loaded trigger models.

Sources: instruments.md §1b; 2450-901-01 pages 2-82, 2-98, 6-32, 6-53, 6-74.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from math import inf, isinf

from labctl_simulators.firmware import k2450_buffer
from labctl_simulators.firmware.calibration import QUANTITIES
from labctl_simulators.firmware.event_log import LoggedEvents
from labctl_simulators.firmware.k2450_buffer import Ring, Row, pack
from labctl_simulators.firmware.models import Quantity
from labctl_simulators.firmware.scpi import ScpiError
from labctl_simulators.firmware.smu import OTHER, Channel, Front, SenseSide, SourceMeter
from labctl_simulators.ports import TerminalState

DEFAULT_BUFFERS = {"defbuffer1": 100_000, "defbuffer2": 100_000}
READINGS_MOST = 6_875_000
BUFFERS_MOST = 64
AD_EXTRA_S = 200e-6
CYCLE_S = 1e-3
AUTO_DELAY_S = 1e-3
M_READING, O_RUNNING = 1 << 6, 1 << 4


@dataclass(slots=True)
class Setup:
    """Settings beyond the front end, with their values after `*RST`."""

    function: str = "CURR"
    count: int = 1
    precision: int = 0
    data_format: str = "ASC"
    swapped: bool = True
    ohms: SenseSide = field(default_factory=lambda: SenseSide(span=4))


@dataclass(slots=True)
class Loop:
    """A loaded trigger model: so many readings or so many seconds, a delay before each."""

    delay_s: float
    buffer: str
    count: int | None = None
    duration_s: float | None = None


@dataclass(slots=True)
class Job:
    """A running trigger model."""

    loop: Loop
    next_s: float
    end_s: float
    left: int


@dataclass(slots=True)
class Plan:
    """What a reading takes and how, until a setting changes."""

    delay_s: float
    window_s: float
    total_s: float
    function: str
    source: Quantity
    level: float
    readback: bool
    channels: dict[Quantity, Channel | None]
    marks: Callable[[int, int], int]
    status: int
    source_status: int


class Meter2450(LoggedEvents, SourceMeter):
    """The 2450 series without its command table."""

    input_bytes = 65536
    errors_kept = 64
    turnround_s = 2e-3
    boot_s = 20.0
    idle_share = 0.1
    power_code = -221
    identity = ""
    interlock_code = -221
    language = "SCPI"
    next_language = "SCPI"

    def prepare(self) -> None:
        """Set the state that is not in the front end."""
        self.setup = Setup()
        self.buffers = {name: Ring(size) for name, size in DEFAULT_BUFFERS.items()}
        self.saved: dict[int, tuple[Front, Setup]] = {}
        self.forget_events()
        self.latest: Row | None = None
        self.loop: Loop | None = None
        self.job: Job | None = None
        self.run_state = "IDLE"
        self._plan: Plan | None = None

    def start(self) -> None:
        """Power-on: factory settings, in the command set chosen before."""
        saved = self.saved
        self.language = self.next_language
        self.front = self.power_on_front()
        self.prepare()
        self.saved = saved
        self.present()

    def reset(self) -> None:
        """`*RST`: output off, settings to their defaults, buffers emptied."""
        self.abort()
        self.front = self.power_on_front()
        self.setup = Setup()
        self.loop = None
        self.buffers = {name: Ring(size) for name, size in DEFAULT_BUFFERS.items()}
        self.present()

    def save(self, place: int) -> None:
        """`*SAV`."""
        self.saved[place] = deepcopy((self.front, self.setup))

    def recall(self, place: int) -> None:
        """`*RCL`: the stored settings, with the output off. Raises ScpiError when empty."""
        if place not in self.saved:
            raise ScpiError(-200)
        self.abort()
        self.front, self.setup = deepcopy(self.saved[place])
        self.switch(False)

    def changed(self) -> None:
        """A setting changed: plan anew."""
        self._plan = None

    # Source

    def switch(self, on: bool) -> None:
        """Turn the output on or off. Raises ScpiError when interlock or heat block it."""
        high = self.source_span("VOLT").full_scale > 42 or self.front.interlock_needed
        if on and high and not self.interlock_closed:
            raise ScpiError(self.interlock_code)
        if on and self.overheated:
            raise ScpiError(self.interlock_code)
        super().switch(on)

    def set_function(self, function: Quantity) -> None:
        """Choose the source function; a change turns the output off."""
        if function != self.front.function:
            self.switch(False)
            self.front.function = function
            self.present()

    def set_limit(self, function: Quantity, limit: float) -> None:
        """Program `:ILIM` or `:VLIM`."""
        self.put_side(function, replace(self.front.source[function], limit=limit))

    def set_sense_range(self, quantity: Quantity, magnitude: float) -> None:
        """Fix a measuring range."""
        sense = self.front.sense[quantity]
        sense.span, sense.auto = self.model.index(quantity, magnitude), False
        self.present()

    def zero_limit(self, share: float) -> float:
        """ZERO: the current DAC at the full scale of the present current range."""
        return self.present_span("CURR").full_scale

    def four_wire(self) -> bool:
        """Whether the active measure function senses remotely; never with a cut-off output."""
        setup = self.setup
        if setup.function == "RES":
            return setup.ohms.four_wire
        return self.front.sense["VOLT" if setup.function == "VOLT" else "CURR"].four_wire

    # Readings

    def _sense(self) -> SenseSide:
        function = self.setup.function
        if function == "RES":
            return self.setup.ohms
        return self.front.sense["VOLT" if function == "VOLT" else "CURR"]

    def _make_plan(self) -> Plan:
        front, setup, sense = self.front, self.setup, self._sense()
        source = front.function
        side = front.source[source]
        two = setup.function == "RES" or (side.readback and setup.function != source)
        repeats = sense.average_count if sense.average and not sense.average_moving else 1
        conversions = (2 if two else 1) * (3 if sense.auto_zero else 1) * repeats
        window_s = conversions * (sense.nplc / self.line_hz + AD_EXTRA_S)
        delay_s = AUTO_DELAY_S if side.delay_auto else side.delay_s
        source_status = (
            (k2450_buffer.S_READBACK if side.readback else 0)
            | (k2450_buffer.S_SENSE if self.four_wire() and front.output else 0)
            | (k2450_buffer.S_OUTPUT if front.output else 0)
            | (k2450_buffer.S_OVER_TEMP if self.overheated else 0)
        )
        function = setup.function
        channels = {q: self._fixed_channel(q) for q in QUANTITIES}
        return Plan(
            delay_s=delay_s,
            window_s=window_s,
            total_s=delay_s + window_s + CYCLE_S,
            function=function,
            source=source,
            level=side.level,
            readback=side.readback,
            channels=channels,
            marks=lambda status, flags: pack(status, flags, function, source),
            status=0 if front.rear else k2450_buffer.TERMINAL_FRONT,
            source_status=source_status,
        )

    def _fixed_channel(self, quantity: Quantity) -> Channel | None:
        if quantity == self.front.function or not self.front.sense[quantity].auto:
            return self.channel(quantity, 0.0)
        return None

    def _read_quantity(self, plan: Plan, quantity: Quantity, state: TerminalState) -> float:
        true = state.voltage_V if quantity == "VOLT" else state.current_A
        return self.read_out(plan.channels[quantity] or self.channel(quantity, true), true)

    def take(self, start: float) -> tuple[Row, float]:
        """One reading begun at a time, and when it is done."""
        plan = self._plan
        if plan is None:
            plan = self._plan = self._make_plan()
        middle = start + plan.delay_s + 0.5 * plan.window_s
        state = self.truth(middle)
        source = plan.level
        if plan.readback or plan.function == plan.source:
            source = self._read_quantity(plan, plan.source, state)
        if plan.function == plan.source:
            value = source
        elif plan.function == "RES":
            volts = self._read_quantity(plan, "VOLT", state)
            amps = self._read_quantity(plan, "CURR", state)
            value = volts / amps if amps else inf
        else:
            value = self._read_quantity(plan, OTHER[plan.source], state)
        if not plan.readback:
            source = plan.level
        status, flags = plan.status, plan.source_status
        if isinf(value) or isinf(source):
            status |= k2450_buffer.QUESTIONABLE
        if state.limited and self.front.output:
            flags |= k2450_buffer.S_LIMIT
        if self._protects and self.protects(state):
            flags |= k2450_buffer.S_PROTECTION
        self.status.measurement.event |= M_READING
        return Row(value, source, middle, plan.marks(status, flags)), start + plan.total_s

    def buffer(self, name: str) -> Ring:
        """A reading buffer. Raises ScpiError -224 for an unknown name."""
        ring = self.buffers.get(name)
        if ring is None:
            raise ScpiError(-224)
        return ring

    def read(self, name: str) -> Row:
        """`SENS:COUN` readings into a buffer from `.clock` on; the last one."""
        if self.job is not None:
            raise ScpiError(-213)
        ring = self.buffer(name)
        for _ in range(self.setup.count):
            row, self.clock = self.take(self.clock)
            ring.put(row)
        self.latest = row
        return row

    def make_buffer(self, name: str, size: int) -> None:
        """`:TRAC:MAKE`. Raises ScpiError -225 without room, -221 for a name in use."""
        if name in self.buffers:
            raise ScpiError(-221)
        self.check_room(size)
        if len(self.buffers) >= BUFFERS_MOST:
            raise ScpiError(-225)
        self.buffers[name] = Ring(size)

    def check_room(self, more: int) -> None:
        """Raises ScpiError -225 when so many more readings do not fit."""
        if more + sum(ring.capacity for ring in self.buffers.values()) > READINGS_MOST:
            raise ScpiError(-225)

    # Trigger model

    def initiate(self) -> None:
        """`:INIT`: run what is loaded, in the background."""
        if self.job is not None:
            raise ScpiError(-213)
        if self.loop is None:
            self.run_state = "EMPTY"
            return
        loop = self.loop
        end_s = inf if loop.duration_s is None else self.clock + loop.duration_s
        left = -1 if loop.count is None else loop.count
        self.job = Job(loop, self.clock + loop.delay_s, end_s, left)
        self.run_state = "RUNNING"
        self.inform(2731)
        self.status.operation.set_condition(O_RUNNING, True)

    def work(self, until: float) -> None:
        """Take the readings of a running trigger model that are done by then."""
        while self.job is not None:
            job = self.job
            if job.left == 0 or job.next_s >= job.end_s:
                self._finish("IDLE", 2732)
                return
            if self._plan is None:
                self._plan = self._make_plan()
            if job.next_s + self._plan.total_s > until:
                return
            row, done_s = self.take(job.next_s)
            job.next_s = done_s + job.loop.delay_s
            job.left -= 1
            self.latest = row
            self.clock = max(self.clock, done_s)
            ring = self.buffers.get(job.loop.buffer)
            if ring is not None:
                ring.put(row)

    def settle(self) -> None:
        """Wait for a running trigger model."""
        self.work(inf)

    def abort(self) -> None:
        """`:ABOR`."""
        if self.job is not None:
            self._finish("ABORTED", 2728)

    def bus_trigger(self) -> None:
        """`*TRG`: nothing here waits for it."""
        raise ScpiError(-211)

    def _finish(self, state: str, code: int) -> None:
        self.job = None
        self.run_state = state
        self.inform(code)
        self.status.operation.set_condition(O_RUNNING, False)
