"""What is connected to this PC: VISA resources and serial ports, and who answers there.

Nothing is sent but questions that change no setting; opening a serial port sets its control lines.
"""

import asyncio
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from typing import Any

from labctl_drivers.errors import LinkError, LinkLost, LinkTimeout
from labctl_drivers.hello import IDN, Hello
from labctl_drivers.link import Link, make_transport
from labctl_drivers.vocabulary import Identity

ANSWER_S = 1.0
PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Address:
    """Where something may be; `what` is what the system says of it."""

    resource: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """An address, who answers there, and the drivers for that; without identity `why` says why."""

    address: Address
    identity: Identity | None = None
    drivers: tuple[str, ...] = ()
    why: str = ""

    def document(self) -> dict[str, object]:
        """As plain JSON."""
        return {
            "resource": self.address.resource,
            "what": self.address.what,
            "identity": None if self.identity is None else asdict(self.identity),
            "drivers": list(self.drivers),
            "why": self.why,
        }


def addresses() -> tuple[list[Address], list[str]]:
    """Everything that VISA and the system list, and what could not be listed."""
    found: dict[str, Address] = {}
    problems: list[str] = []
    for list_them in (_serial_ports, _visa_resources):
        try:
            for address in list_them():
                found.setdefault(address.resource, address)
        except Exception as error:  # a vendor's library may raise anything
            problems.append(f"{type(error).__name__}: {error}")
    return list(found.values()), problems


def _serial_ports() -> list[Address]:
    from serial.tools.list_ports import comports

    return [Address(f"ASRL{port.device}::INSTR", port.description) for port in sorted(comports())]


def _visa_resources() -> list[Address]:
    import pyvisa

    with warnings.catch_warnings():
        # pyvisa-py tells so of every package that it could use and has not
        warnings.simplefilter("ignore")
        listed = pyvisa.ResourceManager().list_resources("?*")
    # serial ports are listed by the system, with their descriptions; the rest are no instruments
    return [
        Address(each, "VISA")
        for each in listed
        if not each.upper().startswith("ASRL") and _is_address(each)
    ]


def _is_address(resource: str) -> bool:
    try:
        make_transport(resource)
    except ValueError:
        return False
    return True


async def identify_all(found: Sequence[Address], ask: bool = True) -> list[Found]:
    """Ask at every address, all at once. Never raises for what does not answer."""
    if not ask:
        return [Found(address, why="not asked") for address in found]
    return list(await asyncio.gather(*(_identify(address) for address in found)))


async def _identify(address: Address) -> Found:
    why = "does not answer"
    for hello in questions(address.resource):
        if hello is not IDN:
            # an instrument that did not understand may be deaf for a moment
            await asyncio.sleep(PAUSE_S)
        try:
            identity = await _asked(address.resource, hello)
        except (LinkError, ValueError) as error:
            why = str(error)
            if isinstance(error, LinkLost):
                break
            continue
        return Found(address, identity, drivers_for(identity))
    return Found(address, why=why)


def questions(resource: str) -> list[Hello]:
    """What is asked at a resource until somebody has said who is there."""
    if resource.upper().startswith("ASRL"):
        return [IDN, *(hello for hello in hellos() if hello.serial)]
    return [IDN, *hellos()] if resource.upper().endswith("::SOCKET") else [IDN]


async def _asked(resource: str, hello: Hello) -> Identity:
    settings: Mapping[str, Any] = hello.settings
    link = Link(make_transport(resource, **settings))
    try:
        async with asyncio.timeout(5 * ANSWER_S):
            await link.open()
            try:
                reply = await link.query(hello.line, ANSWER_S)
            except LinkLost as error:
                raise LinkTimeout("does not answer") from error
            return hello.identity(reply)
    except TimeoutError as error:
        raise LinkTimeout("does not answer") from error
    finally:
        await link.close()


def hellos() -> list[Hello]:
    """The questions of drivers whose instruments do not know `*IDN?`, each once."""
    found = [getattr(driver, "HELLO", None) for driver in _drivers().values()]
    return list({hello.line: hello for hello in found if isinstance(hello, Hello)}.values())


def drivers_for(identity: Identity) -> tuple[str, ...]:
    """The drivers that know a model of this name."""
    return tuple(
        name
        for name, driver in _drivers().items()
        if identity.model in getattr(driver, "MODELS", ())
    )


def _drivers() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in sorted(entry_points(group="labctl.drivers"), key=lambda each: each.name):
        try:
            found[entry.name] = entry.load()
        except Exception:
            # `labctl drivers` says which plug-in cannot be loaded, and why
            continue
    return found
