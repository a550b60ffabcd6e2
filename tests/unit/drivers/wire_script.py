"""A link whose other end follows a script, byte for byte, and fails the test when we do not."""

import contextlib
from collections.abc import AsyncIterator, Sequence

from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.scpi import IDENTITY_PROBE

Pairs = Sequence[tuple[str, str | None]]


class Script:
    """Takes exactly these lines in this order, and answers each as written there."""

    def __init__(self, pairs: Pairs) -> None:
        self.left = list(pairs)
        self.wrong: list[str] = []
        self._line = b""

    def feed(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        self._line += data
        replies = []
        while b"\n" in self._line:
            line, self._line = self._line.split(b"\n", 1)
            replies += self._answer(line.decode(), now)
        return replies

    def _answer(self, line: str, now: float) -> list[tuple[float, bytes]]:
        if not self.left or self.left[0][0] != line:
            self.wrong.append(f"sent {line!r}, expected {self.left[:1]}")
            return []
        _, reply = self.left.pop(0)
        return [] if reply is None else [(now, reply.encode() + b"\n")]


@contextlib.asynccontextmanager
async def expect(pairs: Pairs) -> AsyncIterator[Link]:
    """A link that is open and in step when the script begins; all of it has to be used."""
    script = Script([("*IDN?", "A,B,1,2"), *pairs])
    link = Link(MemoryTransport(script), probe=IDENTITY_PROBE)
    try:
        await link.open()
        yield link
    finally:
        # whatever the test left open
        link._holders.clear()
        await link.close()
    assert script.wrong == []
    assert script.left == []
