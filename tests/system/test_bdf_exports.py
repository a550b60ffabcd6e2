"""The BDF exports of every library protocol pass batterydf's validator and our stricter one."""

import warnings
from pathlib import Path

import bdf
import pytest
from helpers import running, shelf
from helpers.running import LibraryRun

from labctl import export
from labctl.journal import Reader


def passes(path: Path, rows: int) -> None:
    assert export.validate(path) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = bdf.validate(path, raise_on_error=True)
    assert report["ok"]
    assert (report["missing"], report["legacy_labels"]) == ([], [])
    assert report["time_stats"]["monotonic"]
    assert report["n_rows"] == rows


@pytest.mark.parametrize("protocol", shelf.EVERY)
def test_bdf_passes_batterydf_and_the_strict_validator(
    protocol: str, library_run: LibraryRun
) -> None:
    folder = library_run(protocol).folder
    with Reader(folder) as reader:
        rows = reader.counts()[0]
    (written_at_close,) = folder.glob("*.bdf.csv")
    passes(written_at_close, rows)
    passes(export.export_bdf_parquet(folder).path, rows)


def test_the_command_writes_the_same(library_run: LibraryRun, tmp_path: Path) -> None:
    folder = library_run("na-anode-free-preplated").folder
    (written_at_close,) = folder.glob("*.bdf.csv")
    for form in ("csv", "parquet"):
        done = running.labctl("export", folder, "--to", f"bdf-{form}", "-o", tmp_path)
        assert done.returncode == 0, done.stderr
    (csv,) = tmp_path.glob("*.bdf.csv")
    assert csv.read_bytes() == written_at_close.read_bytes()
    (parquet,) = tmp_path.glob("*.bdf.parquet")
    assert export.validate(parquet) == []
