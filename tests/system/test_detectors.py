"""Detectors in whole runs: the simulated cell that triggers one, and the healthy one that must not.

Thresholds are tried in tests/unit/engine/test_detect_*.py; every detector's table is printed by
benchmarks/detectors.py.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers.running import run

from labctl.journal import Reader

HALF = """
name: three-cycles
cell: {kind: half, metal: Na}
start: {voltage: -0.1 V .. 3 V}
limits: {voltage: -0.5 V .. 1.5 V, current: 5 mA}
record: every 10 s or 5 mV
detectors: {%s}
steps:
  - repeat: 3
    steps:
      - plate: 1 mA/cm2 until 0.1 mAh/cm2
      - strip: 1 mA/cm2 until 0.5 V or 1.2 * deposit
"""
SYMMETRIC = """
name: six-halves
cell: {kind: symmetric}
limits: {voltage: -1 V .. 1 V, current: 5 mA}
record: every 10 s or 5 mV
detectors: {%s}
steps:
  - repeat: 3
    steps:
      - charge: 1 mA/cm2 until 6 min
      - discharge: 1 mA/cm2 until 6 min
"""
FULL = """
name: three-charges
cell: {kind: anode-free, metal: Na}
limits: {voltage: 1.7 V .. 4.0 V, current: 10 mA}
record: every 10 s or 5 mV
detectors: {%s}
steps:
  - repeat: 3
    steps:
      - charge: 4 mA/cm2 until 3.8 V or 1 h
      - discharge: 4 mA/cm2 until 2 V or 1 h
"""
MID_h = 0.25
"""In the second plate, or the second charge of a symmetric cell."""
HARD: dict[str, float] = {"hard_short_at_h": MID_h, "hard_short_S": 10.0}


def told(
    folder: Path, text: str, cell: str, model: Mapping[str, float] | None = None, policies: str = ""
) -> tuple[Any, list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The run's result, what its detectors told, and its cycles."""
    protocol = folder / "protocol.yaml"
    protocol.write_text(text % policies, encoding="utf-8")
    result = run(protocol, cell, folder, model=model)
    with Reader(result.folder) as reader:
        events = list(reader.events())
    found = [event.data for event in events if event.kind == "detector"]
    return result, found, [event.data for event in events if event.kind == "cycle"]


@pytest.mark.parametrize(
    ("text", "cell"),
    [(HALF, "na-cu-half"), (SYMMETRIC, "na-symmetric"), (FULL, "na-nvp-anode-free")],
)
def test_a_healthy_cell_is_left_alone(text, cell, tmp_path) -> None:
    result, found, cycles = told(tmp_path, text, cell)
    assert (result.outcome, result.exit_code, found) == ("completed", 0, [])
    assert [cycle["flags"] for cycle in cycles] == [[]] * 3


@pytest.mark.parametrize(
    ("text", "cell", "at_h"),
    [
        (HALF, "na-cu-half", MID_h),
        (SYMMETRIC, "na-symmetric", MID_h),
        (FULL, "na-nvp-anode-free", 0.9),
    ],
)
def test_a_hard_short_ends_the_run(text, cell, at_h, tmp_path) -> None:
    model = {"hard_short_at_h": at_h, "hard_short_S": 10.0}
    result, found, _ = told(tmp_path, text, cell, model)
    assert (result.outcome, result.exit_code) == ("detector", 3)
    assert [each["name"] for each in found][-1] == "hard_short"
    assert result.reason == found[-1]["text"]
    with Reader(result.folder) as reader:
        last = list(reader.readings())[-1]
        off = [event.data for event in reader.events() if event.kind == "output"][-1]
    # within one reading interval and the ten seconds that a wire must last
    assert 0.0 <= last.t_s - at_h * 3600 <= 21.0
    assert off == {"on": False, "read_back": True}


def test_the_protocol_s_word_on_a_hard_short(tmp_path) -> None:
    policies = "hard_short: flag, soft_short_step: ignore, soft_short_charge: ignore"
    result, found, cycles = told(tmp_path, HALF, "na-cu-half", HARD, policies)
    assert result.outcome == "completed"
    names = {each["name"] for each in found}
    assert "hard_short" in names
    assert not {"soft_short_step", "soft_short_charge"} & names
    assert [("hard short" in cycle["flags"]) for cycle in cycles] == [False, True, True]


def test_a_contact_lost_while_plating_until_a_charge(tmp_path) -> None:
    result, found, _ = told(tmp_path, HALF, "na-cu-half", {"contact_lost_at_h": MID_h})
    assert (result.outcome, result.exit_code) == ("detector", 3)
    assert [each["name"] for each in found] == ["contact_loss"]
    assert "without a current" in result.reason


def test_a_soft_short_in_an_anode_free_cell_is_flagged_by_its_charge(tmp_path) -> None:
    # 0.25 mS at 3.45 V draw 0.86 of 4.5 mA: a charge passes 1 / (1 − 0.19) = 1.24 times as much
    short = {"soft_short_S": 2.5e-4, "soft_short_at_h": 0.72}
    result, found, cycles = told(tmp_path, FULL, "na-nvp-anode-free", short)
    assert result.outcome == "completed"
    assert [(each["name"], each["cycle"]) for each in found if each["cycle"] == 2] == [
        ("soft_short_charge", 2)
    ]
    assert "more out than in" in cycles[1]["flags"]
    passed = cycles[1]["first"]["charge_Ah"] / cycles[0]["second"]["charge_Ah"]
    assert passed == pytest.approx(1 / (1 - 2.5e-4 * 3.45 / 4.524e-3), rel=0.02)
