"""JSON objects out of a stream that has no terminators: an object ends with its last brace."""

import re

OUTSIDE = re.compile(rb'[{}"]')
INSIDE = re.compile(rb'["\\]')
LONGEST_BYTES = 65536


class ObjectStream:
    """Cuts a stream into objects, whatever the chunks that it comes in.

    What is not inside an object and not white space is garbage: it is skipped up to the next
    brace. An object that grows beyond `LONGEST_BYTES` is dropped with all that has come, and what
    comes next is read anew.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._at = self._depth = 0
        self._in_text = self._in_garbage = False

    def feed(self, data: bytes) -> list[bytes | None]:
        """The objects that are complete now; None for each run of garbage."""
        self._held += data
        found: list[bytes | None] = []
        while self._begin(found) and self._end():
            found.append(bytes(self._held[: self._at]))
            del self._held[: self._at]
            self._at = 0
        if len(self._held) > LONGEST_BYTES:
            found.append(None)
            self._held.clear()
            self._at = self._depth = 0
            self._in_text, self._in_garbage = False, True
        return found

    def _begin(self, found: list[bytes | None]) -> bool:
        """Whether there is an object, at the front of what is held."""
        if self._at:
            return True
        start = self._held.find(b"{")
        skipped = self._held if start < 0 else self._held[:start]
        garbage = bool(skipped.strip())
        if garbage and not self._in_garbage:
            found.append(None)
        self._in_garbage = start < 0 and (garbage or self._in_garbage)
        del self._held[: len(skipped)]
        return start >= 0

    def _end(self) -> bool:
        """Whether the object is whole; `_at` is then behind it, else where to go on."""
        while hit := (INSIDE if self._in_text else OUTSIDE).search(self._held, self._at):
            self._at = hit.end()
            match hit.group():
                case b"{":
                    self._depth += 1
                case b"}":
                    self._depth -= 1
                    if self._depth == 0:
                        return True
                case b'"':
                    self._in_text = not self._in_text
                case _ if self._at == len(self._held):
                    self._at -= 1  # what it escapes has not come yet
                    return False
                case _:
                    self._at += 1
        self._at = len(self._held)
        return False
