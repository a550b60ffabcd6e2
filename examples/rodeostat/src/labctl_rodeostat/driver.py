"""IO Rodeo's Rodeostat as a channel: a potentiostat over USB that speaks JSON, a line each way.

Wire facts: instruments.md §5, and the published firmware (github.com/iorodeo/potentiostat).

It holds a voltage and measures the current; it cannot drive a current, nor limit one: a hold is
unguarded (S2), and goes on when the PC dies. The counter electrode's switch of hardware 0.2 is the
off state. Hardware 0.1 has no switch, so that nothing could ever be read back as off: it is
refused.

Options: `serial` (the device id that somebody gave it; another is refused), `reference_reads`
(whether `getRefVolt` has the sign of what was set, or the opposite [?]), `voltage_error_V` and
`current_error_percent` of full scale (no figures are published [?]).
"""

import asyncio
import contextlib
import re
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar, Literal

from labctl_drivers import strict_json
from labctl_drivers.channel import Maturity
from labctl_drivers.errors import (
    BadReply,
    InstrumentRefused,
    InvalidReading,
    LinkError,
    LinkTimeout,
    OutOfRange,
    OutputLost,
    WrongInstrument,
)
from labctl_drivers.hello import Hello
from labctl_drivers.link import Answer, Link, Probe
from labctl_drivers.switching_off import read_back_off
from labctl_drivers.vocabulary import (
    Changed,
    Guard,
    Identity,
    Opened,
    RangeAccuracy,
    Ratings,
    Reading,
    Regulation,
    Setpoint,
)
from labctl_rodeostat.codec import VARIANT, VERSION, is_version, request, response, variant_of

TIMEOUT_S = 1.0
SAFE_WITHIN_S = 10.0
SAFE_ATTEMPTS = 2
READING_TIME_S = 0.02
STEPS = 4095
"""Of the voltage's converter, over both signs."""
MICRO = 1e-6


# ---- what the model can do -----------------------------------------------------------------

VARIANTS = re.compile(r"(10V|8V)_(nanoAmp|microAmp|10MilliAmp|24MilliAmp)V(\d+\.\d+)", re.ASCII)
VOLTS = {"10V": (1.0, 2.0, 5.0, 10.0), "8V": (1.0, 2.0, 4.0, 8.0)}
AMPS = {
    "nanoAmp": {"60nA": 60e-9, "100nA": 100e-9, "1uA": 1e-6, "10uA": 10e-6},
    "microAmp": {"1uA": 1e-6, "10uA": 10e-6, "100uA": 100e-6, "1000uA": 1e-3},
    "10MilliAmp": {"10uA": 10e-6, "100uA": 100e-6, "1000uA": 1e-3, "10000uA": 10e-3},
    "24MilliAmp": {"100uA": 100e-6, "1000uA": 1e-3, "12000uA": 12e-3, "24000uA": 24e-3},
}
SWITCHED = "V0.2"
BASE_VARIANT = "10V_microAmpV0.2"


@dataclass(frozen=True, slots=True)
class Model:
    """One variant's ranges by name, V and A, ascending."""

    name: str
    volts: dict[str, float]
    amps: dict[str, float]


def model_of(variant: str) -> Model:
    """The model that a variant names. Raises WrongInstrument."""
    found = VARIANTS.fullmatch(variant)
    if found is None:
        raise WrongInstrument(f"no variant of a Rodeostat: {variant!r:.80}")
    if found[3] == "0.1":
        raise WrongInstrument(
            f"{variant} has no electrode switch: its cell could never be disconnected"
        )
    volts = {f"{full:g}V": full for full in VOLTS[found[1]]}
    return Model(variant, volts, AMPS[found[2]])


def hello(frame: bytes) -> Identity:
    """Who answers to the question for its variant; for `labctl scan`. Raises BadReply."""
    return Identity("IO Rodeo", f"Rodeostat {variant_of(frame)}", "", "")


# ---- how a setpoint is carried out ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Program:
    """What it is set to: ranges by name, and the voltage held; None at rest."""

    volt_range: str
    curr_range: str
    voltage_V: float | None


def program_for(setpoint: Setpoint, guard: Guard, model: Model) -> Program:
    """The settings for a setpoint inside a guard. Raises OutOfRange."""
    limits = (guard.low_V, guard.high_V, guard.max_current_A)
    numbers = (setpoint.current_A, setpoint.stop_voltage_V or 0.0, *limits)
    if not all(isfinite(each) for each in numbers) or not guard.low_V < guard.high_V:
        raise OutOfRange("a setpoint or limit is not a finite number, or the limits are none")
    volts = _range_for(max(abs(guard.low_V), abs(guard.high_V)), model.volts, "V")
    if setpoint.mode == "rest":
        return Program(volts, next(iter(model.amps)), None)
    stop, current = setpoint.stop_voltage_V, abs(setpoint.current_A)
    if setpoint.mode != "voltage" or stop is None:
        raise OutOfRange("a Rodeostat holds a voltage or leaves the cell at rest, no more")
    if not guard.low_V <= stop <= guard.high_V:
        raise OutOfRange(f"{stop:g} V is not within {guard.low_V:g} V .. {guard.high_V:g} V")
    if not 0.0 < current <= guard.max_current_A:
        raise OutOfRange(f"{current:g} A is not within 0 A .. {guard.max_current_A:g} A")
    return Program(volts, _range_for(current, model.amps, "A"), stop)


def _range_for(value: float, ranges: dict[str, float], unit: str) -> str:
    for name, full in ranges.items():
        if value <= full:
            return name
    raise OutOfRange(f"no range of this Rodeostat holds {value:g} {unit}")


# ---- the channel ---------------------------------------------------------------------------


class Rodeostat:
    """A Rodeostat with an electrode switch (hardware 0.2); channel 1."""

    MATURITY: Maturity = "simulated"
    MODELS = tuple(f"Rodeostat {volts}_{amps}{SWITCHED}" for volts in VOLTS for amps in AMPS)
    LINK_SETTINGS: ClassVar[dict[str, int]] = {"baud": 115200}
    HELLO = Hello(VARIANT, hello, LINK_SETTINGS)

    def __init__(
        self,
        link: Link,
        *,
        channel: int = 1,
        serial: str | None = None,
        reference_reads: Literal["as set", "opposite"] = "as set",
        voltage_error_V: float = 0.01,
        current_error_percent: float = 1.0,
    ) -> None:
        if channel != 1:
            raise ValueError(f"a Rodeostat has channel 1 only, not {channel}")
        self._link = link
        self._serial = serial
        self._sign = 1.0 if reference_reads == "as set" else -1.0
        self._voltage_error_V = voltage_error_V
        self._current_error = current_error_percent / 100
        self._model = model_of(BASE_VARIANT)
        self._identity: Identity | None = None
        self._program: Program | None = None

    @property
    def ratings(self) -> Ratings:
        """The variant's ratings; before `open`, those of the commonest."""
        *_, widest = self._model.volts.values()
        *_, largest = self._model.amps.values()
        return Ratings(
            low_V=-widest,
            high_V=widest,
            max_current_A=largest,
            current_ranges=tuple(
                RangeAccuracy(full, 0.0, self._current_error * full)
                for full in self._model.amps.values()
            ),
            voltage_ranges=(RangeAccuracy(widest, 0.0, self._voltage_error_V),),
            bounds=frozenset({"voltage"}),
            readback=True,
            safe_within_s=SAFE_WITHIN_S,
            reading_time_s=READING_TIME_S,
            modes=frozenset({"rest", "voltage"}),
            unguarded=frozenset({"voltage"}),
        )

    async def open(self) -> Opened:
        """Identify, and refuse what has no switch. Nothing is set.

        Raises WrongInstrument and the link's errors.
        """
        self._identity = self._program = None
        identity = await self._identify()
        return Opened(identity, await self._is_connected())

    async def apply(self, setpoint: Setpoint, guard: Guard) -> Changed:
        """Hold a voltage, or leave the cell at rest, from the returned time on.

        Raises OutOfRange before anything was sent, InstrumentRefused when something was refused
        or read back otherwise; then, and after any other error, `safe` is due.
        """
        if self._identity is None:
            raise WrongInstrument("nobody knows which instrument this is: it was not opened")
        new = program_for(setpoint, guard, self._model)
        old, self._program = self._program, None
        if new.voltage_V is None:
            changed = await self._rest(new)
        elif old is not None and _only_the_voltage_differs(old, new):
            changed = await self._set_voltage(new)
        else:
            changed = await self._from_rest(new)
        self._program = new
        return changed

    async def read(self) -> Reading:
        """Measure voltage and current. Raises InvalidReading, OutputLost, the link's errors."""
        program = self._program
        if program is None:
            raise InvalidReading("nothing has been applied, so there is nothing to read")
        try:
            on, first = await self._ask("getCtrElectConnected")
            connected = strict_json.boolean(on, "connected")
            volts, _ = await self._ask("getRefVolt")
            amps, last = await self._ask("getCurr")
            voltage = self._sign * strict_json.number(volts, "r")
            current = strict_json.number(amps, "i") * MICRO
        except BadReply as error:
            raise InvalidReading(str(error)) from error
        if connected is not (program.voltage_V is not None):
            raise OutputLost("the counter electrode is not as it was set")
        self._check(program, voltage, current)
        return Reading(
            time_s=(first.sent_s + last.received_s) / 2,
            voltage_V=voltage,
            current_A=current,
            regulating=self._regulating(program, voltage),
            time_error_s=(last.received_s - first.sent_s) / 2,
            current_range_A=self._model.amps[program.curr_range],
            voltage_range_V=self.ratings.high_V,
        )

    async def limits_read_back(self) -> dict[str, float]:
        """The voltage that it says is set: there is no limit that it could hold besides."""
        said, _ = await self._ask("getVolt")
        return {"voltage_level_V": strict_json.number(said, "v")}

    async def safe(self) -> None:
        """Open the counter electrode's switch and read it back. Idempotent.

        Raises OutputUnknown, at the latest after `Ratings.safe_within_s`.
        """
        self._program = None
        await read_back_off(
            self._switch_off, self._link, attempts=SAFE_ATTEMPTS, within_s=SAFE_WITHIN_S
        )

    async def close(self) -> None:
        """Give the link back. Leaves the output as it is."""
        self._program = None
        await self._link.close()

    async def _identify(self) -> Identity:
        self._link.probe = Probe(VERSION, is_version)
        await self._link.open()
        version, _ = await self._ask("getVersion")
        variant, _ = await self._ask("getVariant")
        named, _ = await self._ask("getDeviceId")
        serial = str(strict_json.whole(named, "deviceId"))
        model = model_of(strict_json.text(variant, "variant"))
        if self._serial is not None and serial != self._serial:
            raise WrongInstrument(f"device id {serial} answers, not {self._serial}")
        firmware = strict_json.text(version, "version")
        self._model = model
        self._identity = Identity("IO Rodeo", f"Rodeostat {model.name}", serial, firmware)
        return self._identity

    async def _ask(self, command: str, **arguments: object) -> tuple[dict[str, Any], Answer]:
        """The response to one command. Raises BadReply, InstrumentRefused, the link's errors."""
        try:
            answer = await self._link.timed_query(request(command, **arguments), TIMEOUT_S)
            sent_s, give_up_s = answer.sent_s, self._link.deadline(TIMEOUT_S)
            while (said := response(answer.data, command)) is None:
                if asyncio.get_running_loop().time() > give_up_s:
                    raise BadReply(f"other lines, and none about {command}")
                answer = await self._link.receive(TIMEOUT_S)
        except (BadReply, LinkTimeout):
            self._link.distrust()
            raise
        return said, Answer(answer.data, sent_s, answer.received_s)

    async def _set(self, command: str, key: str, value: object) -> Answer:
        """Set something and compare what comes back. Raises InstrumentRefused."""
        said, answer = await self._ask(command, **{key: value})
        found = said.get(key)
        if type(found) is not type(value) or found != value:
            text = f"{found!r:.80} instead of {value!r}"
            raise InstrumentRefused(0, text, command)
        return answer

    async def _is_connected(self) -> bool:
        """Whether current can flow. `getAllElectConnected` says no if any one is off."""
        said, _ = await self._ask("getCtrElectConnected")
        return strict_json.boolean(said, "connected")

    async def _rest(self, new: Program) -> Changed:
        """The counter electrode off: no current can flow, and the cell can still be read."""
        off = await self._set("setCtrElectConnected", "connected", False)
        await self._look_at_the_cell(new)
        return _between(off, off)

    async def _look_at_the_cell(self, new: Program) -> None:
        *_, widest = self._model.volts
        await self._set("setRefElectVoltRange", "voltRange", widest)
        await self._set("setCurrRange", "currRange", new.curr_range)
        for electrode in ("Ref", "Wrk"):
            await self._set(f"set{electrode}ElectConnected", "connected", True)

    async def _from_rest(self, new: Program) -> Changed:
        """A range multiplies whatever is set, so ranges change while no current can flow."""
        off = await self._set("setCtrElectConnected", "connected", False)
        await self._look_at_the_cell(new)
        await self._set("setVoltRange", "voltRange", new.volt_range)
        await self._set_voltage(new)
        return _between(off, await self._set("setCtrElectConnected", "connected", True))

    async def _set_voltage(self, new: Program) -> Changed:
        said, answer = await self._ask("setVolt", v=new.voltage_V)
        step_V = 2 * self._model.volts[new.volt_range] / STEPS
        found = strict_json.number(said, "v")
        if new.voltage_V is None or abs(found - new.voltage_V) > step_V:
            raise InstrumentRefused(0, f"{found:g} V instead of {new.voltage_V}", "setVolt")
        return _between(answer, answer)

    def _check(self, program: Program, voltage_V: float, current_A: float) -> None:
        """Raises InvalidReading for what a sound channel that is set so cannot read."""
        full_A = self._model.amps[program.curr_range]
        if abs(current_A) >= full_A or abs(voltage_V) >= self.ratings.high_V:
            raise InvalidReading(f"{voltage_V:g} V, {current_A:g} A: at the end of the range")
        held = program.voltage_V
        if held is not None and abs(held) > 4 * self._voltage_error_V:
            if abs(voltage_V + held) < self._voltage_error_V:
                raise InvalidReading(
                    f"{voltage_V:g} V where {held:g} V is set: `reference_reads` is the other one"
                )

    def _regulating(self, program: Program, voltage_V: float) -> Regulation:
        """It does not say when it cannot hold the voltage; the reading does."""
        if program.voltage_V is None:
            return "current"
        held = abs(voltage_V - program.voltage_V) <= 2 * self._voltage_error_V
        return "voltage" if held else "unknown"

    async def _switch_off(self) -> str:
        """Disconnect, also over a link that does not answer; what it says instead of doing so."""
        if self._identity is None:
            await self._identify()
        await self._shout_off()
        if self._link.lost:
            await self._link.open()
            await self._shout_off()
        self._link.distrust()
        if await self._is_connected():
            return "it says that the counter electrode is connected"
        return ""

    async def _shout_off(self) -> None:
        # the counter electrode first: without it no current flows, whatever a test still does
        for line in (
            request("setCtrElectConnected", connected=False),
            request("stopTest"),
            request("setAllElectConnected", connected=False),
        ):
            with contextlib.suppress(LinkError):
                await self._link.shout(line)


def _only_the_voltage_differs(old: Program, new: Program) -> bool:
    ranges = (old.volt_range, old.curr_range) == (new.volt_range, new.curr_range)
    return old.voltage_V is not None and ranges


def _between(first: Answer, last: Answer) -> Changed:
    return Changed.between(first.sent_s, last.received_s)
