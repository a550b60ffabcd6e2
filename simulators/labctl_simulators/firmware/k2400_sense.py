"""The 2400 series' reading and measuring commands. Source: instruments.md §1; 2400S-900-01 §18."""

import struct
from collections.abc import Callable
from math import inf, isfinite
from statistics import fmean, stdev

from labctl_simulators.firmware.common import NONE
from labctl_simulators.firmware.k2400_meter import Meter2400
from labctl_simulators.firmware.k2400_state import ELEMENTS, OHMS, SENTINEL, Row
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

Meter = Meter2400
Table = list[Command[Meter]]
LONG: dict[Quantity, str] = {"VOLT": "VOLTage", "CURR": "CURRent"}
MANY = (1, 16)


def nr3(value: float) -> str:
    """A number as the 2400 sends it."""
    return f"{value if isfinite(value) else SENTINEL:+.6E}"


def flag(value: bool) -> str:
    """A boolean as SCPI sends it."""
    return "1" if value else "0"


def limits(argument: Argument, top: float, default: float = 0.0, low: float | None = None) -> float:
    """A level between −top (or `low`) and +top."""
    return number(argument, -top if low is None else low, top, {"DEFault": default})


def asked(arguments: Arguments, low: float, high: float, default: float, now: float) -> str:
    """The reply of a query that takes MIN, MAX and DEF."""
    if not arguments:
        return nr3(now)
    return nr3(number(arguments[0], low, high, {"DEFault": default}))


# Readings


def elements(meter: Meter, row: Row) -> list[float]:
    """The selected elements of a reading, in their fixed order."""
    wanted = meter.setup.elements
    if wanted is ELEMENTS:
        return list(row)
    return [value for name, value in zip(ELEMENTS, row, strict=True) if name in wanted]


def rows_reply(meter: Meter, rows: list[Row]) -> str:
    """Readings in the selected format. Raises ScpiError -230 when there are none."""
    if not rows:
        raise ScpiError(-230)
    values = [value for row in rows for value in elements(meter, row)]
    if meter.setup.data_format == "ASC":
        return ",".join(map(nr3, values))
    order = "<" if meter.setup.swapped else ">"
    clean = [value if isfinite(value) else SENTINEL for value in values]
    return "#0" + struct.pack(f"{order}{len(clean)}f", *clean).decode("latin-1")


def buffer_reply(meter: Meter, _: Arguments) -> str:
    """The stored readings, their times from the first one."""
    rows = meter.buffer.rows
    if rows:
        first, before = rows[0].time_s, rows[0].time_s
        shown = []
        for row in rows:
            shown.append(row._replace(time_s=row.time_s - before))
            before = row.time_s if meter.buffer.delta_times else first
        rows = shown
    return rows_reply(meter, rows)


def configure(meter: Meter, function: str) -> None:
    """`:CONF:<function>`: one function, one reading, auto range, output on."""
    meter.abort()
    setup = meter.setup
    setup.functions = frozenset({function})
    setup.arm_count = setup.trigger_count = 1
    setup.arm_source = setup.trigger_source = "IMM"
    setup.trigger_delay_s = 0.0
    for quantity in ("VOLT", "CURR"):
        if quantity in (function, "VOLT") and quantity != meter.front.function:
            meter.front.sense[quantity].auto = True
    meter.apply_ohms()
    meter.changed()
    meter.switch(True)


def measure(function: str) -> Callable[[Meter, Arguments], str]:
    """`:MEAS:<function>?`."""

    def ask(meter: Meter, _: Arguments) -> str:
        configure(meter, function)
        return rows_reply(meter, meter.read())

    return ask


STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "MEAN": fmean,
    "SDEV": lambda values: stdev(values) if len(values) > 1 else 0.0,
    "MAX": max,
    "MIN": min,
    "PKPK": lambda values: max(values) - min(values),
}


def statistics_reply(meter: Meter, _: Arguments) -> str:
    """`:CALC3:DATA?`: one figure each of the stored V, I and R."""
    rows = meter.buffer.rows
    if not rows:
        raise ScpiError(-230)
    figure = STATISTICS[meter.setup.words.get("calc3", "MEAN")]
    columns = ([row[i] for row in rows if isfinite(row[i])] for i in range(3))
    return ",".join(nr3(figure(column) if column else inf) for column in columns)


def set_elements(meter: Meter, arguments: Arguments) -> None:
    """`:FORM:ELEM`."""
    names = ("VOLTage", "CURRent", "RESistance", "TIME", "STATus")
    wanted = {choice(argument, names) for argument in arguments}
    meter.setup.elements = ELEMENTS if len(wanted) == 5 else tuple(sorted(wanted))


def set_data_format(meter: Meter, arguments: Arguments) -> None:
    """`:FORM[:DATA]`; binary data do not go over RS-232."""
    form = choice(arguments[0], ("ASCii", "REAL", "SREal"))
    if form != "ASC" and meter.baud is not None:
        raise ScpiError(701)
    meter.setup.data_format = "ASC" if form == "ASC" else "REAL"


# Measure functions

FUNCTIONS = ("VOLTage", "VOLTage:DC", "CURRent", "CURRent:DC", "RESistance")


def functions_of(arguments: Arguments) -> set[str]:
    """The measure functions that strings name."""
    found = set()
    for argument in arguments:
        if not argument.quoted:
            raise ScpiError(-104)
        head, _, tail = argument.text.strip().upper().partition(":")
        if tail not in ("", "DC") or (head.startswith("RES") and tail):
            raise ScpiError(-224)
        found.add(keyword(head, ("VOLTage", "CURRent", "RESistance")))
    return found


def set_functions(meter: Meter, arguments: Arguments) -> None:
    """`:SENS:FUNC`: adds when concurrent, else replaces."""
    wanted = functions_of(arguments)
    if not meter.setup.concurrent and len(wanted) > 1:
        raise ScpiError(-221)
    kept = meter.setup.functions if meter.setup.concurrent else frozenset()
    meter.setup.functions = frozenset(kept | wanted)
    meter.apply_ohms()


def functions_off(meter: Meter, arguments: Arguments) -> None:
    """`:SENS:FUNC:OFF`."""
    meter.setup.functions = meter.setup.functions - functions_of(arguments)


def set_concurrent(meter: Meter, arguments: Arguments) -> None:
    """`:SENS:FUNC:CONC`; off leaves one function."""
    meter.setup.concurrent = boolean(arguments[0])
    if not meter.setup.concurrent:
        meter.setup.functions = frozenset(sorted(meter.setup.functions)[:1])


def functions_reply(meter: Meter, _: Arguments) -> str:
    """The measure functions that are on."""
    order = [n for n in ("VOLT", "CURR", "RES") if n in meter.setup.functions]
    return ",".join(f'"{name}:DC"' if name != "RES" else '"RES"' for name in order)


def every_function(meter: Meter, on: bool) -> None:
    """`:SENS:FUNC:ON:ALL` and `:OFF:ALL`."""
    if on and not meter.setup.concurrent:
        raise ScpiError(-221)
    meter.setup.functions = frozenset({"VOLT", "CURR", "RES"} if on else ())
    meter.apply_ohms()


def set_nplc(meter: Meter, arguments: Arguments) -> None:
    """The integration time, common to all functions."""
    nplc = number(arguments[0], 0.01, 10, {"DEFault": 1})
    for sense in meter.front.sense.values():
        sense.nplc = nplc


def set_filter(name: str) -> Callable[[Meter, Arguments], None]:
    """`:SENS:AVER…`: the filter is common to all functions."""

    def put(meter: Meter, arguments: Arguments) -> None:
        for sense in meter.front.sense.values():
            if name == "state":
                sense.average = boolean(arguments[0])
            elif name == "count":
                sense.average_count = round(number(arguments[0], 1, 100, {"DEFault": 10}))
            else:
                moving = choice(arguments[0], ("MOVing", "REPeat")) == "MOV"
                sense.average_moving = moving

    return put


def set_four_wire(meter: Meter, arguments: Arguments) -> None:
    """`:SYST:RSEN`."""
    for sense in meter.front.sense.values():
        sense.four_wire = boolean(arguments[0])


def set_ohms_mode(meter: Meter, arguments: Arguments) -> None:
    """`:SENS:RES:MODE`."""
    meter.setup.ohms_auto = choice(arguments[0], ("MANual", "AUTO")) == "AUTO"
    meter.apply_ohms()


def set_ohms_range(meter: Meter, arguments: Arguments) -> None:
    """`:SENS:RES:RANG`."""
    wanted = number(arguments[0], 0, 2.1e7, {"DEFault": 2.1e5})
    meter.setup.ohms_range = next(i for i, (t, _) in enumerate(OHMS) if wanted <= t * OVERRANGE)
    meter.setup.ohms_range_auto = False
    meter.apply_ohms()


def set_ohms_auto(meter: Meter, arguments: Arguments) -> None:
    """`:SENS:RES:RANG:AUTO`."""
    meter.setup.ohms_range_auto = boolean(arguments[0])


SENSE: Table = [
    Command("[:SENSe[1]]:FUNCtion[:ON]", set_functions, functions_reply, MANY),
    Command("[:SENSe[1]]:FUNCtion[:ON]:ALL", lambda m, _: every_function(m, True), None, NONE),
    Command("[:SENSe[1]]:FUNCtion:OFF", functions_off, None, MANY),
    Command("[:SENSe[1]]:FUNCtion:OFF:ALL", lambda m, _: every_function(m, False), None, NONE),
    Command(
        "[:SENSe[1]]:FUNCtion:CONCurrent", set_concurrent, lambda m, _: flag(m.setup.concurrent)
    ),
    Command(
        "[:SENSe[1]]:AVERage[:STATe]",
        set_filter("state"),
        lambda m, _: flag(m.front.sense["VOLT"].average),
    ),
    Command(
        "[:SENSe[1]]:AVERage:COUNt",
        set_filter("count"),
        lambda m, _: str(m.front.sense["VOLT"].average_count),
    ),
    Command(
        "[:SENSe[1]]:AVERage:TCONtrol",
        set_filter("kind"),
        lambda m, _: "MOV" if m.front.sense["VOLT"].average_moving else "REP",
    ),
    Command(
        "[:SENSe[1]]:RESistance:NPLCycles", set_nplc, lambda m, _: nr3(m.front.sense["VOLT"].nplc)
    ),
    Command(
        "[:SENSe[1]]:RESistance:MODE",
        set_ohms_mode,
        lambda m, _: "AUTO" if m.setup.ohms_auto else "MAN",
    ),
    Command(
        "[:SENSe[1]]:RESistance:RANGe[:UPPer]",
        set_ohms_range,
        lambda m, _: nr3(OHMS[m.setup.ohms_range][0] * OVERRANGE),
    ),
    Command(
        "[:SENSe[1]]:RESistance:RANGe:AUTO",
        set_ohms_auto,
        lambda m, _: flag(m.setup.ohms_range_auto),
    ),
    Command("[:SENSe[1]]:DATA[:LATest]", ask=lambda m, _: rows_reply(m, m.latest[-1:])),
]

READ: Table = [
    Command(":READ", ask=lambda m, _: rows_reply(m, m.read())),
    Command(":FETCh", ask=lambda m, _: rows_reply(m, m.latest)),
    Command(":MEASure", ask=lambda m, _: rows_reply(m, m.read())),
    Command(":MEASure:VOLTage[:DC]", ask=measure("VOLT")),
    Command(":MEASure:CURRent[:DC]", ask=measure("CURR")),
    Command(":MEASure:RESistance", ask=measure("RES")),
    Command(":CONFigure:VOLTage[:DC]", lambda m, _: configure(m, "VOLT"), None, NONE),
    Command(":CONFigure:CURRent[:DC]", lambda m, _: configure(m, "CURR"), None, NONE),
    Command(":CONFigure:RESistance", lambda m, _: configure(m, "RES"), None, NONE),
    Command(":FORMat:ELEMents", set_elements, lambda m, _: ",".join(m.setup.elements), MANY),
    Command(
        ":FORMat[:DATA]",
        set_data_format,
        lambda m, _: "ASC" if m.setup.data_format == "ASC" else "REAL,32",
        (1, 2),
    ),
    Command(":CALCulate3:DATA", ask=statistics_reply),
]


def sense_commands(quantity: Quantity) -> Table:
    """`:SENS:VOLT…` or `:SENS:CURR…`."""
    spec = f"[:SENSe[1]]:{LONG[quantity]}[:DC]"
    source: Quantity = "CURR" if quantity == "VOLT" else "VOLT"
    default = 21.0 if quantity == "VOLT" else 1.05e-4

    def top(meter: Meter) -> float:
        return meter.model.top(quantity)

    def tripped(meter: Meter, _: Arguments) -> str:
        held = meter.front.function == source and meter.in_compliance(meter.truth(meter.clock))
        return flag(held)

    return [
        Command(
            f"{spec}:PROTection[:LEVel]",
            lambda m, a: m.set_compliance(quantity, limits(a[0], top(m), default)),
            lambda m, a: asked(a, -top(m), top(m), default, m.front.source[source].limit),
        ),
        Command(f"{spec}:PROTection:TRIPped", ask=tripped),
        Command(
            f"{spec}:PROTection:RSYNchronize",
            lambda m, a: setattr(m.setup, "range_sync", boolean(a[0])),
            lambda m, _: flag(m.setup.range_sync),
        ),
        Command(
            f"{spec}:RANGe[:UPPer]",
            lambda m, a: m.set_sense_range(quantity, limits(a[0], top(m), default)),
            lambda m, a: asked(a, -top(m), top(m), default, m.range_reply(quantity)),
        ),
        Command(
            f"{spec}:RANGe:AUTO",
            lambda m, a: m.set_sense_auto(quantity, boolean(a[0])),
            lambda m, _: flag(m.front.sense[quantity].auto),
        ),
        Command(
            f"{spec}:NPLCycles",
            set_nplc,
            lambda m, a: asked(a, 0.01, 10, 1, m.front.sense["VOLT"].nplc),
        ),
    ]


SENSE_COMMANDS: Table = [*SENSE, *READ, *sense_commands("VOLT"), *sense_commands("CURR")]
