"""What a bench has beside its cells, and how that is opened; nothing is opened yet."""

from typing import TYPE_CHECKING

from labctl.bench.model import Bench, BenchError
from labctl.bench.opening import transport_of
from labctl.bench.settings import load_driver
from labctl_protocols.context import Auxiliaries

if TYPE_CHECKING:
    from labctl_drivers.auxiliary import Auxiliary
    from labctl_simulators.ports import Firmware


def auxiliaries_of(bench: Bench, channel: str) -> Auxiliaries:
    """What the bench has beside the cell at a channel. Raises BenchError."""
    settable: dict[str, bool] = {}
    for name, auxiliary in bench.auxiliaries.items():
        instrument = bench.instruments[auxiliary.instrument]
        try:
            settable[name] = bool(load_driver(instrument.driver).SETTABLE)
        except ImportError as error:
            raise BenchError(f"instrument {instrument.name}: {error}") from error
    return Auxiliaries(settable, bench.channels[channel].temperature)


def make_auxiliary(
    bench: Bench, name: str, *, firmware: "Firmware | None" = None, speed: float = 1.0
) -> "Auxiliary":
    """The driver of an auxiliary instrument, for all of its channels that the bench names, on the
    link that its resource asks for or on its twin in memory.

    Raises BenchError for what is not installed or what the driver does not take.
    """
    from labctl_drivers.link import Link

    instrument = bench.instruments[name]
    named = [each.channel for each in bench.auxiliaries.values() if each.instrument == name]
    try:
        driver = load_driver(instrument.driver)
        auxiliary: Auxiliary = driver(
            Link(transport_of(instrument, firmware, speed)),
            channels=sorted(named),
            serial=instrument.serial,
            **instrument.driver_settings,
        )
    except (ImportError, ValueError) as error:
        raise BenchError(f"instrument {instrument.name}: {error}") from error
    return auxiliary
