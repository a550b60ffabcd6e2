"""A simulated instrument over HiSLIP (IVI-6.1, version 1.0), as VISA's INSTR sessions use it.

Several clients at once, each with a synchronous and an asynchronous channel, in synchronized mode
(a message that comes before the last reply was read interrupts it: -410, Interrupted) or, after a
device clear that asks for it, in overlap mode. The instrument executes one client's message at a
time; another's waits until the reply has left, or until a lock is given back. What the device sees
as -420 (a read without a query) does not exist here: a HiSLIP client's read sends nothing. Not
here: service requests, encryption, discovery. What a script of a TSP instrument prints later goes
to the client that spoke last.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from labctl_simulators.ports import MessageBased
from labctl_simulators.servers.hislip_bus import Bus, Session
from labctl_simulators.servers.hislip_channels import serve_async, serve_sync
from labctl_simulators.servers.hislip_frames import (
    VERSION,
    Fatal,
    Frame,
    Kind,
    Refusal,
    frame,
    read_frame,
)
from labctl_simulators.servers.listening import listening
from labctl_simulators.servers.pace import Pace, begin_at

CLIENTS_MOST = 16
SUB_ADDRESSES = (b"", b"hislip0")


class _Door:
    """Takes connections and makes sessions of their pairs."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._last_id = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Converse on a channel."""
        session: Session | None = None
        try:
            first = await read_frame(reader)
            if first is None:
                return
            if first.kind == Kind.INITIALIZE:
                session = self._begin(first, writer)
                await serve_sync(self._bus, session, reader)
            elif first.kind == Kind.ASYNC_INITIALIZE:
                session = self._join(first, writer)
                await serve_async(self._bus, session, reader)
            else:
                raise Refusal(Fatal.BAD_INITIALIZATION, "a channel begins with Initialize")
        except Refusal as refusal:
            writer.write(frame(Kind.FATAL_ERROR, refusal.code, 0, refusal.words.encode()))
        except ConnectionError:
            pass  # a reset is one of the ways in which clients leave
        finally:
            if session is not None:
                self._bus.leave(session)
            writer.close()

    def _begin(self, first: Frame, writer: asyncio.StreamWriter) -> Session:
        if len(self._bus.sessions) >= CLIENTS_MOST:
            raise Refusal(Fatal.TOO_MANY_CLIENTS, f"at most {CLIENTS_MOST} clients")
        if first.payload is None or first.payload.lower() not in SUB_ADDRESSES:
            raise Refusal(Fatal.UNIDENTIFIED, "the sub-address here is hislip0")
        while True:
            self._last_id = (self._last_id + 1) & 0xFFFF
            if self._last_id not in self._bus.sessions:
                break
        session = Session(self._last_id, writer)
        self._bus.sessions[session.number] = session
        writer.write(frame(Kind.INITIALIZE_RESPONSE, 0, VERSION << 16 | session.number))
        return session

    def _join(self, first: Frame, writer: asyncio.StreamWriter) -> Session:
        session = self._bus.sessions.get(first.parameter)
        if session is None or session.beside is not None:
            raise Refusal(Fatal.BAD_INITIALIZATION, "no session of this number awaits its channel")
        session.beside = writer
        writer.write(frame(Kind.ASYNC_INITIALIZE_RESPONSE))
        return session


@contextlib.asynccontextmanager
async def serve_hislip(
    firmware: MessageBased, host: str = "127.0.0.1", port: int = 0, speed: float = 1.0
) -> AsyncIterator[str]:
    """Serve until the block is left; gives the VISA resource. Port 0 takes a free one.

    Instrument and cell time runs `speed` times as fast as the event loop's clock. Raises OSError
    when the address is taken.
    """
    pace = Pace(firmware, speed, begin_at(firmware))
    with contextlib.closing(pace):
        async with listening(_Door(Bus(firmware, pace)).serve, host, port) as taken:
            yield f"TCPIP::{host}::hislip0,{taken}::INSTR"
