"""A simulated instrument on a pseudo-terminal, which looks like a serial port. POSIX only."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator

from labctl_simulators.ports import Firmware
from labctl_simulators.servers.pace import Pace, begin_at

CHUNK = 4096


class _Master:
    """The instrument's end of the pseudo-terminal."""

    def __init__(self, descriptor: int, pace: Pace) -> None:
        self._descriptor = descriptor
        self._pace = pace
        self._waiting = bytearray()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(descriptor, self._readable)
        pace.attach(self._write)

    def close(self) -> None:
        """Take no more part in the loop."""
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)

    def _readable(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._pace.receive(os.read(self._descriptor, CHUNK))

    def _write(self, data: bytes) -> None:
        self._waiting += data
        self._writable()

    def _writable(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._waiting:
                del self._waiting[: os.write(self._descriptor, self._waiting)]
        if self._waiting:
            self._loop.add_writer(self._descriptor, self._writable)
        else:
            self._loop.remove_writer(self._descriptor)


@contextlib.asynccontextmanager
async def serve_pty(firmware: Firmware, speed: float = 1.0) -> AsyncIterator[str]:
    """Serve until the block is left; gives the VISA resource (`ASRL/dev/pts/4::INSTR`).

    The host's end is kept open here too, so that a client may come, go and come again. Raises
    OSError where there are no pseudo-terminals (Windows).
    """
    if sys.platform == "win32":
        raise OSError("Windows has no pseudo-terminals: serve over TCP instead")
    import tty

    master, slave = os.openpty()
    try:
        os.set_blocking(master, False)
        tty.setraw(master)
        tty.setraw(slave)
        pace = Pace(firmware, speed, begin_at(firmware))
        port = _Master(master, pace)
        try:
            yield f"ASRL{os.ttyname(slave)}::INSTR"
        finally:
            port.close()
            pace.close()
    finally:
        os.close(master)
        os.close(slave)
