"""Steps that pass time, as unicycler's: currents, voltages, rests, voltage scans, spectra."""

from itertools import pairwise
from typing import assert_never

from labctl.convert.to_unicycler_walk import (
    NEARLY_ZERO_V,
    Document,
    Walk,
    are_plain,
    current_of,
    seconds_of,
    value_of,
    voltage_of,
)
from labctl.convert.words import tidy
from labctl_protocols.plan import MAIN, Drive, Expression, Hold, Impedance, Rest, Sweep, TimedNode
from labctl_protocols.special import STEP_V


def write_timed(node: TimedNode, walk: Walk) -> None:
    """The step, or what unicycler cannot say of it."""
    if node.limits or node.record:
        walk.refuse(node, "limits or a recording rule of one step")
    if node.terminal != MAIN:
        walk.refuse(node, f"it drives the terminal {node.terminal}, and unicycler knows one")
    if node.detectors:
        walk.refuse(node, "detectors of one step")
    match node:
        case Rest():
            _rest(node, walk)
        case Drive():
            _drive(node, walk)
        case Hold():
            _hold(node, node.voltage, 1, walk)
        case Sweep():
            _sweep(node, walk)
        case Impedance():
            _impedance(node, walk)
        case _:
            assert_never(node)


def _rest(node: Rest, walk: Walk) -> None:
    seconds = seconds_of(node.until, walk)
    if seconds is not None and len(node.until) == 1:
        walk.add(node, {"step": "open_circuit_voltage", "until_time_s": seconds})
    else:
        walk.refuse(node, "a rest ends there after a time")


# ---- currents and voltages -----------------------------------------------------------------


def _drive(node: Drive, walk: Walk) -> None:
    if node.control != "current":
        walk.refuse(node, f"it controls a current or a voltage, no {node.control}")
        return
    size = None if node.at is None else value_of(node.at, walk)
    if node.at is None or size is None:
        walk.refuse(node, "its current is not known beforehand")
        return
    voltages = [end for end in node.until if end.kind == "voltage"]
    if node.then_hold is not None and len(node.until) > 1:
        walk.refuse(
            node,
            "the hold would follow whatever ended the first part",
            "leave only the voltage before `then hold`",
        )
    if not are_plain(node.until, ("voltage", "time", "charge"), walk) or len(voltages) > 1:
        walk.refuse(node, "it ends there at one voltage or after a time")
        return
    step: Document = {"step": "constant_current", **current_of(node.at, size, node.sign, walk)}
    times = [time for time in (seconds_of(node.until, walk), _charged(node, size, walk)) if time]
    if times:
        step["until_time_s"] = min(times)
    if voltages:
        step["until_voltage_V"] = voltage_of(node, voltages[0].expression, walk, NEARLY_ZERO_V)
    walk.add(node, step)
    if node.then_hold is not None and voltages:
        _hold(node.then_hold, voltages[0].expression, node.sign, walk)


def _charged(node: Drive, size: float, walk: Walk) -> float | None:
    """The time after which the set current has passed the charge that ends the step."""
    charges = [value_of(end.expression, walk) for end in node.until if end.kind == "charge"]
    known = [charge for charge in charges if charge is not None]
    if not known:
        return None
    seconds = tidy(min(known) / size)
    walk.note(f"{node.path}: its charge is written as {seconds:g} s at the set current")
    return seconds


def _hold(node: Hold, voltage: Expression | None, sign: int, walk: Walk) -> None:
    if voltage is None or not are_plain(node.until, ("current", "time"), walk):
        walk.refuse(node, "it ends there at a current or after a time")
        return
    step: Document = {"step": "constant_voltage", "voltage_V": voltage_of(node, voltage, walk)}
    currents = [end for end in node.until if end.kind == "current"]
    seconds = seconds_of(node.until, walk)
    if len(currents) > 1:
        walk.refuse(node, "two currents end it")
    if seconds is not None:
        step["until_time_s"] = seconds
    for end in currents[:1]:
        size = value_of(end.expression, walk)
        if size is None:
            walk.refuse(node, "its final current is not known beforehand")
            return
        given = current_of(end.expression, size, sign, walk)
        step.update({f"until_{name}": value for name, value in given.items()})
    walk.add(node, step)


# ---- voltage scans and spectra -------------------------------------------------------------


def _sweep(node: Sweep, walk: Walk) -> None:
    """A scan for each straight part of the way, and loops around those that come again."""
    if len(node.until) > 1:
        walk.refuse(node, "a scan ends there at its last voltage")
    walk.note(f"a sweep's staircase of {STEP_V * 1e3:g} mV is a plain voltage scan there")
    if tidy(node.step_V) != STEP_V:
        walk.refuse(node, "the height of its steps", "leave `step` out")
    values = [value_of(each, walk) for each in (node.start, *node.corners)]
    known = [tidy(value) for value in values if value is not None]
    if len(known) < len(values):
        walk.refuse(node, "its voltages are not known beforehand")
        return
    first, *corners = known
    if len(set(known)) == 1:
        walk.refuse(node, "it begins at its end")
        return
    if first == corners[-1]:
        _scans(node, known, node.cycles, walk)
        return
    _scans(node, known, 1, walk)
    if node.cycles > 1:
        _scans(node, [corners[-1], *corners], node.cycles - 1, walk)


def _scans(node: Sweep, way: list[float], times: int, walk: Walk) -> None:
    start = len(walk.method)
    for here, there in pairwise(way):
        if here != there:
            step: Document = {"step": "voltage_scan", "start_voltage_V": here}
            step |= {"end_voltage_V": there, "scan_rate_mV_per_s": tidy(node.rate_V_s * 1e3)}
            walk.add(node, step)
    if times > 1 and len(walk.method) > start:
        walk.loop(start, times)


def _impedance(node: Impedance, walk: Walk) -> None:
    step: Document = {
        "step": "impedance_spectroscopy",
        "start_frequency_Hz": tidy(node.from_Hz),
        "end_frequency_Hz": tidy(node.to_Hz),
        "points_per_decade": node.points_per_decade,
    }
    if node.amplitude_V is not None:
        step["amplitude_V"] = tidy(node.amplitude_V)
    if node.amplitude_A is not None:
        step["amplitude_mA"] = tidy(node.amplitude_A * 1e3)
    walk.add(node, step)
