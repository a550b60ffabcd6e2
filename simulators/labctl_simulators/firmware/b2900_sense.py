"""A B2900's measuring commands: functions, compliance, ranges, integration, data, trace buffer.

Source: instruments.md §2; B2961 SCPI reference pages 4-90 to 4-92, 4-187.
"""

from collections.abc import Iterable, Sequence

from labctl_simulators.firmware.b2900_data import (
    TRACE_MOST,
    nr3,
    part,
    picked,
    reply,
    statistics,
)
from labctl_simulators.firmware.b2900_device import Channel
from labctl_simulators.firmware.b2900_smu import DEFAULT_LIMIT, DEFAULT_NPLC, Row
from labctl_simulators.firmware.b2900_words import LONG, MANY, Device, Of, Table, asked, flag
from labctl_simulators.firmware.common import NONE
from labctl_simulators.firmware.models import Quantity
from labctl_simulators.firmware.scpi import (
    Arguments,
    Command,
    ScpiError,
    boolean,
    choice,
    keyword,
    matches,
    number,
)
from labctl_simulators.firmware.smu import OTHER

FUNCTIONS = ("VOLTage", "CURRent", "RESistance")
NPLC_LEAST, NPLC_MOST = 4e-4, 100.0
POLARITIES = {"BOTH": "[:BOTH]", "POS": ":POSitive", "NEG": ":NEGative"}


def functions_of(arguments: Arguments) -> set[str]:
    """The measure functions that strings name. Raises ScpiError -104, -224."""
    found = set()
    for argument in arguments:
        if not argument.quoted:
            raise ScpiError(-104)
        head, _, tail = argument.text.strip().upper().partition(":")
        if tail not in ("", "DC"):
            raise ScpiError(-224)
        found.add(keyword(head, FUNCTIONS))
    return found


def put_functions(channel: Channel, functions: Iterable[str]) -> None:
    """Which quantities are measured."""
    channel.smu.extras.functions = frozenset(functions)


def functions_reply(channel: Channel, _: Arguments) -> str:
    """The measure functions that are on, as strings."""
    return ",".join(f'"{n}"' for n in ("VOLT", "CURR", "RES") if n in channel.smu.extras.functions)


def function_commands(of: Of) -> Table:
    """`:SENS:FUNC…`: quantities are measured beside each other."""

    def on(channel: Channel, arguments: Arguments) -> None:
        put_functions(channel, channel.smu.extras.functions | functions_of(arguments))

    def off(channel: Channel, arguments: Arguments) -> None:
        put_functions(channel, channel.smu.extras.functions - functions_of(arguments))

    everything = ("VOLT", "CURR", "RES")
    return [
        of.command("SENS :FUNCtion[:ON]", on, functions_reply, MANY),
        of.command(
            "SENS :FUNCtion[:ON]:ALL", lambda c, _: put_functions(c, everything), None, NONE
        ),
        of.command("SENS :FUNCtion:OFF", off, None, MANY),
        of.command("SENS :FUNCtion:OFF:ALL", lambda c, _: put_functions(c, ()), None, NONE),
        of.command(
            "SENS :FUNCtion[:ON]:COUNt", None, lambda c, _: str(len(c.smu.extras.functions))
        ),
    ]


def window_commands(of: Of, name: str) -> Table:
    """`:NPLC` and `:APER`, common to all functions."""
    spec = f"SENS :{name}[:DC]" if name != "RESistance" else "SENS :RESistance"

    def put(channel: Channel, nplc: float) -> None:
        for sense in channel.smu.front.sense.values():
            sense.nplc = nplc

    def nplc(channel: Channel) -> float:
        return channel.smu.front.sense["VOLT"].nplc

    def set_nplc(channel: Channel, arguments: Arguments) -> None:
        put(channel, number(arguments[0], NPLC_LEAST, NPLC_MOST, {"DEFault": DEFAULT_NPLC}))

    def set_aperture(channel: Channel, arguments: Arguments) -> None:
        hertz = channel.smu.line_hz
        low, high = NPLC_LEAST / hertz, NPLC_MOST / hertz
        put(channel, hertz * number(arguments[0], low, high, {"DEFault": DEFAULT_NPLC / hertz}))

    return [
        of.command(
            f"{spec}:NPLCycles",
            set_nplc,
            lambda c, a: asked(a, NPLC_LEAST, NPLC_MOST, DEFAULT_NPLC, nplc(c)),
        ),
        of.command(f"{spec}:APERture", set_aperture, lambda c, _: nr3(nplc(c) / c.smu.line_hz)),
    ]


def limit_commands(of: Of, quantity: Quantity, polarity: str) -> Table:
    """`:PROT`, and one polarity's where the firmware has it."""
    spec = f"SENS :{LONG[quantity]}[:DC]:PROTection[:LEVel]{POLARITIES[polarity]}"

    def ends(channel: Channel) -> tuple[float, float]:
        return channel.smu.sheet.least(quantity), channel.smu.model.top(quantity)

    def put(channel: Channel, arguments: Arguments) -> None:
        wanted = number(arguments[0], *ends(channel), {"DEFault": DEFAULT_LIMIT[quantity]})
        channel.smu.set_limit(quantity, wanted, polarity)

    def ask(channel: Channel, arguments: Arguments) -> str:
        now = channel.smu.limit(quantity, polarity)
        return asked(arguments, *ends(channel), DEFAULT_LIMIT[quantity], now)

    return [of.command(spec, put, ask)]


def range_commands(of: Of, quantity: Quantity) -> Table:
    """Measuring range, and whether the compliance is reached."""
    spec = f"SENS :{LONG[quantity]}[:DC]"

    def top(channel: Channel) -> float:
        return channel.smu.model.top(quantity)

    def lowest(channel: Channel) -> float:
        return channel.smu.model.ranges(quantity)[0].full_scale

    def put(channel: Channel, arguments: Arguments) -> None:
        wanted = number(arguments[0], -top(channel), top(channel), {"DEFault": 0})
        channel.smu.set_sense_range(quantity, wanted)

    def put_lowest(channel: Channel, arguments: Arguments) -> None:
        wanted = number(arguments[0], 0, top(channel), {"DEFault": 0})
        channel.smu.front.sense[quantity].lowest = channel.smu.model.index(quantity, wanted)

    def lower_limit(channel: Channel) -> float:
        sense = channel.smu.front.sense[quantity]
        return channel.smu.model.ranges(quantity)[sense.lowest].full_scale

    def tripped(channel: Channel, _: Arguments) -> str:
        smu = channel.smu
        limits = smu.front.function == OTHER[quantity] and smu.front.output
        return flag(limits and smu.truth(smu.clock).limited)

    return [
        of.command(f"{spec}:PROTection:TRIPped", None, tripped),
        of.command(
            f"{spec}:RANGe[:UPPer]",
            put,
            lambda c, a: asked(
                a, lowest(c), top(c), lowest(c), c.smu.present_span(quantity).full_scale
            ),
        ),
        of.command(
            f"{spec}:RANGe:AUTO",
            lambda c, a: c.smu.set_sense_auto(quantity, boolean(a[0])),
            lambda c, _: flag(c.smu.front.sense[quantity].auto),
        ),
        of.command(f"{spec}:RANGe:AUTO:LLIMit", put_lowest, lambda c, _: nr3(lower_limit(c))),
    ]


# Data of the last initiation, and the trace buffer


def offset_of(arguments: Arguments, length: int) -> int:
    """The first row of a query: a number, STARt, or CURRent for the last."""
    if not arguments or matches(arguments[0].text, "STARt"):
        return 0
    if matches(arguments[0].text, "CURRent"):
        return max(0, length - 1)
    return round(number(arguments[0], 0, TRACE_MOST))


def chosen(device: Device, rows: Sequence[Row], arguments: Arguments) -> str:
    """`[offset[, size]]` of some rows. Raises ScpiError -222."""
    size = round(number(arguments[1], 1, TRACE_MOST)) if len(arguments) > 1 else None
    found = part(rows, offset_of(arguments, len(rows)), size)
    return reply(device.format, picked(found, device.format.elements))


def data_commands(of: Of) -> Table:
    """`:SENS:DATA…`, `:TRAC…`."""
    here, sens, trac = of.number, of.root("SENS"), of.root("TRAC")

    def points(channel: Channel, arguments: Arguments) -> None:
        wanted = round(number(arguments[0], 1, TRACE_MOST, {"DEFault": 100}))
        if channel.trace.filling:
            raise ScpiError(-221)
        channel.trace.points, channel.trace.rows = wanted, []

    def clear(channel: Channel, _: Arguments) -> None:
        if channel.trace.filling:
            raise ScpiError(-221)
        channel.trace.rows = []

    def control(channel: Channel, arguments: Arguments) -> None:
        channel.trace.filling = choice(arguments[0], ("NEXT", "NEVer")) == "NEXT"
        if channel.trace.filling:
            channel.trace.rows = []

    def times(channel: Channel, arguments: Arguments) -> None:
        chosen_rule = choice(arguments[0], ("ABSolute", "DELTa"))
        channel.trace.delta_times = chosen_rule == "DELT"

    def statistic(channel: Channel, arguments: Arguments) -> None:
        words = ("MEAN", "SDEViation", "PKPK", "MINimum", "MAXimum")
        channel.trace.statistic = choice(arguments[0], words)

    return [
        Command(
            f"{sens}:DATA", None, lambda d, a: chosen(d, d.channels[here].rows, a), (1, 1), (0, 2)
        ),
        Command(
            f"{sens}:DATA:LATest", None, lambda d, _: chosen(d, d.channels[here].rows[-1:], ())
        ),
        of.command("SENS :DATA:CLEar", lambda c, _: c.rows.clear(), None, NONE),
        of.word("TRAC :FEED", ("SENSe",), "SENS"),
        of.command(
            "TRAC :FEED:CONTrol", control, lambda c, _: "NEXT" if c.trace.filling else "NEV"
        ),
        of.command("TRAC :POINts", points, lambda c, _: str(c.trace.points)),
        of.command("TRAC :POINts:ACTual", None, lambda c, _: str(len(c.trace.rows))),
        of.command("TRAC :CLEar", clear, None, NONE),
        of.command(
            "TRAC :TSTamp:FORMat", times, lambda c, _: "DELT" if c.trace.delta_times else "ABS"
        ),
        of.command("TRAC :STATistic:FORMat", statistic, lambda c, _: c.trace.statistic),
        Command(
            f"{trac}:DATA",
            None,
            lambda d, a: chosen(d, d.channels[here].trace.shown(), a),
            (1, 1),
            (0, 2),
        ),
        Command(
            f"{trac}:STATistic:DATA",
            None,
            lambda d, _: reply(d.format, statistics(d.channels[here].trace, d.format.elements)),
        ),
    ]


def sense_commands(of: Of, both_polarities: bool) -> Table:
    """`:SENS…` and `:TRAC…` of one channel."""

    def set_remote(channel: Channel, arguments: Arguments) -> None:
        channel.smu.extras.remote = boolean(arguments[0])
        channel.smu.present()

    quantities: tuple[Quantity, Quantity] = ("VOLT", "CURR")
    polarities = tuple(POLARITIES) if both_polarities else ("BOTH",)
    return [
        *function_commands(of),
        of.command("SENS :REMote", set_remote, lambda c, _: flag(c.smu.extras.remote)),
        *(each for name in FUNCTIONS for each in window_commands(of, name)),
        *(each for quantity in quantities for each in range_commands(of, quantity)),
        *(
            each
            for quantity in quantities
            for polarity in polarities
            for each in limit_commands(of, quantity, polarity)
        ),
        *data_commands(of),
    ]
