"""What can go wrong with a journal."""


class JournalError(Exception):
    """Root of all errors of journals."""


class StorageFault(JournalError):
    """Something could not be made durable: disk full, I/O error, a failed fsync. Final."""


class NetworkShare(StorageFault):
    """The folder is on a network share, where SQLite's WAL loses data."""


class JournalInUse(StorageFault):
    """Another process is writing this journal."""


class JournalNotFound(JournalError):
    """No run, or more than one, answers to that name."""
