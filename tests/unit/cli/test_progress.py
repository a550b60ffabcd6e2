"""Progress for people: plain lines, a redrawn block on a terminal, silence beside JSON."""

import io
from pathlib import Path

import pytest

from labctl.cli.progress import PlainProgress, as_line, shown_progress
from labctl.run.request import Snapshot
from labctl.show.words import clock_text, duration_text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def snapshot(step: str = "2.plate", cycle: int = 1, **more) -> Snapshot:
    return Snapshot("r1", Path("data/r1"), 3600.0, step, cycle, **more)


FULL = {
    "charge_Ah": 0.57912e-3,
    "voltage_V": -0.03214,
    "current_A": -0.5655e-3,
    "area_cm2": 1.131,
    "ce": 0.99004,
    "u_ce": 0.00031,
    "inventory": 0.8123,
    "left_s": 5400.0,
}


def test_a_line_has_what_the_operator_asks_for_and_fits() -> None:
    assert as_line(snapshot(**FULL), 200) == (
        "1:00:00  cycle 1  2.plate  0.5120 mAh/cm2  -0.0321 V  -0.566 mA  -0.500 mA/cm2  "
        "CE 99.004 ± 0.031 %  inv 81.2 %  1:30:00 left"
    )
    shown = as_line(snapshot("4.cycling.17.strip.much-longer", **FULL))
    assert len(shown) <= 100
    assert "strip.much-long…" not in shown
    assert "much-longer" in shown
    for figure in ("0.5120 mAh/cm2", "-0.0321 V", "-0.566 mA", "99.004 ± 0.031 %", "cycle 1"):
        assert figure in shown


def test_a_line_that_is_kept_lacks_nothing() -> None:
    out = io.StringIO()
    PlainProgress(out, begin="A1  ")(snapshot(**FULL))
    assert out.getvalue().splitlines()[-1] == (
        "A1  1:00:00  cycle 1  2.plate  0.5120 mAh/cm2  -0.0321 V  -0.566 mA  -0.500 mA/cm2  "
        "CE 99.004 ± 0.031 %  inv 81.2 %  1:30:00 left"
    )


@pytest.mark.parametrize("width", range(10, 130, 3))
def test_any_width_is_kept_and_the_voltage_goes_last(width: int) -> None:
    shown = as_line(snapshot("4.cycling.17.strip.much-longer", **FULL), width)
    assert len(shown) <= width
    assert "-0.0321 V" in shown
    outcome = as_line(snapshot(**FULL, outcome="completed"), width)
    assert "completed" in outcome


def test_without_an_area_charge_and_current_are_the_cells() -> None:
    shown = as_line(snapshot(charge_Ah=1e-3, current_A=2e-3))
    assert shown == "1:00:00  cycle 1  2.plate  1.0000 mAh  +2.000 mA"


def test_a_question_says_how_it_is_answered() -> None:
    shown = as_line(snapshot("", waiting="asks: open the valve"))
    assert shown == "1:00:00  cycle 1  asks: open the valve  (labctl continue r1)"


def test_plain_progress_tells_each_step_and_cycle_once() -> None:
    out = io.StringIO()
    with shown_progress(json=False, stream=out) as tell:
        for cycle in (1, 1, 1, 2):
            tell(snapshot(cycle=cycle))
        tell(snapshot("", cycle=2))
        tell(snapshot("", cycle=2, waiting="paused"))
        tell(snapshot("", cycle=2, waiting="paused"))
        tell(snapshot("", cycle=2, outcome="completed"))
    lines = out.getvalue().splitlines()
    assert lines[:2] == ["run r1", f"folder {Path('data/r1')}"]
    assert len(lines) == 6
    assert "paused" in lines[4]
    assert lines[-1].endswith("completed")


def test_a_long_step_gives_a_sign_of_life() -> None:
    out, now = io.StringIO(), [0.0]
    tell = PlainProgress(out, lambda: now[0])
    for now[0] in (0.0, 300.0, 599.0, 601.0, 900.0, 1202.0):
        tell(snapshot())
    assert len(out.getvalue().splitlines()) == 2 + 3


def test_every_remark_is_told_once_and_none_silently_left_out() -> None:
    out = io.StringIO()
    with shown_progress(json=False, stream=out) as tell:
        tell(snapshot(told=("detector soft_short_step: jump",), told_count=1))
        tell(snapshot(told=("detector soft_short_step: jump",), told_count=1))
        tell(snapshot(told=("c", "d"), told_count=5))
    lines = out.getvalue().splitlines()
    assert [line for line in lines if "soft_short" in line] == ["detector soft_short_step: jump"]
    assert lines[-3:] == ["… 2 more, see the run's journal", "c", "d"]


def test_a_terminal_gets_one_line_and_what_is_told_above_it() -> None:
    out = Terminal()
    with shown_progress(json=False, stream=out) as tell:
        tell(snapshot(voltage_V=0.0, current_A=1e-3, told=("[red]hostile[/red]",), told_count=1))
    shown = out.getvalue()
    for text in ("r1", "2.plate", "0.0000 V", "+1.000 mA", "[red]hostile[/red]"):
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
