"""Keysight (Agilent) B2900 source-measure units as channels, in SCPI.

Wire facts: instruments.md §0, §0.1, §2; status bits: B2910-90030 Ed. 2 page 1-14.

Options: `serial` (another instrument is refused), `four_wire`, `nplc` (integration time in line
periods, 0.01 to 10).

When the PC dies the output stays as it was programmed, and that is a voltage source at the step's
last voltage with its current as the limit: the cell is charged or discharged up to that voltage
and held there, never past it, at no more than that current; or, at rest, nothing flows. Charge and
time are not bounded. The maker's over-voltage and over-current protection would open the output as
soon as the limit is reached, which for a cell is the normal state: it is switched off. In an
emergency of its own (interlock, temperature) the instrument goes to 0 V and then opens, whatever
its off state is set to.
"""

import re

from labctl_drivers import scpi
from labctl_drivers.errors import InvalidReading, OutputLost
from labctl_drivers.keysight_b2900_models import SERIES_B2900
from labctl_drivers.link import Link
from labctl_drivers.scpi import nr3
from labctl_drivers.smu import SourceMeasureUnit
from labctl_drivers.smu_dialect import RESOLUTION, Expected, Measured
from labctl_drivers.smu_regulation import Function, Program
from labctl_drivers.smu_scpi import OTHER, ScpiCommands, change, on_off

_F = rb"([+-]\d\.\d{6}E[+-]\d\d)"
_READING = re.compile(rb"%s,%s,%s,%s;([01])" % (_F, _F, _F, _F))
CURRENT_SOURCE, COMPLIANCE, PROTECTED, OVERFLOW = 1 << 0, 0b11 << 1, 0b111 << 3, 1 << 13
_RANGE_MATCH = 0.06
"""A range may be named by its over-range."""
_HARMLESS: dict[Function, float] = {"VOLT": 2.0, "CURR": 1e-6}
"""A limit that no range and no level forbids, while both change."""


class _B2900(ScpiCommands):
    """The dialect of one channel."""

    def __init__(self, channel: int, *, four_wire: bool, nplc: float) -> None:
        self._c = channel
        self._four_wire = four_wire
        self._nplc = nplc
        self.ON, self.OFF = f":OUTP{channel} ON", f":OUTP{channel} OFF"
        self.OUTPUT = f":OUTP{channel}?"
        self.FUNCTION = f":SOUR{channel}:FUNC:MODE?"
        self.ABORT = f":ABOR (@{channel})"
        self.HIGH_IMPEDANCE = f":OUTP{channel}:OFF:MODE HIZ"

    def queue_entry(self, reply: bytes) -> scpi.QueueEntry:
        """What `ERROR` was answered; every code is an error here. Raises BadReply."""
        entry = super().queue_entry(reply)
        return entry._replace(is_error=entry.code != 0)

    def configure(self) -> list[str]:
        """What is set once, with the output off; formats are for both channels."""
        c = self._c
        return [
            f":OUTP{c}:ON:AUTO OFF;:OUTP{c}:OFF:AUTO OFF",
            f":OUTP{c}:PROT OFF",
            self.HIGH_IMPEDANCE,
            f":SENS{c}:REM {on_off(self._four_wire)}",
            f':SENS{c}:FUNC "VOLT","CURR"',
            f":SENS{c}:CURR:NPLC {nr3(self._nplc)}",
            ":FORM:DATA ASC",
            ":FORM:ELEM:SENS VOLT,CURR,TIME,STAT",
        ]

    def program(self, program: Program, most: float) -> list[str]:
        """All settings of a program, with the output off.

        The limit is small while level and range change, so that no combination on the way is
        beyond the operating area.
        """
        del most
        c, name, other = self._c, program.function, OTHER[program.function]
        source_range = program.voltage if name == "VOLT" else program.current
        return [
            f":SOUR{c}:FUNC:MODE {name};:SOUR{c}:{name}:MODE FIX",
            f":SENS{c}:{other}:PROT {nr3(_HARMLESS[other])}",
            f":SOUR{c}:{name} 0;:SOUR{c}:{name}:RANG {nr3(source_range.full_scale)}"
            f";:SOUR{c}:{name} {nr3(program.level)}",
            f":SENS{c}:{other}:RANG {nr3(program.limit_range)}"
            f";:SENS{c}:{other}:PROT {nr3(program.limit)}",
        ]

    def change(self, old: Program, new: Program) -> str:
        """From one driven program to another with the output on, as one message."""
        c = self._c
        return change(
            f":SOUR{c}:VOLT {nr3(new.level)}",
            f":SENS{c}:CURR:RANG {nr3(new.limit_range)}",
            f":SENS{c}:CURR:PROT {nr3(new.limit)}",
            raising=new.limit > old.limit,
            ranged=new.current != old.current,
        )

    def level_query(self, function: Function) -> str:
        """Asks for the source's level."""
        return f":SOUR{self._c}:{function}?"

    def limit_query(self, function: Function) -> str:
        """Asks for the limit."""
        return f":SENS{self._c}:{OTHER[function]}:PROT?"

    def expected(self, program: Program) -> Expected:
        """What has to be read back before the output may go on."""
        c, name, other = self._c, program.function, OTHER[program.function]
        source_range = program.voltage if name == "VOLT" else program.current
        span, ranged = source_range.full_scale, program.limit_range
        return (
            (f":OUTP{c}:OFF:MODE?", "HIZ", 0.0),
            (f":OUTP{c}:ON:AUTO?", 0.0, 0.0),
            (f":OUTP{c}:PROT?", 0.0, 0.0),
            (f":SENS{c}:REM?", float(self._four_wire), 0.0),
            (self.FUNCTION, name, 0.0),
            (f":SOUR{c}:{name}:RANG?", span, span * _RANGE_MATCH),
            (self.level_query(name), program.level, span * RESOLUTION),
            (f":SENS{c}:{other}:RANG?", ranged, ranged * _RANGE_MATCH),
            (self.limit_query(name), program.limit, ranged * RESOLUTION),
        )

    def read(self, number: int) -> str:
        """Measures, and then says whether the output is on; a clock tells one from the next."""
        del number
        return f":MEAS? (@{self._c});{self.OUTPUT}"

    def measured(self, reply: bytes, program: Program, number: int) -> Measured:
        """VOLT, CURR, TIME, STAT in their fixed format, and the output."""
        del number
        found = _READING.fullmatch(reply)
        if found is None:
            raise InvalidReading(f"no whole reading: {reply[:100]!r}")
        if found[5] == b"0":
            raise OutputLost(f"the output went off by itself: {reply!r}")
        voltage, current, device, word = map(scpi.measured, found.group(1, 2, 3, 4))
        status = int(word)
        if status & OVERFLOW:
            raise InvalidReading(f"over range: {reply!r}")
        if bool(status & CURRENT_SOURCE) is not (program.function == "CURR"):
            raise InvalidReading(f"status {status:#x} is of another source function")
        limited, protected = bool(status & COMPLIANCE), bool(status & PROTECTED)
        return Measured(voltage, current, device, limited, protected, status)


class KeysightB2900(SourceMeasureUnit):
    """One channel of a B2901, B2902, B2910, B2911 or B2912, over LAN, USB or GPIB."""

    MAKERS = ("Keysight", "Agilent")
    MODELS = SERIES_B2900
    BASE_MODEL = "B2902A"
    _OVERHEAD_S = 0.02
    _PLC_PER_READING = 2.0
    _SHARES_QUEUE = True

    def __init__(
        self,
        link: Link,
        *,
        channel: int = 1,
        serial: str | None = None,
        four_wire: bool = True,
        nplc: float = 1.0,
    ) -> None:
        if channel not in (1, 2):
            raise ValueError(f"a B2900 has channel 1 and perhaps 2, not {channel}")
        if not 0.01 <= nplc <= 10:
            raise ValueError(f"nplc is from 0.01 to 10, not {nplc:g}")
        dialect = _B2900(channel, four_wire=four_wire, nplc=nplc)
        super().__init__(link, dialect, channel=channel, serial=serial, nplc=nplc)
