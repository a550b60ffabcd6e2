"""What a setpoint and its guard must be on any instrument, and at which voltage a step stops."""

from collections.abc import Callable
from math import isfinite

from labctl_drivers.errors import OutOfRange
from labctl_drivers.vocabulary import Guard, Setpoint


def check_numbers(setpoint: Setpoint, guard: Guard) -> None:
    """Raises OutOfRange for what is no number, and for limits with nothing between them."""
    numbers = [setpoint.current_A, setpoint.stop_voltage_V or 0.0]
    numbers += [guard.low_V, guard.high_V, guard.max_current_A]
    numbers += [guard.charge_Ah or 0.0, guard.time_s or 0.0]
    if not all(isfinite(number) for number in numbers):
        raise OutOfRange("a setpoint or limit is not a finite number")
    if not guard.low_V < guard.high_V:
        raise OutOfRange(f"no voltage lies between {guard.low_V:g} V and {guard.high_V:g} V")


def check_inside(voltage_V: float, guard: Guard) -> None:
    """Raises OutOfRange for a voltage outside the guard."""
    if not guard.low_V <= voltage_V <= guard.high_V:
        raise OutOfRange(f"{voltage_V:g} V is not within {guard.low_V:g} V .. {guard.high_V:g} V")


def stop_level_V(setpoint: Setpoint, guard: Guard, error_V: Callable[[float], float]) -> float:
    """The voltage, inside the guard, at which an instrument goes over from current to voltage.

    Where the step only stops there, it lies `error_V` of the stop beyond it: far enough that the
    stop is surely reached, and read as reached. Raises OutOfRange.
    """
    stop_V = setpoint.stop_voltage_V
    charging = setpoint.current_A > 0
    if stop_V is None:
        if setpoint.mode == "voltage":
            raise OutOfRange("a voltage is to be held, but which one was not said")
        return guard.high_V if charging else guard.low_V
    check_inside(stop_V, guard)
    if setpoint.mode == "voltage" or setpoint.hold_at_stop:
        return stop_V
    band_V = error_V(stop_V)
    return min(stop_V + band_V, guard.high_V) if charging else max(stop_V - band_V, guard.low_V)
