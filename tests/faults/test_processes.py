"""A whole `labctl run` in a process of its own: signals, kills, a full disk, a host that slept."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import broken_wire, cli

from labctl.journal import Reader, list_runs, writer
from labctl.run.conduct import conduct
from labctl.show.run import run_row

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
LONG = """\
name: long
cell: {kind: half, metal: Na}
limits: {voltage: -0.5 V .. 1.5 V, current: 5 mA}
record: every 1 s
steps:
  - repeat: 1000
    steps:
      - plate: 2 mA/cm2 until 60 s
      - strip: 2 mA/cm2 until 50 s or 1 V
"""


def start(
    folder: Path, *more: str, speed: str = "60x", wrapper: Sequence[str] = cli.LABCTL
) -> "subprocess.Popen[str]":
    (folder / "long.yaml").write_text(LONG, encoding="utf-8")
    words = ["run", "long.yaml", "--cell", "na-cu-half", "--speed", speed, "--data", "data"]
    return subprocess.Popen(
        [*wrapper, *words, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=cli.ENVIRONMENT,
    )


def wait_for(process: "subprocess.Popen[str]", word: str) -> None:
    """Read its progress until a line has this word."""
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            return
    raise AssertionError(process.communicate()[1])


def ended(process: "subprocess.Popen[str]") -> tuple[int, list[str]]:
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors.splitlines()


def check_stopped_and_off(folder: Path) -> None:
    """The journal of the one run is closed as stopped, after the output was read back off."""
    (run,) = list_runs(folder / "data")
    with Reader(run) as reader:
        closing = reader.closing()
        events = list(reader.events())
    assert closing is not None
    assert closing.outcome == "stopped"
    assert "SIG" in closing.reason
    outputs = [event.data for event in events if event.kind == "output"]
    assert outputs[-1] == {"on": False, "read_back": True}
    assert events[-1].kind == "run_ended"


# ---- signals -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_run_in_order(name: str, tmp_path: Path) -> None:
    process = start(tmp_path)
    wait_for(process, ".plate")
    time.sleep(random.Random(name).uniform(0.0, 0.3))  # at any moment
    process.send_signal(getattr(signal, name))
    code, errors = ended(process)
    assert code == 130
    assert len(errors) == 1
    assert name in errors[0]
    check_stopped_and_off(tmp_path)


@pytest.mark.parametrize("seed", range(4))
def test_signals_again_and_again_skip_nothing(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    process = start(tmp_path)
    wait_for(process, ".plate" if seed % 2 else "folder")
    for _ in range(8):
        if process.poll() is not None:
            break
        process.send_signal(chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP]))
        time.sleep(chance.uniform(0.0, 0.02))  # while it makes itself safe, and after
    code, _ = ended(process)
    assert code == 130
    check_stopped_and_off(tmp_path)


@pytest.mark.parametrize("delay_s", [0.15, 0.3, 0.45, 0.6, 0.75, 0.9])
def test_a_signal_while_it_starts_drives_nothing_or_ends_in_order(
    delay_s: float, tmp_path: Path
) -> None:
    process = start(tmp_path, "--transcript", "wire.txt", speed="real")
    time.sleep(delay_s)
    process.send_signal(signal.SIGTERM)
    code, _ = ended(process)
    wire = tmp_path / "wire.txt"
    written = wire.read_text(encoding="ascii") if wire.exists() else ""
    if list_runs(tmp_path / "data"):
        assert code == 130
        check_stopped_and_off(tmp_path)
        assert written.rindex(":OUTP OFF") > written.rfind(":OUTP ON")
    else:
        # before the interpreter has come to us, the signal does what it does to any program
        assert code in (130, -signal.SIGTERM)
        assert ":OUTP ON" not in written


def test_what_was_ignored_stays_ignored(tmp_path: Path) -> None:
    ignoring = (
        "import signal, sys; from labctl.__main__ import main; "
        "signal.signal(signal.SIGHUP, signal.SIG_IGN); sys.exit(main())"
    )
    process = start(tmp_path, wrapper=[sys.executable, "-c", ignoring])
    wait_for(process, ".plate")
    process.send_signal(signal.SIGHUP)
    wait_for(process, ".strip")
    process.send_signal(signal.SIGTERM)
    code, errors = ended(process)
    assert code == 130
    assert "SIGTERM" in errors[0]


# ---- kill -9 -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_killed_at_any_moment_the_journal_is_whole(seed: int, tmp_path: Path) -> None:
    process = start(tmp_path)
    wait_for(process, ".plate")
    (run,) = list_runs(tmp_path / "data")
    time.sleep(random.Random(seed).uniform(0.0, 1.2))  # at any moment
    with Reader(run) as reader:
        committed = list(reader.readings())
    process.kill()
    process.communicate()
    assert run_row(run)["outcome"] == "lost"
    with Reader(run) as reader:
        found = list(reader.readings())
        assert reader.closing() is None
    assert found[: len(committed)] == committed
    assert [row.seq for row in found] == list(range(1, len(found) + 1))
    database = sqlite3.connect(run / "journal.sqlite")
    try:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        database.close()


# ---- the disk ------------------------------------------------------------------------------

FULL_DISK = """
import resource, signal, sys
from labctl.__main__ import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from labctl.journal import writer
whole, commits = writer._store, 0
def store(database, batch):
    global commits
    commits += 1
    if commits == {n}:
        size = {size}
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    whole(database, batch)
writer._store = store
sys.exit(main())
"""


@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_disk_that_fills_up_switches_off_first_and_then_says_so(n: int, tmp_path: Path) -> None:
    program = FULL_DISK.format(n=n, size=4096)
    process = start(tmp_path, wrapper=[sys.executable, "-c", program], speed="20x")
    code, errors = ended(process)
    assert code == 5, errors
    assert len(errors) == 1
    assert "StorageFault" in errors[0]
    (run,) = list_runs(tmp_path / "data")
    assert run_row(run)["outcome"] in ("lost", "fault")


def test_when_the_disk_fails_the_output_goes_off_before_anything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_when_told: list[bool] = []
    whole = writer._store

    def store(database: sqlite3.Connection, batch: Any) -> None:
        if batch.rows and batch.rows[-1][1].t_s > 20.0:
            raise sqlite3.OperationalError("disk I/O error")
        whole(database, batch)

    def close(self: writer.Journal, outcome: str | None, reason: str = "") -> None:
        on_when_told.append(wires[0].firmware.output_on)
        closing(self, outcome, reason)

    closing = writer.Journal.close
    monkeypatch.setattr(writer, "_store", store)
    monkeypatch.setattr(writer.Journal, "close", close)
    request = broken_wire.short_request(tmp_path, text=LONG)
    with broken_wire.broken(broken_wire.sound, 0) as wires:
        result = conduct(replace(request, speed=60.0))
    assert (result.outcome, result.exit_code) == ("fault", 5)
    assert on_when_told == [False]


def test_a_disk_that_fails_while_nothing_is_due_is_noticed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, commits = writer._store, 0

    def store(database: sqlite3.Connection, batch: Any) -> None:
        nonlocal commits
        commits += 1
        if commits >= 3:
            raise sqlite3.OperationalError("disk I/O error")
        whole(database, batch)

    monkeypatch.setattr(writer, "_store", store)
    text = LONG.replace("record: every 1 s", "record: every 60 s").replace(
        "steps:\n  - repeat", "steps:\n  - rest: 1 h\n  - repeat", 1
    )
    ran = broken_wire.run_broken(replace(broken_wire.short_request(tmp_path, text=text), speed=4.0))
    assert (ran.result.outcome, ran.result.exit_code) == ("fault", 5)
    assert not ran.wire.firmware.output_on
    assert len(ran.wire.sent) <= 2  # the next reading was due a minute later


# ---- time ----------------------------------------------------------------------------------


def test_a_program_that_stood_still_ends_the_run(tmp_path: Path) -> None:
    process = start(tmp_path, speed="real")
    wait_for(process, ".plate")
    process.send_signal(signal.SIGSTOP)
    time.sleep(8.0)  # longer than any reading may be late, and the pause before it
    process.send_signal(signal.SIGCONT)
    code, errors = ended(process)
    assert code == 4, errors
    assert "HostSlept" in errors[0]
    (run,) = list_runs(tmp_path / "data")
    with Reader(run) as reader:
        events = list(reader.events())
    (fault,) = [event.data for event in events if event.kind == "fault"]
    assert fault["error"] == "HostSlept"
    assert 5.0 < float(str(fault["gap_s"])) < 30.0
    assert events[-2].data == {"on": False, "read_back": True}
