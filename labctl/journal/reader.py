"""Reading a journal, from any thread or process, while it is being written or afterwards."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from labctl.journal import lock, schema
from labctl.journal.errors import JournalError, JournalNotFound
from labctl.journal.heard import HeardLine

CHUNK = 5_000
"""Rows per transaction: a long one would keep the writer's WAL from being folded in."""
BUSY_S = 5.0


class RecordedRow(NamedTuple):
    """A reading as recorded: its number, the wall clock (UTC), and all of `Row`."""

    seq: int
    unix_s: float
    t_s: float
    voltage_V: float
    current_A: float
    step_count: int
    step_id: str
    step_type: str
    step_time_s: float
    cycle: int
    charging_Ah: float
    discharging_Ah: float
    charging_Wh: float
    discharging_Wh: float
    set_current_A: float | None
    set_voltage_V: float | None
    regulating: str
    current_range_A: float
    quality: str
    terminal: str
    temperature_K: float | None


class RecordedEvent(NamedTuple):
    """An event as recorded; it came after the reading numbered `after_reading` (0: before all)."""

    seq: int
    t_s: float
    unix_s: float
    after_reading: int
    kind: str
    data: dict[str, object]


class Closing(NamedTuple):
    """How a run ended."""

    unix_s: float
    outcome: str
    reason: str


class Reader:
    """A read-only view of a journal. Raises JournalNotFound and JournalError on opening."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._database = _open(folder)
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        missing = schema.READABLE[version]
        self._reading_columns = tuple(
            f"NULL AS {name}" if name in missing else name for name in schema.READING_COLUMNS
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def manifest(self) -> dict[str, object]:
        """What the run was created with."""
        rows = self._ask("SELECT data FROM manifest")
        manifest: dict[str, object] = json.loads(str(rows[0][0])) if rows else {}
        return manifest

    def readings(self, after_seq: int = 0, limit: int | None = None) -> Iterator[RecordedRow]:
        """Readings in order, those after the given number, in chunks of short transactions."""
        for values in self._chunks("readings", self._reading_columns, after_seq, limit):
            yield RecordedRow._make(values)

    def events(self, after_seq: int = 0, limit: int | None = None) -> Iterator[RecordedEvent]:
        """Events in order, those after the given number."""
        for values in self._chunks("events", schema.EVENT_COLUMNS, after_seq, limit):
            seq, t_s, unix_s, after_reading, kind, data = values
            yield RecordedEvent(seq, t_s, unix_s, after_reading, kind, json.loads(data))

    def newest_events(self, *kinds: str, limit: int) -> list[RecordedEvent]:
        """The newest events of these kinds, the newest first."""
        rows = self._ask(
            f"SELECT {', '.join(schema.EVENT_COLUMNS)} FROM events "
            f"WHERE kind IN ({', '.join('?' * len(kinds))}) ORDER BY seq DESC LIMIT ?",
            *kinds,
            limit,
        )
        return [RecordedEvent._make((*values[:-1], json.loads(values[-1]))) for values in rows]

    def heard(self) -> Iterator[tuple[int, HeardLine]]:
        """What the engine heard, numbered in order; nothing where the run did not keep it."""
        for seq, *line in self._chunks("heard", ("seq", *HeardLine._fields), 0, None):
            yield seq, HeardLine._make(line)

    def counts(self) -> tuple[int, int]:
        """The numbers of the newest reading and the newest event; 0 where there is none."""
        rows = self._ask(
            "SELECT (SELECT coalesce(max(seq), 0) FROM readings), "
            "(SELECT coalesce(max(seq), 0) FROM events)"
        )
        return rows[0][0], rows[0][1]

    def checkpoint(self) -> tuple[int, str] | None:
        """The newest engine state, and the number of the reading after which it held."""
        rows = self._ask("SELECT after_reading, state FROM checkpoints")
        return (rows[0][0], rows[0][1]) if rows else None

    def cursor(self, follower: str) -> str | None:
        """A follower's place."""
        rows = self._ask("SELECT value FROM cursors WHERE follower = ?", follower)
        return rows[0][0] if rows else None

    def closing(self) -> Closing | None:
        """How the run ended; None while it goes on, and for a run whose program died."""
        rows = self._ask("SELECT unix_s, outcome, reason FROM closings ORDER BY seq DESC LIMIT 1")
        return Closing._make(rows[0]) if rows else None

    def net_charge_by_step(self) -> dict[int, float]:
        """Net charge (Ah) between each step's first and last recorded reading."""
        rows = self._ask(
            "SELECT step_count, max(charging_Ah) - min(charging_Ah)"
            " - max(discharging_Ah) + min(discharging_Ah) FROM readings GROUP BY step_count"
        )
        return dict(rows)

    def check(self) -> list[str]:
        """What SQLite's own integrity check finds wrong; empty when nothing is."""
        found = [str(row[0]) for row in self._ask("PRAGMA integrity_check")]
        return [] if found == ["ok"] else found

    def _chunks(
        self, table: str, columns: tuple[str, ...], after_seq: int, limit: int | None
    ) -> Iterator[tuple[Any, ...]]:
        left = limit
        query = f"SELECT {', '.join(columns)} FROM {table} WHERE seq > ? ORDER BY seq LIMIT ?"
        while left is None or left > 0:
            size = CHUNK if left is None else min(CHUNK, left)
            rows = self._ask(query, after_seq, size)
            yield from rows
            if len(rows) < size:
                return
            after_seq = rows[-1][0]
            left = None if left is None else left - len(rows)

    def _ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise JournalError(f"cannot read the journal in {self.folder}: {error}") from error


def _open(folder: Path) -> sqlite3.Connection:
    path = folder / schema.FILE
    if not path.is_file():
        raise JournalNotFound(f"there is no journal in {folder}")
    address = path.absolute().as_uri()
    # A finished run on a read-only disk has no WAL, and SQLite could not make one.
    for mode in ("mode=ro", "immutable=1"):
        database = sqlite3.connect(
            f"{address}?{mode}", uri=True, timeout=BUSY_S, check_same_thread=False
        )
        try:
            version = database.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            database.close()
            failure = error
            if path.with_name(path.name + "-wal").exists():
                break
            continue
        if version not in schema.READABLE:
            database.close()
            raise JournalError(f"the journal in {folder} is of version {version}")
        return database
    raise JournalError(f"cannot read the journal in {folder}: {failure}")


def read_manifest(folder: Path) -> dict[str, object]:
    """A run's manifest."""
    with Reader(folder) as reader:
        return reader.manifest()


def readings(folder: Path, after_seq: int = 0, limit: int | None = None) -> Iterator[RecordedRow]:
    """A run's readings in order."""
    with Reader(folder) as reader:
        yield from reader.readings(after_seq, limit)


def events(folder: Path, after_seq: int = 0, limit: int | None = None) -> Iterator[RecordedEvent]:
    """A run's events in order."""
    with Reader(folder) as reader:
        yield from reader.events(after_seq, limit)


def is_live(folder: Path) -> bool:
    """Whether some process is writing this journal now."""
    return lock.is_taken(folder)
