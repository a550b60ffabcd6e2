"""The run's time is its loop's: wall clocks that jump change nothing, gaps are noticed (S10)."""

import asyncio
import itertools
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import broken_wire
from helpers.broken_wire import run_broken

from labctl.journal import Reader
from labctl.run import slept
from labctl.run.loop import RunLoop
from labctl.run.slept import SleepWatch
from labctl_drivers.errors import OutputLost
from labctl_drivers.keithley_24xx import Keithley2450

GAP_S, STALL_S, SPEED = 0.5, 1.0, 20.0


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
    watch.turned(99.0)
    watch.turned(100.0)
    assert watch.host_gap_s(100.0 + late_s, period_s) == pytest.approx(gap)
    # told once
    assert watch.host_gap_s(100.5 + late_s, period_s) is None


def test_a_suspend_is_a_gap_once_even_when_nothing_is_late() -> None:
    counted = iter([10.0, 10.0, 610.0, 610.2, 610.3])
    watch = SleepWatch(1.0, suspended=lambda: next(counted))
    told = [watch.host_gap_s(0.0) for _ in range(4)]
    assert told == [None, 600.0, None, None]


@pytest.mark.parametrize("at", ["apply", "read", "between"])
def test_a_standstill_anywhere_ends_the_run(
    at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slept, "GAP_S", GAP_S)
    monkeypatch.setattr(slept, "BEAT_S", 0.02)
    name = "apply" if at == "apply" else "read"
    whole, calls = getattr(Keithley2450, name), 0

    async def stalling(self: Keithley2450, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4 and at != "between":
            # between question and answer, as a stopped process would be
            asyncio.get_running_loop().call_soon(time.sleep, STALL_S)
        given = await whole(self, *args)
        if calls == 4 and at == "between":
            asyncio.get_running_loop().call_later(0.5, time.sleep, STALL_S)
        return given

    monkeypatch.setattr(Keithley2450, name, stalling)
    request = replace(broken_wire.short_request(tmp_path), speed=SPEED)
    ran = run_broken(request)
    assert (ran.result.outcome, ran.result.exit_code) == ("fault", 4)
    assert "HostSlept" in ran.result.reason
    assert not ran.wire.firmware.output_on
    assert calls <= 8  # soon, not at the end
    with Reader(ran.result.folder) as reader:
        times_s = [row.t_s for row in reader.readings()]
        (fault,) = [event for event in reader.events() if event.kind == "fault"]
    # what it stood still for lies between two readings, or within one
    assert fault.t_s - times_s[-1] < 0.75 * SPEED * STALL_S


def test_a_standstill_is_told_before_what_it_led_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a watchdog's that has switched off meanwhile."""
    monkeypatch.setattr(slept, "GAP_S", GAP_S)
    monkeypatch.setattr(slept, "BEAT_S", 0.02)
    read, calls = Keithley2450.read, 0

    async def failing(self: Keithley2450) -> Any:
        nonlocal calls
        calls += 1
        if calls == 5:
            asyncio.get_running_loop().call_soon(time.sleep, STALL_S)
            await asyncio.sleep(0)
            raise OutputLost("the output went off by itself")
        return await read(self)

    monkeypatch.setattr(Keithley2450, "read", failing)
    ran = run_broken(replace(broken_wire.short_request(tmp_path), speed=SPEED))
    assert ran.result.exit_code == 4
    assert ran.result.reason.startswith("HostSlept")
    assert ran.result.reason.endswith("OutputLost: the output went off by itself")
    with Reader(ran.result.folder) as reader:
        (fault,) = [event.data for event in reader.events() if event.kind == "fault"]
    assert float(str(fault["gap_s"])) >= STALL_S


def test_a_standstill_is_one_also_if_somebody_speaks_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slept, "GAP_S", GAP_S)
    monkeypatch.setattr(slept, "BEAT_S", 0.02)
    sleep_until, calls = RunLoop._sleep_until, 0

    async def standing(self: RunLoop, time_s: float | None) -> None:
        nonlocal calls
        calls += 1
        if calls == 8:
            # as a stopped process would be
            asyncio.get_running_loop().call_soon(time.sleep, STALL_S)
            await asyncio.sleep(0)
            self.operator("continue", "test")
        await sleep_until(self, time_s)

    monkeypatch.setattr(RunLoop, "_sleep_until", standing)
    request = replace(broken_wire.short_request(tmp_path), speed=SPEED)
    ran = run_broken(request)
    assert ran.result.outcome == "fault"
    assert "HostSlept" in ran.result.reason


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
