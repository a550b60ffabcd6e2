"""Keithley 2450, 2460, 2470 as their wire shows them: SCPI over LAN, USBTMC or GPIB.

Written from instruments.md §0, §1b and, where a page is named, 2450-901-01 Rev. B; never from a
driver. Not simulated: sweeps, configuration lists, math, limit tests, digital I/O, the SCPI2400
command set; in TSP mode only the error queue can be read (`print(eventlog.next())`).

Where the reference and other evidence disagree:
- STAT: QUESTIONABLE is 1 in instruments.md and in Tektronix's editor support, 2 in Rev. B of the
  manual; 1 here.
- PyMeasure's `Keithley2450` takes its buffer statistics (`means`, …) as lists of V, I, R and its
  `config_buffer`, `start_buffer` from the 2400 (`TRAC:FEED`, `STAT:MEAS`); the instrument gives
  one figure and -113 (PyMeasure's own docstring says that buffers are unsupported).
- PyMeasure's `wires` asks `SENS:RES:RSEN`; the setting is one per measure function.
- The interlock's error number is unknown (instruments.md §10): an option.
"""

from math import inf
from typing import Literal

from labctl_simulators.firmware.common import COMMON
from labctl_simulators.firmware.k2450_meter import Meter2450
from labctl_simulators.firmware.k2450_readings import READING_COMMANDS
from labctl_simulators.firmware.k2450_sense import SENSE_COMMANDS
from labctl_simulators.firmware.k2450_system import SYSTEM_COMMANDS
from labctl_simulators.firmware.models import SERIES_2450
from labctl_simulators.firmware.on_bus import Talk
from labctl_simulators.firmware.scpi import Grammar
from labctl_simulators.firmware.smu import Flaws
from labctl_simulators.terminals import Terminals

REVISION = "1.7.12b-sim"


class Keithley2450(Meter2450):
    """A 2450 on a cell, with its flaws. Raises ValueError for an unknown model or command set."""

    grammar = Grammar([*COMMON, *READING_COMMANDS, *SENSE_COMMANDS, *SYSTEM_COMMANDS])

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
        language: Literal["SCPI", "TSP"] = "SCPI",
        interlock_code: int = -221,
    ) -> None:
        name = model or "2450"
        if name not in SERIES_2450:
            raise ValueError(f"no model {name!r} here; known: {', '.join(SERIES_2450)}")
        if language not in ("SCPI", "TSP"):
            raise ValueError(f"no command set {language!r} here; known: SCPI, TSP")
        super().__init__(
            terminals,
            SERIES_2450[name],
            seed=seed,
            flaws=Flaws(instrument_error, frozen_at_h, set_deviation),
            baud=baud,
            line_hz=line_hz,
            talk=talk,
        )
        self.language = self.next_language = language
        self.interlock_code = interlock_code
        number = serial or f"{4400000 + seed % 100000:08d}"
        self.identity = f"KEITHLEY INSTRUMENTS,MODEL {name},{number},{REVISION}"
        self.prepare()
        self.present()

    def foreign(self, line: str) -> str | None:
        """In TSP mode everything but common commands is a script line: -285 here, or the log."""
        words = line.strip()
        if self.language != "TSP" or words.startswith("*") or not words:
            return None
        if words == "print(eventlog.next())":
            kind, entry = self.log.popleft() if self.log else (0, None)
            self.errors.take()
            return "nil" if entry is None else f"{entry.code}\t{entry.text}\t{kind}"
        if words == "eventlog.clear()":
            self.errors.clear()
            self.log.clear()
            return ""
        self.fail(-285, words.replace("'", "").replace('"', "")[:16])
        return ""
