"""The Rodeostat's voltammetric tests as waves: which voltage at which time, and until when.

Sources: instruments.md §5 (names and parameters); IO Rodeo's firmware, `ps_*_test` (shapes, the
messages about parameters). Times are µs inside and ms on the wire, voltages V. The parameters
before anybody has set them are assumed, except those of `multiStep` and `chronoamp`.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from math import ceil, floor, pi, sin
from typing import Any, NamedTuple

Params = dict[str, Any]
QUIET: Params = {"quietValue": 0.0, "quietTime": 0}
PERIODIC: Params = QUIET | {
    "amplitude": 0.5, "offset": 0.0, "period": 1000, "numCycles": 1, "shift": 0.0,
}  # fmt: skip
STAIRS: Params = QUIET | {
    "amplitude": 0.05, "startValue": -0.5, "finalValue": 0.5, "stepValue": 0.005, "window": 0.2,
}  # fmt: skip
SWEEP: Params = QUIET | {"startValue": -0.5, "finalValue": 0.5, "duration": 1000}
MOST_STEPS = {"chronoamp": 2, "multiStep": 50}
DEFAULTS: Mapping[str, Params] = {
    "cyclic": PERIODIC,
    "sinusoid": PERIODIC,
    "constant": QUIET | {"value": 0.0, "duration": 1000},
    "squareWave": STAIRS,
    "linearSweep": SWEEP,
    "chronoamp": QUIET | {"step": [[1000, 0.5], [1000, -0.5]]},
    "multiStep": QUIET | {"step": [[1000, 0.5 if n % 2 == 0 else -0.5] for n in range(5)]},
    "differentialPulse": STAIRS,
}
WHOLE = ("quietTime", "period", "numCycles", "duration")
LONGEST_MS = 2**32 - 1
MUX_TESTS = ("cyclic", "sinusoid", "constant", "linearSweep", "chronoamp", "multiStep")


class Wave(NamedTuple):
    """A test that is ready to run: its voltage by time (µs), its extremes, when it is done.

    `edges_us`: the only times at which a wave of plateaus changes, none for what moves always.
    `stair` and `window_us` are those of the pulse tests, which send differences of currents.
    """

    value: Callable[[int], float]
    low_V: float
    high_V: float
    done_us: int
    quiet_us: int
    edges_us: tuple[int, ...] = ()
    stair: Callable[[int], float] | None = None
    window_us: int = 0
    against_last: bool = False


def fresh_parameters() -> dict[str, Params]:
    """The parameters of all tests as after power-on."""
    return deepcopy(dict(DEFAULTS))


def wave(name: str, params: Params, period_us: int) -> Wave:
    """A test with its parameters, at this sample period."""
    made = MAKERS[name](params, period_us)
    quiet_us, rest = made.quiet_us, made.value
    return made._replace(value=lambda t: params["quietValue"] if t < quiet_us else rest(t))


def _quiet_us(params: Params) -> int:
    return int(params["quietTime"]) * 1000


def _cyclic(params: Params, _: int) -> Wave:
    def shape(part: float) -> float:
        return 4.0 * part - 1.0 if part < 0.5 else 3.0 - 4.0 * part

    return _periodic(params, shape)


def _sinusoid(params: Params, _: int) -> Wave:
    return _periodic(params, lambda part: sin(2.0 * pi * part))


def _periodic(params: Params, shape: Callable[[float], float]) -> Wave:
    period_us, quiet_us = max(1, params["period"] * 1000), _quiet_us(params)
    high, offset = params["amplitude"], params["offset"]
    shift_us = int(params["shift"] * period_us)

    def value(t: int) -> float:
        return float(high * shape((t - quiet_us + shift_us) % period_us / period_us) + offset)

    done_us = quiet_us + params["numCycles"] * period_us
    return Wave(value, offset - abs(high), offset + abs(high), done_us, quiet_us)


def _constant(params: Params, _: int) -> Wave:
    level, quiet_us = params["value"], _quiet_us(params)
    low, high = sorted((level, params["quietValue"]))
    done_us = quiet_us + params["duration"] * 1000
    return Wave(lambda _: level, low, high, done_us, quiet_us, edges_us=(done_us,))


def _linear_sweep(params: Params, _: int) -> Wave:
    start, final, quiet_us = params["startValue"], params["finalValue"], _quiet_us(params)
    long_us = params["duration"] * 1000

    def value(t: int) -> float:
        return float(start + (final - start) * (t - quiet_us) / long_us if long_us else final)

    ends = (start, final, params["quietValue"])
    return Wave(value, min(ends), max(ends), quiet_us + long_us, quiet_us)


def _steps(params: Params, _: int) -> Wave:
    quiet_us = _quiet_us(params)
    ends, at = [], quiet_us
    for duration_ms, level in params["step"]:
        at += duration_ms * 1000
        ends.append((at, level))

    def value(t: int) -> float:
        return next((level for end, level in ends if t <= end), 0.0)

    levels = [level for _, level in ends] + [params["quietValue"]]
    edges = tuple(each for end, _ in ends for each in (end, end + 1))
    return Wave(value, min(levels), max(levels), at, quiet_us, edges_us=(*edges, at))


def _square_wave(params: Params, period_us: int) -> Wave:
    return _pulses(params, period_us, differential=False)


def _differential_pulse(params: Params, period_us: int) -> Wave:
    return _pulses(params, period_us, differential=True)


def _pulses(params: Params, period_us: int, *, differential: bool) -> Wave:
    start, final, quiet_us = params["startValue"], params["finalValue"], _quiet_us(params)
    high, step = params["amplitude"], params["stepValue"]
    # the square wave of the firmware climbs only; the differential pulse goes either way
    sign = -1.0 if differential and final < start else 1.0
    low_V, high_V = sorted((start, final))

    def stair(t: int) -> float:
        if t < quiet_us:
            return float(params["quietValue"])
        climbed = start + sign * step * ((t - quiet_us) // period_us)
        return float(min(high_V, max(low_V, climbed)))

    def value(t: int) -> float:
        count, place = divmod(t - quiet_us, period_us)
        first = place < period_us // 2
        if differential:
            return stair(t) + float(high if first and count > 0 else 0.0)
        return stair(t) + float(high if first else -high)

    spans = abs(final - start) / step if step > 0.0 else 0.0
    count = (ceil(spans) + 1 if differential else floor(spans)) if step > 0.0 else 0
    window_us = max(200, int((period_us // 2 - 1) * min(1.0, max(0.0, params["window"]))))
    around = abs(high)
    return Wave(
        value, low_V - around, high_V + around, quiet_us + count * period_us, quiet_us,
        stair=stair, window_us=window_us, against_last=differential,
    )  # fmt: skip


MAKERS: Mapping[str, Callable[[Params, int], Wave]] = {
    "cyclic": _cyclic,
    "sinusoid": _sinusoid,
    "constant": _constant,
    "squareWave": _square_wave,
    "linearSweep": _linear_sweep,
    "chronoamp": _steps,
    "multiStep": _steps,
    "differentialPulse": _differential_pulse,
}


def take_parameters(name: str, held: Params, sent: Mapping[str, Any]) -> tuple[Params, str]:
    """Put what was sent into a test's parameters; gives what was taken, and the complaints."""
    taken: Params = {}
    wrong: list[str] = []
    for key in held:
        if key == "step":
            _take_steps(sent, MOST_STEPS[name], taken, wrong)
        elif key in sent:
            _take_number(key, sent[key], taken, wrong)
    held.update(taken)
    return taken, ", ".join(wrong)


def _take_number(key: str, value: object, taken: Params, wrong: list[str]) -> None:
    if key in WHOLE:
        if is_whole(value):
            taken[key] = value
        else:
            wrong.append(f"{key} not uint32")
    elif is_number(value):
        taken[key] = float(value)  # type: ignore[arg-type]
    else:
        wrong.append(f"{key} not a float")


def _take_steps(sent: Mapping[str, Any], most: int, taken: Params, wrong: list[str]) -> None:
    steps = sent.get("step")
    complaint = _complaint("step" in sent, steps, most)
    if complaint:
        wrong.append(f"step {complaint}")
    else:
        assert isinstance(steps, list)  # noqa: S101 - or there is a complaint
        taken["step"] = [[duration, float(level)] for duration, level in steps]


def _complaint(there: bool, steps: object, most: int) -> str:
    if not there:
        return "key not found"
    if not isinstance(steps, list):
        return "not a JsonArray"
    if len(steps) > most:
        return "array too large"
    for step in steps:
        if not isinstance(step, list):
            return "item not JsonArary"
        if len(step) != 2:
            return "item size!=2"
        if not is_whole(step[0]):
            return "item[0] not uint32"
        if not is_number(step[1]):
            return "item[1] not float"
    return ""


def is_whole(value: object) -> bool:
    """Whether it is an unsigned whole number of 32 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LONGEST_MS


def is_number(value: object) -> bool:
    """Whether it is a number that a single float holds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 3e38
