"""A run with `record: all` is heard again bit for bit; what was changed since is found."""

import json
import re
import sqlite3
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from helpers.running import run

from labctl import twin
from labctl.cli.app import run_command
from labctl.journal import read_manifest
from labctl.run import conduct
from labctl.run.loop import RunLoop
from labctl.run.request import RunResult
from labctl.run.sources import plan_of_manifest
from labctl_drivers.vocabulary import Reading
from labctl_protocols import library
from labctl_protocols.decisions import Answer, Heard
from labctl_protocols.engine import Engine
from labctl_protocols.plan import Group
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
SHORT = """\
name: short
cell: {kind: half, metal: Na}
limits: {voltage: -0.5 V .. 1.5 V, current: 5 mA}
record: all
steps:
  - group: one
    steps:
      - plate: 1 mA/cm2 until 3 min
      - rest: 1 min
      - strip: 1 mA/cm2 until 1 V or 6 min
"""


def recording_all(name: str, folder: Path) -> Path:
    """A protocol of the library that keeps every reading."""
    _, text = library.text_of("protocols", name)
    changed, count = re.subn(r"(?m)^record:.*$", "record: all", text)
    assert count == 1
    path = folder / f"{name}.yaml"
    path.write_text(changed, encoding="utf-8")
    return path


def run_short(folder: Path, text: str = SHORT, **options: Any) -> RunResult:
    path = folder / "short.yaml"
    path.write_text(text, encoding="utf-8")
    return run(path, "na-cu-half", folder, **options)


def replayed(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any], str]:
    """Exit code, document and standard error of `labctl replay RUN --json`."""
    capsys.readouterr()
    code = run_command(["replay", str(folder), "--json"])
    told = capsys.readouterr()
    return code, json.loads(told.out) if told.out else {}, told.err


def counts(folder: Path) -> dict[str, int]:
    """What the journal holds, by SQL alone."""
    with sqlite3.connect(folder / "journal.sqlite") as database:
        return {
            name: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for name, table in (
                ("readings", "heard WHERE kind = 'Reading'"),
                ("rows", "readings"),
                ("events", "events"),
            )
        }


def assert_identical(
    folder: Path, capsys: pytest.CaptureFixture[str], least_rows: int = 20
) -> None:
    code, document, error = replayed(folder, capsys)
    assert code == 0, (document, error)
    assert document["identical"] is True
    assert {name: document[name] for name in ("readings", "rows", "events")} == counts(folder)
    assert document["rows"] >= least_rows


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
    fails_from(100.0, "_on_step_reading", monkeypatch)
    result = run_short(tmp_path)
    assert result.outcome == "error"
    assert_identical(result.folder, capsys)


def test_what_the_run_loop_said_for_an_engine_that_failed_twice_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_from(100.0, "_record", monkeypatch)
    result = run_short(tmp_path)
    assert result.outcome == "error"
    code, document, _ = replayed(result.folder, capsys)
    assert code == 6
    assert document["difference"]["what"] == "event"
    assert document["difference"]["text"] == "nothing that was heard led to it"
    assert document["difference"]["journal"]["kind"] == "output"


def fails_from(time_s: float, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug: this method of the engine raises with readings from this time on."""
    whole = getattr(Engine, name)

    def failing(self: Engine, reading: Reading, **named: Any) -> Any:
        if reading.time_s > time_s:
            raise RuntimeError("no such thing")
        return whole(self, reading, **named)

    monkeypatch.setattr(Engine, name, failing)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_short(tmp_path_factory.mktemp("kept")).folder


Change = Callable[[sqlite3.Connection], object]


def altered(kept: Path, tmp_path: Path, change: Change) -> Path:
    """A copy of the run in which a single thing is changed."""
    folder = Path(copytree(kept, tmp_path / kept.name))
    with sqlite3.connect(folder / "journal.sqlite") as database:
        change(database)
    database.close()
    return folder


def flipped(value: float) -> float:
    """The float whose last bit is another."""
    (bits,) = struct.unpack("<q", struct.pack("<d", value))
    (other,) = struct.unpack("<d", struct.pack("<q", bits ^ 1))
    return float(other)


def flip_row(database: sqlite3.Connection) -> None:
    (value,) = database.execute("SELECT voltage_V FROM readings WHERE seq = 17").fetchone()
    database.execute("UPDATE readings SET voltage_V = ? WHERE seq = 17", (flipped(value),))


def flip_heard(database: sqlite3.Connection, seq: int, name: str) -> None:
    (text,) = database.execute("SELECT data FROM heard WHERE seq = ?", (seq,)).fetchone()
    data = json.loads(text)
    data[name] = flipped(data[name])
    database.execute("UPDATE heard SET data = ? WHERE seq = ?", (json.dumps(data), seq))


def first_reading(database: sqlite3.Connection) -> int:
    found = database.execute("SELECT min(seq) FROM heard WHERE kind = 'Reading'").fetchone()
    return int(found[0])


def change_event(database: sqlite3.Connection) -> None:
    (seq, text) = database.execute(
        "SELECT seq, data FROM events WHERE kind = 'step_ended' ORDER BY seq LIMIT 1"
    ).fetchone()
    data = json.loads(text)
    data["capacity_Ah"] = flipped(data["capacity_Ah"])
    database.execute("UPDATE events SET data = ? WHERE seq = ?", (json.dumps(data), seq))


def change_protocol(database: sqlite3.Connection) -> None:
    ((text,),) = database.execute("SELECT data FROM manifest WHERE seq = 1").fetchall()
    data = json.loads(text)
    assert "6 min" in data["protocol"]["text"]
    data["protocol"]["text"] = data["protocol"]["text"].replace("6 min", "7 min")
    database.execute("UPDATE manifest SET data = ? WHERE seq = 1", (json.dumps(data),))


def change_cell(database: sqlite3.Connection) -> None:
    ((text,),) = database.execute("SELECT data FROM manifest WHERE seq = 1").fetchall()
    data = json.loads(text)
    data["cell"]["text"] += "\n"
    database.execute("UPDATE manifest SET data = ? WHERE seq = 1", (json.dumps(data),))


CHANGES: Mapping[str, tuple[str, Change]] = {
    "one bit of a row": ("row", flip_row),
    "one bit of a reading heard": ("heard", lambda d: flip_heard(d, 20, "current_A")),
    "one bit of what no decision hangs on": (
        "heard",
        lambda d: flip_heard(d, first_reading(d), "time_error_s"),
    ),
    "a row gone": ("row", lambda d: d.execute("DELETE FROM readings WHERE seq = 9")),
    "the last row gone": (
        "row",
        lambda d: d.execute("DELETE FROM readings WHERE seq = (SELECT max(seq) FROM readings)"),
    ),
    "a reading heard gone": ("heard", lambda d: d.execute("DELETE FROM heard WHERE seq = 12")),
    "the last thing heard gone": (
        "event",
        lambda d: d.execute("DELETE FROM heard WHERE seq = (SELECT max(seq) FROM heard)"),
    ),
    "one bit of an event": ("event", change_event),
    "an event of another kind": (
        "event",
        lambda d: d.execute("UPDATE events SET kind = 'mark' WHERE kind = 'note'"),
    ),
    "an event gone": ("event", lambda d: d.execute("DELETE FROM events WHERE seq = 3")),
    "another protocol": ("sources", change_protocol),
    "another cell": ("sources", change_cell),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_is_found(
    name: str, kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    what, change = CHANGES[name]
    code, document, error = replayed(altered(kept, tmp_path, change), capsys)
    assert code == 6
    assert document["identical"] is False
    assert document["difference"]["what"] == what
    assert len(error.splitlines()) == 1


def test_the_untouched_copy_is_the_same(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = altered(kept, tmp_path, lambda d: d.execute("UPDATE heard SET seq = seq"))
    assert_identical(folder, capsys)


def test_both_sides_of_a_difference_are_shown(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = altered(kept, tmp_path, flip_row)
    with sqlite3.connect(folder / "journal.sqlite") as database:
        (value,) = database.execute("SELECT voltage_V FROM readings WHERE seq = 17").fetchone()
    assert run_command(["replay", str(folder)]) == 6
    told = capsys.readouterr()
    assert f"  voltage_V: journal {value!r}, replay {flipped(value)!r}\n" in told.out
    assert told.err == f"labctl: {folder.name} is not the same: row 17: voltage_V differ\n"


def test_a_run_of_another_version_may_be_replayed_and_it_is_said(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def older(database: sqlite3.Connection) -> None:
        database.execute(
            "INSERT INTO manifest (unix_s, data) VALUES (0, ?)",
            (json.dumps({"program": {"labctl": "0.0.1"}}),),
        )

    assert run_command(["replay", str(altered(kept, tmp_path, older))]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("note: the run was made by labctl 0.0.1, this is ")
    assert told[1].startswith("identical: ")


REFUSED: Mapping[str, tuple[str, Change]] = {
    "sources": (
        "does not say what its plan was bound from",
        lambda d: d.execute("UPDATE manifest SET data = json_remove(data, '$.sources')"),
    ),
    "amended": (
        "the protocol was amended while it ran",
        lambda d: d.execute("UPDATE events SET kind = 'revision' WHERE seq = 5"),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_heard_again_is_refused(
    name: str, kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, change = REFUSED[name]
    code, document, error = replayed(altered(kept, tmp_path, change), capsys)
    assert (code, document) == (2, {})
    assert text in error
    assert len(error.splitlines()) == 1


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


def test_the_plan_of_a_manifest_is_that_of_the_run_or_of_a_revision(kept: Path) -> None:
    manifest = read_manifest(kept)
    bound = plan_of_manifest(manifest)
    assert isinstance(bound.plan.steps[0], Group)
    assert [step.text for step in bound.plan.steps[0].steps] == [
        "plate: 1 mA/cm2 until 3 min",
        "rest: 1 min",
        "strip: 1 mA/cm2 until 1 V or 6 min",
    ]
    assert set(bound.ratings) == {"main"}
    text = "name: other\nparameters: {j: 1 mA}\nlimits: {voltage: 0 V .. 1 V, current: 5 mA}\n"
    text += "steps:\n  - plate: $j until 1 min\n"
    revision = {"protocol_text": text, "parameters": {"j": "2 mA"}, "text": "why"}
    revised = plan_of_manifest(manifest, revision).plan
    assert [step.text for step in revised.steps] == ["plate: 2 mA until 1 min"]
    assert revised.area_cm2 == bound.plan.area_cm2 == 1.131


def test_options_of_a_file_are_refused_with_a_run(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["replay", str(kept), "cccv"]) == 2
    assert "a run brings its own protocol" in capsys.readouterr().err
