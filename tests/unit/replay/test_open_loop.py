"""A protocol against recordings whose step ends are known in closed form."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.traces import Trace, ramp

from labctl.cli.app import run_command
from labctl.figures.recording import Recording
from labctl.replay.executions import executions_of
from labctl.replay.open_loop import OpenLoop, run_against
from labctl.replay.recorded_cell import RATINGS
from labctl_protocols.checker import bind
from labctl_protocols.files import cell_from_text, protocol_from_text

HEAD = """\
name: x
cell: {kind: full}
limits: {voltage: 1 V .. 5 V, current: 1 A}
record: every 10 s
steps:
"""
CHARGE_AND_BACK = (
    HEAD + "  - charge: 10 mA until 4 V\n  - rest: 5 min\n  - discharge: 10 mA until 3 V\n"
)


def counted(trace: Trace, *steps: int) -> Recording:
    """The trace with its step counter: so many rows of each step."""
    count = [float(n) for n, rows in enumerate(steps, 1) for _ in range(rows)]
    assert len(count) == len(trace.recording)
    return replace(trace.recording, step_count=count)


def replayed(protocol: str, recording: Recording) -> OpenLoop:
    cell = cell_from_text("id: x\nkind: full\n", "cell")
    plan = bind(protocol_from_text(protocol, "x.yaml"), cell, RATINGS)
    executions, _ = executions_of(recording)
    return run_against(plan, executions)


def charge_and_back() -> Trace:
    """An hour up to 4 V, five minutes at rest, half an hour down to 3 V."""
    up = Trace().step(0.01, 3600.0, ramp(3.0, 4.0, 3600.0))
    return up.step(0.0, 300.0, 3.9).step(-0.01, 1800.0, ramp(3.9, 3.0, 1800.0))


ROWS = (361, 31, 181)


def test_the_protocol_that_was_recorded_agrees() -> None:
    found = replayed(CHARGE_AND_BACK, counted(charge_and_back(), *ROWS))
    assert (found.agrees, found.outcome, found.left) == (True, "completed", 0)
    assert [step.type for step in found.steps] == ["charge", "rest", "discharge"]
    assert [step.ended for step in found.steps] == ["voltage", "time", "voltage"]
    for step, seconds, charge_Ah in zip(
        found.steps, (3600.0, 300.0, 1800.0), (0.01, 0.0, 0.005), strict=True
    ):
        assert step.recorded_s == pytest.approx(seconds)
        assert step.engine_s == pytest.approx(seconds, abs=0.2)
        assert step.recorded_Ah == pytest.approx(charge_Ah)
        assert step.engine_Ah == pytest.approx(charge_Ah, abs=0.01 * 0.2 / 3600)


def test_without_a_counter_the_current_tells_the_steps() -> None:
    found = replayed(CHARGE_AND_BACK, charge_and_back().recording)
    assert found.agrees
    assert [step.met.number for step in found.steps if step.met] == [1, 2, 3]


@pytest.mark.parametrize(
    ("end", "early_s"),
    [
        ("3.8 V", 720.0),
        ("4.1 V", None),
        ("9 mAh", 360.0),
        ("11 mAh", None),
        ("59 min", 60.0),
        ("61 min", None),
    ],
)
def test_another_end_is_a_disagreement(end: str, early_s: float | None) -> None:
    protocol = CHARGE_AND_BACK.replace("until 4 V", f"until {end}")
    found = replayed(protocol, counted(charge_and_back(), *ROWS))
    first, *others = found.steps
    assert not found.agrees
    assert all(not step.note for step in others)
    if early_s is None:
        assert first.note == "asks beyond its record, which ends after 3600 s at 4 V, 0.01 A"
        assert (found.outcome, found.left, others) == ("stopped", 2, [])
    else:
        assert first.late_s == pytest.approx(-early_s, abs=0.2)
        assert first.note == f"ends {-(first.late_s or 0.0):.2f} s before its record"
        assert (found.outcome, found.left, len(others)) == ("completed", 0, 2)


@pytest.mark.parametrize("late_s", [9.0, 11.0])
def test_one_sampling_period_is_allowed(late_s: float) -> None:
    """Recorded every 10 s, and read every 10 s: where the record ends 11 s early it is too much."""
    trace = Trace().step(0.01, 3600.0 - late_s, 3.5)
    trace.every_s = 10.0
    found = replayed(HEAD + "  - charge: 10 mA until 1 h\n", trace.recording)
    assert found.agrees == (late_s < 10.0)


@pytest.mark.parametrize(
    ("protocol", "note", "left"),
    [
        (
            HEAD + "  - discharge: 10 mA until 2 V\n",
            "the protocol discharges, the recording charges",
            3,
        ),
        (
            HEAD + "  - charge: 10 mA until 4 V\n  - discharge: 10 mA until 3 V\n",
            "the protocol discharges, the recording rests",
            2,
        ),
        (
            HEAD + "  - rest: 5 min\n",
            "the protocol rests, the recording charges",
            3,
        ),
        (CHARGE_AND_BACK + "  - rest: 1 min\n", "the recording has no step left for it", 0),
    ],
)
def test_another_order_ends_the_replay(protocol: str, note: str, left: int) -> None:
    found = replayed(protocol, counted(charge_and_back(), *ROWS))
    assert not found.agrees
    assert (found.steps[-1].note, found.steps[-1].met) == (note, None)
    assert [step.note for step in found.steps[:-1]] == [""] * (len(found.steps) - 1)
    assert found.left == left
    assert (found.outcome, found.reason) == ("stopped", note)


def test_recorded_steps_that_are_left_are_a_disagreement() -> None:
    found = replayed(HEAD + "  - charge: 10 mA until 4 V\n", counted(charge_and_back(), *ROWS))
    assert [step.note for step in found.steps] == [""]
    assert (found.left, found.agrees) == (2, False)


def test_the_engines_own_looks_at_the_cell_take_no_recorded_step() -> None:
    """Two charges in a row: the engine looks at the cell at rest before the second."""
    trace = Trace().step(0.01, 600.0, ramp(3.0, 3.5, 600.0))
    trace.step(0.02, 600.0, ramp(3.6, 4.0, 600.0))
    protocol = HEAD + "  - charge: 10 mA until 3.5 V\n  - charge: 20 mA until 4 V\n"
    found = replayed(protocol, counted(trace, 61, 61))
    assert found.agrees
    assert [step.met.number for step in found.steps if step.met] == [1, 2]


def test_a_voltage_end_that_is_confirmed_at_rest_takes_no_recorded_step() -> None:
    """A strip that ran out of metal: the current has broken down at the cut-off."""
    trace = Trace(1.0).step(0.01, 600.0, 3.0).row(0.001, 4.0)
    trace.step(-0.01, 600.0, ramp(3.5, 3.0, 600.0))
    protocol = HEAD + "  - charge: 10 mA until 4 V\n  - discharge: 10 mA until 3 V\n"
    found = replayed(protocol, counted(trace, 602, 601))
    assert [(step.ended, step.note) for step in found.steps] == [("voltage", "")] * 2


def test_a_question_is_taken_as_answered() -> None:
    asked = CHARGE_AND_BACK.replace("  - rest: 5 min\n", "  - rest: 5 min\n  - ask: Is it cool?\n")
    found = replayed(asked, counted(charge_and_back(), *ROWS))
    assert found.agrees
    assert len(found.steps) == 3


def test_a_constant_power_is_not_taken_for_new_steps() -> None:
    """0.04 W from 3 V to 4 V: the engine sets another current with each reading, every 10 s."""
    trace = Trace()
    for n in range(101):
        voltage = 3.0 + 0.01 * n
        trace.row(0.04 / voltage, voltage)
        trace.now_s += 10.0
    found = replayed(HEAD + "  - charge: 40 mW until 4 V or 2 h\n", trace.recording)
    assert found.agrees
    assert len(found.steps) == 1
    assert found.steps[0].engine_s == pytest.approx(1000.0, abs=10.0)


def test_a_single_reading_between_steps_is_no_step() -> None:
    trace = Trace().step(0.01, 600.0, ramp(3.0, 4.0, 600.0)).row(-1e-6, 3.97)
    trace.step(-0.01, 600.0, ramp(3.9, 3.0, 600.0))
    protocol = HEAD + "  - charge: 10 mA until 4 V\n  - discharge: 10 mA until 3 V\n"
    recording = counted(trace, 61, 1, 61)
    executions, dropped = executions_of(recording)
    assert ([each.number for each in executions], dropped) == ([1, 3], 1)
    assert replayed(protocol, recording).agrees


@pytest.mark.parametrize(
    ("first_s", "duration_s"),
    [(70.0, 40.0), (71.5, 30.0)],
    ids=["first read an interval after it began", "after a pause"],
)
def test_where_a_step_without_a_clock_began(first_s: float, duration_s: float) -> None:
    """The step before it was last read at 60 s; this one every 10 s."""
    times = [0.0, 30.0, 60.0, *(first_s + 10.0 * n for n in range(4))]
    recording = Recording(times, [3.0] * 7, [0.01] * 3 + [-0.01] * 4)
    (_, second), _ = executions_of(recording)
    assert second.duration_s == pytest.approx(duration_s)
    assert second.charge_Ah == pytest.approx(-0.01 * duration_s / 3600.0)


def test_a_steps_own_clock_says_when_it_began() -> None:
    recording = Recording(
        [0.0, 30.0, 60.0, 65.0, 75.0],
        [3.0] * 5,
        [0.01] * 3 + [-0.01] * 2,
        step_time_s=[0.0, 30.0, 60.0, 2.0, 12.0],
    )
    (_, second), _ = executions_of(recording)
    assert (second.start_s, second.duration_s) == (63.0, 12.0)


HELD = HEAD + "  - charge: 10 mA until 4 V then hold until 2 mA or 20 min\n  - rest: 1 min\n"


def held(fall_s: float, held_s: float) -> Trace:
    """An hour of constant current, then a hold whose current falls in a straight line."""
    trace = Trace().step(0.01, 3600.0, ramp(3.0, 4.0, 3600.0))
    for n in range(round(held_s / 10.0) + 1):
        trace.row(0.01 * (1 - 10.0 * n / fall_s), 4.0)
        trace.now_s += 10.0
    trace.now_s -= 10.0
    return trace.step(0.0, 60.0, 3.95)


@pytest.mark.parametrize("with_counter", [True, False])
@pytest.mark.parametrize(
    ("fall_s", "held_s", "word"), [(1000.0, 800.0, "current"), (2400.0, 1200.0, "time")]
)
def test_a_hold_goes_on_behind_its_charge(
    fall_s: float, held_s: float, word: str, with_counter: bool
) -> None:
    """10 mA fall to 2 mA in 800 s of 1000, and to 5 mA in the 20 min of 2400 s."""
    trace = held(fall_s, held_s)
    rows = round(held_s / 10.0) + 1
    recording = counted(trace, 361, rows, 7) if with_counter else trace.recording
    found = replayed(HELD, recording)
    assert found.agrees
    first, second, _ = found.steps
    assert (first.type, first.ended, second.type, second.ended) == (
        "charge", "voltage", "then_hold", word,
    )  # fmt: skip
    assert first.engine_s == pytest.approx(3600.0, abs=0.5)
    assert second.engine_s == pytest.approx(held_s, abs=0.5)
    mean_A = 0.01 * (1 - held_s / fall_s / 2)
    assert second.engine_Ah == pytest.approx(mean_A * held_s / 3600.0, rel=2e-3)
    assert (first.recorded_s is None) is not with_counter


def test_a_hold_of_another_end_is_found() -> None:
    protocol = HELD.replace("2 mA", "4 mA")
    found = replayed(protocol, counted(held(1000.0, 800.0), 361, 81, 7))
    assert found.steps[1].late_s == pytest.approx(-200.0, abs=0.5)
    assert found.steps[1].note.endswith("before its record")
    assert found.steps[1].ended == "current"


Written = Callable[[Recording], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Writes a recording as a BDF file; the step counter as `Step ID`."""

    def write(recording: Recording) -> Path:
        path = tmp_path / "recorded.bdf.csv"
        with path.open("w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["Test Time / s", "Voltage / V", "Current / A", "Step ID"])
            columns = (recording.test_time_s, recording.voltage_V, recording.current_A)
            ids = [f"line {n:g}" for n in recording.step_count or ()]
            out.writerows(zip(*columns, ids, strict=True))
        (tmp_path / "x.yaml").write_text(CHARGE_AND_BACK, encoding="utf-8")
        return path

    return write


def test_the_command_says_which_step_ended_how_and_makes_no_run(
    written: Written, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    file = written(counted(charge_and_back(), *ROWS))
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert run_command(["replay", str(file), "x.yaml", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert sorted(tmp_path.iterdir()) == before
    assert document["agrees"] is document["open_loop"] is True
    assert "run" not in document
    assert [step["ended"] for step in document["steps"]] == ["voltage", "time", "voltage"]
    assert [step["execution"] for step in document["steps"]] == [1, 2, 3]
    assert run_command(["replay", str(file), "x.yaml"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].endswith("open loop: nothing is measured")
    assert told[-1] == "agrees: 3 steps"


def test_a_disagreement_is_exit_code_6_and_one_line(
    written: Written, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(counted(charge_and_back(), *ROWS))
    other = tmp_path / "y.yaml"
    other.write_text(CHARGE_AND_BACK.replace("5 min", "4 min"), encoding="utf-8")
    assert run_command(["replay", str(file), str(other)]) == 6
    told = capsys.readouterr()
    assert told.err == (
        f"labctl: {file} and {other} disagree: step 2 2.rest: ends 60.00 s before its record\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ([], 2, "name the protocol that it shall be compared with"),
        (["nokind.yaml"], 2, "name the recorded cell's record with --cell"),
        (["areal.yaml"], 2, "needs"),
        (["x.yaml", "-p", "k=1"], 2, "the protocol has no parameter `k`"),
    ],
)
def test_what_cannot_be_replayed_is_bad_input(
    written: Written,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    text: str,
) -> None:
    file = written(counted(charge_and_back(), *ROWS))
    monkeypatch.chdir(tmp_path)
    without = CHARGE_AND_BACK.replace("cell: {kind: full}\n", "")
    Path("nokind.yaml").write_text(without, encoding="utf-8")
    areal = CHARGE_AND_BACK.replace("charge: 10 mA ", "charge: 1 mA/cm2 ", 1)
    Path("areal.yaml").write_text(areal, encoding="utf-8")
    assert run_command(["replay", str(file), *arguments]) == code
    told = capsys.readouterr().err
    assert text in told
    assert "Traceback" not in told
