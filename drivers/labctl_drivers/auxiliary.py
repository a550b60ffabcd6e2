"""The port of what stands beside the cells: scanners of temperatures, chambers that can be set.

No auxiliary touches a cell: it has no output and nothing to make safe. A chamber stays as it is
when a run ends, whichever way that is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from labctl_drivers.channel import Maturity
from labctl_drivers.errors import InvalidReading
from labctl_drivers.vocabulary import Identity

ZERO_CELSIUS_K = 273.15
SLOWEST_S = 10.0
"""Every auxiliary is read at least so often: what is older decides nothing for long."""

Port = Literal["auxiliary"]
"""How an auxiliary's class says that it is none of a cell's channels: `PORT: Port`."""


@dataclass(frozen=True, slots=True)
class Temperature:
    """A temperature that was measured; times as a `Reading`'s."""

    time_s: float
    temperature_K: float
    time_error_s: float = 0.0


Scanned = Mapping[int, Temperature | InvalidReading]
"""By channel: what was measured, or why that is nothing (open thermocouple, overflow)."""


class Auxiliary(Protocol):
    """An instrument beside the cells, with the channels that the bench names; one caller at a time.

    `every_s` is how often it is to be read, s. Only where `SETTABLE` can a temperature be set.
    """

    MATURITY: Maturity
    PORT: Port
    SETTABLE: bool
    every_s: float

    async def open(self) -> Identity:
        """Connect (again), identify, refuse a wrong instrument, say what its channels measure.

        Never resets, starts or stops anything. Raises WrongInstrument, InstrumentRefused and the
        link's errors.
        """

    async def read(self) -> Scanned:
        """All channels in one go. Raises BadReply, InstrumentRefused and the link's errors."""

    async def set_temperature(self, channel: int, temperature_K: float) -> float:
        """Set a temperature, and give the one that was read back, K.

        Raises OutOfRange before anything was sent, InstrumentRefused for what it will not do or
        reads back otherwise, and the link's errors.
        """

    async def close(self) -> None:
        """Give the link back. Leaves everything as it is."""


def checked_period(every_s: float) -> float:
    """How often an auxiliary is read, s. Raises ValueError."""
    if not 0.5 <= every_s <= SLOWEST_S:
        raise ValueError(f"every_s is from 0.5 to {SLOWEST_S:g}, not {every_s:g}")
    return every_s
