"""What HiSLIP clients share: the instrument, whose message it executes, and its locks."""

import asyncio
from collections import deque
from typing import NamedTuple

from labctl_simulators.ports import MessageBased
from labctl_simulators.servers.hislip_frames import HEADER, LARGEST, Kind, frame
from labctl_simulators.servers.hislip_locks import Locks
from labctl_simulators.servers.pace import Pace
from labctl_simulators.servers.tcp import reset

FIRST_ID = 0xFFFF_FF00
ID_STEP = 2
WHOLE = 0xFFFF_FFFF
INBOX_MOST = 64
DELIVERED = 1


class Message(NamedTuple):
    """A program message, or a trigger."""

    data: bytes
    number: int


class Session:
    """One client. `unread` while its last reply has left and it has not said that it read it."""

    def __init__(self, number: int, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.writer = writer
        self.beside: asyncio.StreamWriter | None = None
        self.overlap = False
        self.clearing = False
        self.largest_reply = LARGEST
        self.inbox: deque[Message] = deque()
        self.room = asyncio.Event()
        self.room.set()
        self.locking: asyncio.Task[None] | None = None
        self.reset()

    def reset(self) -> None:
        """As after Initialize or a device clear."""
        self.unread = False
        self.replying_to = FIRST_ID
        self.next_reply = FIRST_ID
        self.partial = bytearray()
        self.too_long = False
        self.inbox.clear()
        self.room.set()

    def channels(self) -> list[asyncio.StreamWriter]:
        """Those that are connected."""
        return [self.writer] if self.beside is None else [self.writer, self.beside]

    def put(self, message: Message) -> None:
        """Queue a message; reading stops while too many wait."""
        self.inbox.append(message)
        if len(self.inbox) >= INBOX_MOST:
            self.room.clear()

    def take(self) -> Message:
        """The oldest message."""
        message = self.inbox.popleft()
        self.room.set()
        return message

    def reply(self, data: bytes) -> None:
        """Send a reply, in pieces that the client takes; the last one carries the end."""
        number = self.replying_to
        if self.overlap:
            number, self.next_reply = self.next_reply, (self.next_reply + ID_STEP) & WHOLE
        size = max(1, self.largest_reply - HEADER.size)
        pieces = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        for piece in pieces[:-1]:
            self.writer.write(frame(Kind.DATA, 0, number, piece))
        self.writer.write(frame(Kind.DATA_END, 0, number, pieces[-1]))
        self.unread = not self.overlap

    def say_beside(self, kind: Kind, control: int = 0, parameter: int = 0) -> None:
        """Send on the asynchronous channel."""
        if self.beside is not None:
            self.beside.write(frame(kind, control, parameter))


class Bus:
    """The instrument and its clients. `pace` keeps its time and gives its replies when due."""

    def __init__(self, firmware: MessageBased, pace: Pace) -> None:
        self.sessions: dict[int, Session] = {}
        self.locks: Locks[Session] = Locks()
        self._firmware = firmware
        self._pace = pace
        self._speaker: Session | None = None
        self._loop = asyncio.get_running_loop()
        pace.attach(self._reply, self._hang_up)

    def pump(self) -> None:
        """Execute what may be executed now."""
        for session in tuple(self.sessions.values()):
            while session.inbox and self._may_run(session):
                self._run(session, session.take())

    def clear(self, session: Session) -> None:
        """AsyncDeviceClear: nothing that this client sent is executed or answered any more."""
        session.clearing = True
        session.reset()
        if self.locks.may_talk(session):
            self._firmware.device_clear(self._pace.now())
            self._pace.drop()
        self.pump()

    def status(self, session: Session) -> int:
        """The status byte, with "message available" as this client sees it."""
        return self._firmware.status_byte(self._pace.now(), session.unread)

    def leave(self, session: Session) -> None:
        """A client has gone, or one of its channels: both are closed, its locks are free."""
        if self.sessions.pop(session.number, None) is None:
            return
        if session.locking is not None:
            session.locking.cancel()
        if self._speaker is session:
            self._speaker = None
            self._pace.drop()
        self.locks.forget(session)
        session.reset()
        for writer in session.channels():
            writer.close()
        self.pump()

    def _hang_up(self) -> None:
        for session in tuple(self.sessions.values()):
            for writer in session.channels():
                reset(writer)
            self.leave(session)

    def _may_run(self, session: Session) -> bool:
        busy = self._pace.waiting and self._speaker is not session
        return not busy and session.beside is not None and self.locks.may_talk(session)

    def _run(self, session: Session, message: Message) -> None:
        due = self._pace.waiting and self._speaker is session
        if not session.overlap and (due or session.unread):
            self._interrupt(session, message.number)
        # in overlap mode replies queue up and no message takes them back
        self._firmware.speak("stream" if session.overlap else "bus")
        self._speaker = session
        session.replying_to = message.number
        self._pace.receive(message.data)

    def _interrupt(self, session: Session, number: int) -> None:
        self._firmware.interrupted(self._pace.now())
        self._pace.drop()
        session.unread = False
        session.say_beside(Kind.ASYNC_INTERRUPTED, 0, number)
        session.writer.write(frame(Kind.INTERRUPTED, 0, number))

    def _reply(self, data: bytes) -> None:
        if self._speaker is not None:
            self._speaker.reply(data)
        if not self._pace.waiting:
            self._loop.call_soon(self.pump)
