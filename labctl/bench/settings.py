"""Settings of drivers, links and simulators in a bench file, as their makers' signatures say."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from labctl.bench.values import read_number
from labctl_drivers.link.resource import make_transport
from labctl_protocols.fields import as_choice, as_text
from labctl_protocols.problems import Problems
from labctl_protocols.yaml12 import Entry

Setting = Literal["bool", "whole", "number", "text"] | tuple[str, ...]
"""What a setting may be; a tuple names its choices."""
Value = str | float | int | bool

NOT_SETTINGS = frozenset({"channel", "serial", "speed", "seed", "now"})
"""Keyword arguments that the bench gives by other means."""
KINDS: Mapping[object, Setting] = {bool: "bool", int: "whole", float: "number", str: "text"}


@cache
def load_driver(name: str) -> Any:  # noqa: ANN401 - a class of somebody else's
    """The driver's class. Raises ImportError when it is not installed or cannot be imported."""
    for found in entry_points(group="labctl.drivers", name=name):
        return found.load()
    raise ImportError(f"there is no driver {name!r}")


@cache
def is_auxiliary(name: str) -> bool:
    """Whether a driver of this name is of an auxiliary: what holds no cell. Raises ImportError."""
    return getattr(load_driver(name), "PORT", "channel") == "auxiliary"


@cache
def driver_settings(name: str) -> Mapping[str, Setting]:
    """The settings of a driver of this name. Raises ImportError."""
    return settings_of(load_driver(name))


@cache
def load_simulator(name: str) -> Any:  # noqa: ANN401 - whatever a plug-in offers
    """The simulator of a driver's instrument. Raises ImportError as `load_driver`."""
    for found in entry_points(group="labctl.simulators", name=name):
        return found.load()
    raise ImportError(f"there is no simulator for the driver {name!r}")


@cache
def simulator_settings(name: str) -> Mapping[str, Setting]:
    """The settings of the simulator of a driver's instrument. Raises ImportError."""
    return settings_of(load_simulator(name))


@cache
def link_settings() -> Mapping[str, Setting]:
    """The settings of links: baud rate and the like."""
    return settings_of(make_transport)


def settings_of(maker: Callable[..., Any]) -> dict[str, Setting]:
    """Every keyword-only argument of a maker that a bench file can express."""
    made_by = getattr(maker, "__init__", maker) if inspect.isclass(maker) else maker
    hints = get_type_hints(made_by)
    found: dict[str, Setting] = {}
    for name, parameter in inspect.signature(made_by).parameters.items():
        hint = _given(hints.get(name))
        if parameter.kind is not parameter.KEYWORD_ONLY or name in NOT_SETTINGS:
            continue
        if get_origin(hint) is Literal and all(isinstance(each, str) for each in get_args(hint)):
            found[name] = get_args(hint)
        elif hint in KINDS:
            found[name] = KINDS[hint]
    return found


def defaults_of(maker: Callable[..., Any]) -> dict[str, Value]:
    """What settings are where a bench does not say it; without those that are then nothing."""
    made_by = getattr(maker, "__init__", maker) if inspect.isclass(maker) else maker
    parameters = inspect.signature(made_by).parameters
    found = {name: parameters[name].default for name in settings_of(maker)}
    return {name: value for name, value in found.items() if isinstance(value, Value)}


def _given(hint: object) -> object:
    """What an optional argument is when it is given."""
    kinds = [each for each in get_args(hint) if each is not NoneType]
    return kinds[0] if len(kinds) == 1 and NoneType in get_args(hint) else hint


def read_setting(entry: Entry, setting: Setting, problems: Problems) -> Value | None:
    """A setting's value; None with a problem noted."""
    name = f"`{entry.key.text}`"
    if isinstance(setting, tuple):
        return as_choice(entry.value, name, setting, problems)
    if setting == "text":
        return as_text(entry.value, name, problems)
    if setting == "bool":
        word = as_choice(entry.value, name, ("true", "false"), problems)
        return None if word is None else word == "true"
    value = read_number(entry.value, entry.key.text, problems, "number")
    if value is None or setting == "number":
        return value
    if value != int(value):
        problems.add("number", entry.value.where, f"{name} is no whole number")
        return None
    return int(value)
