"""One writer per journal: a lock that the operating system drops when its holder dies."""

import sys
from pathlib import Path
from typing import BinaryIO

from labctl.journal.errors import JournalInUse

LOCK = "journal.lock"


def take(folder: Path) -> BinaryIO:
    """Lock the folder for writing until the answer is closed. Raises JournalInUse."""
    try:
        return locked(folder / LOCK)
    except BlockingIOError:
        raise JournalInUse(f"another process is writing the journal in {folder}") from None


def is_taken(folder: Path) -> bool:
    """Whether some process is writing the journal now; false for a run that ended or died."""
    if not (folder / LOCK).exists():
        return False
    try:
        take(folder).close()
    except JournalInUse:
        return True
    return False


def locked(path: Path) -> BinaryIO:
    """The file, locked until it is closed. Raises BlockingIOError while somebody else has it."""
    file = path.open("ab")
    try:
        _lock(file)
    except OSError:
        file.close()
        raise BlockingIOError(f"{path} is locked") from None
    return file


def _lock(file: BinaryIO) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
