"""Sweeps and overlapped measurements of the Series 2600B, which run beside the commands.

Source: 2600BS-901-01 section 3 (trigger model: arm, source, measure, end pulse, end sweep),
7-250 to 7-275. Events are followed as far as they say "go on" or "wait for *TRG": a stimulus of
anything else is refused when the sweep is initiated (-222), never run differently.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeAlias

from labctl_simulators.firmware.k2600_buffer import Buffer
from labctl_simulators.firmware.k2600_smu import OVERFLOW, Conversion, Smu
from labctl_simulators.firmware.models import Quantity
from labctl_simulators.firmware.tsp_attributes import Refused

AUTO_DELAY_S = 1e-3
CYCLE_S = 0.5e-3
IDLE, HOLD = 0, 1

Waits: TypeAlias = Generator[float, float, None]
"""Yields the time until which it waits; is sent the time that it has become."""


@dataclass(slots=True)
class Sweep:
    """What `smuX.trigger` is set to. A stimulus of 0 means: go on at once."""

    function: Quantity | None = None
    levels: list[float] = field(default_factory=list)
    source_on: bool = False
    measure_on: bool = False
    kinds: str = "i"
    buffers: list[Buffer] = field(default_factory=list)
    count: int = 1
    arm_count: int = 1
    arm_stimulus: int = 0
    stimuli: dict[str, int] = field(
        default_factory=lambda: {"source": 0, "measure": 0, "endpulse": 0}
    )
    end_pulse: int = HOLD
    end_sweep: int = IDLE


def values_of(kinds: str, read: Conversion) -> list[float]:
    """The quantities that a measuring function gives, in its order."""
    amps, volts = read.amps, read.volts
    over = max(abs(amps), abs(volts)) >= OVERFLOW
    known = {
        "i": amps,
        "v": volts,
        "r": OVERFLOW if over or not amps else volts / amps,
        "p": OVERFLOW if over else volts * amps,
    }
    return [known[kind] for kind in kinds]


def store(buffers: list[Buffer], values: list[float], source: float, at: float) -> None:
    """Put readings into their buffers. Raises Refused -225 when one is full."""
    for buffer, value in zip(buffers, values, strict=False):
        if not buffer.put(value, source, at):
            raise Refused(-225)


def take(smu: Smu, kinds: str, buffers: list[Buffer], now: float) -> Waits:
    """`measure.count` measurements into the buffers; `smu.latest` is then the last one."""
    for buffer in buffers:
        if not buffer.append:
            buffer.clear()
    for _ in range(smu.measure.count):
        begun = now
        now = yield from _measure(smu, kinds, buffers, now)
        now = yield max(now, begun + smu.measure.interval_s)


def run_sweep(smu: Smu, sweep: Sweep, triggered: Callable[[], bool], now: float) -> Waits:
    """The whole sweep, from `initiate` on; `triggered` says whether *TRG has come."""
    bias = dict(smu.source.level)
    for buffer in sweep.buffers:
        if not buffer.append:
            buffer.clear()
    for _ in range(sweep.arm_count):
        while sweep.arm_stimulus and not triggered():
            now = yield now + 0.01
        for place in range(sweep.count):
            if sweep.source_on and sweep.function is not None:
                level = sweep.levels[place % len(sweep.levels)]
                smu.change(now, level={**bias, sweep.function: level})
            now = yield now + max(smu.source.delay_s, CYCLE_S)
            if sweep.measure_on:
                now = yield from _measure(smu, sweep.kinds, sweep.buffers, now)
            if sweep.source_on and sweep.end_pulse == IDLE:
                smu.change(now, level=dict(bias))
    if sweep.source_on and sweep.end_sweep == IDLE:
        smu.change(now, level=dict(bias))


def _measure(
    smu: Smu, kinds: str, buffers: list[Buffer], now: float
) -> Generator[float, float, float]:
    """One measurement; gives the time at which it is over."""
    window_s = smu.window_s()
    delay_s = AUTO_DELAY_S if smu.measure.delay_s < 0 else smu.measure.delay_s
    middle = yield now + delay_s + 0.5 * window_s
    smu.latest = smu.convert(middle)
    store(buffers, values_of(kinds, smu.latest), smu.latest.source, middle)
    return (yield now + delay_s + window_s + CYCLE_S)
