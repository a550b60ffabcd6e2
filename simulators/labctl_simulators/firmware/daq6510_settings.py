"""The DAQ6510's settings of a place (a channel, or the front inputs): names, values, commands.

Sources: instruments.md §8; of the thermocouple's reference junction and open-lead detector,
Tektronix's own examples (tektronix/keithley, DAQ6510 "Scan Temperature Using Thermocouples" and
"Mixed Function Multi-Channel Scanning"). Defaults [K].
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from labctl_simulators.firmware.channel_list import take_list
from labctl_simulators.firmware.k2450_buffer import plain
from labctl_simulators.firmware.scpi import (
    Argument,
    Arguments,
    Command,
    ScpiError,
    boolean,
    choice,
    matches,
    number,
)

if TYPE_CHECKING:
    from labctl_simulators.firmware.daq6510_scanner import Scanner6510

Value = str | float | bool
Place = dict[str, Value]
FUNCTIONS = {
    "VOLT:DC": ("VOLTage:DC", "VOLTage"),
    "CURR:DC": ("CURRent:DC", "CURRent"),
    "RES": ("RESistance",),
    "FRES": ("FRESistance",),
    "TEMP": ("TEMPerature",),
}
TOPS = {"VOLT:DC": 1000.0, "CURR:DC": 3.0, "RES": 120e6, "FRES": 120e6}
LOWS = {"VOLT:DC": 0.1, "CURR:DC": 10e-6, "RES": 1.0, "FRES": 1.0}
TRANSDUCERS = ("TCouple", "THERmistor", "RTD", "TRTD", "FRTD")
COUPLES = ("B", "E", "J", "K", "N", "R", "S", "T")
THERMISTORS_OHM = (2252.0, 5000.0, 10000.0)
RESISTORS = ("PT100", "PT385", "PT3916", "D100", "F100", "USER")
UNITS = ("CELSius", "FAHRenheit", "KELVin")


class Setting(NamedTuple):
    """One setting of a place: its header, how its parameter is read, its value after `*RST`."""

    key: str
    spec: str
    read: Callable[[Argument], Value]
    default: Value


def _word(*keywords: str) -> Callable[[Argument], Value]:
    return lambda argument: choice(argument, keywords)


def _number(low: float, high: float, default: float) -> Callable[[Argument], Value]:
    return lambda argument: number(argument, low, high, {"DEFault": default})


def _whole(low: int, high: int, default: int) -> Callable[[Argument], Value]:
    return lambda argument: round(number(argument, low, high, {"DEFault": default}))


def read_function(argument: Argument) -> Value:
    """The measure function that a string names, short or long."""
    if not argument.quoted:
        raise ScpiError(-104)
    for name, spellings in FUNCTIONS.items():
        if any(_spells(argument.text, spelling) for spelling in spellings):
            return name
    raise ScpiError(-224)


def _spells(text: str, spelling: str) -> bool:
    words, keywords = text.split(":"), spelling.split(":")
    return len(words) == len(keywords) and all(map(matches, words, keywords))


def _thermistor(argument: Argument) -> Value:
    asked = number(argument, 1000.0, 20000.0, {"DEFault": 5000.0})
    if asked not in THERMISTORS_OHM:
        raise ScpiError(-224)
    return asked


def _converter(name: str, header: str) -> list[Setting]:
    head = f"[:SENSe[1]]:{header}"
    found = [
        Setting(f"{name} NPLC", f"{head}:NPLCycles", _number(5e-4, 12, 1), 1.0),
        Setting(f"{name} AZER", f"{head}:AZERo[:STATe]", boolean, True),
        Setting(f"{name} AVER", f"{head}:AVERage[:STATe]", boolean, False),
        Setting(f"{name} AVER COUN", f"{head}:AVERage:COUNt", _whole(1, 100, 10), 10),
        Setting(f"{name} AVER TCON", f"{head}:AVERage:TCONtrol", _word("REPeat", "MOVing"), "REP"),
    ]
    if name in TOPS:
        low, top = LOWS[name], TOPS[name]
        found += [
            Setting(f"{name} RANG", f"{head}:RANGe[:UPPer]", _number(low, top, top), top),
            Setting(f"{name} AUTO", f"{head}:RANGe:AUTO", boolean, True),
        ]
    return found


T = "[:SENSe[1]]:TEMPerature"
SETTINGS: tuple[Setting, ...] = (
    Setting("FUNC", "[:SENSe[1]]:FUNCtion[:ON]", read_function, "VOLT:DC"),
    *_converter("VOLT:DC", "VOLTage[:DC]"),
    *_converter("CURR:DC", "CURRent[:DC]"),
    *_converter("RES", "RESistance"),
    *_converter("FRES", "FRESistance"),
    *_converter("TEMP", "TEMPerature"),
    Setting("REL", f"{T}:RELative", _number(-3310, 3310, 0), 0.0),
    Setting("REL STAT", f"{T}:RELative:STATe", boolean, False),
    Setting("DIG", ":DISPlay:TEMPerature:DIGits", _whole(3, 6, 5), 5),
    Setting("UNIT", f"{T}:UNIT", _word(*UNITS), "CELS"),
    Setting("TRAN", f"{T}:TRANsducer", _word(*TRANSDUCERS), "TC"),
    Setting("TYPE", f"{T}:TCouple:TYPE", _word(*COUPLES), "K"),
    Setting(
        "RSEL", f"{T}:TCouple:RJUNction:RSELect", _word("SIMulated", "INTernal", "EXTernal"), "INT"
    ),
    Setting("SIM", f"{T}:TCouple:RJUNction:SIMulated", _number(0, 65, 23), 23.0),
    Setting("ODET", f"{T}:ODETector", boolean, True),
    Setting("THER", f"{T}:THERmistor", _thermistor, 5000.0),
    Setting("RTD", f"{T}:RTD:TWO", _word(*RESISTORS), "PT100"),
    Setting("TRTD", f"{T}:RTD:THRee", _word(*RESISTORS), "PT100"),
    Setting("FRTD", f"{T}:RTD:FOUR", _word(*RESISTORS), "PT100"),
)


def new_place() -> Place:
    """The settings after `*RST`."""
    return {setting.key: setting.default for setting in SETTINGS}


def _shown(key: str, value: Value) -> str:
    if key == "FUNC":
        return f'"{value}"'
    if isinstance(value, int):
        return str(int(value))
    return value if isinstance(value, str) else plain(value)


def _command(setting: Setting) -> "Command[Scanner6510]":
    key = setting.key

    def put(device: "Scanner6510", arguments: Arguments) -> None:
        values, channels = take_list(arguments)
        if len(values) != 1:
            raise ScpiError(-109 if not values else -108)
        value = setting.read(values[0])
        for place in device.addressed(channels):
            place[key] = value

    def ask(device: "Scanner6510", arguments: Arguments) -> str:
        values, channels = take_list(arguments)
        if values:
            raise ScpiError(-108)
        return ";".join(_shown(key, place[key]) for place in device.addressed(channels))

    return Command(setting.spec, put, ask, parameters=(1, 2))


SETTING_COMMANDS: "list[Command[Any]]" = [_command(setting) for setting in SETTINGS]
