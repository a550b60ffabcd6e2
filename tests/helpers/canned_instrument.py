"""The other end of a link that takes exactly what is expected, and says what is written there."""

from collections.abc import Sequence
from dataclasses import dataclass, field

Said = tuple[float, bytes]
"""How long after it heard, s, and the bytes."""


@dataclass
class Canned:
    """Exchanges in order: what is sent, and what comes of it. `wrong` is what was sent instead."""

    exchanges: Sequence[tuple[bytes, Sequence[Said]]]
    done: int = 0
    wrong: list[bytes] = field(default_factory=list)
    buffer: bytes = b""
    heard: list[tuple[float, bytes]] = field(default_factory=list)

    def feed(self, data: bytes, now: float) -> list[Said]:
        """Take bytes at `now`."""
        self.buffer += data
        said: list[Said] = []
        while self.buffer and self.done < len(self.exchanges):
            expected, replies = self.exchanges[self.done]
            if not self.buffer.startswith(expected):
                if not expected.startswith(self.buffer):
                    self.wrong.append(self.buffer)
                    self.buffer = b""
                break
            self.buffer = self.buffer[len(expected) :]
            self.heard.append((now, expected))
            self.done += 1
            said += [(now + after_s, reply) for after_s, reply in replies]
        if self.buffer and self.done == len(self.exchanges):
            self.wrong.append(self.buffer)
            self.buffer = b""
        return said
