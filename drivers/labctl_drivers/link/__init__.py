"""Links: bytes to an instrument and back, each with one owner."""

from labctl_drivers.link.framing import BARE_LINES, Framing
from labctl_drivers.link.memory import MemoryTransport, Peer
from labctl_drivers.link.owner import Answer, Link, Probe, Transcript
from labctl_drivers.link.resource import make_transport
from labctl_drivers.link.transport import Transport

__all__ = [
    "BARE_LINES",
    "Answer",
    "Framing",
    "Link",
    "MemoryTransport",
    "Peer",
    "Probe",
    "Transcript",
    "Transport",
    "make_transport",
]
