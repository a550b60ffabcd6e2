"""Files of strangers: whole ones are read whatever they call their columns, others refused."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labctl.figures.reading import is_recording, read_recording
from labctl.figures.recording import RecordingError

HEAD = "Test Time / s,Voltage / V,Current / A\n"
TWO = HEAD + "0,1.5,0.001\n10,1.6,0.001\n"


def file(folder: Path, content: str | bytes, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        TWO,
        "\ufeff" + TWO,
        TWO.replace("\n", "\r\n"),
        "test_time_second,voltage_volt,current_ampere\n0,1.5,1e-3\n10,+1.6,.001\n",
        "Ns,Current / A,half cycle,Voltage / V,Test Time / s\n,1E-3,x,1.5,0\n1,0.001,,1.6,10.0\n",
        '"Test Time / s","Voltage / V","Current / A"\n"0","1.5","0.001"\n10,1.6,0.001\n',
    ],
    ids=["plain", "byte order mark", "CRLF", "machine names", "other columns", "quoted"],
)
def test_csv_is_read(tmp_path: Path, content: str) -> None:
    recording = read_recording(file(tmp_path, content))
    assert list(recording.test_time_s) == [0, 10]
    assert list(recording.voltage_V) == [1.5, 1.6]
    assert list(recording.current_A) == [0.001, 0.001]
    assert recording.notes == ()


def test_parquet_is_read_as_the_csv_is(tmp_path: Path) -> None:
    table = {"test_time_second": [0, 10], "voltage_volt": [1.5, 1.6], "current_ampere": [0.1, 0.2]}
    path = tmp_path / "x.bdf.parquet"
    pq.write_table(pa.table(table), path)
    recording = read_recording(path)
    assert list(recording.test_time_s) == [0, 10]
    assert list(recording.current_A) == [0.1, 0.2]


def test_names_of_recordings() -> None:
    names = ("a.csv", "A.CSV", "a.bdf.csv", "a.bdf", "a.bdf.parquet")
    assert all(map(is_recording, names))
    assert not is_recording("20261123-1412")


REFUSED = {
    "nothing": (b"", ":1: the file is empty"),
    "header only": (HEAD, "0 readings"),
    "one reading": (HEAD + "0,1,1\n", "1 readings"),
    "no current": ("Test Time / s,Voltage / V\n0,1\n", ":1: the column Current / A"),
    "wrong unit": (TWO.replace("Current / A", "Current / mA"), "'Current / mA' is not in BDF's"),
    "semicolons": (TWO.replace(",", ";"), "separates columns by commas"),
    "tabs": (TWO.replace(",", "\t"), "separates columns by commas"),
    "twice": (
        "Test Time / s,Voltage / V,Current / A,Current / A\n0,1,1,1\n1,1,1,1\n",
        "Current / A stands in 2 columns",
    ),
    "both names": (
        "Test Time / s,test_time_second,Voltage / V,Current / A\n0,0,1,1\n1,1,1,1\n",
        "Test Time / s stands in 2 columns",
    ),
    "torn last line": (TWO + "20,1.7", ":4: 2 fields under 3 labels"),
    "too many fields": (TWO + "20,1.7,0.001,9\n", ":4: 4 fields under 3 labels"),
    "empty line": (TWO + "\n30,1.7,0.001\n", ":4: 0 fields under 3 labels"),
    "empty cell": (TWO + "20,,0.001\n", ":4: Voltage / V: is empty"),
    "blank cell": (TWO + "20, ,0.001\n", ":4: Voltage / V: is empty"),
    "NaN": (TWO + "20,nan,0.001\n", ":4: Voltage / V: is no number: 'nan'"),
    "infinity": (TWO + "20,1.7,inf\n", ":4: Current / A: is no number: 'inf'"),
    "sentinel": (TWO + "20,9.9e37,0.001\n", ":4: Voltage / V: is no measurement"),
    "overflow": (TWO + "20,1e999,0.001\n", ":4: Voltage / V: is no measurement"),
    "word": (TWO + "20,OVLD,0.001\n", ":4: Voltage / V: is no number: 'OVLD'"),
    "decimal comma": (TWO + '20,"1,7",0.001\n', "has a decimal comma"),
    "underscore": (TWO + "2_0,1.7,0.001\n", ":4: Test Time / s: is no number"),
    "other digits": (TWO + "٢٠,1.7,0.001\n", ":4: Test Time / s: is no number"),
    "hexadecimal": (TWO + "0x14,1.7,0.001\n", ":4: Test Time / s: is no number"),
    "backwards": (TWO + "5,1.7,0.001\n", ":4: Test Time / s: runs backwards by 5 s"),
    "NUL": (TWO + "20,1.7\0,0.001\n", ":4: "),
    "open quote": (TWO + '20,"1.7,0.001\n', ":4: "),
    "huge field": (TWO + "20," + "1" * 200_000 + ",0.001\n", ":4: "),
    "not text": (b"\x89PNG\r\n\x1a\n\xff\xfe", "not a text file"),
    "not Parquet": (b"PAR1 is how it begins", "not a Parquet file"),
    "hours": (
        "Test Time / s,Voltage / V,Current / A,Unix Time / s\n0,1,1,1700000000\n2,1,1,1700007200\n",
        "seems to be in hours",
    ),
    "milliseconds": (
        HEAD.strip() + ",Unix Time / s\n0,1,1,1700000000\n5e4,1,1,1700000050\n",
        "seems to be in milliseconds",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, case: str) -> None:
    content, told = REFUSED[case]
    name = "x.parquet" if case == "not Parquet" else "x.csv"
    path = file(tmp_path, content, name)
    with pytest.raises(RecordingError) as caught:
        read_recording(path)
    assert str(caught.value).startswith(str(path))
    assert told in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 150


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1.5, None], ":2: Voltage / V: is empty"),
        ([1.5, float("nan")], ":2: Voltage / V: is no measurement"),
        (["1.5", "x"], ":2: Voltage / V: is no number"),
        ([True, False], ":1: Voltage / V: is no number but True"),
        ([[1.5], [1.6]], ":1: Voltage / V: is no number but [1.5]"),
    ],
)
def test_a_parquet_value_that_is_no_number_is_refused(
    tmp_path: Path, values: list[object], told: str
) -> None:
    path = tmp_path / "x.parquet"
    table = {"Test Time / s": [0, 1], "Voltage / V": values, "Current / A": [0.1, 0.1]}
    pq.write_table(pa.table(table), path)
    with pytest.raises(RecordingError) as caught:
        read_recording(path)
    assert told in str(caught.value)


def test_a_cut_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    table = {label: [float(n) for n in range(9)] for label in HEAD.strip().split(",")}
    pq.write_table(pa.table(table), path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(RecordingError, match="not a Parquet file"):
        read_recording(path)


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (("1", ""), "row 3 is empty"),
        (("1", "nan"), "row 3 is no number"),
        (("1", "0.5"), "it goes back at reading 2"),
    ],
)
def test_an_optional_column_that_is_not_whole_is_left_out_and_said(
    tmp_path: Path, cells: tuple[str, str], told: str
) -> None:
    head = HEAD.strip() + ",Charging Capacity / Ah\n"
    content = head + "".join(f"{10 * n},1,0.1,{cell}\n" for n, cell in enumerate(cells))
    recording = read_recording(file(tmp_path, content))
    assert recording.charging_Ah is None
    (note,) = recording.notes
    assert note.startswith("Charging Capacity / Ah is not used")
    assert told in note


def test_a_wall_clock_that_is_no_time_is_no_witness(tmp_path: Path) -> None:
    content = (
        "Test Time / s,Voltage / V,Current / A,Unix Time / s\n0,1,1,1470414\n1000,1,1,1470415\n"
    )
    assert len(read_recording(file(tmp_path, content))) == 2
