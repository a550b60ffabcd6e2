"""The commands that all SCPI instruments here have: IEEE 488.2 §10 and SCPI-99's STATus, SYSTem."""

from typing import Any

from labctl_simulators.firmware.events import OPERATION_COMPLETE, Register
from labctl_simulators.firmware.scpi import Argument, Arguments, Command, number


def integer(argument: Argument, high: float) -> int:
    """A register's value, 0 to `high`."""
    return round(number(argument, 0, high))


def register_commands(spec: str, name: str) -> list[Command[Any]]:
    """The event, condition and enable commands of one of the status registers."""

    def register(device: Any) -> Register:  # noqa: ANN401  # any of the instruments
        found: Register = getattr(device.status, name)
        return found

    def enable(device: Any, arguments: Arguments) -> None:  # noqa: ANN401
        register(device).enable = integer(arguments[0], 65535)

    return [
        Command(f":STATus:{spec}[:EVENt]", ask=lambda d, _: str(register(d).read())),
        Command(f":STATus:{spec}:CONDition", ask=lambda d, _: str(register(d).condition)),
        Command(f":STATus:{spec}:ENABle", enable, lambda d, _: str(register(d).enable)),
    ]


def _clear_status(device: Any, _: Arguments) -> None:  # noqa: ANN401
    device.errors.clear()
    device.status.clear_events()


def _standard_enable(device: Any, arguments: Arguments) -> None:  # noqa: ANN401
    device.status.standard.enable = integer(arguments[0], 255)


def _service_enable(device: Any, arguments: Arguments) -> None:  # noqa: ANN401
    device.status.service_enable = integer(arguments[0], 255)


def _operation_complete(device: Any, _: Arguments) -> None:  # noqa: ANN401
    device.settle()
    device.status.standard.raise_event(OPERATION_COMPLETE)


def _is_complete(device: Any, _: Arguments) -> str:  # noqa: ANN401
    device.settle()
    return "1"


def _status_byte(device: Any, _: Arguments) -> str:  # noqa: ANN401
    return str(device.status.byte(len(device.errors) > 0, False))


NONE = (0, 0)
COMMON: list[Command[Any]] = [
    Command("*CLS", _clear_status, parameters=NONE),
    Command("*ESE", _standard_enable, lambda d, _: str(d.status.standard.enable)),
    Command("*ESR", ask=lambda d, _: str(d.status.standard.read())),
    Command("*IDN", ask=lambda d, _: d.identity),
    Command("*OPC", _operation_complete, _is_complete, parameters=NONE),
    Command("*OPT", ask=lambda d, _: "0"),
    Command("*RCL", lambda d, a: d.recall(round(number(a[0], 0, 4)))),
    Command("*RST", lambda d, _: d.reset(), parameters=NONE),
    Command("*SAV", lambda d, a: d.save(round(number(a[0], 0, 4)))),
    Command("*SRE", _service_enable, lambda d, _: str(d.status.service_enable)),
    Command("*STB", ask=_status_byte),
    Command("*TRG", lambda d, _: d.bus_trigger(), parameters=NONE),
    Command("*TST", ask=lambda d, _: "0"),
    Command("*WAI", lambda d, _: d.settle(), parameters=NONE),
    *register_commands("MEASurement", "measurement"),
    *register_commands("OPERation", "operation"),
    *register_commands("QUEStionable", "questionable"),
    Command(":STATus:PRESet", lambda d, _: d.status.preset(), parameters=NONE),
    Command(":STATus:QUEue[:NEXT]", ask=lambda d, _: d.next_error()),
    Command(":STATus:QUEue:CLEar", lambda d, _: d.errors.clear(), parameters=NONE),
    Command(":SYSTem:ERRor[:NEXT]", ask=lambda d, _: d.next_error()),
    Command(":SYSTem:ERRor:COUNt", ask=lambda d, _: str(len(d.errors))),
    Command(":SYSTem:CLEar", lambda d, _: d.errors.clear(), parameters=NONE),
    Command(":SYSTem:VERSion", ask=lambda d, _: "1996.0"),
]
