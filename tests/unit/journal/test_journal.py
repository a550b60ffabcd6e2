"""The journal keeps what it acknowledged, in order, and says so when it cannot."""

import dataclasses
import sqlite3
import threading
from pathlib import Path

import pytest
from helpers import journals

from labctl import journal
from labctl.journal import schema
from labctl_protocols.decisions import Event, Row

ROW = next(rows[0] for rows, _ in journals.units(1) if rows)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    folder = journals.finished(tmp_path / "run", cycles=2, per_step=5)
    expected = [row for rows, _ in journals.units(2, 5) for row in rows]
    found = list(journal.readings(folder))
    assert [row.seq for row in found] == list(range(1, 21))
    for row, original in zip(found, expected, strict=True):
        assert row.unix_s == journals.START_UNIX + original.t_s
        assert {name: getattr(row, name) for name in schema.ROW_COLUMNS} == dataclasses.asdict(
            original
        )
    told = [event for _, events in journals.units(2, 5) for event in events]
    assert [(e.t_s, e.kind, e.data) for e in journal.events(folder)] == [
        (e.t_s, e.kind, dict(e.data)) for e in told
    ]


def test_events_name_the_reading_that_they_came_after(tmp_path: Path) -> None:
    folder = journals.finished(tmp_path / "run", cycles=1, per_step=5)
    after = {
        e.data["step_count"]: e.after_reading
        for e in journal.events(folder)
        if e.kind == "step_ended"
    }
    assert after == {1: 5, 2: 10}


def test_the_manifest_is_durable_when_create_returns(tmp_path: Path) -> None:
    target = journals.create(tmp_path / "run")
    assert journal.read_manifest(tmp_path / "run") == journals.manifest("run")
    target.close(None)


@pytest.mark.parametrize("missing", ["run", "simulated", "start_unix", "protocol", "cell"])
def test_a_manifest_that_lacks_something_is_refused(tmp_path: Path, missing: str) -> None:
    described = journals.manifest()
    del described[missing]
    with pytest.raises(ValueError, match=missing):
        journal.create(tmp_path / "run", described, journal.virtual_wall(0.0))
    assert not (tmp_path / "run").exists()


def test_no_secret_enters_a_manifest(tmp_path: Path) -> None:
    described = journals.manifest() | {"mqtt": {"password": "hunter2"}}
    with pytest.raises(ValueError, match=r"mqtt\.password") as refused:
        journal.create(tmp_path / "run", described, journal.virtual_wall(0.0))
    assert "hunter2" not in str(refused.value)
    allowed = journals.manifest() | {"mqtt": {"password": {"env": "LABCTL_MQTT_PASSWORD"}}}
    journal.create(tmp_path / "run", allowed, journal.virtual_wall(0.0)).close(None)


def test_what_belongs_together_is_never_split(tmp_path: Path) -> None:
    """A reader that looks all the time never sees rows without their event and checkpoint."""
    target = journals.create(tmp_path / "run")
    done = threading.Event()
    torn: list[str] = []

    def watch() -> None:
        with sqlite3.connect(
            f"{(tmp_path / 'run' / 'journal.sqlite').as_uri()}?mode=ro", uri=True
        ) as database:
            while not done.is_set():
                rows, events, state = database.execute(
                    "SELECT (SELECT count(*) FROM readings), (SELECT count(*) FROM events),"
                    " (SELECT state FROM checkpoints)"
                ).fetchone()
                if rows != 3 * events or (rows and int(state) != rows):
                    torn.append(f"{rows} rows, {events} events, state {state}")
        database.close()

    watcher = threading.Thread(target=watch)
    watcher.start()
    for n in range(1, 2001):
        target.write([ROW] * 3, [Event(0.0, "mark", {"text": str(n)})], str(3 * n))
        if n % 50 == 0:
            target.commit().result()
    done.set()
    watcher.join()
    target.close("completed")
    assert torn == []


def test_rows_become_durable_by_themselves(tmp_path: Path) -> None:
    target = journals.create(tmp_path / "run")
    target.write([ROW])
    with journal.Reader(tmp_path / "run") as reader:
        while reader.counts()[0] == 0:  # pytest's timeout fails it
            pass
    target.close(None)


def test_a_commit_resolves_when_the_rows_are_there(tmp_path: Path) -> None:
    target = journals.create(tmp_path / "run")
    target.write([ROW, ROW], checkpoint=lambda: "after two")
    assert target.backlog == 2
    target.commit().result()
    with journal.Reader(tmp_path / "run") as reader:
        assert reader.counts() == (2, 0)
        assert reader.checkpoint() == (2, "after two")
    target.close("completed", "all done")
    with journal.Reader(tmp_path / "run") as reader:
        closing = reader.closing()
        assert closing is not None
        assert (closing.outcome, closing.reason) == ("completed", "all done")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_does_not_enter(tmp_path: Path, value: float) -> None:
    target = journals.create(tmp_path / "run")
    with pytest.raises(ValueError, match="not a reading"):
        target.write([ROW, dataclasses.replace(ROW, current_A=value)])
    with pytest.raises(ValueError, match="JSON"):
        target.write([ROW], [Event(0.0, "note", {"value": value})])
    target.close(None)
    assert list(journal.readings(tmp_path / "run")) == []


def test_a_lost_run_is_gone_on_with(tmp_path: Path) -> None:
    target = journals.create(tmp_path / "run")
    assert journal.is_live(tmp_path / "run")
    count = journals.fill(target, 1)
    with pytest.raises(journal.JournalInUse):
        journal.reopen(tmp_path / "run", journal.virtual_wall(0.0))
    target.close(None)
    assert not journal.is_live(tmp_path / "run")
    again = journal.reopen(tmp_path / "run", journal.virtual_wall(0.0))
    again.write([ROW])
    again.close("completed")
    assert [row.seq for row in journal.readings(tmp_path / "run")] == list(range(1, count + 2))


def test_a_step_of_the_wall_clock_is_told_and_changes_no_order(tmp_path: Path) -> None:
    offsets = iter([100.0, 100.0, 3700.0, 3700.0, 3700.0, 3700.0, 3700.0])
    target = journal.create(tmp_path / "run", journals.manifest(), lambda t: next(offsets) + t)
    for t_s in (1.0, 2.0, 3.0):
        target.write([dataclasses.replace(ROW, t_s=t_s)])
    target.close(None)
    assert [row.unix_s for row in journal.readings(tmp_path / "run")] == [101.0, 3702.0, 3703.0]
    (note,) = journal.events(tmp_path / "run")
    assert note.kind == "note"
    assert "+3600.000 s" in str(note.data["text"])


def test_a_finished_run_is_read_from_a_read_only_folder(tmp_path: Path) -> None:
    folder = journals.finished(tmp_path / "run", cycles=1)
    for leftover in ("journal.sqlite-wal", "journal.sqlite-shm"):
        assert not (folder / leftover).exists()
    (folder / "journal.sqlite").chmod(0o444)
    folder.chmod(0o555)
    try:
        assert len(list(journal.readings(folder))) == 40
    finally:
        folder.chmod(0o755)


def test_a_journal_of_another_version_is_refused(tmp_path: Path) -> None:
    folder = journals.finished(tmp_path / "run", cycles=1)
    database = sqlite3.connect(folder / "journal.sqlite")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(journal.JournalError, match="version 99"):
        journal.read_manifest(folder)
    with pytest.raises(journal.JournalError, match="version 99"):
        journal.reopen(folder, journal.virtual_wall(0.0))


def test_row_and_recorded_row_are_one_shape() -> None:
    assert {field.name for field in dataclasses.fields(Row)} | {"seq", "unix_s"} == set(
        journal.RecordedRow._fields
    )
    assert schema.READING_COLUMNS == journal.RecordedRow._fields


def test_a_journal_from_before_temperatures_is_read_as_it_is(tmp_path: Path) -> None:
    folder = journals.finished(tmp_path / "run", cycles=1, per_step=5)
    before = list(journal.readings(folder))
    database = sqlite3.connect(folder / "journal.sqlite")
    database.execute("ALTER TABLE readings DROP COLUMN temperature_K")
    database.execute("PRAGMA user_version = 2")
    database.commit()
    database.close()
    assert list(journal.readings(folder)) == [row._replace(temperature_K=None) for row in before]
