"""The same protocol on the same simulated cell by every source-measure unit: one CE.

The instruments are as far off as their makers allow (drawn by the seed), each in its own way.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers import running

from labctl.bench import default_bench

OTHERS = ("keithley-2400", "keithley-2600", "keysight-b2900")
SHORT = {"reservoir": "0.2 mAh/cm2", "portion": "0.1 mAh/cm2", "portions": "1"}


def figures_by(driver: str, data: Path) -> Mapping[str, tuple[float, float, float]]:
    """CE, its uncertainty and the cell's own CE of each group, %."""
    result = running.run(
        "na-cu-reservoir-ce",
        "na-cu-half",
        data,
        parameters=SHORT,
        model={"ce": 0.98},
        bench=default_bench(driver),
    )
    assert result.outcome == "completed", result.reason
    found = {}
    for each in result.groups:
        truth: Any = running.model_group(result, str(each["label"]))["ce_percent"]
        ce, error = float(str(each["ce_percent"])), float(str(each["u_ce_percent"]))
        found[str(each["label"])] = (ce, error, float(truth))
    return found


@pytest.fixture(scope="module")
def by_2450(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[float, float, float]]:
    return figures_by("keithley-2450", tmp_path_factory.mktemp("by-2450"))


@pytest.mark.xdist_group("ce across drivers")
@pytest.mark.parametrize("driver", OTHERS)
def test_every_driver_gives_the_same_ce(
    driver: str, by_2450: Mapping[str, tuple[float, float, float]], tmp_path: Path
) -> None:
    figures = figures_by(driver, tmp_path)
    assert set(figures) == {"formation", "reservoir"}
    for label, (ce, error, truth) in figures.items():
        other, other_error, _ = by_2450[label]
        assert 0.0 < error < 0.2
        assert abs(ce - truth) <= error, label
        assert abs(ce - other) <= error + other_error, label
