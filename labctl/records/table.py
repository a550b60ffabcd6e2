"""A lab's table as a spreadsheet saves it: CSV with `,`, `;` or tabs, read strictly.

The header decides the separator. A number may have a decimal comma only where the comma does not
separate, and one file has one kind of decimal sign; thousands are never grouped.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MAX_BYTES = 1 << 20
MAX_ROWS = 5_000
NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?", re.ASCII)
ERRORS = ("#N/A", "#NV", "#REF!", "#VALUE!", "#WERT!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\ufffe\uffff]")


class TableError(Exception):
    """A table of which no record can be made; each line names the row and the column."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(frozen=True, slots=True)
class Column:
    """One column: where it stands (0 is A) and its header as written."""

    index: int
    header: str

    def __str__(self) -> str:
        return f"column {letters(self.index)} (`{self.header}`)"


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row that says something: its number in the spreadsheet and the text of its cells."""

    number: int
    cells: tuple[str, ...]


@dataclass(slots=True)
class Table:
    """A table as read; `wrong` gathers what is wrong with it."""

    file: str
    header: TableRow
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    separator: str
    wrong: list[str] = field(default_factory=list)

    def at(self, row: TableRow, column: Column | None, text: str) -> None:
        """Note what is wrong in a cell, or with the whole row."""
        place = f"row {row.number}" + ("" if column is None else f", {column}")
        self.wrong.append(f"{self.file}: {place}: {text}")

    def raise_if_wrong(self) -> None:
        """Raise TableError with everything found so far; nothing if there is nothing."""
        if self.wrong:
            raise TableError(self.wrong)


def letters(index: int) -> str:
    """A column's letters in a spreadsheet: 0 is A, 26 is AA."""
    text, left = "", index + 1
    while left:
        left, rest = divmod(left - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def read_table(path: Path) -> Table:
    """The table in a file. Raises TableError, OSError."""
    file = path.as_posix()
    with path.open("rb") as source:
        data = source.read(MAX_BYTES + 1)
    text = _decoded(data, file)
    separator = _separator(text, file)
    records = _records(text, separator, file)
    if not records:
        raise TableError([f"{file}: the table is empty"])
    header = TableRow(records[0][0], tuple(records[0][1]))
    table = Table(file, header, _columns(header.cells), (), separator)
    table.rows = tuple(_rows(records[1:], table))
    _refuse_headers(table)
    if not table.rows and not table.wrong:
        table.wrong.append(f"{file}: there is no row below the header")
    _refuse_mixed_decimals(table)
    return table


def _decoded(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        raise TableError([f"{file}: larger than {MAX_BYTES} bytes"])
    if data.startswith(b"PK") or data.startswith(b"\xd0\xcf\x11\xe0"):
        raise TableError([f"{file}: a spreadsheet, not CSV (save it as `CSV UTF-8`)"])
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise TableError(
            [f"{file}: line {line}: not UTF-8 (in Excel: save as `CSV UTF-8`)"]
        ) from None


def _separator(text: str, file: str) -> str:
    """What separates the header's names: a `;` or tab where there is one, else the comma."""
    header = next((line for line in text.splitlines() if line.strip(" ,;\t")), "")
    bare = re.sub(r'"[^"]*"', "", header)
    found = [sign for sign in (";", "\t") if sign in bare]
    if len(found) == 2:
        raise TableError([f"{file}: the header has both `;` and tabs: which one separates?"])
    return found[0] if found else ","


def _records(text: str, separator: str, file: str) -> list[tuple[int, list[str]]]:
    """Rows that say something, with their numbers in the spreadsheet."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    found: list[tuple[int, list[str]]] = []
    try:
        for number, cells in enumerate(reader, 1):
            if any(cell.strip() for cell in cells):
                found.append((number, [cell.strip() for cell in cells]))
            if len(found) > MAX_ROWS + 1:
                raise TableError([f"{file}: more than {MAX_ROWS} rows"])
    except csv.Error as error:
        raise TableError([f"{file}: line {reader.line_num}: not CSV: {error}"]) from None
    return found


def _columns(header: tuple[str, ...]) -> tuple[Column, ...]:
    return tuple(Column(index, " ".join(name.split())) for index, name in enumerate(header))


def _rows(records: list[tuple[int, list[str]]], table: Table) -> Iterator[TableRow]:
    width = len(table.columns)
    for number, cells in records:
        row = TableRow(number, tuple(cells))
        if len(cells) != width:
            hint = ""
            if table.separator == "," and len(cells) > width:
                hint = " (a decimal comma in a table that commas separate?)"
            table.at(row, None, f"{len(cells)} cells, and the header has {width}{hint}")
            continue
        for column, cell in zip(table.columns, cells, strict=True):
            text = _unusable(cell)
            if text:
                table.at(row, column, text)
        yield row


def _unusable(cell: str) -> str:
    """Why a cell cannot be used, whatever its column; empty where it can."""
    if _CONTROL.search(cell):
        return "a control character"
    if cell in ERRORS:
        return f"the spreadsheet's error `{cell}`"
    if cell.startswith("=") or (cell[:1] in "+-@" and cell[1:] and not _is_quantity(cell)):
        return f"`{_short(cell)}` is a formula, not its value (or begins like one)"
    if cell in ("-", "–", "—", "?"):
        return f"`{cell}` says nothing: leave the cell empty"
    return ""


def _is_quantity(cell: str) -> bool:
    return cell[0] in "+-" and NUMBER.match(cell) is not None


def _short(cell: str) -> str:
    """The cell in a message: on one line, and not a whole page of it."""
    text = " ".join(cell.split())
    return text if len(text) <= 40 else text[:39] + "…"


def _refuse_headers(table: Table) -> None:
    seen: dict[str, Column] = {}
    row = table.header
    for column in table.columns:
        if not column.header:
            if any(each.cells[column.index] for each in table.rows):
                table.at(row, column, "cells without a header above them")
            continue
        text = _unusable(column.header)
        if text:
            table.at(row, column, text)
        key = column.header.casefold()
        if key in seen:
            table.at(row, column, f"{seen[key]} has the same header")
        seen.setdefault(key, column)


def _refuse_mixed_decimals(table: Table) -> None:
    """One file, one decimal sign: beside `1,131`, a `1.131` could mean a thousand."""
    firsts: dict[str, tuple[TableRow, Column, str]] = {}
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            number = NUMBER.match(cell)
            sign = number and next((sign for sign in ".," if sign in number[0]), None)
            if sign and number and re.fullmatch(r"\s?[^\d.,]*\d?", cell[number.end() :]):
                firsts.setdefault(sign, (row, column, cell))
    if len(firsts) == 2:
        (row, column, cell), (other, at, text) = firsts[","], firsts["."]
        table.at(
            row,
            column,
            f"`{cell}` has a decimal comma, and `{text}` (row {other.number}, {at}) a point",
        )


def number_in(cell: str, separator: str) -> float:
    """A cell's number. Raises ValueError that says what is wrong."""
    if not NUMBER.fullmatch(cell):
        raise ValueError(f"`{_short(cell)}` is no number")
    if "," in cell and separator == ",":
        raise ValueError(
            f"`{cell}`: a decimal comma, or thousands, in a table that commas separate"
        )
    return float(cell.replace(",", "."))
