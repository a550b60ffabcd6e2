"""What an ESPEC P300 does with each command.

Sources: instruments.md §8; of spellings and of the errors' meanings the maker's own library
(EspecNorthAmerica/ChamberConnectLibrary, p300.py and especinteract.py) [V].
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeVar

from labctl_simulators.firmware.k2450_buffer import CALENDAR

if TYPE_CHECKING:
    from labctl_simulators.firmware.espec import Espec

_TEMP = re.compile(r"([SHL])\s*([+-]?[0-9]{1,4}(?:\.[0-9]{1,3})?)")
_PROGRAM = re.compile(r"(?:RAM|ROM):([0-9]{1,3})")
_STEP = re.compile(r"STEP([0-9]{1,3})")
Mode = Literal["OFF", "STANDBY", "CONSTANT", "RUN"]
END_MODES: dict[str, Mode] = {
    "HOLD": "CONSTANT",
    "CONST": "CONSTANT",
    "OFF": "OFF",
    "STANDBY": "STANDBY",
}


class Refusal(Exception):
    """A command that the chamber answers with `NA:` and this reason."""


Words = list[str]
Word = TypeVar("Word", bound=str)
Query = Callable[["Espec", Words, float], str]
Order = Callable[["Espec", Words, float], None]


def _none(words: Words) -> None:
    if words:
        raise Refusal("PARA ERR")


def _one(words: Words, known: tuple[Word, ...]) -> Word:
    for word in known:
        if words == [word]:
            return word
    raise Refusal("PARA ERR")


# Queries


def temperature(chamber: "Espec", words: Words, now: float) -> str:
    """`TEMP?`: measured, set point, upper and lower limit, °C."""
    _none(words)
    shown = (
        chamber.measured_degC(now),
        chamber.aimed_degC(now),
        chamber.upper_degC,
        chamber.lower_degC,
    )
    return ",".join(f"{value:.1f}" for value in shown)


def monitor(chamber: "Espec", words: Words, now: float) -> str:
    """`MON?[,DETAIL]`: temperature, humidity (none), mode, number of alarms."""
    _detail(words)
    return f"{chamber.measured_degC(now):.1f},,{chamber.mode},{len(chamber.alarms)}"


def mode(chamber: "Espec", words: Words, _now: float) -> str:
    """`MODE?[,DETAIL]`."""
    _detail(words)
    return chamber.mode


def _detail(words: Words) -> None:
    if words:
        _one(words, ("DETAIL",))


def alarms(chamber: "Espec", words: Words, _now: float) -> str:
    """`ALARM?`: how many, and their codes."""
    _none(words)
    return ",".join(map(str, (len(chamber.alarms), *chamber.alarms)))


def humidity(_chamber: "Espec", _words: Words, _now: float) -> str:
    """`HUMI?`: this chamber has none."""
    raise Refusal("CONT NOT READY-1")


def rom(chamber: "Espec", words: Words, _now: float) -> str:
    """`ROM?[,DISP]`: the firmware's version."""
    if words:
        _one(words, ("DISP",))
    return chamber.version


def type_(chamber: "Espec", words: Words, _now: float) -> str:
    """`TYPE?`: dry-bulb sensor, controller, highest temperature."""
    _none(words)
    return f"T,{chamber.model},{chamber.top_degC:.1f}"


def key_protect(chamber: "Espec", words: Words, _now: float) -> str:
    """`KEYPROTECT?`."""
    _none(words)
    return "ON" if chamber.keys_locked else "OFF"


def date(_chamber: "Espec", words: Words, now: float) -> str:
    """`DATE?`."""
    _none(words)
    return f"{CALENDAR + timedelta(seconds=now):%y.%m/%d}"


def time(_chamber: "Espec", words: Words, now: float) -> str:
    """`TIME?`."""
    _none(words)
    return f"{CALENDAR + timedelta(seconds=now):%H:%M:%S}"


def constant(chamber: "Espec", words: Words, _now: float) -> str:
    """`CONSTANT SET?,TEMP`: the set point of the constant mode."""
    _one(words, ("TEMP",))
    return f"{chamber.set_degC:.1f},ON"


def program(chamber: "Espec", words: Words, now: float) -> str:
    """`PRGM MON?`: program, step, set point, time left in the step."""
    _none(words)
    if chamber.mode != "RUN":
        raise Refusal("CONT NOT READY-2")
    left_s = max(0.0, chamber.step_ends_s(now) - now)
    left = f"{int(left_s // 3600)}:{int(left_s % 3600 // 60):02d}"
    return f"RAM:{chamber.running},{chamber.step(now)},{chamber.aimed_degC(now):.1f},{left},0"


QUERIES: dict[str, Query] = {
    "TEMP?": temperature,
    "MON?": monitor,
    "MODE?": mode,
    "ALARM?": alarms,
    "HUMI?": humidity,
    "ROM?": rom,
    "TYPE?": type_,
    "KEYPROTECT?": key_protect,
    "DATE?": date,
    "TIME?": time,
    "CONSTANT SET?": constant,
    "PRGM MON?": program,
}


# Orders


def set_temperature(chamber: "Espec", words: Words, now: float) -> None:
    """`TEMP,S25.0`, `TEMP,H150.0`, `TEMP,L-40.0`, or several with spaces between."""
    text = " ".join(words)
    given = {found[1]: float(found[2]) for found in _TEMP.finditer(text)}
    if not given or _TEMP.sub("", text).strip():
        raise Refusal("PARA ERR")
    upper = given.get("H", chamber.upper_degC)
    lower = given.get("L", chamber.lower_degC)
    wanted = given.get("S", chamber.set_degC)
    if not chamber.bottom_degC <= lower <= wanted <= upper <= chamber.top_degC:
        raise Refusal("DATA OUT OF RANGE")
    chamber.upper_degC, chamber.lower_degC = round(upper, 1), round(lower, 1)
    chamber.set_degC = round(wanted, 1)
    chamber.follow(now)


def set_mode(chamber: "Espec", words: Words, now: float) -> None:
    """`MODE,OFF`, `MODE,STANDBY`, `MODE,CONSTANT`, `MODE,RUN1`."""
    if len(words) == 1 and re.fullmatch(r"RUN[0-9]{1,3}", words[0]):
        chamber.run(int(words[0][3:]), 1, now)
        return
    modes: tuple[Mode, ...] = ("OFF", "STANDBY", "CONSTANT")
    chamber.turn(_one(words, modes), now)


def set_power(chamber: "Espec", words: Words, now: float) -> None:
    """`POWER,ON` begins constant operation, `POWER,OFF` ends it."""
    on = _one(words, ("ON", "OFF")) == "ON"
    chamber.turn("CONSTANT" if on else "OFF", now, powers=True)


def set_humidity(_chamber: "Espec", _words: Words, _now: float) -> None:
    """`HUMI,…`: this chamber has none."""
    raise Refusal("CONT NOT READY-1")


def set_key_protect(chamber: "Espec", words: Words, _now: float) -> None:
    """`KEYPROTECT,ON`."""
    locked = _one(words, ("ON", "OFF")) == "ON"
    if chamber.mode == "OFF":
        raise Refusal("CONT NOT READY-4")
    chamber.keys_locked = locked


def set_program(chamber: "Espec", words: Words, now: float) -> None:
    """`PRGM,RUN,RAM:1,STEP1`, `PRGM,END,STANDBY`."""
    if words[:1] == ["RUN"]:
        number = _PROGRAM.fullmatch(words[1]) if len(words) == 3 else None
        step = _STEP.fullmatch(words[2]) if len(words) == 3 else None
        if number is None or step is None:
            raise Refusal("PARA ERR")
        chamber.run(int(number[1]), int(step[1]), now)
        return
    known = words[:1] in (["END"], ["PAUSE"], ["CONTINUE"], ["ADVANCE"])
    if not known:
        raise Refusal("PARA ERR")
    if chamber.mode != "RUN":
        raise Refusal("CONT NOT READY-2")
    if words[0] != "END":
        raise Refusal("INVALID REQ")
    ending = _one(words[1:] or ["STANDBY"], tuple(END_MODES))
    if ending == "HOLD":
        chamber.set_degC = round(chamber.aimed_degC(now), 1)
    chamber.turn(END_MODES[ending], now)


ORDERS: dict[str, Order] = {
    "TEMP": set_temperature,
    "MODE": set_mode,
    "POWER": set_power,
    "HUMI": set_humidity,
    "KEYPROTECT": set_key_protect,
    "PRGM": set_program,
}


def answer(chamber: "Espec", line: str, now: float) -> str:
    """The reply to a command. Raises Refusal."""
    head, *rest = (word.strip() for word in line.upper().split(","))
    query = QUERIES.get(head)
    if query is not None:
        return query(chamber, rest, now)
    order = ORDERS.get(head)
    if order is None:
        raise Refusal("CMD ERR")
    if not rest:
        raise Refusal("PARA ERR")
    if chamber.protected:
        raise Refusal("PROTECT ON")
    order(chamber, rest, now)
    return f"OK:{line}"
