"""The owner of a link: one task through which every exchange goes, one at a time.

A query that was sent is finished by the owner even if its caller has gone, and its late reply is
discarded. A query without a reply in time leaves the link out of step; nothing is sent on it again
before the instrument's answer to a probe has shown where its replies stand.

The channels of one instrument share its link: each opens and closes it as its own holder, and
takes a `turn` for exchanges that belong together.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from labctl_drivers.errors import BadReply, LinkError, LinkLost, LinkTimeout
from labctl_drivers.link.framing import LINES, LINES_OR_CR, MAX_REPLY, Framing
from labctl_drivers.link.transport import Transport

_ENDS = b"\r\n"
_LOST = "the link is lost: "

Transcript = Callable[[float, str, bytes], None]
"""Told (loop time, direction, bytes): `>` sent, `<` received, `x` discarded unread."""


class Answer(NamedTuple):
    """A reply without its terminator, and when (loop's clock, s) it was asked for and there."""

    data: bytes
    sent_s: float
    received_s: float


@dataclass(frozen=True, slots=True)
class Probe:
    """A query that changes nothing and whose reply cannot be taken for any other."""

    line: bytes
    is_reply: Callable[[bytes], bool]
    timeout_s: float = 1.0


_Kind = Literal["open", "write", "query", "shout", "receive"]


class _Request(NamedTuple):
    kind: _Kind
    line: bytes
    timeout_s: float
    deadline: float
    future: "asyncio.Future[Answer]"


_NOTHING = Answer(b"", 0.0, 0.0)


class Link:
    """One instrument's link. `write`, `query` and `receive` may be cancelled at any point.

    `stale_bytes` counts what came unasked and was discarded. `last_reading` is the reply to the
    newest reading of any channel: it answers no other. `turn` is held (`async with`) around
    exchanges that another channel's must not come between; `shout` needs none. `framing` may be
    set before `open` by a driver whose instrument does not speak in lines.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        probe: Probe | None = None,
        transcript: Transcript | None = None,
    ) -> None:
        self.probe = probe
        self.stale_bytes = 0
        self.last_reading: bytes | None = None
        self._transport = transport
        self._transcript = transcript
        self.framing: Framing = LINES_OR_CR if transport.ends_on_cr else LINES
        self.turn = asyncio.Lock()
        self._door = asyncio.Lock()
        self._holders: set[int] = set()
        self._beside: dict[int, Link] = {}
        self._receiving = False
        self._buffer = bytearray()
        self._queue: deque[_Request] = deque()
        self._idle: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._lost: str | None = "it was never opened"
        self._in_step = False

    @property
    def lost(self) -> bool:
        """Whether nothing can be sent before `open` has connected again."""
        return self._lost is not None

    async def open(self, holder: object = None) -> None:
        """Connect, or connect again after the link was lost; nothing if it is open."""
        async with self._door:
            # not while the last holder before this one is still disconnecting
            self._holders.add(id(holder))
            if self._task is None:
                self._task = asyncio.create_task(self._own(), name="link owner")
        if self._lost is not None:
            await self._submit("open", b"", 0.0)

    async def write(self, line: bytes) -> float:
        """Send a line; a line feed is added. Gives when that was (loop's clock, s).

        Raises LinkLost.
        """
        return (await self._submit("write", line, 0.0)).sent_s

    async def shout(self, line: bytes) -> None:
        """Send a line even if the other end has stopped answering; for switching off.

        Raises LinkLost when there is nothing to send it on.
        """
        await self._submit("shout", line, 0.0)

    async def query(self, line: bytes, timeout_s: float) -> bytes:
        """Send a line and wait (host seconds) for one whole reply, given without its terminator.

        Raises LinkLost, LinkTimeout, BadReply.
        """
        return (await self._submit("query", line, timeout_s)).data

    async def timed_query(self, line: bytes, timeout_s: float) -> Answer:
        """As `query`, with the times of query and reply."""
        return await self._submit("query", line, timeout_s)

    async def receive(self, timeout_s: float) -> Answer:
        """The next message of an instrument that speaks unasked; whatever else is asked of the
        link goes first, and nothing that came is lost by that or by cancelling.

        Raises LinkTimeout, after which the link is as it was; LinkLost, BadReply.
        """
        return await self._submit("receive", b"", timeout_s)

    def beside(self, port: int) -> "Link":
        """The link to the same instrument at another TCP port of its; the channels of one
        instrument share it as they do this one. Raises LinkLost.
        """
        if port not in self._beside:
            self._beside[port] = Link(self._transport.beside(port), transcript=self._transcript)
        return self._beside[port]

    def deadline(self, timeout_s: float) -> float:
        """The loop's time when so many host seconds will have passed."""
        return self._transport.pace.deadline(timeout_s)

    def distrust(self) -> None:
        """The last reply made no sense: find the instrument's place again before the next line."""
        self._in_step = self.probe is None

    async def close(self, holder: object = None) -> None:
        """Disconnect once no holder is left; whoever still waits gets LinkLost. Idempotent."""
        async with self._door:
            self._holders.discard(id(holder))
            if self._holders:
                return
            task, self._task = self._task, None
            self._lost = "it was closed"
            try:
                if task is not None:
                    task.cancel()
                    await asyncio.wait([task])
            finally:
                while self._queue:
                    self._refuse(self._queue.popleft())
                await self._transport.close()

    def _submit(self, kind: _Kind, line: bytes, timeout_s: float) -> "asyncio.Future[Answer]":
        if self._task is None:
            raise LinkLost(f"the link is not open: {self._lost}")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        deadline = self._transport.pace.deadline(timeout_s)
        self._queue.append(_Request(kind, line, timeout_s, deadline, future))
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)
        if self._receiving:
            self._transport.interrupt()
        return future

    def _refuse(self, request: _Request) -> None:
        if not request.future.done():
            request.future.set_exception(LinkLost(f"{_LOST}{self._lost}"))

    async def _own(self) -> None:
        queue = self._queue
        loop = asyncio.get_running_loop()
        while True:
            if not queue:
                self._idle = loop.create_future()
                await self._idle
                continue
            request = queue.popleft()
            if request.future.done():
                continue
            try:
                answer = await self._serve(request)
            except asyncio.CancelledError:
                self._refuse(request)
                raise
            except Exception as error:
                self._failed(request, error)
            else:
                if answer is None:
                    queue.append(request)
                elif not request.future.done():
                    request.future.set_result(answer)

    def _failed(self, request: _Request, error: Exception) -> None:
        self._in_step = self._in_step and isinstance(error, LinkTimeout)
        if isinstance(error, LinkLost) or not isinstance(error, LinkError):
            self._lost = str(error).removeprefix(_LOST)
        if not request.future.done():
            request.future.set_exception(error)

    async def _serve(self, request: _Request) -> Answer | None:
        """None: others go first, and this comes again after them."""
        kind = request.kind
        if kind == "open":
            if self._lost is not None:
                # else another holder's `open` has connected meanwhile
                await self._connect()
        elif self._lost is not None and kind != "shout":
            raise LinkLost(f"{_LOST}{self._lost}")
        if not self._in_step and kind != "shout":
            await self._get_in_step()
        if kind == "open" or request.future.cancelled():
            return _NOTHING
        if kind == "query":
            return await self._exchange(request.line, request.timeout_s)
        if kind == "receive":
            return await self._receive(request)
        sent_s = asyncio.get_running_loop().time()
        await self._send(request.line)
        return Answer(b"", sent_s, sent_s)

    async def _exchange(self, line: bytes, timeout_s: float) -> Answer:
        self._discard()
        loop = asyncio.get_running_loop()
        sent_s = loop.time()
        await self._send(line)
        frame = await self._frame(self._transport.pace.deadline(timeout_s))
        if frame is None:
            self._in_step = False
            await self._get_in_step()
            raise LinkTimeout(f"no whole reply to {line!r} within {timeout_s:g} s")
        return Answer(frame, sent_s, loop.time())

    async def _receive(self, request: _Request) -> Answer | None:
        loop = asyncio.get_running_loop()
        while not request.future.done():
            if any(other.kind != "receive" for other in self._queue):
                return None
            frame = self._cut()
            if frame is not None:
                now = loop.time()
                return Answer(frame, now, now)
            self._receiving = True
            try:
                chunk = await self._transport.read(request.deadline)
            finally:
                self._receiving = False
            self._take_in(chunk)
            if not chunk and loop.time() >= request.deadline:
                raise LinkTimeout(f"nothing came within {request.timeout_s:g} s")
        return _NOTHING

    async def _send(self, line: bytes) -> None:
        data = line + self.framing.end
        self._note(">", data)
        await self._transport.write(data)

    async def _frame(self, deadline: float) -> bytes | None:
        """The next reply; None when the deadline passes first."""
        while True:
            frame = self._cut()
            if frame is not None:
                return frame
            chunk = await self._transport.read(deadline)
            if not chunk:
                return None
            self._take_in(chunk)

    def _cut(self) -> bytes | None:
        """The first whole message there is. Raises BadReply for one that is longer than any."""
        frame = self.framing.cut(self._buffer)
        if frame is None and len(self._buffer) > MAX_REPLY:
            raise BadReply(f"a reply of more than {MAX_REPLY} bytes")
        return frame

    def _take_in(self, chunk: bytes) -> None:
        if chunk:
            self._note("<", chunk)
            self._buffer += chunk

    def _discard(self) -> None:
        """Nothing that came before a query can answer it."""
        stale = self._transport.take()
        if self._buffer:
            stale = bytes(self._buffer) + stale
            self._buffer.clear()
        if stale.strip(_ENDS):
            self.stale_bytes += len(stale)
            self._note("x", stale)

    def _note(self, direction: str, data: bytes) -> None:
        if self._transcript is None:
            return
        try:
            self._transcript(asyncio.get_running_loop().time(), direction, data)
        except Exception:
            # a full disk must not keep the output from being switched off
            self._transcript = None

    async def _connect(self) -> None:
        await self._transport.close()
        self._buffer.clear()
        await self._transport.open()
        self._lost = None
        self._in_step = self.probe is None

    async def _get_in_step(self) -> None:
        """Ask the probe and discard everything before its reply. Raises LinkLost without one."""
        if self.probe is None:
            raise LinkLost("a reply is missing, and there is no probe to find its place again")
        await self._transport.clear()
        if await self._probed(self.probe):
            return
        if self._transport.reconnects:
            await self._connect()
            if await self._probed(self.probe):
                return
        raise LinkLost(f"no answer to {self.probe.line!r} within {self.probe.timeout_s:g} s")

    async def _probed(self, probe: Probe) -> bool:
        self._discard()
        await self._send(probe.line)
        deadline = self._transport.pace.deadline(probe.timeout_s)
        while (frame := await self._frame(deadline)) is not None:
            if probe.is_reply(frame):
                self._in_step = True
                return True
            self.stale_bytes += len(frame)
        return False
