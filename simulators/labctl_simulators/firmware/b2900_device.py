"""The B2900 without its command table: channels, their trigger systems, readings and errors."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from labctl_simulators.firmware.b2900_data import Format, Trace
from labctl_simulators.firmware.b2900_smu import HOT, Extras, Row, Smu2900
from labctl_simulators.firmware.b2900_trigger import KINDS, Event, Kind, Sequencer
from labctl_simulators.firmware.events import ErrorQueue
from labctl_simulators.firmware.exchange import Instrument
from labctl_simulators.firmware.on_bus import Talk
from labctl_simulators.firmware.scpi import ScpiError
from labctl_simulators.firmware.smu import Front
from labctl_simulators.terminals import Terminals

OVERFLOW_TEXT = "Error queue overflow"


@dataclass(slots=True)
class Channel:
    """One channel: its analogue side, its trigger system, what it has read."""

    smu: Smu2900
    sequencer: Sequencer = field(init=False)
    trace: Trace = field(default_factory=Trace)
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sequencer = Sequencer(self.smu, self.store)
        self.smu.on_trip = self.sequencer.abort

    def store(self, row: Row) -> None:
        """Keep a reading."""
        self.rows.append(row)
        self.trace.put(row)

    def switch(self, on: bool) -> None:
        """Turn the output on or off; off ends what the trigger system does."""
        if not on:
            self.sequencer.abort()
        self.smu.switch(on)


class DeviceB2900(Instrument):
    """One channel or two on one clock."""

    input_bytes = 65536
    errors_kept = 100
    turnround_s = 2e-3
    boot_s = 15.0
    identity = ""

    def __init__(
        self,
        terminals: Sequence[Terminals],
        make: Callable[[int, Instrument, Terminals], Smu2900],
        *,
        talk: Talk,
        output_off_code: int | None,
    ) -> None:
        super().__init__(terminals[0], baud=None, talk=talk)
        self.clock = max(pair.now for pair in terminals)
        self.errors = ErrorQueue(self.errors_kept, OVERFLOW_TEXT)
        self.output_off_code = output_off_code
        self.channels = {
            number: Channel(make(number, self, pair)) for number, pair in enumerate(terminals, 1)
        }
        self.format = Format()
        self.saved: dict[int, dict[int, tuple[Front, Extras]]] = {}
        for channel in self.channels.values():
            channel.smu.present()

    @property
    def output_on(self) -> bool:
        """Whether an output is on."""
        return any(channel.smu.front.output for channel in self.channels.values())

    @property
    def line_hz(self) -> float:
        """The mains frequency."""
        return self.channels[1].smu.line_hz

    @line_hz.setter
    def line_hz(self, value: float) -> None:
        for channel in self.channels.values():
            channel.smu.line_hz = value

    @property
    def interlock_closed(self) -> bool:
        """The interlock, which both channels share; opening it ends outputs that need it."""
        return self.channels[1].smu.interlock_closed

    @interlock_closed.setter
    def interlock_closed(self, closed: bool) -> None:
        for channel in self.channels.values():
            channel.smu.interlock_closed = closed
            if not closed and channel.smu.front.output and channel.smu.is_high:
                channel.smu.trip(0)

    @property
    def overheated(self) -> bool:
        """Whether it is too hot, which ends all outputs."""
        return self.channels[1].smu.overheated

    @overheated.setter
    def overheated(self, hot: bool) -> None:
        for channel in self.channels.values():
            channel.smu.overheated = hot
            if hot and channel.smu.front.output:
                channel.smu.trip(HOT)

    # Power, settings, time

    def start(self) -> None:
        """Power-on: defaults, the off state NORMAL at the cells."""
        self.reset()
        for channel in self.channels.values():
            channel.trace = Trace()

    def reset(self) -> None:
        """`*RST`: outputs off, settings to their defaults; the error queue stays."""
        self.format = Format()
        for channel in self.channels.values():
            channel.sequencer.reset()
            channel.rows = []
            channel.smu.defaults()

    def disconnect(self, now: float) -> None:
        """Leave the cells alone, as without power."""
        for channel in self.channels.values():
            channel.sequencer.abort()
            channel.smu.disconnect(now)

    def pass_time(self, until: float) -> None:
        """Bring the cells to a time."""
        for channel in self.channels.values():
            channel.smu.pass_time(until)

    def save(self, place: int) -> None:
        """`*SAV`."""
        self.saved[place] = {
            number: deepcopy((channel.smu.front, channel.smu.extras))
            for number, channel in self.channels.items()
        }

    def recall(self, place: int) -> None:
        """`*RCL`: the stored settings, with the outputs off. Raises ScpiError when empty."""
        if place not in self.saved:
            raise ScpiError(-200)
        for number, channel in self.channels.items():
            channel.switch(False)
            channel.smu.front, channel.smu.extras = deepcopy(self.saved[place][number])
            channel.smu.front.output = False
            channel.smu.present()

    def next_error(self) -> str:
        """The oldest error, with its sign."""
        entry = self.errors.take()
        return f'{entry.code:+d},"{entry.text}"'

    def all_errors(self) -> str:
        """`:SYST:ERR:ALL?`: the whole queue."""
        return ",".join(self.next_error() for _ in range(len(self.errors) or 1))

    # Trigger system

    def begin(self, numbers: Sequence[int], kinds: tuple[Kind, ...]) -> None:
        """`:INIT`: switches the output on when `:OUTP:ON:AUTO` says so. Raises ScpiError."""
        for number in numbers:
            self.ready(number)
        for number in numbers:
            channel = self.channels[number]
            channel.sequencer.begin(kinds, self.clock)
            if "ACQ" in kinds:
                channel.rows = []

    def ready(self, number: int) -> None:
        """Switch the output on by itself, where that is enabled. Raises ScpiError."""
        smu = self.channels[number].smu
        if smu.front.output:
            return
        if smu.extras.on_auto:
            self.channels[number].switch(True)
        elif self.output_off_code is not None:
            raise ScpiError(self.output_off_code)

    def read(self, numbers: Sequence[int]) -> None:
        """`:READ?`: initiate and wait, while the other channel goes on. Raises ScpiError."""
        self.begin(numbers, KINDS)
        mine = [self.channels[number].sequencer for number in numbers]
        if any(each.stuck for each in mine):
            for each in mine:
                each.abort()
            raise ScpiError(-214)
        over_s = self.clock
        while any(each.runs for each in mine) and (coming := self._soonest()) is not None:
            self._do(*coming)
            over_s = max(over_s, coming[1].over_s)
        self.clock = max(self.clock, over_s)

    def spot(self, number: int, functions: frozenset[str]) -> Row:
        """`:MEAS?`: one measurement now, outside the trigger system. Raises ScpiError."""
        self.ready(number)
        smu = self.channels[number].smu
        row = smu.take(self.clock, functions)
        over_s = self.clock + smu.window_s()
        self.work(over_s)
        self.clock = over_s
        return row

    def work(self, until: float) -> None:
        """Do what the trigger systems do by then, in the order of time."""
        while (coming := self._soonest()) is not None and coming[1].over_s <= until:
            self._do(*coming)

    def settle(self) -> None:
        """Wait for what runs, unless it waits for a trigger."""
        over_s = self.clock
        while (coming := self._soonest()) is not None:
            self._do(*coming)
            over_s = max(over_s, coming[1].over_s)
        self.clock = max(self.clock, over_s)

    def abort(self) -> None:
        """Everything to idle."""
        for channel in self.channels.values():
            channel.sequencer.abort()

    def bus_trigger(self) -> None:
        """`*TRG`. Raises ScpiError -211 when nothing waits for it."""
        released = [each.sequencer.release(self.clock) for each in self.channels.values()]
        if not any(released):
            raise ScpiError(-211)

    def _soonest(self) -> tuple[Channel, Event] | None:
        found: tuple[Channel, Event] | None = None
        for channel in self.channels.values():
            event = channel.sequencer.next()
            if event is not None and (found is None or event.at_s < found[1].at_s):
                found = channel, event
        return found

    def _do(self, channel: Channel, event: Event) -> None:
        self.clock = max(self.clock, event.at_s)
        if channel.sequencer.advance(event) and channel.smu.extras.off_auto:
            self.clock = max(self.clock, event.over_s)
            channel.switch(False)
