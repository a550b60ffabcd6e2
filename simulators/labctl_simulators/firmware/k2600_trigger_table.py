"""`smuX.trigger` and `trigger`: setting up sweeps. See `k2600_trigger` for what is followed."""

from collections.abc import Callable

from labctl_simulators.firmware.k2600_buffer_table import buffers_of
from labctl_simulators.firmware.k2600_smu import Smu
from labctl_simulators.firmware.k2600_smu_table import BY_SUFFIX, KINDS, Station
from labctl_simulators.firmware.k2600_trigger import HOLD, IDLE, Sweep, run_sweep
from labctl_simulators.firmware.models import Quantity
from labctl_simulators.firmware.tsp_attributes import (
    Refused,
    as_choice,
    as_count,
    as_number,
    attribute,
    check_count,
    constants,
    function,
)
from labctl_simulators.lua.values import Native, Table, Value, Values

COUNT_MOST = 100_000
BUS_EVENT = 20  # trigger.EVENT_ID: *TRG
EVENTS = ("SWEEPING", "ARMED", "SOURCE_COMPLETE", "MEASURE_COMPLETE", "PULSE_COMPLETE")
NEEDS = {
    "source": {"ARMED", "PULSE_COMPLETE"},
    "measure": {"SOURCE_COMPLETE"},
    "endpulse": {"MEASURE_COMPLETE"},
}
BLENDERS = 6
STIMULI = 4


class Blender:
    """An event that comes when any of its stimuli does (`orenable`), or when all have."""

    def __init__(self) -> None:
        self.either = False
        self.stimuli = [0] * STIMULI


class TriggerTables:
    """`trigger` of the instrument, with its event blenders, and the events of the channels."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._names: dict[int, tuple[object, str]] = {}
        self._blenders = {40 + place: Blender() for place in range(1, BLENDERS + 1)}
        self.pending = False
        self.table = Native(station.heap, "trigger")
        constants(self.table, EVENT_ID=BUS_EVENT)
        function(station, self.table, "clear", lambda _: self._clear())
        row = Table(station.heap)
        for place, (event, blender) in enumerate(self._blenders.items(), 1):
            row.set(float(place), self._blender(event, blender))
        self.table.objects["blender"] = row

    def _clear(self) -> None:
        self.pending = False

    def triggered(self) -> bool:
        """Whether *TRG has come since it was last asked."""
        pending, self.pending = self.pending, False
        return pending

    def name_events(self, owner: object, table: Native, first: int) -> None:
        """Give a channel's events their numbers."""
        for place, name in enumerate(EVENTS):
            self._names[first + place] = (owner, name)
            table.objects[f"{name}_EVENT_ID"] = float(first + place)

    def known(self, event: Value) -> int:
        """An event's number. Raises Refused -222 for what is none."""
        number = as_count(event, 0, 1000)
        if number in (0, BUS_EVENT) or number in self._names or number in self._blenders:
            return number
        raise Refused(-222)

    def goes_on(self, stage: str, owner: object, event: int) -> bool:
        """Whether waiting for this event means: go on when the stage before is done."""
        if event == 0:
            return True
        blender = self._blenders.get(event)
        sources = [event] if blender is None else [each for each in blender.stimuli if each]
        if blender is not None and not blender.either and len(sources) > 1:
            return False
        found = {self._names.get(each, (None, "")) for each in sources}
        if any(who is not owner for who, _ in found):
            return False
        return NEEDS[stage] <= {name for _, name in found}

    def _blender(self, event: int, blender: Blender) -> Native:
        table = Native(self._station.heap, "trigger_blender")
        constants(table, EVENT_ID=event)

        def set_either(value: Value) -> None:
            chosen = value if isinstance(value, bool) else bool(as_choice(value, (0, 1)))
            blender.either = chosen

        attribute(self._station, table, "orenable", lambda: blender.either, set_either)
        stimuli = Stimuli(self, self._station, blender)
        table.objects["stimulus"] = stimuli
        return table


class Stimuli(Native):
    """`trigger.blender[n].stimulus[m]`."""

    __slots__ = ("_blender", "_station", "_triggers")

    def __init__(self, triggers: TriggerTables, station: Station, blender: Blender) -> None:
        super().__init__(station.heap, "synchronous_table")
        self._triggers, self._station, self._blender = triggers, station, blender
        self.item = self._element

    def _element(self, place: float) -> Value:
        if not 1 <= place <= STIMULI:
            return None
        return float(self._blender.stimuli[int(place) - 1])

    def set(self, key: Value, value: Value) -> None:
        """Choose a stimulus."""
        try:
            place = as_count(key, 1, STIMULI)
            self._blender.stimuli[place - 1] = self._triggers.known(value)
        except Refused as refused:
            self._station.fail(refused.code)


class SweepTable:
    """`smuX.trigger`."""

    def __init__(self, station: Station, smu: Smu, triggers: TriggerTables, first: int) -> None:
        self._station, self._smu, self._triggers = station, smu, triggers
        self.sweep = Sweep()
        self.table = Native(station.heap, "smu_trigger")
        constants(self.table, SOURCE_IDLE=IDLE, SOURCE_HOLD=HOLD)
        triggers.name_events(smu, self.table, first)
        stages = {name: Native(station.heap, "smu_trigger_stage") for name in self._stages()}
        for name, stage in stages.items():
            self.table.objects[name] = stage
        self._number(self.table, "count", "count", lambda v: as_count(v, 1, COUNT_MOST))
        self._number(stages["arm"], "count", "arm_count", lambda v: as_count(v, 1, COUNT_MOST))
        self._number(stages["arm"], "stimulus", "arm_stimulus", self._arm_stimulus)
        self._number(stages["source"], "action", "source_on", _switch)
        self._number(stages["measure"], "action", "measure_on", _switch)
        for last, field in (("endpulse", "end_pulse"), ("endsweep", "end_sweep")):
            self._number(stages[last], "action", field, lambda v: as_choice(v, (IDLE, HOLD)))
        for waiting in NEEDS:
            self._stimulus(stages[waiting], waiting)
        for suffix, quantity in BY_SUFFIX.items():
            self._levels(stages["source"], suffix, quantity)
        for name, kinds in KINDS.items():
            function(station, stages["measure"], name, self._measure(kinds), 1, 2)
        function(station, self.table, "initiate", lambda _: self._initiate())

    @staticmethod
    def _stages() -> tuple[str, ...]:
        return ("arm", "source", "measure", "endpulse", "endsweep")

    def reset(self) -> None:
        """All of it back to what it is after power-on."""
        for name, value in vars_of(Sweep()).items():
            setattr(self.sweep, name, value)

    def _arm_stimulus(self, value: Value) -> int:
        event = self._triggers.known(value)
        if event not in (0, BUS_EVENT):
            raise Refused(-222)
        return event

    def _number(
        self, table: Native, name: str, field: str, check: Callable[[Value], object]
    ) -> None:
        attribute(
            self._station,
            table,
            name,
            lambda: float(getattr(self.sweep, field)),
            lambda v: setattr(self.sweep, field, check(v)),
        )

    def _stimulus(self, table: Native, stage: str) -> None:
        def write(value: Value) -> None:
            self.sweep.stimuli[stage] = self._triggers.known(value)

        attribute(self._station, table, "stimulus", lambda: float(self.sweep.stimuli[stage]), write)

    def _levels(self, table: Native, suffix: str, quantity: Quantity) -> None:
        top = self._smu.model.top(quantity)

        def put(levels: list[float]) -> None:
            self.sweep.function, self.sweep.levels = quantity, levels

        def listed(arguments: Values) -> None:
            given = arguments[0]
            if not isinstance(given, Table) or not given.length():
                raise Refused(-104)
            places = range(1, given.length() + 1)
            put([as_number(given.get(float(place)), -top, top) for place in places])

        def linear(arguments: Values) -> None:
            first, last = (as_number(each, -top, top) for each in arguments[:2])
            points = as_count(arguments[2], 1, COUNT_MOST)
            stride = (last - first) / max(1, points - 1)
            put([first + stride * place for place in range(points)])

        function(self._station, table, f"list{suffix}", listed, 1, 1)
        function(self._station, table, f"linear{suffix}", linear, 3, 3)

    def _measure(self, kinds: str) -> Callable[[Values], None]:
        def act(arguments: Values) -> None:
            check_count(arguments, len(kinds), len(kinds))
            self.sweep.kinds, self.sweep.buffers = kinds, buffers_of(arguments, len(kinds))

        return act

    def _initiate(self) -> None:
        sweep, smu, triggers = self.sweep, self._smu, self._triggers
        if self._station.busy(smu):
            raise Refused(1100)
        for stage, event in sweep.stimuli.items():
            if not triggers.goes_on(stage, smu, event):
                raise Refused(-222)
        if sweep.source_on and not sweep.levels:
            raise Refused(-221)
        waits = run_sweep(smu, sweep, triggers.triggered, self._station.clock)
        self._station.begin(smu, waits)


def vars_of(sweep: Sweep) -> dict[str, object]:
    """The fields of a sweep's settings."""
    return {name: getattr(sweep, name) for name in sweep.__dataclass_fields__}


def _switch(value: Value) -> bool:
    return bool(as_choice(value, (0, 1)))
