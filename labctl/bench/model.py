"""A bench as values: instruments, channels, where data and messages go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from labctl_protocols.plan import MAIN
from labctl_simulators.faults import Fault

IN_MEMORY = "sim"
"""The resource of an instrument that is simulated inside this process."""
DEFAULT_DRIVER = "keithley-2450"
DEFAULT_PORT = 5025
HISLIP_PORT = 4880
Serve = Literal["tcp", "pty", "hislip"]
DEFAULT_PREFIX = "lab"
INSTRUMENT_PARAMETERS = ("instrument_error", "frozen_at_h", "set_deviation")
"""What a twin's parameters say to the instrument; every other name goes to the cell model."""


class BenchError(Exception):
    """The bench cannot be used as asked. Nothing has been driven."""


@dataclass(frozen=True, slots=True)
class Mqtt:
    """The broker that this bench's channels publish to.

    `password` says where the secret is (`{"env": NAME}` or `{"file": PATH}`), never what it is.
    """

    url: str
    username: str | None = None
    password: Mapping[str, str] | None = None
    prefix: str = DEFAULT_PREFIX


@dataclass(frozen=True, slots=True)
class Simulate:
    """An instrument's simulated twin. `model` None fits the cell; `cell` is a file or a name.

    `shares` names the instrument whose cell this one hangs on, `terminal` which pair of that
    cell's terminals it holds. `port` and `bin_port` (of a cycler) None are the instrument's own.
    `faults` are those of its wire, by kind; `instrument` is the simulator's own options.
    """

    model: str | None = None
    cell: str | None = None
    serve: Serve = "tcp"
    port: int | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)
    seed: int | None = None
    terminal: str = MAIN
    shares: str | None = None
    faults: Mapping[str, Fault] = field(default_factory=dict)
    bin_port: int | None = None
    instrument: Mapping[str, str | float | int | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One address, with the driver's and the link's own settings where the bench gives them."""

    name: str
    driver: str
    resource: str
    serial: str | None = None
    simulate: Simulate | None = None
    driver_settings: Mapping[str, str | float | int | bool] = field(default_factory=dict)
    link_settings: Mapping[str, str | float | int | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Terminals:
    """A channel: one pair of terminals of an instrument.

    `simulate` is what a simulated cell there is, where the instrument's own block does not say it;
    `temperature` names the auxiliary that measures the cell's.
    """

    name: str
    instrument: str
    channel: int = 1
    simulate: Simulate | None = None
    temperature: str | None = None


@dataclass(frozen=True, slots=True)
class Auxiliary:
    """A temperature beside the cells: one channel of a scanner or a chamber."""

    name: str
    instrument: str
    channel: int = 1


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that is connected to this PC."""

    name: str
    instruments: Mapping[str, Instrument]
    channels: Mapping[str, Terminals]
    data: Path | None = None
    mqtt: Mqtt | None = None
    folder: Path = Path()
    auxiliaries: Mapping[str, Auxiliary] = field(default_factory=dict)

    def instrument_of(self, channel: str) -> Instrument:
        """The instrument behind a channel, its `simulate` block as the channel has it.

        Raises BenchError naming the known channels.
        """
        terminals = self.channels.get(channel)
        if terminals is None:
            known = ", ".join(self.channels)
            raise BenchError(f"the bench {self.name} has no channel {channel!r}; it has {known}")
        instrument = self.instruments[terminals.instrument]
        own = terminals.simulate
        if own is None:
            return instrument
        block = instrument.simulate or Simulate()
        kept = {n: v for n, v in block.parameters.items() if n in INSTRUMENT_PARAMETERS}
        simulate = replace(
            block,
            model=own.model,
            cell=own.cell,
            parameters={**kept, **own.parameters},
            seed=block.seed if own.seed is None else own.seed,
        )
        return replace(instrument, simulate=simulate)

    def is_in_memory(self, channel: str) -> bool:
        """Whether the channel's instrument is simulated inside this process."""
        return self.instrument_of(channel).resource == IN_MEMORY

    def driver_of(self, channel: str) -> str:
        """The driver's entry-point name."""
        return self.instrument_of(channel).driver

    def resource_of(self, channel: str) -> str:
        """The resource string."""
        return self.instrument_of(channel).resource


def default_bench(driver: str = DEFAULT_DRIVER, roles: Sequence[str] = (MAIN,)) -> Bench:
    """The bench that is used when none is named: simulated instruments in memory.

    One for each of the cell's roles: `smu` on A1, `smu2` on A2 and so on (`default_channels`).
    """
    names = [f"smu{place or ''}" for place in (0, *range(2, len(roles) + 1))]
    channels = default_channels(roles).values()
    return Bench(
        name="bench",
        instruments={n: Instrument(n, driver, IN_MEMORY, simulate=Simulate()) for n in names},
        channels={c: Terminals(c, n) for c, n in zip(channels, names, strict=True)},
    )


def default_channels(roles: Sequence[str]) -> dict[str, str]:
    """Role → channel of the default bench."""
    return {role: f"A{place}" for place, role in enumerate(roles, 1)}
