"""A link through VISA: USBTMC, GPIB, VXI-11, HiSLIP. pyvisa blocks; each session has a thread.

pyvisa-py lets OSError and TypeError out where a VisaIOError belongs; all end as LinkLost here.
"""

import contextlib
from typing import TYPE_CHECKING

from labctl_drivers.errors import LinkLost
from labctl_drivers.link.port_thread import PortThread
from labctl_drivers.link.transport import Pace, Transport

if TYPE_CHECKING:
    from pyvisa.resources import MessageBasedResource

OPEN_TIMEOUT_S = 2.0
WRITE_TIMEOUT_S = 2.0


class VisaTransport:
    """A VISA session. `library` is pyvisa's own: empty for the vendor's, else pyvisa-py."""

    ends_on_cr = False
    reconnects = True

    def __init__(self, resource: str, *, library: str = "", pace: Pace | None = None) -> None:
        self.pace = Pace() if pace is None else pace
        self._resource = resource
        self._library = library
        self._session: MessageBasedResource | None = None
        self._thread: PortThread | None = None

    async def open(self) -> None:
        """Open a session. Raises LinkLost."""
        self._thread = PortThread(f"visa {self._resource}")
        try:
            await self._thread.run(self._open)
        except BaseException:
            await self.close()
            raise

    async def write(self, data: bytes) -> None:
        """Send one message."""
        session, thread = self._in_use()
        await thread.run(lambda: _write(session, data))

    async def read(self, deadline: float) -> bytes:
        """The next message, with a line feed at its end; none at the deadline."""
        session, thread = self._in_use()
        left_s = self.pace.host_seconds_to(deadline)
        return await thread.run(lambda: _read(session, left_s)) if left_s > 0 else b""

    def take(self) -> bytes:
        """VISA gives only what is asked for."""
        return b""

    def interrupt(self) -> None:
        """A VISA read goes on to its end."""

    def beside(self, port: int) -> Transport:
        """A VISA session stands alone."""
        raise LinkLost(f"a VISA session has no TCP port {port} beside it")

    async def clear(self) -> None:
        """Device clear; a session without one is replaced by a new one."""
        session, thread = self._in_use()
        try:
            await thread.run(session.clear)
        except LinkLost:
            await self.close()
            await self.open()

    async def close(self) -> None:
        """Close the session, after the call that is under way has met its own time-out."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with contextlib.suppress(LinkLost):
            # a session that is broken cannot be closed in order, and need not be
            await thread.run(self._close)
        await thread.end()

    def _in_use(self) -> "tuple[MessageBasedResource, PortThread]":
        if self._session is None or self._thread is None:
            raise LinkLost("the session is not open")
        return self._session, self._thread

    def _open(self) -> None:
        import pyvisa
        from pyvisa.resources import MessageBasedResource

        manager = pyvisa.ResourceManager(self._library)
        session = manager.open_resource(self._resource, open_timeout=int(OPEN_TIMEOUT_S * 1000))
        if not isinstance(session, MessageBasedResource):
            session.close()
            raise TypeError(f"{self._resource} does not exchange messages")
        session.read_termination = "\n"
        self._session = session

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()


def _write(session: "MessageBasedResource", data: bytes) -> None:
    session.timeout = WRITE_TIMEOUT_S * 1000
    session.write_raw(data)


def _read(session: "MessageBasedResource", timeout_s: float) -> bytes:
    from pyvisa.constants import StatusCode
    from pyvisa.errors import VisaIOError

    session.timeout = max(1.0, timeout_s * 1000)
    try:
        message = session.read_raw()
    except VisaIOError as error:
        if error.error_code == StatusCode.error_timeout:
            return b""
        raise
    # the END indicator ends a message whether or not the instrument adds a line feed
    return message if message.endswith(b"\n") else message + b"\n"
