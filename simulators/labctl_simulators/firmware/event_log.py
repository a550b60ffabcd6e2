"""The event log beside the error queue, as Keithley's newer instruments keep it.

Source: instruments.md §1b (text;type;time), §8 (the DAQ6510's is the same engine).
"""

from collections import deque

from labctl_simulators.firmware.events import Entry, text
from labctl_simulators.firmware.exchange import Instrument
from labctl_simulators.firmware.k2450_buffer import stamp

LOG_KEPT = 64
ERROR, INFORMATION = 1, 4
NOTHING = '0,"No error;0;0 0"'


class LoggedEvents(Instrument):
    """An instrument whose errors carry a type and a time, and that logs other events too."""

    log: deque[tuple[int, Entry]]

    def forget_events(self) -> None:
        """Begin with an empty log."""
        self.log = deque(maxlen=LOG_KEPT)

    def fail(self, code: int, detail: str = "") -> None:
        """An error, for the queue and for the event log."""
        super().fail(code, detail)
        self.log.append((ERROR, Entry(code, self.describe(code, detail), self.clock)))

    def inform(self, code: int) -> None:
        """An event that is no error, for the event log alone."""
        self.log.append((INFORMATION, Entry(code, text(code), self.clock)))

    def describe(self, code: int, detail: str) -> str:
        """The words for a code; parameter errors bring their own."""
        return detail if code == 1133 else super().describe(code, detail)

    def next_error(self) -> str:
        """The oldest error as `code,"text;type;time"`."""
        entry = self.errors.take()
        return _shown(ERROR, entry) if entry.code else NOTHING

    def next_event(self) -> str:
        """The oldest entry of the event log."""
        return _shown(*self.log.popleft()) if self.log else NOTHING


def _shown(kind: int, entry: Entry) -> str:
    return f'{entry.code},"{entry.text};{kind};{stamp(entry.time_s)}"'
