"""A link over a serial port, through pyserial in the port's own thread."""

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from labctl_drivers.errors import LinkLost
from labctl_drivers.link.port_thread import PortThread
from labctl_drivers.link.transport import MAX_PENDING, Pace, Transport

if TYPE_CHECKING:
    import serial

WRITE_TIMEOUT_S = 2.0
_XON_XOFF = b"\x11\x13"


class SerialTransport:
    """A serial port, opened for us alone. Flow control bytes never reach the reader."""

    ends_on_cr = True
    reconnects = False

    def __init__(
        self, port: str, *, baud: int = 9600, xonxoff: bool = False, pace: Pace | None = None
    ) -> None:
        self.pace = Pace() if pace is None else pace
        self._name = port
        self._baud = baud
        self._xonxoff = xonxoff
        self._port: serial.Serial | None = None
        self._thread: PortThread | None = None
        self._interrupted = False

    async def open(self) -> None:
        """Open the port. Raises LinkLost when it is not there or somebody else has it."""
        self._thread = PortThread(f"serial {self._name}")
        try:
            await self._thread.run(self._open)
        except BaseException:
            await self.close()
            raise

    async def write(self, data: bytes) -> None:
        """Send."""
        port, thread = self._in_use()
        await thread.run(lambda: port.write(data))

    async def read(self, deadline: float) -> bytes:
        """The next bytes; none at the deadline."""
        port, thread = self._in_use()
        self._interrupted = False
        while not self._interrupted:
            timeout_s = self.pace.host_seconds_to(deadline)
            chunk = await thread.run(partial(_read_some, port, timeout_s))
            if data := chunk.translate(None, _XON_XOFF):
                return data
            # an interruption that came too late for the read before ends this one early
            if not chunk and self.pace.host_seconds_to(deadline) <= 0:
                break
        return b""

    def interrupt(self) -> None:
        """Let a read come back now."""
        self._interrupted = True
        if self._port is not None:
            self._port.cancel_read()

    def beside(self, port: int) -> Transport:
        """A serial port stands alone."""
        raise LinkLost(f"a serial port has no TCP port {port} beside it")

    def take(self) -> bytes:
        """What the driver of the port holds; the thread is idle, for there is one caller."""
        port, _ = self._in_use()
        data = b""
        try:
            # more than once: a read ends at once after an interruption that came too late
            while len(data) < MAX_PENDING and (waiting := port.in_waiting):
                data += port.read(waiting)
            return data.translate(None, _XON_XOFF)
        except Exception as error:  # termios.error is no OSError
            raise LinkLost(f"{type(error).__name__}: {error}") from error

    async def clear(self) -> None:
        """A serial port has no device clear."""

    async def close(self) -> None:
        """Interrupt a read that is under way and close the port."""
        if self._port is not None:
            self._port.cancel_read()
        thread, self._thread = self._thread, None
        if thread is not None:
            await thread.end()
        port, self._port = self._port, None
        if port is not None:
            # a port that has gone cannot be closed in order, and need not be
            with contextlib.suppress(Exception):
                port.close()

    def _in_use(self) -> "tuple[serial.Serial, PortThread]":
        if self._port is None or self._thread is None:
            raise LinkLost("the port is not open")
        return self._port, self._thread

    def _open(self) -> None:
        import serial

        self._port = serial.Serial(
            self._name,
            baudrate=self._baud,
            xonxoff=self._xonxoff,
            write_timeout=WRITE_TIMEOUT_S,
            exclusive=True,
        )


def _read_some(port: "serial.Serial", timeout_s: float) -> bytes:
    if port.timeout != timeout_s:
        port.timeout = timeout_s
    first = port.read(1)
    return bytes(first + port.read(port.in_waiting)) if first else b""
