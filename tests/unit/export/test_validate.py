"""Each fault that real BDF files carry is refused, by the row and column where it is."""

import csv
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import journals

from labctl import export
from labctl.export import rules, strict

Table = list[dict[str, str]]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = journals.finished(tmp_path_factory.mktemp("data") / "run", cycles=2)
    return export.export_bdf_csv(run).path


def read(path: Path) -> Table:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, table: Table) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return path


def put(column: str, row: int, value: str) -> Callable[[Table], None]:
    def change(table: Table) -> None:
        table[row - 1][column] = value

    return change


def scale(column: str, factor: float) -> Callable[[Table], None]:
    def change(table: Table) -> None:
        for line in table:
            line[column] = repr(float(line[column]) * factor)

    return change


def shift(column: str, row: int, by: float) -> Callable[[Table], None]:
    def change(table: Table) -> None:
        for line in table[row - 1 :]:
            number = float(line[column]) + by
            line[column] = str(int(number)) if column.endswith("/ 1") else repr(number)

    return change


def rename(column: str, to: str) -> Callable[[Table], None]:
    def change(table: Table) -> None:
        table[:] = [{to if k == column else k: v for k, v in line.items()} for line in table]

    return change


def two_pi(table: Table) -> None:
    for line in table:
        line["Cycle Count / 1"] = "6.283185"


def swapped_counters(table: Table) -> None:
    one, other = "Charging Capacity / Ah", "Discharging Capacity / Ah"
    for line in table:
        line[one], line[other] = line[other], line[one]


FAULTS = {
    "not a number": (put("Voltage / V", 7, "nan"), 7, "Voltage / V"),
    "infinite": (put("Current / A", 7, "-inf"), 7, "Current / A"),
    "overflow sentinel": (put("Voltage / V", 7, "9.9e37"), 7, "Voltage / V"),
    "not-a-number sentinel": (put("Current / A", 7, "9.91E+37"), 7, "Current / A"),
    "empty measurement": (put("Voltage / V", 7, ""), 7, "Voltage / V"),
    "a decimal comma": (put("Voltage / V", 7, "1,5"), 7, "Voltage / V"),
    "python's underscore": (put("Voltage / V", 7, "1_0"), 7, "Voltage / V"),
    "overload text": (put("Voltage / V", 7, "OVLD"), 7, "Voltage / V"),
    "cycles as angles": (two_pi, 1, "Cycle Count / 1"),
    "cycles backwards": (put("Cycle Count / 1", 50, "1"), 50, "Cycle Count / 1"),
    "steps backwards": (put("Step Count / 1", 50, "2"), 50, "Step Count / 1"),
    "a step missing": (shift("Step Count / 1", 41, 1), 41, "Step Count / 1"),
    "a record missing": (shift("Record Index / 1", 30, 1), 30, "Record Index / 1"),
    "time backwards": (put("Test Time / s", 30, "0.5"), 30, "Test Time / s"),
    "unix time in milliseconds": (scale("Unix Time / s", 1e3), 1, "Unix Time / s"),
    "test time in hours": (scale("Test Time / s", 1 / 3600), 2, "Unix Time / s"),
    "an undeclared clock step": (shift("Unix Time / s", 30, 3600.0), 30, "Unix Time / s"),
    "negative capacity": (shift("Charging Capacity / Ah", 1, -1.0), 1, "Charging Capacity / Ah"),
    "capacity reset": (put("Charging Capacity / Ah", 75, "0.0"), 75, "Charging Capacity / Ah"),
    "energy reset": (put("Charging Energy / Wh", 75, "0.0"), 75, "Charging Energy / Wh"),
    "plus discharges": (scale("Current / A", -1.0), 1, "Current / A"),
    "counters swapped": (swapped_counters, 20, "Charging Capacity / Ah"),
    "step time unlike test time": (put("Step Time / s", 30, "3.0"), 30, "Step Time / s"),
    "step time before the step": (shift("Step Time / s", 1, -500.0), 1, "Step Time / s"),
    "milliampere": (rename("Current / A", "Current / mA"), 0, "Current / mA"),
    "machine names": (rename("Voltage / V", "voltage_volt"), 0, "voltage_volt"),
    "minutes": (rename("Test Time / s", "Test Time / min"), 0, "Test Time / min"),
    "unknown step type": (put("Step Type", 7, "Rest"), 7, "Step Type"),
    "unknown quality": (put("Quality", 7, "fine"), 7, "Quality"),
    "compliance of two": (put("Compliance / 1", 7, "2"), 7, "Compliance / 1"),
    "half simulated": (put("Simulated / 1", 7, "0"), 7, "Simulated / 1"),
}


def test_a_good_file_has_no_findings(good: Path) -> None:
    assert export.validate(good) == []


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_refused_where_it_is(good: Path, tmp_path: Path, name: str) -> None:
    change, row, column = FAULTS[name]
    table = read(good)
    change(table)
    findings = export.validate(write(tmp_path / "bad.bdf.csv", table))
    assert (row, column) in [(found.row, found.column) for found in findings], findings


RULE_OF = {
    "time_runs_forward": {"time backwards"},
    "unix_time_is_seconds": {"unix time in milliseconds"},
    "clocks_agree": {"test time in hours", "an undeclared clock step"},
    "step_counts_up": {"steps backwards", "a step missing"},
    "cycles_count_up": {"cycles backwards"},
    "records_count_up": {"a record missing"},
    "step_time_fits": {"step time unlike test time", "step time before the step"},
    "capacities_grow": {"negative capacity", "capacity reset"},
    "energies_grow": {"energy reset"},
    "words_are_known": {"unknown step type", "unknown quality"},
    "flags_are_flags": {"compliance of two", "half simulated"},
}


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_each_rule_is_needed(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: rules.Rule
) -> None:
    """With a rule switched off, exactly its own faults are no longer found where they are."""
    monkeypatch.setattr(strict, "RULES", tuple(each for each in rules.RULES if each != rule))
    missed = set()
    for name, (change, row, column) in FAULTS.items():
        table = read(good)
        change(table)
        findings = export.validate(write(tmp_path / "bad.bdf.csv", table))
        if (row, column) not in [(found.row, found.column) for found in findings]:
            missed.add(name)
    assert missed == RULE_OF[rule.__name__]


def test_what_the_file_declares_is_no_fault(good: Path, tmp_path: Path) -> None:
    table = read(good)
    shift("Unix Time / s", 30, 3600.0)(table)
    put("Quality", 30, "clock_step")(table)
    shift("Step Count / 1", 41, 2)(table)
    put("Quality", 41, "recovered+skipped")(table)
    assert export.validate(write(tmp_path / "odd.bdf.csv", table)) == []


def test_parquet_with_counters_as_floats_is_refused(good: Path, tmp_path: Path) -> None:
    run = good.parent
    table = pq.read_table(export.export_bdf_parquet(run).path)
    place = table.column_names.index("Cycle Count / 1")
    floats = table["Cycle Count / 1"].cast(pa.float64())
    path = tmp_path / "bad.bdf.parquet"
    pq.write_table(table.set_column(place, "Cycle Count / 1", floats), path)
    assert export.validate(path)[0].column == "Cycle Count / 1"


def test_a_torn_last_line_and_an_empty_file_are_refused(good: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.bdf.csv"
    torn.write_text(good.read_text()[:-40])
    assert export.validate(torn)[-1].row == 80
    empty = tmp_path / "empty.bdf.csv"
    empty.write_text("")
    assert [found.column for found in export.validate(empty)][:3] == list(strict.REQUIRED)
    bare = tmp_path / "bare.bdf.csv"
    bare.write_text(good.read_text().split("\n", 1)[0] + "\n")
    assert export.validate(bare) == [export.Finding(0, "", "there are no readings")]
