"""PalmSens EmStat4, EmStat Pico and Nexus as channels, by MethodSCRIPT over a serial port.

Each setpoint is a script that runs on the instrument, looks at its own cut-off, and switches the
cell off when it ends (instruments.md §4). When the PC dies it goes on to its own ends: voltage,
current, and the charge and time that were set with it. A galvanostat does not hold the
voltage: it passes the cut-off by as far as the cell goes between two looks, |I| · time / C at a
capacitance C (1 mA on 30 µF for 5 ms: 0.17 V). The looks are `cut_off_interval_s` apart while the
voltage runs towards the cut-off by 5 mV in an `interval_s` or more, else `interval_s`: a jump out
of a flat plateau is only seen after that long. A potentiostat does not limit the current: one
beyond the setpoint's ends the script at the next look.

Options of all drivers: `serial` (another instrument is refused), `interval_s` and
`rest_interval_s` (between two packages; from 0.05 s and 0.1 s), `cut_off_interval_s` (from 1 ms;
how fast the instruments can is not known), `pause_s` (between the command and the script; slow
hosts need it). There is one channel, number 1; a MultiEmStat4 is one instrument
for each of its channels.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import ClassVar

from labctl_drivers.channel import Maturity
from labctl_drivers.emstat.models import EMSTAT4, EMSTAT_PICO, NEXUS, Model
from labctl_drivers.emstat.programs import differences, program_for
from labctl_drivers.emstat.scripts import OCP_AS_IT_STANDS, OFF, Program, Timing, ocp_script
from labctl_drivers.emstat.stream import LATE_S, Clock, Stream, checked
from labctl_drivers.emstat.sweeps import spectrum_program
from labctl_drivers.errors import (
    BadReply,
    InstrumentRefused,
    InvalidReading,
    LinkTimeout,
    OutputLost,
    WrongInstrument,
)
from labctl_drivers.hello import Hello
from labctl_drivers.link import Link
from labctl_drivers.methodscript.errors import OCP_WITH_CELL_ON
from labctl_drivers.methodscript.output import LOOP, Variable, broken_off, package, technique
from labctl_drivers.methodscript.session import TIMEOUT_S, Session, hello
from labctl_drivers.switching_off import read_back_off
from labctl_drivers.vocabulary import (
    Changed,
    Excitation,
    Guard,
    Identity,
    ImpedancePoint,
    Mode,
    Opened,
    Ratings,
    Reading,
    Setpoint,
)

SAFE_ATTEMPTS = 3
SAFE_WITHIN_S = 15.0


class _EmStat:
    """One way to drive a cell by scripts, for all models."""

    MATURITY: Maturity = "simulated"
    LINK_SETTINGS: ClassVar[dict[str, int | bool]] = {"baud": 230400, "xonxoff": True}
    HELLO = Hello(b"t", hello, LINK_SETTINGS)
    MODELS: ClassVar[dict[str, Model]]
    BASE_MODEL: str

    def __init__(
        self,
        link: Link,
        *,
        channel: int = 1,
        serial: str | None = None,
        interval_s: float = 0.2,
        rest_interval_s: float = 1.0,
        cut_off_interval_s: float = 0.005,
        pause_s: float = 0.05,
    ) -> None:
        if channel != 1:
            raise ValueError(f"such an instrument has channel 1 only, not {channel}")
        if not 0.05 <= interval_s <= 10.0:
            raise ValueError(f"interval_s is from 0.05 to 10, not {interval_s:g}")
        if not 0.001 <= cut_off_interval_s <= interval_s:
            raise ValueError(
                f"cut_off_interval_s is from 0.001 to interval_s, not {cut_off_interval_s:g}"
            )
        if not 0.1 <= rest_interval_s <= 60.0:
            raise ValueError(f"rest_interval_s is from 0.1 to 60, not {rest_interval_s:g}")
        if not 0.0 <= pause_s <= 1.0:
            raise ValueError(f"pause_s is from 0 to 1, not {pause_s:g}")
        self._link = link
        self._session = Session(link, pause_s)
        self._serial = serial
        self._timing = Timing(interval_s, rest_interval_s, cut_off_interval_s)
        self._model = self.MODELS[self.BASE_MODEL]
        self._is_known = False
        self._has_serial = False
        self._stream: Stream | None = None
        self._program: Program | None = None

    @property
    def ratings(self) -> Ratings:
        """The model's ratings; before `open`, those of the family's base model."""
        model = self._model
        modes: set[Mode] = {"rest", "voltage", "sweep"}
        if model.has_galvanostat:
            modes.add("current")
        return Ratings(
            low_V=model.low_V,
            high_V=model.high_V,
            max_current_A=model.max_current_A,
            current_ranges=model.amps,
            voltage_ranges=(model.volts,),
            bounds=frozenset({"voltage", "current", "charge", "time"}),
            readback=True,
            safe_within_s=SAFE_WITHIN_S,
            reading_time_s=self._timing.interval_s,
            abilities=frozenset({"impedance"}),
            modes=frozenset(modes),
            unguarded=frozenset({"galvanostatic spectrum"}),
            # a jump may come right after a look of the calm loop
            cut_off_s=self._timing.interval_s if model.has_galvanostat else 0.0,
        )

    async def open(self) -> Opened:
        """Identify, and refuse a wrong instrument. Changes nothing that a cell can feel.

        A script that runs goes on; the serial number is then not known, and is asked for before
        anything is done. Raises WrongInstrument, InstrumentRefused and the link's errors.
        """
        await self._forget()
        self._is_known = self._has_serial = False
        firmware = await self._identify()
        if await self._session.is_running():
            return Opened(Identity("PalmSens", self._model.name, "", firmware), True)
        serial = await self._check_serial()
        identity = Identity("PalmSens", self._model.name, serial, firmware)
        return Opened(identity, await self._cell_is_on())

    async def apply(self, setpoint: Setpoint, guard: Guard) -> Changed:
        """Drive the cell so from the returned time on, after whatever ran was ended.

        Between two setpoints the cell is off for a moment; the returned time is in its middle.
        Raises OutOfRange, and WrongInstrument unless opened, before anything was sent,
        InstrumentRefused when the script was refused or read back otherwise. After any error but
        the first two the output is whatever it is: `safe` is due.
        """
        if not self._is_known:
            raise WrongInstrument("nobody knows which instrument this is: it was not opened")
        program = program_for(setpoint, guard, self._model, self._timing)
        async with self._link.turn:
            return await self._apply(program)

    def _clock(self, sent_s: float, heard_s: float) -> Clock:
        """Of a script that began between the two; it is the host that makes packages late."""
        late_s = self._link.deadline(LATE_S) - asyncio.get_running_loop().time()
        return Clock(sent_s, heard_s, late_s)

    async def _apply(self, program: Program) -> Changed:
        before = self._program if self._stream is not None and not self._stream.is_over else None
        changing_s = asyncio.get_running_loop().time()
        await self._silence()
        off_s = asyncio.get_running_loop().time()
        sent_s, began_s, loop = await self._begin(program)
        model = self._model
        clock = self._clock(sent_s, began_s)
        self._stream = Stream(
            self._session, program, loop, clock, model.ranges, model.volts.full_scale
        )
        self._program = program
        if before is None or not before.drives:
            return Changed.between(sent_s, began_s)
        return Changed.between(changing_s, began_s if program.drives else off_s)

    async def read(self) -> Reading:
        """The newest package that was not given yet, or the next; the last of a loop in any case.

        Raises InvalidReading, OutputLost once the script has ended and that was told, and the
        link's errors.
        """
        stream, program = self._stream, self._program
        if stream is None or program is None:
            raise InvalidReading("nothing has been applied, so there is nothing to read")
        return await stream.read(self._link.deadline(TIMEOUT_S) + 2 * program.interval_s)

    async def impedance(
        self, excitation: Excitation, guard: Guard
    ) -> AsyncGenerator[ImpedancePoint, None]:
        """The spectrum's points as they are measured; the cell is off once it has ended.

        The instrument takes its amplitude as it was given; whether it means the peak is not known.
        With an amplitude in A, nothing on the instrument bounds the voltage. Raises OutOfRange,
        InvalidReading, OutputLost, InstrumentRefused and the link's errors.
        """
        if not self._is_known:
            raise WrongInstrument("nobody knows which instrument this is: it was not opened")
        program = spectrum_program(excitation, guard, self._model)
        try:
            async with self._link.turn:
                await self._silence()
                sent_s, began_s, _ = await self._begin(program)
            clock = self._clock(sent_s, began_s)
            while line := await self._spectrum_line(program):
                if line[0][:1] == b"P":
                    yield _point(package(line[0]), program, clock, line[1])
        finally:
            # somebody who switches off meanwhile goes before or after this, never between
            async with self._link.turn:
                if not self._session.is_idle:
                    await self._session.stop()

    async def limits_read_back(self) -> dict[str, float]:
        """The limits that the instrument said, from its script's own variables, it was given."""
        if self._program is None:
            raise InvalidReading("nothing has been applied, so there are no limits")
        names = {
            "v": "cut_off_V", "i": "current_A", "m": "high_current_A", "n": "low_current_A",
            "w": "longest_s", "x": "high_charge_As", "y": "low_charge_As",
        }  # fmt: skip
        declared = self._program.declared
        return {names[name]: value for name, _, value in declared if name in names}

    async def safe(self) -> None:
        """Cell off, proved by an open-circuit measurement; connects again if it must. Idempotent.

        The instrument measures an open-circuit voltage only with the cell off. Raises
        OutputUnknown, at the latest after `Ratings.safe_within_s`.
        """
        await read_back_off(
            self._switch_off,
            self._link,
            attempts=SAFE_ATTEMPTS,
            within_s=SAFE_WITHIN_S,
            what="the cell",
        )

    async def close(self) -> None:
        """Give the link back. Leaves the output as it is."""
        await self._forget()
        await self._link.close()

    async def _forget(self) -> None:
        stream, self._stream, self._program = self._stream, None, None
        if stream is not None:
            await stream.close()

    async def _identify(self) -> str:
        """Who is there; gives the firmware."""
        await self._link.open()
        code, firmware = await self._session.firmware()
        model = self.MODELS.get(code)
        if model is None:
            raise WrongInstrument(
                f"a {code} answers; this driver is for {', '.join(sorted(self.MODELS))}"
            )
        self._model, self._is_known = model, True
        return firmware

    async def _check_serial(self) -> str:
        """The serial number, which only an idle instrument tells. Raises WrongInstrument."""
        serial = (await self._session.ask(b"i")).decode("ascii", "replace").strip()
        if self._serial is not None and serial != self._serial:
            self._is_known = False
            raise WrongInstrument(f"serial number {serial} answers, not {self._serial}")
        self._has_serial = True
        return serial

    async def _cell_is_on(self) -> bool:
        """Whether the cell was left on without a script; nothing is set unless it is off."""
        for script in (OCP_AS_IT_STANDS, ocp_script(self._model)):
            try:
                await self._session.run(script)
            except InstrumentRefused as error:
                if error.code == OCP_WITH_CELL_ON:
                    return True
                if script is not OCP_AS_IT_STANDS:
                    raise
            else:
                break
        return False

    async def _silence(self) -> None:
        """No script runs any more, and the instrument is the right one."""
        await self._forget()
        if not self._session.is_idle:
            await self._session.stop()
        if not self._has_serial:
            await self._check_serial()

    async def _begin(self, program: Program) -> tuple[float, float, str]:
        """Start a script. Gives when it was sent, when its first loop was heard to begin, and that.

        Raises InstrumentRefused when it says that it was given something else, or breaks off.
        """
        sent_s = await self._session.start(program.lines)
        said = (await self._session.line(TIMEOUT_S)).data
        await self._check_broken_off(said)
        wrong = differences(package(said), program)
        if wrong:
            await self._session.stop()
            raise InstrumentRefused(0, f"read back otherwise: {', '.join(wrong)}", "settings")
        answer = await self._session.line(TIMEOUT_S)
        while answer.data == LOOP:
            answer = await self._session.line(TIMEOUT_S)
        await self._check_broken_off(answer.data)
        return sent_s, answer.received_s, technique(answer.data)

    async def _check_broken_off(self, line: bytes) -> None:
        """An error ends a script without its `on_finished:`, so that the cell may be on."""
        refused = broken_off(line)
        if refused is not None:
            await self._session.run(OFF)
            raise InstrumentRefused(refused.code, refused.text, "script")

    async def _spectrum_line(self, program: Program) -> tuple[bytes, float] | None:
        answer = await self._session.line(TIMEOUT_S + program.interval_s)
        refused = broken_off(answer.data)
        if refused is not None:
            await self._session.run(OFF)
            raise OutputLost(f"the spectrum broke off: {refused.code:04X} {refused.text}")
        if not answer.data:
            self._session.is_idle = True
            return None
        return answer.data, answer.received_s

    async def _switch_off(self) -> str:
        """Switch off; nothing to say unless that raises."""
        await self._forget()
        try:
            async with self._link.turn:
                await self._off_read_back()
        except LinkTimeout:
            if self._is_known:
                # who is not heard may hear
                await self._session.shout(OFF)
            raise
        return ""

    async def _off_read_back(self) -> None:
        """Abort, switch off, and have the instrument show that it is off."""
        if self._link.lost or not self._is_known:
            self._has_serial = False
            await self._identify()
        if (
            self._serial is not None
            and not self._has_serial
            and not await self._session.is_running()
        ):
            await self._check_serial()
        await self._session.stop()
        if not self._has_serial:
            await self._check_serial()
        await self._session.run(OFF)
        said = await self._session.run(ocp_script(self._model))
        measured = [package(line) for line in said if line[:1] == b"P"]
        if [[each.type for each in found] for found in measured] != [["ab"]]:
            raise BadReply(f"no open-circuit voltage was measured: {said!r}")


def _point(
    found: tuple[Variable, ...], program: Program, clock: Clock, arrived_s: float
) -> ImpedancePoint:
    checked(found, program)
    time, frequency, real, imaginary = found
    return ImpedancePoint(
        clock.when(time.value, arrived_s), frequency.value, real.value, imaginary.value
    )


class EmStat4(_EmStat):
    """EmStat4 and MultiEmStat4, in their HR and LR variants."""

    MODELS = EMSTAT4
    BASE_MODEL = "es4_hr"


class EmStatPico(_EmStat):
    """EmStat Pico and Sensit: a potentiostat that holds no current."""

    MODELS = EMSTAT_PICO
    BASE_MODEL = "espico"


class Nexus(_EmStat):
    """Nexus."""

    MODELS = NEXUS
    BASE_MODEL = "nexus1"
