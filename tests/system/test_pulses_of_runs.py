"""DCIR, ICI, GITT and dQ/dV of a run on a Thevenin cell, whose answers are known in closed form."""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import running
from helpers.pages import parsed

from labctl import export
from labctl.cli.app import run_command
from labctl.figures.run_document import figures_of_run
from labctl.journal import RecordedRow, readings
from labctl.report.write import write_report
from labctl_simulators.cells.plain import lfp_graphite

CAPACITY_Ah, SOC = 2.262e-3, 0.3
R0_OHM, R1_OHM, C1_F = 50.0, 20.0, 0.15
TAU_S = R1_OHM * C1_F
NOISE_V = 2e-5
PROTOCOL = """
name: pulses
steps:
  - rest: 5 min
  - group: titration
    steps:
      - repeat: 3
        steps:
          - charge: 0.5 mA until 5 min
            record: every 5 s
          - rest: 6 min
            record: every 5 s
  - group: power
    steps:
      - discharge: 2 mA until 10 s
        record: every 0.2 s
      - rest: 2 min
        record: every 0.2 s
  - group: interruptions
    steps:
      - repeat: 2
        steps:
          - charge: 1 mA until 1 min
          - rest: 8 s
            record: every 0.2 s
  - group: cycle
    steps:
      - charge: 1 mA until 3.5 V or 3 h
      - discharge: 1 mA until 3 V or 3 h
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pulses")
    protocol = folder / "pulses.yaml"
    protocol.write_text(PROTOCOL)
    model = {"r0_ohm": R0_OHM, "r1_ohm": R1_OHM, "c1_F": C1_F, "soc": SOC,
             "capacity_Ah": CAPACITY_Ah, "instrument_error": 0.0}  # fmt: skip
    result = running.run(protocol, "lfp-graphite", folder, model=model, model_name="thevenin")
    assert result.outcome == "completed"
    return result.folder


@pytest.fixture(scope="module")
def pulses(run: Path) -> dict[str, list[dict[str, Any]]]:
    done = running.document(running.labctl("cycles", run, "--pulses", "--json"))
    found: dict[str, list[dict[str, Any]]] = done["pulses"]
    return found


def open_circuit_V(net_mAh: float) -> float:
    return lfp_graphite(SOC + 1e-3 * net_mAh / CAPACITY_Ah)


def of_step(found: list[dict[str, Any]], word: str) -> list[dict[str, Any]]:
    return [each for each in found if word in each["step_id"]]


def settled(after_s: float) -> float:
    return 1 - math.exp(-after_s / TAU_S)


def test_dcir_is_that_of_the_circuit(pulses: dict[str, list[dict[str, Any]]]) -> None:
    """R₀ + R₁(1 − e^(−Δt/τ)), and what the open circuit moves by meanwhile."""
    (pulse,) = (each for each in of_step(pulses["dcir"], "discharge")
                if each["after_mA"] == pytest.approx(-2, rel=1e-3))  # fmt: skip
    (stop,) = (each for each in pulses["dcir"] if each["before_mA"] == pytest.approx(-2, rel=1e-3))
    for after_s, key in ((1.0, "r_1s_ohm"), (10.0, "r_10s_ohm")):
        net_mAh = pulse["net_charge_mAh"]
        moved_V = open_circuit_V(net_mAh - 2 * after_s / 3600) - open_circuit_V(net_mAh)
        expected = R0_OHM + R1_OHM * settled(after_s) + moved_V / -2e-3
        # straight lines between readings every 0.2 s of a curve with tau = 3 s
        assert pulse[key] == pytest.approx(expected, abs=2 * NOISE_V / 2e-3 + 0.02)
        before = R1_OHM * settled(10.0)
        relaxing = R0_OHM + before * settled(after_s)
        assert stop[key] == pytest.approx(relaxing, abs=2 * NOISE_V / 2e-3 + 0.05)
    assert pulse["r_0.1s_ohm"] is None, "the instrument takes 0.16 s for a reading"


def test_interruptions_are_those_of_the_circuit(
    run: Path, pulses: dict[str, list[dict[str, Any]]]
) -> None:
    """The same regression, by numpy, of the circuit's own relaxation at the recorded times."""
    found = of_step(pulses["ici"], "interruptions")
    assert len(found) == 2
    rests = steps_of(run, lambda row: "interruptions" in row.step_id and row.step_type == "rest")
    for told, rows in zip(found, rests, strict=True):
        times_s = np.array([row.step_time_s for row in rows])
        inside = (times_s >= 1) & (times_s <= 5)
        dropped_ohm = R0_OHM + R1_OHM * (1 - np.exp(-times_s[inside] / TAU_S))
        slope, intercept = np.polyfit(np.sqrt(times_s[inside]), dropped_ohm, 1)
        assert told["readings"] == int(inside.sum()) > 10
        assert told["resistance_ohm"] == pytest.approx(intercept, abs=0.1)
        assert told["diffusion_ohm_per_sqrt_s"] == pytest.approx(slope, abs=0.05)


def steps_of(run: Path, wanted: Callable[[RecordedRow], bool]) -> list[list[RecordedRow]]:
    found: dict[int, list[RecordedRow]] = {}
    for row in readings(run):
        if wanted(row):
            found.setdefault(row.step_count, []).append(row)
    return list(found.values())


def test_titrations_relax_to_the_open_circuit(pulses: dict[str, list[dict[str, Any]]]) -> None:
    found = of_step(pulses["gitt"], "titration")
    assert len(found) == 3
    for told in found:
        before_mAh = told["net_charge_mAh"]
        after_mAh = before_mAh + 0.5 * told["duration_s"] / 3600
        assert told["duration_s"] == pytest.approx(300, abs=0.5)
        assert told["relaxed_V"] == pytest.approx(open_circuit_V(after_mAh), abs=NOISE_V)
        change_V = open_circuit_V(after_mAh) - open_circuit_V(before_mAh)
        assert told["change_relaxed_V"] == pytest.approx(change_V, abs=2 * NOISE_V)
        # once the pair has settled, E(t) is the open circuit's own slope
        times_s = np.arange(15.0, 300.1, 5.0)
        curve_V = [open_circuit_V(before_mAh + 0.5 * t / 3600) for t in times_s]
        slope, _ = np.polyfit(np.sqrt(times_s), curve_V, 1)
        transient_V = slope * math.sqrt(300)
        assert told["change_transient_V"] == pytest.approx(transient_V, abs=4 * NOISE_V)
        ratio = told["change_relaxed_V"] / told["change_transient_V"]
        expected = 4 / (math.pi * told["duration_s"]) * ratio**2
        assert told["diffusion_per_length2_per_s"] == pytest.approx(expected, rel=5e-3)


def test_the_table_is_what_the_command_tells(
    run: Path, pulses: dict[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    with export.export_pulses_csv(run, tmp_path / "p.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    flat = [(kind, each) for kind in ("dcir", "ici", "gitt") for each in pulses[kind]]
    assert [line["kind"] for line in table] == [kind for kind, _ in flat]
    assert {line["simulated"] for line in table} == {"SIMULATED"}
    for line, (_, told) in zip(table, flat, strict=True):
        for name, value in told.items():
            assert line[name] == ("" if value is None else str(value)), name
    text = running.labctl("cycles", run, "--pulses").stdout
    assert [word for word in ("DCIR:", "ICI:", "GITT:") if word in text] == [
        "DCIR:", "ICI:", "GITT:"
    ]  # fmt: skip


def test_a_file_of_the_run_gives_the_same_pulses(
    run: Path, pulses: dict[str, list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its steps: stretches are found by current and step clock."""
    path = export.export_bdf_csv(run).path
    assert run_command(["cycles", str(path), "--pulses", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["pulses"]
    for kind, keys in (("dcir", ["r_1s_ohm", "r_10s_ohm"]), ("ici", ["resistance_ohm"]),
                       ("gitt", ["relaxed_V", "change_transient_V"])):  # fmt: skip
        assert len(found[kind]) == len(pulses[kind])
        for theirs, ours in zip(found[kind], pulses[kind], strict=True):
            assert theirs["at_s"] == pytest.approx(ours["at_s"])
            for key in keys:
                assert theirs[key] == pytest.approx(ours[key])


def test_differential_capacity_keeps_the_charge(run: Path, tmp_path: Path) -> None:
    with export.export_dqdv_csv(run, tmp_path / "d.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert {row["kind"] for row in table} == {"charge", "discharge"}
    cycles: Any = figures_of_run(run)["cycles"]
    (cycle,) = cycles
    for half in (cycle["first"], cycle["second"]):
        own = [row for row in table if row["kind"] == half["kind"]]
        charge_mAh = 0.004 * sum(float(row["dq_dv_mAh_per_V"]) for row in own)
        assert charge_mAh == pytest.approx(half["charge_mAh"], rel=0.01)
        areal = 0.004 * sum(float(row["dq_dv_mAh_per_V_cm2"]) for row in own)
        assert areal == pytest.approx(charge_mAh / 1.131)


def test_the_page_has_them_all(run: Path, pulses: dict[str, list[dict[str, Any]]]) -> None:
    page = parsed(write_report(run).page.read_text(encoding="utf-8"))
    for kind, found in pulses.items():
        assert len(page.tables[kind]) == 1 + len(found)
        ohm = next(n for n, head in enumerate(page.tables[kind][0]) if "ohm" in head)
        keys = {"10 s/ohm": "r_10s_ohm", "1 s/ohm": "r_1s_ohm", "0.1 s/ohm": "r_0.1s_ohm"}
        key = keys.get(page.tables[kind][0][ohm], "resistance_ohm")
        for row, told in zip(page.values[kind][1:], found, strict=True):
            if told[key] is not None:
                assert float(row[ohm]) == pytest.approx(told[key])
