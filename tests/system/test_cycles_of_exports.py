"""`labctl cycles FILE` on our own exports gives what the run and its simulated cell say."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from helpers import running
from helpers.running import LibraryRun

from labctl import export


def cycles(path: Path, sense: str) -> dict[str, Any]:
    done = running.labctl("cycles", path, "--sense", sense, "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["file"] == str(path)
    assert told["simulated"] is True
    return told


def bare(path: Path, to: Path) -> Path:
    """Only what every cycler writes: time, voltage, current."""
    with path.open(newline="") as source, to.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerows(row[:3] for row in csv.reader(source))
    return to


@pytest.mark.parametrize("protocol", ["na-cu-reservoir-ce", "zn-cu-reservoir-ce"])
def test_reservoir_efficiency_from_the_file_is_the_models(
    protocol: str, library_run: LibraryRun, tmp_path: Path
) -> None:
    result = library_run(protocol)
    assert result.model is not None
    formation, reservoir = result.model["groups"]
    (file,) = result.folder.glob("*.bdf.csv")
    for path in (file, export.export_bdf_parquet(result.folder).path):
        told = cycles(path, "plate-first")
        assert told["charges_from"] == "counters"
        assert told["cycles"][0]["ce_percent"] == pytest.approx(formation["ce_percent"], abs=0.05)
        (group,) = told["groups"]
        assert group["ce_percent"] == pytest.approx(reservoir["ce_percent"], abs=0.05)
        assert group["first"]["charge_mAh"] == pytest.approx(reservoir["plated_mAh"], rel=1e-3)
    lean = bare(file, tmp_path / "lean.csv")
    told = json.loads(running.labctl("cycles", lean, "--sense", "plate-first", "--json").stdout)
    assert told["charges_from"] == "readings"
    assert told["groups"][0]["ce_percent"] == pytest.approx(reservoir["ce_percent"], abs=0.1)


def test_full_cell_cycles_from_the_file_are_the_runs(library_run: LibraryRun) -> None:
    result = library_run("na-anode-free-formation-cycling")
    (file,) = result.folder.glob("*.bdf.csv")
    told = cycles(file, "charge-first")
    run = json.loads(running.labctl("cycles", result.folder, "--json").stdout)
    assert len(told["cycles"]) == len(run["cycles"])
    for ours, theirs in zip(told["cycles"], run["cycles"], strict=True):
        assert ours["ce_percent"] == pytest.approx(theirs["ce_percent"], abs=0.01)
        assert ours["flags"] == theirs["flags"] == []
        for half in ("first", "second"):
            assert ours[half]["kind"] == theirs[half]["kind"]
            assert ours[half]["charge_mAh"] == pytest.approx(theirs[half]["charge_mAh"], rel=1e-4)
            assert ours[half]["mean_voltage_V"] == pytest.approx(
                theirs[half]["mean_voltage_V"], abs=1e-3
            )


def test_the_table_and_a_refusal(library_run: LibraryRun, tmp_path: Path) -> None:
    (file,) = library_run("na-cu-reservoir-ce").folder.glob("*.bdf.csv")
    shown = running.labctl("cycles", file).stdout
    assert "paired discharge-first, as the file begins" in shown
    assert "(simulated)" in shown
    torn = tmp_path / "torn.csv"
    torn.write_bytes(file.read_bytes()[:-40])
    done = running.labctl("cycles", torn)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"labctl: {torn}:")
