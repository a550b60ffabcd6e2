"""From a setpoint inside a guard to the script that does it, bounded on the instrument. No I/O."""

from labctl_drivers.emstat.currents import current_program
from labctl_drivers.emstat.models import Model
from labctl_drivers.emstat.scripts import (
    Program,
    Timing,
    check_current,
    check_numbers,
    hold_program,
    rest_program,
)
from labctl_drivers.emstat.sweeps import sweep_program
from labctl_drivers.vocabulary import Guard, Setpoint


def program_for(setpoint: Setpoint, guard: Guard, model: Model, timing: Timing) -> Program:
    """The script for a setpoint. Raises OutOfRange."""
    check_numbers(setpoint, guard, model)
    if setpoint.mode == "rest":
        return rest_program(guard, model, timing)
    check_current(setpoint, guard, model)
    if setpoint.mode == "sweep":
        return sweep_program(setpoint, guard, model)
    if setpoint.mode == "voltage":
        return hold_program(setpoint, guard, model, timing)
    return current_program(setpoint, guard, model, timing)
