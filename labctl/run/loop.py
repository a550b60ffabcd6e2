"""The run loop: what the engine commands is done, what the instrument shows is heard."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import replace
from typing import Literal

from labctl.run.outcomes import Ended, last_words, merged, outcome_of, stopping
from labctl.run.poller import Poller
from labctl.run.safe import make_safe
from labctl.run.slept import SleepWatch
from labctl_drivers.channel import Channel, MeasuresImpedance
from labctl_drivers.errors import InstrumentError, InvalidReading, LinkTimeout
from labctl_drivers.vocabulary import ImpedancePoint, Reading
from labctl_protocols.decisions import (
    Answer,
    Applied,
    Apply,
    AuxRead,
    AuxSet,
    Command,
    Heard,
    Measure,
    Measured,
    Operator,
    Outcome,
    Revision,
    Safe,
    Safed,
    SetAux,
    Stopping,
    Unsafe,
    Waited,
)
from labctl_protocols.engine import Engine
from labctl_protocols.plan import MAIN

BAD_READINGS = 3
"""So many replies in a row that are no reading end the run (data_and_reliability.md §5, row 2)."""

BREAK_OFF_S = 5.0
"""Host seconds that a driver has to stop what it measures, after the output is off."""

OnAnswer = Callable[[Answer], None]
Word = Literal["continue", "pause", "skip"]


class RunLoop:
    """Drives one engine over the channels of its terminals; `on_answer` journals and shows, and
    may raise.

    `speed` is the loop's seconds per host second, None in virtual time. `auxiliaries` are who
    reads and sets what stands beside the cell, by its name; what they read, `hear_beside` takes.
    """

    def __init__(
        self,
        engine: Engine,
        channels: Mapping[str, Channel],
        on_answer: OnAnswer,
        speed: float | None = None,
        auxiliaries: Mapping[str, Poller] | None = None,
    ) -> None:
        self._auxiliaries = auxiliaries or {}
        self._beside: deque[AuxRead] = deque()
        self._engine = engine
        self._channels = channels
        self._connected = MAIN
        self._said: deque[Operator | Revision] = deque()
        self._on_answer = on_answer
        self._speed = speed
        self._slept = SleepWatch(speed)
        self._blind: Stopping | None = None
        self._has_looked = False
        self._end: tuple[Outcome, str] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._bad_readings = 0
        self._error: BaseException | None = None
        self._spectrum: AsyncGenerator[ImpedancePoint, None] | None = None
        self._point: asyncio.Future[ImpedancePoint | None] | None = None

    def request_stop(self, reason: str) -> None:
        """Ask the run to end; asking again changes nothing and skips nothing."""
        self._request_end("stopped", reason)

    def operator(self, word: Word, by: str) -> None:
        """Pass on what the operator says, once the engine can hear it."""
        self._said.append(Operator(0.0, word, by))
        self._wake_up()

    def revise(self, revision: Revision) -> None:
        """Amend the run, once the engine can hear it."""
        self._said.append(revision)
        self._wake_up()

    def hear_beside(self, read: AuxRead) -> None:
        """Take what was measured beside the cell, once the engine can hear it."""
        self._beside.append(read)
        self._wake_up()

    def fail(self, error: Exception) -> None:
        """Something that the run depends on has failed: end it."""
        if self._error is None:
            self._error = error
        self._request_end(*outcome_of(error))

    def _request_end(self, outcome: Outcome, reason: str) -> None:
        if self._end is None:
            self._end = outcome, reason
        self._wake_up()

    def _wake_up(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def run(self, begin_s: float | None = None) -> Ended:
        """Run to the end; whatever happens on the way, the last thing is the safe path.

        `begin_s` is the loop's time that is test time 0; now if it is left out.
        """
        loop = asyncio.get_running_loop()
        try:
            with self._slept.beating():
                answer = self._engine.begin(loop.time() if begin_s is None else begin_s)
                while answer.ended is None:
                    answer = self._engine.hear(await self._next_heard(answer))
        except BaseException as error:
            answer = await self._out_of_an_error(error)
        self._tell_last(answer)
        return Ended(answer.ended or "error", answer.reason, self._error)

    async def _next_heard(self, answer: Answer) -> Heard:
        command = next(iter(answer.commands), None)
        if isinstance(command, Safe):
            # first off, then told: nothing that listens may come between
            off = await self._make_safe(command.terminal)
            self._on_answer(answer)
            return off
        self._on_answer(answer)
        if self._blind is not None:
            # where no reading will come soon, the run ends without
            if self._has_looked or self._spectrum is not None or answer.waits:
                return self._blind
        if command is not None:
            return await self._obey(command)
        if self._spectrum is not None:
            return await self._next_point(self._spectrum)
        if answer.waits:
            return await self._next_word(answer.wake_at)
        if answer.wake_at is None:
            raise RuntimeError("the engine asks for nothing")
        return await self._next_reading(answer.wake_at)

    async def _make_safe(self, terminal: str | None) -> Safed | Unsafe:
        """Switch one terminal off, or all of them."""
        broken_off = self._drop_spectrum()
        named = self._channels if terminal is None else {terminal: self._channels[terminal]}
        off = await make_safe(list(named.values()), self._speed or 1.0)
        if broken_off is not None:
            # what a driver does to stop must not come between what is asked of it next
            timeout_s = BREAK_OFF_S * (self._speed or 1.0)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([broken_off], timeout=timeout_s)
        return off

    async def _obey(self, command: Command) -> Heard:
        if self._end is not None:
            return self._asked_to_end(*self._end)
        if isinstance(command, SetAux):
            return await self._set(command)
        if isinstance(command, Measure):
            return await self._measure(command)
        if not isinstance(command, Apply):
            raise RuntimeError(f"nobody here can {command!r}")
        try:
            self._connected = command.terminal
            channel = self._channels[command.terminal]
            changed = await channel.apply(command.setpoint, command.guard)
        except InstrumentError as error:
            return self._fault(error)
        self._watch_sleep()
        return Applied(changed.time_s, changed.time_error_s)

    async def _set(self, command: SetAux) -> Heard:
        """Have it set; the operator need not wait for an instrument that does not answer."""
        loop = asyncio.get_running_loop()
        poller = self._auxiliaries[command.name]
        setting = asyncio.ensure_future(poller.set_temperature(command.name, command.value))
        setting.add_done_callback(lambda _: self._wake_up())
        try:
            while not setting.done() and self._end is None:
                await self._sleep_until(None)
        finally:
            setting.cancel()
        if self._end is not None:
            return self._asked_to_end(*self._end)
        try:
            value = setting.result()
        except InstrumentError as error:
            return self._fault(error)
        return self._asleep() or AuxSet(loop.time(), command.name, value)

    async def _measure(self, command: Measure) -> Heard:
        self._connected = command.terminal
        channel = self._channels[command.terminal]
        if not isinstance(channel, MeasuresImpedance):
            raise RuntimeError(f"the driver at {command.terminal} measures no impedance")
        self._spectrum = channel.impedance(command.excitation, command.guard)
        return await self._next_point(self._spectrum)

    async def _next_point(self, spectrum: AsyncGenerator[ImpedancePoint, None]) -> Heard:
        """The next point of the spectrum, its end, or whatever comes before that."""
        if self._point is None:
            self._point = asyncio.ensure_future(anext(spectrum, None))
            self._point.add_done_callback(lambda _: self._wake_up())
        while not (self._point.done() or self._end or self._said or self._beside):
            await self._sleep_until(None)
        if self._end is not None:
            return self._asked_to_end(*self._end)
        if not self._point.done():
            return self._operator_said() if self._said else self._beside.popleft()
        point, self._point = self._point, None
        try:
            found = point.result()
        except InstrumentError as error:
            self._spectrum = None
            return self._fault(error)
        if found is None:
            self._spectrum = None
            return Measured(asyncio.get_running_loop().time())
        return found

    def _drop_spectrum(self) -> "asyncio.Task[None] | None":
        """Break off what is being measured: its driver stops it, and `safe` follows at once."""
        spectrum, self._spectrum = self._spectrum, None
        point, self._point = self._point, None
        if spectrum is None:
            return None
        if point is not None:
            point.cancel()
        return asyncio.create_task(_broken_off(spectrum, point), name="spectrum broken off")

    async def _next_word(self, until_s: float | None) -> Heard:
        """Wait for the operator with nothing connected.

        In virtual time the clock stands still meanwhile: an answer takes host time.
        """
        loop = asyncio.get_running_loop()
        while self._end is None and not self._said and not self._beside:
            if until_s is not None and self._speed is not None:
                if loop.time() >= until_s:
                    return Waited(loop.time())
                await self._sleep_until(until_s)
            else:
                with self._clock_stands():
                    await self._sleep_until(None)
        # a host that slept while nothing was connected has missed nothing
        self._slept.host_gap_s(loop.time())
        if self._end is not None:
            return self._asked_to_end(*self._end)
        return self._operator_said() if self._said else self._beside.popleft()

    @contextlib.contextmanager
    def _clock_stands(self) -> Iterator[None]:
        """In virtual time, what is read beside the cell would be all that moves the clock on."""
        with contextlib.ExitStack() as stack:
            if self._speed is None:
                for poller in set(self._auxiliaries.values()):
                    stack.enter_context(poller.held())
            yield

    def _operator_said(self) -> Operator | Revision:
        return replace(self._said.popleft(), time_s=asyncio.get_running_loop().time())

    async def _next_reading(self, due_s: float) -> Heard:
        period_s = due_s - asyncio.get_running_loop().time()
        if self._blind is None and not self._said and not self._beside:
            await self._sleep_until(due_s)
        # a gap is one also if somebody spoke at its end
        self._watch_sleep(period_s)
        if self._blind is None and self._end is None:
            if self._said:
                return self._operator_said()
            if self._beside:
                return self._beside.popleft()
        heard = await self._read()
        self._watch_sleep(period_s)
        if isinstance(heard, Reading):
            self._has_looked = True
        elif self._blind is not None and heard.outcome == "fault":
            # of what was found after the gap, the gap is the beginning
            return replace(self._blind, reason=f"{self._blind.reason}; {heard.reason}")
        return heard

    def _watch_sleep(self, period_s: float = 0.0) -> None:
        """What a gap means: nobody knows what went on in it, so the run ends; but first comes a
        reading, by which it is known what has passed.
        """
        late = self._asleep(period_s)
        if late is not None and self._blind is None:
            self._blind, self._has_looked = late, False

    def _asleep(self, period_s: float = 0.0) -> Stopping | None:
        now_s = asyncio.get_running_loop().time()
        gap_s = self._slept.host_gap_s(now_s, period_s)
        if gap_s is None:
            return None
        text = f"HostSlept: nobody looked at the cell for {gap_s:.1f} s"
        return Stopping(now_s, "fault", text, {"error": "HostSlept", "gap_s": gap_s})

    async def _read(self) -> Reading | Stopping:
        while self._end is None:
            try:
                reading = await self._channels[self._connected].read()
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
        return stopping(outcome, reason, self._error)

    def _fault(self, error: InstrumentError) -> Stopping:
        self._error = error
        return stopping(*outcome_of(error), error)

    async def _sleep_until(self, time_s: float | None) -> None:
        """Until then, or somebody wants something; None: until somebody does."""
        loop = asyncio.get_running_loop()
        if self._end is not None or (time_s is not None and time_s <= loop.time()):
            return
        self._waiter = loop.create_future()
        timer = None if time_s is None else loop.call_at(time_s, self._wake, self._waiter)
        try:
            await self._waiter
        finally:
            if timer is not None:
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
        off = await self._make_safe(None)
        try:
            heard = replace(stopping(outcome, reason, error), time_s=off.time_s)
            told = merged(self._engine.hear(heard), self._engine.hear(off))
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


async def _broken_off(
    spectrum: AsyncGenerator[ImpedancePoint, None],
    point: "asyncio.Future[ImpedancePoint | None] | None",
) -> None:
    if point is not None:
        await asyncio.wait([point])
        if not point.cancelled():
            # it is over, whatever it came to
            point.exception()
    with contextlib.suppress(Exception):
        await spectrum.aclose()
