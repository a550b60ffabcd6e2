"""Who may talk to an instrument that several HiSLIP clients share (IVI-6.1 §4.4, table 17).

An exclusive lock shuts out all others; a shared lock all who do not give its key. One client may
hold both.
"""

import asyncio
from enum import IntEnum
from typing import Generic, TypeVar

C = TypeVar("C")


class Granted(IntEnum):
    """Control codes of AsyncLockResponse."""

    FAILED = 0
    EXCLUSIVE = 1
    SHARED = 2
    ERROR = 3


class Locks(Generic[C]):
    """The locks on one instrument, held by clients."""

    def __init__(self) -> None:
        self.exclusive: C | None = None
        self.sharers: set[C] = set()
        self._key = b""
        self._changed = asyncio.Event()

    @property
    def holders(self) -> int:
        """How many clients hold a lock."""
        held = set(self.sharers)
        if self.exclusive is not None:
            held.add(self.exclusive)
        return len(held)

    def may_talk(self, client: C) -> bool:
        """Whether a client's messages are executed now."""
        if self.exclusive is not None:
            return self.exclusive is client
        return not self.sharers or client in self.sharers

    async def request(self, client: C, key: bytes, timeout_s: float) -> Granted:
        """Wait for a lock: exclusive without a key, else shared with those who give the same."""
        already = client in self.sharers if key else self.exclusive is client
        if already:
            return Granted.ERROR
        try:
            async with asyncio.timeout(timeout_s):
                while not self._free(client, key):
                    await self._changed.wait()
        except TimeoutError:
            return Granted.FAILED
        if key:
            self._key = key
            self.sharers.add(client)
            return Granted.SHARED
        self.exclusive = client
        return Granted.EXCLUSIVE

    def release(self, client: C) -> Granted:
        """Give back the exclusive lock, else the shared one."""
        if self.exclusive is client:
            self.exclusive = None
            self._wake()
            return Granted.EXCLUSIVE
        if client in self.sharers:
            self.sharers.discard(client)
            self._wake()
            return Granted.SHARED
        return Granted.ERROR

    def forget(self, client: C) -> None:
        """A client has gone: whatever it held is free."""
        while self.release(client) is not Granted.ERROR:
            pass

    def _free(self, client: C, key: bytes) -> bool:
        if self.exclusive is not None and self.exclusive is not client:
            return False
        if not self.sharers:
            return True
        return self._key == key if key else client in self.sharers

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
