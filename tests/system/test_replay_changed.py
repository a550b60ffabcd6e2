"""What was changed in a run since it was recorded is found by hearing it again."""

import json
import sqlite3
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from shutil import copytree

import pytest
from helpers.replaying import assert_identical, replayed, run_short

from labctl.cli.app import run_command
from labctl.journal import read_manifest
from labctl.run.sources import plan_of_manifest
from labctl_protocols.plan import Group


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
            "UPDATE manifest SET data = json_set(data, '$.program', json_object('labctl', '0.0.1'))"
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
    revision = {"protocol_text": text, "file": "other.yaml", "given": {"j": "2 mA"}}
    revised = plan_of_manifest(manifest, revision).plan
    assert [step.text for step in revised.steps] == ["plate: 2 mA until 1 min"]
    assert revised.area_cm2 == bound.plan.area_cm2 == 1.131


def test_options_of_a_file_are_refused_with_a_run(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["replay", str(kept), "cccv"]) == 2
    assert "a run brings its own protocol" in capsys.readouterr().err
