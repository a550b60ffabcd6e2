"""A Maccor channel over a wire that breaks at every place, and cancelled at every wait."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest
from small_tester import EMF_V, OHMS, Reply, SmallTester

from labctl_drivers.errors import InstrumentError, LinkLost
from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.maccor import Maccor
from labctl_drivers.vocabulary import Guard, Setpoint

pytestmark = pytest.mark.virtual_time
GUARD = Guard(-0.5, 1.5, 5e-3)
CHARGE = Setpoint("current", 2e-3, 1.0)
DISCHARGE = Setpoint("current", -1e-3, 0.0)
REST = Setpoint("rest")


class Broken(SmallTester):
    """Once, at its k-th message on either port, something happens to the reply or to the link."""

    def __init__(self, k: int, change: Callable[[list[Reply]], list[Reply]]) -> None:
        super().__init__(2)
        self.left = k
        self.change = change
        whole = self.binary.feed
        self.binary.feed = lambda data, now: self.broken(whole, data, now)  # type: ignore[method-assign]

    def feed(self, data: bytes, now: float) -> list[Reply]:
        return self.broken(super().feed, data, now)

    def broken(self, whole: Any, data: bytes, now: float) -> list[Reply]:
        if not data:
            return []
        self.left -= 1
        replies = whole(data, now)
        return self.change(replies) if self.left == 0 else replies


def lost(_replies: list[Reply]) -> list[Reply]:
    raise LinkLost("the cable is out")


FAULTS: dict[str, Callable[[list[Reply]], list[Reply]]] = {
    "dropped": lambda _r: [],
    "late": lambda r: [(r[0][0] + 1.5, r[0][1])],
    "cut": lambda r: [(r[0][0], r[0][1][:9] + b"\r\n")],
    "without its end": lambda r: [(r[0][0], r[0][1][:-2])],
    "twice": lambda r: [r[0], (r[0][0] + 3e-3, r[0][1])],
    "garbled": lambda r: [(r[0][0], b"\xff" + r[0][1][1:])],
    "cable out": lost,
}


async def short_run(channel: Maccor) -> list[tuple[float, float]]:
    """Open, charge, rest, discharge; what was read."""
    await channel.open()
    found = []
    for setpoint in (CHARGE, REST, DISCHARGE):
        await channel.apply(setpoint, GUARD)
        await asyncio.sleep(5.0)  # the watchdog is fed meanwhile
        reading = await channel.read()
        found.append((reading.current_A, reading.voltage_V))
    return found


TRUE = [(i, EMF_V + OHMS * i) for i in (2e-3, 0.0, -1e-3)]


@pytest.mark.parametrize("name", FAULTS)
async def test_whatever_breaks_it_is_off_in_the_end_and_no_reading_is_wrong(name: str) -> None:
    k, broke = 0, True
    while broke:
        k += 1
        tester = Broken(k, FAULTS[name])
        tester.channels[1].stat = 2  # somebody else's, and it stays so
        channel = Maccor(Link(MemoryTransport(tester)))
        try:
            found = await short_run(channel)
        except InstrumentError:
            pass
        else:
            assert [tuple(map(pytest.approx, each)) for each in found] == TRUE
        broke = tester.left <= 0
        await channel.safe()
        assert [each.stat for each in tester.channels] == [0, 2]
        await channel.close()
    assert k > 20


async def test_a_tester_that_hears_and_does_not_answer_is_switched_off_all_the_same() -> None:
    tester = SmallTester()
    channel = Maccor(Link(MemoryTransport(tester)))
    await channel.open()
    await channel.apply(CHARGE, GUARD)
    tester.answer = lambda _message, _replies: []
    begin_s = asyncio.get_running_loop().time()
    with pytest.raises(InstrumentError):
        await channel.safe()
    assert asyncio.get_running_loop().time() - begin_s <= channel.ratings.safe_within_s
    assert tester.channels[0].stat == 0
    await channel.close()


class Counted:
    """Awaits something; at its k-th wait (from 1) whoever runs it is cancelled."""

    def __init__(self, inner: Coroutine[Any, Any, Any], k: int) -> None:
        self.inner, self.k, self.waits = inner, k, 0

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self.inner.__await__()
        error: BaseException | None = None
        while True:
            try:
                wait = steps.send(None) if error is None else steps.throw(error)  # type: ignore[attr-defined]
            except StopIteration:
                return
            error = None
            self.waits += 1
            if self.waits == self.k:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                yield wait
            except BaseException as thrown:
                error = thrown


CALLS: dict[str, Callable[[Maccor], Coroutine[Any, Any, Any]]] = {
    "open": lambda c: c.open(),
    "apply": lambda c: c.apply(CHARGE, GUARD),
    "rest": lambda c: c.apply(REST, GUARD),
    "read": lambda c: c.read(),
    "safe": lambda c: c.safe(),
}


@pytest.mark.parametrize("name", CALLS)
async def test_cancelled_at_every_wait_it_can_still_be_made_safe_and_used(name: str) -> None:
    k, more = 1, True
    while more:
        tester = SmallTester()
        channel = Maccor(Link(MemoryTransport(tester)))
        if name != "open":
            await channel.open()
        if name in ("rest", "read", "safe"):
            await channel.apply(DISCHARGE, GUARD)
        counted = Counted(CALLS[name](channel), k)

        async def main(counted: Counted = counted) -> None:
            await counted

        task = asyncio.create_task(main())
        await asyncio.wait([task])
        more = counted.waits >= k
        await channel.safe()
        assert tester.channels[0].stat == 0, k
        assert [tuple(map(pytest.approx, each)) for each in await short_run(channel)] == TRUE
        await channel.safe()
        await channel.close()
        k += 1
    assert k > 2
