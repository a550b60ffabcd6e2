"""Where things are published: `<prefix>/<bench>/<channel>/<leaf>`, simulated ones under `sim`."""

import re
from dataclasses import dataclass

SEGMENT = re.compile(r"[A-Za-z0-9_-]{1,64}")
SIMULATED = "sim"


class BadTopic(ValueError):
    """A name that may not stand in a topic."""


def check_segment(what: str, text: str) -> str:
    """The text, if it may be one segment of a topic. Raises BadTopic."""
    if not SEGMENT.fullmatch(text):
        raise BadTopic(f"{what} {text!r} may hold 1 to 64 of A-Z a-z 0-9 _ - (it names a topic)")
    return text


@dataclass(frozen=True, slots=True)
class Topics:
    """The five topics of one channel."""

    online: str
    state: str
    readings: str
    cycles: str
    events: str


def topics_of(prefix: str, bench: str, channel: str, simulated: bool) -> Topics:
    """A channel's topics; a simulated one can never be mistaken for a real one (S9)."""
    segments = [check_segment("the MQTT prefix", each) for each in prefix.split("/")]
    check_segment("the bench's name", bench)
    if simulated:
        segments.append(SIMULATED)
    elif bench == SIMULATED:
        raise BadTopic(f"a real bench may not be called {SIMULATED!r}")
    base = "/".join([*segments, bench, check_segment("the channel's name", channel)])
    return Topics(
        *(f"{base}/{leaf}" for leaf in ("online", "state", "readings", "cycles", "events"))
    )
