"""Auxiliary instruments are read for all who listen, whatever happens to them."""

import asyncio
import contextlib
import itertools
from dataclasses import dataclass, field

import pytest

from labctl.run.poller import Poller
from labctl_drivers.auxiliary import Port, Scanned, Temperature
from labctl_drivers.channel import Maturity
from labctl_drivers.errors import InvalidReading, LinkLost, LinkTimeout, WrongInstrument
from labctl_drivers.vocabulary import Identity
from labctl_protocols.decisions import AuxRead

pytestmark = pytest.mark.virtual_time
FIRST, OTHER = (Identity("M", "X", serial, "1") for serial in ("1", "2"))


@dataclass
class Fake:
    """An instrument that takes a second for everything and fails as told."""

    MATURITY: Maturity = "simulated"
    PORT: Port = "auxiliary"
    SETTABLE: bool = True
    every_s: float = 5.0
    identity: Identity = FIRST
    fails: Exception | None = None
    invalid: set[int] = field(default_factory=set)
    opened: int = 0
    reads: int = 0
    busy: int = 0

    @contextlib.asynccontextmanager
    async def _one(self):
        self.busy += 1
        assert self.busy == 1, "two at once"
        try:
            await asyncio.sleep(1.0)
            if self.fails is not None:
                raise self.fails
            yield
        finally:
            self.busy -= 1

    async def open(self) -> Identity:
        async with self._one():
            self.opened += 1
            return self.identity

    async def read(self) -> Scanned:
        async with self._one():
            self.reads += 1
            now = asyncio.get_running_loop().time()
            return {
                channel: InvalidReading("open")
                if channel in self.invalid
                else Temperature(now, 300.0 + channel)
                for channel in (1, 2)
            }

    async def set_temperature(self, channel: int, temperature_K: float) -> float:
        async with self._one():
            return temperature_K + channel

    async def close(self) -> None:
        pass


@contextlib.asynccontextmanager
async def polled(fake: Fake):
    poller = Poller(fake, {"a": 1, "b": 2})
    heard: list[AuxRead] = []
    await poller.open()
    try:
        with poller.heard_by(heard.append, ("a", "b")):
            yield poller, heard
    finally:
        await poller.close()


def ages(heard: list[AuxRead]) -> list[float]:
    times = [read.time_s for read in heard]
    return [after - before for before, after in itertools.pairwise(times)]


async def test_it_is_read_again_and_again_while_somebody_listens() -> None:
    fake = Fake()
    async with polled(fake) as (_, heard):
        await asyncio.sleep(100.0)
        assert heard[0].values == {"a": 301.0, "b": 302.0}
        assert max(ages(heard)) <= fake.every_s + 1.0
        assert len(heard) >= 16
    reads = fake.reads
    await asyncio.sleep(1000.0)
    assert fake.reads == reads


async def test_all_who_listen_hear_the_same_each_of_what_is_its_own() -> None:
    async with polled(Fake()) as (poller, heard):
        others: list[AuxRead] = []
        await asyncio.sleep(20.0)
        with poller.heard_by(others.append, ("b",)):
            await asyncio.sleep(20.0)
        await asyncio.sleep(20.0)
        since = [read for read in heard if others[0].time_s <= read.time_s]
        assert 3 <= len(others) < len(since)
        for ours, theirs in zip(others, since, strict=False):
            assert ours == AuxRead(theirs.time_s, {"b": theirs.values["b"]})


@pytest.mark.parametrize("error", [LinkLost("x"), LinkTimeout("x"), ZeroDivisionError("a bug")])
async def test_a_fault_is_told_as_unknown_and_it_is_opened_anew(error: Exception) -> None:
    fake = Fake()
    async with polled(fake) as (_, heard):
        await asyncio.sleep(10.0)
        fake.fails = error
        await asyncio.sleep(30.0)
        assert heard[-1].values == {"a": None, "b": None}
        assert max(ages(heard)) <= fake.every_s + 2.0
        fake.fails, opened = None, fake.opened
        await asyncio.sleep(10.0)
        assert heard[-1].values == {"a": 301.0, "b": 302.0}
        assert fake.opened == opened + 1


async def test_what_is_no_reading_leaves_the_other_channel_known() -> None:
    async with polled(Fake(invalid={2})) as (_, heard):
        await asyncio.sleep(10.0)
        assert heard[-1].values == {"a": 301.0, "b": None}


async def test_another_instrument_at_the_address_is_never_believed() -> None:
    fake = Fake()
    async with polled(fake) as (poller, heard):
        fake.fails = LinkLost("unplugged")
        await asyncio.sleep(10.0)
        fake.fails, fake.identity = None, OTHER
        await asyncio.sleep(60.0)
        assert heard[-1].values == {"a": None, "b": None}
        with pytest.raises(WrongInstrument):
            await poller.set_temperature("a", 300.0)


async def test_setting_waits_its_turn_and_gives_what_was_read_back() -> None:
    async with polled(Fake()) as (poller, _):
        for _ in range(10):
            assert await poller.set_temperature("b", 300.0) == 302.0
            await asyncio.sleep(0.9)


async def test_while_everybody_waits_nothing_moves_the_clock() -> None:
    fake = Fake()
    async with polled(fake) as (poller, heard):
        await asyncio.sleep(20.0)
        with poller.heard_by(lambda _: None, ()):
            with poller.held():
                before = len(heard)
                await asyncio.sleep(20.0)
                assert len(heard) > before
                with poller.held():
                    before = len(heard)
                    await asyncio.sleep(1000.0)
                    assert len(heard) <= before
                await asyncio.sleep(3.0)
                assert len(heard) > before
