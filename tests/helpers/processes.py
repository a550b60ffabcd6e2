"""Simulated instruments in a process of their own, and a bench that has them."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from helpers import cli

SMU = {"A1": "keithley-2450"}
Places = Mapping[str, Mapping[str, Any]]


@contextmanager
def twins_served(
    speed: float,
    drivers: Mapping[str, str] = SMU,
    limits_V: tuple[float, float] = (-0.5, 1.5),
    most_A: Mapping[str, float] | None = None,
) -> Iterator[tuple[Places, "subprocess.Popen[str]"]]:
    """The twins of these drivers by name: where each answers, and their process."""
    limits = {name: [*limits_V, (most_A or {}).get(name, 1.0)] for name in drivers}
    words = [str(speed), json.dumps(drivers), json.dumps(limits)]
    server = subprocess.Popen(
        [sys.executable, "-m", "helpers.twin_server", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
        env=cli.ENVIRONMENT,
    )
    assert server.stdout is not None
    try:
        yield json.loads(server.stdout.readline()), server
    finally:
        server.communicate(timeout=20)


def bench_at(
    folder: Path,
    places: Places,
    drivers: Mapping[str, str] = SMU,
    options: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> Path:
    """A bench file for these; each instrument's channel has the instrument's name."""
    bench = {
        "bench": "wire",
        "instruments": {
            name: {"driver": driver, **places[name], **options.get(name, {})}
            for name, driver in drivers.items()
        },
        "channels": {name: {"instrument": name} for name in drivers},
    }
    path = folder / "bench.yaml"
    path.write_text(json.dumps(bench), encoding="utf-8")
    return path


def exposed(server: "subprocess.Popen[str]", hours: float) -> dict[str, Any]:
    """What each cell was exposed to once these hours have passed after its client had gone."""
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(f"{hours}\n")
    server.stdin.flush()
    told: dict[str, Any] = json.loads(server.stdout.readline())
    return told
