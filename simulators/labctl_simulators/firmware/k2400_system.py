"""The 2400 series' source, output, trigger, buffer and system commands.

Source: instruments.md §1; 2400S-900-01 section 18. Sweeps, lists and source memory are refused
(-224): this simulator sources fixed levels only.
"""

from collections.abc import Callable
from dataclasses import replace
from math import inf, isinf

from labctl_simulators.firmware.common import NONE
from labctl_simulators.firmware.k2400_sense import (
    LONG,
    Meter,
    Table,
    asked,
    buffer_reply,
    flag,
    limits,
    nr3,
    set_four_wire,
    statistics_reply,
)
from labctl_simulators.firmware.k2400_state import BUFFER_MOST
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

Setter = Callable[[Meter, Arguments], None]


def word(spec: str, name: str, options: tuple[str, ...], default: str) -> Command[Meter]:
    """A setting without effect on the cell or the wire: kept, and given back."""

    def put(meter: Meter, arguments: Arguments) -> None:
        meter.setup.words[name] = choice(arguments[0], options)

    return Command(spec, put, lambda m, _: m.setup.words.get(name, default))


def inert(spec: str, name: str, low: float, high: float, default: str) -> Command[Meter]:
    """A number without effect on the cell or the wire: kept, and given back."""

    def put(meter: Meter, arguments: Arguments) -> None:
        meter.setup.words[name] = f"{number(arguments[0], low, high):g}"

    return Command(spec, put, lambda m, _: m.setup.words.get(name, default))


def switchable(spec: str, name: str, default: bool) -> Command[Meter]:
    """A switch without effect on the cell or the wire: kept, and given back."""

    def put(meter: Meter, arguments: Arguments) -> None:
        meter.setup.words[name] = flag(boolean(arguments[0]))

    return Command(spec, put, lambda m, _: m.setup.words.get(name, flag(default)))


# Source


def source_commands(function: Quantity) -> Table:
    """`:SOUR:VOLT…` or `:SOUR:CURR…`."""
    spec = f":SOURce[1]:{LONG[function]}"
    default = 21.0 if function == "VOLT" else 1.05e-4

    def top(meter: Meter) -> float:
        return meter.model.top(function)

    def level(meter: Meter, arguments: Arguments) -> None:
        meter.forbid_in_auto_ohms()
        meter.set_level(function, limits(arguments[0], top(meter)))

    def span(meter: Meter, arguments: Arguments) -> None:
        meter.forbid_in_auto_ohms()
        meter.set_source_range(function, limits(arguments[0], top(meter), default))

    return [
        Command(
            f"{spec}[:LEVel][:IMMediate][:AMPLitude]",
            level,
            lambda m, a: asked(a, -top(m), top(m), 0.0, m.front.source[function].level),
        ),
        Command(
            f"{spec}:RANGe[:UPPer]",
            span,
            lambda m, a: asked(a, -top(m), top(m), default, m.source_span(function).top),
        ),
        Command(
            f"{spec}:RANGe:AUTO",
            lambda m, a: m.set_source_auto(function, boolean(a[0])),
            lambda m, _: flag(m.front.source[function].auto),
        ),
        word(f"{spec}:MODE", f"{function} mode", ("FIXed",), "FIX"),
    ]


def set_protection(meter: Meter, arguments: Arguments) -> None:
    """`:SOUR:VOLT:PROT`: a value between two steps takes the lower one."""
    steps = meter.model.protection
    if arguments[0].text.upper() == "NONE":
        wanted = inf
    else:
        wanted = abs(number(arguments[0], -1e4, 1e4, {"DEFault": 1e4}))
    lower = [step for step in steps if step <= wanted]
    meter.front.protection = inf if wanted > steps[-1] else (lower or steps)[-1 if lower else 0]
    meter.present()


def protection_reply(meter: Meter, _: Arguments) -> str:
    """The protection's step; NONE is the model's highest voltage."""
    chosen = meter.front.protection
    return nr3(meter.model.top("VOLT") if isinf(chosen) else chosen)


def protection_tripped(meter: Meter, _: Arguments) -> str:
    """Whether the protection holds the source now."""
    return flag(meter.protects(meter.truth(meter.clock)))


def set_delay(meter: Meter, arguments: Arguments) -> None:
    """`:SOUR:DEL`: a delay of one's own ends the automatic one."""
    delay_s = number(arguments[0], 0, 999.9999, {"DEFault": 0})
    for function, side in meter.front.source.items():
        meter.front.source[function] = replace(side, delay_s=delay_s, delay_auto=False)


def set_delay_auto(meter: Meter, arguments: Arguments) -> None:
    """`:SOUR:DEL:AUTO`."""
    for side in meter.front.source.values():
        side.delay_auto = boolean(arguments[0])


def set_function(meter: Meter, arguments: Arguments) -> None:
    """`:SOUR:FUNC`; source memory is refused."""
    chosen = choice(arguments[0], ("VOLTage", "CURRent"))
    meter.set_function("VOLT" if chosen == "VOLT" else "CURR")


def set_off_state(meter: Meter, arguments: Arguments) -> None:
    """`:OUTP:SMOD`, common to both source functions."""
    state = choice(arguments[0], ("HIMPedance", "NORMal", "ZERO", "GUARd"))
    for side in meter.front.source.values():
        side.off = state  # type: ignore[assignment]  # one of the four by `choice`
    meter.present()


def set_terminals(meter: Meter, arguments: Arguments) -> None:
    """`:ROUT:TERM` turns the output off."""
    meter.switch(False)
    meter.front.rear = choice(arguments[0], ("FRONt", "REAR")) == "REAR"


def set_clear_auto(meter: Meter, arguments: Arguments) -> None:
    """`:SOUR:CLE:AUTO`."""
    meter.setup.clear_auto = boolean(arguments[0])


def set_interlock(meter: Meter, arguments: Arguments) -> None:
    """`:OUTP:ENAB`."""
    meter.front.interlock_needed = boolean(arguments[0])
    if meter.front.interlock_needed and not meter.interlock_closed:
        meter.switch(False)


SOURCE: Table = [
    *source_commands("VOLT"),
    *source_commands("CURR"),
    Command(":SOURce[1]:FUNCtion[:MODE]", set_function, lambda m, _: m.front.function),
    Command(":SOURce[1]:VOLTage:PROTection[:LEVel]", set_protection, protection_reply),
    Command(":SOURce[1]:VOLTage:PROTection:TRIPped", ask=protection_tripped),
    Command(
        ":SOURce[1]:DELay",
        set_delay,
        lambda m, a: asked(a, 0, 999.9999, 0, m.front.source["VOLT"].delay_s),
    ),
    Command(
        ":SOURce[1]:DELay:AUTO",
        set_delay_auto,
        lambda m, _: flag(m.front.source["VOLT"].delay_auto),
    ),
    Command(":SOURce[1]:CLEar[:IMMediate]", lambda m, _: m.switch(False), None, NONE),
    Command(":SOURce[1]:CLEar:AUTO", set_clear_auto, lambda m, _: flag(m.setup.clear_auto)),
    Command(
        ":OUTPut[1][:STATe]",
        lambda m, a: m.switch(boolean(a[0])),
        lambda m, _: flag(m.front.output),
    ),
    Command(":OUTPut[1]:SMODe", set_off_state, lambda m, _: m.front.source["VOLT"].off),
    Command(
        ":OUTPut[1]:ENABle[:STATe]", set_interlock, lambda m, _: flag(m.front.interlock_needed)
    ),
    Command(":OUTPut[1]:ENABle:TRIPped", ask=lambda m, _: flag(m.interlock_closed)),
    Command(":ROUTe:TERMinals", set_terminals, lambda m, _: "REAR" if m.front.rear else "FRON"),
]


# Trigger model and buffer


def set_count(layer: str) -> Setter:
    """`:ARM:COUN` and `:TRIG:COUN`; their product is bounded."""

    def put(meter: Meter, arguments: Arguments) -> None:
        count = round(number(arguments[0], 1, BUFFER_MOST, {"DEFault": 1, "INFinite": inf}))
        setup = meter.setup
        other = setup.trigger_count if layer == "arm" else setup.arm_count
        if count * other > BUFFER_MOST:
            raise ScpiError(-221)
        if layer == "arm":
            setup.arm_count = count
        else:
            setup.trigger_count = count

    return put


def set_arm_source(meter: Meter, arguments: Arguments) -> None:
    """`:ARM:SOUR`."""
    options = ("IMMediate", "BUS", "TIMer", "MANual", "TLINk", "NSTest", "PSTest", "BSTest")
    meter.setup.arm_source = choice(arguments[0], options)


def set_trigger_source(meter: Meter, arguments: Arguments) -> None:
    """`:TRIG:SOUR`."""
    meter.setup.trigger_source = choice(arguments[0], ("IMMediate", "TLINk"))


def set_arm_timer(meter: Meter, arguments: Arguments) -> None:
    """`:ARM:TIM`."""
    meter.setup.arm_timer_s = number(arguments[0], 1e-3, 99999.99, {"DEFault": 0.1})


def set_trigger_delay(meter: Meter, arguments: Arguments) -> None:
    """`:TRIG:DEL`."""
    meter.setup.trigger_delay_s = number(arguments[0], 0, 999.9999, {"DEFault": 0})


def not_while_storing(meter: Meter) -> None:
    """Raises ScpiError +800 while readings go to the buffer."""
    if meter.buffer.filling and meter.job is not None:
        raise ScpiError(800)


def set_points(meter: Meter, arguments: Arguments) -> None:
    """`:TRAC:POIN`, which empties the buffer."""
    not_while_storing(meter)
    points = round(number(arguments[0], 1, BUFFER_MOST, {"DEFault": 100}))
    meter.buffer.points, meter.buffer.rows = points, []


def clear_buffer(meter: Meter, _: Arguments) -> None:
    """`:TRAC:CLE`."""
    not_while_storing(meter)
    meter.buffer.rows = []


def set_feed_control(meter: Meter, arguments: Arguments) -> None:
    """`:TRAC:FEED:CONT`; NEXT begins anew."""
    meter.buffer.filling = choice(arguments[0], ("NEXT", "NEVer")) == "NEXT"
    if meter.buffer.filling:
        meter.buffer.rows = []


def set_time_format(meter: Meter, arguments: Arguments) -> None:
    """`:TRAC:TST:FORM`."""
    meter.buffer.delta_times = choice(arguments[0], ("ABSolute", "DELTa")) == "DELT"


LINE = ("NONE", "TENTer", "TEXit", "SOURce", "DELay", "SENSe")
TRIGGER: Table = [
    Command(":INITiate[:IMMediate]", lambda m, _: m.initiate(), None, NONE),
    Command(":ABORt", lambda m, _: m.abort(), None, NONE),
    Command(":ARM:COUNt", set_count("arm"), lambda m, _: str(m.setup.arm_count)),
    Command(":ARM:SOURce", set_arm_source, lambda m, _: m.setup.arm_source),
    Command(":ARM:TIMer", set_arm_timer, lambda m, _: nr3(m.setup.arm_timer_s)),
    inert(":ARM:ILINe", "arm in", 1, 4, "1"),
    inert(":ARM:OLINe", "arm out", 1, 4, "2"),
    word(":ARM:OUTPut", "arm output", LINE, "NONE"),
    Command(":TRIGger:COUNt", set_count("trigger"), lambda m, _: str(m.setup.trigger_count)),
    Command(":TRIGger:SOURce", set_trigger_source, lambda m, _: m.setup.trigger_source),
    Command(":TRIGger:DELay", set_trigger_delay, lambda m, _: nr3(m.setup.trigger_delay_s)),
    Command(":TRIGger:CLEar", lambda m, _: None, None, NONE),
    inert(":TRIGger:ILINe", "trigger in", 1, 4, "1"),
    inert(":TRIGger:OLINe", "trigger out", 1, 4, "2"),
    word(":TRIGger:OUTPut", "trigger output", LINE, "NONE"),
    Command(":TRACe:CLEar", clear_buffer, None, NONE),
    Command(":TRACe:POINts", set_points, lambda m, _: str(m.buffer.points)),
    Command(":TRACe:POINts:ACTual", ask=lambda m, _: str(len(m.buffer.rows))),
    word(":TRACe:FEED", "feed", ("SENSe[1]", "CALCulate[1]", "CALCulate2"), "SENS1"),
    Command(
        ":TRACe:FEED:CONTrol",
        set_feed_control,
        lambda m, _: "NEXT" if m.buffer.filling else "NEV",
    ),
    Command(":TRACe:DATA", ask=buffer_reply),
    Command(
        ":TRACe:TSTamp:FORMat",
        set_time_format,
        lambda m, _: "DELT" if m.buffer.delta_times else "ABS",
    ),
    Command(":CALCulate3:DATA", ask=statistics_reply),
    word(
        ":CALCulate3:FORMat",
        "calc3",
        ("MEAN", "SDEViation", "MAXimum", "MINimum", "PKPK"),
        "MEAN",
    ),
]


# System


def set_auto_zero(meter: Meter, arguments: Arguments) -> None:
    """`:SYST:AZER`; ONCE measures zero now and leaves it off."""
    meter.setup.auto_zero = arguments[0].text.upper() != "ONCE" and boolean(arguments[0])


def reset_time(meter: Meter, _: Arguments) -> None:
    """`:SYST:TIME:RES`."""
    meter.zero_s = meter.clock


def set_position(meter: Meter, arguments: Arguments) -> None:
    """`:SYST:POS`: what the instrument wakes up with."""
    meter.power_on_setup = keyword(
        arguments[0].text, ("RST", "PRESet", "SAV0", "SAV1", "SAV2", "SAV3", "SAV4")
    )


def set_byte_order(meter: Meter, arguments: Arguments) -> None:
    """`:FORM:BORD`."""
    meter.setup.swapped = choice(arguments[0], ("NORMal", "SWAPped")) == "SWAP"


def set_line_frequency(meter: Meter, arguments: Arguments) -> None:
    """`:SYST:LFR`."""
    hertz = number(arguments[0], 50, 60)
    if hertz not in (50, 60):
        raise ScpiError(-222)
    meter.line_hz = hertz


def nothing(_: Meter, __: Arguments) -> None:
    """Local, remote, beeper: nothing that the wire or the cell would show."""


SYSTEM: Table = [
    Command(":SYSTem:PRESet", lambda m, _: m.reset(), None, NONE),
    Command(":SYSTem:POSetup", set_position, lambda m, _: m.power_on_setup),
    Command(":SYSTem:RSENse", set_four_wire, lambda m, _: flag(m.front.sense["VOLT"].four_wire)),
    Command(":SYSTem:AZERo[:STATe]", set_auto_zero, lambda m, _: flag(m.setup.auto_zero)),
    Command(":SYSTem:TIME:RESet", reset_time, None, NONE),
    Command(":SYSTem:LFRequency", set_line_frequency, lambda m, _: f"{m.line_hz:g}"),
    switchable(":SYSTem:LFRequency:AUTO", "line auto", True),
    switchable(":SYSTem:BEEPer:STATe", "beeper", True),
    Command(":SYSTem:BEEPer[:IMMediate]", nothing, None, (0, 2)),
    Command(":SYSTem:LOCal", nothing, None, NONE),
    Command(":SYSTem:REMote", nothing, None, NONE),
    Command(":SYSTem:RWLock", nothing, None, NONE),
    switchable(":DISPlay:ENABle", "display", True),
    Command(":FORMat:BORDer", set_byte_order, lambda m, _: "SWAP" if m.setup.swapped else "NORM"),
]

SYSTEM_COMMANDS: Table = [*SOURCE, *TRIGGER, *SYSTEM]
