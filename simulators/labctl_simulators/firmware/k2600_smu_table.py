"""`smua` and `smub`: a channel's settings and functions as scripts see them.

Sources: instruments.md §3; 2600BS-901-01 7-205 to 7-275. Set values are refused with 1101 (too
big), 1102 (too small), -222 (no such constant), -104 (no number).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from labctl_simulators.firmware.k2600_buffer import CAPACITY_MOST, Buffer
from labctl_simulators.firmware.k2600_buffer_table import buffer_table, buffers_of
from labctl_simulators.firmware.k2600_smu import HIGH_Z, OFF, ON, Smu
from labctl_simulators.firmware.k2600_trigger import Waits, take, values_of
from labctl_simulators.firmware.models import Quantity
from labctl_simulators.firmware.tsp_attributes import (
    Host,
    Refused,
    as_choice,
    as_count,
    as_number,
    attribute,
    check_count,
    constants,
    function,
    timed,
)
from labctl_simulators.lua.values import Native, Steps, Value, Values

BY_SUFFIX: dict[str, Quantity] = {"v": "VOLT", "i": "CURR"}
FUNCTIONS: tuple[Quantity, Quantity] = ("CURR", "VOLT")  # OUTPUT_DCAMPS 0, OUTPUT_DCVOLTS 1
KINDS = {"i": "i", "v": "v", "iv": "iv", "r": "r", "p": "p"}
NPLC = (0.001, 25.0)


class Station(Host, Protocol):
    """What a channel's table needs of the instrument."""

    def busy(self, smu: Smu) -> bool:
        """Whether a sweep or an overlapped measurement runs on a channel."""

    def begin(self, smu: Smu, waits: Waits) -> None:
        """Let something run beside the commands."""

    def end(self, smu: Smu) -> None:
        """End what runs beside the commands."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A setting that is stored and given back, and has no effect here that a cell would feel."""

    default: float
    choices: tuple[int, ...] = ()
    low: float = 0.0
    high: float = 1e6


@dataclass(slots=True)
class Shelf:
    """Kept settings and where they are."""

    settings: dict[str, Kept]
    values: dict[str, float] = field(default_factory=dict)

    def get(self, name: str) -> float:
        """The present value."""
        return self.values.get(name, self.settings[name].default)


SOURCE_KEPT = {
    "settling": Kept(0, (0, 1, 2, 3, 128)),
    "sink": Kept(0, (0, 1)),
    "highc": Kept(0, (0, 1)),
    "outputenableaction": Kept(0, (0, 1)),
}
MEASURE_KEPT = {
    "delayfactor": Kept(1.0),
    "highcrangedelayfactor": Kept(10.0, (), 1.0, 99.0),
}
SMU_CONSTANTS = {
    "OUTPUT_OFF": 0, "OUTPUT_ON": 1, "OUTPUT_HIGH_Z": 2, "OUTPUT_NORMAL": 0, "OUTPUT_ZERO": 1,
    "OUTPUT_DCAMPS": 0, "OUTPUT_DCVOLTS": 1, "SENSE_LOCAL": 0, "SENSE_REMOTE": 1,
    "AUTORANGE_OFF": 0, "AUTORANGE_ON": 1, "AUTORANGE_FOLLOW_LIMIT": 2, "AUTOZERO_OFF": 0,
    "AUTOZERO_ONCE": 1, "AUTOZERO_AUTO": 2, "FILTER_OFF": 0, "FILTER_ON": 1,
    "FILTER_MOVING_AVG": 0, "FILTER_REPEAT_AVG": 1, "FILTER_MEDIAN": 2, "REL_OFF": 0, "REL_ON": 1,
    "DELAY_OFF": 0, "DELAY_AUTO": -1, "DISABLE": 0, "ENABLE": 1, "SETTLE_SMOOTH": 0,
    "SETTLE_FAST_RANGE": 1, "SETTLE_FAST_POLARITY": 2, "SETTLE_DIRECT_IRANGE": 3,
    "SETTLE_FAST_ALL": 128, "OE_NONE": 0, "OE_OUTPUT_OFF": 1,
}  # fmt: skip


class SmuTable:
    """Builds the table of one channel."""

    def __init__(self, station: Station, smu: Smu) -> None:
        self._station = station
        self._smu = smu
        self.table = Native(station.heap, "smu")
        self._kept_source = Shelf(SOURCE_KEPT)
        self._kept_measure = Shelf(MEASURE_KEPT)
        constants(self.table, **SMU_CONSTANTS)
        self.table.objects["source"] = self._source()
        self.table.objects["measure"] = self._measure()
        for name, buffer in smu.buffers.items():
            self.table.objects[name] = buffer_table(station, buffer)
        function(station, self.table, "makebuffer", self._make_buffer, 1, 1)
        function(station, self.table, "reset", lambda _: self.reset())
        function(station, self.table, "abort", lambda _: station.end(smu))
        attribute(station, self.table, "sense", lambda: float(smu.measure.remote), self._set_sense)

    def reset(self) -> None:
        """`smuX.reset()`: defaults, with the output off."""
        self._station.end(self._smu)
        self._kept_source.values.clear()
        self._kept_measure.values.clear()
        self._smu.defaults()
        self._smu.present(self._station.clock)

    def _set_sense(self, value: Value) -> None:
        self._smu.measure.remote = bool(as_choice(value, (0, 1)))
        self._smu.present(self._station.clock)

    def _make_buffer(self, arguments: Values) -> Values:
        made = Buffer(as_count(arguments[0], 1, CAPACITY_MOST))
        self._station.heap.take(made.capacity // 8)
        return [buffer_table(self._station, made)]

    def _change(self, **settings: object) -> None:
        self._smu.change(self._station.clock, **settings)

    # Source

    def _source(self) -> Native:
        station, smu = self._station, self._smu
        table = Native(station.heap, "smu_source")
        for suffix, quantity in BY_SUFFIX.items():
            self._level(table, suffix, quantity)
            self._source_range(table, suffix, quantity)

        def put(name: str, read: Callable[[], float], write: Callable[[Value], None]) -> None:
            attribute(station, table, name, lambda: float(read()), write)

        put(
            "func",
            lambda: FUNCTIONS.index(smu.source.function),
            lambda v: self._change(function=FUNCTIONS[as_choice(v, (0, 1))]),
        )
        put("output", lambda: smu.source.output, self._set_output)
        put(
            "offmode",
            lambda: smu.source.off_mode,
            lambda v: self._change(off_mode=as_choice(v, (0, 1, 2))),
        )
        put(
            "offfunc",
            lambda: FUNCTIONS.index(smu.source.off_function),
            lambda v: self._change(off_function=FUNCTIONS[as_choice(v, (0, 1))]),
        )
        put(
            "limitp",
            lambda: smu.source.limit_W,
            lambda v: self._change(limit_W=as_number(v, 0.0, self._most_power())),
        )
        put(
            "delay",
            lambda: smu.source.delay_s,
            lambda v: self._change(delay_s=as_number(v, 0.0, 1e4)),
        )
        attribute(station, table, "compliance", lambda: smu.in_compliance(station.clock))
        _shelve(station, table, self._kept_source)
        return table

    def _most_power(self) -> float:
        return max(volts * amps for volts, amps in self._smu.model.ranges.envelope)

    def _set_output(self, value: Value) -> None:
        self._change(output=as_choice(value, (OFF, ON, HIGH_Z)))

    def _level(self, table: Native, suffix: str, quantity: Quantity) -> None:
        station, smu, model = self._station, self._smu, self._smu.model
        top = model.top(quantity)
        least = model.least_V if quantity == "VOLT" else model.least_A

        def set_level(value: Value) -> None:
            level = as_number(value, -top, top)
            self._change(level={**smu.source.level, quantity: level})

        def set_limit(value: Value) -> None:
            limit = as_number(value, least, top)
            self._change(limit={**smu.source.limit, quantity: limit})

        def set_off_limit(value: Value) -> None:
            limit = as_number(value, least, top)
            self._change(off_limit={**smu.source.off_limit, quantity: limit})

        attribute(station, table, f"level{suffix}", lambda: smu.source.level[quantity], set_level)
        attribute(station, table, f"limit{suffix}", lambda: smu.source.limit[quantity], set_limit)
        attribute(
            station,
            table,
            f"offlimit{suffix}",
            lambda: smu.source.off_limit[quantity],
            set_off_limit,
        )

    def _source_range(self, table: Native, suffix: str, quantity: Quantity) -> None:
        station, smu, model = self._station, self._smu, self._smu.model
        ranges, top = smu.ranges(quantity), model.top(quantity)

        def set_range(value: Value) -> None:
            at = model.source_index(quantity, as_number(value, -top, top))
            self._change(
                span={**smu.source.span, quantity: at}, auto={**smu.source.auto, quantity: False}
            )

        def set_auto(value: Value) -> None:
            auto, at = bool(as_choice(value, (0, 1))), smu.source_index(quantity)
            self._change(
                span={**smu.source.span, quantity: at}, auto={**smu.source.auto, quantity: auto}
            )

        def set_low(value: Value) -> None:
            at = model.source_index(quantity, as_number(value, 0.0, top))
            self._change(low={**smu.source.low, quantity: at})

        def read(name: str, get: Callable[[], float], put: Callable[[Value], None]) -> None:
            attribute(station, table, f"{name}{suffix}", get, put)

        read("range", lambda: ranges[smu.source_index(quantity)].full_scale, set_range)
        read("autorange", lambda: float(smu.source.auto[quantity]), set_auto)
        read("lowrange", lambda: ranges[smu.source.low[quantity]].full_scale, set_low)

    # Measure

    def _measure(self) -> Native:
        station, smu = self._station, self._smu
        table = Native(station.heap, "smu_measure")
        for suffix, quantity in BY_SUFFIX.items():
            self._measure_range(table, suffix, quantity)
        for name, kinds in KINDS.items():
            timed(station, table, name, self._reading(kinds))
            function(station, table, f"overlapped{name}", self._overlapped(kinds), 1, 2)

        def put(
            name: str,
            field_name: str,
            check: Callable[[Value], float],
            owner: Native = table,
        ) -> None:
            attribute(
                station,
                owner,
                name,
                lambda: float(getattr(smu.measure, field_name)),
                lambda v: setattr(smu.measure, field_name, check(v)),
            )

        put("nplc", "nplc", lambda v: as_number(v, *NPLC))
        put("count", "count", lambda v: as_count(v, 1, CAPACITY_MOST))
        put("delay", "delay_s", self._delay)
        put("interval", "interval_s", lambda v: as_number(v, 0.0, 1.0))
        put("autozero", "auto_zero", lambda v: as_choice(v, (0, 1, 2)))
        filters = Native(station.heap, "smu_filter")
        put("enable", "filter_on", lambda v: bool(as_choice(v, (0, 1))), filters)
        put("count", "filter_count", lambda v: as_count(v, 1, 100), filters)
        _shelve(station, filters, Shelf({"type": Kept(1, (0, 1, 2))}))
        table.objects["filter"] = filters
        table.objects["rel"] = self._relative()
        _shelve(station, table, self._kept_measure)
        return table

    def _delay(self, value: Value) -> float:
        delay = as_number(value, -1.0, 1e4)
        if delay < 0 and delay != -1:
            raise Refused(1102)
        return delay

    def _relative(self) -> Native:
        table = Native(self._station.heap, "smu_rel")
        for suffix in BY_SUFFIX:
            for name, choices in ((f"enable{suffix}", (0, 1)), (f"level{suffix}", ())):
                self._offset(table, name, choices)
        return table

    def _offset(self, table: Native, name: str, choices: tuple[int, ...]) -> None:
        smu = self._smu

        def write(value: Value) -> None:
            smu.measure.relative[name] = as_choice(value, choices) if choices else as_number(value)

        attribute(
            self._station, table, name, lambda: float(smu.measure.relative.get(name, 0.0)), write
        )

    def _measure_range(self, table: Native, suffix: str, quantity: Quantity) -> None:
        station, smu, model = self._station, self._smu, self._smu.model
        ranges, top = smu.ranges(quantity), model.top(quantity)

        def shown() -> float:
            if quantity == smu.source.function:
                return ranges[smu.source_index(quantity)].full_scale
            return ranges[max(smu.measure.span[quantity], smu.measure.low[quantity])].full_scale

        def set_range(value: Value) -> None:
            at = model.measure_index(quantity, as_number(value, -top, top))
            smu.measure.span[quantity], smu.measure.auto[quantity] = at, False

        def set_auto(value: Value) -> None:
            smu.measure.auto[quantity] = bool(as_choice(value, (0, 1, 2)))

        def set_low(value: Value) -> None:
            smu.measure.low[quantity] = model.measure_index(quantity, as_number(value, 0.0, top))

        attribute(station, table, f"range{suffix}", shown, set_range)
        attribute(
            station,
            table,
            f"autorange{suffix}",
            lambda: float(smu.measure.auto[quantity]),
            set_auto,
        )
        attribute(
            station,
            table,
            f"lowrange{suffix}",
            lambda: ranges[smu.measure.low[quantity]].full_scale,
            set_low,
        )

    def _reading(self, kinds: str) -> Callable[[Values], Steps]:
        station, smu = self._station, self._smu

        def steps(arguments: Values) -> Steps:
            buffers = buffers_of(arguments, len(kinds))
            if station.busy(smu):
                raise Refused(1100)
            waits = take(smu, kinds, buffers, station.clock)
            until = next(waits, None)
            while until is not None:
                yield until
                until = _after(waits, station.clock)
            return list(values_of(kinds, smu.latest))

        return steps

    def _overlapped(self, kinds: str) -> Callable[[Values], None]:
        station, smu = self._station, self._smu

        def act(arguments: Values) -> None:
            check_count(arguments, len(kinds), len(kinds))
            buffers = buffers_of(arguments, len(kinds))
            if station.busy(smu):
                raise Refused(1100)
            station.begin(smu, take(smu, kinds, buffers, station.clock))

        return act


def _after(waits: Waits, now: float) -> float | None:
    try:
        return waits.send(now)
    except StopIteration:
        return None


def _shelve(host: Host, table: Native, shelf: Shelf) -> None:
    for name, setting in shelf.settings.items():
        attribute(host, table, name, _taken(shelf, name), _put(shelf, name, setting))


def _taken(shelf: Shelf, name: str) -> Callable[[], Value]:
    return lambda: float(shelf.get(name))


def _put(shelf: Shelf, name: str, setting: Kept) -> Callable[[Value], None]:
    def write(value: Value) -> None:
        if setting.choices:
            shelf.values[name] = as_choice(value, setting.choices)
        else:
            shelf.values[name] = as_number(value, setting.low, setting.high)

    return write
