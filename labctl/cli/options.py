"""Options that several commands take, and how their texts are read."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from labctl.cli.exits import Refused

DEFAULT_DATA = Path("data")

DataOption = Annotated[
    Path, Parameter(name="--data", env_var="LABCTL_DATA", help="Folder that holds the runs.")
]
RunName = Annotated[
    str, Parameter(help="A run's id, an unambiguous beginning of one, or its folder.")
]
JsonOption = Annotated[
    bool, Parameter(name="--json", negative="", help="One JSON document on standard output.")
]
MqttOption = Annotated[str | None, Parameter(name="--mqtt", help="Broker, as mqtt://host:1883.")]
SpeedOption = Annotated[
    str | None,
    Parameter(name="--speed", help="Of a simulated bench: `real`, `60x` or `max`."),
]
Pairs = Annotated[list[str] | None, Parameter(negative="")]


def named_values(pairs: Sequence[str] | None, option: str) -> dict[str, str]:
    """`name=value` texts as a mapping; the value is kept as it was written."""
    values: dict[str, str] = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name or not value:
            raise Refused(f"{option} {pair}: write {option} name=value")
        if name in values:
            raise Refused(f"{option} {name} is given twice")
        values[name] = value
    return values


def named_numbers(pairs: Sequence[str] | None, option: str) -> dict[str, float]:
    """`name=value` texts whose values are finite numbers without a unit."""
    numbers: dict[str, float] = {}
    for name, text in named_values(pairs, option).items():
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise Refused(f"{option} {name}={text}: a plain number is wanted")
        numbers[name] = value
    return numbers


def channels_by_role(texts: Sequence[str] | None) -> dict[str, str]:
    """`[role=]CH` texts, also several with commas, as role → channel; the role `main` if none."""
    channels: dict[str, str] = {}
    for text in (part for each in texts or () for part in each.split(",")):
        role, equals, channel = text.strip().partition("=")
        if not equals:
            role, channel = "main", role
        if not role or not channel:
            raise Refused(f"--channel {text}: write --channel CH or --channel role=CH")
        if role in channels:
            raise Refused(f"--channel gives the role {role} twice")
        if channel in channels.values():
            raise Refused(f"--channel gives {channel} two roles")
        channels[role] = channel
    return channels


def read_speed(text: str | None) -> "float | str | None":
    """`real`, `max`, or a multiple of real time as `60x`."""
    if text is None or text == "max":
        return text
    if text == "real":
        return 1.0
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = math.nan
    if not (math.isfinite(speed) and speed > 0):
        raise Refused(f"--speed {text}: write real, max, or a multiple such as 60x")
    return speed
