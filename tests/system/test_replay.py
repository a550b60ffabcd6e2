"""A run with `record: all` is heard again bit for bit; what was changed since is found."""

import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers.replaying import SHORT, assert_identical, counts, replayed, run_short
from helpers.running import run

from labctl import twin
from labctl.run import conduct
from labctl.run.loop import RunLoop
from labctl_drivers.vocabulary import Reading
from labctl_protocols import library
from labctl_protocols.decisions import Answer, Heard
from labctl_protocols.engine import Engine, running
from labctl_simulators.ports import Cell, Ledger

SHORTER: Mapping[str, dict[str, str]] = {
    "na-cu-reservoir-ce": {
        "portions": "2",
        "reservoir": "0.2 mAh/cm2",
        "portion": "0.1 mAh/cm2",
        "wetting": "1 min",
    },
    "na-anode-free-formation-cycling": {
        "cycles": "1",
        "formations": "1",
        "formation_rate": "C/2",
        "wetting": "1 min",
    },
    "cccv": {"cycles": "1"},
}
CELLS = {
    "na-cu-reservoir-ce": "na-cu-half",
    "na-anode-free-formation-cycling": "na-nvp-anode-free",
    "cccv": "lfp-graphite",
}


def recording_all(name: str, folder: Path) -> Path:
    """A protocol of the library that keeps every reading."""
    _, text = library.text_of("protocols", name)
    changed, count = re.subn(r"(?m)^record:.*$", "record: all", text)
    assert count == 1
    path = folder / f"{name}.yaml"
    path.write_text(changed, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", SHORTER)
def test_a_protocol_of_the_library_is_heard_again(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    protocol = recording_all(name, tmp_path)
    result = run(protocol, CELLS[name], tmp_path, parameters=SHORTER[name])
    assert result.outcome == "completed"
    assert_identical(result.folder, capsys)


def test_a_run_that_was_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(RunLoop):
        answers = 0

        async def _next_heard(self, answer: Answer) -> Heard:
            self.answers += 1
            if self.answers == 40:
                self.request_stop("that will do")
            return await super()._next_heard(answer)

    monkeypatch.setattr(conduct, "RunLoop", Stopped)
    result = run_short(tmp_path)
    assert (result.outcome, result.reason) == ("stopped", "that will do")
    assert_identical(result.folder, capsys)


def test_a_run_that_was_paused_and_asked_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Spoken(RunLoop):
        answers = 0

        async def _next_heard(self, answer: Answer) -> Heard:
            self.answers += 1
            if self.answers == 40:
                self.operator("pause", "somebody")
            elif answer.waits:
                self.operator("continue", "somebody")
            return await super()._next_heard(answer)

    monkeypatch.setattr(conduct, "RunLoop", Spoken)
    result = run_short(tmp_path, SHORT.replace("- rest: 1 min", "- ask: Is it cool?"))
    assert result.outcome == "completed"
    with sqlite3.connect(result.folder / "journal.sqlite") as database:
        words = [
            json.loads(data)["word"]
            for (data,) in database.execute("SELECT data FROM heard WHERE kind = 'Operator'")
        ]
    assert words == ["pause", "continue", "continue"]
    assert_identical(result.folder, capsys)


def test_a_run_that_a_limit_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tight = SHORT.replace("-0.5 V ..", "-0.005 V ..")
    result = run_short(tmp_path, tight)
    assert result.outcome == "limit"
    assert_identical(result.folder, capsys, least_rows=1)


@dataclass
class LosesContact:
    """A cell whose wire comes off once so much was plated."""

    cell: Cell
    after_Ah: float

    def voltage(self, current_A: float) -> float:
        on = self.cell.ledger().plated_Ah < self.after_Ah
        return self.cell.voltage(current_A) if on else 1e12 * current_A

    def step(self, dt_s: float, current_A: float) -> None:
        self.cell.step(dt_s, current_A)

    def ledger(self) -> Ledger:
        return self.cell.ledger()


def test_a_run_that_lost_its_contact(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = twin._make_cell

    def losing(*args: Any) -> tuple[str, Cell]:
        name, cell = whole(*args)
        return name, LosesContact(cell, 3e-5)

    monkeypatch.setattr(twin, "_make_cell", losing)
    plating = SHORT.replace("plate: 1 mA/cm2 until 3 min", "plate: 1 mA/cm2 until -0.4 V or 3 min")
    result = run_short(tmp_path, plating)
    assert (result.outcome, result.reason[:12]) == ("detector", "contact lost")
    assert_identical(result.folder, capsys)


def test_a_bug_in_the_engine_is_heard_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_from(100.0, running, "hear", monkeypatch)
    result = run_short(tmp_path)
    assert result.outcome == "error"
    assert_identical(result.folder, capsys)


def test_what_the_run_loop_said_for_an_engine_that_failed_twice_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_from(100.0, Engine, "record", monkeypatch)
    result = run_short(tmp_path)
    assert result.outcome == "error"
    code, document, _ = replayed(result.folder, capsys)
    assert code == 6
    assert document["difference"]["what"] == "event"
    assert document["difference"]["text"] == "nothing that was heard led to it"
    assert document["difference"]["journal"]["kind"] == "output"


def fails_from(time_s: float, where: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug: this function of the engine raises with readings from this time on."""
    whole = getattr(where, name)

    def failing(engine: Engine, reading: Reading, **named: Any) -> Any:
        if reading.time_s > time_s:
            raise RuntimeError("no such thing")
        return whole(engine, reading, **named)

    monkeypatch.setattr(where, name, failing)


def test_a_run_that_kept_nothing_says_what_would_have_kept_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run_short(tmp_path, SHORT.replace("record: all", "record: every 10 s"))
    assert counts(result.folder)["readings"] == 0
    code, _, error = replayed(result.folder, capsys)
    assert code == 2
    assert "only a run whose protocol says `record: all` at its top can be heard again" in error


def test_one_steps_own_record_all_keeps_nothing_that_was_heard(tmp_path: Path) -> None:
    text = SHORT.replace("record: all\n", "").replace(
        "- rest: 1 min", "- rest: 1 min\n        record: all"
    )
    assert counts(run_short(tmp_path, text).folder)["readings"] == 0


def test_routines_of_ones_own_are_kept_with_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    routines = tmp_path / "routines"
    routines.mkdir()
    own = "name: pulse\nparameters: {j: required}\nsteps:\n  - plate: $j until 2 min\n  - gap: {}\n"
    (routines / "pulse.yaml").write_text(own, encoding="utf-8")
    (routines / "gap.yaml").write_text("name: gap\nsteps:\n  - rest: 3 min\n", encoding="utf-8")
    (routines / "never.yaml").write_text("name: never\nsteps: [stop: x]\n", encoding="utf-8")
    text = SHORT.replace("      - rest: 1 min", "      - pulse: {j: 0.5 mA/cm2}")
    folder = run_short(tmp_path, text, parameters={}).folder
    for path in routines.iterdir():
        path.unlink()
    (tmp_path / "short.yaml").unlink()
    assert_identical(folder, capsys)
    with sqlite3.connect(folder / "journal.sqlite") as database:
        ((manifest,),) = database.execute("SELECT data FROM manifest WHERE seq = 1").fetchall()
    assert set(json.loads(manifest)["sources"]["routines"]) == {"pulse", "gap"}
