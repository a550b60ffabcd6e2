"""From a bench's channel to a driver on its link; nothing is opened yet."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.bench.model import Bench, BenchError, Instrument
from labctl.bench.settings import load_driver
from labctl_protocols.context import Auxiliaries

if TYPE_CHECKING:
    from labctl.twin import Twin
    from labctl_drivers.auxiliary import Auxiliary
    from labctl_drivers.channel import Channel
    from labctl_drivers.link import Link, Transcript, Transport
    from labctl_simulators.ports import Firmware


def make_channel(
    bench: Bench,
    name: str,
    *,
    twin: "Twin | None" = None,
    speed: float = 1.0,
    transcript: Path | None = None,
    links: "dict[str, Link] | None" = None,
) -> "Channel":
    """A channel's driver on the link that its resource asks for, or on a twin in memory.

    `speed` is the event loop's seconds per host second; `transcript` gets every line on the wire.
    `links` holds the links made so far by instrument: the channels of one instrument share its.
    Raises BenchError for what is not installed or what the driver does not take.
    """
    from labctl_drivers.link import Link

    links = {} if links is None else links
    instrument = bench.instrument_of(name)
    try:
        driver = load_driver(instrument.driver)
        link = links.get(instrument.name)
        if link is None:
            told = None if transcript is None else writing_to(transcript)
            link = Link(
                _transport(instrument, None if twin is None else twin.firmware, speed),
                transcript=told,
            )
            links[instrument.name] = link
        channel: Channel = driver(
            link,
            channel=bench.channels[name].channel,
            serial=instrument.serial,
            **instrument.driver_settings,
        )
    except (ImportError, ValueError) as error:
        raise BenchError(f"instrument {instrument.name}: {error}") from error
    return channel


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
            Link(_transport(instrument, firmware, speed)),
            channels=sorted(named),
            serial=instrument.serial,
            **instrument.driver_settings,
        )
    except (ImportError, ValueError) as error:
        raise BenchError(f"instrument {instrument.name}: {error}") from error
    return auxiliary


def _transport(instrument: Instrument, firmware: "Firmware | None", speed: float) -> "Transport":
    from labctl_drivers.link import MemoryTransport, make_transport

    if firmware is not None:
        return MemoryTransport(firmware)
    of_driver = getattr(load_driver(instrument.driver), "LINK_SETTINGS", {})
    settings: dict[str, Any] = {**of_driver, **instrument.link_settings}
    return make_transport(instrument.resource, speed=speed, **settings)


def writing_to(path: Path) -> "Transcript":
    """A transcript in a new file: loop time, `>` sent, `<` received or `x` discarded, the bytes.

    Each line is whole on the disk before the run goes on: a transcript is for finding out what
    was on the wire when something broke. Raises BenchError when the file cannot be made.
    """
    try:
        path.write_bytes(b"")
    except OSError as error:
        raise BenchError(f"cannot write the transcript {path}: {error.strerror}") from error

    def write(time_s: float, direction: str, data: bytes) -> None:
        shown = repr(data)[2:-1]
        with path.open("a", encoding="ascii", newline="\n") as file:
            file.write(f"{time_s:.6f} {direction} {shown}\n")

    return write
