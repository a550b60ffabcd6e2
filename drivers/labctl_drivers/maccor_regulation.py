"""How a Maccor channel in direct mode is set so that it cannot drive the cell past its limits.

In direct mode current, voltage and power limit each other, whichever is reached first: charge (C)
or discharge (D) at a current, with the voltage where it has to stop, is constant current until
there and constant voltage from there. Beyond that the tester enforces safety limits of its own:
whatever crosses them ends the test. They lie outside the guard by the tester's error, so that a
cell held at its limit does not trip them.
"""

from dataclasses import dataclass
from typing import Literal

from labctl_drivers.errors import InvalidReading, OutOfRange
from labctl_drivers.setpoints import check_numbers, stop_level_V
from labctl_drivers.vocabulary import Guard, RangeAccuracy, Ratings, Regulation, Setpoint

SAFE_WITHIN_S = 10.0
READING_TIME_S = 0.1
LEAST = 1e-3
"""The smallest current, as a part of the smallest range."""
BEYOND = 1.1
"""No reading of a sound channel is so far beyond its range or its set-point."""

Mode = Literal["C", "D", "R"]


@dataclass(frozen=True, slots=True)
class Model:
    """What one kind of channel can do; ranges 1 to 4 ascending, the voltage's full scale last."""

    low_V: float
    high_V: float
    amps: tuple[RangeAccuracy, ...]
    volts: RangeAccuracy

    @property
    def band_V(self) -> float:
        """By how much a voltage that is set and the same voltage measured may differ."""
        return 2 * self.volts.offset

    @property
    def ratings(self) -> Ratings:
        """In the words of the port."""
        return Ratings(
            low_V=self.low_V,
            high_V=self.high_V,
            max_current_A=self.amps[-1].full_scale,
            current_ranges=self.amps,
            voltage_ranges=(self.volts,),
            bounds=frozenset({"voltage", "current"}),
            readback=True,
            safe_within_s=SAFE_WITHIN_S,
            reading_time_s=READING_TIME_S,
        )

    def error_A(self, current_A: float) -> float:
        """By how much a current that is set and the same current measured may differ."""
        return 2 * self.range_for(min(current_A, self.amps[-1].full_scale))[1].offset

    def range_for(self, current_A: float) -> tuple[int, RangeAccuracy]:
        """Number and figures of the smallest range that holds it. Raises OutOfRange."""
        for number, each in enumerate(self.amps, 1):
            if current_A <= each.full_scale:
                return number, each
        raise OutOfRange(f"no current range holds {current_A:g} A")


@dataclass(frozen=True, slots=True)
class Safety:
    """The tester's safety limits: V, A as magnitudes."""

    low_V: float
    high_V: float
    current_A: float

    @property
    def params(self) -> dict[str, float]:
        """As function 6,10 takes and returns them."""
        watts = max(abs(self.low_V), abs(self.high_V)) * self.current_A
        return {
            "VSafeMax": self.high_V,
            "VSafeMin": self.low_V,
            "ISafeChg": self.current_A,
            "ISafeDis": self.current_A,
            "PBatSafeChg": watts,
            "PBatSafeDis": watts,
        }


@dataclass(frozen=True, slots=True)
class Program:
    """What a channel is set to; current as a magnitude, `held` if the voltage is to be held."""

    mode: Mode
    current_A: float
    voltage_V: float
    range_number: int
    amps: RangeAccuracy
    safety: Safety
    held: bool = False

    @property
    def sign(self) -> int:
        """Of the current that it drives."""
        return {"C": 1, "D": -1, "R": 0}[self.mode]


def program_for(setpoint: Setpoint, guard: Guard, model: Model, seen_V: float) -> Program:
    """The channel's settings for a setpoint inside a guard, with the cell at `seen_V`.

    Raises OutOfRange, whatever `seen_V` is.
    """
    _check(setpoint, guard, model)
    if setpoint.mode == "rest":
        # a fresh cell may stand outside the limits that hold while it is driven
        safety = _safety(guard, model, model.low_V, model.high_V)
        return Program("R", 0.0, 0.0, 1, model.amps[0], safety)
    current = abs(setpoint.current_A)
    least = model.amps[0].full_scale * LEAST
    if not least <= current <= guard.max_current_A:
        raise OutOfRange(f"{current:g} A is not within {least:g} A .. {guard.max_current_A:g} A")
    number, amps = model.range_for(current)
    stop = setpoint.stop_voltage_V
    held = setpoint.mode == "voltage"
    mode: Mode = "C" if setpoint.current_A > 0 else "D"
    if held and stop is not None:
        mode = "C" if seen_V <= stop else "D"
    voltage = stop_level_V(setpoint, guard, lambda _: model.band_V)
    # a cell that stands outside on one side is driven back from there, not further
    low = guard.low_V if seen_V >= guard.low_V else model.low_V
    high = guard.high_V if seen_V <= guard.high_V else model.high_V
    return Program(mode, current, voltage, number, amps, _safety(guard, model, low, high), held)


def _check(setpoint: Setpoint, guard: Guard, model: Model) -> None:
    check_numbers(setpoint, guard)
    if guard.low_V < model.low_V or guard.high_V > model.high_V:
        raise OutOfRange(
            f"the channel goes from {model.low_V:g} V to {model.high_V:g} V, not from "
            f"{guard.low_V:g} V to {guard.high_V:g} V"
        )
    if setpoint.mode == "sweep":
        raise OutOfRange("a Maccor channel is swept set-point by set-point")


def _safety(guard: Guard, model: Model, low_V: float, high_V: float) -> Safety:
    current = min(guard.max_current_A, model.amps[-1].full_scale)
    return Safety(
        max(low_V - model.band_V, model.low_V),
        min(high_V + model.band_V, model.high_V),
        current + model.error_A(current),
    )


def check_plausible(program: Program, model: Model, voltage_V: float, current_A: float) -> None:
    """Raises InvalidReading for what a sound channel that is set so cannot read."""
    check_voltage(model, voltage_V)
    most_A = BEYOND * (program.current_A or program.amps.full_scale) + 2 * program.amps.offset
    if abs(current_A) > most_A:
        raise InvalidReading(f"{current_A:g} A: beyond {most_A:g} A")


def check_voltage(model: Model, voltage_V: float) -> None:
    """Raises InvalidReading for a voltage that the channel cannot read."""
    most_V = BEYOND * max(abs(model.low_V), abs(model.high_V))
    if abs(voltage_V) > most_V:
        raise InvalidReading(f"{voltage_V:g} V: beyond {most_V:g} V")


def regulating(program: Program, model: Model, voltage_V: float, current_A: float) -> Regulation:
    """What the channel regulates, told from the reading: the status does not say it."""
    if abs(abs(current_A) - program.current_A) <= 2 * program.amps.offset:
        return "current"
    if abs(voltage_V - program.voltage_V) <= model.band_V:
        return "voltage"
    return "unknown"


def other_side(program: Program, model: Model, voltage_V: float, current_A: float) -> Mode | None:
    """The mode that a held voltage needs now, when the cell has gone past it by itself.

    A channel that charges cannot hold a cell down, nor one that discharges hold it up.
    """
    if not program.held or abs(current_A) > 2 * program.amps.offset:
        return None
    past = (voltage_V - program.voltage_V) * program.sign
    if past <= model.band_V:
        return None
    return "D" if program.mode == "C" else "C"
