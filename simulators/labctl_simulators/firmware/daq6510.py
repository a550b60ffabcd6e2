"""Keithley DAQ6510 and DMM6500 as their wire shows them: SCPI over LAN, USBTMC or GPIB.

Written from instruments.md §0, §1b and §8; never from a driver. Of measurements only temperatures
are real: what stands behind a channel is a probe, and volts, amperes and ohms are read as of open
leads. Not simulated: TSP, other functions, binary data, limits, math, digital I/O, export to USB,
scans with several functions at one channel.

What the reference leaves open, and what is done here:
- Accuracies (1 K for a thermocouple with the card's own junction, 0.2 K with a simulated one,
  0.1 K thermistor, 0.06 K RTD, as limits of what is drawn), relay and overhead times: [K].
- A query about several channels gives values with semicolons between them.
- The error for a channel that is not there: -222, for a malformed list -224.
- A scan while the front inputs are selected, `*WAI` on a scan without an end: -221.
- Other clients: PyMeasure's `KeithleyDAQ6510` maps the reply to `:SENS:FUNC?` onto `CURR` and
  `VOLT`; the instrument says `"VOLT:DC"` in quotes, as PyMeasure's `KeithleyDMM6500` expects.
"""

from collections.abc import Mapping

from labctl_simulators.cells.plain import OPEN_OHM, Resistor
from labctl_simulators.firmware.daq6510_commands import COMMANDS
from labctl_simulators.firmware.daq6510_scanner import LIMITS_K, Scanner6510
from labctl_simulators.firmware.scpi import Grammar
from labctl_simulators.firmware.thermometry import Thermometry
from labctl_simulators.ports import Probe
from labctl_simulators.terminals import Terminals

REVISION = "1.7.12b-sim"
MODELS: Mapping[str, tuple[int, ...]] = {
    "DAQ6510": (*range(101, 121), *range(201, 221)),
    "DMM6500": tuple(range(1, 11)),
}
"""Model → channels: two 7700 cards without their ampere channels, or a 2000-SCAN."""


class Daq6510(Scanner6510):
    """A scanner with a probe at each of the channels given; 0 is the front inputs.

    The others are open, and read as overload. `rear`: which inputs its front panel selects.
    Raises ValueError for an unknown model, or a channel that it has not.
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
        rear: bool = True,
        now: float = 0.0,
    ) -> None:
        name = model or "DAQ6510"
        if name not in MODELS:
            raise ValueError(f"no model {name!r} here; known: {', '.join(MODELS)}")
        self.channels = MODELS[name]
        if beyond := set(probes) - {0, *self.channels}:
            raise ValueError(f"a {name} has no channel {min(beyond)}")
        thermometry = Thermometry(probes, LIMITS_K, seed, instrument_error)
        super().__init__(Terminals(Resistor(OPEN_OHM), now), thermometry, line_hz=line_hz)
        self.rear = rear
        number = serial or f"{4300000 + seed % 100000:08d}"
        self.identity = f"KEITHLEY INSTRUMENTS,MODEL {name},{number},{REVISION}"
