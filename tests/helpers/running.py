"""Runs through the public surfaces: `labctl` as a subprocess, and `conduct` where speed matters."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from helpers import shelf
from labctl.bench import Bench, default_bench, default_channels
from labctl.run.conduct import conduct
from labctl.run.request import RunRequest, RunResult
from labctl_protocols.files import load_cell, load_protocol

EXACT = {"ce": 0.99, "instrument_error": 0.0}


def run_of_library(protocol: str, data: Path, instrument_error: float = 0.0) -> RunResult:
    """A library protocol on its cell, shortened; on an instrument without errors, if not told."""
    return run(
        protocol,
        shelf.CELLS[protocol],
        data,
        parameters=shelf.short(protocol),
        model={**shelf.model(protocol), "instrument_error": instrument_error},
        yes=True,
    )


LibraryRun = Callable[[str], RunResult]
"""Gives the run of a library protocol that the whole session shares."""


def request_of(
    protocol: str | Path,
    cell: str | Path,
    data: Path,
    *,
    parameters: Mapping[str, str] | None = None,
    model: Mapping[str, float] | None = None,
    seed: int = 0,
    model_name: str | None = None,
    transcript: Path | None = None,
    bench: Bench | None = None,
    yes: bool = False,
    capture: Path | None = None,
) -> RunRequest:
    """What `labctl run` makes of the same words, on the simulated bench in virtual time."""
    record = load_cell(str(cell))
    roles = tuple(record.terminals) or ("main",)
    chosen = bench or default_bench(roles=roles)
    return RunRequest(
        protocol=load_protocol(str(protocol)),
        cell=record,
        bench=chosen,
        channels=default_channels(roles) if bench is None else {"main": next(iter(bench.channels))},
        parameters=parameters or {},
        data=data,
        model=model_name,
        model_parameters=model or {},
        seed=seed,
        transcript=transcript,
        yes=yes,
        capture=capture,
    )


def run(protocol: str | Path, cell: str | Path, data: Path, **options: Any) -> RunResult:
    """Conduct a run in this process."""
    return conduct(request_of(protocol, cell, data, **options))


def labctl(
    *arguments: str | Path, cwd: Path | None = None, timeout_s: float = 110.0
) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "labctl", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout_s,
        cwd=cwd,
        env=_environment(),
    )


def start_labctl(*arguments: str | Path) -> "subprocess.Popen[str]":
    """The command in a process of its own, under way; its output is piped."""
    return subprocess.Popen(
        [sys.executable, "-m", "labctl", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=_environment(),
    )


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LABCTL_")}
    return {**kept, "PYTHONUTF8": "1"}


def document(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    """The JSON document of a command that completed."""
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def simulating(bench: Path, *arguments: str | Path, count: int = 1) -> Iterator[dict[str, str]]:
    """`labctl simulate BENCH …` while the block is open; gives instrument → resource."""
    server = start_labctl("simulate", bench, *arguments)
    assert server.stdout is not None
    assert server.stderr is not None
    try:
        resources = {}
        for _ in range(count):
            line = server.stdout.readline()
            assert line, server.stderr.read()
            told = json.loads(line)
            resources[told["instrument"]] = told["resource"]
        yield resources
    finally:
        server.terminate()
        server.communicate(timeout=20)


def group(figures: Sequence[Mapping[str, Any]], label: str) -> Mapping[str, Any]:
    """The one group of this label."""
    (found,) = [each for each in figures if each["label"] == label]
    return found


def model_group(result: RunResult, label: str) -> Mapping[str, Any]:
    """The cell's own account of the one group of this label."""
    assert result.model is not None
    groups = result.model["groups"]
    assert isinstance(groups, list)
    return group(groups, label)
