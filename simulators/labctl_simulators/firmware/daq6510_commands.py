"""The DAQ6510's commands for readings, buffers, relays, scans and the system.

Sources: instruments.md §8 and §1b; 2450-901-01 section 6 for the buffers, which are the same.
"""

from collections.abc import Callable
from datetime import timedelta
from math import isfinite
from typing import Any

from labctl_simulators.firmware.channel_list import parse_list, take_list, write_list
from labctl_simulators.firmware.common import COMMON, NONE
from labctl_simulators.firmware.daq6510_scanner import BUFFERS, CAPACITY, Buffer, Row, Scanner6510
from labctl_simulators.firmware.daq6510_settings import SETTING_COMMANDS
from labctl_simulators.firmware.event_log import PANEL_COMMANDS, nothing
from labctl_simulators.firmware.k2450_buffer import CALENDAR, plain
from labctl_simulators.firmware.scpi import (
    Argument,
    Arguments,
    Command,
    ScpiError,
    choice,
    matches,
    number,
)

Device = Scanner6510
Show = Callable[[Row, float, int], str]
UNIT_WORDS = {
    **{"CELS": "Celsius", "FAHR": "Fahrenheit", "KELV": "Kelvin"},
    **{"VOLT:DC": "Volt DC", "CURR:DC": "Amp DC", "RES": "Ohm", "FRES": "Ohm"},
}
QUESTIONABLE = 1


def _epoch(row: Row) -> float:
    return CALENDAR.timestamp() + row.time_s


def _moment(row: Row, how: str) -> str:
    return (CALENDAR + timedelta(seconds=row.time_s)).strftime(how)


ELEMENTS: dict[str, Show] = {
    "READing": lambda row, _, p: plain(row.value, p),
    "RELative": lambda row, first_s, p: plain(row.time_s - first_s, p),
    "CHANnel": lambda row, _, __: str(row.channel),
    "STATus": lambda row, _, __: str(0 if isfinite(row.value) else QUESTIONABLE),
    "UNIT": lambda row, _, __: UNIT_WORDS[row.unit],
    "SEConds": lambda row, _, __: str(int(_epoch(row))),
    "FRACtional": lambda row, _, p: plain(_epoch(row) % 1.0, p),
    "TSTamp": lambda row, _, __: _moment(row, "%m/%d/%Y %H:%M:%S.%f"),
    "DATE": lambda row, _, __: _moment(row, "%m/%d/%Y"),
    "TIME": lambda row, _, __: _moment(row, "%H:%M:%S.%f"),
}


# Readings and buffers


def buffer_name(arguments: Arguments, position: int = 0) -> str:
    """The buffer that a string parameter names; the first default buffer without one."""
    if len(arguments) <= position:
        return BUFFERS[0]
    if not arguments[position].quoted:
        raise ScpiError(-104)
    return arguments[position].text


def _elements(arguments: Arguments, skipped: int) -> list[Show]:
    found = []
    for position, argument in enumerate(arguments[skipped:], skipped + 1):
        name = next((e for e in ELEMENTS if matches(argument.text, e)), None)
        if name is None or argument.quoted:
            detail = f"Parameter {position}, Syntax error, expected valid name parameters"
            raise ScpiError(1133, detail)
        found.append(ELEMENTS[name])
    return found or [ELEMENTS["READing"]]


def _reply(device: Device, buffer: Buffer, rows: list[Row], shows: list[Show]) -> str:
    first_s = buffer.first_s or 0.0
    return ",".join(show(row, first_s, device.precision) for row in rows for show in shows)


def read(device: Device, arguments: Arguments) -> str:
    """`:READ? ["buffer"[, elements]]`."""
    name, shows = buffer_name(arguments), _elements(arguments, 1)
    row = device.read(name)
    return _reply(device, device.buffer(name), [row], shows)


def measure(function: str) -> Callable[[Device, Arguments], str]:
    """`:MEAS:<function>?`: choose the function of the front inputs, then read."""

    def ask(device: Device, arguments: Arguments) -> str:
        device.addressed(None)[0]["FUNC"] = function
        return read(device, arguments)

    return ask


def fetch(device: Device, arguments: Arguments) -> str:
    """`:FETC?`: the latest reading of a buffer. Raises ScpiError -230 when it is empty."""
    buffer = device.buffer(buffer_name(arguments))
    shows = _elements(arguments, 1)
    if not buffer.rows:
        raise ScpiError(-230)
    return _reply(device, buffer, [buffer.rows[-1]], shows)


def trace_data(device: Device, arguments: Arguments) -> str:
    """`:TRAC:DATA? first, last[, "buffer"[, elements]]`. Raises ScpiError -230, -222."""
    buffer = device.buffer(buffer_name(arguments, 2))
    kept = len(buffer.rows)
    if not kept:
        raise ScpiError(-230)
    first = round(number(arguments[0], 1, kept))
    last = round(number(arguments[1], first, kept))
    rows = list(buffer.rows)[first - 1 : last]
    return _reply(device, buffer, rows, _elements(arguments, 3))


def trace_points(device: Device, arguments: Arguments) -> None:
    """`:TRAC:POIN n[, "buffer"]`, which empties it."""
    buffer = device.buffer(buffer_name(arguments, 1))
    points = round(number(arguments[0], 10, 1e7))
    device.check_room(points - (buffer.rows.maxlen or 0))
    buffer.clear(points)


def trace_make(device: Device, arguments: Arguments) -> None:
    """`:TRAC:MAKE "buffer", n[, style]`."""
    name = buffer_name(arguments)
    if not name.isidentifier():
        raise ScpiError(-224)
    device.make_buffer(name, round(number(arguments[1], 10, 1e7)))


def trace_delete(device: Device, arguments: Arguments) -> None:
    """`:TRAC:DEL "buffer"`."""
    name = buffer_name(arguments)
    device.buffer(name)
    if name in BUFFERS:
        raise ScpiError(-221)
    del device.buffers[name]


def _kept(device: Device, arguments: Arguments) -> int:
    return len(device.buffer(buffer_name(arguments)).rows)


def set_count(device: Device, arguments: Arguments) -> None:
    """`:SENS:COUN`."""
    device.count = round(number(arguments[0], 1, CAPACITY, {"DEFault": 1}))


READINGS: "list[Command[Any]]" = [
    Command(":READ", ask=read, query_parameters=(0, 12)),
    Command(":FETCh", ask=fetch, query_parameters=(0, 12)),
    Command(":MEASure", ask=read, query_parameters=(0, 12)),
    Command(":MEASure:TEMPerature", ask=measure("TEMP"), query_parameters=(0, 12)),
    Command(":MEASure:VOLTage[:DC]", ask=measure("VOLT:DC"), query_parameters=(0, 12)),
    Command(":TRACe:DATA", ask=trace_data, query_parameters=(2, 14)),
    Command(":TRACe:ACTual", ask=lambda d, a: str(_kept(d, a))),
    Command(":TRACe:ACTual:STARt", ask=lambda d, a: str(int(_kept(d, a) > 0))),
    Command(":TRACe:ACTual:END", ask=lambda d, a: str(_kept(d, a))),
    Command(":TRACe:CLEar", lambda d, a: d.buffer(buffer_name(a)).clear(), None, (0, 1)),
    Command(
        ":TRACe:POINts",
        trace_points,
        lambda d, a: str(d.buffer(buffer_name(a)).rows.maxlen),
        (1, 2),
    ),
    Command(":TRACe:MAKE", trace_make, None, (2, 3)),
    Command(":TRACe:DELete", trace_delete),
    Command("[:SENSe[1]]:COUNt", set_count, lambda d, _: str(d.count)),
]


# Relays and scans


def close(device: Device, arguments: Arguments) -> None:
    """`:ROUT:CLOS`: this channel, and it alone."""
    found = device.listed(arguments[0])
    if len(found) != 1:
        raise ScpiError(-224)
    device.closed = found


def close_several(device: Device, arguments: Arguments) -> None:
    """`:ROUT:MULT:CLOS`: these, beside those that are closed."""
    device.closed = tuple(dict.fromkeys((*device.closed, *device.listed(arguments[0]))))


def open_(device: Device, arguments: Arguments) -> None:
    """`:ROUT:OPEN`."""
    opened = device.listed(arguments[0])
    device.closed = tuple(c for c in device.closed if c not in opened)


def open_all(device: Device, _: Arguments) -> None:
    """`:ROUT:OPEN:ALL`."""
    device.listed(Argument("(@)", False))
    device.closed = ()


def which_closed(device: Device, arguments: Arguments) -> str:
    """`:ROUT:CLOS?`: the closed channels, or 1 and 0 for those asked about."""
    rest, asked = take_list(arguments)
    if rest:
        raise ScpiError(-108)
    if asked is None:
        return write_list(device.closed)
    found = parse_list(asked, device.channels)
    return ",".join(str(int(channel in device.closed)) for channel in found)


def create(device: Device, arguments: Arguments) -> None:
    """`:ROUT:SCAN:CRE [(@list)]`: the channels in this order, or none."""
    device.create(device.listed(arguments[0]) if arguments else ())


def add(device: Device, arguments: Arguments) -> None:
    """`:ROUT:SCAN:ADD (@list)`."""
    device.create((*device.scan.channels, *device.listed(arguments[0])))


def set_scans(device: Device, arguments: Arguments) -> None:
    """`:ROUT:SCAN:COUN:SCAN`; 0 for no end."""
    device.scan.count = round(number(arguments[0], 0, 1e8, {"DEFault": 1}))


def set_interval(device: Device, arguments: Arguments) -> None:
    """`:ROUT:SCAN:INT`: from one scan's beginning to the next one's, s."""
    device.scan.interval_s = number(arguments[0], 0, 1e5, {"DEFault": 0})


def set_buffer(device: Device, arguments: Arguments) -> None:
    """`:ROUT:SCAN:BUFF "buffer"`."""
    name = buffer_name(arguments)
    device.buffer(name)
    device.scan.buffer = name


def scan_state(device: Device, _: Arguments) -> str:
    """`:ROUT:SCAN:STAT?`: how the scan stands, scans done, channel within it."""
    job = device.job
    return f"{device.scan_state};{job.done if job else 0};{job.at if job else 0}"


def trigger_state(device: Device, _: Arguments) -> str:
    """`:TRIG:STAT?`: a scan is a trigger model."""
    state = {"SUCCESS": "IDLE", "BUILDING": "IDLE"}.get(device.scan_state, device.scan_state)
    return f"{state};{state};1"


ROUTES: "list[Command[Any]]" = [
    Command(":ROUTe[:CHANnel]:CLOSe", close, which_closed),
    Command(":ROUTe[:CHANnel]:OPEN", open_),
    Command(":ROUTe[:CHANnel]:OPEN:ALL", open_all, None, NONE),
    Command(":ROUTe[:CHANnel]:MULTiple:CLOSe", close_several),
    Command(":ROUTe[:CHANnel]:MULTiple:OPEN", open_),
    Command(":ROUTe:TERMinals", ask=lambda d, _: "REAR" if d.rear else "FRON"),
    Command(":ROUTe:SCAN:CREate", create, lambda d, _: write_list(d.scan.channels), (0, 1)),
    Command(":ROUTe:SCAN:ADD", add),
    Command(":ROUTe:SCAN:COUNt:SCAN", set_scans, lambda d, _: str(d.scan.count)),
    Command(":ROUTe:SCAN:COUNt:STEP", ask=lambda d, _: str(len(d.scan.channels))),
    Command(":ROUTe:SCAN:INTerval", set_interval, lambda d, _: plain(d.scan.interval_s)),
    Command(":ROUTe:SCAN:BUFFer", set_buffer, lambda d, _: d.scan.buffer),
    Command(":ROUTe:SCAN:STATe", ask=scan_state),
    Command(":TRIGger:STATe", ask=trigger_state),
    Command(":INITiate[:IMMediate]", lambda d, _: d.initiate(), None, NONE),
    Command(":ABORt", lambda d, _: d.abort(), None, NONE),
]


# System


def set_language(_: Device, arguments: Arguments) -> None:
    """`*LANG`: the other command sets are not simulated."""
    choice(arguments[0], ("SCPI",))


def set_format(_: Device, arguments: Arguments) -> None:
    """`:FORM[:DATA]`: binary data are not simulated."""
    choice(arguments[0], ("ASCii",))


def set_precision(device: Device, arguments: Arguments) -> None:
    """`:FORM:ASC:PREC`: significant digits; 0 leaves the choice to the instrument."""
    device.precision = round(number(arguments[0], 0, 16, {"DEFault": 0}))


SYSTEM: "list[Command[Any]]" = [
    Command("*LANG", set_language, lambda d, _: d.language),
    *PANEL_COMMANDS,
    Command(":DISPlay:USER1:TEXT[:DATA]", nothing, None),
    Command(":DISPlay:USER2:TEXT[:DATA]", nothing, None),
    Command(":FORMat[:DATA]", set_format, lambda _, __: "ASC"),
    Command(":FORMat:ASCii:PRECision", set_precision, lambda d, _: str(d.precision)),
]
COMMANDS: "list[Command[Any]]" = [*COMMON, *READINGS, *SETTING_COMMANDS, *ROUTES, *SYSTEM]
