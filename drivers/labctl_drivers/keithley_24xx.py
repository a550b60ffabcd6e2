"""Keithley 2400 and 2450 series source-measure units as channels.

Wire facts: instruments.md §0, §1, §1b and the manuals that `keithley_24xx_dialects` names.

When the PC dies the output stays as it was programmed: a voltage source at the step's end or the
guard with the step's current as its limit, or 0 A at rest (smu.py). Neither charge nor time ends
it; nothing in these instruments watches the PC.

Options of both drivers: `serial` (another instrument is refused), `terminals` (`rear` or
`front`), `four_wire`, `nplc` (integration time in line periods, 0.01 to 10). There is one
channel, number 1.
"""

from typing import ClassVar, Literal

from labctl_drivers import scpi
from labctl_drivers.errors import WrongInstrument
from labctl_drivers.keithley_24xx_dialects import Dialect2400, Dialect2450, Options
from labctl_drivers.keithley_24xx_models import SERIES_2400, SERIES_2450
from labctl_drivers.link import Link
from labctl_drivers.smu import TIMEOUT_S, SourceMeasureUnit


class _Keithley24xx(SourceMeasureUnit):
    """Either series, in its dialect."""

    MAKERS = ("Keithley",)
    _DIALECT: ClassVar[type[Dialect2400] | type[Dialect2450]]

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
        dialect = self._DIALECT(Options(terminals == "rear", four_wire, nplc))
        super().__init__(link, dialect, channel=channel, serial=serial, nplc=nplc)


class Keithley2400(_Keithley24xx):
    """A 2400, 2401, 2410 or 2420, over GPIB or RS-232."""

    MODELS = SERIES_2400
    BASE_MODEL = "2400"
    _DIALECT = Dialect2400
    # 30 to 35 readings a second at 1 PLC; the reply takes 58 ms at 9600 baud
    _OVERHEAD_S = 0.06
    _PLC_PER_READING = 1.5


class Keithley2450(_Keithley24xx):
    """A 2450, 2460 or 2470 that is set to SCPI, over LAN, USB or GPIB."""

    MODELS = SERIES_2450
    BASE_MODEL = "2450"
    _DIALECT = Dialect2450
    _OVERHEAD_S = 0.01
    _PLC_PER_READING = 2.0

    async def _check_language(self) -> None:
        language = scpi.text(await self._link.query(b"*LANG?", TIMEOUT_S)).strip()
        if language != "SCPI":
            raise WrongInstrument(
                f"the instrument is set to the command set {language}: set it to SCPI "
                "(Menu, System, Settings) and switch it off and on again"
            )
