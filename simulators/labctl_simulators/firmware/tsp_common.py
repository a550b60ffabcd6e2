"""The IEEE 488.2 common commands of an instrument with a test script processor.

Source: 2600BS-901-01 appendix D. They are replied to with whole numbers (not verified).
"""

from collections.abc import Callable
from typing import Protocol

from labctl_simulators.firmware.events import ErrorQueue, Status
from labctl_simulators.firmware.tsp_attributes import Refused

SOURCE = "lua:"
"""How a reply begins that is to be executed instead of sent."""


class Device(Protocol):
    """What common commands act on."""

    identity: str
    errors: ErrorQueue
    status: Status

    def reset(self) -> None:
        """`*RST`."""

    def bus_trigger(self) -> None:
        """`*TRG`."""


def common_command(device: Device, head: str, rest: str) -> str:
    """Do it; gives the reply, '' without one. Raises Refused -113 for an unknown command."""
    if head in ("*ESE", "*SRE"):
        _enable(device.status, head, rest)
        return ""
    acts: dict[str, Callable[[], None]] = {
        "*CLS": lambda: _clear(device),
        "*RST": device.reset,
        "*TRG": device.bus_trigger,
    }
    if head in acts:
        acts[head]()
        return ""
    status = device.status
    replies: dict[str, Callable[[], str]] = {
        "*IDN?": lambda: device.identity,
        "*TST?": lambda: "0",
        "*ESE?": lambda: str(status.standard.enable),
        "*SRE?": lambda: str(status.service_enable),
        "*ESR?": lambda: str(status.standard.read()),
        "*STB?": lambda: str(status.byte(len(device.errors) > 0, False)),
        "*OPC": lambda: f"{SOURCE}opc()",
        "*OPC?": lambda: f'{SOURCE}waitcomplete() print("1")',
        "*WAI": lambda: f"{SOURCE}waitcomplete()",
    }
    if head not in replies:
        raise Refused(-113)
    return replies[head]()


def _enable(status: Status, head: str, rest: str) -> None:
    if not rest:
        raise Refused(-109)
    if not rest.isascii() or not rest.isdigit() or len(rest) > 3 or int(rest) > 255:
        raise Refused(-222)
    if head == "*ESE":
        status.standard.enable = int(rest)
    else:
        status.service_enable = int(rest)


def _clear(device: Device) -> None:
    device.errors.clear()
    device.status.clear_events()
