"""The plain tables of a run, against what its journal recorded."""

import csv

import pytest
from helpers.running import LibraryRun

from labctl import export, journal


def test_step_table_has_each_steps_charge_in_both_units(library_run: LibraryRun) -> None:
    folder = library_run("na-anode-free-preplated").folder
    with export.export_steps_csv(folder).open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [line["step_type"] for line in table] == ["rest", "plate", "rest"]
    plated = table[1]
    with journal.Reader(folder) as reader:
        rows = [row for row in reader.readings() if row.step_type == "plate"]
    # by hand: the counters of what passed from the step's first to its last reading
    passed_mAh = 1e3 * abs(rows[-1].discharging_Ah - rows[0].discharging_Ah)
    assert float(plated["capacity_mAh"]) == pytest.approx(passed_mAh, rel=1e-3)
    area_cm2 = float(plated["capacity_mAh"]) / float(plated["capacity_mAh_cm2"])
    assert area_cm2 == pytest.approx(1.131)
    assert plated["simulated"] == "SIMULATED"
    assert plated["reason"] == "1 mAh/cm2"
