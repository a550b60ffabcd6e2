"""The library's protocols as tests run them: on which cell, how shortened, on what model."""

import re
from dataclasses import dataclass

import pytest

from labctl_protocols import library

_STATED = re.compile(r"^# expected duration: ((?:\d+ (?:d|h|min) ?)+) ?on ([\w-]+)$", re.MULTILINE)
_SECONDS = {"d": 86400.0, "h": 3600.0, "min": 60.0}


@dataclass(frozen=True, slots=True)
class Stated:
    """What a protocol's file says of itself: how long it takes, on which cell of the library."""

    duration_s: float
    cell: str


def stated(protocol: str) -> Stated:
    """The comment `# expected duration: 3 d 8 h on na-cu-half` of a library protocol."""
    (found,) = _STATED.findall(library.text_of("protocols", protocol)[1])
    parts = found[0].split()
    amounts = zip(parts[::2], parts[1::2], strict=True)
    return Stated(sum(float(n) * _SECONDS[unit] for n, unit in amounts), found[1])


CELLS = {name: stated(name).cell for name in library.names("protocols")}
"""Every protocol of the library → the cell of the library that it is meant for."""

FEW = ("na-cu-reservoir-ce", "na-anode-free-preplated", "na-symmetric-cycling")
"""A half cell, a full cell and a symmetric one."""

EVERY = [
    protocol if protocol in FEW else pytest.param(protocol, marks=pytest.mark.campaign)
    for protocol in CELLS
]
"""For tests that look at a run of each: the suite runs a few of them, the campaign the others."""

SHORT: dict[str, dict[str, str]] = {
    "k-cu-reservoir-ce": {"j": "1 mA/cm2"},
    "li-cu-reservoir-ce": {"j": "2 mA/cm2"},
    "k-cu-precycle": {"cycles": "2", "conditioning": "2"},
    "cccv": {"cycles": "2"},
    "na-anode-free-formation-cycling": {
        "formation_rate": "1C", "charge_rate": "1C", "discharge_rate": "1C", "cycles": "2",
    },
    "na-cu-plain-ce": {"cycles": "3", "j": "2 mA/cm2"},
    "zn-plain-ce": {"cycles": "3"},
    "zn-cu-preconditioning": {"deposits": "5"},
    "na-cu-nucleation": {"charge": "0.01 mAh/cm2"},
    "na-cu-voltammetry": {
        "low": "-0.1 V", "high": "0.3 V", "rate": "20 mV/s", "step": "5 mV", "cycles": "2",
    },
    "li-cu-calendar": {"j": "2 mA/cm2", "cycles": "1"},
    "zn-cu-calendar": {"cycles": "2"},
    "li-sand-time": {"longest": "10 min", "pause": "5 min"},
    "zn-anode-free-critical-rate": {"cycles": "1"},
    "zn-anode-free-preconditioning": {"deposits": "3", "cycles": "1", "rate": "2C"},
    "na-symmetric-cycling": {"cycles": "3", "j": "2 mA/cm2"},
    "zn-symmetric-cycling": {"cycles": "1", "charge": "0.2 mAh/cm2"},
    "na-critical-current": {"steps": "5", "time": "5 min"},
    "li-critical-current": {"steps": "4", "charge": "0.1 mAh/cm2"},
    "na-anode-free-cycle-life": {
        "formation_rate": "2C", "rate": "2C", "test_rate": "2C", "block": "2", "end": "97 %",
    },
    "li-anode-free-cycle-life": {
        "formation_rate": "1C", "rate": "1C", "test_rate": "1C", "block": "1", "blocks": "2",
    },
    "k-anode-free-formation-cycling": {
        "formation_rate": "1C", "formations": "1", "rate": "1C", "cycles": "2",
    },
    "zn-anode-free-formation-cycling": {"formation": "2 mA/cm2", "cycles": "2"},
    "na-anode-free-rate": {"formation_rate": "2C", "charge_rate": "2C", "cycles": "1"},
    "zn-anode-free-rate": {"cycles": "1"},
    "na-nvp-gitt": {
        "formation_rate": "2C", "rate": "1C", "pulse": "10 min", "settle": "30 min",
    },
    "hppc": {"share": "25 %", "settle": "10 min", "charge_rate": "1C", "discharge_rate": "1C"},
    "li-nmc-ici": {"rate": "1C"},
    "power-and-resistance": {"rate": "2C", "power": "10 mW", "load": "500 ohm"},
    "na-sacrificial-additive": {"rate": "1C", "charge_rate": "2C", "cycles": "2"},
    "na-over-metallated": {"slow": "1C", "rate": "2C", "block": "2", "blocks": "1"},
    "na-third-electrode": {
        "formation_rate": "2C", "rate": "2C", "supply_rate": "1C", "cycles": "4",
    },
    "na-recovery-strip": {
        "formation_rate": "2C", "rate": "2C", "block": "2", "blocks": "1", "wait": "2 h",
    },
    "na-seed-layer": {
        "formation_rate": "2C", "rate": "2C", "test_rate": "2C", "block": "2", "blocks": "1",
    },
}  # fmt: skip
"""What makes the long ones short enough for a test; their structure stays."""

FULL_LENGTH_WETTING = ("na-cu-reservoir-ce", "zn-cu-reservoir-ce")


def short(protocol: str) -> dict[str, str]:
    """The parameters with which tests run a library protocol."""
    given = dict(SHORT.get(protocol, {}))
    text = library.text_of("protocols", protocol)[1]
    if "wetting:" in text and protocol not in FULL_LENGTH_WETTING:
        given["wetting"] = "10 min"
    return given


CE = 0.99
MODELS: dict[str, dict[str, float]] = {
    # what its calendar tests look for
    "li-cu-calendar": {"self_discharge_per_h": 1e-3},
    "zn-cu-calendar": {"corrosion_mA_cm2": 0.005},
    # enough loss to need metal within four cycles
    "na-third-electrode": {"ce": 0.93},
    "na-recovery-strip": {"recovery_per_h": 0.05},
}


def model(protocol: str) -> dict[str, float]:
    """The cell model's parameters in tests: a plating CE of 0.99 where there is any metal."""
    if CELLS[protocol] == "lfp-graphite":
        return {}
    return {"ce": CE, **MODELS.get(protocol, {})}
