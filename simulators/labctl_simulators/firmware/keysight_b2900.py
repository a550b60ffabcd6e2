"""Keysight (Agilent) B2901A to B2912A and their B variants as their wire shows them: SCPI.

Written from instruments.md §0, §2 and, where a page is named, the B2900 User's Guide, the B2900A
data sheet and the SCPI references of B2900 (Ed. 2) and B2961/62 (Ed. 6); never from a driver. What
is implemented and what is refused with which code: docs/simulators/keysight-b2900.md. Not
simulated: pulses, arbitrary waveforms, math and limit tests, ohms by a test current, grouped
channels, digital I/O, LXI and external triggers, program memory, mass memory, what the bits of the
measurement, operation and questionable registers stand for (they stay 0).

What the reference leaves open is an option: `both_polarities` (`:PROT:POS`, `:PROT:NEG`: on the
B296x and newer firmware), `interlock_code` (an output refused by an open interlock or by heat),
`output_off_code` (`:READ?`, `:MEAS?` with the output off and `:OUTP:ON:AUTO OFF`: a reading of the
open terminals, or this error), `normal_opens` (see below), `holds_range` (a fixed measuring range
below the compliance holds the source, as on a Keithley 2400, or lets the reading overflow). Not in
the reference and assumed: 100 entries in the error queue, 0.1 PLC and current alone measured after
`*RST`, timestamps from power-on, a smallest compliance of 0.1 % of the lowest range, a level beyond
a newly fixed range becomes its top, `:OUTP OFF` ends what the trigger system does.

Where the reference and other evidence disagree:
- NORMAL off state: 0 V at the cell with a small limit in instruments.md §0.1; with the relay open
  on page 6-13 of the User's Guide (ZERO is what holds 0 V at 100 µA). The guide here; the option
  `normal_opens` = False for the reference.
- `:MEAS?` switches the output on by itself in instruments.md §2; page 4-67 (B2961) names `:INIT`
  and `:READ` only. As the reference says, here.
- `:PROT:NEG` takes a magnitude (page 4-90: its default is +2 V), so that a current source's lower
  voltage limit is never above 0 V: it guards a half cell's negative side, not a full cell's 2.5 V,
  which is more than the reference promises.
- PyMeasure has no class for a B2900. Its `AgilentB2985` (an electrometer with the same command
  tree) reads and paces this simulator unchanged; what only an electrometer has (`:INP`, `:CHAR`,
  temperature, humidity) and the trigger lines (`:TOUT`, `:BYP`) are -113, and its `:FUNC '…'` is
  -104, for that is the source's shape here. It takes `:SYST:INT:TRIP?` as 0 for a closed
  interlock; so does this simulator.
- `keysight-echem` opens with no `:OUTP:OFF:MODE HIZ` and no `:OUTP:ON:AUTO OFF`.
"""

from collections.abc import Mapping
from functools import cache
from math import inf

from labctl_simulators.cells.plain import OPEN_OHM, Resistor
from labctl_simulators.firmware.b2900_device import DeviceB2900
from labctl_simulators.firmware.b2900_models import SERIES_B2900, ModelB2900
from labctl_simulators.firmware.b2900_sense import sense_commands
from labctl_simulators.firmware.b2900_smu import Smu2900
from labctl_simulators.firmware.b2900_source import source_commands
from labctl_simulators.firmware.b2900_system import SYSTEM_COMMANDS, trigger_commands
from labctl_simulators.firmware.b2900_words import Of
from labctl_simulators.firmware.exchange import Instrument
from labctl_simulators.firmware.on_bus import Talk
from labctl_simulators.firmware.scpi import Grammar
from labctl_simulators.firmware.smu import Flaws
from labctl_simulators.terminals import Terminals

REVISION = "3.4.2011.5100-sim"
SEED_STRIDE = 7919


@cache
def grammar(channels: int, both_polarities: bool) -> Grammar[DeviceB2900]:
    """The command set of a model with so many channels."""
    table = list(SYSTEM_COMMANDS)
    for channel in map(Of, range(1, channels + 1)):
        table += source_commands(channel)
        table += sense_commands(channel, both_polarities)
        table += trigger_commands(channel)
    return Grammar(table)


class KeysightB2900(DeviceB2900):
    """A B2900 on one cell or two: `more` holds the terminals of channel 2.

    A channel without terminals is open. `lead_ohm` is what two-wire sensing sees beside the cell.
    Raises ValueError for an unknown model, or terminals that the model has not.
    """

    def __init__(
        self,
        terminals: Terminals,
        *,
        more: Mapping[int, Terminals] | None = None,
        model: str | None = None,
        serial: str | None = None,
        seed: int = 0,
        instrument_error: float = 1.0,
        frozen_at_h: float = inf,
        set_deviation: float = 0.0,
        line_hz: float = 50.0,
        lead_ohm: float = 0.0,
        talk: Talk = "stream",
        both_polarities: bool = False,
        interlock_code: int = -221,
        output_off_code: int | None = None,
        normal_opens: bool = True,
        holds_range: bool = False,
    ) -> None:
        name = model or "B2902A"
        if name not in SERIES_B2900:
            raise ValueError(f"no model {name!r} here; known: {', '.join(SERIES_B2900)}")
        if lead_ohm < 0.0:
            raise ValueError(f"lead_ohm = {lead_ohm:g}: it cannot be negative")
        sheet = SERIES_B2900[name]
        flaws = Flaws(instrument_error, frozen_at_h, set_deviation)

        def channel(number: int, instrument: Instrument, pair: Terminals) -> Smu2900:
            return Smu2900(
                instrument,
                pair,
                sheet,
                seed=seed + (number - 1) * SEED_STRIDE,
                flaws=flaws,
                line_hz=line_hz,
                lead_ohm=lead_ohm,
                normal_opens=normal_opens,
                holds_range=holds_range,
                interlock_code=interlock_code,
            )

        self.grammar = grammar(sheet.channels, both_polarities)
        super().__init__(
            _pairs(terminals, more or {}, sheet),
            channel,
            talk=talk,
            output_off_code=output_off_code,
        )
        number = serial or f"MY51{100000 + seed % 100000}"
        self.identity = f"Keysight Technologies,{name},{number},{REVISION}"


def _pairs(first: Terminals, more: Mapping[int, Terminals], sheet: ModelB2900) -> list[Terminals]:
    channels, name = sheet.channels, sheet.ranges.name
    if any(not 2 <= number <= channels for number in more):
        raise ValueError(
            f"a {name} has {channels} channel(s), and none of number {max(more)}: "
            "the option `model` is another one"
        )
    return [first] + [
        more.get(number) or Terminals(Resistor(OPEN_OHM), first.now)
        for number in range(2, channels + 1)
    ]
