"""What a Maccor channel is made of: ranges, outputs, limits, procedures, its own errors.

Source: instruments.md §7.2. The amperes of the ranges 1 to 3 are those at which `pymacnet` changes
range; range 4, the window of the voltage and the accuracy (0.02 % of full scale, 16 bit) are
general knowledge of such cyclers, not of one of them, and options of the simulator.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from math import inf
from typing import Literal

from labctl_simulators.firmware.calibration import within

Mode = Literal["C", "D", "R"]
RANGES_A = (150e-6, 5e-3, 150e-3, 5.0)
WINDOW_V = (-5.0, 5.0)
ACCURACY = 2e-4
COUNTS = 65536.0
SAME_V = 1e-5  # far below a step of the converter: a voltage held at a limit is not beyond it
SAME = 1.0 + 1e-6
RESULTS = {
    0: "OK",
    1: "Illegal system type",
    2: "The channel is not active",
    3: "Command sent too fast",
    4: "Direct mode is not active",
    5: "Direct mode is not ready yet",
}


class Stat(IntEnum):
    """The states of a channel that occur here; their numbers are those of the reference."""

    AVAILABLE = 0
    ACTIVE = 2
    SUSPENDED = 3
    COMPLETED = 4
    POWER_FAIL = 9
    STARTING = 12


class Refused(Exception):
    """A command that is well formed and not obeyed: `.text` goes into the reply's `Result`."""

    def __init__(self, text: str, code: int = 255) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


def refused(code: int) -> Refused:
    """One of the numbered refusals of direct mode."""
    return Refused(RESULTS[code], code)


@dataclass(frozen=True, slots=True)
class Rating:
    """What a channel can do: the full scale of ranges 1 to 4, the window of its voltage.

    Raises ValueError for ranges or a window that cannot be.
    """

    ranges_A: tuple[float, ...] = RANGES_A
    lowest_V: float = WINDOW_V[0]
    highest_V: float = WINDOW_V[1]

    def __post_init__(self) -> None:
        if len(self.ranges_A) != 4 or not all(0.0 < amps < inf for amps in self.ranges_A):
            raise ValueError(f"four current ranges are needed, not {self.ranges_A}")
        if not -inf < self.lowest_V < self.highest_V < inf:
            raise ValueError(f"no voltage lies between {self.lowest_V} and {self.highest_V}")

    @property
    def power_W(self) -> float:
        """The largest power that is not out of range."""
        return self.highest_V * self.ranges_A[-1]


@dataclass(frozen=True, slots=True)
class Output:
    """What direct mode asks for; None is a limit that is disabled. Magnitudes, `mode` the sign."""

    mode: Mode
    current_A: float | None = None
    voltage_V: float | None = None
    power_W: float | None = None
    resistance_ohm: float | None = None
    span: int = 4


REST = Output("R")


@dataclass(frozen=True, slots=True)
class Safety:
    """The safety limits of 6,10, as they were sent; None until then."""

    highest_V: float = inf
    lowest_V: float = -inf
    charge_A: float = inf
    discharge_A: float = inf
    charge_W: float = inf
    discharge_W: float = inf

    def broken_by(self, voltage_V: float, current_A: float) -> bool:
        """Whether a reading is beyond one of them."""
        amps, watts = abs(current_A), abs(voltage_V * current_A)
        most_A = self.charge_A if current_A >= 0.0 else self.discharge_A
        most_W = self.charge_W if current_A >= 0.0 else self.discharge_W
        inside = self.lowest_V - SAME_V <= voltage_V <= self.highest_V + SAME_V
        return not inside or amps > most_A * SAME or watts > most_W * SAME


@dataclass(frozen=True, slots=True)
class Recording:
    """When a record is made: after so many seconds, volts or amperes; 0 is never."""

    time_s: float = 0.0
    voltage_V: float = 0.0
    current_A: float = 0.0


@dataclass(frozen=True, slots=True)
class ProcedureStep:
    """A step of a procedure: current in units of C, a voltage not to be passed, an end.

    It ends after `for_s`, or when the voltage is reached where `until_voltage`. `cycle` counts the
    cycles that have begun with it.
    """

    mode: Mode
    rate: float = 0.0
    voltage_V: float | None = None
    for_s: float = inf
    until_voltage: bool = False
    cycle: int = 0


Procedure = Sequence[ProcedureStep]
PROCEDURES: Mapping[str, Procedure] = {
    "SIM-REST": (ProcedureStep("R", for_s=3600.0),),
    "SIM-CYCLE": (
        ProcedureStep("C", 0.5, 4.2, for_s=3 * 3600.0, until_voltage=True),
        ProcedureStep("R", for_s=600.0),
        ProcedureStep("D", 0.5, 3.0, for_s=3 * 3600.0, until_voltage=True),
        ProcedureStep("R", for_s=600.0, cycle=1),
    ),
}
"""What the simulated PC has in its folder of procedures."""


@dataclass(frozen=True, slots=True)
class Test:
    """What runs on a channel; in direct mode without steps."""

    name: str
    steps: Procedure = ()
    capacity_Ah: float = 1.0
    recording: Recording = field(default_factory=Recording)

    @property
    def direct(self) -> bool:
        """Whether the host sets the output."""
        return not self.steps


class Errors:
    """How a channel's own readings differ from the truth; `scale` 0 makes it exact but for steps.

    One converter both regulates and reads, so that a regulated quantity reads as it was set.
    """

    def __init__(self, rating: Rating, seed: int, scale: float) -> None:
        dice = random.Random(f"maccor {seed}")
        self._rating = rating
        self._volts = self._draw(dice, max(abs(rating.lowest_V), rating.highest_V), scale)
        self._amps = [self._draw(dice, amps, scale) for amps in rating.ranges_A]
        self._noise = random.Random(f"maccor noise {seed}")

    @staticmethod
    def _draw(dice: random.Random, full_scale: float, scale: float) -> tuple[float, float]:
        gain = 1.0 + within(dice, ACCURACY) * scale
        return gain, within(dice, ACCURACY * full_scale) * scale

    def seen_V(self, true_V: float) -> float:
        """What the regulator takes a voltage for."""
        gain, offset = self._volts
        return gain * true_V + offset

    def true_V(self, seen_V: float) -> float:
        """The voltage that the regulator takes for this one."""
        gain, offset = self._volts
        return (seen_V - offset) / gain

    def seen_A(self, true_A: float, span: int) -> float:
        """What the regulator takes a current for on a range."""
        gain, offset = self._amps[span - 1]
        return gain * true_A + offset

    def true_A(self, seen_A: float, span: int) -> float:
        """The current that the regulator takes for this one on a range."""
        gain, offset = self._amps[span - 1]
        return (seen_A - offset) / gain

    def read_V(self, true_V: float) -> float:
        """A reading of the voltage: with noise, in steps of the converter, held at its ends."""
        rating = self._rating
        step = (rating.highest_V - rating.lowest_V) / COUNTS
        read = self._stepped(self.seen_V(true_V), step)
        return min(rating.highest_V, max(rating.lowest_V, read))

    def read_A(self, true_A: float, span: int) -> float:
        """A reading of the current on a range."""
        full_scale = self._rating.ranges_A[span - 1]
        read = self._stepped(self.seen_A(true_A, span), 2.0 * full_scale / COUNTS)
        return min(full_scale, max(-full_scale, read))

    def _stepped(self, value: float, step: float) -> float:
        return round((value + self._noise.gauss(0.0, 0.5 * step)) / step) * step
