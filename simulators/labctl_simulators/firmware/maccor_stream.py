"""JSON objects out of a stream that has no terminators: an object ends with its last brace."""

from typing import Final

OPEN_BRACE, CLOSE_BRACE, QUOTE, BACKSLASH = b'{}"\\'
SPACE: Final = b" \t\r\n"
LONGEST_BYTES = 65536


class ObjectStream:
    """Cuts a stream into objects, whatever the chunks that it comes in.

    What is not inside an object and not white space is garbage: it is skipped up to the next
    brace. An object that grows beyond `LONGEST_BYTES` is dropped, and what follows is read anew.
    """

    def __init__(self) -> None:
        self._object = bytearray()
        self._depth = 0
        self._in_text = self._escaped = self._in_garbage = False

    def feed(self, data: bytes) -> list[bytes | None]:
        """The objects that are complete now; None for each run of garbage."""
        found: list[bytes | None] = []
        for byte in data:
            if self._depth == 0 and byte != OPEN_BRACE:
                if byte not in SPACE and not self._in_garbage:
                    self._in_garbage = True
                    found.append(None)
                continue
            self._in_garbage = False
            self._object.append(byte)
            self._count(byte)
            if self._depth == 0:
                found.append(bytes(self._object))
                self._forget()
            elif len(self._object) > LONGEST_BYTES:
                found.append(None)
                self._forget()
                self._in_garbage = True
        return found

    def _forget(self) -> None:
        self._object.clear()
        self._depth = 0
        self._in_text = self._escaped = False

    def _count(self, byte: int) -> None:
        if self._escaped:
            self._escaped = False
        elif self._in_text:
            self._escaped = byte == BACKSLASH
            self._in_text = byte != QUOTE
        elif byte == QUOTE:
            self._in_text = True
        elif byte == OPEN_BRACE:
            self._depth += 1
        elif byte == CLOSE_BRACE:
            self._depth -= 1
