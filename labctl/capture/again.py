"""A session again: the driver is asked the same, and must send the same bytes and give the same."""

import asyncio
import json
from collections import deque
from collections.abc import Iterator
from typing import Any

from labctl.bench.settings import load_driver
from labctl.capture.recording import BROKEN_OFF, result_text
from labctl.capture.text import Line, Session
from labctl_drivers.errors import InstrumentError
from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.vocabulary import Excitation, Guard, Setpoint, SweepShape


class Differs(AssertionError):
    """The driver does otherwise than in the session."""


class Instrument:
    """The instrument's side of a session: says what it said, if it hears what it heard."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = deque(line for line in lines if line.sign in "><x")
        self._heard = b""
        self.wake_at: float | None = None

    def feed(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        """Compare with what was sent then; the replies come as long after it as they did."""
        self._heard += data
        replies: list[tuple[float, bytes]] = []
        while self._heard:
            if not self._lines or self._lines[0].sign != ">":
                raise Differs(f"{self._heard!r} is sent, and nothing was")
            expected = self._lines.popleft()
            if not self._heard.startswith(expected.data):
                raise Differs(f"{self._heard!r} is sent, and {expected.data!r} was")
            self._heard = self._heard[len(expected.data) :]
            while self._lines and self._lines[0].sign != ">":
                line = self._lines.popleft()
                replies.append((now + line.time_s - expected.time_s, line.data))
        return replies

    @property
    def binary(self) -> "Instrument":
        """Its second port, whose bytes stand among the others."""
        return self

    def advance(self, now: float) -> None:
        """Nothing happens by itself."""

    @property
    def left(self) -> bytes:
        """What was sent and is not sent now."""
        return b"".join(line.data for line in self._lines if line.sign == ">")


async def play(session: Session) -> int:
    """Ask the driver all that it was asked, at the same times; gives how many calls that were.

    For an event loop in virtual time. Raises Differs at the first byte or result that is another.
    """
    instrument = Instrument(iter(session.lines))
    link = Link(MemoryTransport(instrument))
    driver = load_driver(session.driver)(link, **session.settings)
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    calls = 0
    results = [line for line in session.lines if line.sign in "!="]
    for call, *given in _calls(results):
        await asyncio.sleep(max(0.0, began_s + call.time_s - loop.time()))
        expected = [line.data.decode() for line in given]
        is_broken_off = expected[-1:] == [BROKEN_OFF]
        until_s = began_s + given[-1].time_s if is_broken_off else None
        found = await _found(driver, call.data.decode(), until_s)
        if found != expected:
            raise Differs(f"{call.data.decode()} gives {found}, and gave {expected}")
        calls += 1
    if instrument.left:
        raise Differs(f"{instrument.left!r} was sent, and is not now")
    return calls


def _calls(lines: list[Line]) -> Iterator[list[Line]]:
    group: list[Line] = []
    for line in lines:
        if line.sign == "!" and group:
            yield group
            group = []
        group.append(line)
    if group:
        yield group


async def _found(driver: Any, text: str, until_s: float | None) -> list[str]:  # noqa: ANN401
    found: list[str] = []
    try:
        async with asyncio.timeout_at(until_s):
            async for each in _ask(driver, text):
                found.append(each)
    except TimeoutError:
        found.append(BROKEN_OFF)
    return found


async def _ask(driver: Any, text: str) -> Any:  # noqa: ANN401 - any driver
    name, _, given = text.partition(" ")
    arguments = _arguments(json.loads(given)) if given else []
    try:
        if name == "impedance":
            async for point in driver.impedance(*arguments):
                yield result_text(point)
        else:
            yield result_text(await getattr(driver, name)(*arguments))
    except InstrumentError as error:
        yield type(error).__name__


def _arguments(given: dict[str, Any]) -> list[Any]:
    if "guard" not in given:
        return list(given.values())
    guard = Guard(**given["guard"])
    if "excitation" in given:
        return [Excitation(**given["excitation"]), guard]
    values = dict(given["setpoint"])
    if values.get("sweep") is not None:
        shape = dict(values["sweep"])
        values["sweep"] = SweepShape(**{**shape, "corners_V": tuple(shape["corners_V"])})
    return [Setpoint(**values), guard]
