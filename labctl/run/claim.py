"""One program at a time at a channel: two would drive the same cell.

Whoever opens a channel claims it, by who the instrument says it is, since an instrument has
several addresses. The operating system drops the claim with the process, however that ends.
"""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labctl.journal.lock import locked
from labctl_drivers.errors import InstrumentError
from labctl_drivers.vocabulary import Identity

SIMULATED_FIRMWARE = "-sim"
"""How the firmware that a simulator tells ends (decision 16)."""


class ChannelInUse(InstrumentError):
    """Another run, or doctor, has the channel. Nothing was changed on it."""


@contextmanager
def claimed(identity: Identity, channel: int, resource: str, owner: str) -> Iterator[None]:
    """Have the channel while inside.

    Raises ChannelInUse, which names the owner, and OSError where no claim can be written.
    """
    path = _place() / f"{_name(identity, channel, resource)}.lock"
    told = path.with_suffix(".owner")
    try:
        file = locked(path)
    except BlockingIOError:
        who = f"{identity.model} {identity.serial}".strip()
        raise ChannelInUse(f"channel {channel} of {who} is in use by {_read(told)}") from None
    with file:
        told.write_text(f"{owner} (process {os.getpid()})", encoding="utf-8")
        yield


def _name(identity: Identity, channel: int, resource: str) -> str:
    """Of a file. Simulated instruments may share a serial number, and some tell none."""
    known = identity.serial and not identity.firmware.endswith(SIMULATED_FIRMWARE)
    who = f"{identity.model}-{identity.serial}" if known else resource
    return f"{re.sub('[^A-Za-z0-9.-]+', '_', who)}-{channel}"


def _place() -> Path:
    """The folder of this user's claims."""
    if sys.platform == "win32":
        folder = Path(tempfile.gettempdir()) / "labctl-channels"
    else:
        folder = Path(tempfile.gettempdir()) / f"labctl-channels-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _read(told: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return told.read_text(encoding="utf-8")[:200]
    return "another process"
