"""The 2450 series' readings and buffers. Source: instruments.md §1b; 2450-901-01 section 6."""

import struct
from collections.abc import Callable
from functools import lru_cache
from math import isfinite
from statistics import fmean, stdev

from labctl_simulators.firmware.k2450_buffer import ELEMENTS, OVERFLOW, Ring, Row, plain
from labctl_simulators.firmware.k2450_meter import READINGS_MOST, Meter2450
from labctl_simulators.firmware.models import Quantity
from labctl_simulators.firmware.scpi import (
    Arguments,
    Command,
    ScpiError,
    matches,
    number,
)

Meter = Meter2450
Table = list[Command[Meter]]
LONG: dict[Quantity, str] = {"VOLT": "VOLTage", "CURR": "CURRent"}
BUFFER_FIRST = "defbuffer1"


def flag(value: bool) -> str:
    """A boolean as SCPI sends it."""
    return "1" if value else "0"


def asked(arguments: Arguments, low: float, high: float, default: float, now: float) -> str:
    """The reply of a query that takes MIN, MAX and DEF."""
    if not arguments:
        return plain(now)
    return plain(number(arguments[0], low, high, {"DEFault": default}))


# Readings and buffers


def buffer_name(arguments: Arguments, position: int = 0) -> str:
    """The buffer that a string parameter names; the first default buffer without one."""
    if len(arguments) <= position:
        return BUFFER_FIRST
    if not arguments[position].quoted:
        raise ScpiError(-104)
    return arguments[position].text


@lru_cache(maxsize=256)
def wanted_elements(arguments: Arguments, skipped: int) -> tuple[str, ...]:
    """The element names after the first parameters; the reading alone without any."""
    found = []
    for position, argument in enumerate(arguments[skipped:], skipped + 1):
        name = next((e for e in ELEMENTS if matches(argument.text, e)), None)
        if name is None or argument.quoted:
            detail = f"Parameter {position}, Syntax error, expected valid name parameters"
            raise ScpiError(1133, detail)
        found.append(name)
    return tuple(found) or ("READing",)


NUMERIC = {"READing", "SOURce", "RELative"}


def rows_reply(meter: Meter, ring: Ring, rows: list[Row], names: tuple[str, ...]) -> str:
    """Readings in the selected format."""
    first_s = ring.first_s or 0.0
    if meter.setup.data_format == "ASC":
        precision = meter.setup.precision
        shows = [ELEMENTS[name] for name in names]
        return ",".join(show(row, first_s, precision) for row in rows for show in shows)
    if not NUMERIC.issuperset(names):
        raise ScpiError(-221)
    pick: dict[str, Callable[[Row], float]] = {
        "READing": lambda row: row.value,
        "SOURce": lambda row: row.source,
        "RELative": lambda row: row.time_s - first_s,
    }
    values = [pick[name](row) for row in rows for name in names]
    clean = [value if isfinite(value) else OVERFLOW for value in values]
    size = "d" if meter.setup.data_format == "REAL" else "f"
    packed = struct.pack(f"{'<' if meter.setup.swapped else '>'}{len(clean)}{size}", *clean)
    return "#0" + packed.decode("latin-1")


def read(meter: Meter, arguments: Arguments) -> str:
    """`:READ? ["buffer"[, elements]]`."""
    name, names = buffer_name(arguments), wanted_elements(arguments, 1)
    row = meter.read(name)
    return rows_reply(meter, meter.buffer(name), [row], names)


def fetch(meter: Meter, arguments: Arguments) -> str:
    """`:FETC?`: the latest reading of a buffer. Raises ScpiError -230 when it is empty."""
    ring = meter.buffer(buffer_name(arguments))
    if not len(ring):
        raise ScpiError(-230)
    return rows_reply(meter, ring, [ring.row(len(ring) - 1)], wanted_elements(arguments, 1))


def measure(function: str) -> Callable[[Meter, Arguments], str]:
    """`:MEAS:<function>?`: choose the function, then read. The output is left as it is."""

    def ask(meter: Meter, arguments: Arguments) -> str:
        meter.setup.function = function
        meter.changed()
        return read(meter, arguments)

    return ask


def trace_data(meter: Meter, arguments: Arguments) -> str:
    """`:TRAC:DATA? first, last[, "buffer"[, elements]]`. Raises ScpiError -230, -222."""
    ring = meter.buffer(buffer_name(arguments, 2))
    if not len(ring):
        raise ScpiError(-230)
    first = round(number(arguments[0], 1, len(ring)))
    last = round(number(arguments[1], first, len(ring)))
    rows = [ring.row(position) for position in range(first - 1, last)]
    return rows_reply(meter, ring, rows, wanted_elements(arguments, 3))


def trace_points(meter: Meter, arguments: Arguments) -> None:
    """`:TRAC:POIN n[, "buffer"]`, which empties it."""
    ring = meter.buffer(buffer_name(arguments, 1))
    points = round(number(arguments[0], 10, READINGS_MOST))
    meter.check_room(points - ring.capacity)
    ring.clear(points)


def trace_make(meter: Meter, arguments: Arguments) -> None:
    """`:TRAC:MAKE "buffer", n[, style]`."""
    name = buffer_name(arguments)
    if not name.isidentifier():
        raise ScpiError(-224)
    meter.make_buffer(name, round(number(arguments[1], 10, READINGS_MOST)))


def trace_delete(meter: Meter, arguments: Arguments) -> None:
    """`:TRAC:DEL "buffer"`."""
    name = buffer_name(arguments)
    meter.buffer(name)
    if name.startswith("defbuffer"):
        raise ScpiError(-221)
    del meter.buffers[name]


def trace_trigger(meter: Meter, arguments: Arguments) -> None:
    """`:TRAC:TRIG ["buffer"]`: take the readings."""
    meter.read(buffer_name(arguments))


FIGURES: dict[str, Callable[[list[float]], float]] = {
    "AVERage": fmean,
    "MAXimum": max,
    "MINimum": min,
    "PK2Pk": lambda values: max(values) - min(values),
    "STDDev": lambda values: stdev(values) if len(values) > 1 else 0.0,
}


def statistics(figure: Callable[[list[float]], float]) -> Callable[[Meter, Arguments], str]:
    """`:TRAC:STAT:<figure>? ["buffer"]`: one figure of the buffer's readings."""

    def ask(meter: Meter, arguments: Arguments) -> str:
        ring = meter.buffer(buffer_name(arguments))
        values = [v for v in (ring.row(i).value for i in range(len(ring))) if isfinite(v)]
        if not values:
            raise ScpiError(-230)
        return plain(figure(values))

    return ask


READING_COMMANDS: Table = [
    Command(":READ", ask=read, query_parameters=(0, 15)),
    Command(":FETCh", ask=fetch, query_parameters=(0, 15)),
    Command(":MEASure", ask=read, query_parameters=(0, 15)),
    Command(":MEASure:VOLTage[:DC]", ask=measure("VOLT"), query_parameters=(0, 15)),
    Command(":MEASure:CURRent[:DC]", ask=measure("CURR"), query_parameters=(0, 15)),
    Command(":MEASure:RESistance", ask=measure("RES"), query_parameters=(0, 15)),
    Command(":TRACe:DATA", ask=trace_data, query_parameters=(2, 17)),
    Command(":TRACe:ACTual", ask=lambda m, a: str(len(m.buffer(buffer_name(a))))),
    Command(":TRACe:ACTual:STARt", ask=lambda m, a: flag(len(m.buffer(buffer_name(a))) > 0)),
    Command(":TRACe:ACTual:END", ask=lambda m, a: str(len(m.buffer(buffer_name(a))))),
    Command(":TRACe:CLEar", lambda m, a: m.buffer(buffer_name(a)).clear(), None, parameters=(0, 1)),
    Command(
        ":TRACe:POINts",
        trace_points,
        lambda m, a: str(m.buffer(buffer_name(a)).capacity),
        parameters=(1, 2),
    ),
    Command(":TRACe:MAKE", trace_make, None, parameters=(2, 3)),
    Command(":TRACe:DELete", trace_delete),
    Command(":TRACe:TRIGger", trace_trigger, None, parameters=(0, 1)),
    *(
        Command(f":TRACe:STATistics:{name}", ask=statistics(figure))
        for name, figure in FIGURES.items()
    ),
]
