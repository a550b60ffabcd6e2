"""Names of runs, and how to find a run by one."""

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

from labctl.journal.errors import JournalNotFound
from labctl.journal.schema import FILE

SHOWN = 8


def new_run_id(protocol: str, unix_s: float) -> str:
    """A sortable name: UTC date and time, the protocol, four random digits."""
    stamp = datetime.fromtimestamp(unix_s, UTC).strftime("%Y%m%d-%H%M%S")
    words = re.sub(r"[^a-z0-9]+", "-", protocol.lower()).strip("-")[:48] or "run"
    return f"{stamp}-{words}-{secrets.token_hex(2)}"


def list_runs(data: Path) -> list[Path]:
    """The folders of all runs under the data folder, oldest first."""
    if not data.is_dir():
        return []
    return sorted(each.parent for each in data.glob(f"*/{FILE}"))


def find_run(data: Path, text: str) -> Path:
    """The folder of a run, by its id, an unambiguous beginning of it, or the folder itself.

    Raises JournalNotFound, which lists the candidates.
    """
    if text and (Path(text) / FILE).is_file():
        return Path(text)
    runs = list_runs(data)
    exact = [run for run in runs if run.name == text]
    found = exact or [run for run in runs if text and run.name.startswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        raise JournalNotFound(f"{text!r} could be any of {_names(found)}")
    if runs:
        raise JournalNotFound(f"no run {text!r} in {data}; there are {_names(runs[::-1])}")
    raise JournalNotFound(f"no run {text!r}: there are no runs in {data}")


def _names(runs: list[Path]) -> str:
    more = f" and {len(runs) - SHOWN} more" if len(runs) > SHOWN else ""
    return ", ".join(run.name for run in runs[:SHOWN]) + more
