"""Scripts of voltage sweeps and impedance spectra. No I/O."""

import itertools
import math

from labctl_drivers.emstat.models import Model
from labctl_drivers.emstat.scripts import (
    PACK,
    TIME,
    Program,
    Script,
    bandwidth_Hz,
    break_if,
    check_setpoint,
    galvanostat,
    pack,
    potentiostat,
    program_of,
    written,
)
from labctl_drivers.errors import OutOfRange
from labctl_drivers.methodscript.numbers import rounded
from labctl_drivers.setpoints import check_inside
from labctl_drivers.vocabulary import Excitation, Guard, Setpoint, SweepShape

EIS_BANDWIDTH_HZ = 1e6
FREQUENCY, REAL, IMAGINARY = frozenset({"dc"}), frozenset({"cc"}), frozenset({"cd"})
Leg = tuple[float, float]


def sweep_program(setpoint: Setpoint, guard: Guard, model: Model) -> Program:
    """The script for a staircase of voltages, leg by leg, the cell on all the while.

    A current beyond the setpoint's ends it: the leg is left, and those after it are not begun.
    Raises OutOfRange.
    """
    shape = setpoint.sweep
    if shape is None:
        raise OutOfRange("a sweep is to be made, but of what was not said")
    voltages = (shape.start_V, *shape.corners_V)
    _check_shape(shape, voltages, guard)
    limit, interval = abs(setpoint.current_A), shape.step_V / shape.rate_V_s
    script = Script()
    script.var("p", "c", "t")
    script.given("m", "ba", limit)
    script.given("n", "ba", -limit)
    script.given("e", "ab", shape.step_V)
    script.given("r", "ja", shape.rate_V_s)
    script.given("s", "ja", 0.0)
    script.add(
        *potentiostat(model, min(voltages), max(voltages), limit, bandwidth_Hz(interval)),
        f"set_e {written(shape.start_V)}",
        "cell_on",
        "timer_start",
        *_legs(_pairs(voltages)),
    )
    if shape.cycles > 1:
        script.given("k", "ja", 1.0)
        again = _legs(_pairs((shape.corners_V[-1], *shape.corners_V)))
        script.add(f"loop k < {shape.cycles}", *again, "add_var k 1", "endloop")
    return program_of(script, interval, model, model.max_current_A, limit)


def spectrum_program(excitation: Excitation, guard: Guard, model: Model) -> Program:
    """The script for an impedance spectrum. Raises OutOfRange."""
    check_setpoint(Setpoint("rest"), guard, model)
    points = points_of(excitation, model)
    script = Script()
    script.var("t", "f", "x", "y")
    script.given("h", "dc", excitation.from_Hz)
    script.given("l", "dc", excitation.to_Hz)
    if excitation.amplitude_A is not None:
        loop = _galvanostatic(script, excitation.amplitude_A, guard, model)
        most = excitation.amplitude_A
    else:
        loop = _potentiostatic(script, excitation, guard, model)
        most = guard.max_current_A
    dc = "i" if excitation.amplitude_A is not None else "e"
    script.add(
        "cell_on",
        "timer_start",
        f"{loop} f x y a h l {points}i {dc}",
        "timer_get t",
        *pack("tfxy"),
        "endloop",
    )
    return Program(
        script.lines(),
        tuple(script.declared),
        (TIME, FREQUENCY, REAL, IMAGINARY),
        drives=True,
        interval_s=10.0 / excitation.to_Hz,
        range_A=model.range_A(min(most, model.max_current_A)),
        most_A=most,
    )


def points_of(excitation: Excitation, model: Model) -> int:
    """How many frequencies there are. Raises OutOfRange for what the instrument has not."""
    high, low = excitation.from_Hz, excitation.to_Hz
    if not 0.0 < low < high <= model.max_Hz:
        raise OutOfRange(
            f"{high:g} Hz to {low:g} Hz is not from high to low within an {model.name}'s "
            f"{model.max_Hz:g} Hz"
        )
    if excitation.points_per_decade < 1:
        raise OutOfRange(f"{excitation.points_per_decade} points per decade are none")
    return round(math.log10(high / low) * excitation.points_per_decade) + 1


def _potentiostatic(script: Script, wanted: Excitation, guard: Guard, model: Model) -> str:
    about, amplitude = wanted.about_V, wanted.amplitude_V
    if about is None or amplitude is None:
        raise OutOfRange("an amplitude, and the voltage about which it is, have to be given")
    if not amplitude > 0.0:
        raise OutOfRange(f"an amplitude of {amplitude:g} V is none")
    check_inside(about - amplitude, guard)
    check_inside(about + amplitude, guard)
    script.given("a", "ab", amplitude)
    script.given("e", "ab", about)
    limit = min(guard.max_current_A, model.max_current_A)
    low, high = about - amplitude, about + amplitude
    lines = potentiostat(model, low, high, limit, EIS_BANDWIDTH_HZ, fast=True)
    scale = model.ocp_range
    script.add(*lines, f"set_range ab {scale}", f"set_autoranging ab {scale} {scale}", "set_e e")
    return "meas_loop_eis"


def _galvanostatic(script: Script, amplitude_A: float, guard: Guard, model: Model) -> str:
    if not model.has_galvanostat:
        raise OutOfRange(f"an {model.name} has no galvanostat: give the amplitude in V")
    if not 0.0 < amplitude_A <= guard.max_current_A:
        raise OutOfRange(f"{amplitude_A:g} A is not above 0 and up to {guard.max_current_A:g} A")
    model.range_A(amplitude_A)
    script.given("a", "ba", amplitude_A)
    script.given("i", "ba", 0.0)
    range_V = max(abs(guard.low_V), abs(guard.high_V))
    # the peak must fit, whether or not the instrument takes the amplitude for an effective value
    range_A = min(2.0 * amplitude_A, model.max_current_A)
    script.add(*galvanostat(range_V, range_A, EIS_BANDWIDTH_HZ))
    return "meas_loop_geis"


def _check_shape(shape: SweepShape, voltages: tuple[float, ...], guard: Guard) -> None:
    numbers = (*voltages, shape.rate_V_s, shape.step_V)
    if not all(math.isfinite(number) for number in numbers):
        raise OutOfRange("a voltage or rate of the sweep is not a finite number")
    if not shape.corners_V or shape.cycles < 1:
        raise OutOfRange("a sweep needs a corner to go to, once at least")
    if not (shape.rate_V_s > 0.0 and shape.step_V > 0.0):
        raise OutOfRange("rate and step of a sweep are above zero")
    for voltage in voltages:
        check_inside(voltage, guard)


def _pairs(voltages: tuple[float, ...]) -> list[Leg]:
    corners = [rounded(voltage) for voltage in voltages]
    return [(a, b) for a, b in itertools.pairwise(corners) if a != b]


def _legs(legs: list[Leg]) -> list[str]:
    # `breakloop` leaves one leg only: what is found there is remembered for the others
    beyond = break_if("c >= m", "c <= n", first=("store_var s 1 ja",))
    return [
        line
        for a, b in legs
        for line in (
            "if s < 1",
            f"meas_loop_lsv p c {written(a)} {written(b)} e r",
            "timer_get t",
            *pack(PACK),
            *beyond,
            "endloop",
            "endif",
        )
    ]
