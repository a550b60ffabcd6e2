"""The messages of MacNet's JSON port: (FClass, FNum) → what the cycler does and answers.

Source: instruments.md §7.2; the fields of replies that it does not list are those that `pymacnet`
reads or shows (its `messages.py`): 1,1, 1,2, 4,1, 4,4, and `Result` in those of class 6.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from labctl_simulators.firmware.maccor_channel import Channel
from labctl_simulators.firmware.maccor_parts import (
    RESULTS,
    Mode,
    Output,
    Rating,
    Recording,
    Refused,
    Safety,
    Test,
)

if TYPE_CHECKING:
    from labctl_simulators.firmware.maccor import Maccor

Params = Mapping[str, Any]
Fields = dict[str, Any]
MODES: Mapping[object, Mode] = {"C": "C", "D": "D", "R": "R", 67: "C", 68: "D", 82: "R"}
NAME_CHARACTERS, COMMENT_CHARACTERS, MOST_CHANNELS = 25, 80, 128
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
VERSION = {"Major": 3, "Minor": 2, "Build": 18}
DATED = "2016-11-08T15:02:58"


class BadParameter(Exception):
    """A field that is missing, of the wrong type, or names nothing."""


def number(params: Params, name: str, default: float | None = None) -> float:
    """A finite number. Raises BadParameter."""
    value = params.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadParameter(f"{name} is not a number")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise BadParameter(f"{name} is not finite")
    return found


def whole(params: Params, name: str, low: int, high: int, default: int | None = None) -> int:
    """An integer within bounds. Raises BadParameter."""
    value = params.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadParameter(f"{name} is not a whole number from {low} to {high}")
    return value


def text(params: Params, name: str, longest: int, default: str | None = None) -> str:
    """A text; the padding of fields of fixed length is not part of it. Raises BadParameter."""
    value = params.get(name, default)
    if not isinstance(value, str) or len(value.rstrip(" ")) > longest:
        raise BadParameter(f"{name} is not a text of at most {longest} characters")
    return value.rstrip(" ")


def limits_of(rating: Rating, mode: Mode, values: Sequence[float], span: int) -> Output:
    """An output as it was sent (A, V, W, ohm); what is out of range is no limit."""
    current, voltage, power, resistance = values
    return Output(
        mode,
        current if 0.0 <= current <= rating.ranges_A[-1] else None,
        voltage if rating.lowest_V <= voltage <= rating.highest_V else None,
        power if 0.0 <= power <= rating.power_W else None,
        resistance if resistance > 0.0 else None,
        span,
    )


def output_of(cycler: "Maccor", params: Params) -> Output:
    """The output of 6,7 and 6,8. Raises BadParameter, and Refused for a rest, by the option."""
    word = params.get("ChMode")
    if isinstance(word, bool) or not isinstance(word, str | int) or word not in MODES:
        raise BadParameter("ChMode is not C, D or R")
    if MODES[word] == "R" and cycler.json_rest != "obeyed":
        raise Refused("Rest cannot be set by a JSON message")
    values = [number(params, name) for name in ("Current", "Voltage", "Power", "Resistance")]
    span = whole(params, "CurrentRange", 1, 4)
    return limits_of(cycler.rating, MODES[word], values, span)


def system_info(_: "Maccor", __: Params) -> Fields:
    """1,1."""
    names = ("MacTest32EXEversion", "MacTest32DLLversion")
    versions = {f"{name}{part}": value for name in names for part, value in VERSION.items()}
    return {"APIVersion": 1, **versions, "MacTest32ExeDT": DATED, "MacTest32DLLDT": DATED}


def general_info(cycler: "Maccor", _: Params) -> Fields:
    """1,2."""
    channels = len(cycler.channels)
    return {
        "SystemID": cycler.serial,
        "SystemType": cycler.system_type,
        "ControllerBoards": -(-channels // 4),
        "TestChannels": channels,
        "AuxBoards": 1,
        "AuxChannels": sum(len(each.aux) for each in cycler.channels.values()),
        "SMB1Pos": 0,
        "SMB3Pos": 0,
    }


def _span(cycler: "Maccor", params: Params) -> list[Channel]:
    first = whole(params, "Chan", -1, len(cycler.channels) - 1)
    count = whole(params, "Len", 1, MOST_CHANNELS)
    first = max(0, first)  # pymacnet asks from -1 for all of them
    if first + count > len(cycler.channels):
        raise BadParameter(f"there are {len(cycler.channels)} channels")
    return [cycler.at(place) for place in range(first, first + count)]


def many_statuses(cycler: "Maccor", params: Params) -> Fields:
    """4,1."""
    listed = []
    for channel in _span(cycler, params):
        first, second = channel.flags()
        listed.append({"RF1": first, "RF2": second, "Stat": int(channel.stat)})
    return {"Len": len(listed), "Status": listed}


def many_readings(place: int, name: str) -> Callable[["Maccor", Params], Fields]:
    """4,2 and 4,3: the voltages or currents of many channels."""

    def answer(cycler: "Maccor", params: Params) -> Fields:
        values = [_shown(cycler, each)[place] for each in _span(cycler, params)]
        return {"Len": len(values), name: values}

    return answer


def _shown(cycler: "Maccor", channel: Channel) -> tuple[float, float]:
    volts, amps = channel.reading()
    return round(volts, 7), round(amps if cycler.signed_current else abs(amps), 12)


def auxiliaries(_: "Maccor", __: Params, channel: Channel) -> Fields:
    """4,4."""
    return {"Len": len(channel.aux), "AuxValues": list(channel.aux)}


def status(cycler: "Maccor", _: Params, channel: Channel) -> Fields:
    """4,7."""
    first, second = channel.flags()
    test_s, step_s = channel.times()
    volts, amps = _shown(cycler, channel)
    return {
        "RF1": first,
        "RF2": second,
        "Stat": int(channel.stat),
        "LastRecNum": channel.records,
        "Cycle": channel.cycle,
        "Step": channel.step,
        "TestTime": round(test_s, 2),
        "StepTime": round(step_s, 2),
        "Capacity": round(channel.capacity_Ah, 12),
        "Energy": round(channel.energy_Wh, 12),
        "Current": amps,
        "Voltage": volts,
        "TesterTime": (EPOCH + timedelta(seconds=channel.now)).strftime("%Y-%m-%dT%H:%M:%S"),
    }


def start_procedure(cycler: "Maccor", params: Params, channel: Channel) -> Fields:
    """6,2."""
    name = text(params, "TestName", NAME_CHARACTERS)
    asked = text(params, "ProcName", NAME_CHARACTERS)
    text(params, "Comment", COMMENT_CHARACTERS, "")
    capacity_Ah = number(params, "Crate", 1.0)
    if asked not in cycler.procedures:
        raise Refused(f"Procedure not found: {asked}")
    if capacity_Ah <= 0.0:
        raise BadParameter("Crate is not above 0")
    _start(cycler, channel, Test(name, cycler.procedures[asked], capacity_Ah), Output("R"))
    return {"Result": RESULTS[0]}


def start_direct(cycler: "Maccor", params: Params, channel: Channel) -> Fields:
    """6,7."""
    names = ("DataTime", "DataV", "DataI")
    rule = Recording(*(max(0.0, number(params, name, 0.0)) for name in names))
    name = text(params, "TestName", NAME_CHARACTERS, "Random")
    output = output_of(cycler, params)
    cycler.check_system_type()
    _start(cycler, channel, Test(name, recording=rule), output)
    return {"Result": RESULTS[0]}


def _start(cycler: "Maccor", channel: Channel, test: Test, output: Output) -> None:
    name = test.name
    if name in cycler.test_names and name not in ("", "Random"):
        raise Refused(f"Test name exists: {name}")
    channel.start(test, output)
    cycler.test_names.add(name)


def set_output(cycler: "Maccor", params: Params, channel: Channel) -> Fields:
    """6,8."""
    output = output_of(cycler, params)
    cycler.check_system_type()
    channel.set_output(output)
    return {"Result": RESULTS[0]}


def reset(_: "Maccor", __: Params, channel: Channel) -> Fields:
    """6,5."""
    channel.reset()
    return {"Result": RESULTS[0]}


def set_variable(_: "Maccor", params: Params, channel: Channel) -> Fields:
    """6,9."""
    place = whole(params, "VarNum", 1, 16)
    channel.variables[place - 1] = number(params, "Value")
    return {"Result": RESULTS[0]}


SAFE = ("VSafeMax", "VSafeMin", "ISafeChg", "ISafeDis", "PBatSafeChg", "PBatSafeDis")


def set_safety(_: "Maccor", params: Params, channel: Channel) -> Fields:
    """6,10: the values that hold from now on are the reply."""
    values = [number(params, name) for name in SAFE]
    channel.protect(Safety(*values[:2], *map(abs, values[2:])))
    return dict(zip(SAFE, values, strict=True))


ASKS: Mapping[tuple[int, int], Callable[["Maccor", Params], Fields]] = {
    (1, 1): system_info,
    (1, 2): general_info,
    (4, 1): many_statuses,
    (4, 2): many_readings(0, "Voltage"),
    (4, 3): many_readings(1, "Current"),
}
"""Messages to the system."""
CHANNEL_ASKS: Mapping[tuple[int, int], Callable[["Maccor", Params, Channel], Fields]] = {
    (4, 4): auxiliaries,
    (4, 7): status,
    (6, 2): start_procedure,
    (6, 5): reset,
    (6, 7): start_direct,
    (6, 8): set_output,
    (6, 9): set_variable,
    (6, 10): set_safety,
}
"""Messages to one channel."""
