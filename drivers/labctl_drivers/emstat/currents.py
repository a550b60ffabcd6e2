"""Scripts that hold a current up to a cut-off voltage. No I/O.

A galvanostat does not hold the voltage: where the metal runs out, a cell goes from its plateau to
whatever the instrument can give within a few milliseconds. So the loop looks at its cut-off slowly
only while the voltage is calm; as soon as it runs towards the cut-off, it looks as fast as it may.

The cut-off is the stop voltage itself: the instrument compares the same measured value that it
sends, so that the crossing is sure to be seen, and a band beyond it would be driven through.
"""

from labctl_drivers.emstat.models import Model
from labctl_drivers.emstat.scripts import (
    PACK_AND_OVER,
    Program,
    Script,
    Timing,
    bandwidth_Hz,
    break_if,
    galvanostat,
    longest_s,
    pack,
    potentiostat,
    program_of,
    sample_until,
)
from labctl_drivers.errors import OutOfRange
from labctl_drivers.methodscript.numbers import rounded
from labctl_drivers.setpoints import check_inside
from labctl_drivers.vocabulary import Guard, Setpoint

CALM_V = 5e-3
"""By how much a voltage may move in an interval without being watched more closely."""
MOVED = ["copy_var p x", "sub_var x l", "copy_var p l"]


def current_program(setpoint: Setpoint, guard: Guard, model: Model, timing: Timing) -> Program:
    """The script for a current, with the voltage held afterwards if it is to be.

    Raises OutOfRange.
    """
    if not model.has_galvanostat:
        raise OutOfRange(f"an {model.name} has no galvanostat: it cannot hold a current")
    current, interval = rounded(setpoint.current_A), timing.interval_s
    cut_off = _cut_off(setpoint, guard)
    reached, calm, runs = ("p >= v", "x < g", "x >= g")
    if current < 0:
        reached, calm, runs = ("p <= v", "x > g", "x <= g")
    script = Script()
    script.var("p", "c", "t", "k", "l", "x")
    script.given("i", "ba", current)
    script.given("v", "ab", cut_off)
    script.given("g", "ab", CALM_V if current > 0 else -CALM_V)
    script.given("d", "eb", interval)
    script.given("f", "eb", timing.cut_off_interval_s)
    script.given("w", "eb", longest_s(guard, interval, None if setpoint.hold_at_stop else current))
    script.given("s", "ja", 0.0)
    script.add(
        *galvanostat(
            max(abs(guard.low_V), abs(guard.high_V)),
            current,
            bandwidth_Hz(timing.cut_off_interval_s),
        ),
        "store_var l 0 ab",
        "cell_on",
        "timer_start",
        "loop s < 1",
        *_fast(reached, calm, max(1, round(interval / timing.cut_off_interval_s))),
        "if s < 1",
        *_slow(reached, runs),
        "endif",
        "endloop",
    )
    most = abs(current)
    if setpoint.hold_at_stop:
        most = model.max_current_A
        script.given("m", "ba", guard.max_current_A)
        script.given("n", "ba", -guard.max_current_A)
        script.add(
            f"if {reached}",
            *potentiostat(model, cut_off, cut_off, abs(current), bandwidth_Hz(interval)),
            "set_e v",
            "cell_on",
            "store_var s 0 ja",
            "meas_loop_ca p c v d w",
            *sample_until("c >= m", "c <= n"),
            "endloop",
            "endif",
        )
    last = "voltage" if setpoint.hold_at_stop else "current"
    return program_of(script, interval, model, most, abs(current), last)


def _fast(reached: str, calm: str, looks: int) -> list[str]:
    noted = [
        line
        for condition in (reached, "t >= w")
        for line in (f"if {condition}", "store_var s 1 ja", f"store_var k {looks} ja", "endif")
    ]
    return [
        "store_var k 0 ja",
        "meas_loop_cp p c i f w",
        "timer_get t",
        "add_var k 1",
        *noted,
        f"if k >= {looks}",
        *pack(PACK_AND_OVER),
        *break_if("s >= 1"),
        "store_var k 0 ja",
        *MOVED,
        *break_if(calm),
        "endif",
        "endloop",
    ]


def _slow(reached: str, runs: str) -> list[str]:
    sample = sample_until(reached, "t >= w")
    return ["meas_loop_cp p c i d w", *sample, *MOVED, *break_if(runs), "endloop"]


def _cut_off(setpoint: Setpoint, guard: Guard) -> float:
    stop, charging = setpoint.stop_voltage_V, setpoint.current_A > 0
    if stop is not None:
        check_inside(stop, guard)
        return stop
    if setpoint.hold_at_stop:
        raise OutOfRange("a voltage is to be held, but which one was not said")
    return guard.high_V if charging else guard.low_V
