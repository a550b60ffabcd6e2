"""Spectra, sweeps and steps that the instrument executes by itself: engine and run loop on a
channel that is made of plain functions, in virtual time."""

import asyncio
import cmath
import gc
import math
from dataclasses import replace
from typing import Any

import pytest
from helpers.plans import RATINGS

from labctl.run.loop import RunLoop
from labctl_drivers.errors import InvalidReading, LinkLost
from labctl_drivers.vocabulary import Changed, ImpedancePoint, Reading
from labctl_protocols.checker import bind
from labctl_protocols.engine import Engine
from labctl_protocols.files import load_cell, protocol_from_text

pytestmark = pytest.mark.virtual_time
ABLE = replace(
    RATINGS, abilities=frozenset({"impedance"}), modes=RATINGS.modes | frozenset({"sweep"})
)
HEAD = "name: p\nlimits: {voltage: -0.5 V .. 1.5 V, current: 5 mA}\nsteps:\n"
EIS = "  - impedance: {from: 100 Hz, to: 1 Hz, points_per_decade: 2, amplitude: 5 mV}\n"


def impedance(frequency_Hz: float) -> complex:
    """10 ohm and 90 ohm beside 1 mF."""
    return 10 + 90 / (1 + 2j * math.pi * frequency_Hz * 90e-3)


class Potentiostat:
    """A cell at 0.3 V on an instrument that executes spectra and sweeps by itself."""

    def __init__(self, fails_at: int | None = None, ends_s: float = math.inf) -> None:
        self.ratings = ABLE
        self.fails_at = fails_at
        self.ends_s = ends_s
        self.done: list[Any] = []
        self.on = False

    async def apply(self, setpoint: Any, guard: Any) -> Changed:
        self.done.append(setpoint)
        self.setpoint, self.on = setpoint, setpoint.mode != "rest"
        self.begun_s = asyncio.get_running_loop().time()
        return Changed(self.begun_s)

    async def read(self) -> Reading:
        now = asyncio.get_running_loop().time()
        passed = now - self.begun_s
        voltage, current = 0.3, self.setpoint.current_A
        shape = self.setpoint.sweep
        ended = self.on and passed >= self.ends_s
        if shape is not None:
            voltage = shape.start_V + shape.rate_V_s * passed
            ended = ended or voltage >= shape.corners_V[0]
        return Reading(now, voltage, current if self.on else 0.0, ended=ended)

    async def impedance(self, excitation: Any, guard: Any) -> Any:
        self.done.append(excitation)
        self.on = True
        try:
            for n, frequency in enumerate((100.0, 10.0, 1.0)):
                await asyncio.sleep(10 / frequency)
                if n == self.fails_at:
                    raise InvalidReading("overload")
                z = impedance(frequency)
                now = asyncio.get_running_loop().time()
                yield ImpedancePoint(now, frequency, z.real, z.imag)
        finally:
            self.on = False
            self.done.append("off")

    async def safe(self) -> None:
        self.on = False
        self.done.append("safe")


class Ran:
    """A run of a protocol's steps, and all that was told."""

    def __init__(self, steps: str, channel: Any) -> None:
        protocol = protocol_from_text(HEAD + steps, "p.yaml")
        self.plan = bind(protocol, load_cell("na-cu-half"), ABLE)
        self.engine = Engine(self.plan, ABLE)
        self.channel = channel
        self.told: list[Any] = []
        self.loop = RunLoop(self.engine, {"main": channel}, self._hear)

    def _hear(self, answer: Any) -> None:
        self.told += answer.events

    async def run(self) -> Any:
        return await self.loop.run()

    def data(self, kind: str) -> list[Any]:
        return [event.data for event in self.told if event.kind == kind]


async def test_a_spectrum_is_told_point_by_point_about_the_voltage_at_rest() -> None:
    channel = Potentiostat()
    ran = Ran("  - rest: 1 min\n" + EIS + "  - rest: 1 min\n", channel)
    ended = await ran.run()
    assert ended.outcome == "completed", ended
    points = ran.data("impedance")
    assert [point["frequency_Hz"] for point in points] == [100.0, 10.0, 1.0]
    for point in points:
        found = complex(point["real_ohm"], point["imaginary_ohm"])
        assert cmath.isclose(found, impedance(point["frequency_Hz"]))
    (excitation,) = [each for each in channel.done if hasattr(each, "about_V")]
    assert (excitation.about_V, excitation.amplitude_V) == (0.3, 5e-3)
    steps = ran.data("step_ended")
    assert [step["step_type"] for step in steps] == ["rest", "impedance", "rest"]
    assert steps[1]["duration_s"] == pytest.approx(11.1)
    assert steps[1]["ended"] == "measured"
    assert steps[1]["capacity_Ah"] == 0.0
    assert ran.data("output")[-1] == {"on": False, "read_back": True}


@pytest.mark.parametrize(
    ("amplitude", "words"), [("1.3 V", "outside the limits"), ("6 mA", "over the limit")]
)
async def test_a_spectrum_that_would_leave_the_limits_is_not_begun(
    amplitude: str, words: str
) -> None:
    channel = Potentiostat()
    ended = await Ran(EIS.replace("5 mV", amplitude), channel).run()
    assert ended.outcome == "limit"
    assert words in ended.reason
    assert not [each for each in channel.done if hasattr(each, "about_V")]


class Poor(Potentiostat):
    """The same with five times the impedance."""

    async def impedance(self, excitation: Any, guard: Any) -> Any:
        async for point in super().impedance(excitation, guard):
            yield replace(point, real_ohm=5 * point.real_ohm, imaginary_ohm=5 * point.imaginary_ohm)


@pytest.mark.parametrize(
    ("make", "amplitude", "points", "words"),
    [
        # 5 mA at the 50 ohm, 90 ohm and 400 ohm of 100 Hz, 10 Hz and 1 Hz, about 0.3 V
        (Poor, "5 mA", 3, "outside the limits"),
        # 100 mV at 10 ohm are 10 mA
        (Potentiostat, "100 mV", 1, "more than the limit 0.005 A"),
    ],
)
async def test_a_spectrum_that_is_seen_to_leave_the_limits_ends_the_run(
    make: type[Potentiostat], amplitude: str, points: int, words: str
) -> None:
    channel = make()
    ran = Ran(EIS.replace("5 mV", amplitude), channel)
    ended = await ran.run()
    assert ended.outcome == "limit", ended
    assert words in ended.reason
    assert len(ran.data("impedance")) == points
    assert "safe" in channel.done
    assert not channel.on


async def test_a_stop_breaks_a_spectrum_off_and_the_output_goes_off() -> None:
    channel = Potentiostat()
    ran = Ran(EIS, channel)
    loop = asyncio.get_running_loop()
    loop.call_later(1.5, ran.loop.request_stop, "enough")
    ended = await ran.run()
    assert (ended.outcome, ended.reason) == ("stopped", "enough")
    assert loop.time() < 3.0
    assert len(ran.data("impedance")) == 2
    assert "safe" in channel.done
    assert not channel.on
    await asyncio.sleep(20)
    assert not channel.on


class SlowToStop(Potentiostat):
    """Asks its instrument a while before it has stopped, or finds that it does not answer."""

    stops_s = 2.0

    async def impedance(self, excitation: Any, guard: Any) -> Any:
        self.done.append(excitation)
        try:
            await asyncio.sleep(1.0)
            yield ImpedancePoint(asyncio.get_running_loop().time(), 1.0, math.nan, 0.0)
            await asyncio.sleep(1.0)
            yield ImpedancePoint(asyncio.get_running_loop().time(), 1.0, 1.0, 0.0)
        finally:
            await asyncio.sleep(self.stops_s)
            self.done.append("stopped")
            raise LinkLost("the cable is out")


@pytest.mark.parametrize("stopped_at_s", [0.5, 5.0])
async def test_nothing_of_a_broken_off_spectrum_is_left_when_the_run_has_ended(
    stopped_at_s: float,
) -> None:
    """Broken off at a point that is awaited, and between two (the first is no number)."""
    channel = SlowToStop()
    ran = Ran(EIS, channel)
    loop = asyncio.get_running_loop()
    complaints: list[Any] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    loop.call_later(stopped_at_s, ran.loop.request_stop, "enough")
    ended = await ran.run()
    assert ended.outcome in ("stopped", "fault")
    # off first, whatever the driver still has to do
    assert channel.done[-2:] == ["safe", "stopped"]
    assert len(asyncio.all_tasks()) == 1
    gc.collect()
    await asyncio.sleep(1)
    assert complaints == []


async def test_a_driver_that_is_slow_to_stop_measuring_does_not_keep_the_run_from_its_end() -> None:
    channel = SlowToStop()
    channel.stops_s = 100.0
    ran = Ran(EIS, channel)
    loop = asyncio.get_running_loop()
    loop.call_later(0.5, ran.loop.request_stop, "enough")
    ended = await ran.run()
    assert ended.outcome == "stopped"
    assert loop.time() < 10
    assert channel.done[-1] == "safe"
    await asyncio.sleep(100)


async def test_a_sweep_that_the_instrument_ends_half_way_is_no_whole_sweep() -> None:
    channel = Potentiostat(ends_s=25.0)
    ran = Ran("  - sweep: {from: 0.3 V, to: 0.8 V, rate: 10 mV/s}\n", channel)
    ended = await ran.run()
    assert ended.outcome == "fault", ended
    assert "before any of its ends" in ended.reason


async def test_a_point_that_is_none_ends_the_run_safely() -> None:
    channel = Potentiostat(fails_at=1)
    ran = Ran(EIS, channel)
    ended = await ran.run()
    assert ended.outcome == "fault"
    assert "overload" in ended.reason
    assert channel.done[-1] == "safe"


async def test_words_of_the_operator_are_heard_in_a_spectrum_and_lose_no_point() -> None:
    channel = Potentiostat()
    ran = Ran(EIS, channel)
    asyncio.get_running_loop().call_later(1.5, ran.loop.operator, "pause", "somebody")
    ended = await ran.run()
    assert ended.outcome == "completed"
    assert len(ran.data("impedance")) == 3
    assert ran.data("operator")[0]["done"] is False


async def test_an_instrument_that_sweeps_by_itself_is_told_the_whole_way_once() -> None:
    channel = Potentiostat()
    ran = Ran("  - sweep: {from: 0.3 V, to: 0.8 V, rate: 10 mV/s}\n", channel)
    ended = await ran.run()
    assert ended.outcome == "completed", ended
    (setpoint,) = [each for each in channel.done if getattr(each, "mode", "") == "sweep"]
    assert setpoint.sweep.corners_V == (0.8,)
    assert setpoint.current_A == 5e-3
    (step,) = ran.data("step_ended")
    assert step["ended"] == "sweep"
    assert step["duration_s"] == pytest.approx(50, abs=1.0)


@pytest.mark.parametrize(
    ("ends_s", "outcome"), [(59.5, "completed"), (30.0, "fault"), (0.0, "fault")]
)
async def test_what_the_instrument_ends_by_itself_is_an_end_only_if_one_was_reached(
    ends_s: float, outcome: str
) -> None:
    channel = Potentiostat(ends_s=ends_s)
    ran = Ran("  - charge: 0.5 mA until 1 min\n", channel)
    ended = await ran.run()
    assert ended.outcome == outcome, ended
    if outcome == "fault":
        assert "before any of its ends" in ended.reason


class Slow(Potentiostat):
    """Takes its time for the next set-point."""

    async def apply(self, setpoint: Any, guard: Any) -> Changed:
        if self.on:
            await asyncio.sleep(20.0)
        return await super().apply(setpoint, guard)


async def test_nothing_is_counted_after_the_instrument_has_switched_off_by_itself() -> None:
    ran = Ran("  - charge: 0.5 mA until 1 min\n  - rest: 1 s\n", Slow(ends_s=59.5))
    assert (await ran.run()).outcome == "completed"
    charged = ran.data("step_ended")[0]
    assert charged["ended"] == "time"
    assert charged["capacity_Ah"] == pytest.approx(0.5e-3 * 60.0 / 3600, rel=0.01)


class Rising(Potentiostat):
    """A cell whose voltage is 0.2 V higher while it is driven."""

    async def read(self) -> Reading:
        reading = await super().read()
        return replace(reading, voltage_V=0.5 if self.on else 0.3)


@pytest.mark.parametrize(("target", "outcome"), [("0.4 V", "completed"), ("0.6 V", "fault")])
async def test_a_cut_off_of_the_instrument_is_an_end_that_is_not_waited_for(
    target: str, outcome: str
) -> None:
    ran = Ran(f"  - charge: 0.5 mA until {target} for 5 min or 1 h\n", Rising(ends_s=10.0))
    assert (await ran.run()).outcome == outcome
    if outcome == "completed":
        (step,) = ran.data("step_ended")
        assert step["ended"] == "voltage"
        assert step["reason"].endswith("cut off by the instrument")


class Overshooting(Potentiostat):
    """Passes its cut-off by far before it has switched off, if it does."""

    async def read(self) -> Reading:
        reading = await super().read()
        goes_on = self.on and self.ends_s > 1e3
        return replace(reading, voltage_V=1.7 if reading.ended or goes_on else 0.5)


@pytest.mark.parametrize(
    ("target", "ends_s", "outcome"),
    [("1 V", 10.0, "completed"), ("1 V", 1e4, "limit"), ("1 h", 10.0, "limit")],
)
async def test_an_overshoot_of_the_instruments_own_cut_off_is_flagged_and_no_limit(
    target: str, ends_s: float, outcome: str
) -> None:
    ran = Ran(f"  - charge: 0.5 mA until {target} or 2 h\n", Overshooting(ends_s=ends_s))
    assert (await ran.run()).outcome == outcome
    flagged = [data["name"] for data in ran.data("detector")]
    assert flagged == (["overshoot"] if outcome == "completed" else [])


async def test_an_overshoot_ends_the_run_where_the_protocol_wants_that() -> None:
    steps = "  - charge: 0.5 mA until 1 V or 2 h\n    detectors: {overshoot: stop}\n"
    ran = Ran(steps, Overshooting(ends_s=10.0))
    ended = await ran.run()
    assert ended.outcome == "detector"
    assert "before the instrument switched off" in ended.reason
