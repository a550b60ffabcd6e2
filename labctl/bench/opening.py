"""From a bench's channel to a driver on its link; nothing is opened yet."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.bench.model import Bench, BenchError, Instrument
from labctl.bench.settings import load_driver
from labctl.capture.recording import recording
from labctl.capture.text import Note, head_of, writing_to

if TYPE_CHECKING:
    from labctl.twin import Twin
    from labctl_drivers.channel import Channel
    from labctl_drivers.link import Link, Transport
    from labctl_simulators.ports import Firmware


def make_channel(
    bench: Bench,
    name: str,
    *,
    twin: "Twin | None" = None,
    speed: float = 1.0,
    transcript: Path | None = None,
    capture: Path | None = None,
    links: "dict[str, Link] | None" = None,
) -> "Channel":
    """A channel's driver on the link that its resource asks for, or on a twin in memory.

    `speed` is the event loop's seconds per host second; `transcript` gets every line on the wire,
    `capture` also what is asked of the driver and what it gives, to be played again.
    `links` holds the links made so far by instrument: the channels of one instrument share its.
    Raises BenchError for what is not installed or what the driver does not take.
    """
    from labctl_drivers.link import Link

    if transcript is not None and capture is not None:
        raise BenchError("a session is either captured or transcribed, not both")
    links = {} if links is None else links
    told: Note | None = None
    instrument = bench.instrument_of(name)
    try:
        driver = load_driver(instrument.driver)
        link = links.get(instrument.name)
        if link is not None and (transcript or capture):
            raise ValueError("its link is in use already: a session is of one channel alone")
        if link is None:
            told = None if transcript is None else writing_to(transcript)
            if capture is not None:
                told = writing_to(capture, head_of(instrument.driver, _settings(bench, name)))
            link = Link(
                transport_of(instrument, None if twin is None else twin.firmware, speed),
                transcript=told,
            )
            links[instrument.name] = link
        channel: Channel = driver(link, **_settings(bench, name))
    except (ImportError, ValueError) as error:
        raise BenchError(f"instrument {instrument.name}: {error}") from error
    return channel if capture is None or told is None else recording(channel, told)


def _settings(bench: Bench, name: str) -> dict[str, Any]:
    instrument = bench.instrument_of(name)
    return {
        "channel": bench.channels[name].channel,
        "serial": instrument.serial,
        **instrument.driver_settings,
    }


def transport_of(instrument: Instrument, firmware: "Firmware | None", speed: float) -> "Transport":
    """To an instrument's resource, or to its twin in memory. Raises ValueError, ImportError."""
    from labctl_drivers.link import MemoryTransport, make_transport

    if firmware is not None:
        return MemoryTransport(firmware)
    of_driver = getattr(load_driver(instrument.driver), "LINK_SETTINGS", {})
    settings: dict[str, Any] = {**of_driver, **instrument.link_settings}
    return make_transport(instrument.resource, speed=speed, **settings)
