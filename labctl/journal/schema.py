"""The journal's tables, and how rows and events become tuples."""

import dataclasses
from collections.abc import Mapping
from operator import attrgetter

from labctl_protocols.decisions import Row

FILE = "journal.sqlite"
VERSION = 3
"""Stands in SQLite's `user_version`; a journal of another version is refused, never guessed."""
READABLE: Mapping[int, frozenset[str]] = {2: frozenset({"temperature_K"}), VERSION: frozenset()}
"""Versions that can be read, with the columns of readings that they have not."""

MIGHT_BE_NULL = frozenset({"set_current_A", "set_voltage_V", "temperature_K"})
SQL_TYPES: dict[object, str] = {
    float: "REAL",
    float | None: "REAL",
    int: "INTEGER",
    str: "TEXT",
}

_FIELDS = dataclasses.fields(Row)
ROW_COLUMNS = tuple(field.name for field in _FIELDS)
READING_COLUMNS = ("seq", "unix_s", *ROW_COLUMNS)
EVENT_COLUMNS = ("seq", "t_s", "unix_s", "after_reading", "kind", "data")

row_values = attrgetter(*ROW_COLUMNS)
"""A row's values in the order of ROW_COLUMNS."""


def _column(field: "dataclasses.Field[object]") -> str:
    null = "" if field.name in MIGHT_BE_NULL else " NOT NULL"
    return f"{field.name} {SQL_TYPES[field.type]}{null}"


# Append by rowid alone: any other key scatters the pages and makes a commit four times dearer.
TABLES = f"""
CREATE TABLE manifest (seq INTEGER PRIMARY KEY, unix_s REAL NOT NULL, data TEXT NOT NULL);
CREATE TABLE readings (seq INTEGER PRIMARY KEY, unix_s REAL NOT NULL,
    {", ".join(_column(field) for field in _FIELDS)});
CREATE TABLE events (seq INTEGER PRIMARY KEY, t_s REAL NOT NULL, unix_s REAL NOT NULL,
    after_reading INTEGER NOT NULL, kind TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE checkpoints (id INTEGER PRIMARY KEY CHECK (id = 1), after_reading INTEGER NOT NULL,
    state TEXT NOT NULL);
CREATE TABLE cursors (follower TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE closings (seq INTEGER PRIMARY KEY, unix_s REAL NOT NULL, outcome TEXT NOT NULL,
    reason TEXT NOT NULL);
CREATE TABLE heard (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, data TEXT NOT NULL,
    crc INTEGER NOT NULL);
PRAGMA user_version = {VERSION};
"""

INSERT_READING = (
    f"INSERT INTO readings ({', '.join(READING_COLUMNS)}) "
    f"VALUES ({', '.join('?' * len(READING_COLUMNS))})"
)
INSERT_EVENT = (
    f"INSERT INTO events ({', '.join(EVENT_COLUMNS)}) "
    f"VALUES ({', '.join('?' * len(EVENT_COLUMNS))})"
)
INSERT_HEARD = "INSERT INTO heard (kind, data, crc) VALUES (?, ?, ?)"
KEEP_CHECKPOINT = "INSERT OR REPLACE INTO checkpoints VALUES (1, ?, ?)"
KEEP_CURSOR = "INSERT OR REPLACE INTO cursors VALUES (?, ?)"
ADD_MANIFEST = "INSERT INTO manifest (unix_s, data) VALUES (?, ?)"
ADD_CLOSING = "INSERT INTO closings (unix_s, outcome, reason) VALUES (?, ?, ?)"
