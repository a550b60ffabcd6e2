"""Which way the current flows, and when none may flow at all: looked at on the wire."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from helpers import running

from labctl.journal import JournalError, Reader, RecordedRow
from labctl.run.request import RunResult

PLATE = """
name: {kind}-plate
cell: {{kind: {kind}, metal: Na}}
limits: {{voltage: {limits}, current: 5 mA}}
steps:
  - rest: 1 min
  - plate: 0.2 mA/cm2 until 2 min
  - strip: 0.2 mA/cm2 until 1 min
"""
CELLS = {
    "half": ("na-cu-half", "-0.5 V .. 1.5 V", -1),
    "anode-free": ("na-nvp-anode-free", "1.7 V .. 4.0 V", +1),
}


def rows_of(result: RunResult) -> list[RecordedRow]:
    with Reader(result.folder) as reader:
        return list(reader.readings())


def ends_of(result: RunResult) -> list[dict[str, Any]]:
    with Reader(result.folder) as reader:
        return [event.data for event in reader.events() if event.kind == "step_ended"]


def write(folder: Path, text: str) -> Path:
    path = folder / "protocol.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", CELLS)
def test_plating_chooses_the_sign_from_the_cell(kind: str, tmp_path: Path) -> None:
    """The same step: negative current in a half cell, positive in an anode-free full cell."""
    cell, limits, sign = CELLS[kind]
    protocol = write(tmp_path, PLATE.format(kind=kind, limits=limits))
    result = running.run(protocol, cell, tmp_path / "data", model=running.EXACT)
    assert result.outcome == "completed", result.reason
    rows = rows_of(result)
    for step, direction in (("plate", sign), ("strip", -sign)):
        currents = [row.current_A for row in rows if row.step_type == step]
        assert len(currents) >= 2
        assert currents == pytest.approx([direction * 0.2262e-3] * len(currents), rel=1e-3)
    assert result.model is not None
    assert result.model["plated_mAh"] == pytest.approx(0.2262 * 2 / 60, rel=0.01)
    assert result.model["stripped_mAh"] == pytest.approx(0.2262 * 1 / 60, rel=0.01)


class Driven(NamedTuple):
    """What an output that is on is set to, between two changes on the wire."""

    function: str
    volts: float
    amps: float


NUMBER = r"([+-]?\d+(?:\.\d*)?(?:E[+-]?\d+)?)"
SETTINGS = {
    "function": re.compile(r":SOUR:FUNC (VOLT|CURR)"),
    "volts": re.compile(rf":SOUR:VOLT:LEV {NUMBER}"),
    "amps": re.compile(rf":SOUR:CURR:LEV {NUMBER}"),
}
OUTPUT = re.compile(r":OUTP (ON|OFF)")


def outputs_on(transcript: Path) -> Iterator[Driven]:
    """Every state in which the output was on, from what was sent and nothing else."""
    now: dict[str, str] = {"function": "", "volts": "nan", "amps": "nan"}
    on = False
    for line in transcript.read_text(encoding="ascii").splitlines():
        _, direction, words = line.split(" ", 2)
        if direction != ">":
            continue
        for part in words.removesuffix("\\n").split(";"):
            for name, pattern in SETTINGS.items():
                if found := pattern.match(part):
                    now[name] = found[1]
            if found := OUTPUT.match(part):
                on = found[1] == "ON"
        if on:
            yield Driven(now["function"], float(now["volts"]), float(now["amps"]))


def drives(state: Driven) -> bool:
    """Anything but a source of no current."""
    return not (state.function == "CURR" and state.amps == 0.0)


PAST = """
name: past-its-target
limits: {{voltage: {limits}, current: 5 mA}}
steps:
  - rest: 1 min
  - {step}
"""
PAST_CASES = {
    "thevenin charge": ("lfp-graphite", "2 V .. 3.8 V", "charge: 0.2 mA/cm2 until 2.5 V"),
    "thevenin discharge": ("lfp-graphite", "2 V .. 3.8 V", "discharge: 0.2 mA/cm2 until 3.6 V"),
    "half cell strip": ("na-cu-half", "-0.5 V .. 2.8 V", "strip: 0.2 mA/cm2 until 1 V or 1 h"),
    "half cell charge": ("na-cu-half", "-0.5 V .. 2.8 V", "charge: 0.2 mA/cm2 until 0 V"),
}


@pytest.mark.parametrize("case", PAST_CASES)
def test_a_cell_past_its_target_is_not_driven(case: str, tmp_path: Path) -> None:
    cell, limits, step = PAST_CASES[case]
    protocol = write(tmp_path, PAST.format(limits=limits, step=step))
    transcript = tmp_path / "wire.txt"
    result = running.run(protocol, cell, tmp_path / "data", transcript=transcript)
    assert result.outcome == "completed", result.reason
    states = list(outputs_on(transcript))
    assert states, "the open-circuit voltage is read with the output on, at no current"
    assert not any(map(drives, states))
    end = ends_of(result)[-1]
    assert (end["driven"], end["capacity_Ah"]) == (False, 0.0)
    assert end["ended"] == "voltage"
    assert result.model is not None
    offset_mAh = 1e-6  # what a source of no current, 1 uA range, may send by mistake in a minute
    assert result.model["plated_mAh"] == pytest.approx(0.0, abs=offset_mAh)
    assert result.model["stripped_mAh"] == pytest.approx(0.0, abs=offset_mAh)


def test_the_wire_shows_a_cell_that_is_driven(tmp_path: Path) -> None:
    """The other side of the test before: the same way of looking sees a driven cell."""
    protocol = write(
        tmp_path, PAST.format(limits="2 V .. 3.8 V", step="charge: 0.2 mA/cm2 until 1 min")
    )
    transcript = tmp_path / "wire.txt"
    running.run(protocol, "lfp-graphite", tmp_path / "data", transcript=transcript)
    assert any(map(drives, outputs_on(transcript)))


ZERO = """
name: to-zero
cell: {{kind: half, metal: Na}}
limits: {{voltage: -0.5 V .. 3 V, current: 5 mA}}
steps:
  - rest: 1 min
  - discharge: 0.02 mA/cm2 until 0 V{time}
"""


@pytest.mark.parametrize("time", ["", " or 2 h"])
def test_zero_volts_is_a_target_like_any_other(time: str, tmp_path: Path) -> None:
    protocol = write(tmp_path, ZERO.format(time=time))
    result = running.run(
        protocol, "na-cu-half", tmp_path / "data", model={"ce": 0.99, "instrument_error": 0}
    )
    assert result.outcome == "completed", result.reason
    end = ends_of(result)[-1]
    assert (end["ended"], end["driven"]) == ("voltage", True)
    assert end["at"]["voltage_V"] == 0.0
    # a bare collector above 0 V holds the charge of its surface and no metal to speak of
    assert result.model is not None
    assert result.model["plated_mAh"] < 1e-4
    assert -0.1 < rows_of(result)[-1].voltage_V <= 0.0


LOOPS = """
name: deep
cell: {{kind: half, metal: Na}}
limits: {{voltage: -0.5 V .. 3 V, current: 5 mA}}
steps:
{nested}
"""
CPU_S, GROWTH_MB = 1.0, 20.0
"""Unrolled, 100^3 steps would already take longer and more; 100^5 would not fit in any machine."""


def nested_loops(depth: int, times: int, body: str) -> str:
    lines = []
    for level in range(depth):
        pad = "  " * (2 * level + 1)
        lines += [f"{pad}- repeat: {times}", f"{pad}  steps:"]
    lines.append("  " * (2 * depth + 1) + f"- {body}")
    return LOOPS.format(nested="\n".join(lines))


START = """
import json, sys, time
import psutil
from labctl_drivers.vocabulary import RangeAccuracy, Ratings
from labctl_protocols.checker import bind
from labctl_protocols.engine import Engine
from labctl_protocols.decisions import Apply
from labctl_protocols.files import load_cell, load_protocol
from labctl.bench import default_bench
from labctl.cli.inputs import ratings_of

ratings = ratings_of(default_bench(), "A1")
bind(load_protocol(sys.argv[1]), load_cell("na-cu-half"), ratings, {})  # all is imported now
me = psutil.Process()
rss, cpu = me.memory_info().rss, time.process_time()
plan = bind(load_protocol(sys.argv[2]), load_cell("na-cu-half"), ratings, {})
answer = Engine(plan, ratings).begin(0.0)
assert any(isinstance(command, Apply) for command in answer.commands), answer
grown_MB = (me.memory_info().rss - rss) / 1e6
print(json.dumps({"cpu_s": time.process_time() - cpu, "grown_MB": grown_MB}))
"""


def test_nested_loops_are_never_unrolled(tmp_path: Path) -> None:
    """100^5 iterations: bound and begun in CPU time and memory that no unrolling could keep to."""
    for depth in (1, 5):
        text = nested_loops(depth, 100, "plate: 0.1 mA/cm2 until 1 min")
        (tmp_path / f"{depth}.yaml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", START, str(tmp_path / "1.yaml"), str(tmp_path / "5.yaml")],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["cpu_s"] < CPU_S
    assert found["grown_MB"] < GROWTH_MB


def memory_of(process: psutil.Process) -> int:
    return int(process.memory_info().rss)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process on Windows")
def test_nested_loops_run_in_flat_memory(tmp_path: Path) -> None:
    """A running process of 100^5 iterations; Ctrl-C ends it through the safe path."""
    protocol = write(tmp_path, nested_loops(5, 100, "rest: 1 min"))
    data = tmp_path / "data"
    process = running.start_labctl(
        "run", protocol, "--cell", "na-cu-half", "--data", data, "--json"
    )
    try:
        watched = psutil.Process(process.pid)
        early_steps, early = wait_for_steps(data, 800), memory_of(watched)
        later_steps, later = wait_for_steps(data, early_steps + 600), memory_of(watched)
        assert later_steps >= early_steps + 600
        assert later - early < GROWTH_MB * 1e6
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, errors
    assert json.loads(out)["outcome"] == "stopped"


def wait_for_steps(data: Path, count: int) -> int:
    """Return when so many steps are in the journal; pytest's timeout ends a vain wait."""
    while True:
        for folder in data.glob("*/"):
            with contextlib.suppress(JournalError):
                with Reader(folder) as reader:
                    steps = sum(event.kind == "step_ended" for event in reader.events())
                if steps >= count:
                    return steps
        threading.Event().wait(0.05)


def test_a_step_without_an_end_is_refused(tmp_path: Path) -> None:
    protocol = write(tmp_path, LOOPS.format(nested="  - rest: 1 min\n  - plate: 0.1 mA/cm2"))
    done = running.labctl("run", protocol, "--cell", "na-cu-half", "--data", tmp_path / "data")
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert re.search(r"protocol\.yaml:7:\d+: ", line), line
    assert not (tmp_path / "data").exists(), "nothing was driven, so there is no run"
