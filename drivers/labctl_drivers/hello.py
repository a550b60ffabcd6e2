"""The question by which an instrument that nobody has told us of says what it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from labctl_drivers import scpi
from labctl_drivers.vocabulary import Identity


@dataclass(frozen=True, slots=True)
class Hello:
    """A line that changes no setting, and what its reply makes of the instrument.

    `identity` raises BadReply for any other reply. `settings` are those of a serial port. A driver
    whose instruments do not know `*IDN?` has one as its class's `HELLO`; it is asked on raw
    sockets, which somebody has named, and unless `serial` is false on serial ports.
    """

    line: bytes
    identity: Callable[[bytes], Identity]
    settings: Mapping[str, int | bool] = field(default_factory=dict)
    serial: bool = True


IDN = Hello(b"*IDN?", scpi.identity)
