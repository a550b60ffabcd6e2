"""The MQTT follower: a thread with a loop of its own, on host time, that only reads the journal.

Nothing it does or suffers reaches the run (S7): it raises nowhere, and its cursor rides along
with the run's own commits.
"""

import asyncio
import contextlib
import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.journal import Journal, Reader, keep_cursor, read_manifest
from labctl.mqtt import place
from labctl.mqtt.publisher import Publisher
from labctl.mqtt.settings import MqttSettings
from labctl.mqtt.topics import Topics, topics_of

if TYPE_CHECKING:
    from labctl.mqtt.connection import Connection

NAME = "mqtt"
"""The cursor's name in the journal."""
POLL_S = 0.25
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 30.0
FINISH_S = 10.0
LONGEST_FINISH = 10
SAVE_EVERY_S = 1.0
JOIN_MARGIN_S = 6.0
"""What a connection attempt may still take in paho's own thread when time is up."""


@dataclass(frozen=True, slots=True)
class FollowerStatus:
    """How the follower stands. `breaks` counts lost connections; `error` is the last trouble.

    The `left_` figures are of the last look; they are final in what `finish` returns.
    """

    connected: bool = False
    breaks: int = 0
    error: str | None = None
    left_readings: int = 0
    left_events: int = 0
    finished: bool = False
    took_s: float = 0.0

    def __str__(self) -> str:
        if self.finished:
            return f"MQTT: everything was published ({self.took_s:.1f} s after the end)"
        left = f"{self.left_readings} readings and {self.left_events} events"
        why = f" ({self.error})" if self.error else ""
        return f"MQTT: {left} are not published yet{why}; the journal has them"


class Follower:
    """Publishes one run while it goes on; made by `start`."""

    def __init__(
        self,
        settings: MqttSettings,
        folder: Path,
        topics: Topics,
        save: Callable[[str], None],
        shows_present: bool,
    ) -> None:
        from labctl.mqtt.connection import Version  # aiomqtt: a run without a broker needs none

        self._settings = settings
        self._folder = folder
        self._topics = topics
        self._save = save
        self._shows_present = shows_present
        self._identifier = f"labctl-{folder.name}{'' if shows_present else '-rest'}"
        self._versions = [Version.V5, Version.V311]
        self._status = FollowerStatus()
        self._patience: tuple[float, float] | None = None
        self._moved_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._nudge = asyncio.Event()
        self._saved_at = 0.0
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    @property
    def status(self) -> FollowerStatus:
        """How it stands now."""
        return self._status

    def finish(self, timeout_s: float = FINISH_S) -> FollowerStatus:
        """Publish what is left and end; never raises.

        Gives up after this long without progress, after ten times as long in any case. Call it
        once everything is committed; before or after the journal is closed.
        """
        began = time.monotonic()
        if self._patience is None:
            self._patience = (began, timeout_s)
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # The loop has closed already.
                self._loop.call_soon_threadsafe(self._nudge.set)
        self._thread.join(LONGEST_FINISH * timeout_s + JOIN_MARGIN_S)
        self._status = replace(self._status, took_s=time.monotonic() - began, connected=False)
        return self._status

    def _run(self) -> None:
        try:
            # aiomqtt needs a loop that watches sockets, which Windows' default does not.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._until_done())
        except Exception as error:  # S7: whatever it was, it is the follower's alone.
            self._tell(connected=False, error=_words(error))

    async def _until_done(self) -> None:
        self._loop = asyncio.get_running_loop()
        with Reader(self._folder) as reader:
            start = place.from_json(reader.cursor(NAME))
            publisher = Publisher(reader, self._topics, start, self._shows_present)
            work = asyncio.create_task(self._work(publisher))
            while not work.done():
                left_s = self._time_left_s()
                if left_s <= 0:
                    work.cancel()
                    break
                await asyncio.wait({work}, timeout=min(left_s, POLL_S))
            with contextlib.suppress(asyncio.CancelledError):
                await work
            self._count(publisher)

    def _time_left_s(self) -> float:
        if self._patience is None:
            return math.inf
        began, patience_s = self._patience
        until = min(max(began, self._moved_at) + patience_s, began + LONGEST_FINISH * patience_s)
        return until - time.monotonic()

    async def _work(self, publisher: Publisher) -> None:
        from labctl.mqtt.connection import connected

        trail = place.Trail(publisher.place)
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                will = self._topics.online if self._shows_present else None
                async with connected(
                    self._settings, will, self._identifier, self._versions
                ) as connection:
                    publisher.place = trail.restart()
                    await publisher.announce(connection)
                    self._tell(connected=True, error=None)
                    pause_s = FIRST_PAUSE_S
                    await self._pump(publisher, connection, trail)
                self._save(publisher.place.to_json())
                self._count(publisher)
                self._tell(connected=False, finished=True)
                return
            except Exception as error:  # S7: the broker's faults and our own, told and outlived.
                if self._status.connected:
                    self._tell(connected=False, breaks=self._status.breaks + 1)
                self._tell(error=_words(error))
                self._count(publisher)
            await self._rest(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _pump(
        self, publisher: Publisher, connection: "Connection", trail: place.Trail
    ) -> None:
        while True:
            # Asked before looking: what was committed before the end is then seen.
            ending = self._patience is not None
            more = await publisher.step(connection)
            now_s = time.monotonic()
            trail.note(now_s, publisher.place)
            if now_s - self._saved_at >= SAVE_EVERY_S:
                self._saved_at = now_s
                self._save(trail.safe.to_json())
                self._count(publisher)
            if more:
                self._moved_at = now_s
                continue
            if ending:
                await publisher.leave(connection)
                return
            connection.check()
            await self._rest(POLL_S)

    async def _rest(self, pause_s: float) -> None:
        """Pause, but not past the call to finish; then look again soon."""
        if self._nudge.is_set():
            pause_s = min(pause_s, POLL_S)
            await asyncio.sleep(pause_s)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._nudge.wait(), pause_s)

    def _count(self, publisher: Publisher) -> None:
        left = publisher.left()
        self._tell(left_readings=left.reading, left_events=left.event)

    def _tell(self, **changes: object) -> None:
        self._status = replace(self._status, **changes)  # type: ignore[arg-type]  # by field name


def start(settings: MqttSettings, journal: Journal) -> Follower:
    """Follow a run that is being written. Raises BadTopic for names that may not be topics."""
    return Follower(
        settings,
        journal.folder,
        _topics(settings, journal.folder),
        lambda cursor: journal.set_cursor(NAME, cursor),
        shows_present=True,
    )


def publish_rest(
    settings: MqttSettings, folder: Path, timeout_s: float = FINISH_S, shows_present: bool = False
) -> FollowerStatus:
    """Publish what a finished run's follower left behind.

    The retained topics are left alone unless `shows_present`: another run may have them by now.
    Raises BadTopic, JournalError.
    """
    follower = Follower(
        settings,
        folder,
        _topics(settings, folder),
        lambda cursor: keep_cursor(folder, NAME, cursor),
        shows_present,
    )
    return follower.finish(timeout_s)


def _topics(settings: MqttSettings, folder: Path) -> Topics:
    manifest = read_manifest(folder)
    bench, channel = str(manifest["bench"]), str(manifest["channel"])
    return topics_of(settings.prefix, bench, channel, bool(manifest["simulated"]))


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
