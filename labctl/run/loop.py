"""The run loop: what the engine commands is done, what the instrument shows is heard."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from labctl.run.safe import make_safe
from labctl.run.slept import SleepWatch
from labctl_drivers.channel import Channel
from labctl_drivers.errors import InstrumentError, InvalidReading, LinkTimeout
from labctl_drivers.vocabulary import Reading
from labctl_protocols.decisions import (
    Answer,
    Applied,
    Apply,
    Command,
    Event,
    Heard,
    Outcome,
    Safe,
    Safed,
    Stopping,
    Unsafe,
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
    """Drives one engine over one channel; `on_answer` journals and shows, and may raise.

    `speed` is the loop's seconds per host second, None in virtual time.
    """

    def __init__(
        self,
        engine: Engine,
        channel: Channel,
        on_answer: OnAnswer,
        speed: float | None = None,
    ) -> None:
        self._engine = engine
        self._channel = channel
        self._on_answer = on_answer
        self._speed = speed
        self._slept = SleepWatch(speed)
        self._end: tuple[Outcome, str] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._bad_readings = 0
        self._error: BaseException | None = None

    def request_stop(self, reason: str) -> None:
        """Ask the run to end; asking again changes nothing and skips nothing."""
        self._request_end("stopped", reason)

    def fail(self, error: Exception) -> None:
        """Something that the run depends on has failed: end it."""
        if self._error is None:
            self._error = error
        self._request_end(*outcome_of(error))

    def _request_end(self, outcome: Outcome, reason: str) -> None:
        if self._end is None:
            self._end = outcome, reason
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def run(self, begin_s: float | None = None) -> Ended:
        """Run to the end; whatever happens on the way, the last thing is the safe path.

        `begin_s` is the loop's time that is test time 0; now if it is left out.
        """
        loop = asyncio.get_running_loop()
        try:
            answer = self._engine.begin(loop.time() if begin_s is None else begin_s)
            while answer.ended is None:
                answer = self._engine.hear(await self._next_heard(answer))
        except BaseException as error:
            answer = await self._out_of_an_error(error)
        self._tell_last(answer)
        return Ended(answer.ended or "error", answer.reason, self._error)

    async def _next_heard(self, answer: Answer) -> Heard:
        if Safe() in answer.commands:
            # first off, then told: nothing that listens may come between
            off = await make_safe(self._channel, self._speed or 1.0)
            self._on_answer(answer)
            return off
        self._on_answer(answer)
        if answer.commands:
            return await self._obey(answer.commands[0])
        if answer.wake_at is None:
            raise RuntimeError("the engine asks for nothing")
        return await self._next_reading(answer.wake_at)

    async def _obey(self, command: Command) -> Heard:
        if not isinstance(command, Apply):
            raise RuntimeError(f"nobody here can {command!r}")
        began_s = asyncio.get_running_loop().time()
        if self._end is not None:
            return self._asked_to_end(*self._end)
        try:
            changed = await self._channel.apply(command.setpoint, command.guard)
        except InstrumentError as error:
            return self._fault(error)
        return self._asleep(began_s) or Applied(changed.time_s, changed.time_error_s)

    async def _next_reading(self, due_s: float) -> Heard:
        period_s = due_s - asyncio.get_running_loop().time()
        await self._sleep_until(due_s)
        heard = await self._read()
        late = self._asleep(due_s, period_s) if isinstance(heard, Reading) else None
        return late or heard

    def _asleep(self, due_s: float, period_s: float = 0.0) -> Stopping | None:
        """What a gap means: nobody knows what went on in it, so the run ends."""
        now_s = asyncio.get_running_loop().time()
        gap_s = self._slept.host_gap_s(due_s, now_s, period_s)
        if gap_s is None:
            return None
        text = f"HostSlept: nobody looked at the cell for {gap_s:.1f} s"
        return Stopping(now_s, "fault", text, {"error": "HostSlept", "gap_s": gap_s})

    async def _read(self) -> Heard:
        while self._end is None:
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
        return self._asked_to_end(*self._end)

    def _asked_to_end(self, outcome: Outcome, reason: str) -> Stopping:
        return _stopping(outcome, reason, self._error)

    def _fault(self, error: InstrumentError) -> Stopping:
        self._error = error
        return _stopping(*outcome_of(error), error)

    async def _sleep_until(self, time_s: float) -> None:
        loop = asyncio.get_running_loop()
        if time_s <= loop.time() or self._end is not None:
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
        off = await make_safe(self._channel, self._speed or 1.0)
        try:
            stopping = replace(_stopping(outcome, reason, error), time_s=off.time_s)
            told = merged(self._engine.hear(stopping), self._engine.hear(off))
        except BaseException as second:
            reason = f"{reason}; then the engine failed too: {second}"
        else:
            if told.ended is not None:
                return told
            reason = f"{reason}; and the engine did not end"
        return last_words(off, reason, error)

    def _tell_last(self, answer: Answer) -> None:
        try:
            self._on_answer(answer)
        except BaseException as error:
            # the output is off already: nothing is left but to say how the run ended
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


def _stopping(outcome: Outcome, reason: str, error: BaseException | None) -> Stopping:
    data = {} if error is None else {"error": type(error).__name__}
    return Stopping(asyncio.get_running_loop().time(), outcome, reason, data)


def last_words(off: Safed | Unsafe, reason: str, error: BaseException) -> Answer:
    """The end of a run whose engine cannot tell it any more."""
    known = isinstance(off, Safed)
    if isinstance(off, Unsafe):
        reason = f"{reason}; {off.text}"
    output = {"on": False if known else None, "read_back": known}
    events = (
        Event(off.time_s, "output", output),
        Event(off.time_s, "fault", {"error": type(error).__name__, "text": reason}),
        Event(off.time_s, "run_ended", {"outcome": "error", "reason": reason}),
    )
    return Answer(events=events, boundary=True, ended="error", reason=reason)


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
