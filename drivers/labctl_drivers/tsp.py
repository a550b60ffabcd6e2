"""TSP as bytes: the lines of an instrument that runs Lua, and what `print` writes. No I/O.

Sources: instruments.md §3; prompts: 2600BS-901-01 Rev. B page 7-142.
"""

import re

from labctl_drivers import scpi
from labctl_drivers.errors import BadReply
from labctl_drivers.link.framing import LINES as ANY_LINES
from labctl_drivers.link.framing import Framing

_PROMPT = re.compile(rb"(?:TSP[>?]|>>>>)[ \t]*")


def _cut_line(buffer: bytearray) -> bytes | None:
    """The next line that says something: prompts, which may be on, do not."""
    while (line := ANY_LINES.cut(buffer)) is not None:
        prompt = _PROMPT.match(line)
        line = line[prompt.end() :] if prompt else line
        if line:
            return line
    return None


LINES = Framing(ANY_LINES.end, _cut_line)


def fields(frame: bytes) -> list[str]:
    """What one `print` wrote. Raises BadReply unless it is printable ASCII between tabs."""
    return [scpi.text(field) for field in frame.split(b"\t")]


def nr3(value: float) -> str:
    """A number as it is sent, to 7 digits."""
    return f"{value:.6e}"


def queue_entry(frame: bytes) -> scpi.QueueEntry:
    """What `errorqueue.next()` gave: code, text, severity, node. Raises BadReply.

    An empty queue gives code 0 with either of two texts.
    """
    entry = fields(frame)
    if len(entry) != 4:
        raise BadReply(f"no entry of an error queue: {frame[:80]!r}")
    code, _, _ = map(scpi.number, (entry[0], entry[2], entry[3]))
    return scpi.QueueEntry(round(code), entry[1], round(code) != 0)
