"""Recordings from real cyclers give the figures of their instruments' own charge counters.

The recordings and `expected/` lie beside the repository in shared/data (MIT; README there).
"""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from labctl.cli.app import run_command
from labctl.figures.document import figures_of_recording
from labctl.figures.halves import half_cycles
from labctl.figures.reading import read_recording

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
NAMES = {
    "neware_fullcell_cccv_5cyc": "charge-first",
    "arbin_res_halfcell_18cyc": "discharge-first",
    "biologic_lnmo_sigr_formation": "charge-first",
}
TRANSITION_Ah = 1e-9
pytestmark = pytest.mark.skipif(
    not (DATA / "expected").is_dir(), reason=f"the recordings are not here: {DATA}"
)


def table(name: str, kind: str) -> list[dict[str, str]]:
    with (DATA / "expected" / f"{name}.{kind}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def tolerance(duration_s: float) -> float | None:
    """Of figures from logged rows, relative: the README's."""
    return 1e-3 if duration_s > 3600 else 3e-3 if duration_s > 600 else None


@pytest.mark.parametrize("name", NAMES)
def test_half_cycles_are_the_instruments(name: str) -> None:
    expected = table(name, "halfcycles")
    real = [row for row in expected if float(row["q_instrument_Ah"]) > TRANSITION_Ah]
    found = half_cycles(read_recording(DATA / f"{name}.csv"))
    assert found.dropped == len(expected) - len(real)
    for half, row in zip(found.halves, real, strict=True):
        assert half.sign == (1 if row["sense"] == "charge" else -1)
        assert half.start_s == pytest.approx(float(row["t_start_s"]))
        assert half.end_s == pytest.approx(float(row["t_end_s"]))
        assert len(half.rows) == int(row["rows"])
        allowed = tolerance(half.end_s - half.start_s)
        assert allowed is not None
        assert half.charge_Ah == pytest.approx(float(row["q_instrument_Ah"]), rel=allowed)
        assert half.charge_Ah == pytest.approx(float(row["q_trapz_Ah"]), rel=2e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("given", [True, False], ids=["sense given", "as the file begins"])
def test_efficiencies_are_the_instruments(
    name: str, given: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    sense = ["--sense", NAMES[name]] if given else []
    assert run_command(["cycles", str(DATA / f"{name}.csv"), "--json", *sense]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["sense"] == NAMES[name]
    expected = table(name, "ce")
    for cycle, row in zip(document["cycles"], expected, strict=True):
        assert cycle["first"]["kind"] == row["first_sense"]
        # Two halves, each within its tolerance.
        assert cycle["ce_percent"] == pytest.approx(float(row["CE_pct"]), rel=2e-3)
        assert cycle["complete"]


def test_a_cell_that_arrived_charged_is_flagged_and_not_in_the_means() -> None:
    name = "neware_fullcell_cccv_5cyc"
    document: dict[str, Any] = figures_of_recording(read_recording(DATA / f"{name}.csv"), None)
    assert document["cycles"][0]["ce_percent"] == pytest.approx(817.95, rel=1e-3)
    assert document["cycles"][0]["flags"] == ["implausible"]
    expected = [float(row["CE_pct"]) for row in table(name, "ce")][1:]
    assert document["means"]["cycles"] == [2, 3, 4, 5]
    assert document["means"]["arithmetic_ce_percent"] == pytest.approx(
        sum(expected) / len(expected), rel=1e-4
    )


def test_the_half_that_the_recording_leaves_open_is_no_cycle() -> None:
    path = DATA / "arbin_res_halfcell_18cyc.csv"
    document: dict[str, Any] = figures_of_recording(read_recording(path), None)
    assert len(document["cycles"]) == 17
    assert document["open"]["kind"] == "discharge"
    assert document["open"]["charge_mAh"] == pytest.approx(0.2393, abs=1e-4)
    assert document["transitions_dropped"] == 1


def test_the_other_sense_tells_the_first_half_apart() -> None:
    path = DATA / "neware_fullcell_cccv_5cyc.csv"
    document: dict[str, Any] = figures_of_recording(read_recording(path), "discharge-first")
    assert document["lead_in"]["charge_mAh"] == pytest.approx(4.6827, abs=1e-3)
    assert len(document["cycles"]) == 4
    assert document["open"]["kind"] == "discharge"
