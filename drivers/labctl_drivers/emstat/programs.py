"""From a setpoint inside a guard to the script that does it, bounded on the instrument. No I/O."""

from labctl_drivers.emstat.currents import current_program
from labctl_drivers.emstat.models import Model
from labctl_drivers.emstat.scripts import (
    Program,
    Timing,
    check_current,
    check_setpoint,
    hold_program,
    rest_program,
)
from labctl_drivers.emstat.sweeps import sweep_program
from labctl_drivers.methodscript.numbers import rounded
from labctl_drivers.methodscript.output import Variable
from labctl_drivers.vocabulary import Guard, Setpoint

READ_BACK = 1e-5
"""What an instrument says it was given may differ by so much: a package has 5 digits at least."""


def program_for(setpoint: Setpoint, guard: Guard, model: Model, timing: Timing) -> Program:
    """The script for a setpoint. Raises OutOfRange."""
    check_setpoint(setpoint, guard, model)
    if setpoint.mode == "rest":
        return rest_program(guard, model, timing)
    check_current(setpoint, guard, model)
    if setpoint.mode == "sweep":
        return sweep_program(setpoint, guard, model)
    if setpoint.mode == "voltage":
        return hold_program(setpoint, guard, model, timing)
    return current_program(setpoint, guard, model, timing)


def differences(found: tuple[Variable, ...], program: Program) -> list[str]:
    """What an instrument says otherwise than it was given; nothing where it has it all."""
    if len(found) != len(program.declared):
        return [f"{len(found)} values"]
    return [
        f"{name} is {got.type} {got.value:.9g}, not {kind} {value:.9g}"
        for got, (name, kind, value) in zip(found, program.declared, strict=True)
        if got.type != kind or abs(got.value - rounded(value)) > READ_BACK * abs(value)
    ]
