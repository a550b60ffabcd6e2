"""`labctl cycles RUN` against the exported readings (pandas) and the cell's own ledger."""

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from helpers import running
from helpers.running import LibraryRun

from labctl import export
from labctl.figures.run_document import figures_of_run

FULL, HALF = "na-anode-free-formation-cycling", "na-cu-reservoir-ce"
AREA_cm2 = 1.131


@pytest.fixture(scope="module")
def full(library_run: LibraryRun) -> tuple[Any, dict[str, Any], pd.DataFrame]:
    return told(library_run(FULL))


@pytest.fixture(scope="module")
def half(library_run: LibraryRun) -> tuple[Any, dict[str, Any], pd.DataFrame]:
    return told(library_run(HALF))


def told(result: Any) -> tuple[Any, dict[str, Any], pd.DataFrame]:
    document = figures_of_run(result.folder)
    return result, document, pd.read_csv(export.export_bdf_csv(result.folder).path)


def passed(frame: pd.DataFrame, label: str) -> pd.Series:
    """By how much a counter grows over each cycle's rows."""
    column = frame[label]
    cycles = frame["Cycle Count / 1"]
    return column.groupby(cycles).max() - column.groupby(cycles).min()


def test_losses_and_efficiencies_are_those_of_the_exported_counters(
    full: tuple[Any, dict[str, Any], pd.DataFrame],
) -> None:
    _, document, frame = full
    frame = frame[frame["Cycle Count / 1"] > 0]
    charged, discharged = (
        1e3 * passed(frame, f"{way} Capacity / Ah") for way in ("Charging", "Discharging")
    )
    given, taken = (passed(frame, f"{way} Energy / Wh") for way in ("Discharging", "Charging"))
    lost = charged - discharged
    for cycle in document["cycles"]:
        n = cycle["cycle"]
        assert cycle["irreversible_mAh"] == pytest.approx(lost[n], abs=2e-4)
        assert cycle["cumulative_irreversible_mAh"] == pytest.approx(lost[:n].sum(), abs=2e-4 * n)
        assert cycle["cumulative_irreversible_mAh_cm2"] == pytest.approx(
            cycle["cumulative_irreversible_mAh"] / AREA_cm2
        )
        assert cycle["energy_efficiency_percent"] == pytest.approx(
            100 * given[n] / taken[n], abs=0.02
        )
        assert cycle["voltage_efficiency_percent"] == pytest.approx(
            100 * cycle["energy_efficiency_percent"] / cycle["ce_percent"]
        )
        mean_V = taken[n] / charged[n] - given[n] / discharged[n]
        assert cycle["polarisation_V"] == pytest.approx(1e3 * mean_V, abs=3e-4)
    first, second = discharged[3], discharged[4]
    assert [cycle["retention_percent"] for cycle in document["cycles"]] == [
        None, None, 100.0, pytest.approx(100 * second / first, abs=0.01)
    ]  # fmt: skip
    assert document["retention"] == {"of": "second", "reference_cycle": 3, "n80": None}


def test_losses_and_inventory_are_the_cells_own(
    full: tuple[Any, dict[str, Any], pd.DataFrame],
) -> None:
    """The model's ledger has plated and stripped to the last electron."""
    result, document, _ = full
    assert result.model is not None
    plated_mAh, stripped_mAh = (float(result.model[f"{n}_mAh"]) for n in ("plated", "stripped"))
    totals, last = document["totals"], document["cycles"][-1]
    assert totals["plated_mAh"] == pytest.approx(plated_mAh, rel=2e-4)
    assert totals["plated_mAh_cm2"] == pytest.approx(plated_mAh / AREA_cm2, rel=2e-4)
    assert totals["irreversible_mAh"] == pytest.approx(
        plated_mAh - stripped_mAh, abs=totals["u_irreversible_mAh"]
    )
    start_mAh = last["inventory_mAh"] * 100 / last["inventory_percent"]
    true_mAh = start_mAh - (plated_mAh - stripped_mAh)
    assert last["inventory_mAh"] == pytest.approx(true_mAh, abs=last["u_inventory_mAh"])
    assert 0 < last["u_inventory_mAh"] < 0.01
    by_group = [each["ce_percent"] for each in result.model["groups"]]
    assert document["ice"]["cycle"] == 1
    # formation is two cycles and one group, so that the means are compared over the cycling
    ce = [each["ce_percent"] for each in document["cycles"]][2:]
    assert ce == pytest.approx(by_group[1:], abs=0.05)
    assert document["means"]["arithmetic_ce_percent"] == pytest.approx(sum(ce) / 2)
    assert document["means"]["cycles"] == [3, 4]


def plateau_mV(frame: pd.DataFrame, step: str) -> float:
    """Median of the voltages between 20 and 80 % of a step's charge, on an even grid of charge."""
    rows = frame[frame["Step ID"] == step]
    passed_Ah = (rows["Charging Capacity / Ah"] - rows["Discharging Capacity / Ah"]).abs()
    passed_Ah = (passed_Ah - passed_Ah.iloc[0]).abs()
    share = passed_Ah / passed_Ah.iloc[-1]
    inside = rows[(share >= 0.2) & (share <= 0.8)]
    return 1e3 * float(inside["Voltage / V"].median())


def test_overpotentials_of_plating_are_those_of_the_readings(
    half: tuple[Any, dict[str, Any], pd.DataFrame],
) -> None:
    _, document, frame = half
    formation = document["cycles"][0]
    steps = frame["Step ID"].unique()
    plate, strip = (next(s for s in steps if "formation" in s and s.endswith(k))
                    for k in ("plate", "strip"))  # fmt: skip
    plated_mV, stripped_mV = plateau_mV(frame, plate), plateau_mV(frame, strip)
    assert 1e3 * formation["plating_overpotential_V"] == pytest.approx(-plated_mV, abs=0.2)
    assert 1e3 * formation["hysteresis_V"] == pytest.approx(stripped_mV - plated_mV, abs=0.4)
    dip_mV = 1e3 * float(frame[frame["Step ID"] == plate]["Voltage / V"].min())
    assert 1e3 * formation["nucleation"]["dip_V"] == pytest.approx(dip_mV)
    nucleation_mV = 1e3 * formation["nucleation"]["overpotential_V"]
    assert nucleation_mV == pytest.approx(plated_mV - dip_mV, abs=0.2)
    assert formation["energy_efficiency_percent"] is None
    assert document["ice"]["ce_percent"] == formation["ce_percent"]


def test_the_command_and_the_table_tell_the_same(
    full: tuple[Any, dict[str, Any], pd.DataFrame], tmp_path: Path
) -> None:
    result, document, _ = full
    asked = running.document(running.labctl("cycles", result.folder, "--json"))
    assert asked == json.loads(json.dumps(document))
    with export.export_cycles_csv(result.folder, tmp_path / "c.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    for line, cycle in zip(table, document["cycles"], strict=True):
        for name, value in line.items():
            if name in cycle and name.endswith(("_percent", "_V", "_mAh", "_cm2")):
                assert (float(value) if value else None) == cycle[name], name
    text = running.labctl("cycles", result.folder).stdout
    assert f"arithmetic {document['means']['arithmetic_ce_percent']:.4f} ± " in text
    assert "N80: not reached" in text
    assert f"ICE/%: {document['ice']['ce_percent']:.3f}" in text
    assert "inv/%" in text
