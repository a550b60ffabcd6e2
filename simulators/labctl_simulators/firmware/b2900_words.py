"""What a B2900's command tables share: channel suffixes and lists, replies, and inert settings."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from labctl_simulators.firmware.b2900_data import nr3
from labctl_simulators.firmware.b2900_device import Channel, DeviceB2900
from labctl_simulators.firmware.models import Quantity
from labctl_simulators.firmware.scpi import Arguments, Command, ScpiError, boolean, choice, number

R = TypeVar("R")
Device = DeviceB2900
Table = list[Command[Device]]
LONG: dict[Quantity, str] = {"VOLT": "VOLTage", "CURR": "CURRent"}
MANY = (1, 64)
_LIST = re.compile(r"\(@\s*[0-9]+\s*(?:[,:]\s*[0-9]+\s*)*\)")
_ROOTS = {"SOUR": "SOURce", "SENS": "SENSe", "OUTP": "OUTPut", "TRIG": "TRIGger", "ARM": "ARM"}
_ROOTS |= {"TRAC": "TRACe", "IDLE": "IDLE"}


@dataclass(frozen=True, slots=True)
class Of:
    """Makes commands of one channel; SOUR may be left out for the first."""

    number: int

    def root(self, name: str) -> str:
        """`:SENSe[1]` or `:SENSe2`; `[:SOURce[1]]` or `:SOURce2`."""
        if self.number != 1:
            return f":{_ROOTS[name]}{self.number}"
        return "[:SOURce[1]]" if name == "SOUR" else f":{_ROOTS[name]}[1]"

    def command(
        self,
        spec: str,
        put: Callable[[Channel, Arguments], None] | None = None,
        ask: Callable[[Channel, Arguments], str] | None = None,
        parameters: tuple[int, int] = (1, 1),
        query_parameters: tuple[int, int] = (0, 1),
    ) -> Command[Device]:
        """A command on this channel; the first word of `spec` is the root's short form."""
        number = self.number
        root, _, rest = spec.partition(" ")
        setter: Callable[[Device, Arguments], None] | None = None
        asker: Callable[[Device, Arguments], str] | None = None
        if put is not None:
            setter = _bound(put, number)
        if ask is not None:
            asker = _bound(ask, number)
        return Command(self.root(root) + rest, setter, asker, parameters, query_parameters)

    def word(
        self, spec: str, options: tuple[str, ...], default: str, most: float | None = None
    ) -> Command[Device]:
        """A setting without effect on cell or readings: a word, or a number up to `most`."""

        def put(channel: Channel, arguments: Arguments) -> None:
            words = channel.smu.extras.words
            if most is None:
                words[spec] = choice(arguments[0], options)
            else:
                words[spec] = nr3(number(arguments[0], 0, most))

        return self.command(spec, put, lambda c, _: c.smu.extras.words.get(spec, default))

    def switch(self, spec: str, default: bool) -> Command[Device]:
        """A switch without effect on cell or readings."""

        def put(channel: Channel, arguments: Arguments) -> None:
            channel.smu.extras.words[spec] = flag(boolean(arguments[0]))

        return self.command(spec, put, lambda c, _: c.smu.extras.words.get(spec, flag(default)))


def _bound(act: Callable[[Channel, Arguments], R], number: int) -> Callable[[Device, Arguments], R]:
    return lambda device, arguments: act(device.channels[number], arguments)


def flag(value: bool) -> str:
    """A boolean as SCPI sends it."""
    return "1" if value else "0"


def asked(arguments: Arguments, low: float, high: float, default: float, now: float) -> str:
    """The reply of a query that takes MIN, MAX and DEF."""
    if not arguments:
        return nr3(now)
    return nr3(number(arguments[0], low, high, {"DEFault": default}))


def channel_list(device: Device, arguments: Arguments, place: int = 0) -> list[int]:
    """The channels of `(@1)`, `(@1,2)`, `(@1:2)` in ascending order; the first without a list.

    Raises ScpiError -171 for what is no list, -222 for a channel that is not there.
    """
    if len(arguments) <= place:
        return [1]
    text = arguments[place].text
    if arguments[place].quoted or not _LIST.fullmatch(text):
        raise ScpiError(-171)
    found: set[int] = set()
    for piece in text[2:-1].split(","):
        ends = [min(int(word), 99) for word in piece.split(":")]
        found.update(range(min(ends), max(ends) + 1))
    if not found <= set(device.channels):
        raise ScpiError(-222)
    return sorted(found)
