"""Metal plated in one run is what the next run's cell begins with."""

import math
import re
from itertools import pairwise
from pathlib import Path

import pytest
from helpers.running import run

from labctl.cli.app import run_command
from labctl.journal import Reader
from labctl.records.after import NoRecordAfter, record_after
from labctl.records.batch import like_cell
from labctl.run.request import RunResult
from labctl_protocols.engine.state import from_json
from labctl_protocols.files import load_cell

EXACT = {"ce": 1.0, "instrument_error": 0.0}
READ_ALIKE = 2e-4
"""Instruments without errors agree within noise, sampling and the timing of output changes."""

PLATE = """\
name: plate
limits: {voltage: -0.5 V .. 1.5 V, current: 5 mA}
parameters: {cut: 1 V}
steps:
  - plate: 0.5 mA/cm2 until 0.5 mAh/cm2
"""
STRIP = """\
name: strip
record: all
limits: {voltage: -0.5 V .. 1.5 V, current: 5 mA}
steps:
  - strip: 0.5 mA/cm2 until 1 V or 1.2 * deposit
    label: bare
"""
CYCLE = """\
name: cycle
limits: {voltage: 1.7 V .. 4.0 V, current: 5 mA}
steps:
  - charge: C/2 until 3.8 V or 12 h
  - discharge: C/2 until 2 V or 12 h
"""


@pytest.fixture(scope="module")
def plated(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run that plates on the collector of a half cell and leaves the metal there."""
    folder = tmp_path_factory.mktemp("plated")
    protocol = folder / "plate.yaml"
    protocol.write_text(PLATE)
    return run(protocol, "na-cu-half", folder, model=EXACT)


def protocol_in(folder: Path, text: str) -> Path:
    path = folder / "next.yaml"
    path.write_text(text)
    return path


def step_Ah(result: RunResult, kind: str) -> float:
    with Reader(result.folder) as reader:
        ended = [e.data for e in reader.events() if e.kind == "step_ended"]
    (charge,) = [data["capacity_Ah"] for data in ended if data["step_type"] == kind]
    assert isinstance(charge, float)
    return charge


def between_readings_Ah(result: RunResult) -> float:
    """What the current may have done between readings: half its change, all the time."""
    with Reader(result.folder) as reader:
        rows = list(reader.readings())
    return sum(
        0.5 * abs(now.current_A - before.current_A) * (now.t_s - before.t_s) / 3600.0
        for before, now in pairwise(rows)
    )


def model_mAh(result: RunResult, figure: str) -> float:
    assert result.model is not None
    value = result.model[figure]
    assert isinstance(value, float)
    return value


def ledger_of(result: RunResult) -> tuple[float, float]:
    with Reader(result.folder) as reader:
        checkpoint = reader.checkpoint()
    assert checkpoint is not None
    ledger = from_json(checkpoint[1]).ledger
    return ledger.deposit_As / 3600.0, ledger.lost_As / 3600.0


def test_the_same_cell_gives_back_what_was_plated(plated: RunResult, tmp_path: Path) -> None:
    made = record_after(plated.folder, None, None, force=False)
    record = tmp_path / "after.yaml"
    record.write_text(made.text)
    cell = load_cell(str(record))
    assert cell.id == "na-cu-half"
    assert cell.runs == (plated.run,)
    # by the cell's own ledger, not by labctl's
    plated_mAh = model_mAh(plated, "plated_mAh")
    assert cell.preplated_Ah * 1e3 == pytest.approx(plated_mAh, rel=READ_ALIKE)
    assert "SIMULATED" in cell.notes

    after = run(protocol_in(tmp_path, STRIP), record, tmp_path, model=EXACT)
    assert after.outcome == "completed"
    assert model_mAh(after, "stripped_mAh") == pytest.approx(plated_mAh, rel=READ_ALIKE)
    left_open_Ah = between_readings_Ah(after)
    assert left_open_Ah < 2e-3 * cell.preplated_Ah
    assert step_Ah(after, "strip") == pytest.approx(plated_mAh * 1e-3, abs=left_open_Ah)
    deposit_Ah, lost_Ah = ledger_of(after)
    assert deposit_Ah == 0.0
    assert abs(lost_Ah) < left_open_Ah

    again = record_after(after.folder, None, None, force=False)
    assert "pre_plated" not in again.text
    assert load_cell_text(again.text, tmp_path).runs == (plated.run, after.run)


def load_cell_text(text: str, folder: Path):
    path = folder / "again.yaml"
    path.write_text(text)
    return load_cell(str(path))


def test_what_was_lost_does_not_come_back(plated: RunResult, tmp_path: Path) -> None:
    """The strip of a collector whose metal is gone says so: `lost` is what the record promised."""
    made = record_after(plated.folder, None, None, force=False)
    record = tmp_path / "after.yaml"
    record.write_text(made.text)
    emptied = {**EXACT, "self_discharge_per_h": 0.5}
    text = STRIP.replace("steps:\n", "steps:\n  - rest: 2 h\n")
    after = run(protocol_in(tmp_path, text), record, tmp_path, model=emptied)
    deposit_Ah, lost_Ah = ledger_of(after)
    promised_Ah = load_cell(str(record)).preplated_Ah
    assert deposit_Ah == 0.0
    assert lost_Ah == pytest.approx(promised_Ah - step_Ah(after, "strip"), rel=1e-3)
    assert lost_Ah > 0.5 * promised_Ah


def test_the_collector_goes_into_an_anode_free_cell(plated: RunResult, tmp_path: Path) -> None:
    name = "na-nvp-anode-free"
    like = like_cell(name, load_cell(name))
    made = record_after(plated.folder, like, "af-07", force=False)
    record = tmp_path / "af-07.yaml"
    record.write_text(made.text)
    cell, shipped = load_cell(str(record)), load_cell(name)
    plated_mAh = model_mAh(plated, "plated_mAh")
    assert shipped.inventory_Ah is not None
    assert (cell.id, cell.kind, cell.inventory_from) == ("af-07", "anode-free", "pre-plated")
    assert cell.collector == load_cell("na-cu-half").collector
    assert cell.preplated_Ah * 1e3 == pytest.approx(plated_mAh, rel=READ_ALIKE)
    assert cell.inventory_Ah == pytest.approx(shipped.inventory_Ah + cell.preplated_Ah, rel=1e-5)

    # with a CE of 90 % the reserve pays for what one cycle loses, as long as it lasts
    losing = {"ce": 0.9, "instrument_error": 0.0}
    with_reserve = run(protocol_in(tmp_path, CYCLE), record, tmp_path, model=losing)
    without = run(protocol_in(tmp_path, CYCLE), name, tmp_path, model=losing)
    assert step_Ah(with_reserve, "charge") == pytest.approx(step_Ah(without, "charge"), rel=5e-3)
    assert without.cycles[0]["ce_percent"] == pytest.approx(90.0, abs=0.5)
    # the model's cathode is 99 % full when it is as full as its capacity says
    ce_percent = with_reserve.cycles[0]["ce_percent"]
    assert isinstance(ce_percent, float)
    assert 100.0 < ce_percent < 100.0 / 0.99


def test_what_says_nothing_of_its_cell_is_refused(
    plated: RunResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limit = PLATE.replace("until 0.5 mAh/cm2", "until 5 h\n    limits: {voltage: -1 mV .. 3 V}")
    limit = limit.replace("1.5 V, current", "3 V, current")
    tripped = run(protocol_in(tmp_path, limit), "na-cu-half", tmp_path, model=EXACT)
    assert tripped.outcome == "limit"
    with pytest.raises(NoRecordAfter, match="ended by: limit"):
        record_after(tripped.folder, None, None, force=False)
    assert "ended by: limit" in record_after(tripped.folder, None, None, force=True).text

    zinc = like_cell("zn-cu-half", load_cell("zn-cu-half"))
    with pytest.raises(NoRecordAfter, match="plated Na, and zn-cu-half is a cell of Zn"):
        record_after(plated.folder, zinc, None, force=False)
    lfp = like_cell("lfp-graphite", load_cell("lfp-graphite"))
    with pytest.raises(NoRecordAfter, match="no collector"):
        record_after(plated.folder, lfp, None, force=False)
    with pytest.raises(NoRecordAfter, match="can name no file"):
        record_after(plated.folder, None, "../x", force=False)

    out = tmp_path / "x.yaml"
    asked = ["cells", "after", str(plated.folder), "-o", str(out)]
    assert run_command(asked) == 0
    assert "pre_plated: 0.565" in capsys.readouterr().out
    # by hand: 0.5655 mA for 3600 s on the 2450's 1 mA range, ±(0.02 % + 60 nA), 0.44 of it, twice
    limits_mAh = math.hypot(2e-4 * 0.5655, 60e-6)
    found = re.search(r"± (\S+) mAh \(k = 2\)", out.read_text())
    assert found is not None
    assert float(found[1]) == pytest.approx(2 * 0.4398 * limits_mAh, rel=0.1)
    assert run_command(asked) == 2
    assert "x.yaml is there already" in capsys.readouterr().err
