"""A test that runs on the simulated Rodeostat: output and samples, tick by tick.

The firmware sets the output every 200 µs. Here it is set as often as a sample needs: ten times per
sample for what moves, once for what does not, and for pulses so that each window holds four
readings. A sample's current is what flowed until then, which stands for the 200 Hz filter.
"""

from typing import Any

from labctl_rodeostat.sim_analog import Analog
from labctl_rodeostat.sim_waves import Wave

TICK_us = 200
UPDATES = 10


class Run:
    """One execution: `next_us` is when it acts next, in its own time."""

    def __init__(self, wave: Wave, period_us: int, channels: list[int]) -> None:
        self._wave = wave
        self._modulus = period_us // TICK_us
        self._period_us = period_us
        self._stride = _stride(wave, self._modulus)
        self._channels = channels
        self._turn = 0
        self._done_tick = _tick_at(wave.done_us)
        self._edges = sorted({_tick_at(edge) for edge in (wave.quiet_us, *wave.edges_us)})
        self._base = _tick_at(wave.quiet_us) if wave.stair is not None else 0
        self._forward: list[float] = []
        self._reverse: list[float] = []
        self._last = 0.0
        self.tick = 0

    @property
    def next_us(self) -> int:
        """When it acts next."""
        return self.tick * TICK_us

    @property
    def channel(self) -> int:
        """The multiplexer's channel; 0 without one."""
        return self._channels[self._turn] if self._channels else 0

    def act(self, analog: Analog) -> dict[str, Any] | None:
        """Set the output for the present tick; gives a sample where one is due."""
        t = self.next_us
        current_uA, at_end = analog.current_uA()
        volts = self._wave.value(t)
        analog.quantised(volts)
        sample = None
        if self._wave.stair is not None:
            sample = self._pulse_sample(t, current_uA)
        elif self.tick > 0 and self.tick % self._modulus == 0:
            sample = _sample(t, volts, current_uA)
        if sample is None:
            return None
        if self.channel:
            sample["n"] = self.channel
            self._turn = (self._turn + 1) % len(self._channels)
        if at_end:
            sample["le"] = True
        return sample

    def is_done(self) -> bool:
        """Whether the present tick is the last one; if not, goes on to the next."""
        if self.tick >= self._done_tick:
            return True
        base = self._base if self.tick >= self._base else 0
        following = base + ((self.tick - base) // self._stride + 1) * self._stride
        edge = next((each for each in self._edges if each > self.tick), self._done_tick)
        self.tick = min(following, edge, self._done_tick)
        return False

    def _pulse_sample(self, t: int, current_uA: float) -> dict[str, Any] | None:
        wave, quiet_us = self._wave, self._wave.quiet_us
        due = self.tick > 0 and (t - quiet_us) % self._period_us == 0
        if t < quiet_us:
            return (
                _sample(t, wave.value(t), 0.0) if self.tick and t % self._period_us == 0 else None
            )
        made = None
        if due and t > quiet_us:
            made = _sample(t, wave.stair(t) if wave.stair else 0.0, self._difference(t))
        place, half_us = (t - quiet_us) % self._period_us, self._period_us // 2
        if half_us - wave.window_us <= place < half_us:
            self._forward.append(current_uA)
        elif place >= self._period_us - wave.window_us:
            self._reverse.append(current_uA)
        return made

    def _difference(self, t: int) -> float:
        forward, reverse = _mean(self._forward), _mean(self._reverse)
        self._forward, self._reverse = [], []
        against, self._last = (self._last if self._wave.against_last else reverse), reverse
        first = t - self._wave.quiet_us <= self._period_us
        return 0.0 if self._wave.against_last and first else forward - against


def _tick_at(us: int) -> int:
    return -(-us // TICK_us)


def _stride(wave: Wave, modulus: int) -> int:
    if wave.stair is not None:
        return _divisor(max(1, modulus // 2), max(1, wave.window_us // (4 * TICK_us)))
    return modulus if wave.edges_us else _divisor(modulus, max(1, modulus // UPDATES))


def _divisor(of: int, most: int) -> int:
    return next(n for n in range(min(of, most), 0, -1) if of % n == 0)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _sample(t_us: int, volts: float, current_uA: float) -> dict[str, Any]:
    return {"t": t_us // 1000, "v": round(volts, 6), "i": round(current_uA, 6)}
