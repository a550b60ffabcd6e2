"""A link to an instrument that speaks unasked, shared by several holders, with a second port."""

import asyncio
import itertools
import os
import select
import sys
import tty

import pytest

from labctl_drivers.errors import BadReply, LinkLost, LinkTimeout
from labctl_drivers.link import BARE_LINES, Link, MemoryTransport
from labctl_drivers.link.serial_port import SerialTransport

PERIOD_S = 1.0


class Talker:
    """Says `line 1`, `line 2`, … once a second by itself, and echoes what it is told."""

    def __init__(self):
        self.count = 0
        self.wake_at = None
        self.binary = None

    def feed(self, data, now):
        if data == b"":
            self.count += 1
            self.wake_at = now + PERIOD_S
            return [(now, b"line %d\n" % self.count)]
        if data == b"go\n":
            self.wake_at = now + PERIOD_S
            return []
        return [(now + 0.01, data)]


async def talking():
    link = Link(MemoryTransport(Talker()))
    await link.open()
    await link.write(b"go")
    return link


@pytest.mark.virtual_time
async def test_what_comes_unasked_comes_in_order_with_its_time():
    link = await talking()
    answers = [await link.receive(2.0) for _ in range(5)]
    assert [answer.data for answer in answers] == [b"line %d" % n for n in range(1, 6)]
    times = [answer.received_s for answer in answers]
    assert [b - a for a, b in itertools.pairwise(times)] == pytest.approx([1.0] * 4)
    await link.close()


@pytest.mark.virtual_time
async def test_a_receiver_that_is_cancelled_loses_nothing():
    link = await talking()
    for _ in range(7):
        waiting = asyncio.create_task(link.receive(5.0))
        await asyncio.sleep(0.13)
        waiting.cancel()
        await asyncio.wait([waiting])
    assert (await link.receive(2.0)).data == b"line 1"
    await link.close()


@pytest.mark.virtual_time
async def test_whatever_else_is_asked_goes_before_a_receiver_at_once():
    link = await talking()
    waiting = asyncio.create_task(link.receive(5.0))
    await asyncio.sleep(0.2)
    loop = asyncio.get_running_loop()
    before_s = loop.time()
    assert await link.query(b"who", 1.0) == b"who"
    assert loop.time() - before_s == pytest.approx(0.01)
    assert (await waiting).data == b"line 1"
    await link.close()


@pytest.mark.virtual_time
async def test_silence_leaves_a_receivers_link_as_it_was():
    link = await talking()
    with pytest.raises(LinkTimeout):
        await link.receive(0.5)
    assert (await link.receive(1.0)).data == b"line 1"
    await link.close()


@pytest.mark.virtual_time
async def test_an_empty_line_says_something_where_the_driver_wants_it():
    class Ends:
        def feed(self, data, now):
            return [(now, b"e\n\nP1\r\n\n")]

    link = Link(MemoryTransport(Ends()))
    link.framing = BARE_LINES
    await link.open()
    await link.write(b"x")
    assert [(await link.receive(1.0)).data for _ in range(4)] == [b"e", b"", b"P1\r", b""]
    await link.close()


@pytest.mark.virtual_time
async def test_a_line_without_end_is_refused():
    class Endless:
        def feed(self, data, now):
            return [(now, b"P" * 70_000)]

    link = Link(MemoryTransport(Endless()))
    link.framing = BARE_LINES
    await link.open()
    await link.write(b"x")
    with pytest.raises(BadReply):
        await link.receive(1.0)
    await link.close()


@pytest.mark.virtual_time
async def test_a_link_stays_open_until_its_last_holder_has_closed_it():
    link = Link(MemoryTransport(Talker()))
    first, second = object(), object()
    await link.open(first)
    await link.open(second)
    await link.close(first)
    await link.close(first)
    assert await link.query(b"still", 1.0) == b"still"
    await link.close(second)
    with pytest.raises(LinkLost):
        await link.query(b"gone", 1.0)


class SlowToClose(MemoryTransport):
    """Takes its time to disconnect, and counts its connections."""

    connected = 0

    async def open(self):
        self.connected += 1
        await super().open()

    async def close(self):
        await asyncio.sleep(0.1)
        await super().close()


@pytest.mark.virtual_time
@pytest.mark.parametrize("later_s", [0.0, 0.05, 0.1, 0.2])
async def test_who_opens_while_the_last_holder_closes_has_an_open_link(later_s):
    link = Link(SlowToClose(Talker()))
    first, second = object(), object()
    await link.open(first)
    closing = asyncio.create_task(link.close(first))
    await asyncio.sleep(later_s)
    await link.open(second)
    await closing
    assert await link.query(b"still", 1.0) == b"still"
    await link.close(second)


@pytest.mark.virtual_time
async def test_two_holders_that_open_at_once_connect_once():
    transport = SlowToClose(Talker())
    link = Link(transport)
    first, second = object(), object()
    await asyncio.gather(link.open(first), link.open(second))
    assert transport.connected == 1
    await link.close(first)
    await link.close(second)


@pytest.mark.virtual_time
async def test_a_second_port_is_a_link_of_its_own_and_only_where_there_is_one():
    peer = Talker()
    link = Link(MemoryTransport(peer))
    with pytest.raises(LinkLost):
        link.beside(57560)
    peer.binary = Talker()
    other = link.beside(57560)
    await other.open()
    assert await other.query(b"two", 1.0) == b"two"
    await other.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals there")
async def test_a_serial_read_is_interrupted_and_the_next_query_has_its_whole_time():
    master, slave = os.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    link = Link(SerialTransport(os.ttyname(slave)))
    loop = asyncio.get_running_loop()
    loop.add_reader(master, lambda: os.write(master, os.read(master, 100)))
    await link.open()
    try:
        for n in range(20):
            waiting = asyncio.create_task(link.receive(30.0))
            await asyncio.sleep(0.001 * (n % 3))
            assert await link.query(b"%d" % n, 5.0) == b"%d" % n
            waiting.cancel()
            await asyncio.wait([waiting])
    finally:
        await link.close()
        loop.remove_reader(master)
        os.close(master)
        os.close(slave)


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals there")
async def test_what_is_stale_is_taken_whole_although_an_interruption_came_too_late():
    master, slave = os.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    transport = SerialTransport(os.ttyname(slave))
    await transport.open()
    try:
        transport.interrupt()
        os.write(master, b"stale\n")
        assert await asyncio.to_thread(select.select, [slave], [], [], 5.0) != ([], [], [])
        assert transport.take() == b"stale\n"
    finally:
        await transport.close()
        os.close(master)
        os.close(slave)
