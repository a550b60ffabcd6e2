"""The 2450 series' measure settings. Source: instruments.md §1b; 2450-901-01 section 6."""

from collections.abc import Callable

from labctl_simulators.firmware.common import NONE
from labctl_simulators.firmware.k2450_buffer import plain
from labctl_simulators.firmware.k2450_readings import LONG, Meter, Table, asked, flag
from labctl_simulators.firmware.models import OVERRANGE, Quantity
from labctl_simulators.firmware.scpi import (
    Argument,
    Arguments,
    Command,
    ScpiError,
    boolean,
    choice,
    keyword,
    number,
)
from labctl_simulators.firmware.smu import SenseSide

OHM_RANGES = (20.0, 200.0, 2e3, 2e4, 2e5, 2e6, 2e7, 2e8)


def function_of(argument: Argument) -> str:
    """The measure function that a string names."""
    if not argument.quoted:
        raise ScpiError(-104)
    head, _, tail = argument.text.strip().upper().partition(":")
    if tail not in ("", "DC"):
        raise ScpiError(-224)
    return keyword(head, ("VOLTage", "CURRent", "RESistance"))


def set_measure_function(meter: Meter, arguments: Arguments) -> None:
    """`:SENS:FUNC`."""
    meter.setup.function = function_of(arguments[0])


def set_count(meter: Meter, arguments: Arguments) -> None:
    """`:SENS:COUN`."""
    meter.setup.count = round(number(arguments[0], 1, 300_000, {"DEFault": 1}))


Find = Callable[[Meter], SenseSide]


def common_sense(spec: str, find: Find) -> Table:
    """What all three measure functions have: integration, filter, auto zero, remote sense."""

    def set_nplc(meter: Meter, arguments: Arguments) -> None:
        find(meter).nplc = number(arguments[0], 0.01, 10, {"DEFault": 1})

    def set_average(meter: Meter, arguments: Arguments) -> None:
        find(meter).average = boolean(arguments[0])

    def set_average_count(meter: Meter, arguments: Arguments) -> None:
        find(meter).average_count = round(number(arguments[0], 1, 100, {"DEFault": 10}))

    def set_average_kind(meter: Meter, arguments: Arguments) -> None:
        find(meter).average_moving = choice(arguments[0], ("MOVing", "REPeat")) == "MOV"

    def set_auto_zero(meter: Meter, arguments: Arguments) -> None:
        find(meter).auto_zero = boolean(arguments[0])

    def set_remote(meter: Meter, arguments: Arguments) -> None:
        wanted = boolean(arguments[0])
        if wanted != find(meter).four_wire and meter.front.output:
            meter.switch(False)
        find(meter).four_wire = wanted

    return [
        Command(
            f"{spec}:NPLCycles",
            set_nplc,
            lambda m, a: asked(a, 0.01, 10, 1, find(m).nplc),
        ),
        Command(f"{spec}:AVERage[:STATe]", set_average, lambda m, _: flag(find(m).average)),
        Command(
            f"{spec}:AVERage:COUNt", set_average_count, lambda m, _: str(find(m).average_count)
        ),
        Command(
            f"{spec}:AVERage:TCONtrol",
            set_average_kind,
            lambda m, _: "MOV" if find(m).average_moving else "REP",
        ),
        Command(f"{spec}:AZERo[:STATe]", set_auto_zero, lambda m, _: flag(find(m).auto_zero)),
        Command(f"{spec}:RSENse", set_remote, lambda m, _: flag(find(m).four_wire)),
    ]


def sense_commands(quantity: Quantity) -> Table:
    """`:SENS:VOLT…` or `:SENS:CURR…`."""
    spec = f"[:SENSe[1]]:{LONG[quantity]}[:DC]"
    default = 20.0 if quantity == "VOLT" else 1e-4

    def top(meter: Meter) -> float:
        return meter.model.top(quantity)

    def low(meter: Meter) -> float:
        return meter.model.ranges(quantity)[0].full_scale

    def in_force(meter: Meter) -> float:
        return meter.present_span(quantity).full_scale

    def set_range(meter: Meter, arguments: Arguments) -> None:
        wanted = number(arguments[0], -top(meter), top(meter), {"DEFault": default})
        meter.set_sense_range(quantity, wanted)

    def set_lowest(meter: Meter, arguments: Arguments) -> None:
        wanted = number(arguments[0], low(meter), top(meter), {"DEFault": low(meter)})
        meter.front.sense[quantity].lowest = meter.model.index(quantity, wanted)

    def lowest(meter: Meter) -> float:
        index = meter.front.sense[quantity].lowest
        return meter.model.ranges(quantity)[index].full_scale

    return [
        *common_sense(spec, lambda m: m.front.sense[quantity]),
        Command(
            f"{spec}:RANGe[:UPPer]",
            set_range,
            lambda m, a: asked(a, low(m), top(m), default, in_force(m)),
        ),
        Command(
            f"{spec}:RANGe:AUTO",
            lambda m, a: m.set_sense_auto(quantity, boolean(a[0])),
            lambda m, _: flag(m.front.sense[quantity].auto),
        ),
        Command(f"{spec}:RANGe:AUTO:LLIMit", set_lowest, lambda m, _: plain(lowest(m))),
        Command(f"{spec}:RANGe:AUTO:ULIMit", ask=lambda m, _: plain(in_force(m))),
    ]


def set_ohm_range(meter: Meter, arguments: Arguments) -> None:
    """`:SENS:RES:RANG`; ohms are V / I here, so that the range is only kept."""
    wanted = number(arguments[0], 0, 2.1e8, {"DEFault": 2e5})
    span = next(i for i, full in enumerate(OHM_RANGES) if wanted <= full * OVERRANGE)
    meter.setup.ohms.span, meter.setup.ohms.auto = span, False


def set_ohm_auto(meter: Meter, arguments: Arguments) -> None:
    """`:SENS:RES:RANG:AUTO`."""
    meter.setup.ohms.auto = boolean(arguments[0])


def zero_once(meter: Meter, _: Arguments) -> None:
    """`:SENS:AZER:ONCE`: takes the time of three conversions."""
    meter.clock += 3.0 / meter.line_hz


SENSE_COMMANDS: Table = [
    Command(
        "[:SENSe[1]]:FUNCtion[:ON]",
        set_measure_function,
        lambda m, _: '"RES"' if m.setup.function == "RES" else f'"{m.setup.function}:DC"',
    ),
    Command("[:SENSe[1]]:COUNt", set_count, lambda m, _: str(m.setup.count)),
    Command("[:SENSe[1]]:AZERo:ONCE", zero_once, None, NONE),
    *sense_commands("VOLT"),
    *sense_commands("CURR"),
    *common_sense("[:SENSe[1]]:RESistance", lambda m: m.setup.ohms),
    Command(
        "[:SENSe[1]]:RESistance:RANGe[:UPPer]",
        set_ohm_range,
        lambda m, _: plain(OHM_RANGES[m.setup.ohms.span]),
    ),
    Command(
        "[:SENSe[1]]:RESistance:RANGe:AUTO", set_ohm_auto, lambda m, _: flag(m.setup.ohms.auto)
    ),
]
