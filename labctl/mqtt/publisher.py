"""Publishes a journal over one connection: what happened in order, and how it stands now."""

from collections.abc import Sequence

from labctl.journal import Reader, RecordedEvent, RecordedRow
from labctl.mqtt import payloads, present
from labctl.mqtt.connection import Connection
from labctl.mqtt.place import Place
from labctl.mqtt.topics import Topics

READINGS_PER_PASS = 1_000
EVENTS_PER_PASS = 200


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

    async def announce(self, connection: Connection) -> None:
        """Say how the run stands and that we are there; after each connect."""
        self._fold()
        # The broker may have forgotten what it retained: show the present, and only that.
        self._cycles = [] if self._newest is None else [self._newest]
        self._shown = None
        await self._show(connection)
        if self.shows_present:
            await connection.send(self.topics.online, payloads.ONLINE, retain=True)

    async def leave(self, connection: Connection) -> None:
        """Say how the run stands and that we go."""
        self._fold()
        await self._show(connection)
        if self.shows_present:
            await connection.send(self.topics.online, payloads.OFFLINE, retain=True)

    async def step(self, connection: Connection) -> bool:
        """Publish the next portion, in order; false when there was nothing new."""
        self._fold()
        await self._show(connection)
        before = self.place
        rows = list(self.reader.readings(before.reading, READINGS_PER_PASS))
        told = list(self.reader.events(before.event, EVENTS_PER_PASS))
        whole = len(told) < EVENTS_PER_PASS
        for event in told:
            due = [row for row in rows if row.seq <= event.after_reading]
            rows = rows[len(due) :]
            await self._readings(connection, due)
            if event.after_reading > self.place.reading:
                return True
            await self._event(connection, event)
        if whole:
            await self._readings(connection, rows)
        return self.place != before

    def left(self) -> Place:
        """How many readings and events are in the journal and not published."""
        readings, events = self.reader.counts()
        return Place(readings - self.place.reading, events - self.place.event)

    async def _readings(self, connection: Connection, rows: Sequence[RecordedRow]) -> None:
        for start in range(0, len(rows), payloads.READINGS_PER_MESSAGE):
            batch = rows[start : start + payloads.READINGS_PER_MESSAGE]
            body = payloads.readings(self._state.run, self._state.simulated, batch)
            await connection.send(self.topics.readings, body)
            self.place = self.place._replace(reading=batch[-1].seq)

    async def _event(self, connection: Connection, event: RecordedEvent) -> None:
        body = payloads.event(self._state.run, self._state.simulated, event)
        await connection.send(self.topics.events, body)
        self.place = self.place._replace(event=event.seq)

    def _fold(self) -> None:
        for event in self.reader.events(self._folded):
            self._state = present.after(self._state, event)
            self._folded = event.seq
            if event.kind == "cycle":
                self._cycles.append(event)
                self._newest = event

    async def _show(self, connection: Connection) -> None:
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
