"""A short reservoir test on served simulators: a 2450 over TCP or HiSLIP, a 2400 over a pty."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from helpers import running

PROTOCOL, CELL = "na-cu-reservoir-ce", "na-cu-half"
DRIVERS = {"tcp": "keithley-2450", "hislip": "keithley-2450", "pty": "keithley-2400"}
MINUTES = {
    8: {
        "j": "4 mA/cm2", "reservoir": "0.1 mAh/cm2", "portion": "0.02 mAh/cm2", "portions": "2",
        "wetting": "30 s",
    },
    60: {
        "j": "2 mA/cm2", "reservoir": "0.4 mAh/cm2", "portion": "0.1 mAh/cm2", "portions": "2",
        "wetting": "2 min",
    },
}  # fmt: skip
"""Parameters of the flagship → how long its current flows: four reservoirs and two portions."""


class Found(NamedTuple):
    """The reservoir group's CE and its stated uncertainty (k = 2), in percent."""

    ce: float
    u_ce: float

    def agrees_with(self, other: "Found") -> bool:
        """Within the uncertainty of the difference."""
        return abs(self.ce - other.ce) <= (self.u_ce**2 + other.u_ce**2) ** 0.5


def found_in(document: Mapping[str, Any]) -> Found:
    """Of a run's result as `labctl run --json` tells it."""
    assert document["outcome"] == "completed", document["reason"]
    figures = running.group(document["groups"], "reservoir")
    return Found(figures["ce_percent"], figures["u_ce_percent"])


def bench_file(folder: Path, serve: str, resource: str, model: Mapping[str, float]) -> Path:
    """A bench with one instrument, served as said, at this address; free ports are found."""
    where = {"cell": CELL, "serve": serve, "parameters": dict(model), "seed": 7}
    if serve != "pty":
        where["port"] = 0
    instrument = {"driver": DRIVERS[serve], "resource": resource, "simulate": where}
    if serve == "hislip":
        instrument["visa_library"] = "@py"
    bench = {
        "bench": "wire",
        "instruments": {"smu": instrument},
        "channels": {"A1": {"instrument": "smu"}},
    }
    path = folder / f"{serve}-{len(list(folder.glob('*.yaml')))}.yaml"
    path.write_text(json.dumps(bench), encoding="utf-8")
    return path


UNSERVED = {
    "tcp": "TCPIP::127.0.0.1::5025::SOCKET",
    "hislip": "TCPIP::127.0.0.1::hislip0::INSTR",
    "pty": "ASRL/dev/ttyUSB0::INSTR",
}


@contextmanager
def served(
    folder: Path, serve: str, model: Mapping[str, float], speed: str = "60x"
) -> Iterator[Path]:
    """Serve the twin; gives a bench file with the address at which it answers."""
    with running.simulating(
        bench_file(folder, serve, UNSERVED[serve], model), "--speed", speed
    ) as at:
        yield bench_file(folder, serve, at["smu"], model)


def run_words(bench: Path, data: Path, minutes: int) -> list[str]:
    """`labctl run …` on a served bench."""
    pairs = [word for name, value in MINUTES[minutes].items() for word in ("-p", f"{name}={value}")]
    words = ["run", PROTOCOL, "--cell", CELL, "--bench", str(bench), "--channel", "A1"]
    return [*words, "--speed", "60x", "--data", str(data), "--json", *pairs]
