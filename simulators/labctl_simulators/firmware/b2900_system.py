"""A B2900's trigger, reading, format and system commands.

Source: instruments.md §2; B2900 SCPI reference Ed. 2 page 4-68; B2961 SCPI reference pages 2-48,
4-20, 4-83.
"""

from collections.abc import Callable

from labctl_simulators.firmware.b2900_data import ELEMENTS, nr3, picked, reply, side_by_side
from labctl_simulators.firmware.b2900_device import Channel
from labctl_simulators.firmware.b2900_models import COUNT_MOST
from labctl_simulators.firmware.b2900_trigger import KINDS, Kind, Layer
from labctl_simulators.firmware.b2900_words import Device, Of, Table, channel_list, flag
from labctl_simulators.firmware.common import COMMON, NONE
from labctl_simulators.firmware.scpi import Arguments, Command, ScpiError, boolean, choice, number

LISTED = (0, 1)
FUNCTIONS = ("VOLTage", "CURRent", "RESistance")
WORDS = ("VOLTage", "CURRent", "RESistance", "TIME", "STATus", "SOURce")
LAYERS = ("TRIG", "ARM")
GROUPS: dict[str, tuple[Kind, ...]] = {
    "[:ALL]": KINDS,
    ":ACQuire": ("ACQ",),
    ":TRANsient": ("TRAN",),
}
BY_ITSELF = ("AINT", "BUS", "TIMer")
DELAY_MOST_S = 1e5


# Trigger layers


def layers(channel: Channel, name: str, kinds: tuple[Kind, ...]) -> list[Layer]:
    """The layers that a command means."""
    actions = [channel.sequencer.actions[kind] for kind in kinds]
    return [action.trigger if name == "TRIG" else action.arm for action in actions]


def layer_commands(of: Of, name: str, group: str) -> Table:
    """`:TRIG[:ALL]…`, `:ARM:ACQ…`: source, count, timer, delay."""
    kinds = GROUPS[group]
    spec = f"{name} {group}"

    def put(field: str, channel: Channel, value: object) -> None:
        for layer in layers(channel, name, kinds):
            setattr(layer, field, value)

    def one(channel: Channel) -> Layer:
        return layers(channel, name, kinds)[-1]

    def timer(channel: Channel, arguments: Arguments) -> None:
        least_s = channel.smu.sheet.least_interval_s
        put("timer_s", channel, number(arguments[0], least_s, DELAY_MOST_S, {"DEFault": least_s}))

    def count(channel: Channel, arguments: Arguments) -> None:
        put("count", channel, round(number(arguments[0], 1, COUNT_MOST, {"DEFault": 1})))

    def delay(channel: Channel, arguments: Arguments) -> None:
        put("delay_s", channel, number(arguments[0], 0, DELAY_MOST_S, {"DEFault": 0}))

    return [
        of.command(
            f"{spec}:SOURce[:SIGNal]",
            lambda c, a: put("source", c, choice(a[0], BY_ITSELF)),
            lambda c, _: one(c).source,
        ),
        of.command(f"{spec}:COUNt", count, lambda c, _: str(one(c).count)),
        of.command(f"{spec}:TIMer", timer, lambda c, _: nr3(one(c).timer_s)),
        of.command(f"{spec}:DELay", delay, lambda c, _: nr3(one(c).delay_s)),
    ]


def trigger_commands(of: Of) -> Table:
    """`:TRIG…` and `:ARM…` of one channel."""
    return [each for name in LAYERS for group in GROUPS for each in layer_commands(of, name, group)]


def initiate(kinds: tuple[Kind, ...]) -> Callable[[Device, Arguments], None]:
    """`:INIT…`."""
    return lambda device, arguments: device.begin(channel_list(device, arguments), kinds)


def abort(kinds: tuple[Kind, ...]) -> Callable[[Device, Arguments], None]:
    """`:ABOR…`: those channels to idle."""

    def put(device: Device, arguments: Arguments) -> None:
        for number_of in channel_list(device, arguments):
            device.channels[number_of].sequencer.abort(kinds)

    return put


def release(device: Device, arguments: Arguments) -> None:
    """`:TRIG[:IMM]`: a trigger for those channels. Raises ScpiError -211."""
    numbers = channel_list(device, arguments)
    if not any([device.channels[n].sequencer.release(device.clock) for n in numbers]):
        raise ScpiError(-211)


def idle(device: Device, _: Arguments) -> str:
    """`:IDLE?`: 1 once nothing runs."""
    device.settle()
    return "1"


TRIGGER: Table = [
    *(
        Command(f":INITiate[:IMMediate]{group}", initiate(kinds), None, LISTED)
        for group, kinds in GROUPS.items()
    ),
    *(Command(f":ABORt{group}", abort(kinds), None, LISTED) for group, kinds in GROUPS.items()),
    Command(":TRIGger[:ALL][:IMMediate]", release, None, LISTED),
    *(Command(f":IDLE{group}", None, idle) for group in GROUPS),
]


# Readings


def fetched(device: Device, arguments: Arguments, array: bool, element: str) -> str:
    """`:FETC…?`: the last row of each channel, or all; NaN where there is none."""
    rows = [device.channels[n].rows for n in channel_list(device, arguments)]
    kept = side_by_side(rows if array else [each[-1:] for each in rows])
    elements = (element,) if element else device.format.elements
    return reply(device.format, picked(kept, elements))


def fetch(array: bool, element: str, *, read: bool) -> Callable[[Device, Arguments], str]:
    """`:READ…?` or `:FETC…?`."""

    def ask(device: Device, arguments: Arguments) -> str:
        if read:
            device.read(channel_list(device, arguments))
        return fetched(device, arguments, array, element)

    return ask


def measure(device: Device, arguments: Arguments) -> str:
    """`:MEAS?`: what `:SENS:FUNC` says, of each channel."""
    rows = []
    for channel in channel_list(device, arguments):
        smu = device.channels[channel].smu
        rows.append(device.spot(channel, smu.extras.functions))
        device.channels[channel].rows = [rows[-1]]
    return reply(device.format, picked(rows, device.format.elements))


def measure_one(element: str) -> Callable[[Device, Arguments], str]:
    """`:MEAS:CURR?` and the like: that quantity alone."""

    def ask(device: Device, arguments: Arguments) -> str:
        rows = [device.spot(n, frozenset({element})) for n in channel_list(device, arguments)]
        return reply(device.format, picked(rows, (element,)))

    return ask


def reading_commands() -> Table:
    """`:READ`, `:FETC`, `:MEAS`."""
    found: Table = [Command(":MEASure", None, measure)]
    found += [
        Command(
            f":MEASure:{word}{'' if word == 'RESistance' else '[:DC]'}", None, measure_one(name)
        )
        for word, name in zip(FUNCTIONS, ELEMENTS, strict=False)
    ]
    for root, read in ((":READ", True), (":FETCh", False)):
        for shape, array in (("[:SCALar]", False), (":ARRay", True)):
            found.append(Command(f"{root}{shape}", None, fetch(array, "", read=read)))
            found += [
                Command(f"{root}{shape}:{word}", None, fetch(array, name, read=read))
                for word, name in zip(WORDS, ELEMENTS, strict=True)
            ]
    return found


# Format and system


def set_format(device: Device, arguments: Arguments) -> None:
    """`:FORM[:DATA] ASC|REAL,32|REAL,64`."""
    chosen = choice(arguments[0], ("ASCii", "REAL"))
    if chosen == "ASC":
        device.format.data = "ASC"
        return
    bits = number(arguments[1], 32, 64) if len(arguments) > 1 else 32
    if bits not in (32, 64):
        raise ScpiError(-224)
    device.format.data = f"REAL,{bits:g}"


def set_order(device: Device, arguments: Arguments) -> None:
    """`:FORM:BORD`."""
    device.format.swapped = choice(arguments[0], ("NORMal", "SWAPped")) == "SWAP"


def set_elements(device: Device, arguments: Arguments) -> None:
    """`:FORM:ELEM:SENS`; their order stays what it is."""
    wanted = {choice(argument, WORDS) for argument in arguments}
    device.format.elements = tuple(name for name in ELEMENTS if name in wanted)


def set_line(device: Device, arguments: Arguments) -> None:
    """`:SYST:LFR`."""
    wanted = number(arguments[0], 50, 60)
    if wanted not in (50, 60):
        raise ScpiError(-224)
    device.line_hz = wanted


def reset_timer(device: Device, _: Arguments) -> None:
    """`:SYST:TIME:TIM:COUN:RES`: timestamps begin anew."""
    for channel in device.channels.values():
        channel.smu.zero_s = device.clock


def beep(_: Device, arguments: Arguments) -> None:
    """`:SYST:BEEP`: heard by nobody, but checked."""
    number(arguments[0], 55, 6640)
    number(arguments[1], 0.05, 12.75)


def display(_: Device, arguments: Arguments) -> None:
    """`:DISP:ENAB`: nothing that the wire or the cell would show."""
    boolean(arguments[0])


KEITHLEY = (":STATus:QUEue", ":SYSTem:CLEar", ":SYSTem:VERSion")
SYSTEM: Table = [
    *(command for command in COMMON if not command.spec.startswith(KEITHLEY)),
    Command(":SYSTem:ERRor:ALL", None, lambda d, _: d.all_errors()),
    Command(":SYSTem:VERSion", None, lambda d, _: "1999.0"),
    Command(":SYSTem:PRESet", lambda d, _: d.reset(), None, NONE),
    Command(":SYSTem:INTerlock:TRIPped", None, lambda d, _: flag(not d.interlock_closed)),
    Command(":SYSTem:LFRequency", set_line, lambda d, _: f"{d.line_hz:g}"),
    Command(":SYSTem:TIME:TIMer:COUNt", None, lambda d, _: nr3(d.clock - d.channels[1].smu.zero_s)),
    Command(":SYSTem:TIME:TIMer:COUNt:RESet[:IMMediate]", reset_timer, None, NONE),
    Command(":SYSTem:BEEPer[:IMMediate]", beep, None, (2, 2)),
    Command(":DISPlay:ENABle", display, None),
    Command(":FORMat[:DATA]", set_format, lambda d, _: d.format.data, (1, 2)),
    Command(":FORMat:BORDer", set_order, lambda d, _: "SWAP" if d.format.swapped else "NORM"),
    Command(
        ":FORMat:ELEMents:SENSe", set_elements, lambda d, _: ",".join(d.format.elements), (1, 6)
    ),
]
SYSTEM_COMMANDS: Table = [*SYSTEM, *TRIGGER, *reading_commands()]
