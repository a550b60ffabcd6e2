"""BDF files, CSV and Parquet, into recordings; strictly, for a file's writer is a stranger.

Preferred labels and machine names of the Battery Data Format (ontology 1.3.0); columns that no
figure needs are let be. A required column must be whole. An optional one that is not whole is left
out, and a note says so.
"""

import csv
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from labctl.figures.recording import Column, Recording, RecordingError

TIME, VOLTAGE, CURRENT = "Test Time / s", "Voltage / V", "Current / A"
STEP_TIME, UNIX_TIME, SIMULATED = "Step Time / s", "Unix Time / s", "Simulated / 1"
CHARGING, DISCHARGING = "Charging Capacity / Ah", "Discharging Capacity / Ah"
STEP_COUNT, STEP_ID = "Step Count / 1", "Step ID"
REQUIRED = (TIME, VOLTAGE, CURRENT)
MACHINE_NAMES = {
    TIME: "test_time_second",
    VOLTAGE: "voltage_volt",
    CURRENT: "current_ampere",
    STEP_TIME: "step_time_second",
    UNIX_TIME: "unix_time_second",
    CHARGING: "charging_capacity_ah",
    DISCHARGING: "discharging_capacity_ah",
    SIMULATED: "simulated",
    STEP_COUNT: "step_count",
    STEP_ID: "step_id",
}
ENDINGS = (".csv", ".bdf", ".parquet")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+([eE][+-]?[0-9]+)?")
SENTINEL = 1e30
"""±9.9e37 and 9.91e37 are how instruments say "overflow" and "not a number"."""
EARLIEST_UNIX, LATEST_UNIX = 946_684_800.0, 4_102_444_800.0
"""The years 2000 to 2100: a wall clock outside is no witness."""
WRONG_SCALES = {3600.0: "hours", 60.0: "minutes", 1e-3: "milliseconds"}


class Line(NamedTuple):
    """A row of the file, with the number that an editor (CSV) or a viewer (Parquet) shows."""

    number: int
    cells: Sequence[object]


def is_recording(name: str) -> bool:
    """Whether a name is one of a file of readings, by its ending."""
    return name.lower().endswith(ENDINGS)


def read_recording(path: Path) -> Recording:
    """The recording in a BDF file. Raises RecordingError, OSError."""
    read = _parquet if path.suffix.lower() == ".parquet" else _csv
    with _told_as_ours(path):
        lines = read(path)
        head = next(lines, None)
        if head is None:
            raise RecordingError(f"{path}:1: the file is empty")
        places = _places(path, head)
        columns, spoilt = _columns(path, len(head.cells), places, lines)
    return _checked(path, columns, spoilt)


@contextmanager
def _told_as_ours(path: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise RecordingError(f"{path}: not a text file in UTF-8 (byte {error.start})") from error


def _csv(path: Path) -> Iterator[Line]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            for cells in reader:
                yield Line(reader.line_num, cells)
        except csv.Error as error:
            raise RecordingError(f"{path}:{reader.line_num}: {error}") from error


def _parquet(path: Path) -> Iterator[Line]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            yield Line(0, list(file.schema_arrow.names))
            for batch in file.iter_batches():
                for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    yield Line(number, cells)
    except pa.ArrowException as error:
        text = " ".join(str(error).split())
        raise RecordingError(f"{path}:{number}: not a Parquet file that can be read: {text}") from (
            error
        )


def _places(path: Path, head: Line) -> Mapping[str, int]:
    """In which column each label stands."""
    labels = [str(cell).strip() for cell in head.cells]
    where = f"{path}:{head.number}"
    places: dict[str, int] = {}
    for label, machine_name in MACHINE_NAMES.items():
        found = [n for n, text in enumerate(labels) if text in (label, machine_name)]
        if len(found) > 1:
            raise RecordingError(f"{where}: {label} stands in {len(found)} columns")
        if found:
            places[label] = found[0]
        elif label in REQUIRED:
            raise RecordingError(f"{where}: {_missing(label, labels)}")
    return places


def _missing(label: str, labels: Sequence[str]) -> str:
    name = label.split(" / ", maxsplit=1)[0]
    for text in labels:
        if ";" in text or "\t" in text:
            return f"the column {label} is missing: BDF separates columns by commas"
        if text.split(" / ", maxsplit=1)[0] == name:
            return f"the column {label} is missing; {text!r} is not in BDF's unit"
    return f"the column {label} ({MACHINE_NAMES[label]}) is missing"


def _columns(
    path: Path, width: int, places: Mapping[str, int], lines: Iterable[Line]
) -> tuple[dict[str, "array[float]"], dict[str, str]]:
    """The columns, and of those that are not whole the first fault."""
    columns: dict[str, array[float]] = {label: array("d") for label in places}
    spoilt: dict[str, str] = {}
    lines_met: dict[str, float] = {}
    latest_s = -SENTINEL
    for number, cells in lines:
        if len(cells) != width:
            raise RecordingError(f"{path}:{number}: {len(cells)} fields under {width} labels")
        for label, place in places.items():
            cell = cells[place]
            if label == STEP_ID:
                # a text; all that matters is where it changes
                cell = lines_met.setdefault(str(cell), float(len(lines_met)))
            value, fault = _number(cell)
            if fault and label in REQUIRED:
                raise RecordingError(f"{path}:{number}: {label}: {fault}")
            if fault:
                spoilt.setdefault(label, f"row {number} {fault}")
            columns[label].append(value)
        if columns[TIME][-1] < latest_s:
            back_s = latest_s - columns[TIME][-1]
            raise RecordingError(f"{path}:{number}: {TIME}: runs backwards by {back_s:.6g} s")
        latest_s = columns[TIME][-1]
    return columns, spoilt


def _number(cell: object) -> tuple[float, str]:
    """A cell's value, or why it has none."""
    if isinstance(cell, str):
        if not NUMBER.fullmatch(cell):
            return 0.0, _no_number(cell)
        value = float(cell)
    elif isinstance(cell, bool) or not isinstance(cell, int | float):
        return 0.0, "is empty" if cell is None else f"is no number but {cell!r:.40}"
    else:
        value = float(cell)
    if not -SENTINEL < value < SENTINEL:
        return 0.0, f"is no measurement: {cell!s:.40}"
    return value, ""


def _no_number(cell: str) -> str:
    if not cell.strip():
        return "is empty"
    if DECIMAL_COMMA.fullmatch(cell):
        return f"is no number: {cell!r} has a decimal comma"
    return f"is no number: {cell!r:.40}"


def _checked(
    path: Path, columns: Mapping[str, "array[float]"], spoilt: Mapping[str, str]
) -> Recording:
    time_s = columns[TIME]
    if len(time_s) < 2:
        raise RecordingError(f"{path}: {len(time_s)} readings are no recording")
    usable = {label: column for label, column in columns.items() if label not in spoilt}
    _check_scale(path, time_s, usable.get(UNIX_TIME))
    notes = [f"{label} is not used: {fault}" for label, fault in spoilt.items()]
    notes += _without_resets(usable)
    return Recording(
        test_time_s=time_s,
        voltage_V=columns[VOLTAGE],
        current_A=columns[CURRENT],
        step_time_s=usable.get(STEP_TIME),
        charging_Ah=usable.get(CHARGING),
        discharging_Ah=usable.get(DISCHARGING),
        step_count=usable.get(STEP_COUNT, usable.get(STEP_ID)),
        simulated=any(usable.get(SIMULATED, ())),
        notes=tuple(notes),
    )


def _check_scale(path: Path, time_s: Column, unix_s: Column | None) -> None:
    """Hours or milliseconds under a label that says seconds; the wall clock tells."""
    span_s = time_s[-1] - time_s[0]
    if unix_s is None or span_s <= 0:
        return
    if not EARLIEST_UNIX <= unix_s[0] <= unix_s[-1] <= LATEST_UNIX:
        return
    for scale, unit in WRONG_SCALES.items():
        if abs((unix_s[-1] - unix_s[0]) / span_s / scale - 1) < 0.05:
            raise RecordingError(f"{path}: {TIME} seems to be in {unit}: the wall clock disagrees")


def _without_resets(usable: dict[str, "array[float]"]) -> Iterator[str]:
    """Take out counters that go back: BDF's never reset, so these count something else."""
    for label in (CHARGING, DISCHARGING):
        values = usable.get(label, array("d"))
        falls = (k for k in range(1, len(values)) if values[k] < values[k - 1])
        at = next(falls, None)
        if at is not None:
            del usable[label]
            yield f"{label} is not used: it goes back at reading {at + 1}"
