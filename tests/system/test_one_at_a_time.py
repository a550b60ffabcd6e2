"""Two programs never drive one channel, also where its instrument takes many connections."""

import json
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import running

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="select does not take pipes there")
ASKING = "name: asking\ncell: {kind: half, metal: Na}\nlimits: {voltage: -0.5 V .. 1.5 V}\nsteps:\n"
QUESTION = "  - ask: Is it in?\n"
REST = "  - rest: 5 s\n"


def bench_of(folder: Path, resource: str) -> Path:
    tester = {
        "driver": "maccor",
        "resource": resource,
        "simulate": {"cell": "na-cu-half", "port": 0, "bin_port": 0},
    }
    channels = {f"C{n}": {"instrument": "tester", "channel": n} for n in (1, 2)}
    path = folder / "bench.yaml"
    told = {"bench": "b", "instruments": {"tester": tester}, "channels": channels}
    path.write_text(json.dumps(told), encoding="utf-8")
    return path


def begun(bench: Path, channel: str) -> "subprocess.Popen[str]":
    """A run that holds the channel, with its output off, until somebody answers."""
    protocol = bench.with_name("asking.yaml")
    protocol.write_text(ASKING + QUESTION + REST, encoding="utf-8")
    run = running.start_labctl(*words(protocol, bench, channel))
    assert run.stderr is not None
    assert run.stdout is not None
    said, end = "", time.monotonic() + 60.0
    while "asks:" not in said:
        assert time.monotonic() < end, said
        for stream in select.select([run.stderr, run.stdout], [], [], 1.0)[0]:
            said += stream.readline()
        assert run.poll() is None, said
    return run


def words(protocol: Path, bench: Path, channel: str) -> list[str | Path]:
    data = bench.with_name("data")
    return ["run", protocol, "--cell", "na-cu-half", "--bench", bench, "--channel", channel,
            "--data", data, "--speed", "10x"]  # fmt: skip


def test_a_channel_that_a_run_has_is_refused_until_that_run_is_over(tmp_path: Path) -> None:
    resting = tmp_path / "resting.yaml"
    resting.write_text(ASKING + REST, encoding="utf-8")
    bench = bench_of(tmp_path, "TCPIP::127.0.0.1::57570::SOCKET")
    server = running.start_labctl("simulate", bench, "--speed", "10x")
    assert server.stdout is not None
    run = None
    try:
        told = json.loads(server.stdout.readline())
        found = json.loads(bench.read_text())
        found["instruments"]["tester"] |= {
            "resource": told["resource"], "bin_port": told["bin_port"],
        }  # fmt: skip
        bench.write_text(json.dumps(found))
        run = begun(bench, "C1")
        second = running.labctl(*words(resting, bench, "C1"))
        assert second.returncode == 4
        assert f"in use by a run of asking at C1 of b (process {run.pid})" in second.stderr
        looked = running.labctl("doctor", bench, "--channel", "C1")
        assert looked.returncode == 4
        assert "BAD  C1  output: channel 1 of MacNet SIM-00000 is in use by" in looked.stdout
        beside = running.labctl(*words(resting, bench, "C2"))
        assert beside.returncode == 0, beside.stderr
        run.send_signal(signal.SIGKILL)
        run.communicate()
        again = running.labctl(*words(resting, bench, "C1"))
        assert again.returncode == 0, again.stderr
    finally:
        for process in (run, server):
            if process is not None:
                process.kill()
                process.communicate()
