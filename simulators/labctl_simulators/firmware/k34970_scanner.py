"""The 34970A's work: channels configured, a scan list, scans into memory.

Sources: instruments.md §8; the user's guide 34970-90003 chapters 4 and 5 for what a scan list is,
what MEAS?, READ? and INIT do with memory, and for ranges of channels. Speed [K]: 60 channels/s at
the shortest integration, some 9 at one line cycle with thermocouples.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from labctl_simulators.firmware.channel_list import parse_list
from labctl_simulators.firmware.exchange import Instrument
from labctl_simulators.firmware.on_bus import Talk
from labctl_simulators.firmware.scpi import Argument, ScpiError
from labctl_simulators.firmware.thermometry import Thermometry, in_unit
from labctl_simulators.ports import TerminalState
from labctl_simulators.terminals import OPEN, Terminals

LIMITS_K = {"TC": 1.0, "THER": 0.08, "RTD": 0.06, "FRTD": 0.06}
SPANS_DEGC = {
    **{"B": (0, 1820), "E": (-150, 1000), "J": (-150, 1200), "K": (-100, 1200)},
    **{"N": (-100, 1300), "R": (0, 1760), "S": (0, 1760), "T": (-100, 400)},
    **{"THER": (-80, 150), "RTD": (-200, 600)},
}
TEXTS = {
    111: "Channel list: slot number out of range",
    112: "Channel list: channel number out of range",
    113: "Channel list: empty scan list",
    251: "Unsupported temperature transducer type",
    261: "Not able to execute while scan initiated",
    291: "Not able to recall state: it is empty",
    308: "Channel not able to perform requested operation",
    309: "Incorrectly formatted channel list",
}
PER_SLOT = 20
MEMORY = 50_000
OVERHEAD_S = 15e-3
THERMOCOUPLE_CYCLES, OTHER_CYCLES = 4.0, 2.0
SPREAD_V = 1e-6
CARD_DEGC = 23.0
O_SCANNING = 1 << 4
NO_END = 9.9e37


class Row(NamedTuple):
    """One reading in memory; times since the scan began and by the caller's clock."""

    value: float
    unit: str
    since_s: float
    time_s: float
    channel: int


@dataclass(slots=True)
class Setup:
    """What a channel measures, as `*RST` leaves it.

    `check` is the check for an open thermocouple; here an open one reads overload without it, too.
    """

    function: str = "VOLT"
    transducer: str = "TC"
    couple: str = "J"
    thermistor: str = "5000"
    resistor: str = "85"
    reference_ohm: float = 100.0
    junction: str = "INT"
    junction_degC: float = 0.0
    check: bool = False
    unit: str = "C"
    nplc: float = 1.0
    delay_s: float = 0.0
    delay_auto: bool = True


@dataclass(slots=True)
class Format:
    """What stands beside a reading in a reply."""

    unit: bool = False
    time: bool = False
    channel: bool = False
    alarm: bool = False
    absolute: bool = False


@dataclass(slots=True)
class Trigger:
    """When sweeps begin, and how many there are."""

    source: str = "IMM"
    timer_s: float = 0.0
    count: float = 1.0


@dataclass(slots=True)
class Job:
    """A running scan: sweeps done, the channel that is next, and when."""

    begun_s: float
    next_s: float
    sweep_s: float
    at: int = 0
    done: int = 0
    waiting: bool = False


@dataclass(slots=True)
class State:
    """All that `*RST` resets."""

    setups: dict[int, Setup]
    scan: tuple[int, ...] = ()
    format: Format = field(default_factory=Format)
    trigger: Trigger = field(default_factory=Trigger)


def channels_of(slots: tuple[int, ...]) -> tuple[int, ...]:
    """The channels of 34901A cards in these slots, without their ampere channels."""
    return tuple(slot + n for slot in slots for n in range(1, PER_SLOT + 1))


class Scanner34970(Instrument):
    """A 34970A without its command table."""

    input_bytes = 2048
    errors_kept = 10
    turnround_s = 4e-3
    boot_s = 6.0
    identity = ""

    def __init__(
        self,
        passing: Terminals,
        thermometry: Thermometry,
        *,
        slots: tuple[int, ...],
        line_hz: float,
        baud: int | None,
        talk: Talk,
    ) -> None:
        super().__init__(passing, baud=baud, talk=talk)
        self.thermometry = thermometry
        self.slots = slots
        self.channels = channels_of(slots)
        self.line_hz = line_hz
        self.saved: dict[int, State] = {}
        self.start()

    def start(self) -> None:
        """Power-on: factory settings, memory empty."""
        self.job: Job | None = None
        self.memory: list[Row] = []
        self.reset()

    def reset(self) -> None:
        """`*RST`: all channels volts, scan list and memory empty, formats off."""
        self.abort()
        self.memory = []
        self.state = State({channel: Setup() for channel in self.channels})

    def save(self, place: int) -> None:
        """`*SAV`."""
        self.saved[place] = deepcopy(self.state)

    def recall(self, place: int) -> None:
        """`*RCL`. Raises ScpiError 291 when there is nothing."""
        if place not in self.saved:
            raise ScpiError(291)
        self.abort()
        self.state = deepcopy(self.saved[place])

    def disconnect(self, now: float) -> None:
        """The relays open without power."""
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

    def describe(self, code: int, detail: str) -> str:
        """The words for a code; this instrument has codes of its own."""
        return TEXTS.get(code) or super().describe(code, detail)

    def next_error(self) -> str:
        """The oldest error; +0 when there is none."""
        entry = self.errors.take()
        return f'{entry.code:+d},"{entry.text}"'

    # Channels

    def listed(self, argument: Argument) -> tuple[int, ...]:
        """The channels of a list. Raises ScpiError 309, 111 for a slot, 112 for a channel."""
        try:
            return tuple(sorted(parse_list(argument, self.channels, malformed=309, unknown=112)))
        except ScpiError as error:
            slots = {int(n) // 100 * 100 for n in _numbers(argument.text)}
            wrong_slot = error.code == 112 and bool(slots - set(self.slots))
            raise ScpiError(111 if wrong_slot else error.code) from None

    def addressed(self, argument: Argument | None) -> list[Setup]:
        """The channels that a command is about: of its list, else of the scan list."""
        found = self.state.scan if argument is None else self.listed(argument)
        if not found:
            raise ScpiError(113 if argument is None else 309)
        return [self.state.setups[channel] for channel in found]

    def idle(self) -> None:
        """Raises ScpiError 261 while a scan runs."""
        if self.job is not None:
            raise ScpiError(261)

    # Scans

    def initiate(self) -> None:
        """Empty the memory and begin to scan. Raises ScpiError -213, 113."""
        if self.job is not None:
            raise ScpiError(-213)
        if not self.state.scan:
            raise ScpiError(113)
        self.memory = []
        waiting = self.state.trigger.source == "BUS"
        self.job = Job(self.clock, self.clock, self.clock, waiting=waiting)
        self.status.operation.set_condition(O_SCANNING, True)

    def work(self, until: float) -> None:
        """Take the readings of a running scan that are done by then."""
        while (job := self.job) is not None and not job.waiting:
            channel = self.state.scan[job.at]
            before_s, window_s = self._times(self.state.setups[channel])
            done_s = job.next_s + before_s + window_s
            if done_s > until:
                return
            self._keep(self._take(channel, job, done_s - 0.5 * window_s))
            self.clock = max(self.clock, done_s)
            job.at, job.next_s = job.at + 1, done_s
            if job.at == len(self.state.scan):
                self._end_of_sweep(job)

    def _times(self, setup: Setup) -> tuple[float, float]:
        """Before a reading, and during it, s."""
        thermocouple = setup.function == "TEMP" and setup.transducer == "TC"
        cycles = setup.nplc * (THERMOCOUPLE_CYCLES if thermocouple else OTHER_CYCLES)
        return OVERHEAD_S + setup.delay_s, cycles / self.line_hz

    def _keep(self, row: Row) -> None:
        self.memory.append(row)
        if len(self.memory) > MEMORY:
            del self.memory[0]

    def _take(self, channel: int, job: Job, at: float) -> Row:
        setup = self.state.setups[channel]
        self.pass_time(at)
        if setup.function == "TEMP":
            value, unit = self._temperature(setup, channel, at), setup.unit
        elif setup.function in ("RES", "FRES"):
            value, unit = inf, "OHM"
        else:
            value, unit = self.thermometry.spread(SPREAD_V), "VDC"
        return Row(value, unit, at - job.begun_s, at, channel)

    def _temperature(self, setup: Setup, channel: int, at: float) -> float:
        kind = setup.transducer
        degC = self.thermometry.degC(channel, kind, at, setup.nplc)
        if kind == "TC":
            low, high = SPANS_DEGC[setup.couple]
            if setup.junction == "FIX":
                degC += setup.junction_degC - CARD_DEGC
        else:
            low, high = SPANS_DEGC["THER" if kind == "THER" else "RTD"]
        return in_unit(degC, setup.unit) if low <= degC <= high else inf

    def _end_of_sweep(self, job: Job) -> None:
        job.at, job.done = 0, job.done + 1
        trigger = self.state.trigger
        if job.done >= trigger.count:
            self._finish()
            return
        timed_s = job.sweep_s + trigger.timer_s if trigger.source == "TIM" else job.next_s
        job.sweep_s = job.next_s = max(job.next_s, timed_s)
        job.waiting = trigger.source == "BUS"

    def endless(self) -> bool:
        """Whether the running scan never ends by itself."""
        job, trigger = self.job, self.state.trigger
        return job is not None and (trigger.count >= NO_END or trigger.source == "BUS")

    def settle(self) -> None:
        """Wait for a running scan. Raises ScpiError -214 for one that never ends by itself."""
        if self.endless():
            raise ScpiError(-214)
        self.work(inf)

    def bus_trigger(self) -> None:
        """`*TRG`: one sweep of a scan that waits for it. Raises ScpiError -211."""
        job = self.job
        if job is None or not job.waiting:
            raise ScpiError(-211)
        job.waiting = False
        job.next_s = job.sweep_s = max(self.clock, job.next_s)

    def abort(self) -> None:
        """`:ABOR`: what is in memory stays."""
        if self.job is not None:
            self._finish()

    def _finish(self) -> None:
        self.job = None
        self.status.operation.set_condition(O_SCANNING, False)


def _numbers(text: str) -> list[str]:
    return "".join(c if c.isdigit() else " " for c in text).split()
