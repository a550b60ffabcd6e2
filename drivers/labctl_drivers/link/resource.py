"""From a VISA resource string to the transport that serves it best."""

import re

from labctl_drivers.link.serial_port import SerialTransport
from labctl_drivers.link.tcp import TcpTransport
from labctl_drivers.link.transport import Pace, Transport
from labctl_drivers.link.visa import VisaTransport

ACCEPTED = (
    "TCPIP::<host>::<port>::SOCKET, TCPIP::<host>::INSTR, TCPIP::<host>::hislip0::INSTR, "
    "USB0::<vendor>::<product>::<serial>::INSTR, GPIB0::<address>::INSTR, "
    "ASRL/dev/ttyUSB0::INSTR or ASRLCOM3::INSTR"
)
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)"
_SOCKET = re.compile(rf"TCPIP\d*::({_HOST})::(\d{{1,5}})::SOCKET", re.IGNORECASE)
_SERIAL = re.compile(r"ASRL([^\s:]\S*?)(?:::INSTR)?", re.IGNORECASE)
_VISA = re.compile(
    rf"(?:USB\d*(?:::(?:0x)?[0-9A-F]+){{2}}::[^:\s]+(?:::\d+)?(?:::(?:INSTR|RAW))?"
    rf"|GPIB\d*::\d{{1,2}}(?:::\d{{1,2}})?(?:::INSTR)?"
    rf"|TCPIP\d*::{_HOST}(?:::[A-Za-z][\w,]*)?(?:::INSTR)?)",
    re.IGNORECASE,
)


def make_transport(
    resource: str,
    *,
    speed: float = 1.0,
    baud: int = 9600,
    xonxoff: bool = False,
    visa_library: str = "",
) -> Transport:
    """The transport for a resource; `speed` = loop seconds per host second.

    `baud` and `xonxoff` are for serial ports, `visa_library` for pyvisa. Nothing is opened.
    Raises ValueError that says what is accepted.
    """
    pace = Pace(speed)
    if found := _SOCKET.fullmatch(resource):
        port = int(found[2])
        if not 0 < port < 65536:
            raise ValueError(f"{resource!r}: there is no TCP port {port}")
        return TcpTransport(found[1].strip("[]"), port, pace=pace)
    if found := _SERIAL.fullmatch(resource):
        # VISA numbers serial ports as Windows does
        name = f"COM{found[1]}" if found[1].isdecimal() else found[1]
        return SerialTransport(name, baud=baud, xonxoff=xonxoff, pace=pace)
    if _VISA.fullmatch(resource):
        return VisaTransport(resource, library=visa_library, pace=pace)
    raise ValueError(f"{resource!r} is no resource string; accepted are {ACCEPTED}")
