"""`labctl batch`: many cells of one bench at once; one that fails leaves the others alone (S8)."""

import json
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import broken_wire, running
from helpers.cli import labctl, started

from labctl.bench import load_bench
from labctl.run import conduct as conducting
from labctl.run.request import RunRequest, RunResult

BENCH = """\
bench: b
instruments:
  one: {driver: keithley-2450, resource: sim, simulate: {parameters: {ce: 0.95}, seed: 4}}
  two: {driver: keithley-2400, resource: sim, simulate: {parameters: {ce: 0.98}, seed: 5}}
channels:
  A1: {instrument: one}
  A2: {instrument: two}
"""
SHORT = (
    "protocol: na-cu-reservoir-ce, parameters: "
    "{portions: 1, reservoir: 0.2 mAh/cm2, portion: 0.1 mAh/cm2, wetting: 1 min}"
)
BATCH = f"""\
bench: bench.yaml
runs:
  - {{channel: A1, cell: na-cu-half, {SHORT}}}
  - {{channel: A2, cell: na-cu-half, {SHORT}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bench.yaml").write_text(BENCH, encoding="utf-8")
    (tmp_path / "batch.yaml").write_text(BATCH, encoding="utf-8")
    return tmp_path


def test_each_cell_has_its_own_journal_and_its_own_figures(folder: Path) -> None:
    done = labctl("batch", "batch.yaml", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    runs = json.loads(done.stdout)["runs"]
    assert [run["channel"] for run in runs] == [{"main": "A1"}, {"main": "A2"}]
    assert len({run["folder"] for run in runs}) == 2
    for run, ce in zip(runs, (95.0, 98.0), strict=True):
        assert run["outcome"] == "completed"
        last, model = run["groups"][-1], run["model"]["groups"][-1]
        assert last["ce_percent"] == pytest.approx(model["ce_percent"], abs=last["u_ce_percent"])
        assert run["model"]["ce_percent"] == pytest.approx(ce, abs=0.6)
        assert labctl("show", run["run"], cwd=folder).returncode == 0


@pytest.mark.parametrize(
    ("fault", "k", "words"),
    [
        ("unplugged", 2, "LinkLost"),
        pytest.param("unplugged", 200, "fault", marks=pytest.mark.campaign),
        pytest.param("deaf", 150, "fault", marks=pytest.mark.campaign),
        ("stuck on", 300, "UNKNOWN"),
    ],
)
def test_what_befalls_one_cell_leaves_the_other_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str, k: int, words: str
) -> None:
    bench = load_bench(folder / "bench.yaml")
    parameters = {"portions": "1", "reservoir": "0.2 mAh/cm2", "portion": "0.1 mAh/cm2"}
    both = [
        replace(
            running.request_of(
                "na-cu-reservoir-ce", "na-cu-half", folder, parameters=parameters, bench=bench
            ),
            channels={"main": channel},
        )
        for channel in ("A1", "A2")
    ]
    alone = conducting.conduct(both[1])
    whole = conducting.twins_of

    def twins_of(requests: Sequence[RunRequest]) -> list[dict[str, Any]]:
        broken, sound = whole(requests)
        wire = broken_wire.Wire(broken["main"].firmware, broken_wire.FAULTS[fault], k)
        return [{"main": replace(broken["main"], firmware=wire)}, sound]

    monkeypatch.setattr(conducting, "twins_of", twins_of)
    first, second = conducting.conduct_all(both, [None, None])
    assert words in repr(first)
    assert isinstance(second, RunResult)
    assert second.outcome == "completed"
    assert second.groups == alone.groups


def test_every_protocol_is_checked_before_anything_is_driven(folder: Path) -> None:
    (folder / "batch.yaml").write_text(BATCH.replace("portions: 1", "portins: 1", 1))
    done = labctl("batch", "batch.yaml", cwd=folder)
    assert done.returncode == 2
    assert "portins" in done.stderr
    assert not (folder / "data").exists()


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("channel: A2", "channel: A1", "4:5", "has two runs"),
        ("channel: A2", "channel: A9", "batch.yaml:4:15", "no channel 'A9'"),
        ("A2, cell: na-cu-half", "A2, cell: nope", "batch.yaml:4:25", "nope: no file and no cell"),
        ("portions: 1", "portins: 1", "batch.yaml:3:80", "no parameter `portins`"),
        ("portions: 1", "portions: 1 h", "batch.yaml:3:80", "`portions` is of another kind"),
        (
            "protocol: na-cu-reservoir-ce",
            "protocol: no.yaml",
            "batch.yaml:3:47",
            "no.yaml: cannot be read",
        ),
        ("cell: na-cu-half", "sell: na-cu-half", "3:19", "unknown key `sell`"),
        ("channel: A2", "channel: {supply: A2}", "4:15", "no channel has the role `main`"),
        (
            "channel: A2",
            "channel: {main: A2, suply: A3}",
            "batch.yaml:4:15",
            "the cell na-cu-half has no terminal 'suply'; it has main",
        ),
        ("bench: bench.yaml", "bench: none.yaml", "none.yaml:1:1", "No such file"),
    ],
)
def test_mistakes_in_the_file_are_told_with_their_place(
    folder: Path, old: str, new: str, place: str, words: str
) -> None:
    (folder / "batch.yaml").write_text(BATCH.replace(old, new, 1), encoding="utf-8")
    done = labctl("batch", "batch.yaml", cwd=folder)
    assert done.returncode == 2, done.stderr
    assert place in done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_all_mistakes_are_told_at_once_with_their_channels(folder: Path) -> None:
    text = BATCH.replace("A1, cell: na-cu-half", "A1, cell: lfp-graphite")
    (folder / "batch.yaml").write_text(text.replace("A2, cell: na-cu-half", "A2, cell: nope"))
    done = labctl("batch", "batch.yaml", cwd=folder)
    lines = done.stderr.splitlines()
    assert sum(line.startswith("batch.yaml:4:25: nope: no file") for line in lines) == 1
    other = [line for line in lines if "batch.yaml" not in line]
    assert other
    assert all("[channel A1]" in line for line in other)


def test_a_batch_sets_the_chamber_of_its_bench(folder: Path) -> None:
    oven = """\
  oven: {driver: espec, resource: sim, start: true}
auxiliaries:
  air: {instrument: oven}
channels:"""
    (folder / "bench.yaml").write_text(BENCH.replace("channels:", oven), encoding="utf-8")
    (folder / "warm.yaml").write_text(
        "name: warm\nlimits: {voltage: -0.5 V .. 1.5 V, current: 5 mA}\n"
        "steps:\n  - set: {air: 30 degC}\n  - rest: 1 min\n"
    )
    (folder / "batch.yaml").write_text(
        "bench: bench.yaml\nruns:\n  - {channel: A1, cell: na-cu-half, protocol: warm.yaml}\n"
    )
    done = labctl("batch", "batch.yaml", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^A1  data labctl__SIMULATED\S*\.bdf\.csv$", done.stdout, re.MULTILINE)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")
def test_a_signal_ends_every_run_with_its_output_off(folder: Path) -> None:
    process = started(["batch", "batch.yaml", "--speed", "60x"], folder)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(6)]
    process.send_signal(signal.SIGTERM)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130, (lines, rest, errors)
    assert errors.count("stopped by the operator (SIGTERM)") == 2
    for run in sorted((folder / "data").iterdir()):
        shown = labctl("show", str(run)).stdout
        assert "stopped" in shown
