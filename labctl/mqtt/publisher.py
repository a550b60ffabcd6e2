"""Publishes a journal over one connection: what happened in order, and how it stands now."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from labctl.journal import Reader, RecordedEvent, RecordedRow
from labctl.mqtt import payloads, present
from labctl.mqtt.place import Place
from labctl.mqtt.topics import Topics

if TYPE_CHECKING:
    from labctl.mqtt.connection import Connection

READINGS_PER_PASS = 5_000
EVENTS_PER_PASS = 500
IN_FLIGHT = 8
"""Messages sent before the first is acknowledged; one connection keeps their order."""

Outgoing = tuple[str, bytes, Place]


class Publisher:
    """What one follower knows of one journal; `place` is what the broker has acknowledged.

    With `shows_present` false the retained topics are left alone: they may by now belong to
    another run on the same channel.
    """

    def __init__(self, reader: Reader, topics: Topics, start: Place, shows_present: bool) -> None:
        self.reader = reader
        self.topics = topics
        self.place = start
        self.shows_present = shows_present
        self._state = present.at_start(reader.manifest())
        self._folded = 0
        self._shown: bytes | None = None
        self._cycles: list[RecordedEvent] = []
        self._newest: RecordedEvent | None = None

    async def announce(self, connection: "Connection") -> None:
        """Say how the run stands and that we are there; after each connect."""
        self._fold()
        # The broker may have forgotten what it retained: show the present, and only that.
        self._cycles = [] if self._newest is None else [self._newest]
        self._shown = None
        await self._show(connection)
        if self.shows_present:
            await connection.send(self.topics.online, payloads.ONLINE, retain=True)

    async def leave(self, connection: "Connection") -> None:
        """Say how the run stands and that we go."""
        self._fold()
        await self._show(connection)
        if self.shows_present:
            await connection.send(self.topics.online, payloads.OFFLINE, retain=True)

    async def step(self, connection: "Connection") -> bool:
        """Publish the next portion, in order; false when there was nothing new."""
        self._fold()
        await self._show(connection)
        before = self.place
        sending: deque[tuple[asyncio.Task[None], Place]] = deque()
        try:
            for topic, body, place in self._next():
                sending.append((asyncio.create_task(connection.send(topic, body)), place))
                # A window that slides: one that is sent as a block waits 40 ms for its last
                # acknowledgements, which Nagle's algorithm keeps at the broker.
                if len(sending) == IN_FLIGHT:
                    await self._acknowledged(sending)
            while sending:
                await self._acknowledged(sending)
        finally:
            for task, _ in sending:
                task.cancel()
            await asyncio.gather(*(task for task, _ in sending), return_exceptions=True)
        return self.place != before

    async def _acknowledged(self, sending: "deque[tuple[asyncio.Task[None], Place]]") -> None:
        task, place = sending[0]
        await task
        sending.popleft()
        self.place = place

    def left(self) -> Place:
        """How many readings and events are in the journal and not published."""
        readings, events = self.reader.counts()
        return Place(readings - self.place.reading, events - self.place.event)

    def _next(self) -> Iterator[Outgoing]:
        """The next messages in the order of the run, each with the place that it leads to."""
        rows = list(self.reader.readings(self.place.reading, READINGS_PER_PASS))
        told = list(self.reader.events(self.place.event, EVENTS_PER_PASS))
        place = self.place
        for event in told:
            due = event.after_reading - place.reading
            for message in self._batches(rows[:due] if due > 0 else [], place):
                place = message[2]
                yield message
            rows = rows[due:] if due > 0 else rows
            if event.after_reading > place.reading:
                return  # Its readings are beyond this portion.
            place = place._replace(event=event.seq)
            body = payloads.event(self._state.run, self._state.simulated, event)
            yield self.topics.events, body, place
        if len(told) < EVENTS_PER_PASS:
            yield from self._batches(rows, place)

    def _batches(self, rows: Sequence[RecordedRow], place: Place) -> Iterator[Outgoing]:
        for start in range(0, len(rows), payloads.READINGS_PER_MESSAGE):
            batch = rows[start : start + payloads.READINGS_PER_MESSAGE]
            body = payloads.readings(self._state.run, self._state.simulated, batch)
            yield self.topics.readings, body, place._replace(reading=batch[-1].seq)

    def _fold(self) -> None:
        for event in self.reader.events(self._folded):
            self._state = present.after(self._state, event)
            self._folded = event.seq
            if event.kind == "cycle":
                self._cycles.append(event)
                self._newest = event

    async def _show(self, connection: "Connection") -> None:
        if not self.shows_present:
            return
        body = self._state.payload()
        if body != self._shown:
            await connection.send(self.topics.state, body, retain=True)
            self._shown = body
        while self._cycles:
            figures = payloads.cycle(self._state.run, self._state.simulated, self._cycles[0])
            await connection.send(self.topics.cycles, figures, retain=True)
            del self._cycles[0]
