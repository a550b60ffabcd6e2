"""The run loop: what the engine commands is done, what the instrument shows is heard."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from labctl.run.safe import make_safe
from labctl_drivers.channel import Channel
from labctl_drivers.errors import InstrumentError, InvalidReading, LinkTimeout
from labctl_protocols.decisions import (
    Answer,
    Applied,
    Apply,
    Command,
    Event,
    Heard,
    Outcome,
    Safed,
    Stopping,
)
from labctl_protocols.engine import Engine

BAD_READINGS = 3
"""So many replies in a row that are no reading end the run (data_and_reliability.md §5, row 2)."""

OnAnswer = Callable[[Answer], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, and the error that ended it if one did."""

    outcome: Outcome
    reason: str
    error: BaseException | None


class RunLoop:
    """Drives one engine over one channel; `on_answer` journals and shows, and may raise."""

    def __init__(self, engine: Engine, channel: Channel, on_answer: OnAnswer) -> None:
        self._engine = engine
        self._channel = channel
        self._on_answer = on_answer
        self._stopping: str | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._bad_readings = 0
        self._error: BaseException | None = None

    def request_stop(self, reason: str) -> None:
        """Ask the run to end; asking again changes nothing and skips nothing."""
        if self._stopping is None:
            self._stopping = reason
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def run(self) -> Ended:
        """Run to the end; whatever happens on the way, the last thing is the safe path."""
        loop = asyncio.get_running_loop()
        try:
            answer = self._engine.begin(loop.time())
            while answer.ended is None:
                self._on_answer(answer)
                answer = self._engine.hear(await self._next_heard(answer))
        except BaseException as error:
            answer = await self._out_of_an_error(error)
        self._tell_last(answer)
        if answer.ended is None:
            raise RuntimeError("the engine did not end") from self._error
        return Ended(answer.ended, answer.reason, self._error)

    async def _next_heard(self, answer: Answer) -> Heard:
        if answer.commands:
            return await self._obey(answer.commands[0])
        if answer.wake_at is None:
            raise RuntimeError("the engine asks for nothing")
        await self._sleep_until(answer.wake_at)
        return await self._read()

    async def _obey(self, command: Command) -> Heard:
        if not isinstance(command, Apply):
            return await make_safe(self._channel)
        try:
            return Applied(await self._channel.apply(command.setpoint, command.guard))
        except InstrumentError as error:
            return self._fault(error)

    async def _read(self) -> Heard:
        while self._stopping is None:
            try:
                reading = await self._channel.read()
            except (InvalidReading, LinkTimeout) as error:
                self._bad_readings += 1
                if self._bad_readings >= BAD_READINGS:
                    return self._fault(error)
            except InstrumentError as error:
                return self._fault(error)
            else:
                self._bad_readings = 0
                return reading
        return Stopping(asyncio.get_running_loop().time(), "stopped", self._stopping)

    def _fault(self, error: InstrumentError) -> Stopping:
        self._error = error
        time_s = asyncio.get_running_loop().time()
        return Stopping(time_s, "fault", f"{type(error).__name__}: {error}")

    async def _sleep_until(self, time_s: float) -> None:
        loop = asyncio.get_running_loop()
        if time_s <= loop.time() or self._stopping is not None:
            return
        self._waiter = loop.create_future()
        timer = loop.call_at(time_s, self._wake, self._waiter)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    @staticmethod
    def _wake(waiter: "asyncio.Future[None]") -> None:
        if not waiter.done():
            waiter.set_result(None)

    async def _out_of_an_error(self, error: BaseException) -> Answer:
        """The output goes off first; only then is anything written or told."""
        self._error = error
        outcome, reason = outcome_of(error)
        off = await make_safe(self._channel)
        try:
            told = self._engine.hear(Stopping(off.time_s, outcome, reason))
            return merged(told, self._engine.hear(off))
        except Exception as second:
            known = isinstance(off, Safed)
            output = {"on": False if known else None, "read_back": known}
            text = f"{reason}; then the engine failed too: {second}"
            events = (
                Event(off.time_s, "output", output),
                Event(off.time_s, "fault", {"error": type(error).__name__, "text": text}),
                Event(off.time_s, "run_ended", {"outcome": "error", "reason": text}),
            )
            return Answer(events=events, boundary=True, ended="error", reason=text)

    def _tell_last(self, answer: Answer) -> None:
        try:
            self._on_answer(answer)
        except Exception as error:
            if self._error is None:
                self._error = error


def outcome_of(error: BaseException) -> tuple[Outcome, str]:
    """What an exception that came out of the loop makes of the run."""
    from labctl.journal import StorageFault

    if isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
        return "stopped", "cancelled"
    if isinstance(error, StorageFault | InstrumentError):
        return "fault", f"{type(error).__name__}: {error}"
    return "error", f"{type(error).__name__}: {error}"


def merged(first: Answer, second: Answer) -> Answer:
    """Two answers told as one; the later one says how it goes on."""
    return Answer(
        commands=second.commands,
        rows=first.rows + second.rows,
        events=first.events + second.events,
        wake_at=second.wake_at,
        boundary=True,
        ended=second.ended,
        reason=second.reason,
    )
