"""The 34970A's settings of channels: what a channel measures, and the commands for each part.

Sources: instruments.md §8; the user's guide 34970-90003 chapter 5.
"""

from collections.abc import Callable
from math import copysign, isfinite
from typing import Any

from labctl_simulators.firmware.channel_list import take_list
from labctl_simulators.firmware.k34970_scanner import Scanner34970, Setup
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

Device = Scanner34970
OVERLOAD = 9.9e37
TRANSDUCERS = ("TCouple", "RTD", "FRTD", "THERmistor")
COUPLES = ("B", "E", "J", "K", "N", "R", "S", "T")
OPTIONAL_DEFAULTS = ("DEFault", "MINimum", "MAXimum", "AUTO")


def real(value: float) -> str:
    """A number as the 34970A sends it."""
    return f"{value if isfinite(value) else copysign(OVERLOAD, value):+.8E}"


def flag(value: bool) -> str:
    """A boolean as SCPI sends it."""
    return "1" if value else "0"


# Set-ups


def _couple(argument: Argument) -> str:
    return "J" if matches(argument.text, "DEFault") else choice(argument, COUPLES)


def _thermistor(argument: Argument) -> str:
    return _one_of(argument, (5000.0, 2252.0, 10000.0))


def _resistor(argument: Argument) -> str:
    return _one_of(argument, (85.0, 91.0))


def _one_of(argument: Argument, known: tuple[float, ...]) -> str:
    """The type of a sensor that a number names; the first for DEF. Raises ScpiError 251."""
    asked = number(argument, 0.0, 1e5, {"DEFault": known[0]})
    if asked not in known:
        raise ScpiError(251)
    return f"{asked:g}"


KINDS: dict[str, tuple[str, Callable[[Argument], str]]] = {
    "TC": ("couple", _couple),
    "THER": ("thermistor", _thermistor),
    "RTD": ("resistor", _resistor),
    "FRTD": ("resistor", _resistor),
}
"""Transducer → where its type is kept, and how it is read."""


def _temperature(words: Arguments) -> Setup:
    """The set-up that `TC,K[,1[,resolution]]` describes."""
    if not words:
        raise ScpiError(-109)
    if len(words) > 4:
        raise ScpiError(-108)
    transducer = "TC"
    if not matches(words[0].text, "DEFault"):
        transducer = choice(words[0], TRANSDUCERS)
    setup = Setup(function="TEMP", transducer=transducer)
    name, read = KINDS[transducer]
    if len(words) > 1:
        setattr(setup, name, read(words[1]))
    return setup


def _other(function: str) -> Callable[[Arguments], Setup]:
    """The set-up that `[range[,resolution]]` describes, of a function that is not simulated."""

    def make(words: Arguments) -> Setup:
        if len(words) > 2:
            raise ScpiError(-108)
        for word in words:
            if not any(matches(word.text, known) for known in OPTIONAL_DEFAULTS):
                number(word, 0.0, 1e9)
        return Setup(function=function)

    return make


FUNCTIONS: dict[str, tuple[str, Callable[[Arguments], Setup]]] = {
    "TEMP": ("TEMPerature", _temperature),
    "VOLT": ("VOLTage[:DC]", _other("VOLT")),
    "RES": ("RESistance", _other("RES")),
    "FRES": ("FRESistance", _other("FRES")),
}


# Settings of channels

Read = Callable[[Argument], Any]


def setting(spec: str, name: str, read: Read, show: Callable[[Any], str]) -> "Command[Any]":
    """One attribute of the channels of a list, else of the scan list."""

    def put(device: Device, arguments: Arguments) -> None:
        device.idle()
        words, listed = take_list(arguments)
        if len(words) != 1:
            raise ScpiError(-109 if not words else -108)
        value = read(words[0])
        for setup in device.addressed(listed):
            setattr(setup, name, value)

    def ask(device: Device, arguments: Arguments) -> str:
        found = device.addressed(take_list(arguments)[1])
        return ",".join(show(getattr(setup, name)) for setup in found)

    return Command(spec, put, ask, (1, 2))


def _word(*keywords: str) -> Read:
    return lambda argument: choice(argument, keywords)


def _function(argument: Argument) -> str:
    if not argument.quoted:
        raise ScpiError(-104)
    for name, (spec, _) in FUNCTIONS.items():
        words = argument.text.upper().removesuffix(":DC")
        if matches(words, spec.removesuffix("[:DC]")):
            return name
    raise ScpiError(-224)


def _reference_ohm(argument: Argument) -> float:
    return number(argument, 49.0, 2100.0, {"DEFault": 100.0})


def set_delay(device: Device, arguments: Arguments) -> None:
    """`:ROUT:CHAN:DEL s[,(@list)]`, which ends the automatic delay."""
    device.idle()
    words, listed = take_list(arguments)
    if len(words) != 1:
        raise ScpiError(-109 if not words else -108)
    delay_s = number(words[0], 0.0, 60.0)
    for setup in device.addressed(listed):
        setup.delay_s, setup.delay_auto = delay_s, False


def set_delay_auto(device: Device, arguments: Arguments) -> None:
    """`:ROUT:CHAN:DEL:AUTO`."""
    device.idle()
    words, listed = take_list(arguments)
    if len(words) != 1:
        raise ScpiError(-109 if not words else -108)
    on = boolean(words[0])
    for setup in device.addressed(listed):
        setup.delay_auto = on
        setup.delay_s = 0.0 if on else setup.delay_s


def ask_delay(device: Device, arguments: Arguments) -> str:
    """`:ROUT:CHAN:DEL?`."""
    found = device.addressed(take_list(arguments)[1])
    return ",".join(real(setup.delay_s) for setup in found)


T = "[:SENSe[1]]:TEMPerature:TRANsducer"
CYCLES: Read = lambda argument: number(argument, 0.02, 200.0, {"DEFault": 1.0})  # noqa: E731
SETTING_COMMANDS: "list[Command[Any]]" = [
    setting("[:SENSe[1]]:FUNCtion", "function", _function, lambda value: f'"{value}"'),
    setting(":UNIT:TEMPerature", "unit", _word("C", "F", "K"), str),
    *(
        setting(f"[:SENSe[1]]:{spec}:NPLCycles", "nplc", CYCLES, real)
        for spec, _ in FUNCTIONS.values()
    ),
    setting(f"{T}:TYPE", "transducer", _word(*TRANSDUCERS), str),
    setting(f"{T}:TCouple:TYPE", "couple", _couple, str),
    setting(f"{T}:TCouple:CHECk", "check", boolean, flag),
    setting(f"{T}:TCouple:RJUNction:TYPE", "junction", _word("INTernal", "FIXed"), str),
    setting(
        f"{T}:TCouple:RJUNction[:FIXed]", "junction_degC", lambda a: number(a, -20.0, 80.0), real
    ),
    setting(f"{T}:THERmistor:TYPE", "thermistor", _thermistor, str),
    *(setting(f"{T}:{k}:TYPE", "resistor", _resistor, str) for k in ("RTD", "FRTD")),
    *(
        setting(f"{T}:{k}:RESistance[:REFerence]", "reference_ohm", _reference_ohm, real)
        for k in ("RTD", "FRTD")
    ),
    Command(":ROUTe:CHANnel:DELay", set_delay, ask_delay, (1, 2)),
    Command(
        ":ROUTe:CHANnel:DELay:AUTO",
        set_delay_auto,
        lambda d, a: ",".join(flag(s.delay_auto) for s in d.addressed(take_list(a)[1])),
        (1, 2),
    ),
]
