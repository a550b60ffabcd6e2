"""Keysight (Agilent, HP) 34970A and 34972A as their wire shows them: SCPI over RS-232, GPIB, LAN.

Written from instruments.md §0 and §8 and the user's guide 34970-90003 where a file names it; never
from a driver. Multiplexers 34901A stand in all the slots given; of measurements only temperatures
are real: what stands behind a channel is a probe, and volts and ohms are read as of open leads.
Not simulated: amperes, AC, digital and DAC modules, alarms and scaling (CALC), external reference
junctions, monitor, memory cards; the alarm field is always 0.

What the reference leaves open, and what is done here:
- Accuracies and times [K]: within 1 K for a thermocouple with the card's junction, 0.08 K for a
  thermistor, 0.06 K for an RTD; 15 ms a channel and four line cycles for a thermocouple.
- The instrument's own codes (111, 112, 113, 251, 261, 308, 309): from memory of the manual's
  list, in the class's `TEXTS`.
- `*OPC?`, `*WAI` and FETC? on a scan without an end: -214.
- The 34970A's identity has 0 for its serial number, unless one is given.
- CONF and MEAS? turn the formats off (the manual) and the trigger to IMM, 1 ([K]).
"""

from collections.abc import Mapping, Sequence

from labctl_simulators.cells.plain import OPEN_OHM, Resistor
from labctl_simulators.firmware.k34970_commands import COMMANDS
from labctl_simulators.firmware.k34970_scanner import LIMITS_K, Scanner34970, channels_of
from labctl_simulators.firmware.on_bus import Talk
from labctl_simulators.firmware.scpi import Grammar
from labctl_simulators.firmware.thermometry import Thermometry
from labctl_simulators.ports import Probe
from labctl_simulators.terminals import Terminals

MODELS = {
    "34970A": ("HEWLETT-PACKARD", "13-2-2-sim"),
    "34972A": ("Agilent Technologies", "1.17-1.12-02-02-sim"),
}


class Keysight34970A(Scanner34970):
    """A scanner with a probe at each of the channels given; the others are open: overload.

    `slots`: where multiplexers are, as 100, 200, 300. `baud` None stands for GPIB or LAN. Raises
    ValueError for an unknown model or slot, or a channel that it has not.
    """

    grammar = Grammar(COMMANDS)

    def __init__(
        self,
        probes: Mapping[int, Probe],
        *,
        serial: str | None = None,
        seed: int = 0,
        model: str | None = None,
        instrument_error: float = 1.0,
        line_hz: float = 50.0,
        slots: Sequence[int] = (100, 200, 300),
        baud: int | None = None,
        talk: Talk = "stream",
        now: float = 0.0,
    ) -> None:
        name = model or "34970A"
        if name not in MODELS:
            raise ValueError(f"no model {name!r} here; known: {', '.join(MODELS)}")
        if wrong := set(slots) - {100, 200, 300}:
            raise ValueError(f"there is no slot {min(wrong)}; slots are 100, 200, 300")
        places = tuple(sorted(set(slots)))
        if beyond := set(probes) - set(channels_of(places)):
            raise ValueError(f"a {name} with cards in {places} has no channel {min(beyond)}")
        super().__init__(
            Terminals(Resistor(OPEN_OHM), now),
            Thermometry(probes, LIMITS_K, seed, instrument_error),
            slots=places,
            line_hz=line_hz,
            baud=baud,
            talk=talk,
        )
        maker, revision = MODELS[name]
        number = serial or ("0" if name == "34970A" else f"MY{49000000 + seed % 100000}")
        self.identity = f"{maker},{name},{number},{revision}"
