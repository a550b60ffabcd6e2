"""What an exception in a command becomes: one line and an exit code."""

from pathlib import Path

import pytest

from labctl.cli import app

BOOM = """
from labctl_drivers.errors import LinkLost
from labctl.journal.errors import JournalNotFound, StorageFault
from labctl.bench import BenchError

PLACED = LinkLost("gone")
PLACED.add_note("smu at GPIB0::24::INSTR")
PLACED.add_note("smu at GPIB0::24::INSTR")

def boom(what: str, /) -> int:
    '''Fail.'''
    raise {
        "bug": ZeroDivisionError("what\\nnobody thought of"),
        "link": LinkLost("gone"),
        "placed": PLACED,
        "disk": StorageFault("full"),
        "name": JournalNotFound("no run"),
        "bench": BenchError("no channel"),
        "file": FileNotFoundError(2, "No such file or directory", "x.csv"),
        "stop": KeyboardInterrupt(),
    }[what]
"""


@pytest.fixture(autouse=True)
def _command_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "labctl_boom.py").write_text(BOOM, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(app.COMMANDS, "boom", ("labctl_boom:boom", "Fail."))


@pytest.mark.parametrize(
    ("what", "code", "line"),
    [
        ("link", 4, "labctl: LinkLost: gone"),
        ("placed", 4, "labctl: smu at GPIB0::24::INSTR: LinkLost: gone"),
        ("disk", 5, "labctl: full"),
        ("name", 2, "labctl: no run"),
        ("bench", 2, "labctl: no channel"),
        ("file", 2, "labctl: x.csv: No such file or directory"),
        ("stop", 130, "labctl: stopped"),
    ],
)
def test_each_kind_of_error_has_its_code(
    capsys: pytest.CaptureFixture[str], what: str, code: int, line: str
) -> None:
    assert app.run_command(["boom", what]) == code
    captured = capsys.readouterr()
    assert captured.err == line + "\n"
    assert captured.out == ""


def test_a_bug_is_one_line_that_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run_command(["boom", "bug"]) == 70
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "this is a bug in labctl: ZeroDivisionError: what nobody thought of" in error


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run_command(["boom", "--debug", "bug"]) == 70
    error = capsys.readouterr().err
    assert "Traceback (most recent call last)" in error
    assert "this is a bug" in error.splitlines()[-1]
