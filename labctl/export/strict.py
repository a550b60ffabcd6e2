"""A strict validator of BDF files: what may be wrong in a file that still opens everywhere.

BDF's own validator asks for three columns and no more. This one refuses what has been found in
real files: sentinels and NaN, counters converted as if they were angles, milliseconds or hours
under a label that says seconds, counters and times that run backwards, signs turned round.
"""

import csv
import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from labctl.export.columns import COLUMNS, MAY_BE_EMPTY, REQUIRED, Value
from labctl.export.rules import RULES, Row, StepSigns

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
PLAIN = re.compile(r"[0-9.eE+-]*")
COUNTER = re.compile(r"\d+")
SENTINEL = 1e30
"""±9.9e37 and 9.91e37 are how instruments say "overflow" and "not a number"."""
MOST = 100
CHUNK = 1_000


class Finding(NamedTuple):
    """Something wrong: in which data row (from 1; 0 is the header), in which column, and what."""

    row: int
    column: str
    text: str

    def __str__(self) -> str:
        if not self.row and not self.column:
            return self.text
        return f"row {self.row}, {self.column}: {self.text}"


def validate(path: Path, most: int = MOST) -> list[Finding]:
    """The first findings in a BDF file, CSV or Parquet; none when it holds. Raises OSError."""
    read = _parquet if path.suffix == ".parquet" else _csv
    return list(islice(_findings(read(path)), most))


def _findings(lines: Iterator[list[object]]) -> Iterator[Finding]:
    labels = [str(label) for label in next(lines, [])]
    wrong = list(_header(labels))
    yield from wrong
    if wrong:
        return
    before: Row = {}
    signs = StepSigns()
    count = 0
    while chunk := list(islice(lines, CHUNK)):
        for row, unreadable in _rows(labels, chunk):
            count += 1
            yield from (Finding(count, column, text) for column, text in unreadable)
            for rule in RULES:
                for column, text in rule(before, row):
                    yield Finding(count, column, text)
            for found in signs.add(count, row):
                yield Finding(*found)
            before = row
    yield from (Finding(*found) for found in signs.end())
    if count == 0:
        yield Finding(0, "", "there are no readings")


def _header(labels: list[str]) -> Iterator[Finding]:
    for label in REQUIRED:
        if label not in labels:
            yield Finding(0, label, "this column is required")
    for label in labels:
        if label not in COLUMNS:
            yield Finding(0, label, "not a label of BDF (preferred labels, fixed units) or labctl")
        elif labels.count(label) > 1:
            yield Finding(0, label, "this label stands twice")


def _rows(
    labels: list[str], chunk: list[list[object]]
) -> Iterator[tuple[Row, list[tuple[str, str]]]]:
    """Each line's values by label, and what in it could not be read: column and why."""
    width = len(labels)
    whole = [line if len(line) == width else [""] * width for line in chunk]
    wrong: dict[int, list[tuple[str, str]]] = {}
    columns = []
    for label, cells in zip(labels, zip(*whole, strict=True), strict=True):
        values, errors = _READ[COLUMNS[label]](cells)
        columns.append(values)
        for place, text in errors:
            wrong.setdefault(place, []).append((label, text))
        if label not in MAY_BE_EMPTY and None in values:
            empty = [n for n, cell in enumerate(cells) if cell is None or cell == ""]
            for place in empty:
                wrong.setdefault(place, []).append((label, "empty"))
    for place, values_of_line in enumerate(zip(*columns, strict=True)):
        if len(chunk[place]) == width:
            yield dict(zip(labels, values_of_line, strict=True)), wrong.get(place, [])
        else:
            yield {}, [("", f"{len(chunk[place])} fields under {width} labels")]


Read = tuple[list[Value], list[tuple[int, str]]]


def _each_once(cells: Sequence[object], read: Callable[[object], Value]) -> Read:
    known: dict[object, Value] = {}
    refused: dict[object, str] = {}
    for cell in set(cells):
        known[cell] = None
        if cell is not None and cell != "":
            try:
                known[cell] = read(cell)
            except ValueError as error:
                refused[cell] = str(error)
    errors = [(n, refused[cell]) for n, cell in enumerate(cells) if cell in refused]
    return [known[cell] for cell in cells], errors


def _numbers(cells: Sequence[object]) -> Read:
    try:
        # Nearly every column is without a fault, and read at a stroke.
        if PLAIN.fullmatch("".join(cells)):  # type: ignore[arg-type]  # else TypeError
            values: list[Value] = list(map(float, cells))  # type: ignore[arg-type]
            if all(-SENTINEL < value < SENTINEL for value in values):  # type: ignore[operator]
                return values, []
    except (TypeError, ValueError):
        pass
    return _each_once(cells, _number)


def _number(given: object) -> float:
    if isinstance(given, str) and not NUMBER.fullmatch(given):
        raise ValueError(f"{given!r} is no number")
    value = float(given) if isinstance(given, str | int | float) else math.nan
    if not -SENTINEL < value < SENTINEL:
        raise ValueError(f"{given} is no measurement")
    return value


def _counters(cells: Sequence[object]) -> Read:
    return _each_once(cells, _counter)


def _counter(given: object) -> int:
    if isinstance(given, int) and given >= 0:
        return given
    if isinstance(given, str) and COUNTER.fullmatch(given):
        return int(given)
    raise ValueError(f"{given} is no count")


def _texts(cells: Sequence[object]) -> Read:
    return [None if cell is None or cell == "" else str(cell) for cell in cells], []


_READ: dict[str, Callable[[Sequence[object]], Read]] = {
    "number": _numbers,
    "counter": _counters,
    "text": _texts,
}


def _csv(path: Path) -> Iterator[list[object]]:
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.reader(file):
            yield list(line)


def _parquet(path: Path) -> Iterator[list[object]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        yield list(file.schema_arrow.names)
        for batch in file.iter_batches():
            columns = [column.to_pylist() for column in batch.columns]
            yield from (list(values) for values in zip(*columns, strict=True))
