"""How far a follower has come, and from where it goes on after a break."""

import json
from collections import deque
from typing import NamedTuple

REPLAY_S = 10.0
"""Host time before a break from which on all is sent again: an acknowledgement says only that the
broker had it, and one that dies forgets its last seconds."""
NOTE_EVERY_S = 0.25


class Place(NamedTuple):
    """The last reading and the last event that were published."""

    reading: int = 0
    event: int = 0

    def to_json(self) -> str:
        """The cursor as the journal keeps it."""
        return json.dumps(self._asdict())


def from_json(text: str | None) -> Place:
    """The cursor that the journal kept, else the beginning."""
    return Place(**json.loads(text)) if text else Place()


class Trail:
    """Where the follower was when, for as long as a break may reach back."""

    def __init__(self, start: Place) -> None:
        self._notes: deque[tuple[float, Place]] = deque([(float("-inf"), start)])

    def note(self, now_s: float, place: Place) -> None:
        """The broker has acknowledged all up to this place."""
        notes = self._notes
        if now_s - notes[-1][0] >= NOTE_EVERY_S:
            notes.append((now_s, place))
        while len(notes) > 1 and notes[1][0] <= now_s - REPLAY_S:
            notes.popleft()

    @property
    def safe(self) -> Place:
        """Where to go on after a break, or after a start over."""
        return self._notes[0][1]

    def restart(self) -> Place:
        """Go back to the safe place."""
        self._notes = deque([(float("-inf"), self.safe)])
        return self.safe
