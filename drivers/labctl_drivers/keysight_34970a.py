"""Keysight (Agilent, HP) 34970A and 34972A data acquisition units as scanners of thermocouples.

Wire facts: instruments.md §0, §8; `SENS:TEMP:TRAN:TC:CHEC` as in the 34970A/34972A Command
Reference. Naming the channels redefines the scan list. Each reading carries its unit, so that one
in °F or V is never taken for one in °C.

Options: `sensor` (type of the thermocouples), `open_detection` (a broken thermocouple then reads as
overflow), `every_s`, `serial` (a 34970A has none and says `0`).
"""

import re
from typing import ClassVar

from labctl_drivers import scanner, scpi
from labctl_drivers.auxiliary import Scanned, Temperature
from labctl_drivers.errors import BadReply, InstrumentRefused, InvalidReading
from labctl_drivers.link import Answer
from labctl_drivers.vocabulary import Identity

FIELDS = 3
_READING = re.compile(r"([-+]\d\.\d{8}E[-+]\d{2}) C", re.ASCII)


class Keysight34970A(scanner.Scanner):
    """A 34970A or 34972A with a multiplexer module in slot 1, 2 or 3."""

    MODELS = ("34970A", "34972A")
    HIGHEST_CHANNEL = 340
    LINK_SETTINGS: ClassVar = {"baud": 57600}

    async def open(self) -> Identity:
        """Connect, identify, and make the named channels thermocouples in °C.

        Raises WrongInstrument, InstrumentRefused and the link's errors.
        """
        await self._link.open(self)
        makers = ("HEWLETT-PACKARD", "AGILENT", "KEYSIGHT")
        found = await scanner.identify(self._link, makers, self.MODELS, self._serial)
        await self._link.write(b"*CLS")
        where = scanner.channel_list(self._channels)
        # first CONF, which switches check and units off again
        configured = (f"CONF:TEMP TC,{self._sensor},{where}", f"UNIT:TEMP C,{where}")
        await scanner.configure(self._link, configured)
        if self._open_detection:
            await self._detect_open(where)
        await scanner.configure(
            self._link,
            (
                f"ROUT:SCAN {where}",
                "FORM:READ:UNIT ON",
                "FORM:READ:TIME ON",
                "FORM:READ:CHAN ON",
                "FORM:READ:ALAR OFF",
            ),
        )
        return found

    async def _detect_open(self, where: str) -> None:
        try:
            await scanner.configure(self._link, (f"SENS:TEMP:TRAN:TC:CHEC ON,{where}",))
        except InstrumentRefused as error:
            text = f"{error.text} (with `open_detection: false` a broken thermocouple is not told)"
            raise InstrumentRefused(error.code, text, "SENS:TEMP:TRAN:TC:CHEC ON") from error

    async def read(self) -> Scanned:
        """One scan of all channels. Raises BadReply, InstrumentRefused and the link's errors."""
        timeout_s = scanner.TIMEOUT_S + len(self._channels) * scanner.CHANNEL_S
        answer = await scanner.ask(self._link, "READ?", timeout_s)
        try:
            return self._scanned(answer)
        except BadReply:
            self._link.distrust()
            raise

    def _scanned(self, answer: Answer) -> Scanned:
        fields = scpi.text(answer.data).split(",")
        found = [scpi.number(field) for field in fields[FIELDS - 1 :: FIELDS]]
        if len(fields) != FIELDS * len(self._channels) or found != list(self._channels):
            raise BadReply(f"not the channels of the scan: {answer.data[:80]!r}")
        error_s = (answer.received_s - answer.sent_s) / 2
        scanned: dict[int, Temperature | InvalidReading] = {}
        for channel, reading, after in zip(
            self._channels, fields[::FIELDS], fields[1::FIELDS], strict=True
        ):
            whole = _READING.fullmatch(reading)
            if whole is None:
                raise BadReply(f"no reading in °C: {reading[:40]!r}")
            # its times count from the start of the scan
            time_s = min(answer.sent_s + scpi.number(after), answer.received_s)
            scanned[channel] = scanner.temperature(float(whole[1]), self._sensor, time_s, error_s)
        return scanned
