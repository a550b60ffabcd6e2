"""What the parts of a simulated bench ask of one another: cell, terminals, firmware."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeGuard, runtime_checkable


@dataclass(frozen=True, slots=True)
class Ledger:
    """A cell's own exact account of its metal since it was made, in Ah.

    `plated` and `stripped` are the charges that passed at the collector in each direction,
    `lost` is the metal that did not come back: dead metal (until some of it reconnects),
    interphase, self-discharge, corrosion. `supplied` is what a reservoir electrode gave to the
    cathode, less what it took, and what the cathode's additive released.
    """

    plated_Ah: float
    stripped_Ah: float
    lost_Ah: float
    supplied_Ah: float = 0.0


@dataclass(frozen=True, slots=True)
class CellSize:
    """What the cell's record tells its model; None where the record is silent.

    `reservoir`: whether there is a third electrode of the metal.
    """

    kind: Literal["half", "anode-free", "full", "symmetric", "cathode-half"]
    metal: Literal["Na", "K", "Zn", "Li"] | None = None
    area_cm2: float = 1.131
    capacity_Ah: float | None = None
    inventory_Ah: float | None = None
    preplated_Ah: float = 0.0
    collector: str | None = None
    cathode: str | None = None
    reservoir: bool = False


class Cell(Protocol):
    """A cell as its two terminals show it; positive current charges it as wired.

    `voltage` is strictly increasing in the current and does not change the cell.
    """

    def voltage(self, current_A: float) -> float:
        """Terminal voltage if this current flowed now."""

    def step(self, dt_s: float, current_A: float) -> None:
        """Let this current flow for that long."""

    def ledger(self) -> Ledger:
        """The account so far."""


@runtime_checkable
class ManyTerminals(Protocol):
    """A cell with more than one pair of terminals."""

    @property
    def ports(self) -> Mapping[str, Cell]:
        """The cell as each pair shows it, by role, `main` first; they share one state."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the instrument presents to the cell: nothing, a current or a voltage, with a limit.

    `current`: `level` A, |V| held to `limit` V. `voltage`: `level` V, |I| held to `limit` A.
    With `low_limit` the two ends differ: V or I is held between it and `limit`.
    `scale`: the current that matters, in A, where it is far below the level or limit.
    """

    kind: Literal["open", "current", "voltage"] = "open"
    level: float = 0.0
    limit: float = 0.0
    scale: float = 0.0
    low_limit: float | None = None

    @property
    def low(self) -> float:
        """The lower end of what the other quantity is held to."""
        return -self.limit if self.low_limit is None else self.low_limit


@dataclass(frozen=True, slots=True)
class TerminalState:
    """What is true at the terminals now; `limited` when the source is held by its limit."""

    voltage_V: float
    current_A: float
    limited: bool


class Firmware(Protocol):
    """An instrument as its wire shows it: bytes in, timed bytes out. Time is the caller's.

    One that says something by itself has `.wake_at`: when to feed it no bytes to hear that.
    """

    def feed(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        """Take bytes at `now`; give the replies with the times at which each is on the wire."""

    def advance(self, now: float) -> None:
        """Let time pass without traffic."""


class MessageBased(Firmware, Protocol):
    """An instrument that can also be on a bus with message ends, device clear and serial poll."""

    def speak(self, talk: Literal["stream", "bus"]) -> None:
        """Be on a bus, where replies wait to be read, or on a stream."""

    def device_clear(self, now: float) -> None:
        """Forget what came and is not executed, and what is not yet read; to idle."""

    def interrupted(self, now: float) -> None:
        """A new message comes before the last reply was read: -410, and the reply is lost."""

    def status_byte(self, now: float, reply_waiting: bool) -> int:
        """The status byte as a serial poll shows it."""
        ...


def is_message_based(firmware: Firmware) -> TypeGuard[MessageBased]:
    """Whether it is such a one, or stands in front of one."""
    names = ("speak", "device_clear", "interrupted", "status_byte")
    return all(hasattr(firmware, name) for name in names)


class Probe(Protocol):
    """A place whose temperature a sensor can be at: a cell, the air of a chamber, a room."""

    def temperature_K(self, now: float) -> float:
        """Its temperature at a time of the caller's clock; NaN where the sensor is broken."""


class MakeCell(Protocol):
    """A cell model's factory, as entry points in the group `labctl.cells` name it."""

    def __call__(self, size: CellSize, parameters: Mapping[str, float], seed: int) -> Cell:
        """Make the cell. Raises ValueError that names an unknown parameter and the known ones."""
        ...
