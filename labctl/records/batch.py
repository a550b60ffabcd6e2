"""A batch of cell records from a table: all of it is right, or nothing is written."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labctl.records.columns import meanings
from labctl.records.rows import Like, Made, RowReader
from labctl.records.table import Table, TableError, read_table
from labctl.records.text import fields_of, is_shipped
from labctl_protocols.cell_record import CellRecord

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}[A-Za-z0-9]|[A-Za-z0-9]")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of a table, and what was decided about it, in lines for people."""

    made: tuple[Made, ...]
    told: tuple[str, ...]


def read_batch(path: Path, like: Like | None) -> Batch:
    """All records of the table. Raises TableError with everything that is wrong with it."""
    table = read_table(path)
    columns = meanings(table)
    table.raise_if_wrong()
    reader = RowReader(table, columns, like)
    made = [record for row in table.rows if (record := reader.record(row)) is not None]
    _refuse_ids(table, made)
    table.raise_if_wrong()
    notes = [each.column.header for each in columns if each.is_note]
    told = [f"kept as notes: {', '.join(notes)}"] if notes else []
    return Batch(tuple(made), (*told, *reader.told))


def like_cell(name: str, record: CellRecord) -> Like:
    """What other cells are like: a record by its name in the library, or its file."""
    return Like(name if is_shipped(name) else Path(name).name, record, fields_of(record.text, name))


def _refuse_ids(table: Table, made: Sequence[Made]) -> None:
    rows = {row.number: row for row in table.rows}
    column = next((each.column for each in meanings(table) if each.name == "id"), None)
    first: dict[str, Made] = {}
    for each in made:
        twin = first.setdefault(each.id.casefold(), each)
        text = id_fault(each.id)
        if twin is not each:
            same = "" if twin.id == each.id else ", which is the same file on many computers"
            text = f"`{each.id}`: row {twin.row} has the id `{twin.id}`{same}"
        if text:
            table.at(rows[each.row], column, text)


def id_fault(text: str) -> str:
    """Why an id can name no file; empty where it can."""
    if not ID.fullmatch(text):
        return f"`{text}` can name no file (1 to 64 letters, digits, `.`, `-` and `_`)"
    return f"`{text}` is a device's name on Windows" if RESERVED.fullmatch(text) else ""


def write_all(texts: Mapping[Path, str], force: bool = False) -> None:
    """Write the files, all or none; an existing one is replaced only with `force`.

    Raises TableError naming what is there already, OSError.
    """
    there = [path for path in texts if path.exists()]
    if there and not force:
        lines = [f"{path.as_posix()} is there already (--force replaces it)" for path in there]
        raise TableError(lines)
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
