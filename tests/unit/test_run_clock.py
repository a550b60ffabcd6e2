"""The run's time is its loop's: wall clocks that jump change nothing, gaps are noticed (S10)."""

import itertools
import time
from pathlib import Path

import pytest
from helpers import broken_wire
from helpers.broken_wire import run_broken

from labctl.journal import Reader
from labctl.run.slept import SleepWatch


@pytest.mark.parametrize(
    ("late_s", "period_s", "speed", "gap"),
    [
        (4.9, 1.0, 1.0, None),
        (5.1, 1.0, 1.0, 5.1),
        (5.1, 10.0, 1.0, None),  # half a period is nothing
        (31.0, 10.0, 1.0, 31.0),
        (299.0, 1.0, 60.0, None),  # under 5 s of the host's
        (301.0, 1.0, 60.0, 301.0 / 60.0),
        (1e9, 1.0, None, None),  # virtual time is never late
    ],
)
def test_how_late_is_a_gap(
    late_s: float, period_s: float, speed: float | None, gap: float | None
) -> None:
    watch = SleepWatch(speed, suspended=lambda: 0.0)
    assert watch.host_gap_s(100.0, 100.0 + late_s, period_s) == pytest.approx(gap)


def test_a_suspend_is_a_gap_once_even_when_nothing_is_late() -> None:
    counted = iter([10.0, 10.0, 610.0, 610.2, 610.3])
    watch = SleepWatch(1.0, suspended=lambda: next(counted))
    told = [watch.host_gap_s(0.0, 0.0) for _ in range(4)]
    assert told == [None, 600.0, None, None]


def test_a_wall_clock_that_jumps_changes_no_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_broken(broken_wire.short_request(tmp_path))
    jumps = itertools.cycle([3600.0, -3600.0, -315e6, 0.0])
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))
    jumped = run_broken(broken_wire.short_request(tmp_path))
    rows = []
    for ran in (whole, jumped):
        with Reader(ran.result.folder) as reader:
            rows.append([(row.t_s, row.voltage_V, row.charging_Ah) for row in reader.readings()])
    assert rows[0] == rows[1]
    assert len(rows[0]) > 50
