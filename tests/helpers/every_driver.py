"""One library protocol on every driver that can run it, each on its own simulated instrument."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from helpers import running
from helpers.pc_dies import DRIVERS, ratings_of
from labctl.bench import default_bench

PROTOCOL, CELL, LABEL = "na-cu-reservoir-ce", "na-cu-half", "reservoir"
SHORT: Mapping[str, str] = {
    "portions": "1", "reservoir": "0.1 mAh/cm2", "portion": "0.05 mAh/cm2",
    "wetting": "1 min",
}  # fmt: skip
CE = 0.97
CAN = [name for name in DRIVERS if "current" in ratings_of(name).modes]
"""Those that are galvanostats, as the protocol needs one."""


class Same(NamedTuple):
    """What a driver found of the cell, its uncertainty (k = 2), and what the cell knows; in %."""

    driver: str
    ce: float
    u_ce: float
    ledger_ce: float


def run_on(driver: str, folder: Path) -> Same:
    """In memory and virtual time, with an instrument that is off as much as its maker allows."""
    result = running.run(
        PROTOCOL,
        CELL,
        folder / driver,
        parameters=SHORT,
        model={"ce": CE},
        seed=5,
        bench=default_bench(driver),
    )
    assert result.outcome == "completed", (driver, result.reason)
    figures = running.group(result.groups, LABEL)
    ledger = running.model_group(result, LABEL)
    return Same(driver, figures["ce_percent"], figures["u_ce_percent"], ledger["ce_percent"])
