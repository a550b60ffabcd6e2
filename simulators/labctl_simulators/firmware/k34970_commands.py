"""The 34970A's commands.

Sources: instruments.md §8; the user's guide 34970-90003 chapter 5.
"""

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

from labctl_simulators.firmware.channel_list import take_list, write_list
from labctl_simulators.firmware.common import COMMON, NONE
from labctl_simulators.firmware.k2450_buffer import CALENDAR
from labctl_simulators.firmware.k34970_scanner import NO_END, Row, Scanner34970, Setup
from labctl_simulators.firmware.k34970_settings import (
    FUNCTIONS,
    KINDS,
    SETTING_COMMANDS,
    flag,
    real,
)
from labctl_simulators.firmware.scpi import (
    Arguments,
    Command,
    ScpiError,
    boolean,
    choice,
    matches,
    number,
)

Device = Scanner34970
MOST = 10


# Configuration


def _configure(device: Device, make: Callable[[Arguments], Setup], arguments: Arguments) -> None:
    """Set channels up anew and make them the scan list. All or nothing."""
    device.idle()
    words, listed = take_list(arguments)
    if listed is None:
        raise ScpiError(-109)
    channels, setup = device.listed(listed), make(words)
    if not channels:
        raise ScpiError(113)
    state = device.state
    for channel in channels:
        unit = state.setups[channel].unit
        state.setups[channel] = deepcopy(setup)
        state.setups[channel].unit = unit
    state.scan = channels
    state.trigger = type(state.trigger)()
    state.format = type(state.format)()


def configure(function: str) -> "list[Command[Any]]":
    """`:CONF:<function>` and `:MEAS:<function>?`."""
    spec, make = FUNCTIONS[function]

    def set_up(device: Device, arguments: Arguments) -> None:
        _configure(device, make, arguments)

    def measure(device: Device, arguments: Arguments) -> str:
        _configure(device, make, arguments)
        return read(device, ())

    return [
        Command(f":CONFigure:{spec}", set_up, None, (1, MOST)),
        Command(f":MEASure:{spec}", ask=measure, query_parameters=(1, MOST)),
    ]


def configuration(device: Device, arguments: Arguments) -> str:
    """`:CONF? [(@list)]`: function, type and resolution of each channel, in quotes."""
    found = device.addressed(take_list(arguments)[1])
    return ",".join(f'"{_described(setup)}"' for setup in found)


def _described(setup: Setup) -> str:
    if setup.function == "TEMP":
        kind = getattr(setup, KINDS[setup.transducer][0])
        return f"TEMP {setup.transducer},{kind},{real(1.0)},{real(3e-6)}"
    return f"{setup.function} {real(10.0)},{real(3e-6)}"


CONFIGURATION: "list[Command[Any]]" = [
    *(command for name in FUNCTIONS for command in configure(name)),
    Command(":CONFigure", ask=configuration),
]


# Readings


def shown(device: Device, row: Row) -> str:
    """A reading with what the format puts beside it: unit, time, channel, alarm."""
    how = device.state.format
    fields = [real(row.value) + (f" {row.unit}" if how.unit else "")]
    if how.time and how.absolute:
        moment = CALENDAR + timedelta(seconds=row.time_s)
        fields.append(f"{moment:%Y,%m,%d,%H,%M,%S}.{moment.microsecond // 1000:03d}")
    elif how.time:
        fields.append(f"{row.since_s:013.3f}")
    if how.channel:
        fields.append(str(row.channel))
    if how.alarm:
        fields.append("0")
    return ",".join(fields)


def read(device: Device, _: Arguments) -> str:
    """`:READ?`: scan, wait, and give the readings, which are not kept in memory."""
    if device.state.trigger.source == "BUS" or device.state.trigger.count >= NO_END:
        raise ScpiError(-214)
    device.initiate()
    device.settle()
    rows, device.memory = device.memory, []
    return ",".join(shown(device, row) for row in rows)


def fetch(device: Device, _: Arguments) -> str:
    """`:FETC?`: the readings in memory, once the scan is done. Raises ScpiError -230, -214."""
    device.settle()
    if not device.memory:
        raise ScpiError(-230)
    return ",".join(shown(device, row) for row in device.memory)


def remove(device: Device, arguments: Arguments) -> str:
    """`:DATA:REM? n`: the oldest readings, which leave the memory. Raises ScpiError -222, -230."""
    if not device.memory:
        raise ScpiError(-230)
    count = round(number(arguments[0], 1, len(device.memory)))
    taken, device.memory = device.memory[:count], device.memory[count:]
    return ",".join(shown(device, row) for row in taken)


def read_and_remove(device: Device, arguments: Arguments) -> str:
    """`R? [n]`: what is in memory now, as a block, and no longer then."""
    most = len(device.memory)
    count = round(number(arguments[0], 1, 1e6)) if arguments else most
    taken, device.memory = device.memory[:count], device.memory[count:]
    return block(",".join(shown(device, row) for row in taken))


def block(text: str) -> str:
    """A definite-length block."""
    size = str(len(text))
    return f"#{len(size)}{size}{text}"


def last(device: Device, _: Arguments) -> str:
    """`:DATA:LAST?`: the newest reading. Raises ScpiError -230."""
    if not device.memory:
        raise ScpiError(-230)
    return shown(device, device.memory[-1])


def _formatted(spec: str, name: str) -> "Command[Any]":
    def put(device: Device, arguments: Arguments) -> None:
        setattr(device.state.format, name, boolean(arguments[0]))

    return Command(f":FORMat:READing:{spec}", put, lambda d, _: flag(getattr(d.state.format, name)))


def set_time_type(device: Device, arguments: Arguments) -> None:
    """`:FORM:READ:TIME:TYPE`."""
    device.state.format.absolute = choice(arguments[0], ("ABSolute", "RELative")) == "ABS"


READINGS: "list[Command[Any]]" = [
    Command(":READ", ask=read, query_parameters=NONE),
    Command(":FETCh", ask=fetch, query_parameters=NONE),
    Command(":INITiate[:IMMediate]", lambda d, _: d.initiate(), None, NONE),
    Command(":ABORt", lambda d, _: d.abort(), None, NONE),
    Command(":DATA:POINts", ask=lambda d, _: f"{len(d.memory):+d}"),
    Command(":DATA:REMove", ask=remove, query_parameters=(1, 1)),
    Command(":DATA:LAST", ask=last),
    Command(":R", ask=read_and_remove),
    _formatted("CHANnel", "channel"),
    _formatted("TIME", "time"),
    _formatted("UNIT", "unit"),
    _formatted("ALARm", "alarm"),
    Command(
        ":FORMat:READing:TIME:TYPE",
        set_time_type,
        lambda d, _: "ABS" if d.state.format.absolute else "REL",
    ),
]


# Scan list, trigger, system


def set_scan(device: Device, arguments: Arguments) -> None:
    """`:ROUT:SCAN (@list)`: the scan list; channels keep their set-up."""
    device.idle()
    device.state.scan = device.listed(arguments[0])


def set_source(device: Device, arguments: Arguments) -> None:
    """`:TRIG:SOUR`."""
    device.idle()
    device.state.trigger.source = choice(arguments[0], ("IMMediate", "BUS", "TIMer"))


def set_timer(device: Device, arguments: Arguments) -> None:
    """`:TRIG:TIM`: from one sweep's beginning to the next one's, s."""
    device.idle()
    device.state.trigger.timer_s = number(arguments[0], 0.0, 359999.0)


def set_count(device: Device, arguments: Arguments) -> None:
    """`:TRIG:COUN`; INF for no end."""
    device.idle()
    if matches(arguments[0].text, "INFinity"):
        device.state.trigger.count = NO_END
        return
    device.state.trigger.count = float(round(number(arguments[0], 1, 50_000, {"DEFault": 1})))


def card_type(device: Device, arguments: Arguments) -> str:
    """`:SYST:CTYP? slot`."""
    slot = round(number(arguments[0], 100, 300))
    if slot not in (100, 200, 300):
        raise ScpiError(111)
    maker = device.identity.split(",")[0]
    return f"{maker},{'34901A,0,2.3' if slot in device.slots else '0,0,0'}"


def nothing(_: Device, __: Arguments) -> None:
    """Nothing that the wire would show."""


SYSTEM: "list[Command[Any]]" = [
    Command(":ROUTe:SCAN", set_scan, lambda d, _: block(write_list(d.state.scan))),
    Command(":ROUTe:SCAN:SIZE", ask=lambda d, _: f"{len(d.state.scan):+d}"),
    Command(":TRIGger:SOURce", set_source, lambda d, _: d.state.trigger.source),
    Command(":TRIGger:TIMer", set_timer, lambda d, _: real(d.state.trigger.timer_s)),
    Command(":TRIGger:COUNt", set_count, lambda d, _: real(d.state.trigger.count)),
    Command(":SYSTem:CTYPe", ask=card_type, query_parameters=(1, 1)),
    Command(":SYSTem:PRESet", lambda d, _: d.reset(), None, NONE),
    *(Command(f":SYSTem:{word}", nothing, None, NONE) for word in ("LOCal", "REMote", "RWLock")),
    Command(":DISPlay", nothing, None),
]
COMMANDS: "list[Command[Any]]" = [
    *COMMON,
    *CONFIGURATION,
    *SETTING_COMMANDS,
    *READINGS,
    *SYSTEM,
]
