"""How a source-measure unit is set so that it cannot drive the cell past its limits by itself.

A driven step is a voltage source at the voltage where it has to stop, with the step's current as
the limit: constant current until there, then constant voltage, in both directions, whatever
becomes of the PC (instruments.md §0.1). A rest is a current source at 0 A.
"""

from dataclasses import dataclass
from typing import Literal

from labctl_drivers.errors import OutOfRange
from labctl_drivers.setpoints import check_numbers, stop_level_V
from labctl_drivers.smu_models import Model, VoltageRange
from labctl_drivers.vocabulary import Guard, RangeAccuracy, Setpoint

SMALLEST_DRIVE_RANGE_V = 2.0
"""Below, a cell that leaves its limits would leave the range too and could not be read."""

Function = Literal["VOLT", "CURR"]


@dataclass(frozen=True, slots=True)
class Program:
    """What the instrument is set to: source function, its level, and the other quantity's limit.

    `voltage` and `current` are the ranges in force.
    """

    function: Function
    level: float
    limit: float
    voltage: VoltageRange
    current: RangeAccuracy

    @property
    def limit_range(self) -> float:
        """Full scale of the range on which the limited quantity is measured."""
        return self.current.full_scale if self.function == "VOLT" else self.voltage.full_scale


def program_for(
    setpoint: Setpoint,
    guard: Guard,
    model: Model,
    seen_V: float | None,
    held: VoltageRange | None = None,
) -> Program:
    """The instrument's settings for a setpoint inside a guard.

    `seen_V` is the cell's voltage when last read, None before the first reading. `held` is the
    range on which the cell is driven now, kept if it will do: changing it would interrupt the
    current. Raises OutOfRange.
    """
    check_numbers(setpoint, guard)
    if setpoint.mode == "sweep":
        raise OutOfRange("a source-measure unit is swept set-point by set-point")
    if setpoint.mode == "rest":
        return _rest(guard, model, seen_V)
    limit = abs(setpoint.current_A)
    if not model.least_A <= limit <= guard.max_current_A:
        raise OutOfRange(
            f"{limit:g} A is not within {model.least_A:g} A .. {guard.max_current_A:g} A"
        )
    voltage = _voltage_range(guard, model, seen_V, SMALLEST_DRIVE_RANGE_V)
    if held is not None and held.full_scale >= voltage.full_scale:
        voltage = held
    level = stop_level_V(setpoint, guard, voltage.error_V)
    most = model.max_current_A(voltage.full_scale)
    if limit > most:
        raise OutOfRange(
            f"a {model.name} gives at most {most:g} A on its {voltage.full_scale:g} V range, "
            f"not {limit:g} A"
        )
    return Program("VOLT", level, limit, voltage, _current_range(limit, model))


def _rest(guard: Guard, model: Model, seen_V: float | None) -> Program:
    # the limit is the range's, never the guard's: a cell beyond it would be discharged to it
    voltage = _voltage_range(guard, model, seen_V, model.first_V)
    return Program("CURR", 0.0, voltage.full_scale, voltage, model.amps[0])


def _voltage_range(
    guard: Guard, model: Model, seen_V: float | None, least_V: float
) -> VoltageRange:
    known = model.first_V if seen_V is None else abs(seen_V)
    need = max(abs(guard.low_V), abs(guard.high_V), known, least_V)
    for candidate in model.volts:
        if candidate.full_scale >= need:
            return candidate
    raise OutOfRange(f"a {model.name} has no voltage range that holds {need:g} V")


def _current_range(limit: float, model: Model) -> RangeAccuracy:
    for candidate in model.amps:
        if limit <= candidate.full_scale * model.usable:
            return candidate
    raise OutOfRange(f"a {model.name} has no current range that holds {limit:g} A")
