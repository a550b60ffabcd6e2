"""A link to an instrument that speaks unasked, shared by several holders, with a second port."""

import asyncio
import itertools
import os
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
