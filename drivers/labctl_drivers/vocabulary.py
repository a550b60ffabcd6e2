"""The words that drivers, protocols and the application share: frozen values, SI floats.

Positive current charges the cell as wired. Charge is in Ah, energy in Wh, all else SI.
Standard library only: this is the one module of the drivers that protocols may import.
"""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["rest", "current", "voltage", "sweep"]
Regulation = Literal["current", "voltage", "unknown"]
Bounded = Literal["voltage", "current", "charge", "time"]
Ability = Literal["impedance"]

Unguarded = Mode | Literal["galvanostatic spectrum"]
"""What an instrument may be unable to hold safe by itself."""

DRIVEN: frozenset[Mode] = frozenset({"rest", "current", "voltage"})
"""What any source-measure unit does."""


@dataclass(frozen=True, slots=True)
class SweepShape:
    """A staircase of voltages from `start_V` through the corners, `cycles` times over.

    `rate_V_s` and `step_V` are above zero.
    """

    start_V: float
    corners_V: tuple[float, ...]
    rate_V_s: float
    step_V: float
    cycles: int = 1


@dataclass(frozen=True, slots=True)
class Setpoint:
    """What the instrument shall do with the cell until told otherwise.

    `rest`: no current, voltage readable. `current`: drive `current_A` (signed);
    `stop_voltage_V` is the voltage at which the step will end, None when it ends on something
    else; with `hold_at_stop` the instrument holds that voltage once reached (CC-CV).
    `voltage`: hold `stop_voltage_V`, with |current| up to `current_A`. `sweep`: step through the
    voltages of `sweep`, with |current| up to `current_A`; only for instruments with that mode.
    """

    mode: Mode
    current_A: float = 0.0
    stop_voltage_V: float | None = None
    hold_at_stop: bool = False
    sweep: SweepShape | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """What the instrument itself must not let pass, whatever becomes of the PC.

    `charge_Ah` and `time_s` count from the setpoint's start; None where nothing bounds them.
    """

    low_V: float
    high_V: float
    max_current_A: float
    charge_Ah: float | None = None
    time_s: float | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """When the output changed, on the event loop's clock: the midpoint of the two moments between
    which it did, and half their distance, s.
    """

    time_s: float
    time_error_s: float = 0.0

    @classmethod
    def between(cls, first_s: float, last_s: float) -> "Changed":
        """It changed at some moment between these two."""
        return cls((first_s + last_s) / 2, (last_s - first_s) / 2)


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement that parsed whole; anything else is no reading but an error.

    `time_s` is the midpoint of query and reply on the event loop's clock, `time_error_s` half
    their distance. The ranges are the measuring ranges in force, for the accuracy tables.
    `ended`: the instrument has ended what was applied by itself and switched its output off; this
    is its last reading, and no current has flowed since.
    """

    time_s: float
    voltage_V: float
    current_A: float
    regulating: Regulation = "unknown"
    time_error_s: float = 0.0
    current_range_A: float = 0.0
    voltage_range_V: float = 0.0
    status: int = 0
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Excitation:
    """A spectrum to measure about a state, from high to low frequency, both ends included.

    One of the amplitudes (peak) is set. `amplitude_V` goes with `about_V`, the voltage held;
    `amplitude_A` is about no current.
    """

    from_Hz: float
    to_Hz: float
    points_per_decade: int
    amplitude_V: float | None = None
    amplitude_A: float | None = None
    about_V: float | None = None


@dataclass(frozen=True, slots=True)
class ImpedancePoint:
    """The impedance at one frequency, real + j imaginary; `time_s` as a reading's."""

    time_s: float
    frequency_Hz: float
    real_ohm: float
    imaginary_ohm: float


@dataclass(frozen=True, slots=True)
class RangeAccuracy:
    """The maker's limits of error on one measuring range: ±(gain · |reading| + offset)."""

    full_scale: float
    gain: float
    offset: float


@dataclass(frozen=True, slots=True)
class Ratings:
    """What an instrument's channel can do and how well it measures; ranges in ascending order.

    `modes` is how it can drive a cell; `unguarded` are those of them for which it cannot itself
    hold voltage and current when nobody is there (S2). One that does not hold a voltage but looks
    at it and switches off may be beyond it for `cut_off_s`. `abilities` is what it can do beyond.
    """

    low_V: float
    high_V: float
    max_current_A: float
    current_ranges: tuple[RangeAccuracy, ...]
    voltage_ranges: tuple[RangeAccuracy, ...]
    bounds: frozenset[Bounded]
    readback: bool
    safe_within_s: float
    reading_time_s: float
    abilities: frozenset[Ability] = frozenset()
    modes: frozenset[Mode] = DRIVEN
    unguarded: frozenset[Unguarded] = frozenset()
    cut_off_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answered at the address, as the instrument said it."""

    maker: str
    model: str
    serial: str
    firmware: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What `open` found: the instrument's identity, whether its output was already on, and what
    stood in its error queue, which is empty now.
    """

    identity: Identity
    output_was_on: bool
    errors: tuple[str, ...] = ()
