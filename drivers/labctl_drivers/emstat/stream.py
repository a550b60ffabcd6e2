"""The readings of a running script, listened to by a task of its own.

It listens whether or not anybody reads: an instrument whose host does not take what it says is
held up by flow control, and checks no cut-off meanwhile.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

from labctl_drivers.emstat.scripts import OFF, Program
from labctl_drivers.errors import (
    BadReply,
    InstrumentError,
    InvalidReading,
    LinkTimeout,
    OutputLost,
)
from labctl_drivers.methodscript.output import (
    OVERLOAD,
    Refusal,
    Variable,
    broken_off,
    package,
    technique,
)
from labctl_drivers.methodscript.session import Session
from labctl_drivers.vocabulary import Reading, Regulation

LATE_S = 1.0
"""A reading that is older than an interval and that says nothing of now."""
EARLY_S = 0.05
DRIFT = 2e-4
"""By how much the instrument's clock may go wrong, and more than any does."""
BEYOND = 1.1
"""No value goes so far beyond what the script allows; a digit changed on the wire, perhaps."""
BEYOND_RANGE = 2.5
ZERO = 0.01
LISTEN_S = 60.0
_REGULATING: Mapping[str, Regulation] = {
    "current": "current",
    "rest": "current",
    "voltage": "voltage",
    "sweep": "voltage",
}
_MEASURED = {"ab": "voltage", "da": "voltage", "ba": "current"}
_QUIET = (b"*", b"L", b"+", b"C", b"-", b"T", b"Y")
"""Markers that say nothing about the cell."""


class Clock:
    """Turns the script's time into the event loop's.

    The script began somewhere between `sent_s` and `heard_s`, when it was heard to. No package
    comes before it was measured, so each that comes sooner than any before narrows that; how far
    the two clocks may have drifted apart since is allowed for.
    """

    def __init__(self, sent_s: float, heard_s: float) -> None:
        self._latest_s = heard_s
        self._window_s = heard_s - sent_s
        self._last_s = 0.0

    @property
    def error_s(self) -> float:
        """By how much a time may be another."""
        return self._window_s / 2

    def when(self, script_s: float, arrived_s: float) -> float:
        """The loop's time of a package's, however late it comes. Raises InvalidReading for one
        that is no later than the one before, or that comes before it can have been measured.
        """
        if not script_s > self._last_s:
            raise InvalidReading(f"no later than the package before: {script_s:g} s")
        drift_s = DRIFT * (script_s - self._last_s)
        delay_s = arrived_s - (self._latest_s + script_s)
        if delay_s < -(self._window_s + EARLY_S + drift_s):
            raise InvalidReading(f"measured {-delay_s:.3f} s after it came")
        self._last_s = script_s
        self._latest_s += min(drift_s, delay_s)
        # what the drift ever allowed may be all that this one takes back
        self._window_s = max(0.0, self._window_s + min(0.0, delay_s + DRIFT * script_s))
        return self._latest_s - self.error_s + script_s


class Stream:
    """A running script's readings: the newest, and the last of each technique, never lost.

    A host that was held up hears packages late, in their order. Of those only the last of a
    technique is a reading: nothing follows it, and what has passed until then is known by it.
    """

    def __init__(
        self,
        session: Session,
        program: Program,
        loop: str,
        clock: Clock,
        ranges: Mapping[int, float],
        range_V: float,
        late_s: float = LATE_S,
    ) -> None:
        self._session = session
        self._program = program
        self._clock = clock
        self._ranges = ranges
        self._range_V = range_V
        self._late_s = late_s
        self._loop = loop
        self._due: deque[Reading] = deque()
        self._newest: Reading | None = None
        self._given: Reading | None = None
        self._bad: InvalidReading | None = None
        self._over: Exception | None = None
        self._ended = False
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._listen(), name="script listener")

    @property
    def is_over(self) -> bool:
        """Whether the script has ended, or nobody knows any more what it does."""
        return self._ended or self._over is not None

    async def close(self) -> None:
        """Stop listening. The script goes on."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def read(self, deadline_s: float) -> Reading:
        """The newest reading that was not given yet; waits for one until then.

        Raises InvalidReading once for what was none, LinkTimeout, OutputLost once the script is
        over, and the link's errors.
        """
        while True:
            if self._bad is not None:
                bad, self._bad = self._bad, None
                raise bad
            reading = self._next(asyncio.get_running_loop().time())
            if reading is not None:
                self._given = reading
                return reading
            if self._over is not None:
                raise self._over
            self._changed.clear()
            try:
                async with asyncio.timeout_at(deadline_s):
                    await self._changed.wait()
            except TimeoutError:
                raise LinkTimeout("no package came in time") from None

    def _next(self, now_s: float) -> Reading | None:
        if self._due:
            return self._due.popleft()
        reading = self._newest
        if reading is not None:
            age_s = now_s - reading.time_s - reading.time_error_s
            if age_s > self._late_s + self._program.interval_s:
                return None
            self._newest = None
        return reading

    async def _listen(self) -> None:
        try:
            while not self.is_over:
                with contextlib.suppress(LinkTimeout):
                    answer = await self._session.line(LISTEN_S)
                    await self._take(answer.data, answer.received_s)
        except InstrumentError as error:
            self._over = error
        finally:
            self._keep_last()
            self._changed.set()

    async def _take(self, line: bytes, arrived_s: float) -> None:
        refused = broken_off(line)
        if refused is not None:
            await self._broke_off(refused)
        elif not line:
            self._end()
        elif not line.startswith(_QUIET):
            try:
                self._hear(line, arrived_s)
            except (InvalidReading, BadReply) as error:
                self._bad = InvalidReading(str(error))
        self._changed.set()

    def _hear(self, line: bytes, arrived_s: float) -> None:
        if line[:1] == b"M":
            loop = technique(line)
            if loop != self._loop:
                self._keep_last()
            self._loop = loop
        else:
            self._newest = self._reading(package(line), arrived_s)

    def _keep_last(self) -> None:
        if self._newest is not None:
            self._due.append(self._newest)
            self._newest = None

    def _end(self) -> None:
        """The instrument has switched off by itself: the last reading says so, if it has not."""
        self._ended = self._session.is_idle = True
        self._keep_last()
        self._over = OutputLost("the script has ended: nothing drives the cell any more")
        if self._due:
            self._due.append(replace(self._due.pop(), ended=True))
        elif self._given is not None and not self._given.ended:
            self._due.append(replace(self._given, ended=True))

    async def _broke_off(self, refused: Refusal) -> None:
        """An error ends a script without its `on_finished:`, so that the cell is still on."""
        text = f"the script broke off: {refused.code:04X} {refused.text}"
        await self._session.run(OFF)
        self._over = OutputLost(f"{text}; the cell was switched off")

    def _reading(self, found: tuple[Variable, ...], arrived_s: float) -> Reading:
        status = checked(found, self._program, may_clip=self._loop == "current")
        time, voltage, *others = found
        if abs(voltage.value) > BEYOND * self._range_V:
            raise InvalidReading(f"{voltage.value:g} V is more than there can be")
        current = others[0] if others else Variable("ba", 0.0)
        is_last = self._loop == self._program.last and others[1].value != 0.0
        range_A = self._range_of(current)
        return Reading(
            time_s=self._clock.when(time.value, arrived_s),
            voltage_V=voltage.value,
            current_A=current.value,
            regulating=_REGULATING.get(self._loop, "unknown"),
            time_error_s=self._clock.error_s,
            current_range_A=range_A,
            voltage_range_V=self._range_V,
            status=status,
            ended=is_last,
        )

    def _range_of(self, current: Variable) -> float:
        """The range that a current was measured on. Raises InvalidReading if it cannot be there."""
        range_A = self._program.range_A
        if current.range_index is not None:
            if current.range_index not in self._ranges:
                raise InvalidReading(f"no measuring range {current.range_index}")
            range_A = self._ranges[current.range_index]
        most_A = BEYOND * self._program.most_A + ZERO * range_A
        if abs(current.value) > min(most_A, BEYOND_RANGE * range_A):
            raise InvalidReading(f"{current.value:g} A is more than there can be")
        return range_A


def checked(found: tuple[Variable, ...], program: Program, may_clip: bool = False) -> int:
    """The status bits of a package of the types that were asked for, in their order.

    Raises InvalidReading; also for an overload, whose values are where the converter ended. With
    `may_clip` not for one of the voltage: a cell that has run past its cut-off shows it so.
    """
    types = [variable.type for variable in found]
    if len(found) != len(program.packed) or not all(
        map(frozenset.__contains__, program.packed, types)
    ):
        raise InvalidReading(f"not the values that were asked for: {' '.join(types)}")
    status = 0
    for place, variable in enumerate(found):
        if variable.status & OVERLOAD and not (may_clip and place == 1):
            what = _MEASURED.get(variable.type, "impedance")
            raise InvalidReading(f"overload: the {what} is beyond what the instrument measures")
        status |= variable.status
    return status
