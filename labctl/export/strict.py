"""A strict validator of BDF files: what may be wrong in a file that still opens everywhere.

BDF's own validator asks for three columns and no more. This one refuses what has been found in
real files: sentinels and NaN, counters converted as if they were angles, milliseconds or hours
under a label that says seconds, counters and times that run backwards, signs turned round.
"""

import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from labctl.export.columns import COLUMNS, MAY_BE_EMPTY, REQUIRED, Value
from labctl.export.rules import RULES, Row, StepSigns

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
COUNTER = re.compile(r"\d+")
SENTINEL = 1e30
"""±9.9e37 and 9.91e37 are how instruments say "overflow" and "not a number"."""
MOST = 100


class Finding(NamedTuple):
    """Something wrong: in which data row (from 1; 0 is the header), in which column, and what."""

    row: int
    column: str
    text: str

    def __str__(self) -> str:
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
    before: Row | None = None
    signs = StepSigns()
    count = 0
    for count, line in enumerate(lines, 1):
        if len(line) != len(labels):
            yield Finding(count, "", f"{len(line)} fields under {len(labels)} labels")
            continue
        row, unreadable = _row(labels, line)
        yield from (Finding(count, column, text) for column, text in unreadable)
        for rule in RULES:
            yield from (Finding(count, column, text) for column, text in rule(before, row))
        yield from (Finding(*found) for found in signs.add(count, row))
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


def _row(labels: Iterable[str], line: list[object]) -> tuple[Row, list[tuple[str, str]]]:
    row: Row = {}
    wrong: list[tuple[str, str]] = []
    for label, given in zip(labels, line, strict=True):
        try:
            row[label] = _READ[COLUMNS[label]](given)
        except ValueError as error:
            wrong.append((label, str(error)))
        else:
            if row[label] is None and label not in MAY_BE_EMPTY:
                wrong.append((label, "empty"))
    return row, wrong


def _number(given: object) -> float | None:
    if given is None or given == "":
        return None
    if isinstance(given, str) and not NUMBER.fullmatch(given):
        raise ValueError(f"{given!r} is no number")
    value = float(given) if isinstance(given, str | int | float) else math.nan
    if not math.isfinite(value) or abs(value) >= SENTINEL:
        raise ValueError(f"{given} is no measurement")
    return value


def _counter(given: object) -> int | None:
    if given is None or given == "":
        return None
    if isinstance(given, int) and given >= 0:
        return given
    if isinstance(given, str) and COUNTER.fullmatch(given):
        return int(given)
    raise ValueError(f"{given} is no count")


def _text(given: object) -> str | None:
    return None if given is None or given == "" else str(given)


_READ: dict[str, Callable[[object], Value]] = {
    "number": _number,
    "counter": _counter,
    "text": _text,
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
