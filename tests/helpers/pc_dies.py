"""`labctl` is killed in mid-step; its instruments are alone with their cells for ten hours (S2).

Every driver in every mode in which it can drive a cell: one `labctl batch`, on instruments in a
process of their own, over TCP or a pseudo-terminal.
"""

import json
import subprocess
import time
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

from helpers import cli
from helpers.processes import bench_at, exposed, twins_served
from helpers.twin_server import CELL
from labctl.bench.settings import is_auxiliary
from labctl.journal import JournalError, Reader, list_runs
from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.vocabulary import Mode, Ratings

HOURS = 10.0
LIMITS_V = (-0.5, 1.5)
LIMIT_A = 2.5e-3
SPEED = 3.0
ENOUGH_READINGS = 3
PROTOCOL = """\
name: {name}
cell: {{kind: half, metal: Na}}
{top}limits: {{voltage: -0.5 V .. 1.5 V, current: {limit_mA:g} mA}}
record: every 1 s
steps:
  - {step}
"""
SPARSE: Mapping[tuple[str, str], Mapping[str, float]] = {
    (driver, "CC-CV"): {"interval_s": 2.0} for driver in ("emstat4", "nexus")
}
"""Options with which ten hours of a hold, which they go on with, take seconds here."""


class Step(NamedTuple):
    """The step in its protocol, how it drives, and the most current and charge that it asks for."""

    text: str
    mode: Mode
    most_A: float
    most_Ah: float | None = None


STEPS = {
    "strip": Step("strip: 0.4 mA/cm2 until 5 mAh/cm2", "current", 0.4e-3, 5e-3),
    "plate": Step("plate: 0.4 mA/cm2 until 0.04 mAh/cm2", "current", 0.4e-3, 0.04e-3),
    "CC-CV": Step(
        "strip: 0.4 mA/cm2 until 0.5 V or 1 h then hold until 0.1 uA or 10 min", "current", 0.4e-3
    ),
    "hold": Step("hold: 20 mV until 0.1 uA or 5 min", "voltage", LIMIT_A),
    "sweep": Step("sweep: {from: 0 V, to: [60 mV, -60 mV, 0 V], rate: 0.2 mV/s}", "sweep", LIMIT_A),
    "rest": Step("rest: 5 min", "rest", 0.0),
}
"""The cell has 0.04 mAh to strip: `strip` runs into the limit, `CC-CV` into its hold."""


def ratings_of(driver: str) -> Ratings:
    """Of the family's base model."""
    (found,) = entry_points(group="labctl.drivers", name=driver)
    ratings: Ratings = found.load()(Link(MemoryTransport(None))).ratings  # type: ignore[arg-type]  # never opened
    return ratings


def _mode(driver: str, name: str) -> Mode | None:
    """How the driver does this step; None when it cannot. Any source can sweep from the PC."""
    ratings, mode = ratings_of(driver), STEPS[name].mode
    if mode == "sweep" and "sweep" not in ratings.modes:
        mode = "voltage"
    return mode if mode in ratings.modes else None


DRIVERS = sorted(n for n in entry_points(group="labctl.drivers").names if not is_auxiliary(n))
CAN = [(driver, name) for driver in DRIVERS for name in STEPS if _mode(driver, name)]
UNGUARDED = [
    (driver, name) for driver, name in CAN if _mode(driver, name) in ratings_of(driver).unguarded
]
GUARDED = [place for place in CAN if place not in UNGUARDED]


def write_protocol(folder: Path, driver: str, name: str, top: str = "") -> str:
    """One step as a protocol, and the cell beside it; gives its file. `top` stands at the top."""
    limit_mA = 1e3 * min(LIMIT_A, ratings_of(driver).max_current_A)
    text = PROTOCOL.format(name=name, step=STEPS[name].text, top=top, limit_mA=limit_mA)
    (folder / f"{driver}-{name}.yaml").write_text(text, encoding="utf-8")
    (folder / "cell.yaml").write_text(CELL, encoding="utf-8")
    return f"{driver}-{name}.yaml"


def ten_hours_alone(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """By driver and step: what its cell was exposed to, from before the step until long after."""
    names = {place: f"{place[0]}-{place[1]}" for place in GUARDED}
    drivers = {name: driver for (driver, _), name in names.items()}
    runs = [
        {"channel": name, "cell": "cell.yaml", "protocol": write_protocol(folder, *place)}
        for place, name in names.items()
    ]
    batch = {"bench": "bench.yaml", "runs": runs}
    (folder / "batch.yaml").write_text(json.dumps(batch), encoding="utf-8")
    most_A = {name: STEPS[step].most_A for (_, step), name in names.items()}
    with twins_served(SPEED, drivers, LIMITS_V, most_A) as (places, server):
        bench_at(folder, places, drivers, {n: SPARSE.get(p, {}) for p, n in names.items()})
        words = ["batch", "batch.yaml", "--speed", f"{SPEED:g}x", "--data", "data"]
        process = cli.started(words, folder)
        try:
            _wait_until_all_drive(folder / "data", process)
        finally:
            process.kill()
            process.communicate()
        told = exposed(server, HOURS)
    return {place: told[name] for place, name in names.items()}


def _wait_until_all_drive(data: Path, process: "subprocess.Popen[str]") -> None:
    """Every run has a few readings of its step and has not ended."""
    end = time.monotonic() + 90.0
    seen: Mapping[str, int] = {}
    while len(seen) < len(GUARDED) or min(seen.values()) < ENOUGH_READINGS:
        assert time.monotonic() < end, (seen, process.kill(), process.communicate())
        assert process.poll() is None, process.communicate()
        time.sleep(0.3)
        seen = {run.name: _readings_in(run) for run in list_runs(data)}


def _readings_in(run: Path) -> int:
    """None yet where its journal is only just being made."""
    try:
        with Reader(run) as reader:
            closing = reader.closing()
            assert closing is None, (run.name, closing)
            return sum(1 for _ in reader.readings())
    except JournalError:
        return 0
