"""A B2900's source and output commands. Source: instruments.md §2; B2961 SCPI reference §4.

Pulses are refused (-224): this simulator sources DC.
"""

from labctl_simulators.firmware.b2900_data import nr3
from labctl_simulators.firmware.b2900_device import Channel
from labctl_simulators.firmware.b2900_models import LIST_MOST
from labctl_simulators.firmware.b2900_words import LONG, Of, Table, asked, flag
from labctl_simulators.firmware.models import Quantity
from labctl_simulators.firmware.scpi import Arguments, ScpiError, boolean, choice, number

OFF_WORDS = {"NORM": "NORM", "HIZ": "HIMP", "ZERO": "ZERO"}


def set_function(channel: Channel, arguments: Arguments) -> None:
    """`:SOUR:FUNC:MODE`."""
    chosen = choice(arguments[0], ("VOLTage", "CURRent"))
    channel.smu.set_function("VOLT" if chosen == "VOLT" else "CURR")


def set_off_mode(channel: Channel, arguments: Arguments) -> None:
    """`:OUTP:OFF:MODE`, common to both source functions."""
    state = OFF_WORDS[choice(arguments[0], ("NORMal", "HIZ", "ZERO"))]
    for side in channel.smu.front.source.values():
        side.off = state  # type: ignore[assignment]  # one of the three by `choice`
    channel.smu.present()


def off_mode(channel: Channel, _: Arguments) -> str:
    """The off state by its word."""
    state = channel.smu.front.source["VOLT"].off
    return next(word for word, kept in OFF_WORDS.items() if kept == state)


def set_protection(channel: Channel, arguments: Arguments) -> None:
    """`:OUTP:PROT`."""
    channel.smu.present()
    channel.smu.extras.protect = boolean(arguments[0])


def set_points(channel: Channel, arguments: Arguments) -> None:
    """`:SOUR:SWE:POIN`."""
    channel.smu.extras.sweep_points = round(number(arguments[0], 1, LIST_MOST, {"DEFault": 1}))


def output_commands(of: Of) -> Table:
    """`:OUTP…`."""
    command = of.command

    def put(name: str, channel: Channel, arguments: Arguments) -> None:
        setattr(channel.smu.extras, name, boolean(arguments[0]))

    return [
        command(
            "OUTP [:STATe]",
            lambda c, a: c.switch(boolean(a[0])),
            lambda c, _: flag(c.smu.front.output),
        ),
        command("OUTP :OFF:MODE", set_off_mode, off_mode),
        command(
            "OUTP :OFF:AUTO",
            lambda c, a: put("off_auto", c, a),
            lambda c, _: flag(c.smu.extras.off_auto),
        ),
        command(
            "OUTP :ON:AUTO",
            lambda c, a: put("on_auto", c, a),
            lambda c, _: flag(c.smu.extras.on_auto),
        ),
        command(
            "OUTP :PROTection[:STATe]", set_protection, lambda c, _: flag(c.smu.extras.protect)
        ),
        of.word("OUTP :LOW", ("GROund", "FLOat"), "GRO"),
        of.switch("OUTP :HCAPacitance[:STATe]", False),
        of.switch("OUTP :FILTer[:LPASs][:STATe]", False),
        of.switch("OUTP :FILTer[:LPASs]:AUTO", False),
        of.word("OUTP :FILTer[:LPASs]:FREQuency", (), nr3(5e4), 5e4),
    ]


def level_commands(of: Of, function: Quantity) -> Table:
    """Levels and range of one source function."""
    spec = f"SOUR :{LONG[function]}"

    def top(channel: Channel) -> float:
        return channel.smu.model.top(function)

    def level(channel: Channel, arguments: Arguments) -> None:
        wanted = number(arguments[0], -top(channel), top(channel), {"DEFault": 0})
        channel.smu.set_level(function, wanted)

    def triggered(channel: Channel, arguments: Arguments) -> None:
        wanted = number(arguments[0], -top(channel), top(channel), {"DEFault": 0})
        channel.smu.extras.triggered[function] = wanted

    def span(channel: Channel, arguments: Arguments) -> None:
        wanted = number(arguments[0], -top(channel), top(channel), {"DEFault": 0})
        channel.smu.set_source_range(function, wanted)

    def lowest(channel: Channel) -> float:
        return channel.smu.model.ranges(function)[0].full_scale

    return [
        of.command(
            f"{spec}[:LEVel][:IMMediate][:AMPLitude]",
            level,
            lambda c, a: asked(a, -top(c), top(c), 0, c.smu.front.source[function].level),
        ),
        of.command(
            f"{spec}[:LEVel]:TRIGgered[:AMPLitude]",
            triggered,
            lambda c, _: nr3(
                c.smu.extras.triggered.get(function, c.smu.front.source[function].level)
            ),
        ),
        of.command(
            f"{spec}:RANGe",
            span,
            lambda c, a: asked(
                a, lowest(c), top(c), lowest(c), c.smu.source_span(function).full_scale
            ),
        ),
        of.command(
            f"{spec}:RANGe:AUTO",
            lambda c, a: c.smu.set_source_auto(function, boolean(a[0])),
            lambda c, _: flag(c.smu.front.source[function].auto),
        ),
    ]


def sweep_commands(of: Of, function: Quantity) -> Table:
    """Mode, list and staircase of one source function."""
    spec, listed = f"SOUR :{LONG[function]}", f"SOUR :LIST:{LONG[function]}"

    def values(channel: Channel, arguments: Arguments) -> list[float]:
        top = channel.smu.model.top(function)
        return [number(argument, -top, top) for argument in arguments]

    def set_mode(channel: Channel, arguments: Arguments) -> None:
        channel.smu.extras.modes[function] = choice(arguments[0], ("FIXed", "SWEep", "LIST"))

    def set_list(channel: Channel, arguments: Arguments) -> None:
        channel.smu.extras.lists[function] = values(channel, arguments)
        channel.smu.extras.list_first[function] = 1

    def append(channel: Channel, arguments: Arguments) -> None:
        held = channel.smu.extras.lists[function]
        if len(held) + len(arguments) > LIST_MOST:
            raise ScpiError(-223)
        channel.smu.extras.lists[function] = held + values(channel, arguments)

    def set_first(channel: Channel, arguments: Arguments) -> None:
        most = len(channel.smu.extras.lists[function])
        channel.smu.extras.list_first[function] = round(number(arguments[0], 1, most))

    def set_start(channel: Channel, arguments: Arguments) -> None:
        (channel.smu.extras.stairs[function].start,) = values(channel, arguments)

    def set_stop(channel: Channel, arguments: Arguments) -> None:
        (channel.smu.extras.stairs[function].stop,) = values(channel, arguments)

    return [
        of.command(f"{spec}:MODE", set_mode, lambda c, _: c.smu.extras.modes[function]),
        of.command(
            listed,
            set_list,
            lambda c, _: ",".join(map(nr3, c.smu.extras.lists[function])),
            (1, LIST_MOST),
        ),
        of.command(f"{listed}:APPend", append, None, (1, LIST_MOST)),
        of.command(f"{listed}:POINts", None, lambda c, _: str(len(c.smu.extras.lists[function]))),
        of.command(
            f"{listed}:STARt", set_first, lambda c, _: str(c.smu.extras.list_first[function])
        ),
        of.command(
            f"{spec}:STARt", set_start, lambda c, _: nr3(c.smu.extras.stairs[function].start)
        ),
        of.command(f"{spec}:STOP", set_stop, lambda c, _: nr3(c.smu.extras.stairs[function].stop)),
    ]


def source_commands(of: Of) -> Table:
    """`:SOUR…` and `:OUTP…` of one channel."""

    def put_spacing(channel: Channel, arguments: Arguments) -> None:
        chosen = choice(arguments[0], ("LINear", "LOGarithmic"))
        channel.smu.extras.sweep_log = chosen == "LOG"

    def put_stairs(channel: Channel, arguments: Arguments) -> None:
        channel.smu.extras.sweep_double = choice(arguments[0], ("SINGle", "DOUBle")) == "DOUB"

    def put_continuous(channel: Channel, arguments: Arguments) -> None:
        channel.smu.extras.keeps_last = boolean(arguments[0])

    functions: tuple[Quantity, Quantity] = ("VOLT", "CURR")
    return [
        *output_commands(of),
        of.command("SOUR :FUNCtion:MODE", set_function, lambda c, _: c.smu.front.function),
        of.word("SOUR :FUNCtion[:SHAPe]", ("DC",), "DC"),
        of.command(
            "SOUR :FUNCtion:TRIGgered:CONTinuous",
            put_continuous,
            lambda c, _: flag(c.smu.extras.keeps_last),
        ),
        of.command("SOUR :SWEep:POINts", set_points, lambda c, _: str(c.smu.extras.sweep_points)),
        of.command(
            "SOUR :SWEep:SPACing",
            put_spacing,
            lambda c, _: "LOG" if c.smu.extras.sweep_log else "LIN",
        ),
        of.command(
            "SOUR :SWEep:STAir",
            put_stairs,
            lambda c, _: "DOUB" if c.smu.extras.sweep_double else "SING",
        ),
        *(each for function in functions for each in level_commands(of, function)),
        *(each for function in functions for each in sweep_commands(of, function)),
    ]
