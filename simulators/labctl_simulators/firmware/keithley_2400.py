"""Keithley 2400, 2401, 2410, 2420 as their wire shows them: classic SCPI over RS-232 or GPIB.

Written from instruments.md §0, §1 and, where a page is named, 2400S-900-01 Rev. K; never from a
driver. Not simulated: sweeps, lists, source memory, limit tests, math, contact check, 2425-2440.

Where the reference and other evidence disagree:
- instruments.md orders `SENS:CURR:RANG` before `SENS:CURR:PROT`. The manual (18-62 note 3, 18-68)
  and a bench record have it: a measuring range above the *present* compliance range is +824 and
  the old range stays; a compliance below 0.1 % of the present fixed range is +822. So widening
  goes compliance first, narrowing goes range first.
- A source function change with the output on: [?] in instruments.md; an option here.
- Overvoltage protection at power-on: 40 V in the service manual, NONE in the user's; an option.
- PyMeasure's `Keithley2400` names its five elements in the order current, voltage in one
  docstring; the instrument's order is voltage, current, whatever was asked.
- PyMeasure's `check_errors` splits at commas, so that a message with a comma reads as two.
"""

from math import inf

from labctl_simulators.firmware.common import COMMON
from labctl_simulators.firmware.k2400_meter import Meter2400
from labctl_simulators.firmware.k2400_sense import SENSE_COMMANDS
from labctl_simulators.firmware.k2400_system import SYSTEM_COMMANDS
from labctl_simulators.firmware.models import SERIES_2400
from labctl_simulators.firmware.on_bus import Talk
from labctl_simulators.firmware.scpi import Grammar
from labctl_simulators.firmware.smu import Flaws, Front
from labctl_simulators.terminals import Terminals

REVISION = "C32   Oct  4 2010 14:20:11/A02  /S/K-sim"


class Keithley2400(Meter2400):
    """A 2400 on a cell, with its flaws; `baud` None stands for GPIB.

    Raises ValueError for an unknown model.
    """

    grammar = Grammar([*COMMON, *SENSE_COMMANDS, *SYSTEM_COMMANDS])

    def __init__(
        self,
        terminals: Terminals,
        *,
        model: str | None = None,
        serial: str | None = None,
        seed: int = 0,
        instrument_error: float = 1.0,
        frozen_at_h: float = inf,
        set_deviation: float = 0.0,
        baud: int | None = None,
        line_hz: float = 50.0,
        talk: Talk = "stream",
        power_on_protection_V: float = inf,
        function_change_turns_off: bool = True,
    ) -> None:
        name = model or "2400"
        if name not in SERIES_2400:
            raise ValueError(f"no model {name!r} here; known: {', '.join(SERIES_2400)}")
        self._power_on_protection_V = power_on_protection_V
        self.function_change_turns_off = function_change_turns_off
        super().__init__(
            terminals,
            SERIES_2400[name],
            seed=seed,
            flaws=Flaws(instrument_error, frozen_at_h, set_deviation),
            baud=baud,
            line_hz=line_hz,
            talk=talk,
        )
        number = serial or f"{4100000 + seed % 100000}"
        self.identity = f"KEITHLEY INSTRUMENTS INC.,MODEL {name},{number},{REVISION}"
        self.prepare()
        self.present()

    def power_on_front(self) -> Front:
        """The settings after power-on and `*RST`."""
        front = super().power_on_front()
        front.protection = self._power_on_protection_V
        return front
