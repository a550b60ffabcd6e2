"""What a Series 2600B has beside its channels: errors, status, node, display, scripts, time.

Source: 2600BS-901-01 section 7 and appendix E.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from labctl_simulators.firmware.events import OPERATION_COMPLETE
from labctl_simulators.firmware.tsp_attributes import (
    Refused,
    as_choice,
    as_count,
    as_number,
    as_text,
    attribute,
    check_count,
    constants,
    function,
    timed,
)
from labctl_simulators.lua.steps import Scope, Statement
from labctl_simulators.lua.values import (
    Builtin,
    Call,
    Closure,
    Leave,
    Native,
    Steps,
    Table,
    Value,
    Values,
    untimed,
)

if TYPE_CHECKING:
    from labctl_simulators.firmware.keithley_2600 import Keithley2600

LONGEST_DELAY_S = 1e5
WAIT_S = 0.01
EPOCH_S = 1_735_689_600.0  # the instrument's calendar begins with 2025
STANDARD_BITS = {
    "OPC": 1, "QYE": 4, "DDE": 8, "EXE": 16, "CME": 32, "URQ": 64, "PON": 128,
    "OPERATION_COMPLETE": 1, "QUERY_ERROR": 4, "DEVICE_DEPENDENT_ERROR": 8,
    "EXECUTION_ERROR": 16, "COMMAND_ERROR": 32, "USER_REQUEST": 64, "POWER_ON": 128,
}  # fmt: skip


def install(device: "Keithley2600") -> None:
    """Put the instrument's own tables and functions among the globals."""
    tables: dict[str, Value] = {
        "errorqueue": error_queue(device),
        "status": status(device),
        "localnode": local_node(device),
        "display": display(device),
        "beeper": beeper(device),
        "timer": timer(device),
        "script": scripts(device),
        "os": clock(device),
    }
    for name, value in {**tables, **functions(device).objects}.items():
        device.world.table.set(name, value)


def error_queue(device: "Keithley2600") -> Native:
    """`errorqueue`."""
    table = Native(device.heap, "errorqueue")
    attribute(device, table, "count", lambda: float(len(device.errors)))
    function(device, table, "next", lambda _: device.next_error(), 0, 1)
    function(device, table, "clear", lambda _: device.errors.clear())
    return table


def status(device: "Keithley2600") -> Native:
    """`status`, as far as the status byte, the standard events and the sweeping bits."""
    table, registers = Native(device.heap, "status"), device.status

    def set_request(value: Value) -> None:
        registers.service_enable = as_count(value, 0, 255)

    def set_enable(value: Value) -> None:
        registers.standard.enable = as_count(value, 0, 255)

    def preset() -> None:
        registers.clear_events()
        registers.preset()

    attribute(
        device, table, "condition", lambda: float(registers.byte(len(device.errors) > 0, False))
    )
    attribute(device, table, "request_enable", lambda: float(registers.service_enable), set_request)
    function(device, table, "reset", lambda _: preset())
    standard = Native(device.heap, "status_register")
    attribute(device, standard, "enable", lambda: float(registers.standard.enable), set_enable)
    attribute(device, standard, "event", lambda: float(registers.standard.read()))
    constants(standard, **STANDARD_BITS)
    table.objects["standard"] = standard
    sweeping = Native(device.heap, "status_register")
    attribute(device, sweeping, "condition", device.sweeping)
    constants(sweeping, SMUA=2, SMUB=4)
    operation = Native(device.heap, "status_register")
    operation.objects["sweeping"] = sweeping
    table.objects["operation"] = operation
    return table


def local_node(device: "Keithley2600") -> Native:
    """`localnode`."""
    table = Native(device.heap, "node")
    for name, said in (
        ("model", device.model.name),
        ("serialno", device.serial),
        ("revision", device.revision),
        ("version", device.revision),
        ("description", f"Keithley Instruments SMU {device.model.name} - {device.serial}"),
    ):
        attribute(device, table, name, _saying(said))

    def set_line(value: Value) -> None:
        device.line_hz = float(as_choice(value, (50, 60)))

    def switch(name: str) -> Callable[[Value], None]:
        return lambda value: setattr(device, name, bool(as_choice(value, (0, 1))))

    attribute(device, table, "linefreq", lambda: device.line_hz, set_line)
    attribute(device, table, "prompts", lambda: float(device.prompts), switch("prompts"))
    attribute(device, table, "showerrors", lambda: float(device.show_errors), switch("show_errors"))
    keep(device, table, "autolinefreq", (0, 1, False, True), True)
    keep(device, table, "prompts4882", (0, 1), 1.0)
    function(device, table, "reset", lambda _: device.reset())
    return table


def _saying(words: str) -> Callable[[], Value]:
    return lambda: words


def keep(
    device: "Keithley2600", table: Native, name: str, choices: tuple[int, ...], first: Value
) -> None:
    """An attribute that is stored and given back, and does nothing that the wire would show."""
    held = [first]

    def write(value: Value) -> None:
        held[0] = value if isinstance(value, bool) else float(as_choice(value, choices))

    attribute(device, table, name, lambda: held[0], write)


def display(device: "Keithley2600") -> Native:
    """`display`: accepted, since the front panel is nobody's here; the text can be read back."""
    table = Native(device.heap, "display")
    text = [""]

    def show(arguments: Values) -> None:
        text[0] = as_text(arguments[0])[:64]

    def wipe() -> None:
        text[0] = ""

    def place(arguments: Values) -> None:
        as_count(arguments[0], 1, 2)
        as_count(arguments[1], 1, 32)

    function(device, table, "clear", lambda _: wipe())
    function(device, table, "settext", show, 1, 1)
    function(device, table, "gettext", lambda _: [text[0]], 0, 5)
    function(device, table, "setcursor", place, 2, 3)
    constants(
        table, SMUA=0, SMUB=1, SMUA_SMUB=2, USER=3, MEASURE_DCAMPS=0, MEASURE_DCVOLTS=1,
        MEASURE_OHMS=2, MEASURE_WATTS=3, DIGITS_4_5=0, DIGITS_5_5=1, DIGITS_6_5=2, UNLOCK=0, LOCK=1,
    )  # fmt: skip
    keep(device, table, "screen", (0, 1, 2, 3), 2.0)
    keep(device, table, "locallockout", (0, 1), 0.0)
    for name in device.channels:
        panel = Native(device.heap, "display_smu")
        keep(device, panel, "digits", (0, 1, 2), 1.0)
        measure = Native(device.heap, "display_measure")
        keep(device, measure, "func", (0, 1, 2, 3), 1.0)
        panel.objects["measure"] = measure
        table.objects[name] = panel
    return table


def beeper(device: "Keithley2600") -> Native:
    """`beeper`: heard by nobody, but checked."""
    table = Native(device.heap, "beeper")
    constants(table, OFF=0, ON=1)

    def beep(arguments: Values) -> None:
        as_number(arguments[0], 1e-3, 100.0)
        as_number(arguments[1], 20.0, 8000.0)

    function(device, table, "beep", beep, 2, 2)
    keep(device, table, "enable", (0, 1), 1.0)
    return table


def timer(device: "Keithley2600") -> Native:
    """`timer`: seconds since it was reset."""
    table, measure = Native(device.heap, "timer"), Native(device.heap, "timer_measure")
    begun = [device.clock]

    def restart() -> None:
        begun[0] = device.clock

    function(device, table, "reset", lambda _: restart())
    function(device, measure, "t", lambda _: [device.clock - begun[0]])
    table.objects["measure"] = measure
    return table


def clock(device: "Keithley2600") -> Native:
    """`os`: the time only."""
    table = Native(device.heap)
    function(device, table, "time", lambda _: [float(int(EPOCH_S + device.clock))])
    function(device, table, "clock", lambda _: [device.clock])
    return table


def functions(device: "Keithley2600") -> Native:
    """The functions without a table."""
    table = Native(device.heap)

    def wait(arguments: Values) -> Steps:
        check_count(arguments, 1, 1)
        yield device.clock + as_number(arguments[0], 0.0, LONGEST_DELAY_S)
        return []

    def complete(_: Values) -> Steps:
        while device.jobs:
            yield device.clock + WAIT_S
        return []

    def operation_complete(_: Values) -> Steps:
        yield from complete([])
        device.status.standard.raise_event(OPERATION_COMPLETE)
        return []

    def leave(_: Values) -> Values:
        raise Leave

    timed(device, table, "delay", wait)
    timed(device, table, "waitcomplete", complete)
    timed(device, table, "opc", operation_complete)
    function(device, table, "reset", lambda _: device.reset(), 0, 1)
    table.objects["exit"] = Builtin("exit", leave)
    function(device, table, "makegetter", _getter, 2, 2)
    function(device, table, "makesetter", _setter, 2, 2)
    return table


def _attribute_of(arguments: Values) -> tuple[Table, str]:
    owner = arguments[0]
    if not isinstance(owner, Table):
        raise Refused(-104)
    return owner, as_text(arguments[1])


def _getter(arguments: Values) -> Values:
    owner, name = _attribute_of(arguments)
    return [Builtin(name, lambda _: [owner.get(name)])]


def _setter(arguments: Values) -> Values:
    owner, name = _attribute_of(arguments)

    def write(values: Values) -> Values:
        owner.set(name, values[0] if values else None)
        return []

    return [Builtin(name, write)]


# Scripts


def scripts(device: "Keithley2600") -> Native:
    """`script`."""
    table = Native(device.heap, "script_control")

    def make(arguments: Values) -> Values:
        name = as_text(arguments[1]) if len(arguments) > 1 else ""
        return [device.keep_script(name, as_text(arguments[0]))]

    def delete(arguments: Values) -> None:
        device.saved.pop(as_text(arguments[0]), None)

    function(device, table, "new", make, 1, 2)
    function(device, table, "delete", delete, 1, 1)
    attribute(device, table, "anonymous", lambda: device.anonymous)

    def run(_: Values) -> Steps:
        if device.anonymous is None or device.anonymous.call is None:
            raise Refused(-211)
        call = device.anonymous.call.timed
        return [] if call is None else (yield from call([]))

    timed(device, table, "run", run)
    device.world.table.set("run", table.objects["run"])
    return table


def script_table(device: "Keithley2600", name: str, source: str, chunk: Statement) -> Native:
    """One loaded script: called, it runs."""
    table = Native(device.heap, "script")

    def run(_: Values) -> Steps:
        return (yield Call(Closure((), False, chunk, Scope(device.world)), []))

    def save() -> None:
        if not name:
            raise Refused(-221)
        device.saved[name] = source

    def listing() -> None:
        for line in (f"loadscript {name}".rstrip(), *source.split("\n"), "endscript"):
            device.say(line)

    table.call = Builtin(name or "script", untimed, run)
    table.objects["run"] = table.call
    attribute(device, table, "name", lambda: name)
    attribute(device, table, "source", lambda: source)
    function(device, table, "save", lambda _: save(), 0, 1)
    function(device, table, "list", lambda _: listing())
    return table
