"""Killed at any moment, out of space, torn: what was acknowledged is there (S4)."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import journals

from labctl import journal

TESTS = Path(__file__).parents[2]


def victim(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "helpers.journal_victim", str(folder)],
        cwd=TESTS,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("seed", range(12))
def test_killed_at_a_random_moment_no_acknowledged_row_is_lost(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    folder = tmp_path / "run"
    with victim(folder) as process:
        assert process.stdout is not None
        acknowledged = 0
        for _ in range(chance.randint(1, 40)):
            acknowledged = int(process.stdout.readline())
        # The kill falls anywhere into the work of the next milliseconds.
        threading.Event().wait(chance.uniform(0.0, 0.02))
        process.kill()
        for line in process.stdout:
            acknowledged = int(line) if line.endswith("\n") else acknowledged
    with journal.Reader(folder) as reader:
        assert reader.check() == []
        rows = [row.seq for row in reader.readings()]
        checkpoint = reader.checkpoint()
    assert len(rows) >= acknowledged > 0
    assert rows == list(range(1, len(rows) + 1))
    # The checkpoint is of the last unit stored; a unit has one reading or none.
    assert checkpoint is not None
    assert checkpoint[0] == len(rows)
    assert not journal.is_live(folder)


def test_a_torn_tail_of_the_log_costs_its_last_transactions_only(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    target = journals.create(folder)
    for rows, events in journals.units(4):
        target.write(rows, events)
        target.commit().result()
    whole = folder / "journal.sqlite-wal"
    size = whole.stat().st_size
    for cut in (1, 37, 4096, 40_000, size // 2):
        torn = tmp_path / f"torn-{cut}"
        shutil.copytree(folder, torn, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
        os.truncate(torn / "journal.sqlite-wal", size - cut)
        with journal.Reader(torn) as reader:
            assert reader.check() == []
            rows = [row.seq for row in reader.readings()]
        assert rows == list(range(1, len(rows) + 1))
        assert len(rows) >= 160 - cut // 4096 - 1 if cut < 40_000 else rows
        again = journal.reopen(torn, journal.virtual_wall(0.0))
        again.write(next(rows for rows, _ in journals.units(1) if rows))
        again.close("completed")
        assert [row.seq for row in journal.readings(torn)][-1] == len(rows) + 1
    target.close(None)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("mount")
    if (
        not mounted
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)], capture_output=True
        ).returncode
    ):
        pytest.skip("needs root, to mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill_until_it_fails(target: journal.Journal, acknowledged: list[int]) -> None:
    """Write until the fault; `acknowledged` gets the rows of each unit that was."""
    for rows, events in journals.units(1000):
        target.write(rows, events)
        target.commit().result()
        acknowledged.append(len(rows))


def test_a_full_disk_is_a_fault_that_stays(tiny_disk: Path) -> None:
    folder = tiny_disk / "run"
    target = journals.create(folder)
    with pytest.raises(journal.StorageFault, match="full"):
        fill_until_it_fails(target, acknowledged := [])
    (tiny_disk / "run" / "journal.sqlite-shm").stat()  # the disk is there
    assert target.failed is not None
    for call in (target.write, target.commit, lambda: target.close("completed")):
        with pytest.raises(journal.StorageFault, match="full"):
            call()
    with journal.Reader(folder) as reader:
        assert reader.check() == []
        assert [row.seq for row in reader.readings()] == list(range(1, reader.counts()[0] + 1))
        assert reader.counts()[0] == sum(acknowledged) > 0
        assert reader.closing() is None


class BreaksOn:
    """A database whose nth statement of a kind fails, once: a retry would succeed."""

    def __init__(self, real: sqlite3.Connection, kind: str, times: int) -> None:
        self._real = real
        self._kind = kind
        self._left = times

    def _maybe(self, statement: str) -> None:
        if statement.startswith(self._kind):
            self._left -= 1
            if self._left == 0:
                raise sqlite3.OperationalError("disk I/O error")

    def execute(self, statement: str, *values: object) -> object:
        self._maybe(statement)
        return self._real.execute(statement, *values)

    def executemany(self, statement: str, rows: object) -> object:
        self._maybe(statement)
        return self._real.executemany(statement, rows)

    def close(self) -> None:
        self._real.close()


@pytest.mark.parametrize("kind", ["BEGIN", "INSERT INTO readings", "INSERT INTO events", "COMMIT"])
@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_failed_write_is_final_and_never_retried(tmp_path: Path, kind: str, times: int) -> None:
    target = journals.create(tmp_path / "run")
    target._database = BreaksOn(target._database, kind, times)
    with pytest.raises(journal.StorageFault, match="I/O error"):
        fill_until_it_fails(target, acknowledged := [])
    with pytest.raises(journal.StorageFault):
        target.write()
    with pytest.raises(journal.StorageFault):
        target.close("completed")
    assert len(list(journal.readings(tmp_path / "run"))) == sum(acknowledged)


def test_a_network_share_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labctl.journal.place._network_kind", lambda folder: "nfs4")
    with pytest.raises(journal.NetworkShare, match=r"network share \(nfs4\)"):
        journals.create(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_viewer_that_holds_the_database_delays_and_does_not_fail(tmp_path: Path) -> None:
    target = journals.create(tmp_path / "run")
    viewer = sqlite3.connect(tmp_path / "run" / "journal.sqlite", isolation_level=None)
    viewer.execute("BEGIN IMMEDIATE")
    for rows, events in journals.units(1):
        target.write(rows, events)
    done = target.commit()
    assert not done.done()
    viewer.execute("ROLLBACK")
    viewer.close()
    done.result()
    target.close("completed")
    assert len(list(journal.readings(tmp_path / "run"))) == 40
