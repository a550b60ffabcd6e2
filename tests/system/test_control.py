"""A run in one process, controlled from others: stop, pause, continue, skip, amend."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import cli

from labctl.cli.app import run_command
from labctl.control import client, key
from labctl.control.request import Reply, Request
from labctl.journal import Reader, list_runs
from labctl.journal.reader import RecordedEvent

LONG = """\
name: long
cell: {kind: half, metal: Na}
parameters: {cut: 1 V, j: 2 mA/cm2, plating: 30 min, rounds: 1000, low: -0.5 V, high: 1.5 V}
limits: {voltage: $low .. $high, current: 5 mA}
record: every 1 s
steps:
  - repeat: $rounds
    steps:
      - plate: $j until $plating
      - strip: $j until 50 s or $cut
"""
BY = "ada@lab, pid 1"


class Running:
    """`labctl run` in a process of its own, and what its journal says meanwhile."""

    def __init__(self, data: Path, process: "subprocess.Popen[str]") -> None:
        self.data = data
        self.process = process
        self.folder = Path()

    def wait_for(self, word: str) -> None:
        """Read its progress until a line has this word."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if word in line:
                (self.folder,) = list_runs(self.data)
                return
        raise AssertionError(self.process.communicate()[1])

    def say(self, command: Any, **more: Any) -> Reply:
        return client.ask(self.folder, Request(command, BY, **more), 30)

    def events(self, *kinds: str) -> list[RecordedEvent]:
        with Reader(self.folder) as reader:
            return [event for event in reader.events() if event.kind in kinds]

    def until(self, kind: str, count: int = 1) -> list[RecordedEvent]:
        """Wait for so many events of this kind."""
        for _ in range(1000):
            found = self.events(kind)
            if len(found) >= count:
                return found
            time.sleep(0.02)
        raise AssertionError(f"no {count} × {kind}")

    def ended(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


def start(folder: Path, text: str, *more: str, speed: str = "100x") -> Running:
    (folder / "p.yaml").write_text(text, encoding="utf-8")
    words = ["run", "p.yaml", "--cell", "na-cu-half", "--speed", speed, "--data", "data", *more]
    return Running(folder / "data", cli.started(words, folder))


@pytest.fixture
def long(tmp_path: Path) -> Iterator[Running]:
    run = start(tmp_path, LONG)
    run.wait_for(".plate")
    run.until("step_started")
    yield run
    if run.process.poll() is None:
        run.process.kill()
    run.process.communicate()


def labctl(run: Running, *words: str) -> "subprocess.CompletedProcess[str]":
    """The command in this process, which is another one than the run's."""
    out, errors = io.StringIO(), io.StringIO()
    arguments = [*words, "--data", str(run.data)]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = run_command(arguments)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), errors.getvalue())


# ---- stop ---------------------------------------------------------------------------------


def test_stop_ends_the_run_with_its_output_off_and_says_how(long: Running) -> None:
    done = labctl(long, "stop", long.folder.name[:15])
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith("outcome stopped: stopped by the operator (")
    # the journal is closed when the command returns
    with Reader(long.folder) as reader:
        closing = reader.closing()
    assert closing is not None
    assert closing.outcome == "stopped"
    assert re.search(r"\(\S+@\S+, pid \d+\)$", closing.reason)
    assert long.events("output")[-1].data == {"on": False, "read_back": True}
    code, errors = long.ended()
    assert code == 130
    assert len(errors.splitlines()) == 1
    assert not key.place(long.folder).exists()
    # and again: there is nothing to stop any more
    again = cli.refused(labctl(long, "stop", long.folder.name), 2)
    assert again == [f"labctl: the run {long.folder.name} has ended: stopped: {closing.reason}"]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_run_whose_process_died_is_told_as_such(long: Running) -> None:
    long.process.kill()
    long.process.wait()
    assert key.place(long.folder).exists()
    for command in ("stop", "pause", "continue", "skip"):
        with pytest.raises(client.NotRunning, match="not running any more: its process died"):
            long.say(command)
    (line,) = cli.refused(labctl(long, "pause", long.folder.name), 2)
    assert line.endswith("its process died")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP")
def test_a_run_that_does_not_answer_is_told_in_time(long: Running) -> None:
    long.process.send_signal(signal.SIGSTOP)
    done = labctl(long, "stop", long.folder.name, "--timeout", "0.5")
    long.process.send_signal(signal.SIGCONT)
    (line,) = cli.refused(done, 4)
    assert "did not answer within 0.5 s: look at the instrument" in line


# ---- pause, continue, skip ----------------------------------------------------------------


def test_pause_continue_and_skip(long: Running) -> None:
    reply = long.say("status")
    assert (reply.data["phase"], reply.data["step"]) == ("running", "1.repeat.1.plate")
    assert reply.data["current_A"] == pytest.approx(-2.26e-3, rel=0.05)
    assert not long.say("continue").ok
    assert long.say("pause") == Reply(True, "paused: output off, read back")
    on, off = long.until("output", 2)
    assert (on.data["on"], off.data["on"], off.data["read_back"]) == (True, False, True)
    assert "paused" in labctl(long, "runs").stdout
    assert not long.say("pause").ok
    before = long.until("operator", 3)
    told = [(e.data["word"], e.data["by"], e.data["done"]) for e in before]
    assert told == [("continue", BY, False), ("pause", BY, True), ("pause", BY, False)]

    assert long.say("continue").ok
    resumed = long.until("step_resumed")
    assert "running" in labctl(long, "runs").stdout
    assert resumed[0].data["step_count"] == 1
    assert long.say("skip").ok
    (ended,) = long.until("step_ended")
    assert (ended.data["ended"], ended.data["step_id"]) == ("skipped", "1.repeat.1.plate")
    assert long.say("stop").ok
    # what passed before and after the pause is one step's charge, at 2 mA/cm2 on 1.13 cm2
    with Reader(long.folder) as reader:
        rows = [row for row in reader.readings() if row.step_count == 1]
    assert rows[-1].discharging_Ah == pytest.approx(ended.data["capacity_Ah"], rel=0.05)
    assert ended.data["duration_s"] < rows[-1].t_s


# ---- amend --------------------------------------------------------------------------------


def test_amendments_hold_and_are_journalled(long: Running) -> None:
    first = long.events("step_started")[0]
    assert first.data["ends"][0]["target"] == 1800.0
    done = labctl(long, "amend", long.folder.name, "-p", "plating=1s", "-p", "rounds=2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == [
        "parameter plating: 30 min → 1s",
        "parameter rounds: 1000 → 2",
        "1.repeat: rounds 1000 → 2",
        "1.repeat.1.plate: until 30 min → 1s",
    ]
    code, errors = long.ended()
    assert code == 0, errors
    ended = long.events("step_ended")
    # two rounds in all; the first plating was past its new end, the second ended on it
    assert [e.data["step_id"] for e in ended] == ["1.repeat.1.plate", "1.repeat.2.strip"] * 2
    assert ended[0].data["ended"] == ended[2].data["ended"] == "time"
    third = long.events("step_started")[2]
    assert [end["target"] for end in third.data["ends"]] == [1.0]
    assert 1.0 <= ended[2].data["duration_s"] < 60.0
    (revision,) = long.events("revision")
    assert revision.data["parameters"]["plating"] == "1s"
    assert revision.data["protocol_text"] == LONG
    with Reader(long.folder) as reader:
        manifest: Any = reader.manifest()
    assert manifest["protocol"]["parameters"]["plating"] == "30 min"
    for command in ("show", "why"):
        told = labctl(long, command, long.folder.name).stdout
        assert "1.repeat.1.plate: until 30 min → 1s" in told
        assert str(revision.data["by"]) in told


def test_an_edited_protocol_is_followed_and_then_amended_further(
    long: Running, tmp_path: Path
) -> None:
    edited = tmp_path / "edited.yaml"
    edited.write_text(LONG.replace("50 s or $cut", "2 s or $cut"), encoding="utf-8")
    done = labctl(long, "amend", long.folder.name, "--protocol", str(edited), "--json")
    assert cli_json(done)["changes"] == ["1.repeat.2.strip: until 50 s or 1 V → 2 s or 1 V"]
    # more than the strip takes off again in its 2 s
    reply = long.say("amend", parameters={"plating": "3 s", "rounds": "1"})
    assert reply.ok
    assert not any("strip" in line for line in reply.lines)
    assert long.ended()[0] == 0
    last = long.events("step_started")[-1]
    assert [end["target"] for end in last.data["ends"]] == [2.0, 1.0]
    assert long.events("step_ended")[-1].data["ended"] == "time"
    revisions = [event.data["protocol_text"] for event in long.events("revision")]
    assert revisions == [edited.read_text(encoding="utf-8")] * 2


def test_a_new_limit_is_on_the_instrument_at_once(tmp_path: Path) -> None:
    run = start(tmp_path, LONG, "--transcript", "wire.txt")
    run.wait_for(".plate")
    assert run.say("amend", parameters={"low": "-0.4 V", "j": "1 mA/cm2"}).ok
    wire = tmp_path / "wire.txt"
    for _ in range(500):
        sent = wire.read_text(encoding="utf-8")
        driven = sent[sent.index(":OUTP ON", sent.index("-5.000000E-01")) :]
        if "ILIM 1.131" in driven:
            break
        time.sleep(0.02)
    # a plating step sources the lower limit, with the current as its limit; both are new, and the
    # output was never off in between
    assert ":SOUR:VOLT:LEV -4.000000E-01" in driven
    assert "ILIM 1.131" in driven
    assert ":OUTP OFF" not in driven
    assert run.say("stop").ok
    run.ended()


REFUSED = [
    ({"high": "20 V"}, "p.yaml:4:19: the voltage limit 20 V is above what cell and instrument"),
    ({"cut": "1.6 V"}, "outside the limits"),
    ({"j": "50 mA/cm2"}, "above the limit 5 mA"),
    ({"rounds": "1.5"}, "1.5 rounds"),
    ({"plating": "1 V"}, "another kind"),
    ({"other": "1 V"}, "no parameter `other`"),
    ({"cut": "1"}, "another kind"),
    ({}, "nothing would change"),
]


def test_what_is_refused_leaves_the_run_unchanged(long: Running) -> None:
    for parameters, said in REFUSED:
        reply = long.say("amend", parameters=parameters)
        assert not reply.ok
        assert said in "\n".join(reply.lines), (parameters, reply)
    with_rest = LONG.replace("      - strip", "      - rest: 1 s\n      - strip")
    reply = long.say("amend", protocol=with_rest, file="other.yaml")
    assert reply.lines == (
        "other.yaml:10:9: the steps are others: 1.repeat.2.rest, in the run 1.repeat.2.strip",
    )
    assert not long.say("amend", protocol="[", file="other.yaml").ok
    assert not long.events("revision", "step_ended")
    (line,) = cli.refused(labctl(long, "amend", long.folder.name, "-p", "high=20 V"), 2)
    assert line.startswith("labctl: p.yaml:4:19: the voltage limit 20 V is above what ")
    (line,) = cli.refused(labctl(long, "amend", long.folder.name), 2)
    assert "nothing to change" in line
    assert long.say("status").data["step"] == "1.repeat.1.plate"
    assert long.say("stop").ok


# ---- questions ----------------------------------------------------------------------------

ASKING = """\
name: asking
cell: {kind: half, metal: Na}
limits: {voltage: -0.5 V .. 1.5 V, current: 5 mA}
steps:
  - rest: 1 s
  - ask: Is the cell in its holder?
  - rest: 1 s
"""


def test_yes_answers_by_itself(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(ASKING, encoding="utf-8")
    words = ["run", str(tmp_path / "p.yaml"), "--cell", "na-cu-half", "--json", "--yes"]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert run_command([*words, "--data", str(tmp_path / "data")]) == 0
    with Reader(Path(json.loads(out.getvalue())["folder"])) as reader:
        (said,) = [event.data for event in reader.events() if event.kind == "operator"]
    assert (said["by"], said["done"]) == ("--yes", True)


def test_continue_answers_and_virtual_time_waits_for_it(tmp_path: Path) -> None:
    run = start(tmp_path, ASKING, speed="max")
    run.wait_for("asks: Is the cell in its holder?")
    assert "asking" in labctl(run, "runs").stdout
    assert labctl(run, "continue", run.folder.name).returncode == 0
    code, errors = run.ended()
    assert code == 0, errors
    assert len(run.events("step_ended")) == 2


def cli_json(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


IN_A_TERMINAL = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
if sys.argv[1] == "background" and os.fork():
    # the shell stays in the foreground, and its job is another group
    os.wait()
    sys.exit()
if sys.argv[1] == "background":
    os.setpgid(0, 0)
os.execv(sys.argv[2], sys.argv[2:])
"""


def in_a_terminal(
    how: str, words: Sequence[str], folder: Path
) -> "tuple[subprocess.Popen[bytes], int]":
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", IN_A_TERMINAL, how, *cli.LABCTL, *words],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=folder,
        env=cli.ENVIRONMENT,
    )
    os.close(theirs)
    return process, ours


@pytest.mark.skipif(sys.platform == "win32", reason="terminals are POSIX")
@pytest.mark.parametrize("how", ["foreground", "background"])
def test_enter_in_the_terminal_answers_but_not_from_the_background(
    how: str, tmp_path: Path
) -> None:
    (tmp_path / "p.yaml").write_text(ASKING, encoding="utf-8")
    words = ["run", "p.yaml", "--cell", "na-cu-half", "--speed", "100x", "--data", "data"]
    process, ours = in_a_terminal(how, words, tmp_path)
    run = Running(tmp_path / "data", process)  # type: ignore[arg-type]
    try:
        os.write(ours, b"\n")  # typed before anything is asked: no answer
        while not list(run.data.glob(f"*/{key.FILE}")):
            time.sleep(0.02)
        (run.folder,) = list_runs(run.data)
        run.until("ask")
        time.sleep(0.5)
        assert run.events("operator") == []
        os.write(ours, b"\n")
        if how == "background":
            time.sleep(0.6)
            # not stopped by the system, and not answered
            assert run.events("operator") == []
            assert run.say("continue").ok
        process.wait(20)
        (said,) = run.events("operator")
        assert said.data["by"] == (
            BY if how == "background" else "a key in the terminal of the run"
        )
        assert len(run.events("step_ended")) == 2
    finally:
        process.kill()
        process.wait()
        os.close(ours)
