"""What labctl recorded, exported as BDF and replayed, ends as it did: order, times, charges."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import shelf
from helpers.running import LibraryRun

from labctl.cli.app import run_command
from labctl.journal import Reader
from labctl.run.request import RunResult

LONG_S = 3600.0


def told_in_the_run(result: RunResult) -> list[dict[str, Any]]:
    with Reader(result.folder) as reader:
        return [dict(event.data) for event in reader.events() if event.kind == "step_ended"]


@pytest.mark.parametrize("protocol", ["na-cu-reservoir-ce", "cccv", "k-cu-precycle"])
def test_an_exported_run_agrees_with_its_protocol(
    protocol: str, library_run: LibraryRun, capsys: pytest.CaptureFixture[str]
) -> None:
    result = library_run(protocol)
    (file,) = Path(result.folder).glob("*.bdf.csv")
    given = [
        word for name, value in shelf.short(protocol).items() for word in ("-p", f"{name}={value}")
    ]
    capsys.readouterr()
    arguments = ["replay", str(file), protocol, "--cell", shelf.CELLS[protocol], *given, "--json"]
    assert run_command(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["agrees"], document["simulated"]) == (True, True)
    driven = [step for step in told_in_the_run(result) if step["driven"]]
    assert len(driven) > 5
    for step, told in zip(document["steps"], driven, strict=True):
        assert (step["step_id"], step["step_type"]) == (told["step_id"], told["step_type"])
        assert step["ended"] == told["ended"]
        assert abs(step["duration_s"] - told["duration_s"]) <= step["allowed_s"] + 0.1
        if told["duration_s"] > LONG_S and told["capacity_Ah"]:
            assert step["charge_mAh"] == pytest.approx(1e3 * told["capacity_Ah"], rel=1e-3)
