"""Twelve cells at once on a mixed bench: two source-measure units, a potentiostat, a cycler.

One `labctl batch` against one `labctl simulate`, over TCP and a pseudo-terminal, with a scanner
that watches every cell's temperature; then the same with an instrument that hangs (S8).
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers import running
from helpers.served import Found

from labctl.journal import Reader, read_manifest

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals there"),
    pytest.mark.campaign,
]
SPEED = "10x"
CE = 0.97
PROTOCOL = """\
name: mixed
cell: {kind: half, metal: Na}
limits: {voltage: -0.5 V .. 1.5 V, current: 5 mA, temperature: 10 degC .. 50 degC}
record: every 1 s
steps:
  - rest: 20 s                           # the scanner's first round takes a while
  - group: ce
    pair: total
    steps:
      - plate: 4 mA/cm2 until 0.06 mAh/cm2
      - strip: 4 mA/cm2 until 1 V or 1.2 * deposit
"""
SERIAL = "ASRL/dev/ttyUSB0::INSTR"
INSTRUMENTS: dict[str, dict[str, Any]] = {
    "smu": {"driver": "keithley-2450"},
    "two": {"driver": "keithley-2600"},
    "stat": {"driver": "emstat4", "resource": SERIAL, "simulate": {"serve": "pty"}},
    "cycler": {"driver": "maccor", "simulate": {"bin_port": 0}},
}
CHANNELS = {
    "A1": ("smu", 1),
    "B1": ("two", 1),
    "B2": ("two", 2),
    "C1": ("stat", 1),
    **{f"D{n}": ("cycler", n) for n in range(1, 9)},
}


def socket(place: int) -> str:
    """Where one would answer that is not served yet."""
    return f"TCPIP::127.0.0.1::{5025 + place}::SOCKET"


def bench_of(folder: Path, resources: dict[str, dict[str, Any]], faults: dict[str, Any]) -> Path:
    """The bench: each instrument where it answers, as far as that is known."""
    instruments: dict[str, Any] = {}
    for seed, (name, described) in enumerate(INSTRUMENTS.items()):
        simulate: dict[str, Any] = {"cell": "na-cu-half", "parameters": {"ce": CE}, "seed": seed}
        simulate |= {"port": 0, "faults": faults.get(name, {})} | described.get("simulate", {})
        if simulate.get("serve") == "pty":
            del simulate["port"]
        where = {"resource": socket(seed), **described, "simulate": simulate}
        instruments[name] = where | resources.get(name, {})
    scanner = {"driver": "daq6510", "resource": socket(9), "simulate": {"port": 0}}
    instruments["scanner"] = scanner | resources.get("scanner", {})
    probes = {f"t_{name}": 101 + place for place, name in enumerate(CHANNELS)}
    bench = {
        "bench": "mixed",
        "instruments": instruments,
        "auxiliaries": {
            name: {"instrument": "scanner", "channel": number} for name, number in probes.items()
        },
        "channels": {
            name: {"instrument": instrument, "channel": number, "temperature": f"t_{name}"}
            for name, (instrument, number) in CHANNELS.items()
        },
    }
    path = folder / f"bench-{len(resources)}.yaml"
    path.write_text(json.dumps(bench), encoding="utf-8")
    return path


def batch(folder: Path, faults: dict[str, Any]) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Serve the bench and run all cells on it: exit code, channel → its run, what was said."""
    server = running.start_labctl("simulate", bench_of(folder, {}, faults), "--speed", SPEED)
    assert server.stdout is not None
    try:
        resources = {}
        for _ in range(len(INSTRUMENTS) + 1):
            line = server.stdout.readline()
            assert line, server.communicate()[1]
            where = json.loads(line)
            resources[where.pop("instrument")] = where
        bench = bench_of(folder, resources, faults)
        (folder / "mixed.yaml").write_text(PROTOCOL, encoding="utf-8")
        runs = [{"channel": n, "cell": "na-cu-half", "protocol": "mixed.yaml"} for n in CHANNELS]
        file = folder / "batch.yaml"
        file.write_text(json.dumps({"bench": bench.name, "runs": runs}), encoding="utf-8")
        words = ["batch", file, "--speed", SPEED, "--data", folder / "data", "--json"]
        done = running.labctl(*words)
        told = json.loads(done.stdout)["runs"] if done.stdout else []
        return done.returncode, {run["channel"]["main"]: run for run in told}, done.stderr
    finally:
        _end(server)


def _end(server: "subprocess.Popen[str]") -> None:
    server.terminate()
    server.communicate(timeout=20)


def found_in(run: dict[str, Any]) -> Found:
    figures = running.group(run["groups"], "ce")
    return Found(figures["ce_percent"], figures["u_ce_percent"])


def agrees(found: Found) -> bool:
    """With the cell's own CE, at k = 3: of twelve figures, one may well be beyond k = 2."""
    return abs(found.ce - 100 * CE) <= 1.5 * found.u_ce


def check_journal(run: dict[str, Any], instrument: str) -> None:
    """Its own, whole, of a simulated instrument, with temperatures."""
    folder = Path(run["folder"])
    assert read_manifest(folder)["simulated"] is True
    with Reader(folder) as reader:
        rows = list(reader.readings())
        closing = reader.closing()
    assert closing is not None
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert any(row.temperature_K is not None for row in rows), instrument


def test_twelve_cells_at_once_on_a_mixed_bench(tmp_path: Path) -> None:
    code, runs, errors = batch(tmp_path, {})
    assert code == 0, errors
    assert list(runs) == list(CHANNELS)
    assert len({run["folder"] for run in runs.values()}) == len(CHANNELS)
    found = {name: found_in(run) for name, run in runs.items()}
    for name, one in found.items():
        assert agrees(one), f"{name}: {one}"
    for name, run in runs.items():
        check_journal(run, name)


def test_an_instrument_that_hangs_takes_no_other_cell_with_it(tmp_path: Path) -> None:
    code, runs, _ = batch(tmp_path, {"two": {"hang": {"after": "60 s", "seconds": 3600}}})
    assert code == 4
    for name, (instrument, _) in CHANNELS.items():
        if instrument == "two":
            assert runs[name]["outcome"] == "fault", runs[name]
            assert "UNKNOWN" in runs[name]["reason"]
        else:
            assert runs[name]["outcome"] == "completed", runs[name]
            assert agrees(found_in(runs[name]))
