"""A simulated run cannot be taken for a real one: in memory, or behind a socket (S9)."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import broken_wire
from helpers.cli import labctl
from helpers.processes import bench_at, twins_served

from labctl.bench import load_bench
from labctl.journal import list_runs, read_manifest
from labctl.mqtt import topics_of
from labctl.run import conduct as conducting

QUICK = broken_wire.SHORT


def check_marked(folder: Path) -> None:
    (run,) = list_runs(folder / "data")
    manifest = read_manifest(run)
    assert manifest["simulated"] is True
    assert str(dict(manifest["instrument"])["firmware"]).endswith("-sim")  # type: ignore[call-overload]  # JSON
    topics = topics_of("lab", str(manifest["bench"]), str(manifest["channel"]), True)
    assert topics.readings.startswith("lab/sim/")
    exports = [path for path in run.iterdir() if path.suffix == ".csv"]
    assert len(exports) >= 2
    for path in exports:
        assert "SIMULATED" in path.name
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        (mark,) = [name for name in rows[0] if name.lower().startswith("simulated")]
        assert {row[mark] for row in rows} <= {"1", "SIMULATED"}
    told = labctl("show", run.name, "--data", str(folder / "data"), "--json")
    assert json.loads(told.stdout)["simulated"] is True
    listed = json.loads(labctl("runs", "--data", str(folder / "data"), "--json").stdout)
    assert [row["simulated"] for row in listed["runs"]] == [True]


def test_a_run_in_memory_is_marked(tmp_path: Path) -> None:
    (tmp_path / "short.yaml").write_text(QUICK, encoding="utf-8")
    done = labctl("run", "short.yaml", "--cell", "na-cu-half", "--data", "data", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    check_marked(tmp_path)


def test_a_run_on_a_served_simulator_is_marked_though_the_bench_does_not_say_so(
    tmp_path: Path,
) -> None:
    with twins_served(60.0) as (places, _):
        bench = bench_at(tmp_path, places)
        (tmp_path / "short.yaml").write_text(QUICK, encoding="utf-8")
        words = ["run", "short.yaml", "--cell", "na-cu-half", "--data", "data", "--speed", "60x"]
        done = labctl(*words, "--bench", str(bench), "--channel", "A1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    check_marked(tmp_path)


def test_a_real_instrument_takes_no_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conducting, "SIMULATED_FIRMWARE", "-no-such-mark")
    with twins_served(60.0) as (places, _):
        bench = load_bench(bench_at(tmp_path, places))
        request = replace(broken_wire.short_request(tmp_path), bench=bench, speed=60.0)
        with pytest.raises(Exception, match="is real"):
            conducting.conduct(request)
    assert list_runs(tmp_path / "data") == []
