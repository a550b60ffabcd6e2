"""Drivers that write down what is asked of them and what they give, beside their links' bytes."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, TypeVar

from labctl.capture.text import Note
from labctl_drivers.auxiliary import Auxiliary, Port, Scanned
from labctl_drivers.channel import Channel, Maturity, MeasuresImpedance
from labctl_drivers.errors import InstrumentError
from labctl_drivers.vocabulary import (
    Changed,
    Excitation,
    Guard,
    Identity,
    ImpedancePoint,
    Opened,
    Ratings,
    Reading,
    Setpoint,
)

T = TypeVar("T")
TIMES = ("time_s", "time_error_s")
BROKEN_OFF = "CancelledError"
"""What a call gave whose caller went away."""


class _Noting:
    """Who tells a note what was asked and what came of it."""

    def __init__(self, note: Note) -> None:
        self._note: Note | None = note

    async def _noted(
        self, call: str, given: Mapping[str, object], ask: Callable[[], Awaitable[T]]
    ) -> T:
        self._say("!", f"{call} {json.dumps(given)}" if given else call)
        try:
            found = await ask()
        except (InstrumentError, asyncio.CancelledError) as error:
            self._say("=", type(error).__name__)
            raise
        self._say("=", result_text(found))
        return found

    def _say(self, sign: str, text: str) -> None:
        if self._note is None:
            return
        try:
            self._note(asyncio.get_running_loop().time(), sign, text.encode("ascii"))
        except Exception:
            # a full disk must not keep the output from being switched off
            self._note = None


class Recording(_Noting):
    """A channel in front of a driver."""

    def __init__(self, channel: Channel, note: Note) -> None:
        super().__init__(note)
        self.MATURITY: Maturity = channel.MATURITY
        self._channel = channel

    @property
    def ratings(self) -> Ratings:
        """The driver's."""
        return self._channel.ratings

    async def open(self) -> Opened:
        """As the driver does."""
        return await self._noted("open", {}, self._channel.open)

    async def apply(self, setpoint: Setpoint, guard: Guard) -> Changed:
        """As the driver does."""
        given = {"setpoint": asdict(setpoint), "guard": asdict(guard)}
        return await self._noted("apply", given, lambda: self._channel.apply(setpoint, guard))

    async def read(self) -> Reading:
        """As the driver does."""
        return await self._noted("read", {}, self._channel.read)

    async def limits_read_back(self) -> dict[str, float]:
        """As the driver does."""
        return await self._noted("limits_read_back", {}, self._channel.limits_read_back)

    async def safe(self) -> None:
        """As the driver does."""
        await self._noted("safe", {}, self._channel.safe)

    async def close(self) -> None:
        """As the driver does."""
        await self._noted("close", {}, self._channel.close)


class RecordingImpedance(Recording):
    """A channel in front of a driver that measures impedance."""

    def __init__(self, channel: Channel, note: Note) -> None:
        super().__init__(channel, note)
        if not isinstance(channel, MeasuresImpedance):
            raise TypeError("the driver measures no impedance")
        self._measures = channel

    async def impedance(
        self, excitation: Excitation, guard: Guard
    ) -> AsyncGenerator[ImpedancePoint, None]:
        """As the driver does."""
        given = {"excitation": asdict(excitation), "guard": asdict(guard)}
        self._say("!", f"impedance {json.dumps(given)}")
        try:
            async for point in self._measures.impedance(excitation, guard):
                self._say("=", result_text(point))
                yield point
        except InstrumentError as error:
            self._say("=", type(error).__name__)
            raise


class RecordingAuxiliary(_Noting):
    """An auxiliary in front of its driver."""

    def __init__(self, auxiliary: Auxiliary, note: Note) -> None:
        super().__init__(note)
        self.MATURITY: Maturity = auxiliary.MATURITY
        self.PORT: Port = auxiliary.PORT
        self.SETTABLE = auxiliary.SETTABLE
        self.every_s = auxiliary.every_s
        self._auxiliary = auxiliary

    async def open(self) -> Identity:
        """As the driver does."""
        return await self._noted("open", {}, self._auxiliary.open)

    async def read(self) -> Scanned:
        """As the driver does."""
        return await self._noted("read", {}, self._auxiliary.read)

    async def set_temperature(self, channel: int, temperature_K: float) -> float:
        """As the driver does."""
        return await self._noted(
            "set_temperature",
            {"channel": channel, "temperature_K": temperature_K},
            lambda: self._auxiliary.set_temperature(channel, temperature_K),
        )

    async def close(self) -> None:
        """As the driver does."""
        await self._noted("close", {}, self._auxiliary.close)


def recording(channel: Channel, note: Note) -> Recording:
    """The channel with everything that it is asked and gives told to `note`."""
    able = isinstance(channel, MeasuresImpedance)
    return (RecordingImpedance if able else Recording)(channel, note)


def result_text(found: Any) -> str:  # noqa: ANN401 - whatever the port gives
    """What a call gave, as JSON without its times."""
    if isinstance(found, Changed):
        return "changed"
    if found is None:
        return "done"
    return json.dumps(_plain(found))


def _plain(found: Any) -> object:  # noqa: ANN401 - as above
    if isinstance(found, InstrumentError):
        return type(found).__name__
    if is_dataclass(found) and not isinstance(found, type):
        values = asdict(found)
        return {name: value for name, value in values.items() if name not in TIMES}
    if isinstance(found, Mapping):
        return {name: _plain(value) for name, value in found.items()}
    return found
