"""The one writer of a journal: the caller leaves things here, a thread makes them durable."""

import contextlib
import json
import math
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from labctl.journal import lock, schema
from labctl.journal.clock import CLOCK_STEP, STEP_S, Wall
from labctl.journal.errors import JournalError, JournalNotFound, StorageFault
from labctl.journal.heard import HeardLine, Told, stored
from labctl.journal.manifest import manifest_text
from labctl.journal.place import make_durable_folder, refuse_network_share, sync_folder
from labctl_protocols.decisions import Event, Row

COMMIT_EVERY_S = 0.5
"""Host time for which rows may wait; with the commit itself it stays under the promised second."""
COMMIT_ROWS = 5_000
MAX_BACKLOG_ROWS = 2_000_000
BUSY_S = 30.0
"""How long another program may hold the database (a viewer, say) before that is a fault."""

Checkpoint = str | Callable[[], str]


@dataclass(slots=True)
class _Batch:
    """What waits for the next transaction. It is taken whole, so nothing in it is ever split."""

    first_seq: int
    rows: list[tuple[float, Row]] = field(default_factory=list)
    events: list[tuple[object, ...]] = field(default_factory=list)
    heard: list[HeardLine] = field(default_factory=list)
    checkpoint: tuple[int, Checkpoint] | None = None
    cursors: dict[str, str] = field(default_factory=dict)
    closing: tuple[float, str, str] | None = None
    waiters: list["Future[None]"] = field(default_factory=list)
    last: bool = False


def create(folder: Path, manifest: Mapping[str, object], wall: Wall) -> "Journal":
    """Make a run's folder and journal; when this returns, the manifest is durable (S1).

    Raises ValueError for a bad manifest, NetworkShare, StorageFault.
    """
    text = manifest_text(manifest)
    refuse_network_share(folder)
    make_durable_folder(folder)
    try:
        hold = lock.take(folder)
        database = _connect(folder)
        database.executescript(f"BEGIN; {schema.TABLES} COMMIT;")
        database.execute(schema.ADD_MANIFEST, (wall(0.0), text))
        sync_folder(folder)
    except (sqlite3.Error, OSError) as error:
        raise StorageFault(f"cannot make a journal in {folder}: {error}") from error
    return Journal(folder, database, hold, wall, rows=0, events=0)


def reopen(folder: Path, wall: Wall) -> "Journal":
    """Go on writing the journal of a run that was lost, or of whose end something is left to do.

    Raises JournalNotFound, JournalInUse while its writer lives, StorageFault.
    """
    if not (folder / schema.FILE).is_file():
        raise JournalNotFound(f"there is no journal in {folder}")
    refuse_network_share(folder)
    hold = lock.take(folder)
    try:
        database = _connect(folder)
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version != schema.VERSION:
            raise JournalError(f"the journal in {folder} is of version {version}")
        rows, events = (
            database.execute(f"SELECT coalesce(max(seq), 0) FROM {table}").fetchone()[0]
            for table in ("readings", "events")
        )
    except sqlite3.Error as error:
        hold.close()
        raise StorageFault(f"cannot open the journal in {folder}: {error}") from error
    except JournalError:
        hold.close()
        raise
    return Journal(folder, database, hold, wall, rows, events)


def keep_cursor(folder: Path, follower: str, value: str) -> None:
    """Keep a follower's place in the journal of a run that is over. Never raises.

    What is not kept is published once more.
    """
    with contextlib.suppress(sqlite3.Error), contextlib.closing(_connect(folder)) as database:
        database.execute(schema.KEEP_CURSOR, (follower, value))


def _connect(folder: Path) -> sqlite3.Connection:
    database = sqlite3.connect(
        folder / schema.FILE, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "fullfsync=ON", "temp_store=MEMORY"):
        database.execute(f"PRAGMA {pragma}")
    return database


class Journal:
    """A run's journal, open for writing; made by `create` or `reopen`.

    One thread writes (the run's), any may set cursors and ask. Control acts first and calls
    `write` then: it never waits for the disk. Once something could not be made durable, every
    call raises StorageFault, and nothing is tried again.
    """

    def __init__(
        self,
        folder: Path,
        database: sqlite3.Connection,
        hold: BinaryIO,
        wall: Wall,
        rows: int,
        events: int,
    ) -> None:
        self.folder = folder
        self._database = database
        self._hold = hold
        self._wall = wall
        self._rows = rows
        self._events = events
        self._last_t_s = 0.0
        self._clock_offset: float | None = None
        self._fault: StorageFault | None = None
        self._in_flight = 0
        self._lock = threading.Lock()
        self._batch = _Batch(rows + 1)
        self._something = threading.Event()
        self._now = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._closed = False
        self._on_fault: Callable[[StorageFault], None] | None = None
        self._thread.start()

    @property
    def failed(self) -> StorageFault | None:
        """What could not be stored, or None."""
        return self._fault

    def on_fault(self, tell: Callable[[StorageFault], None]) -> None:
        """Have a fault told at once, in the writer's thread; what `tell` raises is dropped."""
        self._on_fault = tell

    @property
    def backlog(self) -> int:
        """Rows that are not durable yet."""
        return len(self._batch.rows) + self._in_flight

    def write(
        self,
        rows: Sequence[Row] = (),
        events: Iterable[Event] = (),
        checkpoint: Checkpoint | None = None,
        heard: Iterable[Told] = (),
    ) -> None:
        """Leave what belongs together: it becomes durable in one transaction, within a second.

        `heard` is what led to the rows and events, where the run is to be heard again. A
        checkpoint may be a callable over frozen values, called later in the writer's thread (only
        the newest of a transaction is). Raises StorageFault, and ValueError for what is no number
        or no JSON.
        """
        if self._fault is not None or self._closed:
            self._refuse()
        wall = self._wall
        stamped = [(wall(row.t_s), row) for row in rows]
        for _, row in stamped:
            if not math.isfinite(row.voltage_V + row.current_A + row.t_s):
                raise ValueError(f"not a reading: {row.voltage_V} V, {row.current_A} A")
        newest = self._rows + len(stamped)
        told = [self._told(event, newest) for event in events]
        if stamped:
            unix_s, row = stamped[-1]
            told += self._clock_note(row.t_s, unix_s, newest)
        lines = [stored(each) for each in heard]
        with self._lock:
            batch = self._batch
            batch.rows += stamped
            batch.heard += lines
            if told:
                batch.events += [(self._events + n, *one) for n, one in enumerate(told, 1)]
                self._events += len(told)
            if checkpoint is not None:
                batch.checkpoint = (newest, checkpoint)
            self._rows = newest
            waiting = len(batch.rows)
        if waiting >= COMMIT_ROWS:
            self._now.set()
            if waiting > MAX_BACKLOG_ROWS:
                self._refuse()
        if not self._something.is_set():
            self._something.set()

    def commit(self) -> "Future[None]":
        """Make all that was left so far durable now; the answer resolves when it is."""
        self._refuse()
        done: Future[None] = Future()
        with self._lock:
            self._batch.waiters.append(done)
        self._wake_now()
        return done

    def set_cursor(self, follower: str, value: str) -> None:
        """Keep a follower's place with the next commit of readings. Never raises (S7)."""
        if not self._thread.is_alive():
            keep_cursor(self.folder, follower, value)
            return
        with self._lock:
            self._batch.cursors[follower] = value

    def close(self, outcome: str | None, reason: str = "") -> None:
        """Make everything durable, with the run's outcome, and let go of the journal. Idempotent.

        None leaves the run without an outcome. Raises StorageFault if anything was not stored.
        """
        if not self._closed:
            self._closed = True
            with self._lock:
                if outcome is not None:
                    self._batch.closing = (self._wall(self._last_t_s), outcome, reason)
                self._batch.last = True
            self._wake_now()
            self._thread.join()
            try:
                self._database.close()
            except sqlite3.Error as error:
                self._fault = self._fault or StorageFault(f"closing the journal failed: {error}")
            self._hold.close()
        if self._fault is not None:
            raise self._fault

    def _told(self, event: Event, after_reading: int) -> tuple[object, ...]:
        data = json.dumps(dict(event.data), allow_nan=False, ensure_ascii=False)
        return (event.t_s, self._wall(event.t_s), after_reading, event.kind, data)

    def _clock_note(self, t_s: float, unix_s: float, newest: int) -> list[tuple[object, ...]]:
        offset = unix_s - t_s
        step_s = 0.0 if self._clock_offset is None else offset - self._clock_offset
        self._clock_offset = offset
        self._last_t_s = t_s
        if abs(step_s) < STEP_S:
            return []
        text = f"the wall clock went {step_s:+.3f} s against the run's own time"
        note = {"text": text, CLOCK_STEP: step_s}
        return [self._told(Event(t_s, "note", note), newest)]

    def _refuse(self) -> None:
        if self._fault is not None:
            raise self._fault
        if self._closed:
            raise StorageFault(f"the journal in {self.folder} is closed")
        if self.backlog > MAX_BACKLOG_ROWS:
            raise StorageFault(f"the disk does not keep up: {self.backlog} readings wait")

    def _wake_now(self) -> None:
        self._now.set()
        self._something.set()

    def _run(self) -> None:
        last = False
        while not last:
            self._something.wait()
            self._now.wait(COMMIT_EVERY_S)
            # Cleared before the batch is taken: what comes later wakes the thread again.
            self._now.clear()
            self._something.clear()
            with self._lock:
                batch, self._batch = self._batch, _Batch(self._rows + 1)
                self._in_flight = len(batch.rows)
            last = batch.last
            self._settle(batch)
            self._in_flight = 0

    def _settle(self, batch: _Batch) -> None:
        if self._fault is None:
            try:
                _store(self._database, batch)
            except Exception as error:  # Whatever it was: these rows are not on the disk.
                self._fault = StorageFault(f"cannot write {self.folder / schema.FILE}: {error}")
                self._fault.__cause__ = error
                if self._on_fault is not None:
                    with contextlib.suppress(Exception):
                        self._on_fault(self._fault)
        for waiter in batch.waiters:
            if self._fault is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(self._fault)


def _store(database: sqlite3.Connection, batch: _Batch) -> None:
    """One transaction. After a failure nothing is retried: a failed fsync may have lost pages."""
    database.execute("BEGIN IMMEDIATE")
    values = schema.row_values
    database.executemany(
        schema.INSERT_READING,
        (
            (seq, unix_s, *values(row))
            for seq, (unix_s, row) in enumerate(batch.rows, batch.first_seq)
        ),
    )
    database.executemany(schema.INSERT_EVENT, batch.events)
    database.executemany(schema.INSERT_HEARD, batch.heard)
    if batch.checkpoint is not None:
        after_reading, state = batch.checkpoint
        text = state if isinstance(state, str) else state()
        database.execute(schema.KEEP_CHECKPOINT, (after_reading, text))
    database.executemany(schema.KEEP_CURSOR, list(batch.cursors.items()))
    if batch.closing is not None:
        database.execute(schema.ADD_CLOSING, batch.closing)
    database.execute("COMMIT")
