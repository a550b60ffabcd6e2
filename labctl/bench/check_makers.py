"""What the makers of drivers refuse, at its place in the bench file; nothing is opened for that."""

from collections.abc import Iterator
from typing import Any

from labctl.bench.model import Bench, Instrument
from labctl.bench.settings import is_auxiliary, load_driver
from labctl_drivers.link.resource import make_transport
from labctl_protocols.plan import Where
from labctl_protocols.problems import Problems
from labctl_protocols.yaml12 import Mapping

NEVER_OPENED = "TCPIP::localhost::1::SOCKET"


def check_makers(bench: Bench, top: Mapping, problems: Problems) -> None:
    """Note the settings and the channel numbers that their driver does not take."""
    for instrument, number, at, where in _made(bench, top):
        text = _refusal(instrument, number)
        if text is None:
            continue
        said = None if at is None else next((e for e in at.entries if e.key.text in text), None)
        problems.add("refused", where if said is None else said.value.where, text)


def _made(bench: Bench, top: Mapping) -> Iterator[tuple[Instrument, int, Mapping | None, Where]]:
    """Every channel and auxiliary: its instrument and where that stands, its number and where."""
    instruments = _mapping(top, "instruments")
    for group, wired in (("channels", bench.channels), ("auxiliaries", bench.auxiliaries)):
        entries = _mapping(top, group)
        for each in wired.values():
            instrument, own = bench.instruments.get(each.instrument), _mapping(entries, each.name)
            if instrument is not None and own is not None:
                number = own.get("channel")
                where = own.where if number is None else number.value.where
                yield instrument, each.channel, _mapping(instruments, instrument.name), where


def _mapping(inside: Mapping | None, key: str) -> Mapping | None:
    entry = None if inside is None else inside.get(key)
    return entry.value if entry is not None and isinstance(entry.value, Mapping) else None


def _refusal(instrument: Instrument, number: int) -> str | None:
    """Why its driver cannot be made for this channel; None where it can, or is not there."""
    from labctl_drivers.link import Link

    named: dict[str, Any] = {"channel": number}
    try:
        driver = load_driver(instrument.driver)
        if is_auxiliary(instrument.driver):
            named = {"channels": [number]}
        settings = instrument.driver_settings
        driver(Link(make_transport(NEVER_OPENED)), serial=instrument.serial, **named, **settings)
    except ImportError:
        return None
    except ValueError as error:
        return str(error)
    return None
