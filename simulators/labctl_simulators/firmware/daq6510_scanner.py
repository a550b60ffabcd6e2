"""The DAQ6510's work: one reading of a place, readings into buffers, scans over channels.

Sources: instruments.md §8, and §1b for what its engine shares with the 2450. Relay and overhead
times, accuracies and the sensors' ranges [K].
"""

from collections import deque
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from labctl_simulators.firmware.channel_list import parse_list
from labctl_simulators.firmware.daq6510_settings import Place, new_place
from labctl_simulators.firmware.event_log import LoggedEvents
from labctl_simulators.firmware.scpi import Argument, ScpiError
from labctl_simulators.firmware.thermometry import Thermometry, in_unit
from labctl_simulators.ports import TerminalState
from labctl_simulators.terminals import OPEN, Terminals

LIMITS_K = {"TC INT": 1.0, "TC EXT": 1.0, "TC SIM": 0.2, "THER": 0.1, "RTD": 0.06}
SPANS_DEGC = {
    **{"B": (350, 1820), "E": (-200, 1000), "J": (-200, 760), "K": (-200, 1372)},
    **{"N": (-200, 1300), "R": (0, 1768), "S": (0, 1768), "T": (-200, 400)},
    **{"THER": (-80, 150), "RTD": (-200, 850)},
}
FRONT = 0
RELAY_S, READING_S = 3e-3, 1e-3
SPREAD_V, SPREAD_A = 1e-6, 1e-9
ROOM_DEGC = 23.0
BUFFERS = ("defbuffer1", "defbuffer2")
CAPACITY = 100_000
READINGS_MOST = 7_000_000
O_RUNNING = 1 << 4


class Row(NamedTuple):
    """One reading as a buffer keeps it; `channel` 0 is the front inputs."""

    value: float
    channel: int
    time_s: float
    function: str
    unit: str


@dataclass(slots=True)
class Buffer:
    """Readings, the oldest overwritten when full; relative times count from the first."""

    rows: deque[Row] = field(default_factory=lambda: deque(maxlen=CAPACITY))
    first_s: float | None = None

    def put(self, row: Row) -> None:
        """Store a reading."""
        if self.first_s is None:
            self.first_s = row.time_s
        self.rows.append(row)

    def clear(self, capacity: int | None = None) -> None:
        """Forget all readings."""
        self.rows = deque(maxlen=capacity or self.rows.maxlen)
        self.first_s = None


@dataclass(slots=True)
class Scan:
    """What a scan does. `count` 0: until it is aborted."""

    channels: tuple[int, ...] = ()
    count: int = 1
    interval_s: float = 0.0
    buffer: str = BUFFERS[0]


@dataclass(slots=True)
class Job:
    """A running scan: which channel is next, when, and the scan's own beginning."""

    at: int
    next_s: float
    begun_s: float
    done: int = 0


class Scanner6510(LoggedEvents):
    """A DAQ6510 without its command table."""

    input_bytes = 65536
    errors_kept = 64
    boot_s = 20.0
    identity = ""
    language = "SCPI"
    channels: tuple[int, ...] = ()

    def __init__(self, passing: Terminals, thermometry: Thermometry, *, line_hz: float) -> None:
        super().__init__(passing, baud=None, talk="stream")
        self.thermometry = thermometry
        self.line_hz = line_hz
        self.rear = True
        self.saved: dict[int, dict[int, Place]] = {}
        self.start()

    def start(self) -> None:
        """Power-on: factory settings, relays open."""
        self.forget_events()
        self.job: Job | None = None
        self.reset()

    def reset(self) -> None:
        """`*RST`: settings to their defaults, relays open, scan and buffers emptied."""
        self.abort()
        self.places = {channel: new_place() for channel in (FRONT, *self.channels)}
        self.closed: tuple[int, ...] = ()
        self.scan = Scan()
        self.scan_state = "EMPTY"
        self.count = 1
        self.precision = 0
        self.buffers = {name: Buffer() for name in BUFFERS}

    def disconnect(self, now: float) -> None:
        """The relays open without power."""
        self.closed = ()
        self.job = None
        self.terminals.connect(OPEN, max(now, self.terminals.now))

    @property
    def output_on(self) -> bool:
        """A scanner drives nothing."""
        return False

    def truth(self, at: float) -> TerminalState:
        """Nothing flows at a scanner's inputs."""
        self.pass_time(at)
        return self.terminals.state()

    def save(self, place: int) -> None:
        """`*SAV`."""
        self.saved[place] = {channel: dict(values) for channel, values in self.places.items()}

    def recall(self, place: int) -> None:
        """`*RCL`. Raises ScpiError -200 when there is nothing."""
        if place not in self.saved:
            raise ScpiError(-200)
        self.abort()
        self.places = {channel: dict(v) for channel, v in self.saved[place].items()}

    # Places and relays

    def addressed(self, channels: Argument | None) -> list[Place]:
        """The settings that a command is about: of a channel list, else of the front inputs."""
        if channels is None:
            return [self.places[FRONT]]
        found = parse_list(channels, self.channels)
        if not found:
            raise ScpiError(-224)
        return [self.places[channel] for channel in found]

    def listed(self, channels: Argument) -> tuple[int, ...]:
        """The channels of a list, which no scan may be using. Raises ScpiError."""
        found = parse_list(channels, self.channels)
        if self.job is not None:
            raise ScpiError(-221)
        return found

    # Readings

    def take(self, channel: int, start: float, *, connected: bool = True) -> tuple[Row, float]:
        """One reading of a place begun at a time, and when it is done."""
        place = self.places[channel]
        function = str(place["FUNC"])
        window_s, cycles = self._window(place)
        middle_s = start + 0.5 * window_s
        self.pass_time(middle_s)
        if function == "TEMP":
            value = self._temperature(place, channel, middle_s, cycles) if connected else inf
            unit = str(place["UNIT"])
        else:
            value, unit = self._open_leads(function), function
        return Row(value, channel, middle_s, function, unit), start + window_s + READING_S

    def _window(self, place: Place) -> tuple[float, float]:
        """How long a reading integrates, s, and over how many line cycles of signal."""
        function = place["FUNC"]
        repeats = float(place[f"{function} AVER COUN"]) if place[f"{function} AVER"] else 1.0
        cycles = repeats * float(place[f"{function} NPLC"])
        return (2.0 if place[f"{function} AZER"] else 1.0) * cycles / self.line_hz, cycles

    def _temperature(self, place: Place, channel: int, at: float, nplc: float) -> float:
        kind = str(place["TRAN"])
        if kind == "TC":
            degC = self._thermocouple(place, channel, at, nplc)
            span = SPANS_DEGC[str(place["TYPE"])]
        else:
            sensor = "THER" if kind == "THER" else "RTD"
            degC = self.thermometry.degC(channel, sensor, at, nplc)
            span = SPANS_DEGC[sensor]
        if not span[0] <= degC <= span[1]:
            return inf
        offset = float(place["REL"]) if place["REL STAT"] else 0.0
        return in_unit(degC, str(place["UNIT"])) - offset

    def _thermocouple(self, place: Place, channel: int, at: float, nplc: float) -> float:
        junction = str(place["RSEL"])
        degC = self.thermometry.degC(channel, f"TC {junction}", at, nplc)
        shift_K = float(place["SIM"]) - ROOM_DEGC if junction == "SIM" else 0.0
        if degC == inf and not place["ODET"]:
            degC = ROOM_DEGC  # no voltage between open leads: as hot as the junction
        return degC + shift_K

    def _open_leads(self, function: str) -> float:
        """Volts and amperes where nothing but a temperature is: noise. Ohms: out of range."""
        if function in ("RES", "FRES"):
            return inf
        return self.thermometry.spread(SPREAD_V if function == "VOLT:DC" else SPREAD_A)

    def buffer(self, name: str) -> Buffer:
        """A reading buffer. Raises ScpiError -224 for an unknown name."""
        found = self.buffers.get(name)
        if found is None:
            raise ScpiError(-224)
        return found

    def make_buffer(self, name: str, size: int) -> None:
        """`:TRAC:MAKE`. Raises ScpiError -221 for a name in use, -225 without room."""
        if name in self.buffers:
            raise ScpiError(-221)
        self.check_room(size)
        made = Buffer()
        made.clear(size)
        self.buffers[name] = made

    def check_room(self, more: int) -> None:
        """Raises ScpiError -225 when so many more readings do not fit."""
        if more + sum(b.rows.maxlen or 0 for b in self.buffers.values()) > READINGS_MOST:
            raise ScpiError(-225)

    def read(self, name: str) -> Row:
        """`SENS:COUN` readings of what is connected, from `.clock` on; the last one."""
        if self.job is not None:
            raise ScpiError(-213)
        buffer = self.buffer(name)
        channel = self.closed[0] if self.rear and self.closed else FRONT
        connected = channel != FRONT or not self.rear
        for _ in range(self.count):
            row, self.clock = self.take(channel, self.clock, connected=connected)
            buffer.put(row)
        return row

    # Scans

    def create(self, channels: tuple[int, ...]) -> None:
        """`:ROUT:SCAN:CRE`."""
        self.scan.channels = channels
        self.scan_state = "BUILDING" if channels else "EMPTY"

    def initiate(self) -> None:
        """`:INIT`: run the scan, in the background. Raises ScpiError -213, -221."""
        if self.job is not None:
            raise ScpiError(-213)
        if not self.scan.channels:
            return
        if not self.rear:
            raise ScpiError(-221)
        self.buffer(self.scan.buffer)
        self.closed = ()
        self.job = Job(0, self.clock, self.clock)
        self.scan_state = "RUNNING"
        self.inform(2731)
        self.status.operation.set_condition(O_RUNNING, True)

    def work(self, until: float) -> None:
        """Take the readings of a running scan that are done by then."""
        while (job := self.job) is not None:
            channel, start_s = self.scan.channels[job.at], job.next_s + RELAY_S
            if start_s + self._window(self.places[channel])[0] + READING_S > until:
                return
            row, done_s = self.take(channel, start_s)
            buffer = self.buffers.get(self.scan.buffer)
            if buffer is not None:
                buffer.put(row)
            self.clock = max(self.clock, done_s)
            job.at, job.next_s = job.at + 1, done_s
            if job.at == len(self.scan.channels):
                self._end_of_scan(job)

    def _end_of_scan(self, job: Job) -> None:
        job.at, job.done = 0, job.done + 1
        if self.scan.count and job.done >= self.scan.count:
            self._finish("SUCCESS", 2732)
            return
        job.begun_s = max(job.next_s, job.begun_s + self.scan.interval_s)
        job.next_s = job.begun_s

    def settle(self) -> None:
        """Wait for a running scan. Raises ScpiError -221 for one without an end."""
        if self.job is not None and not self.scan.count:
            raise ScpiError(-221)
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
        self.scan_state = state
        self.inform(code)
        self.status.operation.set_condition(O_RUNNING, False)
