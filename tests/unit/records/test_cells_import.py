"""A batch's cell records from a lab's table: what is read, what is refused and where."""

import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl.cli.app import run_command
from labctl.records.batch import Batch, like_cell, read_batch
from labctl.records.files import write_all
from labctl.records.table import TableError
from labctl_protocols.cell_record import CellRecord
from labctl_protocols.files import load_cell

HALF = "na-cu-half"
FULL = "na-nvp-anode-free"


def batch_of(tmp_path: Path, text: str | bytes, like: str | None = HALF) -> Batch:
    table = tmp_path / "coins.csv"
    table.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_batch(table, None if like is None else like_cell(like, load_cell(like)))


def only(batch: Batch) -> CellRecord:
    (made,) = batch.made
    return made.record


def test_a_batch_says_what_it_says_and_is_otherwise_like_the_other(tmp_path: Path) -> None:
    batch = batch_of(
        tmp_path,
        "id,diameter / mm,electrolyte,operator\nc01,12,1 M NaFSI in DME,K. M.\n\nc02,16,,\n",
    )
    first, second = (each.record for each in batch.made)
    assert [first.id, second.id] == ["c01", "c02"]
    assert first.area_cm2 == pytest.approx(math.pi * 0.6**2, rel=1e-4)
    assert second.area_cm2 == pytest.approx(math.pi * 0.8**2, rel=1e-4)
    assert first.electrolyte == "1 M NaFSI in DME"
    shipped = load_cell(HALF)
    assert second.electrolyte == shipped.electrolyte
    assert (first.kind, first.metal, first.limits) == ("half", "Na", shipped.limits)
    assert first.terminals == {"main": ("collector", "metal")}
    assert first.notes.splitlines() == [
        "operator: K. M.",
        "from row 2 of coins.csv; what it does not say is as in na-cu-half",
    ]
    assert "row 4" in second.notes
    assert "operator" not in second.notes
    assert first.title == first.source == ""
    assert batch.told == ("kept as notes: operator",)


@pytest.mark.parametrize(
    "header",
    ["area / cm2", "area/cm2", "area_cm2", "Area (cm2)", "area [cm²]", "AREA / cm^2"],
)
def test_a_header_gives_the_unit(tmp_path: Path, header: str) -> None:
    assert only(batch_of(tmp_path, f"id,{header}\nc1,1.131\n")).area_cm2 == pytest.approx(1.131)


@pytest.mark.parametrize(
    "header",
    ["capacity / mAh/cm2", "capacity (mAh cm-2)", "capacity_mAh_cm2", "capacity / mAh cm⁻²"],
)
def test_an_areal_capacity_is_counted_by_the_area(tmp_path: Path, header: str) -> None:
    text = f"id;area_cm2;{header}\nc1;2;1,5\n"
    record = only(batch_of(tmp_path, text))
    assert record.capacity_Ah == pytest.approx(3e-3)


def test_the_unit_may_stand_in_the_cell(tmp_path: Path) -> None:
    record = only(batch_of(tmp_path, "id\tdiameter\tcapacity\nc1\t1.2 cm\t2 mAh\n"))
    assert record.area_cm2 == pytest.approx(1.131, rel=1e-4)
    assert record.capacity_Ah == pytest.approx(2e-3)


def test_what_excel_saves_in_europe(tmp_path: Path) -> None:
    text = 'id;area / cm2;max current / mA;notes\r\nc1;1,131;20;"a; b\nsecond"\r\n;;;\r\n'
    record = only(batch_of(tmp_path, b"\xef\xbb\xbf" + text.encode()))
    assert record.area_cm2 == pytest.approx(1.131)
    assert record.limits.current_A == pytest.approx(0.02)
    assert record.limits.high_V == load_cell(HALF).limits.high_V
    assert record.notes.splitlines()[:2] == ["a; b", "second"]
    utf16 = "id\tarea / cm²\nc1\t1,131\n".encode("utf-16")
    assert only(batch_of(tmp_path, utf16)).area_cm2 == pytest.approx(1.131)


def test_active_mass_is_what_is_active_of_the_cathode_without_its_foil(tmp_path: Path) -> None:
    head = "id,capacity / mAh/g,cathode mass / mg,foil mass / mg,active fraction / %\n"
    record = only(batch_of(tmp_path, head + "c1,117.6,20.5,5.5,80\n", FULL))
    assert record.active_mass_g == pytest.approx((20.5 - 5.5) * 0.8e-3)
    assert record.capacity_Ah == pytest.approx(117.6e-3 * 12e-3)
    plain = batch_of(tmp_path, "id,cathode mass / mg\nc1,14\n", FULL)
    assert only(plain).active_mass_g == pytest.approx(14e-3)
    assert plain.told == ("cathode mass is taken as the active mass: no column `active fraction`",)


def test_the_inventory_follows_the_cathode_and_pre_plated_metal_adds_to_it(tmp_path: Path) -> None:
    text = "id,capacity / mAh/cm2,pre-plated / mAh\nc1,2,0.5\nc2,1,\n"
    first, second = (each.record for each in batch_of(tmp_path, text, FULL).made)
    assert first.capacity_Ah == pytest.approx(2e-3 * 1.131)
    assert first.inventory_Ah == pytest.approx(2e-3 * 1.131 + 0.5e-3, rel=1e-5)
    assert (first.preplated_Ah, first.inventory_from) == (pytest.approx(0.5e-3), "pre-plated")
    assert second.inventory_Ah == pytest.approx(1e-3 * 1.131)
    assert (second.preplated_Ah, second.inventory_from) == (0.0, "cathode")


def test_another_cells_mass_is_not_theirs(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, "id,diameter / mm\nc1,16\n", FULL)
    assert only(batch).active_mass_g is None
    assert batch.told == ("no active mass: that of na-nvp-anode-free is not theirs",)


def test_ids_that_yaml_would_misread_stay_text(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, "id\n007\n2026-11-26\n1e3\nyes\n")
    assert [each.record.id for each in batch.made] == ["007", "2026-11-26", "1e3", "yes"]


REFUSED = [
    ('id,area / cm2\nc1,"1,131"\n', r"row 2, column B \(`area / cm2`\): .*decimal comma"),
    ("id,area / cm2\nc1,1,131\n", r"row 2: 3 cells, and the header has 2 \(a decimal comma"),
    ("id;area / cm2\nc1;1,1\nc2;1.2\n", r"row 2, column B .*`1,1` has a decimal comma.*row 3"),
    ("id;area / cm2\nc1;1.131,5\n", "row 2, column B .*"),
    ("id,area\nc1,1.131\n", "row 2, column B .*no unit, neither in the cell nor in the header"),
    ("id,area / cm2\nc1,1 mm2\n", "the cell says `mm2`, the header `cm2`"),
    ("id,area / mm\nc1,1\n", "row 1, column B .*`mm` is no unit of area"),
    ("id,area / sqcm\nc1,1\n", "unknown unit `sqcm`"),
    ("id,area / cm2\nc1,small\n", "row 2, column B .*`small` is no number"),
    ("id,area / cm2\nc1,0\n", "row 2, column B .*must be positive"),
    ("id,area / cm2,diameter / mm\nc1,1,12\n", r"a disc of 1.131 cm2, and the area says 1 cm2"),
    ("id,aera / cm2\nc1,1\n", "row 1, column B .*did you mean `area`"),
    ("id,mass / mg\nc1,1\n", "`active mass` or `cathode mass`"),
    ("id,id\nc1,c1\n", "same header"),
    ("id,Cell\nc1,c1\n", "says the same"),
    ("id,\nc1,x\n", "row 2|row 1, column B"),
    ("area / cm2\n1\n", "no column `id`"),
    ("id,area / cm2\n,1\n", "row 2, column A .*no id"),
    ("id\nc1\nc1\n", "row 3, column A .*row 2 has the id `c1`"),
    ("id\nC1\nc1\n", "the same file on many computers"),
    ("id\n../x\n", "can name no file"),
    ("id\ncon\n", "device"),
    ("id\n=1+1\n", "formula"),
    ('id,notes\nc1,"=HYPERLINK(""x"")"\n', "row 2, column B .*formula"),
    ("id,notes\nc1,@SUM(A1)\n", "formula"),
    ("id,area / cm2\nc1,#DIV/0!\n", "spreadsheet's error"),
    ("id,area / cm2\nc1,-\n", "says nothing"),
    ("id,notes\nc1,a\x07\n", "control character"),
    ("id,kind\nc1,hlaf\n", "row 2, column B .*did you mean `half`"),
    ("id,capacity / mAh/g\nc1,100\n", "row 2, column B .*`active_mass`"),
    ("id,low voltage / V\nc1,0\n", "two ends"),
    ("id,diameter / mm\nc1,-12\n", "row 2, column B .*cannot be negative"),
    ("id,diameter / mm\nc1,0\n", "row 2, column B .*no size"),
    ("id,capacity / mAh\nc1,-1\n", "row 2, column B .*cannot be negative"),
    ("id,area / cm2\nc1,1e400\n", "row 2, column B .*"),
    ("id,foil mass / mg\nc1,1\n", "without a `cathode mass`"),
    ("id,metal / g\nc1,Na\n", "a unit on `metal`"),
    ("id;a\tb\nc1;x\n", "which one separates"),
    ('id,notes\nc1,"open\n', "not CSV"),
    ("id\n", "no row below the header"),
    ("", "empty"),
    (b"PK\x03\x04rest", "a spreadsheet, not CSV"),
    ("id,notes\nc1,5 µm\n".encode("cp1252"), "line 2: not UTF-8"),
]


@pytest.mark.parametrize(("text", "says"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_told_is_refused_at_its_place(
    tmp_path: Path, text: str | bytes, says: str
) -> None:
    with pytest.raises(TableError, match=says) as caught:
        batch_of(tmp_path, text)
    assert all("coins.csv: " in line for line in caught.value.lines)


PIECES = [
    *("id", "area / cm2", "c1", "1,131", "1.131", "mAh", "cathode mass / mg", "kind", "half"),
    *(",", ";", "\t", "\n", "\r\n", '"', "=", "-", "/", "(", ")", "_", "%", " "),
    *("µ", "\x00", "\ufeff"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text() | st.binary())
@settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_table_gives_records_or_says_why_not(tmp_path: Path, text: str | bytes) -> None:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    made, lines = 0, [""]
    try:
        made = len(batch_of(tmp_path, data).made)
    except TableError as error:
        lines = error.lines
    assert bool(made) is (lines == [""])
    assert lines
    assert all("\n" not in line for line in lines)


def test_all_mistakes_are_told_at_once_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "coins.csv"
    table.write_text("id,area / cm2\nc1,1\nc2,x\nc3,y\n")
    out = tmp_path / "out"
    code = run_command(["cells", "import", str(table), "--like", HALF, "-o", str(out)])
    assert code == 2
    lines = capsys.readouterr().err.splitlines()
    assert ["row 3" in lines[0], "row 4" in lines[1]] == [True, True]
    assert len(lines) == 2
    assert not out.exists()


def test_the_command_writes_records_that_the_checker_takes_and_no_file_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, out = tmp_path / "coins.csv", tmp_path / "out"
    table.write_text("id,diameter / mm\nc1,12\nc2,16\n")
    asked = ["cells", "import", str(table), "--like", HALF, "-o", str(out)]
    assert run_command(asked) == 0
    assert "c1    half  Na        1.131" in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == ["c1.yaml", "c2.yaml"]
    assert load_cell(str(out / "c2.yaml")).area_cm2 == pytest.approx(2.011, rel=1e-3)

    before = (out / "c1.yaml").read_text()
    (out / "c2.yaml").unlink()
    table.write_text("id,diameter / mm\nc1,10\nc2,16\n")
    assert run_command(asked) == 2
    assert "c1.yaml is there already" in capsys.readouterr().err
    assert (out / "c1.yaml").read_text() == before
    assert not (out / "c2.yaml").exists()
    assert run_command([*asked, "--force"]) == 0
    assert load_cell(str(out / "c1.yaml")).area_cm2 == pytest.approx(0.7854, rel=1e-3)


def test_a_disk_that_fails_half_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_text

    def failing(path: Path, text: str, **more: str) -> int:
        if "b.yaml" in path.name:
            raise OSError(28, "No space left on device", str(path))
        return write(path, text, **more)

    monkeypatch.setattr(Path, "write_text", failing)
    with pytest.raises(OSError, match="No space"):
        write_all({tmp_path / "a.yaml": "id: a\n", tmp_path / "b.yaml": "id: b\n"})
    assert list(tmp_path.iterdir()) == []
