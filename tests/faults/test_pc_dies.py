"""S2: `labctl` is killed in mid-step, and its instruments are alone with their cells for ten hours.

Every driver in every mode in which it can drive a cell, by one `labctl batch` on instruments in
a process of their own, over TCP or a pseudo-terminal. What counts is what the cells' models say.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from helpers import cli
from helpers.processes import bench_at, exposed, twins_served
from helpers.twin_server import CELL

from labctl.journal import JournalError, Reader, list_runs
from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.vocabulary import Mode, Ratings

pytestmark = [
    pytest.mark.xdist_group("pc-dies"),
    pytest.mark.skipif(cli.sys.platform == "win32", reason="no pseudo-terminals there"),
]
LIMIT_V = (-0.5, 1.5)
LIMIT_A = 2.5e-3
HOURS = 10.0
PROTOCOL = """\
name: {name}
cell: {{kind: half, metal: Na}}
limits: {{voltage: -0.5 V .. 1.5 V, current: 2.5 mA}}
record: every 1 s
steps:
  - {step}
"""


class Step(NamedTuple):
    """A step: its text, how it drives, and the most current that it asks for."""

    text: str
    mode: Mode
    most_A: float
    charge_Ah: float | None = None


STEPS = {
    "strip": Step("strip: 1 mA/cm2 until 5 mAh/cm2", "current", 1e-3, 5e-3),
    "plate": Step("plate: 1 mA/cm2 until 1 mAh/cm2", "current", 1e-3, 1e-3),
    "cccv": Step(
        "strip: 1 mA/cm2 until 0.5 V or 20 h then hold until 0.1 uA or 20 h", "current", 1e-3
    ),
    "hold": Step("hold: 20 mV until 0.1 uA or 20 h", "voltage", LIMIT_A),
    "sweep": Step("sweep: {from: 0 V, to: [1 V, 0 V], rate: 0.1 mV/s}", "sweep", LIMIT_A),
    "rest": Step("rest: 20 h", "rest", 1e-6),
}


def ratings_of(driver: str) -> Ratings:
    (found,) = entry_points(group="labctl.drivers", name=driver)
    ratings: Ratings = found.load()(Link(MemoryTransport(None))).ratings  # type: ignore[arg-type]  # never opened
    return ratings


DRIVERS = sorted(
    entry_points(group="labctl.drivers").names & entry_points(group="labctl.simulators").names
)
CAN = [
    (driver, name)
    for driver in DRIVERS
    for name, step in STEPS.items()
    if step.mode in ratings_of(driver).modes or step.mode == "sweep"
]


class After(NamedTuple):
    """What each cell was exposed to in the ten hours, by driver and step."""

    told: dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Iterator[After]:
    folder = tmp_path_factory.mktemp("pc-dies")
    drivers = {f"{driver}-{name}": driver for driver, name in CAN}
    for name, step in STEPS.items():
        text = PROTOCOL.format(name=name, step=step.text)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    (folder / "cell.yaml").write_text(CELL, encoding="utf-8")
    runs = [
        {"channel": f"{driver}-{name}", "cell": "cell.yaml", "protocol": f"{name}.yaml"}
        for driver, name in CAN
    ]
    (folder / "batch.yaml").write_text(json.dumps({"bench": "bench.yaml", "runs": runs}))
    with twins_served(5.0, drivers, LIMIT_V) as (places, server):
        bench_at(folder, places, drivers)
        process = cli.started(["batch", "batch.yaml", "--speed", "5x", "--data", "data"], folder)
        try:
            wait_until_all_are_driving(folder / "data", process)
        finally:
            process.kill()
            process.communicate()
        told = exposed(server, HOURS)
        yield After({place: told[f"{place[0]}-{place[1]}"] for place in CAN})


def wait_until_all_are_driving(data: Path, process: "subprocess.Popen[str]") -> None:
    """Every run has a few readings of its step and has not ended."""
    end = time.monotonic() + 60.0
    seen: list[int] = []
    while len(seen) < len(CAN) or min(seen) < 3:
        assert time.monotonic() < end, seen
        assert process.poll() is None, process.communicate()
        time.sleep(0.3)
        seen = [readings_in(run) for run in list_runs(data)]


def readings_in(run: Path) -> int:
    """None yet where its journal is only just being made."""
    try:
        with Reader(run) as reader:
            closing = reader.closing()
            assert closing is None, closing
            return sum(1 for _ in reader.readings())
    except JournalError:
        return 0


@pytest.mark.parametrize(("driver", "name"), CAN)
def test_for_ten_hours_the_cell_s_limits_hold(driver: str, name: str, after: After) -> None:
    seen = after.told[driver, name]
    print(seen)
