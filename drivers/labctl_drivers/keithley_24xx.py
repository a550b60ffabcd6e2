"""Keithley 2400 and 2450 series source-measure units as channels.

Wire facts: instruments.md §0, §1, §1b and the manuals that `keithley_24xx_dialects` names. The
instrument itself bounds voltage and current; charge and time it does not.

Options of both drivers: `serial` (another instrument is refused), `terminals` (`rear` or
`front`), `four_wire`, `nplc` (integration time in line periods, 0.01 to 10). There is one
channel, number 1. A voltage limit holds to within the source's error (`Ratings`); a level is
never set beyond the guard.
"""

import asyncio
import contextlib
from dataclasses import replace
from typing import Literal

from labctl_drivers import scpi
from labctl_drivers.channel import Maturity
from labctl_drivers.errors import (
    BadReply,
    InstrumentRefused,
    InvalidReading,
    LinkError,
    LinkTimeout,
    OutputLost,
    OutputUnknown,
    WrongInstrument,
)
from labctl_drivers.keithley_24xx_dialects import (
    Dialect,
    Dialect2400,
    Dialect2450,
    Options,
    differences,
    regulating,
    source_function,
)
from labctl_drivers.keithley_24xx_models import SERIES_2400, SERIES_2450, Model
from labctl_drivers.keithley_24xx_regulation import Program, program_for
from labctl_drivers.link import Answer, Link
from labctl_drivers.vocabulary import (
    Changed,
    Guard,
    Identity,
    Opened,
    Ratings,
    Reading,
    Setpoint,
)

TIMEOUT_S = 1.0
SAFE_ATTEMPTS = 2
SAFE_WITHIN_S = 10.0
ON, OFF = ":OUTP ON", ":OUTP OFF"
QUEUE_DEPTH = 20
BEYOND_RANGE = 1.1
BEYOND_LIMIT = 1.1
"""No current that the instrument's own limit lets through; a digit changed on the wire, perhaps."""


class _Keithley24xx:
    """One regulation, spoken in one dialect."""

    MATURITY: Maturity = "simulated"
    MODELS: dict[str, Model]
    BASE_MODEL: str
    _DIALECT: Dialect
    _OVERHEAD_S: float
    _PLC_PER_READING: float

    def __init__(
        self,
        link: Link,
        *,
        channel: int = 1,
        serial: str | None = None,
        terminals: Literal["front", "rear"] = "rear",
        four_wire: bool = True,
        nplc: float = 1.0,
    ) -> None:
        if channel != 1:
            raise ValueError(f"a {self.BASE_MODEL} has channel 1 only, not {channel}")
        if terminals not in ("front", "rear"):
            raise ValueError(f"terminals are front or rear, not {terminals!r}")
        if not 0.01 <= nplc <= 10:
            raise ValueError(f"nplc is from 0.01 to 10, not {nplc:g}")
        self._link = link
        self._link.probe = scpi.IDENTITY_PROBE
        self._serial = serial
        self._options = Options(terminals == "rear", four_wire, nplc)
        self._model = self.MODELS[self.BASE_MODEL]
        self._identity: Identity | None = None
        self._configured = False
        self._program: Program | None = None
        self._seen_V: float | None = None
        self._device_s: float | None = None

    @property
    def ratings(self) -> Ratings:
        """The model's ratings; before `open`, those of the family's base model."""
        model = self._model
        return Ratings(
            low_V=-model.max_voltage_V,
            high_V=model.max_voltage_V,
            max_current_A=model.max_current_A(0.0),
            current_ranges=model.amps,
            voltage_ranges=tuple(span.measure for span in model.volts),
            bounds=frozenset({"voltage", "current"}),
            readback=True,
            safe_within_s=SAFE_WITHIN_S,
            reading_time_s=self._reading_time_s,
        )

    @property
    def _reading_time_s(self) -> float:
        return self._OVERHEAD_S + self._PLC_PER_READING * self._options.nplc / 50

    async def open(self) -> Opened:
        """Identify, refuse a wrong instrument, and set what no cell can feel.

        Raises WrongInstrument, InstrumentRefused and the link's errors.
        """
        self._link.probe = scpi.IDENTITY_PROBE
        self._identity = None
        identity = await self._identify()
        await self._check_language()
        output_was_on = await self._output_is_on()
        self._program = self._seen_V = self._device_s = None
        self._configured = False
        await self._write("*CLS")
        if not output_was_on:
            await self._configure()
        return Opened(identity, output_was_on)

    async def apply(self, setpoint: Setpoint, guard: Guard) -> Changed:
        """Drive the cell so from the returned time on.

        A rest holds from when the output before it went off. Raises OutOfRange, and WrongInstrument
        unless opened, before anything was sent, InstrumentRefused when something was refused or
        read back otherwise; then, and after any other error, the output is whatever it is: `safe`
        is due.
        """
        if self._identity is None:
            raise WrongInstrument("nobody knows which instrument this is: it was not opened")
        old = self._program
        held = None if old is None or old.function != "VOLT" else old.voltage
        new = program_for(setpoint, guard, self._model, self._seen_V, held)
        self._program = None
        try:
            if old is None or old.function != new.function or old.voltage != new.voltage:
                changed = await self._from_off(new)
            elif new.function == "VOLT":
                changed = await self._in_place(old, new)
            else:
                changed = await self._output(on=True)
        except BadReply:
            self._link.distrust()
            raise
        self._program = new
        return changed

    async def read(self) -> Reading:
        """Measure voltage and current. Raises InvalidReading, OutputLost and the link's errors."""
        program = self._program
        if program is None:
            raise InvalidReading("nothing has been applied, so there is nothing to read")
        timeout_s = TIMEOUT_S + 2 * self._reading_time_s
        try:
            answer = await self._link.timed_query(self._DIALECT.READ, timeout_s)
        except LinkTimeout as error:
            # a 2400 whose output is off does not answer at all
            if not await self._output_is_on():
                raise OutputLost("the output went off by itself") from error
            raise
        try:
            return self._reading(answer, program)
        except InvalidReading:
            self._link.distrust()
            raise

    async def limits_read_back(self) -> dict[str, float]:
        """Level and limit of the source function that is set, as the instrument says them."""
        function = source_function(await self._ask(":SOUR:FUNC?"))
        queries = self._DIALECT.level_query(function), self._DIALECT.limit_query(function)
        fields = scpi.text(await self._ask(";".join(queries))).split(";")
        if len(fields) != len(queries):
            raise BadReply(f"level and limit were asked for: {fields!r}")
        level, limit = map(scpi.number, fields)
        if function == "VOLT":
            return {"voltage_level_V": level, "current_limit_A": limit}
        return {"current_level_A": level, "voltage_limit_V": limit}

    async def safe(self) -> None:
        """Output off, high impedance, read back; connects again if it must. Idempotent.

        Raises OutputUnknown, at the latest after `Ratings.safe_within_s`.
        """
        self._program = None
        why = ""
        try:
            async with asyncio.timeout_at(self._link.deadline(SAFE_WITHIN_S)):
                for _ in range(SAFE_ATTEMPTS):
                    try:
                        if await self._off_read_back():
                            return
                        why = "it says that it is still on"
                    except (LinkError, WrongInstrument) as error:
                        why = f"{type(error).__name__}: {error}"
        except TimeoutError:
            why = f"not within {SAFE_WITHIN_S:g} s{why and '; before, '}{why}"
        raise OutputUnknown(f"the output could not be read back as off: {why}")

    async def close(self) -> None:
        """Give the link back. Leaves the output as it is."""
        self._program = None
        await self._link.close()

    async def _identify(self) -> Identity:
        """Who is there; from then on the link takes nobody else's answers."""
        await self._link.open()
        reply = await self._link.query(b"*IDN?", TIMEOUT_S)
        identity = scpi.identity(reply)
        model = self.MODELS.get(identity.model)
        if "KEITHLEY" not in identity.maker.upper() or model is None:
            raise WrongInstrument(
                f"{identity.maker} {identity.model} answers; this driver is for "
                f"Keithley {', '.join(self.MODELS)}"
            )
        if self._serial is not None and identity.serial != self._serial:
            raise WrongInstrument(f"serial number {identity.serial} answers, not {self._serial}")
        self._model, self._identity = model, identity
        self._link.probe = replace(
            scpi.IDENTITY_PROBE, is_reply=lambda frame: scpi.is_same(frame, reply)
        )
        return identity

    async def _check_language(self) -> None:
        """Nothing to ask where there is one language."""

    async def _configure(self) -> None:
        for line in self._DIALECT.configure(self._options):
            await self._write(line)
        await self._check_queue("configuration")
        self._configured = True

    async def _off_read_back(self) -> bool:
        """Switch off, also over a link that does not answer; then whether it says so."""
        if self._identity is None:
            await self._identify()
        await self._shout_off()
        if self._link.lost:
            await self._link.open()
            await self._shout_off()
        # a reply that was under way must not be taken for this one
        self._link.distrust()
        if await self._output_is_on():
            return False
        with contextlib.suppress(LinkError):
            await self._link.shout(b"*CLS")
        return True

    async def _shout_off(self) -> None:
        for line in (self._DIALECT.ABORT, self._DIALECT.HIGH_IMPEDANCE, OFF):
            with contextlib.suppress(LinkError):
                await self._link.shout(line.encode())

    async def _from_off(self, new: Program) -> Changed:
        if not self._configured:
            # the off state that somebody else chose may discharge the cell
            await self._write(self._DIALECT.HIGH_IMPEDANCE)
        off = await self._output(await self._write(OFF), on=False)
        if not self._configured:
            await self._configure()
        most = new.limit
        if new.function == "VOLT":
            most = self._model.max_current_A(new.voltage.full_scale)
        for line in self._DIALECT.program(new, self._options, most):
            await self._write(line)
        await self._check_queue("settings")
        await self._verify(new)
        on = await self._output(await self._write(ON), on=True)
        await self._check_queue(ON)
        return on if new.function == "VOLT" else off

    async def _in_place(self, old: Program, new: Program) -> Changed:
        line = self._DIALECT.change(old, new)
        sent_s = await self._write(line)
        query = self._DIALECT.level_query(new.function).encode()
        answer = await self._link.timed_query(query, TIMEOUT_S)
        await self._check_queue(line)
        await self._verify(new)
        await self._output(on=True)
        return _between(sent_s, answer.received_s)

    async def _output(self, sent_s: float | None = None, *, on: bool) -> Changed:
        """Confirm the output's state; it changed between sending and that.

        Raises InstrumentRefused.
        """
        answer = await self._link.timed_query(b":OUTP?", TIMEOUT_S)
        if scpi.boolean(scpi.text(answer.data)) is not on:
            line = ON if on else OFF
            await self._check_queue(line)
            raise InstrumentRefused(0, f"the output is {'off' if on else 'on'}", line)
        return _between(answer.sent_s if sent_s is None else sent_s, answer.received_s)

    async def _verify(self, program: Program) -> None:
        expected = self._DIALECT.expected(program, self._options)
        query = ";".join(query for query, *_ in expected)
        wrong = differences(await self._ask(query), expected)
        if wrong:
            raise InstrumentRefused(0, f"read back otherwise: {', '.join(wrong)}", "settings")

    def _reading(self, answer: Answer, program: Program) -> Reading:
        measured = self._DIALECT.measured(answer.data, program)
        if self._device_s is not None and measured.device_s <= self._device_s:
            # a late reply; or the instrument's clock began anew, and the next reading is later
            self._device_s = measured.device_s
            raise InvalidReading(f"no later than the reading before: {answer.data!r}")
        voltage, current = program.voltage.full_scale, program.current.full_scale
        if (
            abs(measured.voltage_V) > BEYOND_RANGE * voltage
            or abs(measured.current_A) > BEYOND_RANGE * current
        ):
            raise InvalidReading(f"beyond the ranges {voltage:g} V, {current:g} A: {answer.data!r}")
        if program.function == "VOLT" and abs(measured.current_A) > BEYOND_LIMIT * program.limit:
            raise InvalidReading(f"beyond the limit of {program.limit:g} A: {answer.data!r}")
        self._device_s = measured.device_s
        self._seen_V = measured.voltage_V
        return Reading(
            time_s=(answer.sent_s + answer.received_s) / 2,
            voltage_V=measured.voltage_V,
            current_A=measured.current_A,
            regulating=regulating(program, measured),
            time_error_s=(answer.received_s - answer.sent_s) / 2,
            current_range_A=current,
            voltage_range_V=voltage,
            status=measured.status,
        )

    async def _output_is_on(self) -> bool:
        return scpi.boolean(scpi.text(await self._link.query(b":OUTP?", TIMEOUT_S)))

    async def _write(self, line: str) -> float:
        return await self._link.write(line.encode())

    async def _ask(self, query: str) -> bytes:
        """A query about settings; a refusal shows as silence and is told as what it is."""
        try:
            return await self._link.query(query.encode(), TIMEOUT_S)
        except LinkTimeout:
            await self._check_queue(query)
            raise

    async def _check_queue(self, after: str) -> None:
        """Empty the error queue. Raises InstrumentRefused with the first error in it."""
        first: scpi.QueueEntry | None = None
        for _ in range(QUEUE_DEPTH):
            entry = scpi.queue_entry(await self._link.query(b":SYST:ERR?", TIMEOUT_S))
            if entry.code == 0:
                break
            if first is None and entry.is_error:
                first = entry
        if first is not None:
            raise InstrumentRefused(first.code, first.text, after)


def _between(sent_s: float, received_s: float) -> Changed:
    return Changed((sent_s + received_s) / 2, (received_s - sent_s) / 2)


class Keithley2400(_Keithley24xx):
    """A 2400, 2401, 2410 or 2420, over GPIB or RS-232."""

    MODELS = SERIES_2400
    BASE_MODEL = "2400"
    _DIALECT = Dialect2400()
    # 30 to 35 readings a second at 1 PLC; the reply takes 58 ms at 9600 baud
    _OVERHEAD_S = 0.06
    _PLC_PER_READING = 1.5


class Keithley2450(_Keithley24xx):
    """A 2450, 2460 or 2470 that is set to SCPI, over LAN, USB or GPIB."""

    MODELS = SERIES_2450
    BASE_MODEL = "2450"
    _DIALECT = Dialect2450()
    _OVERHEAD_S = 0.01
    _PLC_PER_READING = 2.0

    async def _check_language(self) -> None:
        language = scpi.text(await self._link.query(b"*LANG?", TIMEOUT_S)).strip()
        if language != "SCPI":
            raise WrongInstrument(
                f"the instrument is set to the command set {language}: set it to SCPI "
                "(Menu, System, Settings) and switch it off and on again"
            )
