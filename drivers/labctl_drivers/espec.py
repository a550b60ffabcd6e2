"""ESPEC chambers with a P300 or SCP-220 controller: air temperature read, and set.

Wire facts: instruments.md §8; the form of `TYPE?` (sensors, controller, highest temperature) as
ESPEC North America's ChamberConnectLibrary reads it. A chamber tells no serial number.

A set value takes effect in constant mode only. A chamber that runs a program is never disturbed;
one that is off or on standby is switched to constant mode only with `start: true`, for somebody
may have an arm in it. Whatever was set stays set when the run ends.

Options: `controller` (another one's answer is refused), `address` (of RS-485; 0: none), `gap_s`
(between two commands), `start`, `every_s`.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import ClassVar

from labctl_drivers import scpi
from labctl_drivers.auxiliary import ZERO_CELSIUS_K, Port, Scanned, Temperature, checked_period
from labctl_drivers.channel import Maturity
from labctl_drivers.errors import (
    BadReply,
    InstrumentRefused,
    InvalidReading,
    OutOfRange,
    WrongInstrument,
)
from labctl_drivers.link import Answer, Framing, Link, Probe
from labctl_drivers.vocabulary import Identity

TIMEOUT_S = 3.0
RESOLUTION_K = 0.1
COLDEST_C, HOTTEST_C = -100.0, 250.0
"""No chamber's air is beyond."""
MODES = ("OFF", "STANDBY", "CONSTANT", "RUN")
_TYPE = re.compile(r"[A-Z][^,]*,(?:[^,]+,)?([^,]+),[-+]?\d+(?:\.\d+)?", re.ASCII)
_DECIMAL = re.compile(r"\s*[-+]?\d{1,3}\.\d\s*", re.ASCII)


class Espec:
    """A chamber; its one channel, number 1, is the temperature of its air."""

    MATURITY: Maturity = "simulated"
    PORT: Port = "auxiliary"
    SETTABLE = True
    MODELS = ("P300", "SCP-220")
    LINK_SETTINGS: ClassVar = {"baud": 9600}

    def __init__(
        self,
        link: Link,
        *,
        channels: Sequence[int] = (1,),
        serial: str | None = None,
        controller: str = "",
        address: int = 0,
        gap_s: float = 0.3,
        start: bool = False,
        every_s: float = 5.0,
    ) -> None:
        if tuple(channels) != (1,):
            raise ValueError("a chamber has channel 1 only: its air")
        if serial is not None:
            raise ValueError("an ESPEC controller tells no serial number: leave `serial` out")
        if not 0 <= address <= 99:
            raise ValueError(f"an address is from 1 to 99, or 0 for none, not {address}")
        if not 0 <= gap_s <= 5:
            raise ValueError(f"gap_s is from 0 to 5, not {gap_s:g}")
        self.every_s = checked_period(every_s)
        self._link = link
        self._link.framing = Framing(b"\r\n", link.framing.cut)
        self._prefix = f"{address}," if address else ""
        self._link.probe = Probe(self._line("TYPE?"), self._is_type)
        self._controller = controller
        self._gap_s = gap_s
        self._start = start
        self._free_s = 0.0

    async def open(self) -> Identity:
        """Connect and identify. Raises WrongInstrument and the link's errors."""
        await self._link.open(self)
        reply = self._text(await self._exchange("TYPE?"))
        found = _TYPE.fullmatch(reply)
        if found is None:
            raise WrongInstrument(f"no ESPEC controller: {reply[:80]!r}")
        model = found[1].strip()
        if self._controller and model != self._controller:
            raise WrongInstrument(f"a controller {model} answers, not {self._controller}")
        return Identity("ESPEC", model, "", self._text(await self._exchange("ROM?")))

    async def read(self) -> Scanned:
        """The temperature of the air. Raises BadReply, InstrumentRefused and the link's errors."""
        answer = await self._exchange("TEMP?")
        degC, *_ = self._temperatures(answer)
        middle_s = (answer.sent_s + answer.received_s) / 2
        if not COLDEST_C <= degC <= HOTTEST_C:
            return {1: InvalidReading(f"{degC:g} °C in a chamber")}
        error_s = (answer.received_s - answer.sent_s) / 2
        return {1: Temperature(middle_s, degC + ZERO_CELSIUS_K, error_s)}

    async def set_temperature(self, channel: int, temperature_K: float) -> float:
        """Set the air's temperature, and give the one read back, K; rounded to 0.1 K.

        Raises OutOfRange, InstrumentRefused, BadReply and the link's errors.
        """
        if channel != 1:
            raise OutOfRange(f"a chamber has channel 1 only, not {channel}")
        wanted_C = round(temperature_K - ZERO_CELSIUS_K, 1)
        _, _, high_C, low_C = self._temperatures(await self._exchange("TEMP?"))
        if not low_C <= wanted_C <= high_C:
            raise OutOfRange(
                f"the chamber is set to stay within {low_C:g} and {high_C:g} °C, not {wanted_C:g}"
            )
        line = f"TEMP, S{wanted_C:.1f}"
        mode = await self._mode()
        if mode == "RUN":
            raise InstrumentRefused(0, "the chamber runs a program, which is not disturbed", line)
        if mode != "CONSTANT" and not self._start:
            raise InstrumentRefused(
                0, f"the chamber is in mode {mode}: start it, or give the bench `start: true`", line
            )
        await self._command(line)
        set_C = self._temperatures(await self._exchange("TEMP?"))[1]
        if abs(set_C - wanted_C) > RESOLUTION_K / 2:
            raise InstrumentRefused(0, f"it reads back as {set_C:g} °C", line)
        if mode != "CONSTANT":
            await self._command("MODE,CONSTANT")
            mode = await self._mode()
            if mode != "CONSTANT":
                raise InstrumentRefused(0, f"it is still in mode {mode}", "MODE,CONSTANT")
        return set_C + ZERO_CELSIUS_K

    async def close(self) -> None:
        """Give the link back. The chamber goes on as it is."""
        await self._link.close(self)

    async def _mode(self) -> str:
        reply = self._text(await self._exchange("MODE?"))
        if reply not in MODES:
            self._link.distrust()
            raise BadReply(f"no mode: {reply[:40]!r}")
        return reply

    async def _command(self, line: str) -> None:
        reply = self._text(await self._exchange(line))
        if not reply.startswith("OK:"):
            self._link.distrust()
            raise BadReply(f"neither OK nor NA to {line!r}: {reply[:80]!r}")

    async def _exchange(self, line: str) -> Answer:
        """One command and its reply, some time after the one before. Raises InstrumentRefused."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._free_s - loop.time()))
        try:
            answer = await self._link.timed_query(self._line(line), TIMEOUT_S)
        finally:
            self._free_s = loop.time() + self._gap_s
        reply = self._text(answer)
        if reply.startswith("NA:"):
            raise InstrumentRefused(0, reply, line)
        return answer

    def _temperatures(self, answer: Answer) -> tuple[float, float, float, float]:
        """Measured, set, highest and lowest, °C."""
        fields = self._text(answer).split(",")
        if len(fields) != 4 or not all(_DECIMAL.fullmatch(field) for field in fields):
            self._link.distrust()
            raise BadReply(f"no temperatures: {answer.data[:80]!r}")
        measured, wanted, high, low = map(float, fields)
        return measured, wanted, high, low

    def _line(self, line: str) -> bytes:
        return f"{self._prefix}{line}".encode()

    def _text(self, answer: Answer) -> str:
        try:
            return scpi.text(answer.data).removeprefix(self._prefix)
        except BadReply:
            self._link.distrust()
            raise

    def _is_type(self, frame: bytes) -> bool:
        text = frame.decode("ascii", "replace").removeprefix(self._prefix)
        return _TYPE.fullmatch(text) is not None
