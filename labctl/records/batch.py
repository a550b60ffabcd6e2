"""A batch of cell records from a table: all of it is right, or nothing is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labctl.records.columns import meanings
from labctl.records.files import id_fault
from labctl.records.rows import Like, Made, RowReader
from labctl.records.table import Table, read_table
from labctl.records.text import fields_of, is_shipped
from labctl_protocols.cell_record import CellRecord


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
