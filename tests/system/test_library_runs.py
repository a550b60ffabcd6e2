"""Every protocol of the library through the whole stack, against the cell's own account.

Each is run once, shortened by its parameters where it takes long (`helpers.shelf`), on an
instrument without errors of its own; the figures come from the run, the truth from the model.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers import quick, running, shelf
from helpers.running import LibraryRun

from labctl.journal import Reader
from labctl.run.request import RunResult

WITHIN_PERCENT = 0.02
"""What sampling, noise and quantisation may add to a group's CE where there is no reason below."""

DOUBLE_LAYER_mAh = 20e-6 * 1.131 * 4.0 / 3.6
"""What charges the surface of 1.131 cm2 by 4 V at most, and is no metal."""

COARSER_PERCENT = {
    # one reading's interval, 0.2 s, is 0.6 % of a strip of 36 s at 10 mA/cm2
    ("zn-cu-preconditioning", "conditioning"): 0.6,
    # the surface's own charge is 0.2 % of the little that is plated
    ("na-cu-nucleation", "nucleation"): 0.2,
    ("zn-cu-calendar", "calendar"): 0.05,
}

FIRES = {
    name: ["soft_short_charge"]
    for name in (
        # the simulated LFP cell arrives 30 % charged: its first cycle gives back what it had
        "cccv", "power-and-resistance",
        # at 5 A/g nothing comes back until the slow cycle after it
        "zn-anode-free-rate",
    )
}  # fmt: skip
"""What detectors say of runs in which there is no fault (`soft_short_charge` only flags)."""

NO_METAL_PLATED = ("k-cu-precycle",)
"""Its conditioning only makes a film, which the model, told a CE, does not lose metal to."""


def events(result: RunResult, kind: str) -> list[Mapping[str, Any]]:
    """The data of the run's events of this kind."""
    with Reader(result.folder) as reader:
        return [event.data for event in reader.events() if event.kind == kind]


def pairs(result: RunResult) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each group's figures with the model's account between the same borders."""
    assert result.model is not None
    ledgers = result.model["groups"]
    assert isinstance(ledgers, list)
    for figures, ledger in zip(result.groups, ledgers, strict=True):
        assert figures["label"] == ledger["label"]
        yield figures, ledger


def charge(half: Mapping[str, Any] | None) -> float:
    return 0.0 if half is None else half["charge_mAh"]


def plated_and_stripped(result: RunResult, figures: Mapping[str, Any]) -> tuple[float, float]:
    """What the figures say was plated and stripped: a symmetric cell strips its positive first."""
    first, second = charge(figures["first"]), charge(figures["second"])
    return (second, first) if is_symmetric(result) else (first, second)


def is_symmetric(result: RunResult) -> bool:
    with Reader(result.folder) as reader:
        return bool(reader.manifest()["cell"]["kind"] == "symmetric")


def test_the_suite_runs_each_protocol_once(
    library_run: LibraryRun, request: pytest.FixtureRequest
) -> None:
    """xdist tells groups by the names of tests, and does not say so when that fails."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        assert request.node.nodeid.endswith("@library")


@pytest.mark.parametrize("protocol", shelf.EVERY)
def test_it_completes_and_the_model_lost_what_it_was_told_to(
    protocol: str, library_run: LibraryRun
) -> None:
    result = library_run(protocol)
    assert (result.outcome, result.exit_code) == ("completed", 0), result.reason
    assert events(result, "limit") == events(result, "fault") == []
    fired = [str(each["name"]) for each in events(result, "detector")]
    assert fired == FIRES.get(protocol, [])
    assert result.model is not None
    told = shelf.model(protocol)
    plated, lost = result.model["plated_mAh"], result.model["lost_mAh"]
    assert isinstance(plated, float)
    assert plated > 0.0
    if told.keys() == {"ce"}:
        assert lost == pytest.approx((1 - told["ce"]) * plated, rel=1e-9)


@pytest.mark.parametrize("protocol", shelf.EVERY)
def test_every_group_is_the_models(protocol: str, library_run: LibraryRun) -> None:
    result = library_run(protocol)
    for figures, ledger in pairs(result):
        label = figures["label"]
        if protocol in NO_METAL_PLATED and label == "conditioning":
            continue
        within = COARSER_PERCENT.get((protocol, label), WITHIN_PERCENT)
        plated, stripped = plated_and_stripped(result, figures)
        most = 1e-2 * within * max(plated, stripped) + DOUBLE_LAYER_mAh
        assert plated == pytest.approx(ledger["plated_mAh"], abs=most), label
        assert stripped == pytest.approx(ledger["stripped_mAh"], abs=most), label
        assert not (is_symmetric(result) and figures["ce_percent"] is not None), label
        if figures["ce_percent"] is not None:
            error = abs(figures["ce_percent"] - ledger["ce_percent"])
            assert error <= within * max(1.0, figures["ce_percent"] / 100.0), label


@pytest.mark.campaign
@pytest.mark.parametrize("protocol", ["li-cu-calendar", "na-seed-layer", "zn-plain-ce"])
def test_an_instrument_within_its_specification_is_within_u(protocol: str, tmp_path: Path) -> None:
    result = running.run_of_library(protocol, tmp_path, instrument_error=1.0)
    assert result.outcome == "completed", result.reason
    checked = [(figures, ledger["ce_percent"]) for figures, ledger in pairs(result)]
    if not checked:
        assert result.model is not None
        checked = [(cycle, result.model["ce_percent"]) for cycle in result.cycles]
    for figures, truth in checked:
        assert abs(figures["ce_percent"] - truth) <= figures["u_ce_percent"]


LONG = (
    "k-anode-free-formation-cycling", "li-anode-free-cycle-life", "li-nmc-ici",
    "na-anode-free-cycle-life", "na-anode-free-formation-cycling", "na-anode-free-rate",
    "na-cu-plain-ce", "na-cu-voltammetry", "na-over-metallated", "na-recovery-strip",
    "na-sacrificial-additive", "na-seed-layer", "na-third-electrode",
    "zn-anode-free-formation-cycling", "zn-anode-free-rate", "zn-cu-preconditioning",
    "zn-plain-ce", "zn-symmetric-cycling", "cccv",
    "zn-anode-free-preconditioning",
)  # fmt: skip
"""Whose whole length costs seconds of host time each: `benchmarks/library.py --durations`."""


@pytest.mark.parametrize("protocol", sorted(shelf.CELLS.keys() - set(LONG)))
def test_it_takes_as_long_as_its_file_says(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stated = shelf.stated(protocol)
    elapsed_s = quick.elapsed_s(protocol, stated.cell, monkeypatch)
    assert elapsed_s == pytest.approx(stated.duration_s, rel=0.2)


def test_the_quick_clock_is_that_of_the_whole_stack(
    library_run: LibraryRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = library_run("na-critical-current")
    with Reader(result.folder) as reader:
        elapsed_s = max(event.t_s for event in reader.events())
    parameters = shelf.short("na-critical-current")
    cell = shelf.CELLS["na-critical-current"]
    quickly_s = quick.elapsed_s("na-critical-current", cell, monkeypatch, parameters)
    assert quickly_s == pytest.approx(elapsed_s, rel=0.01)
