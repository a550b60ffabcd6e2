"""The owner of a link: late replies, cancellation, framing, loss. All in virtual time."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_drivers.errors import BadReply, LinkLost, LinkTimeout
from labctl_drivers.link import Link, MemoryTransport, Probe
from labctl_drivers.link.transport import Inbox, Pace
from labctl_simulators.clock import VirtualLoop, run_in

pytestmark = pytest.mark.virtual_time
PROBE = Probe(b"WHO?", lambda frame: frame == b"ME")
LATENCY_S = 0.01


class Slow:
    """Answers `<n>?` with `<n>`, in order, as a wire does; the `slow`th query takes `delay` s."""

    def __init__(self, slow=None, delay=0.0, dumb=False):
        self.count = 0
        self.slow = slow
        self.delay = delay
        self.dumb = dumb
        self.heard = []
        self._busy_until = 0.0

    def feed(self, data, now):
        replies = []
        for line in data.splitlines():
            self.heard.append(line)
            if not line.endswith(b"?") or self.dumb:
                continue
            took = LATENCY_S
            if line != b"WHO?":
                took = self.delay if self.count == self.slow else LATENCY_S
                self.count += 1
            self._busy_until = max(self._busy_until, now) + took
            reply = b"ME" if line == b"WHO?" else line[:-1]
            replies.append((self._busy_until, reply + b"\n"))
        return replies


async def test_what_comes_at_one_moment_comes_in_its_order():
    class AtOnce:
        def feed(self, data, now):
            return [(now + LATENCY_S, b"%d\n" % n) for n in range(50)] if data == b"go\n" else []

    link = Link(MemoryTransport(AtOnce()))
    await link.open()
    await link.write(b"go")
    assert [(await link.receive(1.0)).data for _ in range(50)] == [b"%d" % n for n in range(50)]
    await link.close()


async def opened(peer, **options):
    link = Link(MemoryTransport(peer), probe=PROBE, **options)
    await link.open()
    return link


@pytest.mark.parametrize("delay", [0.11, 0.3, 1.0, 1.1, 5.0])
@pytest.mark.parametrize("slow", range(6))
async def test_a_late_reply_never_answers_another_query(slow, delay):
    peer = Slow(slow, delay)
    link = await opened(peer)
    answered = 0
    for n in range(8):
        try:
            reply = await link.query(b"%d?" % n, 0.1)
        except LinkTimeout:
            assert n == slow
        except LinkLost:
            await asyncio.sleep(10)
            await link.open()
        else:
            assert reply == b"%d" % n
            answered += 1
    await link.close()
    assert answered == 7


async def test_a_cancelled_query_that_was_not_sent_is_dropped():
    peer = Slow()
    link = await opened(peer)
    first = asyncio.create_task(link.query(b"1?", 1.0))
    await asyncio.sleep(0.001)
    second = asyncio.create_task(link.query(b"2?", 1.0))
    await asyncio.sleep(0.001)
    second.cancel()
    assert await first == b"1"
    assert await link.query(b"3?", 1.0) == b"3"
    assert peer.heard == [b"WHO?", b"1?", b"3?"]
    await link.close()


async def test_a_cancelled_query_that_was_sent_is_finished():
    peer = Slow(0, 0.5)
    link = await opened(peer)
    query = asyncio.create_task(link.query(b"1?", 1.0))
    await asyncio.sleep(0.1)
    query.cancel()
    start = asyncio.get_running_loop().time()
    assert await link.query(b"2?", 1.0) == b"2"
    assert asyncio.get_running_loop().time() - start == pytest.approx(0.4 + LATENCY_S)
    await link.close()


@pytest.mark.parametrize("steps", range(12))
async def test_cancelled_at_any_step_the_next_query_gets_its_own_reply(steps):
    peer = Slow()
    link = await opened(peer)
    query = asyncio.create_task(link.query(b"1?", 1.0))
    for _ in range(steps):
        await asyncio.sleep(0)
    query.cancel()
    assert await link.query(b"2?", 1.0) == b"2"
    await link.close()


@pytest.mark.parametrize("steps", range(8))
async def test_opening_can_be_cancelled_at_any_step(steps):
    peer = Slow()
    link = Link(MemoryTransport(peer), probe=PROBE)
    opening = asyncio.create_task(link.open())
    for _ in range(steps):
        await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait([opening])
    await link.open()
    assert await link.query(b"1?", 1.0) == b"1"
    await link.close()


async def test_what_came_unasked_answers_nothing_and_is_counted():
    transport = MemoryTransport(Slow())
    told = []
    link = Link(transport, probe=PROBE, transcript=lambda *entry: told.append(entry))
    await link.open()
    transport._inbox.push(b"99\n98")
    assert await link.query(b"1?", 1.0) == b"1"
    assert link.stale_bytes == 5
    assert [(d, b) for _, d, b in told][-3:] == [("x", b"99\n98"), (">", b"1?\n"), ("<", b"1\n")]
    await link.close()


async def test_what_follows_a_reply_in_the_same_chunk_is_stale():
    class Twice(Slow):
        def feed(self, data, now):
            return [(when, reply * 2) for when, reply in super().feed(data, now)]

    link = await opened(Twice())
    for n in range(3):
        assert await link.query(b"%d?" % n, 1.0) == b"%d" % n
    await link.close()


async def test_a_dead_instrument_loses_the_link_and_only_shouting_is_heard():
    peer = Slow()
    link = await opened(peer)
    peer.dumb = True
    with pytest.raises(LinkLost):
        await link.query(b"1?", 0.1)
    assert link.lost
    with pytest.raises(LinkLost):
        await link.query(b"2?", 0.1)
    with pytest.raises(LinkLost):
        await link.write(b"3")
    await link.shout(b"OFF")
    assert peer.heard == [b"WHO?", b"1?", b"WHO?", b"OFF"]
    peer.dumb = False
    await link.open()
    assert await link.query(b"4?", 0.1) == b"4"
    await link.close()


async def test_without_a_probe_a_missing_reply_loses_the_link():
    peer = Slow(0, 0.2)
    link = Link(MemoryTransport(peer))
    await link.open()
    with pytest.raises(LinkLost):
        await link.query(b"1?", 0.1)
    await link.close()


async def test_distrust_asks_the_probe_first():
    peer = Slow()
    link = await opened(peer)
    link.distrust()
    assert await link.query(b"1?", 1.0) == b"1"
    assert peer.heard == [b"WHO?", b"WHO?", b"1?"]
    await link.close()


async def test_closing_lets_nobody_wait():
    link = await opened(Slow(0, 100.0))
    waiting = [asyncio.create_task(link.query(b"%d?" % n, 200.0)) for n in range(3)]
    await asyncio.sleep(0.1)
    await link.close()
    assert [type(e) for e in await asyncio.gather(*waiting, return_exceptions=True)] == [
        LinkLost
    ] * 3
    with pytest.raises(LinkLost):
        await link.query(b"1?", 1.0)
    await link.close()


async def test_a_reply_without_end_is_refused_and_the_link_recovers():
    class Babbling(Slow):
        def feed(self, data, now):
            if data == b"9?\n":
                return [(now + 0.01, b"x" * 70_000)]
            return super().feed(data, now)

    link = await opened(Babbling())
    with pytest.raises(BadReply):
        await link.query(b"9?", 1.0)
    assert await link.query(b"1?", 1.0) == b"1"
    await link.close()


async def test_a_flood_is_not_kept():
    inbox = Inbox()
    for _ in range(40):
        inbox.push(b"x" * 100_000)
    assert len(inbox.take()) < 2_000_000
    with pytest.raises(LinkLost, match="without end"):
        await inbox.get(1.0)


async def test_timeouts_are_in_host_seconds():
    class Scaled(MemoryTransport):
        pace = Pace(60.0)

    link = Link(Scaled(Slow(0, 59.0)), probe=PROBE)
    await link.open()
    assert await link.query(b"1?", 1.0) == b"1"
    await link.close()


@given(
    st.lists(st.binary(max_size=12).map(lambda b: b.translate(None, b"\r\n")), max_size=6),
    st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\r"]),
    st.data(),
)
def test_any_split_gives_the_same_frames(frames, end, data):
    frames = [frame for frame in frames if frame]
    stream = b"".join(frame + end for frame in frames)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(stream) - 1)), max_size=8)))
    edges = [0, *(c for c in cuts if c < len(stream)), len(stream)]
    chunks = [stream[a:b] for a, b in itertools.pairwise(edges)]

    class Serial(MemoryTransport):
        ends_on_cr = True

    async def cut():
        transport = Serial(Slow())
        link = Link(transport)
        await transport.open()
        got = []
        for chunk in chunks:
            transport._inbox.push(chunk)
            while (frame := await link._frame(0.0)) is not None:
                got.append(frame)
        return got

    assert run_in(VirtualLoop(), cut()) == frames
