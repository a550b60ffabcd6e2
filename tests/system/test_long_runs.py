"""Long library protocols through the whole stack, against the cell's own account."""

from collections.abc import Mapping
from typing import Any

import pytest
from helpers import running
from helpers.running import LibraryRun

from labctl.run.request import RunResult


def both_halves(figures: Mapping[str, Any], ledger: Mapping[str, Any]) -> None:
    """Charges and CE of a group or cycle against the ledger's between the same borders."""
    assert figures["first"]["charge_mAh"] == pytest.approx(ledger["plated_mAh"], rel=3e-4)
    assert figures["second"]["charge_mAh"] == pytest.approx(ledger["stripped_mAh"], rel=3e-4)
    error = abs(figures["ce_percent"] - ledger["ce_percent"])
    assert error <= figures["u_ce_percent"]
    assert error <= 0.01


def check_formation_cycling(result: RunResult, cycles: int) -> None:
    assert result.model is not None
    ledgers = result.model["groups"]
    assert isinstance(ledgers, list)
    labels = ["formation"] + ["cycling"] * cycles
    assert [each["label"] for each in result.groups] == labels
    assert [each["label"] for each in ledgers] == labels
    for figures, ledger in zip(result.groups, ledgers, strict=True):
        both_halves(figures, ledger)
    by_class = [each["class"] for each in result.cycles]
    assert by_class == ["formation"] * 2 + ["cycle"] * cycles
    # each group `cycling` is one cycle, so the ledger has each cycle's CE too
    for figures, ledger in zip(result.cycles[2:], ledgers[1:], strict=True):
        both_halves(figures, ledger)
    # an anode-free cell gives back what was plated, less what is lost: nothing else is in it
    charges = [each["first"]["charge_mAh"] for each in result.cycles[1:]]
    before = [each["second"]["charge_mAh"] for each in result.cycles[:-1]]
    assert charges == pytest.approx(before, rel=2e-3)


def test_anode_free_formation_and_cycling(library_run: LibraryRun) -> None:
    check_formation_cycling(library_run("na-anode-free-formation-cycling"), 2)


def test_the_current_collectors_conditioning_plates_nothing(library_run: LibraryRun) -> None:
    result = library_run("k-cu-precycle")
    ledger = running.model_group(result, "conditioning")
    assert ledger["plated_mAh"] == ledger["stripped_mAh"] == 0.0
    cycles = [each for each in result.cycles if each["class"] == "cycle"]
    assert len(cycles) == 2
    assert result.model is not None
    for half, counter in (("first", "plated_mAh"), ("second", "stripped_mAh")):
        charge = sum(each[half]["charge_mAh"] for each in cycles)
        assert charge == pytest.approx(result.model[counter], rel=5e-4)
    for each in cycles:
        assert each["ce_percent"] == pytest.approx(99.0, abs=0.05)


def test_a_pre_plated_collector_is_left_at_open_circuit(library_run: LibraryRun) -> None:
    result = library_run("na-anode-free-preplated")
    assert result.reason == "pre-plated, left at open circuit"
    ledger = running.model_group(result, "supply")
    figures = running.group(result.groups, "supply")
    assert ledger["stripped_mAh"] == 0.0
    assert ledger["plated_mAh"] == pytest.approx(1.131, rel=1e-3), "1 mAh/cm2 on 1.131 cm2"
    assert figures["first"]["charge_mAh"] == pytest.approx(ledger["plated_mAh"], rel=3e-4)
    assert figures["second"] is None


def test_cccv_counts_what_the_cell_counts(library_run: LibraryRun) -> None:
    result = library_run("cccv")
    assert result.model is not None
    for half, counter in (("first", "plated_mAh"), ("second", "stripped_mAh")):
        charge = sum(each[half]["charge_mAh"] for each in result.cycles)
        assert charge == pytest.approx(result.model[counter], rel=3e-4)
    assert [each["ce_percent"] for each in result.cycles[1:]] == pytest.approx([100.0], abs=0.01)
