"""What a real cycler was told, reconstructed, against what it recorded.

The recordings lie beside the repository in shared/data (MIT; README there).
"""

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from labctl.cli.app import run_command

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
NAME = "neware_fullcell_cccv_5cyc"
ARBIN = "arbin_res_halfcell_18cyc"
PROTOCOL = Path(__file__).with_name(f"{NAME}.yaml")
pytestmark = pytest.mark.skipif(
    not (DATA / "expected").is_dir(), reason=f"the recordings are not here: {DATA}"
)


def table(name: str, kind: str) -> list[dict[str, str]]:
    with (DATA / "expected" / f"{name}.{kind}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return replayed(DATA / f"{NAME}.csv", PROTOCOL)


def replayed(recording: Path, protocol: Path, code: int = 0) -> dict[str, Any]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        assert run_command(["replay", str(recording), str(protocol), "--json"]) == code
    document: dict[str, Any] = json.loads(out.getvalue())
    return document


def test_every_step_ends_where_the_cycler_ended_it(found: dict[str, Any]) -> None:
    expected = table(NAME, "transitions")
    assert found["agrees"] is True
    assert [step["execution"] for step in found["steps"]] == [int(row["step"]) for row in expected]
    for step, row in zip(found["steps"], expected, strict=True):
        sign = -1 if step["step_type"] == "discharge" else 1
        assert (step["step_type"] == "then_hold", sign) == (row["mode"] == "cv", int(row["sign"]))
        assert step["recorded_duration_s"] == pytest.approx(float(row["dur"]))
        # 0.3 s is the finest interval with which this cycler recorded a step's end
        assert step["late_s"] == pytest.approx(0.0, abs=0.5)
        assert step["cycle"] == (int(row["step"]) - 1) // 3 + 1


def test_the_one_hold_that_ended_by_its_current_is_told_from_those_that_ran_out_of_time(
    found: dict[str, Any],
) -> None:
    holds = [step for step in found["steps"] if step["step_type"] == "then_hold"]
    assert [step["ended"] for step in holds] == ["current", "time", "time", "time", "time"]
    others = [step["ended"] for step in found["steps"] if step["step_type"] != "then_hold"]
    assert others == ["voltage"] * 10


def test_charges_are_the_instruments(found: dict[str, Any]) -> None:
    """A charge with its hold, and a discharge, make the half cycles of the cycler's counter."""
    counted = [1e3 * float(row["q_instrument_Ah"]) for row in table(NAME, "halfcycles")]
    charges: list[float] = []
    for step in found["steps"]:
        if step["step_type"] == "then_hold":
            charges[-1] += step["charge_mAh"]
        else:
            charges.append(step["charge_mAh"])
    assert charges == pytest.approx(counted, rel=1e-3)


def test_another_protocol_is_told_apart(tmp_path: Path) -> None:
    text = PROTOCOL.read_text(encoding="utf-8")
    other = tmp_path / "other.yaml"
    other.write_text(text.replace("2.25 mA", "2.5 mA"), encoding="utf-8")
    document = replayed(DATA / f"{NAME}.csv", other, code=6)
    wrong = [step["step_count"] for step in document["steps"] if not step["agrees"]]
    assert wrong == [2]


def test_eighteen_cycles_of_a_half_cell_of_which_the_recording_leaves_one_open() -> None:
    """Between its steps this cycler took single readings, which are no steps."""
    document = replayed(DATA / f"{ARBIN}.csv", PROTOCOL.with_name(f"{ARBIN}.yaml"), code=6)
    timed = [row for row in table(ARBIN, "transitions") if float(row["dur"]) > 0]
    *whole, last = document["steps"]
    assert [step["execution"] for step in document["steps"]] == [int(row["step"]) for row in timed]
    assert all(step["agrees"] for step in whole)
    for step, row in zip(whole, timed, strict=False):
        ended = "time" if row["mode"] == "rest" else "voltage"
        assert (step["ended"], step["recorded_charge_mAh"] > 0.1) == (ended, ended == "voltage")
    assert last["note"].endswith("and the recording with it")
    assert not last["agrees"]
    counted = [
        1e3 * float(row["q_instrument_Ah"])
        for row in table(ARBIN, "halfcycles")
        if float(row["q_instrument_Ah"]) > 1e-9
    ]
    charges = [step["charge_mAh"] for step in whole if step["ended"] == "voltage"]
    assert charges == pytest.approx(counted[:-1], rel=1e-3)
