"""Records as files: ids that can name one, and writing all of them or none."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}[A-Za-z0-9]|[A-Za-z0-9]")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices."""


class RecordsThere(Exception):
    """Files that would be written over; a line for each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def id_fault(text: str) -> str:
    """Why an id can name no file; empty where it can."""
    if not ID.fullmatch(text):
        return f"`{text}` can name no file (1 to 64 letters, digits, `.`, `-` and `_`)"
    return f"`{text}` is a device's name on Windows" if RESERVED.fullmatch(text) else ""


def write_all(texts: Mapping[Path, str], force: bool = False) -> None:
    """Write the files, all or none; an existing one is replaced only with `force`.

    Raises RecordsThere naming what is there already, OSError.
    """
    there = [path for path in texts if path.exists()]
    if there and not force:
        lines = [f"{path.as_posix()} is there already" for path in there]
        raise RecordsThere(lines)
    waiting: list[tuple[Path, Path]] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            waiting.append((temporary, path))
            temporary.write_text(text, encoding="utf-8", newline="\n")
        for temporary, path in waiting:
            os.replace(temporary, path)
    finally:
        for temporary, _ in waiting:
            temporary.unlink(missing_ok=True)
