"""The loop by which every driver switches off: whatever is not *off, read back* is unknown."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from labctl_drivers.errors import (
    BadReply,
    InstrumentRefused,
    InvalidReading,
    LinkLost,
    LinkTimeout,
    OutputLost,
    OutputUnknown,
    WrongInstrument,
)
from labctl_drivers.link import Link, MemoryTransport
from labctl_drivers.switching_off import read_back_off

pytestmark = pytest.mark.virtual_time
OFF = ""
FAILURES = [
    LinkLost("gone"),
    LinkTimeout("silent"),
    BadReply("not a reply"),
    WrongInstrument("another one"),
    InstrumentRefused(-221, "Settings conflict", "OUTP OFF"),
    InvalidReading("9.9e37"),
    OutputLost("interlock"),
]


class Nobody:
    """An instrument that is never asked here."""

    def feed(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        raise AssertionError("the loop speaks only through its attempts")

    def advance(self, now: float) -> None:
        pass


def attempting(*said: str | Exception, seconds: float = 0.0) -> Callable[[], Awaitable[str]]:
    """Attempts that come to these in turn, each after so long."""
    left = list(said)

    async def attempt() -> str:
        await asyncio.sleep(seconds)
        came = left.pop(0)
        if isinstance(came, Exception):
            raise came
        return came

    return attempt


async def off(attempt: Callable[[], Awaitable[str]]) -> None:
    await read_back_off(attempt, Link(MemoryTransport(Nobody())), attempts=2, within_s=10.0)


async def test_off_at_once_takes_one_attempt() -> None:
    await off(attempting(OFF))


@pytest.mark.parametrize("failure", FAILURES, ids=lambda each: type(each).__name__)
async def test_whatever_an_attempt_fails_of_it_is_tried_again(failure: Exception) -> None:
    await off(attempting(failure, OFF))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("it is still on", "it is still on"), "it is still on"),
        (("it is still on", LinkLost("gone")), "LinkLost: gone"),
        ((LinkLost("gone"), "it is still on"), "it is still on"),
        ((LinkTimeout(""), LinkTimeout("")), "LinkTimeout: "),
    ],
)
async def test_after_the_last_attempt_nobody_knows_and_why_is_said(
    said: Sequence[str | Exception], why: str
) -> None:
    with pytest.raises(OutputUnknown) as caught:
        await off(attempting(*said, OFF))
    assert str(caught.value) == f"the output could not be read back as off: {why}"


async def test_an_attempt_that_never_ends_is_broken_off_in_time() -> None:
    begun_s = asyncio.get_running_loop().time()
    with pytest.raises(OutputUnknown, match=r"as off: not within 10 s$"):
        await off(attempting(OFF, seconds=1e6))
    assert asyncio.get_running_loop().time() - begun_s == pytest.approx(10.0, abs=0.1)


async def test_time_that_runs_out_in_the_second_attempt_says_what_the_first_came_to() -> None:
    with pytest.raises(OutputUnknown, match="not within 10 s; before, LinkLost: gone"):
        await off(attempting(LinkLost("gone"), OFF, seconds=6.0))


async def test_a_bug_is_no_answer_of_an_instrument() -> None:
    with pytest.raises(ZeroDivisionError):
        await off(attempting(ZeroDivisionError(), OFF))
