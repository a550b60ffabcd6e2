"""The port: what the application asks of one pair of terminals."""

from collections.abc import AsyncGenerator
from typing import Literal, Protocol, runtime_checkable

from labctl_drivers.vocabulary import (
    Changed,
    Excitation,
    Guard,
    ImpedancePoint,
    Opened,
    Ratings,
    Reading,
    Setpoint,
)

Maturity = Literal["simulated", "bench"]


class Channel(Protocol):
    """One pair of terminals of an opened instrument; one caller at a time.

    A driver may name the link settings of its instruments (`LINK_SETTINGS`: baud rate and such).

    Errors are those of `labctl_drivers.errors`, whatever library is below.
    """

    MATURITY: Maturity

    @property
    def ratings(self) -> Ratings:
        """The model's ratings; before `open`, those of the family's base model."""

    async def open(self) -> Opened:
        """Identify the instrument, refuse a wrong one, and set what no cell can feel.

        Never resets. An output found on is reported and left as it is.
        Raises WrongInstrument, LinkLost, LinkTimeout.
        """

    async def apply(self, setpoint: Setpoint, guard: Guard) -> Changed:
        """Drive the cell so from the returned time on.

        The guard is programmed before anything that it has to bound. Raises OutOfRange before
        the output has changed when the instrument cannot do it, InstrumentRefused when it says no.
        """

    async def read(self) -> Reading:
        """Measure voltage and current. Raises InvalidReading for anything but two numbers."""

    async def limits_read_back(self) -> dict[str, float]:
        """The limits that the instrument says it holds now, named with their unit."""

    async def safe(self) -> None:
        """Output off, high impedance, read back. Idempotent.

        Raises OutputUnknown when the instrument did not say that it is off.
        """

    async def close(self) -> None:
        """Give the link back. Leaves the output as it is."""


@runtime_checkable
class MeasuresImpedance(Protocol):
    """A channel whose ratings name the ability `impedance`."""

    def impedance(
        self, excitation: Excitation, guard: Guard
    ) -> AsyncGenerator[ImpedancePoint, None]:
        """The spectrum's points as they are measured; the output is off once it has ended.

        A generator that is closed early stops the measurement. Raises OutOfRange before the output
        has changed, InvalidReading for a point that is none, and the link's errors.
        """
        ...
