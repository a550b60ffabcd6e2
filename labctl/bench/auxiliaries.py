"""What a bench has beside its cells, and how that is opened; nothing is opened yet."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.bench.model import Bench, BenchError
from labctl.bench.opening import transport_of
from labctl.bench.settings import load_driver
from labctl.capture.recording import RecordingAuxiliary
from labctl.capture.text import head_of, writing_to
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
    bench: Bench,
    name: str,
    *,
    firmware: "Firmware | None" = None,
    speed: float = 1.0,
    capture: Path | None = None,
) -> "Auxiliary":
    """The driver of an auxiliary instrument, for all of its channels that the bench names, on the
    link that its resource asks for or on its twin in memory; `capture` as for `make_channel`.

    Raises BenchError for what is not installed or what the driver does not take.
    """
    from labctl_drivers.link import Link

    instrument = bench.instruments[name]
    named = [each.channel for each in bench.auxiliaries.values() if each.instrument == name]
    settings: dict[str, Any] = {
        "channels": sorted(named),
        "serial": instrument.serial,
        **instrument.driver_settings,
    }
    try:
        driver = load_driver(instrument.driver)
        transport = transport_of(instrument, firmware, speed)
        head = head_of(instrument.driver, settings)
        told = None if capture is None else writing_to(capture, head)
        auxiliary: Auxiliary = driver(Link(transport, transcript=told), **settings)
    except (ImportError, ValueError) as error:
        raise BenchError(f"instrument {instrument.name}: {error}") from error
    return auxiliary if told is None else RecordingAuxiliary(auxiliary, told)
