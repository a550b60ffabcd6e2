"""The two channels of a HiSLIP client: what each message asks for, and what is refused how."""

import asyncio
import struct

from labctl_simulators.servers.hislip_bus import DELIVERED, Bus, Message, Session
from labctl_simulators.servers.hislip_frames import (
    LARGEST,
    VENDOR_SPECIFIC,
    Fatal,
    Frame,
    Kind,
    Mistake,
    Refusal,
    frame,
    read_frame,
)

OVERLAP = 1
REMOTE_LOCAL_CODES = range(7)
RELEASE, REQUEST = 0, 1
TRIGGER = b"*TRG\n"


async def serve_sync(bus: Bus, session: Session, reader: asyncio.StreamReader) -> None:
    """The synchronous channel, until the client goes. Raises Refusal."""
    while (received := await read_frame(reader)) is not None:
        if received.kind == Kind.FATAL_ERROR:
            return
        mistake = _sync(bus, session, received)
        if mistake is not None:
            session.writer.write(frame(Kind.ERROR, mistake, 0, mistake.name.encode()))
        bus.pump()
        await session.writer.drain()
        await session.room.wait()


def _sync(bus: Bus, session: Session, received: Frame) -> Mistake | None:
    kind = received.kind
    if kind == Kind.DEVICE_CLEAR_COMPLETE:
        session.overlap = bool(received.control & OVERLAP)
        session.clearing = False
        session.reset()
        answer = frame(Kind.DEVICE_CLEAR_ACKNOWLEDGE, int(session.overlap))
        session.writer.write(answer)
        return None
    if kind == Kind.INITIALIZE:
        raise Refusal(Fatal.BAD_INITIALIZATION, "this channel is initialized")
    if kind not in (Kind.DATA, Kind.DATA_END, Kind.TRIGGER):
        return _unknown(kind)
    if session.beside is None:
        raise Refusal(Fatal.NOT_BOTH_CHANNELS, "the asynchronous channel is not established")
    if session.clearing:
        return None
    if received.control & ~DELIVERED:
        return Mistake.UNKNOWN_CONTROL
    if received.control & DELIVERED:
        session.unread = False
    if kind == Kind.TRIGGER:
        session.put(Message(TRIGGER, received.parameter))
        return None
    return _data(session, received)


def _data(session: Session, received: Frame) -> Mistake | None:
    ends = received.kind == Kind.DATA_END
    was_too_long = session.too_long
    if received.payload is None or len(session.partial) + len(received.payload) > LARGEST:
        session.partial.clear()
        session.too_long = True
    elif not was_too_long:
        session.partial += received.payload
    if not ends:
        return Mistake.TOO_LARGE if session.too_long and not was_too_long else None
    data, failed = bytes(session.partial), session.too_long
    session.partial.clear()
    session.too_long = False
    if failed:
        return None if was_too_long else Mistake.TOO_LARGE
    if data:
        # the end of a message ends it whether or not a line feed stands there
        whole = data if data.endswith(b"\n") else data + b"\n"
        session.put(Message(whole, received.parameter))
    return None


def _unknown(kind: int) -> Mistake | None:
    if kind == Kind.ERROR:
        return None
    return Mistake.UNKNOWN_VENDOR_TYPE if kind >= VENDOR_SPECIFIC else Mistake.UNKNOWN_TYPE


async def serve_async(bus: Bus, session: Session, reader: asyncio.StreamReader) -> None:
    """The asynchronous channel, until the client goes. Raises Refusal."""
    bus.pump()
    while (received := await read_frame(reader)) is not None:
        if received.kind == Kind.FATAL_ERROR:
            return
        writer = session.beside
        if writer is None:
            return
        mistake = _async(bus, session, received)
        if mistake is not None:
            writer.write(frame(Kind.ERROR, mistake, 0, mistake.name.encode()))
        await writer.drain()


def _async(bus: Bus, session: Session, received: Frame) -> Mistake | None:
    kind, control, _, payload = received
    if payload is None:
        return Mistake.TOO_LARGE
    if kind == Kind.ASYNC_INITIALIZE:
        raise Refusal(Fatal.BAD_INITIALIZATION, "this channel is initialized")
    if kind == Kind.ASYNC_MAXIMUM_SIZE:
        return _maximum_size(session, payload)
    if kind == Kind.ASYNC_DEVICE_CLEAR:
        bus.clear(session)
        session.say_beside(Kind.ASYNC_DEVICE_CLEAR_ACKNOWLEDGE, int(session.overlap))
        return None
    if kind == Kind.ASYNC_STATUS_QUERY:
        if control & DELIVERED:
            session.unread = False
        session.say_beside(Kind.ASYNC_STATUS_RESPONSE, bus.status(session))
        return None
    if kind == Kind.ASYNC_REMOTE_LOCAL:
        if control not in REMOTE_LOCAL_CODES:
            return Mistake.UNKNOWN_CONTROL
        session.say_beside(Kind.ASYNC_REMOTE_LOCAL_RESPONSE)
        return None
    return _lock(bus, session, received)


def _maximum_size(session: Session, payload: bytes) -> Mistake | None:
    if len(payload) != 8:
        return Mistake.TOO_LARGE
    (session.largest_reply,) = struct.unpack("!Q", payload)
    if session.beside is not None:
        largest = struct.pack("!Q", LARGEST)
        session.beside.write(frame(Kind.ASYNC_MAXIMUM_SIZE_RESPONSE, 0, 0, largest))
    return None


def _lock(bus: Bus, session: Session, received: Frame) -> Mistake | None:
    kind, control, parameter, payload = received
    if kind == Kind.ASYNC_LOCK_INFO:
        held = int(bus.locks.exclusive is not None)
        session.say_beside(Kind.ASYNC_LOCK_INFO_RESPONSE, held, bus.locks.holders)
        return None
    if kind != Kind.ASYNC_LOCK:
        return _unknown(kind)
    if control == RELEASE:
        session.say_beside(Kind.ASYNC_LOCK_RESPONSE, bus.locks.release(session))
        bus.pump()
        return None
    if control != REQUEST or (session.locking is not None and not session.locking.done()):
        return Mistake.UNKNOWN_CONTROL
    waiting = _wait_for_lock(bus, session, payload or b"", parameter / 1000.0)
    session.locking = asyncio.get_running_loop().create_task(waiting)
    return None


async def _wait_for_lock(bus: Bus, session: Session, key: bytes, timeout_s: float) -> None:
    granted = await bus.locks.request(session, key, timeout_s)
    session.say_beside(Kind.ASYNC_LOCK_RESPONSE, granted)
