"""Two channels of one instrument, on one link: at once, and one while the other is in trouble."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from drivers_under_test import DRIVERS, FACTS
from helpers.broken_wire import Replies, Wire, watch
from stand_ins import Battery
from test_drivers import GUARD, SETPOINTS, check_inside

from labctl_drivers.channel import Channel
from labctl_drivers.errors import InstrumentError
from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.vocabulary import Setpoint
from labctl_simulators.ports import Source
from labctl_simulators.terminals import Terminals

pytestmark = pytest.mark.virtual_time
TWO = [name for name in DRIVERS if FACTS[name].channels > 1]
EMF_V = (0.3, 0.35)
OHMS = 100.0


class Half(NamedTuple):
    """One of the channels and what is at its terminals."""

    smu: Channel
    terminals: Terminals
    sources: list[tuple[float, Source]]
    emf_V: float

    async def reads_truly(self, setpoint: Setpoint) -> None:
        """Judged by Ohm's law: the current and the cell are this channel's."""
        reading = await self.smu.read()
        current = 0.0 if setpoint.mode == "rest" else setpoint.current_A
        if setpoint.mode == "voltage" and setpoint.stop_voltage_V is not None:
            current = (setpoint.stop_voltage_V - self.emf_V) / OHMS
        assert reading.current_A == pytest.approx(current, abs=2e-6 + 2e-3 * abs(current))
        assert reading.voltage_V == pytest.approx(self.emf_V + OHMS * current, abs=4e-3)

    def is_off(self) -> bool:
        return self.terminals.source.kind == "open"


class Both(NamedTuple):
    """An instrument with a cell at each of two channels."""

    wire: Wire
    one: Half
    two: Half


@asynccontextmanager
async def both(driver: str) -> AsyncIterator[Both]:
    """Opened at once."""
    (make,) = entry_points(group="labctl.drivers", name=driver)
    (simulate,) = entry_points(group="labctl.simulators", name=driver)
    pairs = [Terminals(Battery(emf_V)) for emf_V in EMF_V]
    firmware = simulate.load()(pairs[0], more={2: pairs[1]}, instrument_error=0)
    wire = Wire(firmware, lambda wire, _n, data, now: wire.pass_on(data, now), 0)
    link = Link(MemoryTransport(wire))
    seen = (wire.sources, watch(pairs[1]))
    halves = [Half(make.load()(link, channel=n + 1), pairs[n], seen[n], EMF_V[n]) for n in range(2)]
    try:
        opened = await asyncio.gather(*(half.smu.open() for half in halves))
        assert opened[0].identity == opened[1].identity
        yield Both(wire, *halves)
    finally:
        for half in halves:
            await half.smu.close()


DRIVES = [SETPOINTS[name] for name in ("discharge", "charge a little", "hold 0.2 V", "rest")]


@pytest.mark.parametrize("driver", TWO)
async def test_each_cell_gets_its_own_setpoint(driver: str) -> None:
    async with both(driver) as b:
        for first, second in [*pairwise(DRIVES), *pairwise(reversed(DRIVES))]:
            before = len(b.one.sources), len(b.two.sources)
            await asyncio.gather(b.one.smu.apply(first, GUARD), b.two.smu.apply(second, GUARD))
            await asyncio.gather(b.one.reads_truly(first), b.two.reads_truly(second))
            assert (len(b.one.sources), len(b.two.sources)) > before
        for half in (b.one, b.two):
            assert all(
                GUARD.low_V - 6e-3 <= source.level <= GUARD.high_V + 6e-3
                for _, source in half.sources
                if source.kind == "voltage"
            )
        limits = await asyncio.gather(b.one.smu.limits_read_back(), b.two.smu.limits_read_back())
        # what a cycler says are the guard's, and both have one
        same = limits[0] == limits[1]
        assert same is FACTS[driver].watched
        await asyncio.gather(b.one.smu.safe(), b.two.smu.safe())
        assert b.one.is_off()
        assert b.two.is_off()


@pytest.mark.parametrize("driver", TWO)
async def test_one_is_made_safe_and_given_back_while_the_other_goes_on(driver: str) -> None:
    drive = SETPOINTS["discharge"]
    async with both(driver) as b:
        for leaving, staying in ((b.one, b.two), (b.two, b.one)):
            await asyncio.gather(*(half.smu.open() for half in (b.one, b.two)))
            await asyncio.gather(*(half.smu.apply(drive, GUARD) for half in (b.one, b.two)))
            seen = len(staying.sources)
            await asyncio.gather(leaving.smu.safe(), staying.reads_truly(drive))
            assert leaving.is_off()
            await leaving.smu.close()
            await staying.reads_truly(drive)
            assert staying.sources[seen:] == []
            await staying.smu.safe()
            assert staying.is_off()


def garble(driver: str, wire: Wire) -> Callable[..., Replies]:
    """Channel 1's next setting is not understood."""
    done: list[bytes] = []

    def fault(_wire: Wire, _n: int, data: bytes, now: float) -> Replies:
        ours = FACTS[driver].sets(data) and _is_of_one(driver, data)
        if ours and not done:
            done.append(data)
            data = b":NONSENSE 1\n"
        return wire.pass_on(data, now)

    return fault


def drop(driver: str, wire: Wire) -> Callable[..., Replies]:
    """No answer to anything that is asked about channel 1."""

    def fault(_wire: Wire, _n: int, data: bytes, now: float) -> Replies:
        replies = wire.pass_on(data, now)
        return [] if _is_of_one(driver, data) else replies

    return fault


def _is_of_one(driver: str, line: bytes) -> bool:
    """Whether a line is about channel 1 by the name that the instrument gives it."""
    return any(word in line for word in FACTS[driver].about_one)


TROUBLES: dict[str, Callable[[str, Wire], Callable[..., Replies]]] = {
    "refused": garble,
    "no answer": drop,
}


@pytest.mark.parametrize("driver", TWO)
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_the_trouble_of_one_is_not_the_other_s(driver: str, trouble: str) -> None:
    async with both(driver) as b:
        await asyncio.gather(
            *(half.smu.apply(SETPOINTS["charge a little"], GUARD) for half in (b.one, b.two))
        )
        b.wire.fault = TROUBLES[trouble](driver, b.wire)
        for setpoint in (SETPOINTS["discharge"], SETPOINTS["hold 0.2 V"], SETPOINTS["rest"]):
            results: list[Any] = await asyncio.gather(
                b.one.smu.apply(SETPOINTS["hold 0.2 V"], GUARD),
                b.two.smu.apply(setpoint, GUARD),
                return_exceptions=True,
            )
            if setpoint is SETPOINTS["discharge"]:
                assert isinstance(results[0], InstrumentError)
            assert not isinstance(results[1], BaseException), results
            await b.two.reads_truly(setpoint)
        await b.two.smu.safe()
        assert b.two.is_off()
        b.wire.fault = lambda wire, _n, data, now: wire.pass_on(data, now)
        await b.one.smu.safe()
        assert b.one.is_off()


@pytest.mark.parametrize("driver", TWO)
async def test_what_the_queue_holds_from_before_is_nobody_s_refusal(driver: str) -> None:
    async with both(driver) as b:
        now = asyncio.get_running_loop().time()
        b.wire.firmware.feed(b":NONSENSE 1\n", now)
        await b.two.smu.apply(SETPOINTS["discharge"], GUARD)
        await b.two.reads_truly(SETPOINTS["discharge"])
        await b.two.smu.safe()


@pytest.mark.parametrize("driver", TWO)
async def test_cancelled_in_its_turn_one_does_not_keep_the_other_waiting(driver: str) -> None:
    async with both(driver) as b:
        for n in range(1, 25, 3):
            first = asyncio.create_task(b.one.smu.apply(SETPOINTS["discharge"], GUARD))
            second = asyncio.create_task(b.two.smu.apply(SETPOINTS["hold 0.2 V"], GUARD))
            await asyncio.sleep(n * 1e-3)
            first.cancel()
            await asyncio.wait([first])
            await second
            await b.two.reads_truly(SETPOINTS["hold 0.2 V"])
            await b.one.smu.safe()
            assert b.one.is_off()
            await b.two.smu.apply(SETPOINTS["rest"], GUARD)
        check_inside(b.wire, GUARD, 0.5e-3)
        await b.two.smu.safe()


@pytest.mark.parametrize("driver", TWO)
async def test_a_reading_that_comes_twice_is_not_the_other_channel_s(driver: str) -> None:
    async with both(driver) as b:
        drive = SETPOINTS["charge a little"]
        await asyncio.gather(*(half.smu.apply(drive, GUARD) for half in (b.one, b.two)))
        said: list[Replies] = []

        def twice(wire: Wire, _n: int, data: bytes, now: float) -> Replies:
            replies = wire.pass_on(data, now)
            again = [(now, reply) for _, reply in said[-1]] if said else []
            said.append(replies)
            return again + replies

        b.wire.fault = twice
        await b.one.smu.read()
        with contextlib.suppress(InstrumentError):
            await b.two.reads_truly(drive)
        b.wire.fault = lambda wire, _n, data, now: wire.pass_on(data, now)
        await b.two.reads_truly(drive)
