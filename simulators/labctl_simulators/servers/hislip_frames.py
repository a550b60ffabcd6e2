"""HiSLIP messages as bytes (IVI-6.1, protocol version 1.0: table 4 and the error codes)."""

import asyncio
import struct
from enum import IntEnum
from typing import NamedTuple

HEADER = struct.Struct("!2sBBIQ")
PROLOGUE = b"HS"
VERSION = 0x0100
LARGEST = 1 << 20
VENDOR_SPECIFIC = 128
_CHUNK = 1 << 16


class Kind(IntEnum):
    """Message types."""

    INITIALIZE = 0
    INITIALIZE_RESPONSE = 1
    FATAL_ERROR = 2
    ERROR = 3
    ASYNC_LOCK = 4
    ASYNC_LOCK_RESPONSE = 5
    DATA = 6
    DATA_END = 7
    DEVICE_CLEAR_COMPLETE = 8
    DEVICE_CLEAR_ACKNOWLEDGE = 9
    ASYNC_REMOTE_LOCAL = 10
    ASYNC_REMOTE_LOCAL_RESPONSE = 11
    TRIGGER = 12
    INTERRUPTED = 13
    ASYNC_INTERRUPTED = 14
    ASYNC_MAXIMUM_SIZE = 15
    ASYNC_MAXIMUM_SIZE_RESPONSE = 16
    ASYNC_INITIALIZE = 17
    ASYNC_INITIALIZE_RESPONSE = 18
    ASYNC_DEVICE_CLEAR = 19
    ASYNC_STATUS_QUERY = 21
    ASYNC_STATUS_RESPONSE = 22
    ASYNC_DEVICE_CLEAR_ACKNOWLEDGE = 23
    ASYNC_LOCK_INFO = 24
    ASYNC_LOCK_INFO_RESPONSE = 25


class Fatal(IntEnum):
    """Codes of FatalError, after which both channels are closed."""

    UNIDENTIFIED = 0
    BAD_HEADER = 1
    NOT_BOTH_CHANNELS = 2
    BAD_INITIALIZATION = 3
    TOO_MANY_CLIENTS = 4


class Mistake(IntEnum):
    """Codes of Error: the message is ignored, the session goes on."""

    UNKNOWN_TYPE = 1
    UNKNOWN_CONTROL = 2
    UNKNOWN_VENDOR_TYPE = 3
    TOO_LARGE = 4


class Refusal(Exception):
    """What ends a session: the code of FatalError, and words for people."""

    def __init__(self, code: Fatal, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


class Frame(NamedTuple):
    """One message; `payload` None when it was too large to be kept."""

    kind: int
    control: int
    parameter: int
    payload: bytes | None


def frame(kind: Kind, control: int = 0, parameter: int = 0, payload: bytes = b"") -> bytes:
    """The bytes of a message."""
    return HEADER.pack(PROLOGUE, kind, control, parameter, len(payload)) + payload


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """The next message; None when the client has gone. Raises Refusal for what is no header."""
    try:
        head = await reader.readexactly(HEADER.size)
        prologue, kind, control, parameter, length = HEADER.unpack(head)
        if prologue != PROLOGUE:
            raise Refusal(Fatal.BAD_HEADER, "a message begins with HS")
        if length > LARGEST:
            await _discard(reader, length)
            return Frame(kind, control, parameter, None)
        return Frame(kind, control, parameter, await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def _discard(reader: asyncio.StreamReader, length: int) -> None:
    while length > 0:
        got = await reader.readexactly(min(_CHUNK, length))
        length -= len(got)
