"""One entry under `instruments`: driver, address and simulated twin."""

import re
from collections.abc import Collection, Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Literal

from labctl.bench.model import DEFAULT_PORT, IN_MEMORY, Instrument, Simulate
from labctl.bench.values import read_integer, read_number
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
from labctl_protocols.problems import Problems
from labctl_protocols.yaml12 import Entry, Scalar
from labctl_simulators.cells.names import split_model

KEYS = ("driver", "serial", "resource", "simulate")
SIMULATE_KEYS = ("model", "cell", "serve", "port", "parameters", "seed")

Options = Mapping[str, Collection[str]]
RESOURCES: Mapping[str, str] = {
    "TCPIP::192.168.1.20::5025::SOCKET": r"TCPIP[0-9]*::[^:\s]+::[0-9]{1,5}::SOCKET",
    "TCPIP::192.168.1.20::INSTR": r"TCPIP[0-9]*::[^:\s]+(::[^:\s]+)?::INSTR",
    "USB0::0x05E6::0x2450::04488850::INSTR": r"USB[0-9]*(::[^:\s]+){3}(::[0-9]+)?::INSTR",
    "GPIB0::24::INSTR": r"GPIB[0-9]*::[0-9]{1,2}(::[0-9]{1,2})?::INSTR",
    "ASRL/dev/ttyUSB0::INSTR": r"ASRL[^:\s]+::INSTR",
}
"""Each form of address that a link understands, by an example."""


def parse_instrument(entry: Entry, taken: dict[str, str], problems: Problems) -> Instrument | None:
    """An instrument; `taken` gathers the addresses in use. None where nothing can be made of it."""
    name = entry.key.text
    mapping = as_mapping(entry.value, f"instrument `{name}`", problems)
    if mapping is None:
        return None
    require(mapping, ("driver", "resource"), problems)
    driver, options = _driver(mapping.get("driver"), problems)
    refuse_unknown(mapping.entries, (*KEYS, *options), problems)
    resource = _resource(mapping.get("resource"), name, taken, problems)
    serial = mapping.get("serial")
    simulate = mapping.get("simulate")
    return Instrument(
        name=name,
        driver=driver,
        resource=resource,
        serial=None if serial is None else as_text(serial.value, "`serial`", problems),
        simulate=None if simulate is None else _simulate(simulate, problems),
        options=_options(mapping, options, problems),
    )


def _driver(entry: Entry | None, problems: Problems) -> tuple[str, Options]:
    scalar = None if entry is None else as_scalar(entry.value, "`driver`", problems)
    if scalar is None:
        return "", {}
    known = names_of("labctl.drivers")
    if scalar.text not in known:
        hint = meant(scalar.text, known) or "`labctl drivers` lists them: " + ", ".join(known)
        problems.add("driver", scalar.where, f"there is no driver `{scalar.text}`", hint)
        return scalar.text, {}
    try:
        return scalar.text, driver_options(scalar.text)
    except ImportError as error:
        message = f"the driver `{scalar.text}` cannot be loaded: {error}"
        problems.add("driver-broken", scalar.where, message)
        return scalar.text, {}


@cache
def names_of(group: str) -> tuple[str, ...]:
    """The names of the entry points in a group, whoever installed them."""
    return tuple(sorted({found.name for found in entry_points(group=group)}))


@cache
def driver_options(driver: str) -> Options:
    """The settings that a driver takes from the bench, each with its choices (none: any text)."""
    for found in entry_points(group="labctl.drivers", name=driver):
        options: Options = getattr(found.load(), "OPTIONS", {})
        return options
    return {}


def _options(mapping: yaml12.Mapping, known: Options, problems: Problems) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in mapping.entries:
        name = entry.key.text
        if name in KEYS or name not in known:
            continue
        choices = known[name]
        text = (
            as_choice(entry.value, f"`{name}`", choices, problems)
            if choices
            else as_text(entry.value, f"`{name}`", problems)
        )
        if text is not None:
            found[name] = text
    return found


def _resource(entry: Entry | None, name: str, taken: dict[str, str], problems: Problems) -> str:
    scalar = None if entry is None else as_scalar(entry.value, "`resource`", problems)
    if scalar is None or scalar.text == IN_MEMORY:
        return IN_MEMORY
    if not any(re.fullmatch(form, scalar.text, re.IGNORECASE) for form in RESOURCES.values()):
        problems.add(
            "resource",
            scalar.where,
            f"`{scalar.text}` is no address of an instrument",
            f"`{IN_MEMORY}`, or like " + ", ".join(RESOURCES),
        )
    _refuse_port(scalar, problems)
    address = scalar.text.upper() if not scalar.text.upper().startswith("ASRL") else scalar.text
    if address in taken:
        other = taken[address]
        problems.add(
            "same-resource", scalar.where, f"instrument `{other}` has this address as well"
        )
    taken[address] = name
    return scalar.text


def _refuse_port(scalar: Scalar, problems: Problems) -> None:
    found = re.fullmatch(r"TCPIP[0-9]*::[^:]+::([0-9]+)::SOCKET", scalar.text, re.IGNORECASE)
    if found and not 1 <= int(found[1]) <= 65535:
        problems.add("resource-port", scalar.at(found.start(1)), f"there is no port {found[1]}")


def _simulate(entry: Entry, problems: Problems) -> Simulate | None:
    mapping = as_mapping(entry.value, "`simulate`", problems)
    if mapping is None:
        return None
    refuse_unknown(mapping.entries, SIMULATE_KEYS, problems)
    serve = _serve(mapping.get("serve"), problems)
    port_entry = mapping.get("port")
    port = read_integer(port_entry, "port", (0, 65535), problems, "port")
    if port_entry is not None and serve != "tcp":
        problems.add(
            "port-of-pty",
            port_entry.key.where,
            "a pseudo-terminal has no port",
            "leave `port` out, or `serve: tcp`",
        )
    cell = mapping.get("cell")
    return Simulate(
        model=_model(mapping.get("model"), problems),
        cell=None if cell is None else as_text(cell.value, "`cell`", problems),
        serve=serve,
        port=DEFAULT_PORT if port is None else port,
        parameters=_parameters(mapping.get("parameters"), problems),
        seed=read_integer(mapping.get("seed"), "seed", (0, 2**32 - 1), problems, "seed"),
    )


def _serve(entry: Entry | None, problems: Problems) -> Literal["tcp", "pty"]:
    if entry is None:
        return "tcp"
    choice = as_choice(entry.value, "`serve`", ("tcp", "pty"), problems)
    return "pty" if choice == "pty" else "tcp"


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
