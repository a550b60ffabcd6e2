"""Keithley DAQ6510 data acquisition system as a scanner of thermocouples.

Wire facts: instruments.md §0, §1b, §8. `SENS:TEMP:TC:TYPE`, `:UNIT` and `:ODET` with a channel list
are as Tektronix's published examples send them. Its settings are those of the named channels alone;
readings pass through `defbuffer1`, which is cleared before each scan.

Options: `sensor` (type of the thermocouples), `open_detection` (a broken thermocouple then reads as
overflow; without it, as whatever its wires pick up), `every_s`, `serial`.
"""

from labctl_drivers import scanner, scpi
from labctl_drivers.auxiliary import Scanned
from labctl_drivers.errors import BadReply, WrongInstrument
from labctl_drivers.link import Answer
from labctl_drivers.vocabulary import Identity

ELEMENTS = ("READ", "REL", "CHAN")


class Daq6510(scanner.Scanner):
    """A DAQ6510 that is set to SCPI, with a multiplexer module in slot 1 or 2."""

    MODELS = ("DAQ6510",)
    HIGHEST_CHANNEL = 280

    async def open(self) -> Identity:
        """Connect, identify, and make the named channels thermocouples in °C.

        Raises WrongInstrument, InstrumentRefused and the link's errors.
        """
        await self._link.open(self)
        found = await scanner.identify(self._link, ("KEITHLEY",), self.MODELS, self._serial)
        language = scpi.text(await self._link.query(b"*LANG?", scanner.TIMEOUT_S)).strip()
        if language != "SCPI":
            raise WrongInstrument(f"the instrument is set to the command set {language}, not SCPI")
        await self._link.write(b"*CLS")
        where = scanner.channel_list(self._channels)
        detection = "ON" if self._open_detection else "OFF"
        await scanner.configure(
            self._link,
            (
                f'SENS:FUNC "TEMP",{where}',
                f"SENS:TEMP:TRAN TC,{where}",
                f"SENS:TEMP:TC:TYPE {self._sensor},{where}",
                f"SENS:TEMP:UNIT CELS,{where}",
                f"SENS:TEMP:ODET {detection},{where}",
                f"ROUT:SCAN:CRE {where}",
                "ROUT:SCAN:COUN:SCAN 1",
            ),
        )
        return found

    async def read(self) -> Scanned:
        """One scan of all channels. Raises BadReply, InstrumentRefused and the link's errors."""
        count = len(self._channels)
        begun_s = await self._link.write(b'TRAC:CLE "defbuffer1"')
        await self._link.write(b"INIT")
        await self._link.write(b"*WAI")
        query = f'TRAC:DATA? 1,{count},"defbuffer1",{",".join(ELEMENTS)}'
        timeout_s = scanner.TIMEOUT_S + count * scanner.CHANNEL_S
        answer = await scanner.ask(self._link, query, timeout_s)
        try:
            return self._scanned(answer, begun_s)
        except BadReply:
            self._link.distrust()
            raise

    def _scanned(self, answer: Answer, begun_s: float) -> Scanned:
        numbers = [scpi.number(field) for field in scpi.text(answer.data).split(",")]
        readings, found = numbers[:: len(ELEMENTS)], numbers[2 :: len(ELEMENTS)]
        if len(numbers) != len(ELEMENTS) * len(self._channels) or found != list(self._channels):
            raise BadReply(f"not the channels of the scan: {answer.data[:80]!r}")
        # its own times count from the first reading, whose moment nobody knows
        middle_s, error_s = (begun_s + answer.received_s) / 2, (answer.received_s - begun_s) / 2
        return {
            channel: scanner.temperature(degC, self._sensor, middle_s, error_s)
            for channel, degC in zip(self._channels, readings, strict=True)
        }
