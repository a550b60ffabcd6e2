"""The flagship and its siblings against the cell's own account (all through the whole stack)."""

from pathlib import Path
from typing import Any

import pytest
from helpers import running
from helpers.running import LibraryRun

from labctl.journal import Reader
from labctl.run.request import RunResult

WITHIN_PERCENT = 0.05
"""What an instrument without errors of its own may add: sampling, noise, quantisation."""


def check_against_the_ledger(result: RunResult, ce: float) -> None:
    assert result.outcome == "completed", result.reason
    figures = running.group(result.groups, "reservoir")
    ledger = running.model_group(result, "reservoir")
    assert ledger["ce_percent"] == pytest.approx(100.0 * ce, abs=1e-4)
    assert figures["ce_percent"] == pytest.approx(ledger["ce_percent"], abs=WITHIN_PERCENT)
    assert figures["first"]["charge_mAh"] == pytest.approx(ledger["plated_mAh"], rel=5e-4)
    assert figures["second"]["charge_mAh"] == pytest.approx(ledger["stripped_mAh"], rel=5e-4)


@pytest.mark.parametrize("protocol", running.RESERVOIR_CELLS)
def test_ce_is_the_models_own(protocol: str, library_run: LibraryRun) -> None:
    result = library_run(protocol)
    check_against_the_ledger(result, 0.99)
    ends = step_ends(result.folder)
    assert [each["ended"] for each in ends].count("voltage") == 2, "formation and last strip"


def test_ce_of_a_poor_electrolyte(tmp_path: Path) -> None:
    result = running.run(
        "na-cu-reservoir-ce", "na-cu-half", tmp_path, model={"ce": 0.9, "instrument_error": 0}
    )
    check_against_the_ledger(result, 0.9)


def step_ends(folder: Path) -> list[dict[str, Any]]:
    with Reader(folder) as reader:
        return [event.data for event in reader.events() if event.kind == "step_ended"]


def strips_until_exhausted(ce: float, reservoir: float, portion: float) -> int:
    """How many portions can be stripped, the one that runs dry included: metal, by hand."""
    metal = ce * reservoir
    for count in range(1, 1000):
        if metal <= portion:
            return count
        metal += ce * portion - portion
    raise AssertionError("it never runs dry")


def test_an_exhausted_reservoir_leaves_the_loop(tmp_path: Path) -> None:
    result = running.run(
        "na-cu-reservoir-ce",
        "na-cu-half",
        tmp_path,
        parameters={"portion": "0.9 mAh/cm2"},
        model={"ce": 0.7, "instrument_error": 0},
    )
    check_against_the_ledger(result, 0.7)
    ends = step_ends(result.folder)
    portions = [each for each in ends if each["step_id"] == "reservoir.2.repeat.1.strip"]
    assert len(portions) == strips_until_exhausted(0.7, 4.0, 0.9) == 9
    assert [each["ended"] for each in portions] == ["charge"] * 8 + ["voltage"]
    assert ends[-2] == portions[-1], "nothing is plated after the reservoir ran dry"
    assert ends[-1]["step_id"] == "reservoir.3.strip"
    told = running.labctl("why", result.folder)
    assert told.returncode == 0, told.stderr
    lines = [line for line in told.stdout.splitlines() if "reservoir.2.repeat.1.strip" in line]
    assert "1 V" in lines[-1]
    assert "0.9 mAh" not in lines[-1]
