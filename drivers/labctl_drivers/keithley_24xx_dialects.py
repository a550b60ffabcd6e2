"""The two languages of the Keithley 24xx: what is sent, and what the replies say. No I/O.

Sources: instruments.md §1 (2400) and §1b (2450), with 2400S-900-01 pages 18-62 and 18-68 on how
compliance and measuring range bind one another, 2450-901-01 page 6-28 on number formats, pages
8-29 (2450) and 14-32 of 2470-901-01 on the bits of the source status.
"""

import re
from dataclasses import dataclass

from labctl_drivers import scpi
from labctl_drivers.errors import InvalidReading, OutputLost
from labctl_drivers.scpi import nr3
from labctl_drivers.smu_dialect import RESOLUTION, Expected, Measured
from labctl_drivers.smu_regulation import Function, Program
from labctl_drivers.smu_scpi import OTHER, ScpiCommands, change, on_off


@dataclass(frozen=True, slots=True)
class Options:
    """How the instrument is wired and how long it integrates."""

    rear: bool
    four_wire: bool
    nplc: float


def _span(full_scale: float) -> float:
    # the 2400 names a range by its 105 %
    return 0.06 * full_scale


_F = rb"[+-]\d\.\d{6}E[+-]\d\d"
_READING_2400 = re.compile(rb",".join([rb"(" + _F + rb")"] * 4))
OVERFLOW, COMPLIANCE, PROTECTED = 1 << 0, 1 << 3, 1 << 4
V_SOURCE, I_SOURCE, RANGE_COMPLIANCE = 1 << 14, 1 << 15, 1 << 16


class Dialect2400(ScpiCommands):
    """The classic series. The status word of each reading says what regulates."""

    HIGH_IMPEDANCE = ":OUTP:SMOD HIMP"

    def __init__(self, options: Options) -> None:
        self._options = options

    def configure(self) -> list[str]:
        """What is set once, with the output off."""
        return [
            ":OUTP:SMOD HIMP;:SOUR:CLE:AUTO OFF;:SOUR:DEL:AUTO OFF",
            f":ROUT:TERM {'REAR' if self._options.rear else 'FRON'}",
            f":SYST:RSEN {on_off(self._options.four_wire)}",
            ":SENS:FUNC:CONC ON",
            ":SENS:FUNC 'VOLT','CURR'",
            f":SENS:CURR:NPLC {nr3(self._options.nplc)}",
            ":SENS:AVER OFF",
            ":FORM:DATA ASC",
            ":FORM:ELEM VOLT,CURR,TIME,STAT",
            ":ARM:COUN 1;:TRIG:COUN 1",
            ":ARM:SOUR IMM",
        ]

    def program(self, program: Program, most: float) -> list[str]:
        """All settings of a program, with the output off.

        The range must not exceed the compliance's (+824), the compliance not be below 0.1 % of
        the range (+822): from whatever was set before, only the largest compliance leads there.
        """
        name, other = program.function, OTHER[program.function]
        source_range = program.voltage if name == "VOLT" else program.current
        return [
            f":SOUR:FUNC {name};:SOUR:{name}:MODE FIX",
            f":SOUR:{name}:LEV 0;:SOUR:{name}:RANG {nr3(source_range.full_scale)}"
            f";:SOUR:{name}:LEV {nr3(program.level)}",
            f":SENS:{other}:PROT {nr3(most)};:SENS:{other}:RANG {nr3(program.limit_range)}"
            f";:SENS:{other}:PROT {nr3(program.limit)}",
        ]

    def change(self, old: Program, new: Program) -> str:
        """From one driven program to another with the output on, as one message."""
        return change(
            f":SOUR:VOLT:LEV {nr3(new.level)}",
            f":SENS:CURR:RANG {nr3(new.limit_range)}",
            f":SENS:CURR:PROT {nr3(new.limit)}",
            raising=new.limit > old.limit,
            ranged=new.current != old.current,
        )

    def level_query(self, function: Function) -> str:
        """Asks for the source's level."""
        return f":SOUR:{function}:LEV?"

    def limit_query(self, function: Function) -> str:
        """Asks for the limit."""
        return f":SENS:{OTHER[function]}:PROT?"

    def expected(self, program: Program) -> Expected:
        """What has to be read back before the output may go on."""
        name, other = program.function, OTHER[program.function]
        own = program.voltage if name == "VOLT" else program.current
        ranged = program.limit_range
        return (
            (":OUTP:SMOD?", "HIMP", 0.0),
            (":SYST:RSEN?", str(int(self._options.four_wire)), 0.0),
            (":SOUR:FUNC?", name, 0.0),
            (self.level_query(name), program.level, own.full_scale * RESOLUTION),
            (f":SENS:{other}:RANG?", ranged, _span(ranged)),
            (self.limit_query(name), program.limit, ranged * RESOLUTION),
        )

    def read(self, number: int) -> str:
        """The message that asks for a reading; its clock tells one from the next."""
        del number
        return ":READ?"

    def measured(self, reply: bytes, program: Program, number: int) -> Measured:
        """VOLT, CURR, TIME, STAT, each in its fixed format."""
        del number
        found = _READING_2400.fullmatch(reply)
        if found is None:
            raise InvalidReading(f"no whole reading: {reply[:100]!r}")
        voltage, current, device = map(scpi.measured, found.group(1, 2, 3))
        status = int(float(found[4]))
        if status & OVERFLOW:
            raise InvalidReading(f"over range: {reply!r}")
        if not status & (V_SOURCE if program.function == "VOLT" else I_SOURCE):
            raise InvalidReading(f"status {status:#x} is of another source function")
        limited = bool(status & (COMPLIANCE | RANGE_COMPLIANCE))
        return Measured(voltage, current, device, limited, bool(status & PROTECTED), status)


_LIMIT_2450: dict[Function, str] = {"VOLT": ":SOUR:VOLT:ILIM", "CURR": ":SOUR:CURR:VLIM"}
PRECISION = 10
_G = rb"-?\d\.\d{%d}E[+-]\d\d" % (PRECISION - 1)
_READING_2450 = re.compile(rb"(%s), ?(\d{1,3}|%s), ?(%s), ?(%s)" % (_G, _G, _G, _G))
PROTECTION, OVER_TEMPERATURE, LIMITED, OUTPUT_ON = 4, 16, 32, 128


class Dialect2450(ScpiCommands):
    """The touch-screen series. The source status of each reading says what regulates.

    It measures one quantity, the other is the source's own, read back. Numbers are sent to a fixed
    precision, so that one cut short is seen; the source status, which has no fixed form, stands
    between two that have.
    """

    HIGH_IMPEDANCE = ":OUTP:VOLT:SMOD HIMP;:OUTP:CURR:SMOD HIMP"

    def __init__(self, options: Options) -> None:
        self._options = options

    def configure(self) -> list[str]:
        """What is set once, with the output off."""
        return [
            self.HIGH_IMPEDANCE,
            f":ROUT:TERM {'REAR' if self._options.rear else 'FRON'}",
            f":FORM:DATA ASC;:FORM:ASC:PREC {PRECISION}",
        ]

    def program(self, program: Program, most: float) -> list[str]:
        """All settings of a program, with the output off.

        Measuring function before source function, for the first may change the second
        (2461-901-01 page 2-100); sense, off state and read-back are stored with the function.
        """
        name, other = program.function, OTHER[program.function]
        source_range = program.voltage if name == "VOLT" else program.current
        limit = _LIMIT_2450[name]
        return [
            f':SENS:FUNC "{other}"',
            f":SOUR:FUNC {name}",
            f":OUTP:{name}:SMOD HIMP;:SOUR:{name}:READ:BACK ON",
            f":SENS:{other}:RSEN {on_off(self._options.four_wire)}"
            f";:SENS:{other}:NPLC {nr3(self._options.nplc)}",
            f":SOUR:{name}:LEV 0;:SOUR:{name}:RANG {nr3(source_range.full_scale)}"
            f";:SOUR:{name}:LEV {nr3(program.level)}",
            f"{limit} {nr3(most)};:SENS:{other}:RANG {nr3(program.limit_range)}"
            f";{limit} {nr3(program.limit)}",
        ]

    def change(self, old: Program, new: Program) -> str:
        """From one driven program to another with the output on, as one message."""
        return change(
            f":SOUR:VOLT:LEV {nr3(new.level)}",
            f":SENS:CURR:RANG {nr3(new.limit_range)}",
            f":SOUR:VOLT:ILIM {nr3(new.limit)}",
            raising=new.limit > old.limit,
            ranged=new.current != old.current,
        )

    def level_query(self, function: Function) -> str:
        """Asks for the source's level."""
        return f":SOUR:{function}:LEV?"

    def limit_query(self, function: Function) -> str:
        """Asks for the limit."""
        return f"{_LIMIT_2450[function]}?"

    def expected(self, program: Program) -> Expected:
        """What has to be read back before the output may go on."""
        name, other = program.function, OTHER[program.function]
        own = program.voltage if name == "VOLT" else program.current
        ranged = program.limit_range
        return (
            (f":OUTP:{name}:SMOD?", "HIMP", 0.0),
            (f":SENS:{other}:RSEN?", str(int(self._options.four_wire)), 0.0),
            (f":SOUR:{name}:READ:BACK?", "1", 0.0),
            (":SOUR:FUNC?", name, 0.0),
            (":SENS:FUNC?", other, 0.0),
            (self.level_query(name), program.level, own.full_scale * RESOLUTION),
            (f":SENS:{other}:RANG?", ranged, _span(ranged)),
            (self.limit_query(name), program.limit, ranged * RESOLUTION),
        )

    def read(self, number: int) -> str:
        """The message that asks for a reading; its clock tells one from the next."""
        del number
        return ':READ? "defbuffer1",SOUR,SOURSTAT,READ,REL'

    def measured(self, reply: bytes, program: Program, number: int) -> Measured:
        """SOUR, SOURSTAT, READ, REL, each in its fixed format."""
        del number
        found = _READING_2450.fullmatch(reply)
        if found is None:
            raise InvalidReading(f"no whole reading: {reply[:100]!r}")
        status = int(float(found[2]))
        source, measured, device = map(scpi.measured, found.group(1, 3, 4))
        if not status & OUTPUT_ON or status & OVER_TEMPERATURE:
            raise OutputLost(f"the output went off by itself (source status {status})")
        voltage, current = (source, measured) if program.function == "VOLT" else (measured, source)
        limited, protected = bool(status & LIMITED), bool(status & PROTECTION)
        return Measured(voltage, current, device, limited, protected, status)
