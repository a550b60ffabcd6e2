"""Keithley 2600A and 2600B source-measure units as channels, in TSP.

Wire facts: instruments.md §0.1, §3. `smua` is channel 1, `smub` channel 2.

Options: `serial` (another instrument is refused), `four_wire`, `nplc` (integration time in line
periods, 0.001 to 25), `sink` (limits are at their best while the unit takes current in, rather
than while it gives it: 0.06 % of the range, SPEC-2602B Rev. B page 5).

When the PC dies the output stays as it was programmed, and that is a voltage source at the step's
last voltage with its current as the limit: the cell is charged or discharged up to that voltage
and held there, never past it, at no more than that current; or, at rest, nothing flows. Charge and
time are not bounded. The instrument could run a whole step as a script; it would then answer
nothing, neither a heartbeat nor the guard, until that has ended, so this driver runs none.

Every line is one chunk of Lua that ends with a `print`: the settings of a step are executed
together, and each line has been executed once its own answer is there, so `abort`, with which
switching off begins, never ends another channel's line.
"""

import re
from collections.abc import Sequence
from typing import Literal

from labctl_drivers import scpi, tsp
from labctl_drivers.errors import BadReply, InvalidReading, LinkTimeout, OutputLost
from labctl_drivers.keithley_2600_models import SERIES_2600
from labctl_drivers.link import Link
from labctl_drivers.smu import TIMEOUT_S, SourceMeasureUnit
from labctl_drivers.smu_dialect import RESOLUTION, Expected, Measured
from labctl_drivers.smu_regulation import Function, Program
from labctl_drivers.tsp import nr3

PRECISION = 9
_NUMBER = rb"(-?\d\.\d{%d}e[+-]\d\d)" % (PRECISION - 1)
_READING = re.compile(rb"\t".join([_NUMBER, _NUMBER, _NUMBER, rb"(true|false)", _NUMBER]))
_LETTERS: dict[Function, Literal["v", "i"]] = {"VOLT": "v", "CURR": "i"}
_FUNCTIONS: dict[float, Function] = {0.0: "CURR", 1.0: "VOLT"}
_OUTPUTS = {0.0: False, 1.0: True, 2.0: False}
NUMBERS = 100_000_000
"""So many lines are told apart: more digits than are printed would be rounded."""
_HIGH_Z, _REMOTE = 2.0, 1.0
_RANGE_MATCH = 0.02
_HARMLESS = {"v": 1.0, "i": 1e-6}
"""A limit that no range and no level forbids, while both change."""


class _Tsp:
    """The dialect of one channel."""

    ABORT = "abort"
    CLEAR = "errorqueue.clear()"
    ERROR = "errorqueue.next()"

    def __init__(self, channel: int, *, four_wire: bool, nplc: float, sink: bool) -> None:
        self._channel = channel
        self._four_wire = four_wire
        self._nplc = nplc
        self._sink = sink
        smu = self._smu = f"smu{'ab'[channel - 1]}"
        self.OUTPUT = f"{smu}.source.output"
        self.FUNCTION = f"{smu}.source.func"
        self.ON = f"{smu}.source.output={smu}.OUTPUT_ON"
        self.OFF = f"{smu}.source.output={smu}.OUTPUT_OFF"
        self.HIGH_IMPEDANCE = f"{smu}.source.offmode={smu}.OUTPUT_HIGH_Z"

    def echo(self, number: int) -> int:
        """What the answer to line `number` of this channel bears, and none near it does."""
        return 10 * (number % NUMBERS) + self._channel

    def ask(self, queries: Sequence[str]) -> str:
        """One message for several queries."""
        return f"print({','.join(queries)})"

    def answers(self, reply: bytes, count: int) -> list[str]:
        """What each of them was answered. Raises BadReply."""
        fields = tsp.fields(reply)
        if len(fields) != count:
            raise BadReply(f"{count} values were asked for: {reply[:200]!r}")
        return fields

    def is_on(self, answer: str) -> bool:
        """What `OUTPUT` was answered. Raises BadReply."""
        number = scpi.number(answer)
        if number not in _OUTPUTS:
            raise BadReply(f"no state of an output: {answer!r}")
        return _OUTPUTS[number]

    def function(self, answer: str) -> Function:
        """What `FUNCTION` was answered. Raises BadReply."""
        number = scpi.number(answer)
        if number not in _FUNCTIONS:
            raise BadReply(f"no source function: {answer!r}")
        return _FUNCTIONS[number]

    def queue_entry(self, reply: bytes) -> scpi.QueueEntry:
        """What `ERROR` was answered. Raises BadReply."""
        return tsp.queue_entry(reply)

    def configure(self) -> list[str]:
        """What is set once, with the output off; the first line is for both channels."""
        smu = self._smu
        sense = "REMOTE" if self._four_wire else "LOCAL"
        return [
            "localnode.prompts=0 localnode.showerrors=0 format.data=format.ASCII "
            f"format.asciiprecision={PRECISION}",
            f"{self.HIGH_IMPEDANCE} {smu}.sense={smu}.SENSE_{sense} "
            f"{smu}.source.delay=0 {smu}.source.sink={smu}.{'EN' if self._sink else 'DIS'}ABLE "
            f"{smu}.measure.nplc={nr3(self._nplc)} {smu}.measure.autozero={smu}.AUTOZERO_AUTO "
            f"{smu}.measure.delay=0 {smu}.measure.count=1 {smu}.measure.filter.enable=0",
        ]

    def program(self, program: Program, most: float) -> list[str]:
        """All settings of a program, with the output off, as one line.

        The limit is small while level and range change, so that no combination on the way is
        beyond the operating area (5007).
        """
        del most
        smu, own, other = self._smu, _LETTERS[program.function], _other(program.function)
        source_range = program.voltage if program.function == "VOLT" else program.current
        name = "DCVOLTS" if program.function == "VOLT" else "DCAMPS"
        return [
            f"{smu}.source.func={smu}.OUTPUT_{name} "
            f"{smu}.source.limit{other}={nr3(_HARMLESS[other])} "
            f"{smu}.source.level{own}=0 {smu}.source.range{own}={nr3(source_range.full_scale)} "
            f"{smu}.source.level{own}={nr3(program.level)} "
            f"{smu}.measure.range{other}={nr3(program.limit_range)} "
            f"{smu}.source.limit{other}={nr3(program.limit)}"
        ]

    def change(self, old: Program, new: Program) -> str:
        """From one driven program to another with the output on, as one line.

        Upwards the new level comes while the old, smaller limit holds, downwards the smaller limit
        first; the measuring range is never below the limit.
        """
        smu = self._smu
        level = f"{smu}.source.levelv={nr3(new.level)}"
        limit = f"{smu}.source.limiti={nr3(new.limit)}"
        ranging = f"{smu}.measure.rangei={nr3(new.limit_range)}"
        order = [level, ranging, limit] if new.limit > old.limit else [limit, ranging, level]
        return " ".join(part for part in order if part != ranging or new.current != old.current)

    def level_query(self, function: Function) -> str:
        """Asks for the source's level."""
        return f"{self._smu}.source.level{_LETTERS[function]}"

    def limit_query(self, function: Function) -> str:
        """Asks for the limit."""
        return f"{self._smu}.source.limit{_other(function)}"

    def expected(self, program: Program) -> Expected:
        """What has to be read back before the output may go on."""
        smu, function = self._smu, program.function
        own, other = _LETTERS[function], _other(function)
        source_range = program.voltage if function == "VOLT" else program.current
        span, ranged = source_range.full_scale, program.limit_range
        return (
            (f"{smu}.source.offmode", _HIGH_Z, 0.0),
            (f"{smu}.sense", _REMOTE if self._four_wire else 0.0, 0.0),
            (self.FUNCTION, 1.0 if function == "VOLT" else 0.0, 0.0),
            (f"{smu}.source.range{own}", span, span * _RANGE_MATCH),
            (self.level_query(function), program.level, span * RESOLUTION),
            (f"{smu}.measure.range{other}", ranged, ranged * _RANGE_MATCH),
            (self.limit_query(function), program.limit, ranged * RESOLUTION),
        )

    def read(self, number: int) -> str:
        """The message that asks for the reading of that number."""
        smu = self._smu
        return (
            f"local i,v={smu}.measure.iv() "
            f"print({self.echo(number)},i,v,{smu}.source.compliance,{smu}.source.output)"
        )

    def measured(self, reply: bytes, program: Program, number: int) -> Measured:
        """Echo, current, voltage, compliance, output, each in its fixed format."""
        del program
        found = _READING.fullmatch(reply)
        if found is None:
            raise InvalidReading(f"no whole reading: {reply[:100]!r}")
        if float(found[1]) != self.echo(number):
            raise InvalidReading(f"the answer to another query: {reply!r}")
        if not _OUTPUTS.get(float(found[5]), False):
            raise OutputLost(f"the output went off by itself: {reply!r}")
        current, voltage = map(scpi.measured, found.group(2, 3))
        limited = found[4] == b"true"
        return Measured(voltage, current, float(number), limited, False, int(limited))


def _other(function: Function) -> Literal["v", "i"]:
    return "i" if function == "VOLT" else "v"


class Keithley2600(SourceMeasureUnit):
    """One channel of a 2601 to 2636, A or B, over LAN, USB, GPIB or RS-232."""

    MAKERS = ("Keithley",)
    MODELS = SERIES_2600
    BASE_MODEL = "2602B"
    # current and voltage together, three conversions each with autozero
    _OVERHEAD_S = 0.01
    _PLC_PER_READING = 3.0
    _SHARES_QUEUE = True
    _dialect: _Tsp

    def __init__(
        self,
        link: Link,
        *,
        channel: int = 1,
        serial: str | None = None,
        four_wire: bool = True,
        nplc: float = 1.0,
        sink: bool = False,
    ) -> None:
        if channel not in (1, 2):
            raise ValueError(f"a 2600 has channel 1 (smua) and perhaps 2 (smub), not {channel}")
        if not 0.001 <= nplc <= 25:
            raise ValueError(f"nplc is from 0.001 to 25, not {nplc:g}")
        link.framing = tsp.LINES
        dialect = _Tsp(channel, four_wire=four_wire, nplc=nplc, sink=sink)
        super().__init__(link, dialect, channel=channel, serial=serial, nplc=nplc)

    async def _write(self, line: str) -> float:
        """Sent, and executed: the line's own answer is there. Gives when it was sent."""
        self._number += 1
        echo = self._dialect.echo(self._number)
        try:
            answer = await self._link.timed_query(f"{line} print({echo})".encode(), TIMEOUT_S)
        except LinkTimeout:
            # a line that is no Lua, or stops in the middle, prints nothing
            await self._check_queue(line)
            raise
        if scpi.number(scpi.text(answer.data)) != echo:
            self._link.distrust()
            raise BadReply(f"the answer to another line than {line!r}: {answer.data[:80]!r}")
        return answer.sent_s
