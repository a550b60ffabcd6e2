"""The command as a user runs it: a subprocess."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

LABCTL = (sys.executable, "-m", "labctl")
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith("LABCTL_")
} | {"PYTHONWARNINGS": "error", "COLUMNS": "80"}

SHORT = (
    "run", "na-cu-reservoir-ce", "--cell", "na-cu-half", "-p", "portions=1",
    "-p", "reservoir=0.2 mAh/cm2", "-p", "portion=0.1 mAh/cm2", "-p", "wetting=1 min",
)  # fmt: skip
"""The flagship in a few hours of cell time, which is a second here."""


def labctl(*arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [*LABCTL, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=ENVIRONMENT,
        timeout=100,
    )


def started(
    arguments: Sequence[str], cwd: Path, *, warnings: str = "error"
) -> "subprocess.Popen[str]":
    """Start a command whose output is read while it runs."""
    return subprocess.Popen(
        [*LABCTL, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=ENVIRONMENT | {"PYTHONWARNINGS": warnings},
    )


def refused(result: "subprocess.CompletedProcess[str]", code: int) -> list[str]:
    """The lines on standard error of a command that ended with this code, as it should."""
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    lines = result.stderr.splitlines()
    assert lines
    assert all(lines)
    return lines
