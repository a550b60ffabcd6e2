"""Commands that are neither blocks nor measurement loops: each makes an operation of the script."""

from collections.abc import Callable, Mapping
from math import inf, log, log10
from typing import Any, NamedTuple

from labctl_simulators.methodscript import errors
from labctl_simulators.methodscript.arguments import Option, Target, Value
from labctl_simulators.methodscript.errors import ScriptError
from labctl_simulators.methodscript.machine import Machine, Operation
from labctl_simulators.methodscript.values import Number

Arguments = list[Any]
MOST_IN_PACKAGE = 100


class Command(NamedTuple):
    """The kinds of its arguments, how its operations are made, the optional arguments it takes.

    `needed` of the kinds must be there. `in_measurement`: 0, or the code with which it is refused
    inside a measurement loop.
    """

    kinds: tuple[str, ...]
    make: Callable[[Machine, Arguments, list[Option]], list[Operation]]
    options: tuple[str, ...] = ()
    needed: int = -1
    in_measurement: int = 0


def _one(make: Callable[..., Operation]) -> Callable[..., list[Operation]]:
    return lambda machine, arguments, options: [make(machine, *arguments)]


def _arithmetic(calculate: Callable[[Number, Number], Number]) -> Command:
    def make(machine: Machine, target: Target, value: Value) -> Operation:
        def operation() -> None:
            variable = target()
            try:
                result = calculate(variable.value, value())
            except ZeroDivisionError:
                raise ScriptError(errors.DIVIDED_BY_ZERO) from None
            except (OverflowError, ValueError):
                raise ScriptError(errors.NOT_A_NUMBER) from None
            variable.calculate(result)

        return operation

    return Command(("out", "value"), _one(make))


def _divide(one: Number, other: Number) -> Number:
    if isinstance(one, int) and isinstance(other, int):
        whole = abs(one) // abs(other)
        return whole if (one < 0) == (other < 0) else -whole
    return one / other


def _modulo(one: Number, other: Number) -> Number:
    if isinstance(one, int) and isinstance(other, int):
        return one - other * int(_divide(one, other))
    return one % other


def _power(one: Number, other: Number) -> Number:
    if isinstance(one, int) and isinstance(other, int) and abs(one) > 1 and other > 64:
        return inf
    result = one**other
    if isinstance(result, complex):
        raise ValueError("a root of a negative number")
    return result


def _log(machine: Machine, target: Target, base: Value | None = None) -> Operation:
    def operation() -> None:
        variable = target()
        try:
            value = variable.value
            variable.calculate(log10(value) if base is None else log(value, base()))
        except (ValueError, ZeroDivisionError):
            raise ScriptError(errors.NOT_A_NUMBER) from None

    return operation


def _store(machine: Machine, target: Target, value: Value, vartype: str) -> Operation:
    def operation() -> None:
        target().hold(value(), vartype)

    return operation


def _copy(machine: Machine, source: Target, target: Target) -> Operation:
    def operation() -> None:
        found = source()
        target().hold(found.value, found.vartype, found.metadata)

    return operation


def _alter(machine: Machine, target: Target, vartype: str) -> Operation:
    def operation() -> None:
        target().vartype = vartype

    return operation


def _convert(kind: type[int] | type[float]) -> Command:
    def make(machine: Machine, target: Target) -> Operation:
        def operation() -> None:
            variable = target()
            variable.value = kind(variable.value)

        return operation

    return Command(("out",), _one(make))


def _wait(machine: Machine, seconds: Value) -> Operation:
    def operation() -> None:
        machine.time += seconds()

    return operation


def _timer_start(machine: Machine) -> Operation:
    def operation() -> None:
        machine.timer = machine.time

    return operation


def _timer_get(machine: Machine, target: Target) -> Operation:
    def operation() -> None:
        target().hold(machine.time - machine.timer, "eb")

    return operation


def _set_int(machine: Machine, seconds: Value) -> Operation:
    def operation() -> None:
        machine.interval = seconds()
        machine.interval_from = machine.time

    return operation


def _await_int(machine: Machine) -> Operation:
    def operation() -> None:
        if machine.interval <= 0.0:
            raise ScriptError(errors.WRONG_PLACE)
        passed = machine.time - machine.interval_from
        machine.interval_from += machine.interval * (int(passed / machine.interval) + 1)
        machine.time = machine.interval_from

    return operation


def _send(machine: Machine, text: Callable[[], str]) -> Operation:
    def operation() -> None:
        machine.say("T" + text())

    return operation


def _set_output(machine: Machine, value: Value) -> Operation:
    def operation() -> None:
        machine.talks = bool(int(value()) & 1)

    return operation


def _package_start(machine: Machine) -> Operation:
    def operation() -> None:
        if machine.package is not None:
            raise ScriptError(errors.PACKAGE_ORDER)
        machine.package = []

    return operation


def _package_add(machine: Machine, target: Target) -> Operation:
    def operation() -> None:
        package = machine.package
        if package is None:
            raise ScriptError(errors.PACKAGE_ORDER)
        if len(package) == MOST_IN_PACKAGE:
            raise ScriptError(errors.TOO_MANY_VARS)
        package.append(target().package())

    return operation


def _package_end(machine: Machine) -> Operation:
    def operation() -> None:
        if machine.package is None:
            raise ScriptError(errors.PACKAGE_ORDER)
        machine.say("P" + ";".join(machine.package))
        machine.package = None

    return operation


def _abort(machine: Machine) -> Operation:
    def operation() -> int:
        machine.leave_all()
        finishing = machine.place >= machine.on_finished.at
        return len(machine.program) if finishing else machine.on_finished.at

    return operation


def _setting(name: str, *kinds: str, in_measurement: int = 0) -> Command:
    """A command that is one method of the analogue side."""

    def make(machine: Machine, *arguments: Any) -> Operation:  # noqa: ANN401 - by their kinds
        method = getattr(machine.front, name)

        def operation() -> None:
            machine.here()
            method(*(a() if callable(a) else a for a in arguments))

        return operation

    return Command(kinds, _one(make), in_measurement=in_measurement)


def _cell_on(machine: Machine, arguments: Arguments, options: list[Option]) -> list[Operation]:
    begin = options[0].value if options else None

    def operation() -> None:
        machine.here().cell_on(None if begin is None else float(begin()))

    return [operation]


def _cell_off(machine: Machine) -> Operation:
    def operation() -> None:
        machine.here().cell_off()

    return operation


def _meas(machine: Machine, arguments: Arguments, options: list[Option]) -> list[Operation]:
    seconds, target, vartype = arguments

    def wait() -> None:
        machine.time += seconds()

    def take() -> None:
        taken = machine.here().measure(vartype, False)
        target().hold(taken.value, vartype, taken.metadata)

    return [wait, take]


def _accepted(machine: Machine, *_: object) -> Operation:
    """What changes nothing that is simulated: bandwidth, share of acquisition, synchronisation."""
    return lambda: None


COMMANDS: Mapping[str, Command] = {
    "store_var": Command(("out", "value", "type"), _one(_store)),
    "copy_var": Command(("out", "out"), _one(_copy)),
    "add_var": _arithmetic(lambda a, b: a + b),
    "sub_var": _arithmetic(lambda a, b: a - b),
    "mul_var": _arithmetic(lambda a, b: a * b),
    "div_var": _arithmetic(_divide),
    "mod_var": _arithmetic(_modulo),
    "pow_var": _arithmetic(_power),
    "log_var": Command(("out", "positive"), _one(_log), needed=1),
    "alter_vartype": Command(("out", "type"), _one(_alter)),
    "int_to_float": _convert(float),
    "float_to_int": _convert(int),
    "wait": Command(("not negative",), _one(_wait)),
    "timer_start": Command((), _one(_timer_start)),
    "timer_get": Command(("out",), _one(_timer_get)),
    "set_int": Command(("positive",), _one(_set_int)),
    "await_int": Command((), _one(_await_int)),
    "send_string": Command(("text",), _one(_send)),
    "set_script_output": Command(("not negative",), _one(_set_output)),
    "pck_start": Command((), _one(_package_start)),
    "pck_add": Command(("out",), _one(_package_add)),
    "pck_end": Command((), _one(_package_end)),
    "abort": Command((), _one(_abort)),
    "set_pgstat_chan": _setting("set_channel", "value", in_measurement=errors.WRONG_PLACE),
    "set_pgstat_mode": _setting("set_mode", "value", in_measurement=errors.WRONG_PLACE),
    "set_range": _setting("set_range", "type", "value"),
    "set_autoranging": _setting("set_autorange", "type", "value", "value"),
    "set_range_minmax": _setting(
        "set_window", "type", "value", "value", in_measurement=errors.POTENTIAL_IN_LOOP
    ),
    "set_e": _setting("set_potential", "value", in_measurement=errors.POTENTIAL_IN_LOOP),
    "set_i": _setting("set_current", "value", in_measurement=errors.WRONG_PLACE),
    "set_max_bandwidth": Command(("positive",), _one(_accepted)),
    "set_acquisition_frac_autoadjust": Command(("positive",), _one(_accepted)),
    "set_channel_sync": Command(("not negative",), _one(_accepted)),
    "cell_on": Command((), _cell_on, options=("ocp",), in_measurement=errors.WRONG_PLACE),
    "cell_off": Command((), _one(_cell_off)),
    "meas": Command(("not negative", "out", "type"), _meas),
}

NOT_SIMULATED = frozenset(
    "meas_fast_ca meas_fast_cv meas_loop_ca_alt_mux meas_loop_cp_alt_mux meas_loop_ocp_alt_mux"
    " meas_ms_eis mux_config mux_get_channel_count mux_set_channel set_gpio set_gpio_cfg"
    " set_gpio_msk set_gpio_pullup get_gpio get_gpio_msk i2c_config i2c_read i2c_read_byte"
    " i2c_write i2c_write_byte i2c_write_read file_open file_close set_poly_we_mode set_e_aux"
    " set_ir_comp set_cr set_pot_range set_scan_dir set_acquisition_frac hibernate get_time"
    " rtc_get beep notify_led battery_perc array_get array_set bit_and_var bit_or_var bit_xor_var"
    " bit_lsl_var bit_lsr_var bit_inv_var smooth peak_detect linear_fit mean subarray".split()
)
"""Commands of the instruments that are refused here as 001B when the script is loaded."""
