"""What every driver must do, tried on its simulated instrument: one suite, all entry points.

In memory and in virtual time; what the instrument presents to the cell is watched throughout.
"""

import asyncio
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from itertools import permutations
from math import inf
from typing import Any, NamedTuple

import pytest
from drivers_under_test import ALL, DRIVERS, FACTS, SCRIPTED, SIMULATED, Facts
from helpers.broken_wire import Replies, Wire, sound
from stand_ins import OHMS, Battery

from labctl_drivers.channel import Channel
from labctl_drivers.errors import InstrumentError, OutOfRange, OutputUnknown, WrongInstrument
from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.vocabulary import Guard, Reading, Setpoint
from labctl_simulators.terminals import Terminals

pytestmark = pytest.mark.virtual_time
GUARD = Guard(-0.5, 1.5, 5e-3)
CURRENT_ERROR = 0.02
SETPOINTS = {
    "rest": Setpoint("rest"),
    "discharge": Setpoint("current", -0.5e-3),
    "discharge more": Setpoint("current", -4e-3),
    "discharge to 0 V": Setpoint("current", -1e-3, 0.0),
    "charge to 1 V": Setpoint("current", 2e-3, 1.0),
    "charge a little": Setpoint("current", 20e-6, 1.0),
    "charge, hold": Setpoint("current", 1e-3, 0.35, hold_at_stop=True),
    "hold 0.2 V": Setpoint("voltage", 2e-3, 0.2),
    "hold -0.1 V": Setpoint("voltage", 5e-3, -0.1),
}


POSSIBLE = [
    (driver, name)
    for driver in ALL
    for name, setpoint in SETPOINTS.items()
    if setpoint.mode in FACTS[driver].modes
]
"""What each can do of that."""


class Bench(NamedTuple):
    """A driver on the wire of its simulated instrument."""

    smu: Channel
    wire: Wire
    emf_V: float
    facts: Facts

    @property
    def firmware(self) -> Any:
        return self.wire.firmware

    async def reads_truly(self, setpoint: Setpoint) -> Reading:
        """A reading, judged by Ohm's law."""
        reading = await self.smu.read()
        current, voltage = self.expected(setpoint)
        error_A = 2e-6 + self.facts.current * abs(current)
        assert reading.current_A == pytest.approx(current, abs=error_A)
        assert reading.voltage_V == pytest.approx(voltage, abs=self.facts.voltage_V)
        return reading

    def expected(self, setpoint: Setpoint) -> tuple[float, float]:
        """Current and voltage that this setpoint leads to."""
        current = 0.0 if setpoint.mode == "rest" else setpoint.current_A
        stop = setpoint.stop_voltage_V
        if setpoint.mode == "voltage":
            assert stop is not None
            current = (stop - self.emf_V) / OHMS
        elif setpoint.hold_at_stop and stop is not None:
            current = min(current, (stop - self.emf_V) / OHMS)
        return current, self.emf_V + OHMS * current

    async def switched_on_by_somebody(self) -> None:
        """And so long ago that it is on."""
        loop = asyncio.get_running_loop()
        self.firmware.feed(self.facts.switch_on, loop.time())
        await asyncio.sleep(1.0)
        self.firmware.advance(loop.time())

    def is_off(self) -> bool:
        """Truly: the relay is open and nothing but the cell is at the terminals."""
        off = not self.firmware.output_on
        return off and self.firmware.terminals.source.kind == "open"


@asynccontextmanager
async def bench(
    driver: str,
    fault: Any = sound,
    k: int = 0,
    emf_V: float = 0.3,
    cell: Battery | None = None,
    **options: Any,
) -> AsyncIterator[Bench]:
    """Not opened yet; at the end the wire is searched for what must never be on it."""
    (make,) = entry_points(group="labctl.drivers", name=driver)
    (simulate,) = entry_points(group="labctl.simulators", name=driver)
    firmware = simulate.load()(Terminals(cell or Battery(emf_V)), instrument_error=0)
    wire = Wire(firmware, fault, k)
    smu = make.load()(Link(MemoryTransport(wire)), channel=1, **options)
    try:
        yield Bench(smu, wire, emf_V, FACTS[driver])
    finally:
        await smu.close()
        written = b"".join(wire.written).upper()
        assert not [word for word in FACTS[driver].never if word in written]


def check_inside(wire: Wire, guard: Guard, most_A: float, since: int = 0) -> None:
    """Whatever was presented to the cell, at any instant, stayed inside guard and current."""
    for when, source in wire.sources[since:]:
        if source.kind == "voltage":
            assert guard.low_V - 6e-3 <= source.level <= guard.high_V + 6e-3, (when, source)
            assert source.limit <= most_A * (1 + CURRENT_ERROR), (when, source)
        elif source.kind == "current":
            assert abs(source.level) < 1e-8, (when, source)


def test_every_driver_is_under_test() -> None:
    found = entry_points(group="labctl.drivers")
    installed = {
        each.name for each in found if getattr(each.load(), "PORT", "channel") == "channel"
    }
    assert installed <= FACTS.keys() | SCRIPTED.keys()
    assert SCRIPTED.keys() <= installed & SIMULATED
    # the tutorial's is a distribution of its own
    assert set(FACTS) - installed <= {"rodeostat"}
    assert set(FACTS) <= SIMULATED


# ---- open ----------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", ALL)
async def test_opening_says_who_is_there_and_drives_nothing(driver: str) -> None:
    async with bench(driver) as b:
        opened = await b.smu.open()
        assert opened.identity.model == FACTS[driver].model
        assert opened.identity.serial
        assert not opened.output_was_on
        assert b.is_off()


def another(old: bytes, new: bytes) -> Any:
    def fault(wire: Wire, _n: int, data: bytes, now: float) -> Replies:
        return [(when, reply.replace(old, new)) for when, reply in wire.pass_on(data, now)]

    return fault


WRONG: dict[str, Callable[[str], dict[str, Any]]] = {
    "model": lambda driver: {"fault": another(*FACTS[driver].identities[0])},
    "maker": lambda driver: {"fault": another(*FACTS[driver].identities[1])},
    "serial": lambda _: {"serial": "1234567"},
}


@pytest.mark.parametrize("driver", ALL)
@pytest.mark.parametrize("wrong", WRONG)
async def test_another_instrument_is_refused_and_nothing_is_set(driver: str, wrong: str) -> None:
    async with bench(driver, **WRONG[wrong](driver)) as b:
        await b.switched_on_by_somebody()
        seen = len(b.wire.sources)
        with pytest.raises(WrongInstrument):
            await b.smu.open()
        with pytest.raises(InstrumentError):
            await b.smu.apply(SETPOINTS["charge to 1 V"], GUARD)
        with pytest.raises(InstrumentError):
            await b.smu.safe()  # it may be somebody else's cell
        set_or_off = [
            line for line in b.wire.written if b.facts.sets(line) or line.startswith(b.facts.off)
        ]
        assert set_or_off == []
        assert b.wire.sources[seen:] == []
        assert b.firmware.output_on


@pytest.mark.parametrize("driver", ALL)
async def test_an_output_found_on_is_told_and_not_disturbed(driver: str) -> None:
    async with bench(driver) as b:
        await b.switched_on_by_somebody()
        seen = len(b.wire.sources)
        assert (await b.smu.open()).output_was_on
        assert b.wire.sources[seen:] == []
        assert b.firmware.output_on
        await b.smu.safe()
        assert b.is_off()


# ---- apply, read, safe ---------------------------------------------------------------------


@pytest.mark.parametrize("emf_V", [0.3, -0.05])
@pytest.mark.parametrize(("driver", "name"), POSSIBLE)
async def test_what_is_applied_is_read(driver: str, name: str, emf_V: float) -> None:
    setpoint = SETPOINTS[name]
    async with bench(driver, emf_V=emf_V) as b:
        await b.smu.open()
        before_s = asyncio.get_running_loop().time()
        changed = await b.smu.apply(setpoint, GUARD)
        assert before_s <= changed.time_s <= asyncio.get_running_loop().time()
        if emf_V < 0 and name in ("discharge to 0 V", "charge, hold", "hold 0.2 V"):
            # such a cell is past that already, or needs more current than it may have
            assert isinstance(await b.smu.read(), Reading)
        else:
            reading = await b.reads_truly(setpoint)
            holds = setpoint.mode == "voltage" or name == "charge, hold"
            assert reading.regulating == ("voltage" if holds else "current")
        most_A = inf if setpoint.mode in b.facts.unguarded else abs(setpoint.current_A)
        check_inside(b.wire, GUARD, max(most_A, 1e-9))
        limits = await b.smu.limits_read_back()
        assert limits
        await b.smu.safe()
        assert b.is_off()


@pytest.mark.parametrize("driver", DRIVERS)
async def test_between_any_two_setpoints_the_cell_is_never_driven_too_far(driver: str) -> None:
    async with bench(driver) as b:
        await b.smu.open()
        able = [setpoint for setpoint in SETPOINTS.values() if setpoint.mode in b.facts.modes]
        for old, new in permutations(able, 2):
            await b.smu.apply(old, GUARD)
            await b.reads_truly(old)
            seen = len(b.wire.sources)
            await b.smu.apply(new, GUARD)
            check_inside(b.wire, GUARD, max(abs(old.current_A), abs(new.current_A)), seen)
            await b.reads_truly(new)
        await b.smu.safe()


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_cell_that_is_not_there_and_one_that_shorts_stay_inside(driver: str) -> None:
    for ohms, most_V in ((1e9, 1.5), (1e-3, 0.0)):
        async with bench(driver, emf_V=0.0) as b:
            b.firmware.terminals.cell.voltage = lambda current_A, ohms=ohms: ohms * current_A
            await b.smu.open()
            await b.smu.apply(SETPOINTS["charge to 1 V"], GUARD)
            reading = await b.smu.read()
            assert abs(reading.voltage_V) <= most_V + 6e-3
            assert abs(reading.current_A) <= 2e-3 * (1 + CURRENT_ERROR)
            await b.smu.safe()
            assert b.is_off()


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_wider_range_and_back(driver: str) -> None:
    wide = Guard(-5.0, 5.0, 5e-3)
    async with bench(driver, emf_V=3.2) as b:
        await b.smu.open()
        await b.smu.apply(SETPOINTS["rest"], wide)
        await b.reads_truly(SETPOINTS["rest"])
        for setpoint in (
            Setpoint("current", 2e-3, 4.0),
            Setpoint("current", -2e-3, 2.5),
            Setpoint("rest"),
            Setpoint("current", 2e-3, 4.0),
        ):
            await b.smu.apply(setpoint, wide)
            await b.reads_truly(setpoint)
        check_inside(b.wire, wide, 2e-3)
        await b.smu.safe()


@pytest.mark.parametrize("driver", DRIVERS)
async def test_safe_from_anywhere_and_again(driver: str) -> None:
    async with bench(driver) as b:
        await b.smu.safe()  # not opened yet
        assert b.is_off()
        await b.smu.open()
        for _ in range(2):
            await b.smu.safe()
            assert b.is_off()
        for setpoint in SETPOINTS.values():
            await b.smu.apply(setpoint, GUARD)
            for _ in range(2):
                seen = len(b.wire.sources)
                await b.smu.safe()
                assert b.is_off()
                assert all(source.kind == "open" for _, source in b.wire.sources[seen:])
            with pytest.raises(InstrumentError):
                await b.smu.read()


def stuck_on_with_an_old_reply(driver: str) -> Any:
    """The relay is welded, and an answer from before it was on comes just now."""
    facts = FACTS[driver]

    def fault(wire: Wire, _n: int, data: bytes, now: float) -> Replies:
        off = data.startswith(facts.off)
        return [(now + 5e-4, facts.says_off)] if off else wire.pass_on(data, now)

    return fault


@pytest.mark.parametrize("driver", DRIVERS)
async def test_an_old_reply_does_not_say_that_it_is_off(driver: str) -> None:
    async with bench(driver) as b:
        await b.smu.open()
        await b.smu.apply(SETPOINTS["discharge"], GUARD)
        b.wire.fault = stuck_on_with_an_old_reply(driver)
        with pytest.raises(OutputUnknown):
            await b.smu.safe()
        assert b.firmware.output_on


# ---- refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    ("setpoint", "guard"),
    [
        (Setpoint("current", 10e-3), GUARD),
        (Setpoint("current", 2e-3, 1.6), GUARD),
        (Setpoint("current", 0.0), GUARD),
        (Setpoint("current", float("nan")), GUARD),
        (Setpoint("current", 1e-3, float("inf")), GUARD),
        (Setpoint("voltage", 1e-3), GUARD),
        (Setpoint("current", 20.0), Guard(-0.5, 1.5, 30.0)),
        (Setpoint("rest"), Guard(1.0, -1.0, 1e-3)),
        (Setpoint("rest"), Guard(-1e4, 1e4, 1e-3)),
    ],
)
async def test_what_cannot_be_done_is_refused_before_anything_is_sent(
    driver: str, setpoint: Setpoint, guard: Guard
) -> None:
    async with bench(driver) as b:
        await b.smu.open()
        await b.smu.apply(SETPOINTS["discharge"], GUARD)
        seen = len(b.wire.written)
        with pytest.raises(OutOfRange):
            await b.smu.apply(setpoint, guard)
        assert b.wire.written[seen:] == []
        await b.reads_truly(SETPOINTS["discharge"])
        await b.smu.safe()


def garbled_setting(driver: str, garbled: list[int]) -> Any:
    """The first line from k on that sets something is not understood by the instrument."""

    def fault(wire: Wire, n: int, data: bytes, now: float) -> Replies:
        if n >= 0 and not garbled and FACTS[driver].sets(data):
            garbled.append(wire.k + n)
            data = b":NONSENSE 1\n"
        return wire.pass_on(data, now)

    return fault


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("name", ["rest", "charge to 1 V", "hold -0.1 V"])
async def test_a_refused_setting_never_drives_the_cell_otherwise(driver: str, name: str) -> None:
    setpoint = SETPOINTS[name]
    refused, k, more = 0, 0, True
    while more:
        garbled: list[int] = []
        async with bench(driver, garbled_setting(driver, garbled), k) as b:
            try:
                await b.smu.open()
                await b.smu.apply(setpoint, GUARD)
                await b.reads_truly(setpoint)
            except InstrumentError:
                refused += 1
            check_inside(b.wire, GUARD, max(abs(setpoint.current_A), 1e-9))
            await b.smu.safe()
            assert b.is_off()
        more = bool(garbled)
        k = garbled[0] + 1 if more else k
    assert refused >= FACTS[driver].settings


# ---- cancellation at every await -----------------------------------------------------------

Cancel = Callable[["asyncio.Task[Any]"], object]
CANCELS: dict[str, Cancel] = {
    "at once": lambda task: task.cancel(),
    "a step later": lambda task: asyncio.get_running_loop().call_soon(task.cancel),
    "in flight": lambda task: asyncio.get_running_loop().call_later(1e-3, task.cancel),
}


class Counted:
    """Awaits something; at its k-th wait (from 1) whoever runs it is cancelled."""

    def __init__(self, inner: Coroutine[Any, Any, Any], k: int, cancel: Cancel) -> None:
        self.waits = 0
        self._inner = inner
        self._k = k
        self._cancel = cancel

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._inner.__await__()
        thrown: BaseException | None = None
        while True:
            try:
                future = steps.send(None) if thrown is None else steps.throw(thrown)  # type: ignore[attr-defined]  # a coroutine's iterator has it
            except StopIteration as end:
                return end.value
            thrown = None
            self.waits += 1
            if self.waits == self._k:
                task = asyncio.current_task()
                assert task is not None
                self._cancel(task)
            try:
                yield future
            except BaseException as error:
                thrown = error


async def cancelled_at(k: int, cancel: Cancel, call: Awaitable[Any]) -> bool:
    """Run it in a task of its own; whether it had a k-th wait."""
    assert isinstance(call, types.CoroutineType)
    counted = Counted(call, k, cancel)

    async def main() -> None:
        await counted

    task = asyncio.create_task(main())
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # looked at; after a cancellation it may be one
    await asyncio.sleep(0.01)
    return counted.waits >= k


CALLS: dict[str, Callable[[Bench], Awaitable[Any]]] = {
    "open": lambda b: b.smu.open(),
    "apply": lambda b: b.smu.apply(SETPOINTS["discharge"], GUARD),
    "apply in place": lambda b: b.smu.apply(SETPOINTS["discharge more"], GUARD),
    "read": lambda b: b.smu.read(),
    "safe": lambda b: b.smu.safe(),
}


@pytest.mark.campaign
@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("how", CANCELS)
@pytest.mark.parametrize("name", CALLS)
async def test_cancelled_at_every_wait_it_can_still_be_made_safe(
    driver: str, name: str, how: str
) -> None:
    k, more = 1, True
    while more:
        async with bench(driver) as b:
            if name != "open":
                await b.smu.open()
            if name == "apply in place":
                await b.smu.apply(SETPOINTS["charge to 1 V"], GUARD)
            elif name in ("read", "safe"):
                await b.smu.apply(SETPOINTS["discharge"], GUARD)
                await b.smu.read()
            more = await cancelled_at(k, CANCELS[how], CALLS[name](b))
            if name == "read":
                # another current, so that a reply that is late would be seen
                await b.smu.apply(SETPOINTS["discharge more"], GUARD)
                await b.reads_truly(SETPOINTS["discharge more"])
            await b.smu.safe()
            assert b.is_off(), k
            await b.smu.open()
            for after in ("rest", "charge to 1 V"):
                await b.smu.apply(SETPOINTS[after], GUARD)
                await b.reads_truly(SETPOINTS[after])
            check_inside(b.wire, GUARD, 4e-3)
            await b.smu.safe()
            assert b.is_off()
        k += 1
    assert k > 2


POTENTIOSTATS = [name for name in ALL if name not in DRIVERS]
HELD = [SETPOINTS["hold 0.2 V"], Setpoint("voltage", 2e-3, 0.25), Setpoint("voltage", 2e-3, 0.22)]
HOLDS: dict[str, Callable[[Bench], Awaitable[Any]]] = {
    "open": lambda b: b.smu.open(),
    "apply": lambda b: b.smu.apply(HELD[1], GUARD),
    "read": lambda b: b.smu.read(),
    "safe": lambda b: b.smu.safe(),
}


@pytest.mark.parametrize("driver", POTENTIOSTATS)
@pytest.mark.parametrize("how", CANCELS)
@pytest.mark.parametrize("name", HOLDS)
async def test_a_hold_cancelled_at_every_wait_can_still_be_made_safe(
    driver: str, name: str, how: str
) -> None:
    k, more = 1, True
    while more:
        async with bench(driver) as b:
            if name != "open":
                await b.smu.open()
                await b.smu.apply(HELD[0], GUARD)
            more = await cancelled_at(k, CANCELS[how], HOLDS[name](b))
            if name in ("apply", "read"):
                await b.smu.apply(HELD[2], GUARD)
                await b.reads_truly(HELD[2])
            for _ in range(2):
                await b.smu.safe()
                assert b.is_off(), k
            await b.smu.open()
            await b.smu.apply(HELD[1], GUARD)
            await b.reads_truly(HELD[1])
            await b.smu.safe()
            assert b.is_off()
        k += 1
    assert k > 2
