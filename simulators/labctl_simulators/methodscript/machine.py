"""A script that runs: its place, its clock, its open loops, and what it says.

Each operation takes `OPERATION_S` of the script's time (an assumed figure), so that an endless
loop is slow and hangs nothing. The script may be `AHEAD_S` ahead of the caller, so that a point and
what is done with it are one call. The clock stands still while the script is halted.
"""

from collections.abc import Callable, Generator
from typing import NamedTuple

from labctl_simulators.methodscript.front import Front

OPERATION_S = 10e-6
AHEAD_S = 2e-3
Operation = Callable[[], int | None]
Points = Generator[float | None, None, None]
"""A measurement: the times at which it goes on, and None whenever the loop's body is due."""


class Label:
    """A place in a program that is known once the program is complete."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = 0


class OpenLoop(NamedTuple):
    """A loop that runs: where it is left, what is said then, its measurement if it is one."""

    exit: Label
    mark: str
    points: Points | None


class Machine:
    """One script. `say` takes each line of output; `.time` is the script's own clock in s."""

    def __init__(self, front: Front, say: Callable[[str], None], start: float) -> None:
        self.front = front
        self.time = start
        self.shift = 0.0
        self.lines: list[int] = []
        self.program: list[Operation] = []
        self.loops: list[OpenLoop] = []
        self.on_finished = Label()
        self.place = 0
        self.package: list[str] | None = None
        self.timer = start
        self.interval = 0.0
        self.interval_from = start
        self.talks = True
        self.late = False
        self._say = say
        self._halted_at: float | None = None

    @property
    def due(self) -> float | None:
        """The instrument's time at which the script goes on; None when it does not by itself."""
        return None if self._halted_at is not None else self.time + self.shift

    def say(self, line: str) -> None:
        """A line of output, unless the script has switched its output off."""
        if self.talks:
            self._say(line)

    def run(self, until: float, held: Callable[[], bool]) -> bool:
        """Go on up to the instrument's time `until`, or until `held` says that output is stuck.

        Gives whether the script is over, its last wait too.
        Raises ScriptError; `.line` is then where the script is.
        """
        if self._halted_at is not None or self.time + self.shift > until:
            return False
        program, end = self.program, len(self.program)
        until += AHEAD_S - self.shift
        while self.place < end and self.time <= until and not held():
            self.time += OPERATION_S
            after = program[self.place]()
            self.place = self.place + 1 if after is None else after
        return self.place >= end and self.time <= until

    @property
    def line(self) -> int:
        """The line at which the script is, from 1."""
        return self.lines[min(self.place, len(self.lines) - 1)]

    def here(self) -> Front:
        """The analogue side, at the present time."""
        self.front.advance(self.time + self.shift)
        return self.front

    def resume_at(self, now: float) -> None:
        """The script was held up: it goes on at `now`, not before."""
        self.time = max(self.time, now - self.shift)

    def halt(self, now: float) -> None:
        """`h`: stand still; what is applied to the cell stays."""
        if self._halted_at is None:
            self._halted_at = now

    def unhalt(self, now: float) -> None:
        """`H`: go on."""
        if self._halted_at is not None:
            self.shift += now - self._halted_at
            self._halted_at = None

    def abort(self, now: float) -> None:
        """`Z`: leave everything for `on_finished:`; out of that, to the end."""
        self.unhalt(now)
        self.time = now - self.shift
        self.leave_all()
        finishing = self.place >= self.on_finished.at
        self.place = len(self.program) if finishing else self.on_finished.at

    def leave_all(self) -> None:
        """Close what is open, innermost first."""
        self.package = None
        while self.loops:
            self.leave()

    def leave(self) -> None:
        """Close the innermost loop."""
        loop = self.loops.pop()
        if loop.points is not None:
            loop.points.close()
        self.say(loop.mark)

    def end_measurement(self, now: float) -> None:
        """`Y`: end the present measurement loop; nothing happens when there is none."""
        if not any(loop.points is not None for loop in self.loops):
            return
        self.unhalt(now)
        self.time = now - self.shift
        self.package = None
        while self.loops[-1].points is None:
            self.leave()
        self.place = self.loops[-1].exit.at
