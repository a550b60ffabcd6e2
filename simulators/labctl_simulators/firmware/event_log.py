"""The event log beside the error queue, as Keithley's newer instruments keep it.

Source: instruments.md §1b (text;type;time), §8 (the DAQ6510's is the same engine).
"""

from collections import deque
from typing import Any

from labctl_simulators.firmware.common import NONE
from labctl_simulators.firmware.events import Entry, text
from labctl_simulators.firmware.exchange import Instrument
from labctl_simulators.firmware.k2450_buffer import stamp
from labctl_simulators.firmware.scpi import Arguments, Command, number

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


def clear_log(device: LoggedEvents, _: Arguments) -> None:
    """`:SYST:CLE`: queue and event log."""
    device.errors.clear()
    device.log.clear()


def beep(_: LoggedEvents, arguments: Arguments) -> None:
    """`:SYST:BEEP`: heard by nobody, but checked."""
    number(arguments[0], 20, 8000)
    number(arguments[1], 1e-3, 100)


def nothing(_: LoggedEvents, __: Arguments) -> None:
    """The display: nothing that the wire would show."""


PANEL_COMMANDS: list[Command[Any]] = [
    Command(":SYSTem:EVENtlog:NEXT", ask=lambda d, _: d.next_event()),
    Command(":SYSTem:EVENtlog:COUNt", ask=lambda d, _: str(len(d.log))),
    Command(":SYSTem:CLEar", clear_log, None, NONE),
    Command(":SYSTem:LFRequency", ask=lambda d, _: f"{d.line_hz:g}"),
    Command(":SYSTem:BEEPer[:IMMediate]", beep, None, (2, 2)),
    Command(":DISPlay:CLEar", nothing, None, NONE),
    Command(":DISPlay:SCReen", nothing, None),
]
"""For the log, the line and the panel, which are alike on all of these instruments."""
