"""A source-measure unit as a channel: one regulation and one order of steps, in any dialect.

The instrument itself bounds voltage and current; charge and time it does not. A voltage limit
holds to within the source's error (`Ratings`); a level is never set beyond the guard. With the PC
dead it goes on as programmed: constant current up to the level, then constant voltage at it, in
either direction, or 0 A at rest (S2; none of these instruments has a watchdog).

The channels of an instrument share its link and its error queue: what is set, checked and read
back together is one turn on the link, and only what the queue says in that turn is this
channel's. A reading is one exchange and takes no turn; switching off waits for none.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from labctl_drivers import scpi
from labctl_drivers.channel import Maturity
from labctl_drivers.errors import (
    BadReply,
    InstrumentRefused,
    InvalidReading,
    LinkError,
    LinkTimeout,
    OutputLost,
    WrongInstrument,
)
from labctl_drivers.link import Answer, Link
from labctl_drivers.smu_dialect import Dialect, differences, regulating
from labctl_drivers.smu_models import Model
from labctl_drivers.smu_regulation import Program, program_for
from labctl_drivers.switching_off import read_back_off
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
QUEUE_DEPTH = 20
BEYOND_RANGE = 1.1
BEYOND_LIMIT = 1.1
"""No current that the instrument's own limit lets through; a digit changed on the wire, perhaps."""


class SourceMeasureUnit:
    """One channel; a family of instruments gives it models, makers and a dialect."""

    MATURITY: Maturity = "simulated"
    MAKERS: ClassVar[tuple[str, ...]]
    MODELS: ClassVar[dict[str, Model]]
    BASE_MODEL: ClassVar[str]
    _OVERHEAD_S: ClassVar[float]
    _PLC_PER_READING: ClassVar[float]
    _SHARES_QUEUE: ClassVar[bool] = False

    def __init__(
        self, link: Link, dialect: Dialect, *, channel: int, serial: str | None, nplc: float
    ) -> None:
        self._link = link
        if link.probe is None:
            link.probe = scpi.IDENTITY_PROBE
        self._dialect = dialect
        self._channel = channel
        self._serial = serial
        self._nplc = nplc
        self._model = self.MODELS[self.BASE_MODEL]
        self._identity: Identity | None = None
        self._configured = False
        self._program: Program | None = None
        self._seen_V: float | None = None
        self._last: tuple[float, bytes] | None = None
        self._number = 0

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
        return self._OVERHEAD_S + self._PLC_PER_READING * self._nplc / 50

    async def open(self) -> Opened:
        """Identify, refuse a wrong instrument, and set what no cell can feel.

        Raises WrongInstrument, InstrumentRefused and the link's errors.
        """
        async with self._link.turn:
            self._link.probe = scpi.IDENTITY_PROBE
            self._identity = None
            identity = await self._identify()
            await self._check_language()
            output_was_on = await self._output_is_on()
            self._program = self._seen_V = self._last = None
            self._configured = False
            errors = await self._empty_queue()
            await self._write(self._dialect.CLEAR)
            if not output_was_on:
                await self._configure()
        return Opened(identity, output_was_on, tuple(f"{e.code}, {e.text}" for e in errors))

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
            async with self._link.turn:
                changed = await self._change(old, new)
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
        self._number += 1
        try:
            query = self._dialect.read(self._number)
            answer = await self._link.timed_query(query.encode(), timeout_s)
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
        async with self._link.turn:
            (word,) = await self._ask([self._dialect.FUNCTION])
            function = self._dialect.function(word)
            queries = self._dialect.level_query(function), self._dialect.limit_query(function)
            level, limit = map(scpi.number, await self._ask(queries))
        if function == "VOLT":
            return {"voltage_level_V": level, "current_limit_A": limit}
        return {"current_level_A": level, "voltage_limit_V": limit}

    async def safe(self) -> None:
        """Output off, high impedance, read back; connects again if it must. Idempotent.

        Raises OutputUnknown, at the latest after `Ratings.safe_within_s`.
        """
        self._program = None
        await read_back_off(
            self._switch_off, self._link, attempts=SAFE_ATTEMPTS, within_s=SAFE_WITHIN_S
        )

    async def close(self) -> None:
        """Give the link back. Leaves the output as it is."""
        self._program = None
        await self._link.close(self)

    async def _identify(self) -> Identity:
        """Who is there; from then on the link takes nobody else's answers."""
        await self._link.open(self)
        reply = await self._link.query(b"*IDN?", TIMEOUT_S)
        identity = scpi.identity(reply)
        model = self.MODELS.get(identity.model)
        makers = [maker for maker in self.MAKERS if maker.upper() in identity.maker.upper()]
        if not makers or model is None:
            raise WrongInstrument(
                f"{identity.maker} {identity.model} answers; this driver is for "
                f"{self.MAKERS[0]} {', '.join(self.MODELS)}"
            )
        if self._serial is not None and identity.serial != self._serial:
            raise WrongInstrument(f"serial number {identity.serial} answers, not {self._serial}")
        if not 1 <= self._channel <= model.channels:
            raise WrongInstrument(
                f"a {identity.model} answers, which has {model.channels} channel"
                f"{'s' if model.channels > 1 else ''}: there is none of number {self._channel}"
            )
        self._model, self._identity = model, identity
        self._link.probe = replace(
            scpi.IDENTITY_PROBE, is_reply=lambda frame: scpi.is_same(frame, reply)
        )
        return identity

    async def _check_language(self) -> None:
        """Nothing to ask where there is one language."""

    async def _configure(self) -> None:
        for line in self._dialect.configure():
            await self._write(line)
        await self._check_queue("configuration")
        self._configured = True

    async def _switch_off(self) -> str:
        """Switch off, also over a link that does not answer; what it says instead of being off."""
        if self._identity is None:
            await self._identify()
        await self._shout_off()
        if self._link.lost:
            await self._link.open(self)
            await self._shout_off()
        # a reply that was under way must not be taken for this one
        self._link.distrust()
        async with self._link.turn:
            if await self._output_is_on():
                return "it says that it is still on"
            with contextlib.suppress(LinkError):
                await self._link.shout(self._dialect.CLEAR.encode())
        return ""

    async def _shout_off(self) -> None:
        for line in (self._dialect.ABORT, self._dialect.HIGH_IMPEDANCE, self._dialect.OFF):
            with contextlib.suppress(LinkError):
                await self._link.shout(line.encode())

    async def _change(self, old: Program | None, new: Program) -> Changed:
        if self._SHARES_QUEUE:
            # what another channel left there is not this one's
            await self._write(self._dialect.CLEAR)
        if old is None or old.function != new.function or old.voltage != new.voltage:
            return await self._from_off(new)
        if new.function == "VOLT":
            return await self._in_place(old, new)
        return await self._output(on=True)

    async def _from_off(self, new: Program) -> Changed:
        dialect = self._dialect
        if not self._configured:
            # the off state that somebody else chose may discharge the cell
            await self._write(dialect.HIGH_IMPEDANCE)
        off = await self._output(await self._write(dialect.OFF), on=False)
        if not self._configured:
            await self._configure()
        most = new.limit
        if new.function == "VOLT":
            most = self._model.max_current_A(new.voltage.full_scale)
        for line in dialect.program(new, most):
            await self._write(line)
        await self._check_queue("settings")
        await self._verify(new)
        on = await self._output(await self._write(dialect.ON), on=True)
        await self._check_queue(dialect.ON)
        return on if new.function == "VOLT" else off

    async def _in_place(self, old: Program, new: Program) -> Changed:
        line = self._dialect.change(old, new)
        sent_s = await self._write(line)
        query = self._dialect.ask([self._dialect.level_query(new.function)])
        answer = await self._link.timed_query(query.encode(), TIMEOUT_S)
        await self._check_queue(line)
        await self._verify(new)
        await self._output(on=True)
        return Changed.between(sent_s, answer.received_s)

    async def _output(self, sent_s: float | None = None, *, on: bool) -> Changed:
        """Confirm the output's state; it changed between sending and that.

        Raises InstrumentRefused.
        """
        answer = await self._ask_output()
        if self._says_on(answer) is not on:
            line = self._dialect.ON if on else self._dialect.OFF
            await self._check_queue(line)
            raise InstrumentRefused(0, f"the output is {'off' if on else 'on'}", line)
        return Changed.between(answer.sent_s if sent_s is None else sent_s, answer.received_s)

    async def _verify(self, program: Program) -> None:
        expected = self._dialect.expected(program)
        answers = await self._ask([query for query, *_ in expected])
        wrong = differences(answers, expected)
        if wrong:
            raise InstrumentRefused(0, f"read back otherwise: {', '.join(wrong)}", "settings")

    def _reading(self, answer: Answer, program: Program) -> Reading:
        measured = self._dialect.measured(answer.data, program, self._number)
        last, self._last = self._last, (measured.device_s, answer.data)
        again = answer.data == self._link.last_reading
        self._link.last_reading = answer.data
        if again or (last is not None and (measured.device_s < last[0] or self._last == last)):
            # a late reply, perhaps another channel's; or the instrument's clock began anew, and the
            # next reading is later
            raise InvalidReading(f"no later than the reading before: {answer.data!r}")
        voltage, current = program.voltage.full_scale, program.current.full_scale
        if (
            abs(measured.voltage_V) > BEYOND_RANGE * voltage
            or abs(measured.current_A) > BEYOND_RANGE * current
        ):
            raise InvalidReading(f"beyond the ranges {voltage:g} V, {current:g} A: {answer.data!r}")
        if program.function == "VOLT" and abs(measured.current_A) > BEYOND_LIMIT * program.limit:
            raise InvalidReading(f"beyond the limit of {program.limit:g} A: {answer.data!r}")
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
        return self._says_on(await self._ask_output())

    async def _ask_output(self) -> Answer:
        query = self._dialect.ask([self._dialect.OUTPUT])
        return await self._link.timed_query(query.encode(), TIMEOUT_S)

    def _says_on(self, answer: Answer) -> bool:
        (word,) = self._dialect.answers(answer.data, 1)
        return self._dialect.is_on(word)

    async def _write(self, line: str) -> float:
        return await self._link.write(line.encode())

    async def _ask(self, queries: Sequence[str]) -> list[str]:
        """Queries about settings; a refusal shows as silence and is told as what it is."""
        message = self._dialect.ask(queries)
        try:
            reply = await self._link.query(message.encode(), TIMEOUT_S)
        except LinkTimeout:
            await self._check_queue(message)
            raise
        return self._dialect.answers(reply, len(queries))

    async def _check_queue(self, after: str) -> None:
        """Empty the error queue. Raises InstrumentRefused with the first error in it."""
        errors = await self._empty_queue()
        if errors:
            raise InstrumentRefused(errors[0].code, errors[0].text, after)

    async def _empty_queue(self) -> list[scpi.QueueEntry]:
        """The errors that stood in the queue; what it tells beside errors is left out."""
        query = self._dialect.ask([self._dialect.ERROR]).encode()
        errors: list[scpi.QueueEntry] = []
        for _ in range(QUEUE_DEPTH):
            entry = self._dialect.queue_entry(await self._link.query(query, TIMEOUT_S))
            if entry.code == 0:
                break
            if entry.is_error:
                errors.append(entry)
        return errors
