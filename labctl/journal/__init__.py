"""A run's durable record: one folder, one SQLite database, one writer, any number of readers."""

from labctl.journal.clock import Wall, host_wall, virtual_wall
from labctl.journal.errors import (
    JournalError,
    JournalInUse,
    JournalNotFound,
    NetworkShare,
    StorageFault,
)
from labctl.journal.reader import (
    Closing,
    Reader,
    RecordedEvent,
    RecordedRow,
    events,
    is_live,
    read_manifest,
    readings,
)
from labctl.journal.runs import find_run, list_runs, new_run_id
from labctl.journal.writer import Journal, create, keep_cursor, reopen

__all__ = [
    "Closing",
    "Journal",
    "JournalError",
    "JournalInUse",
    "JournalNotFound",
    "NetworkShare",
    "Reader",
    "RecordedEvent",
    "RecordedRow",
    "StorageFault",
    "Wall",
    "create",
    "events",
    "find_run",
    "host_wall",
    "is_live",
    "keep_cursor",
    "list_runs",
    "new_run_id",
    "read_manifest",
    "readings",
    "reopen",
    "virtual_wall",
]
