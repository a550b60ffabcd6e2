"""A simulated instrument in a process of its own, and a bench that has it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers import cli


@contextmanager
def twin_served(speed: float) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    server = subprocess.Popen(
        [sys.executable, "-m", "helpers.twin_server", str(speed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
        env=cli.ENVIRONMENT,
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip(), server
    finally:
        server.communicate(timeout=20)


def bench_at(folder: Path, resource: str) -> Path:
    bench = {
        "bench": "wire",
        "instruments": {"smu": {"driver": "keithley-2450", "resource": resource}},
        "channels": {"A1": {"instrument": "smu"}},
    }
    path = folder / "bench.yaml"
    path.write_text(json.dumps(bench), encoding="utf-8")
    return path
