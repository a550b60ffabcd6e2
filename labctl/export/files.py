"""Files that are there whole or not at all, with names that say what is in them."""

import contextlib
import errno
import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from labctl.journal.place import sync_folder

INSTITUTION = "labctl"
SIMULATED = "SIMULATED-"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a spreadsheet knows a formula."""


def safe_text(text: str) -> str:
    """The text, defused where a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def file_stem(manifest: Mapping[str, object]) -> str:
    """`labctl__<cell>__YYYYMMDD`, by BDF's rule for names; a simulated cell says so (S9)."""
    cell = manifest["cell"]
    name = str(cell.get("id", "")) if isinstance(cell, Mapping) else ""
    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip("-.")[:64] or "cell"
    mark = SIMULATED if manifest["simulated"] else ""
    day = datetime.fromtimestamp(float(str(manifest["start_unix"])), UTC).strftime("%Y%m%d")
    return f"{INSTITUTION}__{mark}{plain}__{day}"


def target(folder: Path, manifest: Mapping[str, object], ending: str, wanted: Path | None) -> Path:
    """Where an export goes: the wanted file, or a file with a proper name in the wanted folder.

    In the run's own folder (the default) it is always number 001; elsewhere the first free one.
    """
    stem = file_stem(manifest)
    if wanted is None:
        return folder / f"{stem}_001{ending}"
    if not wanted.is_dir():
        return wanted
    number = 1
    while (path := wanted / f"{stem}_{number:03d}{ending}").exists():
        number += 1
    return path


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary file beside the path, which becomes it, durably, when the block ends well."""
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
