"""One entry under `instruments`: driver, address and simulated twin."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import get_args

from labctl.bench.model import IN_MEMORY, Instrument, Serve, Simulate
from labctl.bench.parse_faults import parse_faults
from labctl.bench.settings import (
    Setting,
    Value,
    driver_settings,
    is_auxiliary,
    link_settings,
    read_setting,
    simulator_settings,
)
from labctl.bench.values import read_integer, read_number
from labctl_drivers.link.resource import make_transport
from labctl_protocols import yaml12
from labctl_protocols.fields import (
    as_choice,
    as_mapping,
    as_scalar,
    as_text,
    meant,
    refuse_unknown,
    require,
)
from labctl_protocols.plan import MAIN
from labctl_protocols.problems import Problems
from labctl_protocols.yaml12 import Entry
from labctl_simulators.cells.names import split_model

KEYS = ("driver", "serial", "resource", "simulate")
PORT_KEYS = ("port", "bin_port")
SIMULATE_KEYS = (
    "model",
    "cell",
    "serve",
    *PORT_KEYS,
    "parameters",
    "instrument",
    "seed",
    "terminal",
    "shares",
    "faults",
)
OF_CELLS = ("model", "cell", "terminal", "shares")
CELL_KEYS = ("model", "cell", "parameters", "seed")
TERMINALS = ("main", "supply")


def parse_instrument(entry: Entry, taken: dict[str, str], problems: Problems) -> Instrument | None:
    """An instrument; `taken` gathers the addresses in use. None where nothing can be made of it."""
    name = entry.key.text
    mapping = as_mapping(entry.value, f"instrument `{name}`", problems)
    if mapping is None:
        return None
    require(mapping, ("driver", "resource"), problems)
    driver, settings = _driver(mapping.get("driver"), problems)
    refuse_unknown(mapping.entries, (*KEYS, *settings, *link_settings()), problems)
    resource = _resource(mapping.get("resource"), name, taken, problems)
    serial = mapping.get("serial")
    simulate = mapping.get("simulate")
    if simulate is not None and driver in names_of("labctl.drivers"):
        _refuse_cell(simulate, driver, problems)
    return Instrument(
        name=name,
        driver=driver,
        resource=resource,
        serial=None if serial is None else as_text(serial.value, "`serial`", problems),
        simulate=None if simulate is None else _simulate(simulate, driver, problems),
        driver_settings=_settings(mapping, settings, problems),
        link_settings=_settings(mapping, link_settings(), problems),
    )


def _refuse_cell(simulate: Entry, driver: str, problems: Problems) -> None:
    """Note what only an instrument that holds a cell can be told of its twin."""
    mapping = simulate.value
    if not isinstance(mapping, yaml12.Mapping) or not _is_auxiliary(driver):
        return
    for entry in mapping.entries:
        if entry.key.text in OF_CELLS:
            message = f"`{entry.key.text}` is about a cell, and a {driver} holds none"
            problems.add("cell-of-auxiliary", entry.key.where, message)


def _is_auxiliary(driver: str) -> bool:
    try:
        return is_auxiliary(driver)
    except ImportError:
        return False


def _driver(entry: Entry | None, problems: Problems) -> tuple[str, Mapping[str, Setting]]:
    scalar = None if entry is None else as_scalar(entry.value, "`driver`", problems)
    if scalar is None:
        return "", {}
    known = names_of("labctl.drivers")
    if scalar.text not in known:
        hint = meant(scalar.text, known) or "`labctl drivers` lists them: " + ", ".join(known)
        problems.add("driver", scalar.where, f"there is no driver `{scalar.text}`", hint)
        return scalar.text, {}
    try:
        return scalar.text, driver_settings(scalar.text)
    except ImportError as error:
        message = f"the driver `{scalar.text}` cannot be loaded: {error}"
        problems.add("driver-broken", scalar.where, message)
        return scalar.text, {}


@cache
def names_of(group: str) -> tuple[str, ...]:
    """The names of the entry points in a group, whoever installed them."""
    return tuple(sorted({found.name for found in entry_points(group=group)}))


def _settings(
    mapping: yaml12.Mapping, known: Mapping[str, Setting], problems: Problems
) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for entry in mapping.entries:
        name = entry.key.text
        value = read_setting(entry, known[name], problems) if name in known else None
        if value is not None:
            found[name] = value
    return found


def _resource(entry: Entry | None, name: str, taken: dict[str, str], problems: Problems) -> str:
    scalar = None if entry is None else as_scalar(entry.value, "`resource`", problems)
    if scalar is None or scalar.text == IN_MEMORY:
        return IN_MEMORY
    try:
        make_transport(scalar.text)
    except ValueError as error:
        hint = f"or `{IN_MEMORY}` for one in memory"
        problems.add("resource", scalar.where, str(error), hint)
    is_path = scalar.text.upper().startswith("ASRL")
    address = scalar.text if is_path else scalar.text.upper()
    if address in taken:
        message = f"instrument `{taken[address]}` has this address as well"
        problems.add("same-resource", scalar.where, message)
    taken[address] = name
    return scalar.text


def _simulate(entry: Entry, driver: str, problems: Problems) -> Simulate | None:
    mapping = as_mapping(entry.value, "`simulate`", problems)
    if mapping is None:
        return None
    refuse_unknown(mapping.entries, SIMULATE_KEYS, problems)
    serve = _serve(mapping.get("serve"), problems)
    ports = [_port(key, mapping.get(key), serve, problems) for key in PORT_KEYS]
    cell, terminal, shares = (mapping.get(key) for key in ("cell", "terminal", "shares"))
    parameters = _parameters(mapping.get("parameters"), problems)
    return Simulate(
        model=_model(mapping.get("model"), problems),
        cell=None if cell is None else as_text(cell.value, "`cell`", problems),
        serve=serve,
        port=ports[0],
        parameters=parameters,
        seed=read_integer(mapping.get("seed"), "seed", (0, 2**32 - 1), problems, "seed"),
        terminal=_terminal(terminal, problems),
        shares=None if shares is None else as_text(shares.value, "`shares`", problems),
        bin_port=ports[1],
        faults=parse_faults(mapping.get("faults"), problems),
        instrument=_options(mapping.get("instrument"), driver, parameters, problems),
    )


def _options(
    entry: Entry | None, driver: str, parameters: Mapping[str, float], problems: Problems
) -> dict[str, Value]:
    """The simulator's own options, each said once: those of the flaws may be parameters too."""
    mapping = None if entry is None else as_mapping(entry.value, "`instrument`", problems)
    if entry is None or mapping is None or driver not in names_of("labctl.drivers"):
        return {}
    try:
        known = simulator_settings(driver)
    except ImportError as error:
        problems.add("simulator", entry.key.where, f"{driver} cannot be simulated: {error}")
        return {}
    refuse_unknown(mapping.entries, known, problems)
    for each in mapping.entries:
        if each.key.text in parameters:
            message = f"`{each.key.text}` stands in `parameters` as well"
            problems.add("said-twice", each.key.where, message, "leave one of them out")
    return _settings(mapping, known, problems)


def _port(name: str, entry: Entry | None, serve: str, problems: Problems) -> int | None:
    if entry is not None and serve == "pty":
        problems.add(
            "port-of-pty",
            entry.key.where,
            "a pseudo-terminal has no port",
            f"leave `{name}` out, or `serve: tcp`",
        )
    return read_integer(entry, name, (0, 65535), problems, "port")


def parse_cell(entry: Entry, problems: Problems) -> Simulate | None:
    """A channel's `simulate`: which simulated cell is there."""
    mapping = as_mapping(entry.value, "`simulate`", problems)
    if mapping is None:
        return None
    refuse_unknown(mapping.entries, CELL_KEYS, problems)
    cell = mapping.get("cell")
    return Simulate(
        model=_model(mapping.get("model"), problems),
        cell=None if cell is None else as_text(cell.value, "`cell`", problems),
        parameters=_parameters(mapping.get("parameters"), problems),
        seed=read_integer(mapping.get("seed"), "seed", (0, 2**32 - 1), problems, "seed"),
    )


def _terminal(entry: Entry | None, problems: Problems) -> str:
    if entry is None:
        return MAIN
    return as_choice(entry.value, "`terminal`", TERMINALS, problems) or MAIN


def _serve(entry: Entry | None, problems: Problems) -> Serve:
    if entry is None:
        return "tcp"
    choice = as_choice(entry.value, "`serve`", get_args(Serve), problems)
    return next((way for way in get_args(Serve) if way == choice), "tcp")


def _model(entry: Entry | None, problems: Problems) -> str | None:
    scalar = None if entry is None else as_scalar(entry.value, "`model`", problems)
    if scalar is None:
        return None
    known = names_of("labctl.cells")
    if split_model(scalar.text)[1] not in known:
        hint = meant(scalar.text, known) or "`na-half`, or one of " + ", ".join(known)
        problems.add("model", scalar.where, f"there is no cell model `{scalar.text}`", hint)
    return scalar.text


def _parameters(entry: Entry | None, problems: Problems) -> dict[str, float]:
    mapping = None if entry is None else as_mapping(entry.value, "`parameters`", problems)
    found: dict[str, float] = {}
    for each in () if mapping is None else mapping.entries:
        value = read_number(each.value, each.key.text, problems, "number")
        if value is not None:
            found[each.key.text] = value
    return found
