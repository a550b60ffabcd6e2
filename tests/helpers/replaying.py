"""Runs that keep what their engine heard, and what `labctl replay` says of them."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from helpers.running import run
from labctl.cli.app import run_command
from labctl.run.request import RunResult

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
