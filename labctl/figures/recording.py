"""A recording: columns of equal length, in SI units, positive current charging."""

from collections.abc import Sequence
from dataclasses import dataclass

Column = Sequence[float]


class RecordingError(ValueError):
    """A file is no recording: `file:row: column: what is wrong`."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What was measured, row by row; `notes` tells of columns that were there and not used.

    `step_time_s` is the time since the row's step began. `charging_Ah` and `discharging_Ah` are
    the instrument's own counters since the test began. `step_count` changes where a step begins.
    """

    test_time_s: Column
    voltage_V: Column
    current_A: Column
    step_time_s: Column | None = None
    charging_Ah: Column | None = None
    discharging_Ah: Column | None = None
    step_count: Column | None = None
    simulated: bool = False
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.test_time_s)
