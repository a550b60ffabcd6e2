"""What an instrument is asked beside messages where it is on a bus (IEEE 488.2): errors, status."""

from typing import Literal

from labctl_simulators.firmware.events import ErrorQueue, Status, standard_bit

Talk = Literal["stream", "bus"]


class OnBus:
    """An error queue and status registers on an instrument's clock."""

    errors_kept = 10

    def __init__(self, now: float, talk: Talk) -> None:
        self.talk = talk
        self.clock = now
        self.errors = ErrorQueue(self.errors_kept)
        self.status = Status()

    def advance(self, now: float) -> None:
        """Let time pass without traffic."""
        raise NotImplementedError

    def describe(self, code: int, detail: str) -> str:
        """The words that the error queue shows for a code."""
        raise NotImplementedError

    def speak(self, talk: Talk) -> None:
        """Be on a bus, where replies wait to be read, or on a stream."""
        self.talk = talk

    def status_byte(self, now: float, reply_waiting: bool) -> int:
        """The status byte as a serial poll shows it."""
        self.advance(now)
        return self.status.byte(len(self.errors) > 0, reply_waiting)

    def read_empty(self, now: float) -> None:
        """The host has asked a bus instrument for a reply and none is coming."""
        self.clock = max(self.clock, now)
        self.fail(-420)

    def fail(self, code: int, detail: str = "") -> None:
        """Put an error in the queue and set its bit in the standard event register."""
        self.errors.put(code, self.describe(code, detail), self.clock)
        self.status.standard.raise_event(standard_bit(code))
