"""Exports say what was recorded, exactly, whole or not at all, and whether it was simulated."""

import csv
import json
import math
import warnings
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers import journals

from labctl import export, journal
from labctl.export import files
from labctl.export.files import written_whole
from labctl_protocols.decisions import Event


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return journals.finished(tmp_path_factory.mktemp("data") / "run", cycles=3)


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_csv_holds_every_digit_that_was_recorded(run: Path) -> None:
    path = export.export_bdf_csv(run).path
    table = lines(path)
    recorded = [row for rows, _ in journals.units(3) for row in rows]
    assert len(table) == len(recorded) == 120
    for number, (line, row) in enumerate(zip(table, recorded, strict=True), 1):
        assert float(line["Test Time / s"]) == row.t_s
        assert float(line["Voltage / V"]) == row.voltage_V
        assert float(line["Current / A"]) == row.current_A
        assert float(line["Unix Time / s"]) == journals.START_UNIX + row.t_s
        assert float(line["Charging Capacity / Ah"]) == row.charging_Ah
        assert float(line["Discharging Capacity / Ah"]) == row.discharging_Ah
        assert line["Record Index / 1"] == str(number)
        assert line["Step Count / 1"] == str(row.step_count)
        assert line["Step Type"] == ("CC_DCH" if row.step_type == "plate" else "CC_CHG")
        assert (line["Set Voltage / V"], line["Compliance / 1"]) == ("", "0")


def test_parquet_holds_the_same_with_integers_as_integers(run: Path) -> None:
    table = pq.read_table(export.export_bdf_parquet(run).path)
    text = lines(export.export_bdf_csv(run).path)
    for name in table.column_names:
        values = ["" if value is None else str(value) for value in table[name].to_pylist()]
        assert values == [line[name] for line in text], name
    counters = ("Cycle Count / 1", "Step Count / 1", "Record Index / 1", "Simulated / 1")
    assert {str(table.schema.field(name).type) for name in counters} == {"int64"}
    metadata = table.schema.metadata
    assert metadata[b"labctl.simulated"] == b"true"
    assert json.loads(metadata[b"labctl.manifest"]) == journals.manifest("run")


def test_names_follow_bdf_and_a_simulated_run_is_unmistakable(tmp_path: Path) -> None:
    simulated = journals.finished(tmp_path / "sim", cycles=1)
    real = journals.finished(tmp_path / "real", cycles=1, simulated=False)
    for folder, mark, word in ((simulated, "SIMULATED-", "1"), (real, "", "0")):
        path = export.export_bdf_csv(folder).path
        assert path == folder / f"labctl__{mark}NaCu-017__20261118_001.bdf.csv"
        assert {line["Simulated / 1"] for line in lines(path)} == {word}
    plain = lines(export.export_csv(simulated)) + lines(export.export_cycles_csv(simulated))
    assert {line["simulated"] for line in plain} == {"SIMULATED"}
    assert {line["simulated"] for line in lines(export.export_csv(real))} == {"no"}


def test_another_folder_gets_the_next_free_number(run: Path, tmp_path: Path) -> None:
    names = [export.export_bdf_csv(run, tmp_path).path.name[-12:] for _ in range(3)]
    assert names == ["_001.bdf.csv", "_002.bdf.csv", "_003.bdf.csv"]
    assert export.export_bdf_csv(run).path == export.export_bdf_csv(run).path


def test_a_failed_export_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("before")

    def fail() -> None:
        with files.written_whole(path) as temporary:
            temporary.write_text("half of it")
            raise OSError("disk full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("cell", ["../../etc/x", "a/b", "=1+2", "  ", "Zelle ß", "x" * 300])
def test_a_cell_name_cannot_leave_the_folder(cell: str) -> None:
    described = journals.manifest() | {"cell": {"id": cell}}
    stem = files.file_stem(described)
    assert Path(stem).name == stem
    assert len(stem) < 120
    assert stem.split("__")[0] == "labctl"


def test_every_export_passes_bdfs_validator_and_ours(run: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what pandas and pint say while bdf is imported
        import bdf
        import pandas
    for exported in (export.export_bdf_csv(run), export.export_bdf_parquet(run)):
        assert exported.findings == []
        read = pandas.read_csv if exported.path.suffix == ".csv" else pandas.read_parquet
        report = bdf.validate(read(exported.path), report=False, raise_on_error=True)
        assert report["ok"]
        assert report["legacy_labels"] == []
        assert report["time_stats"]["monotonic"]


def test_plain_table_is_in_milliampere_hours_and_per_area(run: Path) -> None:
    table = lines(export.export_csv(run))
    plated_mAh = 19 * 10.0 / 3600.0
    ends = [line for line in table if float(line["step_time_s"]) == 190.0]
    assert len(ends) == 6
    for line in ends:
        assert float(line["step_capacity_mAh"]) == pytest.approx(plated_mAh, rel=1e-12)
        areal = float(line["step_capacity_mAh_cm2"])
        assert areal == pytest.approx(plated_mAh / 1.131, rel=1e-12)
        assert abs(float(line["current_mA_cm2"])) == pytest.approx(1.0 / 1.131, rel=1e-12)
    assert float(table[-1]["discharged_mAh"]) == pytest.approx(3 * plated_mAh, rel=1e-12)


def test_without_an_area_the_areal_columns_are_empty(tmp_path: Path) -> None:
    described = journals.manifest("run") | {"cell": {"id": "x", "area_cm2": None}}
    target = journal.create(tmp_path / "run", described, journal.virtual_wall(0.0))
    journals.fill(target, 1)
    target.close("completed")
    assert {line["current_mA_cm2"] for line in lines(export.export_csv(tmp_path / "run"))} == {""}


def test_cycle_table_has_ce_with_its_uncertainty(run: Path) -> None:
    table = lines(export.export_cycles_csv(run))
    assert [line["cycle"] for line in table] == ["1", "2", "3"]
    for line in table:
        assert (line["first_kind"], line["second_kind"]) == ("plate", "strip")
        assert float(line["first_charge_mAh"]) == pytest.approx(19 / 360.0)
        assert (float(line["ce_percent"]), float(line["u_ce_percent"])) == (100.0, 0.2)


def test_origin_gets_names_units_and_comments_above_the_same_numbers(run: Path) -> None:
    with export.export_csv(run).open(newline="") as file:
        names, *numbers = list(csv.reader(file))
    with export.export_origin_csv(run).open(newline="") as file:
        longs, units, comments, *same = list(csv.reader(file))
    assert same == numbers
    told = dict(zip(names, zip(longs, units, strict=True), strict=True))
    assert told["step_capacity_mAh_cm2"] == ("Areal capacity in the step", "mAh/cm2")
    assert told["voltage_V"] == ("Voltage", "V")
    # a unit in a column's name is the unit above it
    for name, unit in zip(names, units, strict=True):
        assert not unit or name.endswith("_" + unit.replace("/", "_"))
    assert set(comments) == {"SIMULATED run"}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_a_table_is_a_formula(tmp_path: Path, start: str) -> None:
    target = journals.create(tmp_path / "run")
    evil = f'{start}HYPERLINK("http://x")'
    for rows, events in journals.units(1):
        target.write([journals.with_step_id(row, evil) for row in rows], events)
    data = {"cycle": 1, "class": evil, "group": evil, "complete": True, "flags": [evil]}
    target.write((), [Event(1e4, "cycle", data)])
    target.close("completed")
    for path in (
        export.export_csv(tmp_path / "run"),
        export.export_cycles_csv(tmp_path / "run"),
        export.export_bdf_csv(tmp_path / "run").path,
    ):
        cells = [cell for line in lines(path) for cell in line.values()]
        assert any(cell.endswith('"http://x")') for cell in cells)
        for cell in cells:
            assert not cell.startswith(start) or math.isfinite(float(cell)), cell


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, written_whole(tmp_path / "no" / "x.csv"):
        pass
    assert caught.value.filename == str(tmp_path / "no")
