"""A channel that writes down what is asked of it and what it gives, beside its link's bytes."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from labctl.capture.text import Note
from labctl_drivers.channel import Channel, Maturity, MeasuresImpedance
from labctl_drivers.errors import InstrumentError
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

T = TypeVar("T")
TIMES = ("time_s", "time_error_s")


class Recording:
    """A channel in front of a driver."""

    def __init__(self, channel: Channel, note: Note) -> None:
        self.MATURITY: Maturity = channel.MATURITY
        self._channel = channel
        self._note: Note | None = note

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

    async def _noted(
        self, call: str, given: Mapping[str, object], ask: Callable[[], Awaitable[T]]
    ) -> T:
        self._say("!", f"{call} {json.dumps(given)}" if given else call)
        try:
            found = await ask()
        except InstrumentError as error:
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
    values = found if isinstance(found, dict) else asdict(found)
    return json.dumps({name: value for name, value in values.items() if name not in TIMES})
