"""Measurement loops: which points each takes, when, and what its variables then hold.

Arguments of `ocp`, `cp`, `ca`, `cv`, `lsv`, `eis`, `geis`: instruments.md §4. Those of `dpv`,
`swv`, `npv`, `acv`, `pad`, `lsp`: the maker's example scripts (MethodSCRIPT_Examples, v1.8). A
point is read at the end of its interval, the last moment before the next step.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from labctl_simulators.methodscript import errors
from labctl_simulators.methodscript.errors import ScriptError
from labctl_simulators.methodscript.machine import Machine, Points
from labctl_simulators.methodscript.values import Number, Variable

TOLERANCE_S = 1e-6
SLACK = 1e-6
MOST_SCANS = 10_000
SETTLE_PERIODS = 1.0
MEASURED_PERIODS = 2.0
SHORTEST_POINT_S = 0.1

Make = Callable[[Machine, Sequence[Variable], Sequence[Number], Mapping[str, Number]], Points]


class Loop(NamedTuple):
    """A technique: its number in `M`, its output variables, its arguments, its options."""

    technique: int
    outs: int
    kinds: tuple[str, ...]
    points: Make
    options: tuple[str, ...] = ()


class _Clock:
    """The times of a loop's points; a point that comes late moves the ones after it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._due = machine.time

    def after(self, seconds: float) -> float:
        """The time of the next point."""
        machine = self._machine
        self._due += seconds
        machine.late = machine.time > self._due + TOLERANCE_S
        if machine.late:
            self._due = machine.time
        return self._due


def _count(run_s: float, interval_s: float) -> int:
    return max(1, int(run_s / interval_s + SLACK))


def _take(machine: Machine, target: Variable, vartype: str) -> float:
    taken = machine.front.measure(vartype, machine.late)
    target.hold(taken.value, vartype, taken.metadata)
    return taken.value


def _ocp(
    machine: Machine, outs: Sequence[Variable], given: Sequence[Number], _: Mapping[str, Number]
) -> Points:
    interval, run = given
    machine.here().begin_open()
    clock = _Clock(machine)
    for _point in range(_count(run, interval)):
        yield clock.after(interval)
        machine.here()
        _take(machine, outs[0], "ab")
        yield None


def _cp(
    machine: Machine, outs: Sequence[Variable], given: Sequence[Number], _: Mapping[str, Number]
) -> Points:
    current, interval, run = given
    machine.here().begin_current(current)
    clock = _Clock(machine)
    for _point in range(_count(run, interval)):
        yield clock.after(interval)
        machine.here()
        _take(machine, outs[0], "ab")
        _take(machine, outs[1], "ba")
        yield None


def _ca(
    machine: Machine, outs: Sequence[Variable], given: Sequence[Number], _: Mapping[str, Number]
) -> Points:
    potential, interval, run = given
    machine.here().begin_potential(potential)
    clock = _Clock(machine)
    for _point in range(_count(run, interval)):
        yield clock.after(interval)
        machine.here()
        outs[0].hold(float(potential), "da")
        _take(machine, outs[1], "ba")
        yield None


def staircase(*corners: float, step: float) -> Iterator[float]:
    """From the first corner through the others in equal steps, the first one included."""
    at = corners[0]
    yield at
    for corner in corners[1:]:
        begin, signed = at, step if corner >= at else -step
        for place in range(1, int(abs(corner - begin) / step + SLACK) + 1):
            at = begin + place * signed
            yield at


def _lsv(
    machine: Machine, outs: Sequence[Variable], given: Sequence[Number], _: Mapping[str, Number]
) -> Points:
    begin, end, step, rate = given
    _check_sweep(machine, step, begin, end)
    yield from _sweep(machine, outs, staircase(begin, end, step=step), step / rate)


def _check_sweep(machine: Machine, step: float, *corners: float) -> None:
    front = machine.here()
    front.check_step(step, errors.STEP_TOO_SMALL)
    for corner in corners:
        front.check_potential(corner)


def _sweep(
    machine: Machine, outs: Sequence[Variable], levels: Iterator[float], interval: float
) -> Points:
    clock = _Clock(machine)
    for level in levels:
        machine.here().begin_potential(level)
        yield clock.after(interval)
        machine.here()
        outs[0].hold(float(level), "da")
        _take(machine, outs[1], "ba")
        yield None


def _cv(
    machine: Machine,
    outs: Sequence[Variable],
    given: Sequence[Number],
    options: Mapping[str, Number],
) -> Points:
    begin, one, other, step, rate = given
    scans = int(options.get("nscans", 1))
    if not 1 <= scans <= MOST_SCANS:
        raise ScriptError(errors.OUT_OF_BOUNDS)
    _check_sweep(machine, step, begin, one, other)
    for scan in range(scans):
        levels = staircase(begin, one, other, begin, step=step)
        if scans == 1:
            yield from _sweep(machine, outs, levels, step / rate)
            return
        yield machine.time  # the loop's own mark comes first
        machine.say(f"C{scan:04d}")
        try:
            yield from _sweep(machine, outs, levels, step / rate)
        finally:
            machine.say("-")  # also when the loop is left


def _dpv(
    machine: Machine, outs: Sequence[Variable], given: Sequence[Number], _: Mapping[str, Number]
) -> Points:
    begin, end, step, pulse, pulse_s, rate = given
    machine.front.check_step(abs(pulse), errors.PULSE_TOO_SMALL)
    signed = pulse if end >= begin else -pulse
    _check_sweep(machine, step, begin, end, begin + signed, end + signed)
    if pulse_s >= step / rate:
        raise ScriptError(errors.OUT_OF_BOUNDS)
    clock = _Clock(machine)
    for level in staircase(begin, end, step=step):
        machine.here().begin_potential(level)
        yield clock.after(step / rate - pulse_s)
        base = machine.here().measure("ba", machine.late)
        machine.front.begin_potential(level + signed)
        yield clock.after(pulse_s)
        pulsed = machine.here().measure("ba", machine.late)
        outs[0].hold(float(level), "da")
        outs[1].hold(pulsed.value - base.value, "ba", pulsed.metadata)
        yield None


def _swv(
    machine: Machine, outs: Sequence[Variable], given: Sequence[Number], _: Mapping[str, Number]
) -> Points:
    begin, end, step, amplitude, frequency = given
    machine.front.check_step(amplitude, errors.AMPLITUDE_TOO_SMALL)
    signed = amplitude if end >= begin else -amplitude
    _check_sweep(machine, step, begin - signed, end + signed)
    clock = _Clock(machine)
    for level in staircase(begin, end, step=step):
        read = []
        for potential in (level + signed, level - signed):
            machine.here().begin_potential(potential)
            yield clock.after(0.5 / frequency)
            read.append(machine.here().measure("ba", machine.late))
        outs[0].hold(float(level), "da")
        outs[1].hold(read[0].value - read[1].value, "ba", read[0].metadata)
        outs[2].hold(read[0].value, "ba", read[0].metadata)
        outs[3].hold(read[1].value, "ba", read[1].metadata)
        yield None


def _npv(
    machine: Machine, outs: Sequence[Variable], given: Sequence[Number], _: Mapping[str, Number]
) -> Points:
    begin, end, step, pulse_s, rate = given
    _check_sweep(machine, step, begin, end)
    if pulse_s >= step / rate:
        raise ScriptError(errors.OUT_OF_BOUNDS)
    clock = _Clock(machine)
    for level in staircase(begin, end, step=step):
        machine.here().begin_potential(begin)
        yield clock.after(step / rate - pulse_s)
        machine.here().begin_potential(level)
        yield clock.after(pulse_s)
        machine.here()
        outs[0].hold(float(level), "da")
        _take(machine, outs[1], "ba")
        yield None


def _pad(
    machine: Machine, outs: Sequence[Variable], given: Sequence[Number], _: Mapping[str, Number]
) -> Points:
    base_V, pulse_V, pulse_s, interval, run, mode = given
    machine.front.check_potential(pulse_V)
    if pulse_s >= interval or mode not in (1, 2, 3):
        raise ScriptError(errors.OUT_OF_BOUNDS)
    clock = _Clock(machine)
    for _point in range(_count(run, interval)):
        machine.here().begin_potential(base_V)
        yield clock.after(interval - pulse_s)
        base = machine.here().measure("ba", machine.late)
        machine.front.begin_potential(pulse_V)
        yield clock.after(pulse_s)
        pulsed = machine.here().measure("ba", machine.late)
        value = (base.value, pulsed.value, pulsed.value - base.value)[int(mode) - 1]
        outs[0].hold(float(base_V if mode == 1 else pulse_V), "da")
        outs[1].hold(value, "ba", (base if mode == 1 else pulsed).metadata)
        yield None


def _lsp(
    machine: Machine, outs: Sequence[Variable], given: Sequence[Number], _: Mapping[str, Number]
) -> Points:
    begin, end, step, rate = given
    clock = _Clock(machine)
    for level in staircase(begin, end, step=step):
        machine.here().begin_current(level)
        yield clock.after(step / rate)
        machine.here()
        _take(machine, outs[0], "ab")
        _take(machine, outs[1], "ba")
        yield None


def _acv(
    machine: Machine, outs: Sequence[Variable], given: Sequence[Number], _: Mapping[str, Number]
) -> Points:
    begin, end, step, rate, amplitude, frequency = given
    machine.front.check_step(amplitude, errors.AMPLITUDE_TOO_SMALL)
    _check_sweep(machine, step, begin, end)
    clock = _Clock(machine)
    for level in staircase(begin, end, step=step):
        machine.here().begin_potential(level)
        yield clock.after(step / rate)
        front = machine.here()
        real, imaginary, volts, amperes = front.impedance(frequency, amplitude, machine.late)
        outs[0].hold(float(level), "ci")
        _take(machine, outs[1], "ba")
        outs[2].hold(volts, "ch")
        outs[3].hold(amperes, "cj")
        outs[4].hold(real.value, "cc", real.metadata)
        outs[5].hold(imaginary.value, "cd", imaginary.metadata)
        yield None


def frequencies(first: float, last: float, count: int) -> Iterator[float]:
    """Equally spaced on a logarithmic scale, both ends included."""
    for place in range(count):
        yield first * (last / first) ** (place / max(1, count - 1))


def _spectrum(galvanostatic: bool) -> Make:
    def points(
        machine: Machine, outs: Sequence[Variable], given: Sequence[Number], _: Mapping[str, Number]
    ) -> Points:
        amplitude, first, last, count, bias = given
        front = machine.here()
        if not galvanostatic:
            front.check_step(amplitude, errors.AMPLITUDE_TOO_SMALL)
        for end in (first, last):
            front.check_frequency(end)
        (front.begin_current if galvanostatic else front.begin_potential)(bias)
        clock = _Clock(machine)
        for frequency in frequencies(first, last, int(count)):
            periods = SETTLE_PERIODS + MEASURED_PERIODS
            yield clock.after(max(SHORTEST_POINT_S, periods / frequency))
            front = machine.here()
            real, imaginary, _volts, _amperes = front.impedance(frequency, amplitude, machine.late)
            outs[0].hold(frequency, "dc")
            outs[1].hold(real.value, "cc", real.metadata)
            outs[2].hold(imaginary.value, "cd", imaginary.metadata)
            yield None

    return points


TIMED = ("value", "positive", "positive")
SWEPT = ("value", "value", "positive", "positive")
AC = ("positive", "positive", "positive", "count", "value")
LOOPS: Mapping[str, Loop] = {
    "meas_loop_lsv": Loop(0x0, 2, SWEPT, _lsv),
    "meas_loop_dpv": Loop(
        0x1, 2, ("value", "value", "positive", "not zero", "positive", "positive"), _dpv
    ),
    "meas_loop_swv": Loop(0x2, 4, (*SWEPT, "positive"), _swv),
    "meas_loop_npv": Loop(0x3, 2, ("value", "value", "positive", "positive", "positive"), _npv),
    "meas_loop_acv": Loop(0x4, 6, (*SWEPT, "positive", "positive"), _acv),
    "meas_loop_cv": Loop(
        0x5, 2, ("value", "value", "value", "positive", "positive"), _cv, ("nscans",)
    ),
    "meas_loop_ca": Loop(0x7, 2, TIMED, _ca),
    "meas_loop_pad": Loop(
        0x8, 2, ("value", "value", "positive", "positive", "positive", "count"), _pad
    ),
    "meas_loop_cp": Loop(0xA, 2, TIMED, _cp),
    "meas_loop_ocp": Loop(0xB, 1, ("positive", "positive"), _ocp),
    "meas_loop_eis": Loop(0xD, 3, AC, _spectrum(False)),
    "meas_loop_geis": Loop(0xE, 3, AC, _spectrum(True)),
    "meas_loop_lsp": Loop(0xF, 2, SWEPT, _lsp),
}
