"""The 2450 series' source, output, trigger-model and system commands.

Source: instruments.md §1b; 2450-901-01 section 6. Sweeps, configuration lists, digital I/O and
trigger-model blocks other than the two loops are not simulated: -113 or -224.
"""

from collections.abc import Callable
from dataclasses import replace
from math import inf, isinf

from labctl_simulators.firmware.common import NONE
from labctl_simulators.firmware.event_log import PANEL_COMMANDS
from labctl_simulators.firmware.k2450_meter import Loop
from labctl_simulators.firmware.k2450_readings import (
    LONG,
    Meter,
    Table,
    asked,
    buffer_name,
    flag,
)
from labctl_simulators.firmware.models import Quantity
from labctl_simulators.firmware.scpi import (
    Arguments,
    Command,
    ScpiError,
    boolean,
    choice,
    keyword,
    number,
)

OFF_STATES = ("HIMPedance", "NORMal", "ZERO", "GUARd")
MODES = ("SCPI", "TSP")
RUN_MODELS = ("SimpleLoop", "DurationLoop", "Empty")
LIMIT_WORD = {"VOLT": "ILIMit", "CURR": "VLIMit"}
LIMIT_LOW = {"VOLT": 1e-9, "CURR": 0.02}
LIMIT_DEFAULT = {"VOLT": 1.05e-4, "CURR": 21.0}


def set_off(meter: Meter, function: Quantity, arguments: Arguments) -> None:
    """`:OUTP:<function>:SMOD`."""
    state = choice(arguments[0], OFF_STATES)
    side = replace(meter.front.source[function], off=state)  # type: ignore[arg-type]  # by `choice`
    meter.front.source[function] = side
    meter.present()


def set_off_everywhere(meter: Meter, arguments: Arguments) -> None:
    """`:OUTP:SMOD`: both source functions."""
    set_off(meter, "VOLT", arguments)
    set_off(meter, "CURR", arguments)


def set_protection(meter: Meter, arguments: Arguments) -> None:
    """`:SOUR:VOLT:PROT PROT20`, or NONE."""
    steps = {f"PROT{step:g}": step for step in meter.model.protection}
    meter.front.protection = {**steps, "NONE": inf}[choice(arguments[0], (*steps, "NONE"))]
    meter.present()


def protection_reply(meter: Meter, _: Arguments) -> str:
    """The protection's step by name."""
    chosen = meter.front.protection
    return "NONE" if isinf(chosen) else f"PROT{chosen:g}"


def protection_tripped(meter: Meter, _: Arguments) -> str:
    """Whether the protection holds the source now."""
    return flag(meter.protects(meter.truth(meter.clock)))


def timing_commands(function: Quantity) -> Table:
    """Source delay and read-back of one source function."""
    spec = f":SOURce[1]:{LONG[function]}"

    def set_delay(meter: Meter, arguments: Arguments) -> None:
        side = meter.front.source[function]
        side.delay_s = number(arguments[0], 0, 1e4, {"DEFault": 0})
        side.delay_auto = False

    def set_delay_auto(meter: Meter, arguments: Arguments) -> None:
        meter.front.source[function].delay_auto = boolean(arguments[0])

    def set_readback(meter: Meter, arguments: Arguments) -> None:
        meter.front.source[function].readback = boolean(arguments[0])

    return [
        Command(
            f"{spec}:DELay",
            set_delay,
            lambda m, a: asked(a, 0, 1e4, 0, m.front.source[function].delay_s),
        ),
        Command(
            f"{spec}:DELay:AUTO",
            set_delay_auto,
            lambda m, _: flag(m.front.source[function].delay_auto),
        ),
        Command(
            f"{spec}:READ:BACK",
            set_readback,
            lambda m, _: flag(m.front.source[function].readback),
        ),
    ]


def limit_commands(function: Quantity) -> Table:
    """`:SOUR:VOLT:ILIM…` or `:SOUR:CURR:VLIM…`."""
    spec = f":SOURce[1]:{LONG[function]}:{LIMIT_WORD[function]}[:LEVel]"
    other: Quantity = "CURR" if function == "VOLT" else "VOLT"
    low, default = LIMIT_LOW[function], LIMIT_DEFAULT[function]

    def set_limit(meter: Meter, arguments: Arguments) -> None:
        wanted = number(arguments[0], low, meter.model.top(other), {"DEFault": default})
        meter.set_limit(function, wanted)

    def ask_limit(meter: Meter, arguments: Arguments) -> str:
        now = meter.front.source[function].limit
        return asked(arguments, low, meter.model.top(other), default, now)

    def tripped(meter: Meter, _: Arguments) -> str:
        held = meter.front.function == function and meter.truth(meter.clock).limited
        return flag(held and meter.front.output)

    return [Command(spec, set_limit, ask_limit), Command(f"{spec}:TRIPped", ask=tripped)]


def level_commands(function: Quantity) -> Table:
    """Level and range of one source function."""
    spec = f":SOURce[1]:{LONG[function]}"

    def top(meter: Meter) -> float:
        return meter.model.top(function)

    def lowest(meter: Meter) -> float:
        return meter.model.ranges(function)[0].full_scale

    def set_level(meter: Meter, arguments: Arguments) -> None:
        wanted = number(arguments[0], -top(meter), top(meter), {"DEFault": 0})
        meter.set_level(function, wanted)

    def set_range(meter: Meter, arguments: Arguments) -> None:
        wanted = number(arguments[0], -top(meter), top(meter), {"DEFault": 0})
        meter.set_source_range(function, wanted)

    def ask_range(meter: Meter, arguments: Arguments) -> str:
        low, now = lowest(meter), meter.source_span(function).full_scale
        return asked(arguments, low, top(meter), low, now)

    return [
        Command(
            f"{spec}[:LEVel][:IMMediate][:AMPLitude]",
            set_level,
            lambda m, a: asked(a, -top(m), top(m), 0, m.front.source[function].level),
        ),
        Command(f"{spec}:RANGe", set_range, ask_range),
        Command(
            f"{spec}:RANGe:AUTO",
            lambda m, a: m.set_source_auto(function, boolean(a[0])),
            lambda m, _: flag(m.front.source[function].auto),
        ),
    ]


def source_commands(function: Quantity) -> Table:
    """`:SOUR:VOLT…` or `:SOUR:CURR…`, and its off state."""
    spec = f":SOURce[1]:{LONG[function]}"
    return [
        *level_commands(function),
        *limit_commands(function),
        *timing_commands(function),
        Command(f"{spec}:PROTection[:LEVel]", set_protection, protection_reply),
        Command(f"{spec}:PROTection[:LEVel]:TRIPped", ask=protection_tripped),
        Command(
            f":OUTPut[1]:{LONG[function]}:SMODe",
            lambda m, a: set_off(m, function, a),
            lambda m, _: m.front.source[function].off,
        ),
    ]


def set_function(meter: Meter, arguments: Arguments) -> None:
    """`:SOUR:FUNC`."""
    chosen = choice(arguments[0], ("VOLTage", "CURRent"))
    meter.set_function("VOLT" if chosen == "VOLT" else "CURR")


def set_terminals(meter: Meter, arguments: Arguments) -> None:
    """`:ROUT:TERM`; a change turns the output off."""
    rear = choice(arguments[0], ("FRONt", "REAR")) == "REAR"
    if rear != meter.front.rear:
        meter.switch(False)
    meter.front.rear = rear


def set_interlock(meter: Meter, arguments: Arguments) -> None:
    """`:OUTP:INT:STAT`: the interlock is needed at all voltages."""
    meter.front.interlock_needed = boolean(arguments[0])
    if meter.front.interlock_needed and not meter.interlock_closed:
        meter.switch(False)


SOURCE: Table = [
    *source_commands("VOLT"),
    *source_commands("CURR"),
    Command(":SOURce[1]:FUNCtion[:MODE]", set_function, lambda m, _: m.front.function),
    Command(
        ":OUTPut[1][:STATe]",
        lambda m, a: m.switch(boolean(a[0])),
        lambda m, _: flag(m.front.output),
    ),
    Command(
        ":OUTPut[1]:SMODe",
        set_off_everywhere,
        lambda m, _: m.front.source[m.front.function].off,
    ),
    Command(
        ":OUTPut[1]:INTerlock:STATe", set_interlock, lambda m, _: flag(m.front.interlock_needed)
    ),
    Command(":OUTPut[1]:INTerlock:TRIPped", ask=lambda m, _: flag(m.interlock_closed)),
    Command(":ROUTe:TERMinals", set_terminals, lambda m, _: "REAR" if m.front.rear else "FRON"),
]


# Trigger model


def load(meter: Meter, arguments: Arguments) -> None:
    """`:TRIG:LOAD "SimpleLoop", n[, delay[, buffer]]`, `"DurationLoop", s[, …]`, `"Empty"`."""
    if not arguments[0].quoted:
        raise ScpiError(-104)
    model = keyword(arguments[0].text, tuple(name.upper() for name in RUN_MODELS))
    if model == "EMPTY":
        meter.loop = None
        return
    if len(arguments) < 2:
        raise ScpiError(-109)
    delay_s = number(arguments[2], 0, 1e4) if len(arguments) > 2 else 0.0
    name = buffer_name(arguments, 3)
    meter.buffer(name)
    if model == "SIMPLELOOP":
        count = round(number(arguments[1], 1, 1e6))
        meter.loop = Loop(delay_s, name, count=count)
    else:
        meter.loop = Loop(delay_s, name, duration_s=number(arguments[1], 5e-7, 1e5))


TRIGGER: Table = [
    Command(":TRIGger:LOAD", load, None, (1, 5)),
    Command(":TRIGger:STATe", ask=lambda m, _: f"{m.run_state};{m.run_state};1"),
    Command(":INITiate[:IMMediate]", lambda m, _: m.initiate(), None, NONE),
    Command(":ABORt", lambda m, _: m.abort(), None, NONE),
]


# System


def set_precision(meter: Meter, arguments: Arguments) -> None:
    """`:FORM:ASC:PREC`: significant digits; 0 leaves the choice to the instrument."""
    meter.setup.precision = round(number(arguments[0], 0, 16, {"DEFault": 0}))


def set_data_format(meter: Meter, arguments: Arguments) -> None:
    """`:FORM[:DATA]`."""
    meter.setup.data_format = choice(arguments[0], ("ASCii", "REAL", "SREal"))


def set_byte_order(meter: Meter, arguments: Arguments) -> None:
    """`:FORM:BORD`."""
    meter.setup.swapped = choice(arguments[0], ("NORMal", "SWAPped")) == "SWAP"


def set_language(meter: Meter, arguments: Arguments) -> None:
    """`*LANG`: takes effect when the instrument is next switched on. SCPI2400 is refused."""
    meter.next_language = choice(arguments[0], MODES)


Setter = Callable[[Meter, Arguments], None]
SYSTEM: Table = [
    Command("*LANG", set_language, lambda m, _: m.language),
    *PANEL_COMMANDS,
    Command(":FORMat[:DATA]", set_data_format, lambda m, _: m.setup.data_format, (1, 2)),
    Command(":FORMat:ASCii:PRECision", set_precision, lambda m, _: str(m.setup.precision)),
    Command(":FORMat:BORDer", set_byte_order, lambda m, _: "SWAP" if m.setup.swapped else "NORM"),
]
SYSTEM_COMMANDS: Table = [*SOURCE, *TRIGGER, *SYSTEM]
