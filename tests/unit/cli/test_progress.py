"""Progress for people: plain lines, a redrawn block on a terminal, silence beside JSON."""

import io
from pathlib import Path

import pytest

from labctl.cli.progress import as_line, shown_progress
from labctl.run.request import Snapshot
from labctl.show.words import clock_text, duration_text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def snapshot(step: str = "2.plate", cycle: int = 1, **more) -> Snapshot:
    return Snapshot("r1", Path("data/r1"), 3600.0, step, cycle, **more)


def test_a_line_has_what_the_operator_asks_for() -> None:
    told = snapshot(
        voltage_V=-0.03214, current_A=-0.5655e-3, ce=0.99004, u_ce=0.00031, left_s=5400.0
    )
    assert as_line(told) == (
        "1 h 0 min  cycle 1  2.plate  -0.0321 V  -0.5655 mA  CE 99.004 ± 0.031 %  1 h 30 min left"
    )


def test_plain_progress_tells_each_step_and_cycle_once() -> None:
    out = io.StringIO()
    with shown_progress(json=False, stream=out) as tell:
        for cycle in (1, 1, 1, 2):
            tell(snapshot(cycle=cycle))
        tell(snapshot("", cycle=2))
        tell(snapshot("", cycle=2, outcome="completed"))
    lines = out.getvalue().splitlines()
    assert lines[:2] == ["run r1", f"folder {Path('data/r1')}"]
    assert len(lines) == 5
    assert lines[-1].endswith("completed")


def test_a_terminal_gets_a_block_with_every_figure() -> None:
    out = Terminal()
    with shown_progress(json=False, stream=out) as tell:
        tell(snapshot(voltage_V=0.0, current_A=1e-3, ce=0.5, note="[red]hostile[/red]"))
    shown = out.getvalue()
    for text in ("r1", "2.plate", "0.0000 V", "+1.0000 mA", "50.000 %", "[red]hostile[/red]"):
        assert text in shown


def test_beside_json_only_a_terminal_shows_progress() -> None:
    quiet, seen = io.StringIO(), Terminal()
    for out in (quiet, seen):
        with shown_progress(json=True, stream=out) as tell:
            tell(snapshot())
    assert quiet.getvalue() == ""
    assert "2.plate" in seen.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text", "clock"),
    [
        (0.4, "0 s", "0:00:00"),
        (59.6, "1 min 0 s", "0:01:00"),
        (3599.0, "59 min 59 s", "0:59:59"),
        (3600.0, "1 h 0 min", "1:00:00"),
        (86399.6, "1 d 0 h", "24:00:00"),
        (266400.0, "3 d 2 h", "74:00:00"),
    ],
)
def test_durations(seconds: float, text: str, clock: str) -> None:
    assert duration_text(seconds) == text
    assert clock_text(seconds) == clock
