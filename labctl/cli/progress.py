"""Live progress for people: one line that redraws itself on a terminal, sparse lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TextIO

from labctl.run.request import OnProgress, Snapshot
from labctl.show.words import ce_text, clock_text

if TYPE_CHECKING:
    from rich.live import Live

WIDTH = 100
KEPT_WIDTH = 200
"""Lines that are kept lack nothing: a log has no edge."""
LONGEST_STEP = 16
SIGN_OF_LIFE_S = 600.0
"""Where lines are kept, one comes at least so often (host time)."""


@contextmanager
def shown_progress(*, json: bool, stream: TextIO | None = None) -> Iterator[OnProgress]:
    """Where a run's snapshots go while the block is open.

    With `json`, standard output is left to the JSON document: progress goes to standard error,
    and only if that is a terminal. Otherwise it goes to standard output: a line that is redrawn on
    a terminal, elsewhere a line for each step and cycle, for whatever is told, and now and then.
    """
    out = stream if stream is not None else sys.stderr if json else sys.stdout
    if out.isatty():
        from rich.console import Console
        from rich.live import Live

        with Live(console=Console(file=out), auto_refresh=False, transient=False) as live:
            yield LiveProgress(live)
    elif json:
        yield lambda _snapshot: None
    else:
        yield PlainProgress(out)


class News:
    """What a snapshot tells for the first time: the run at its beginning, then every remark."""

    def __init__(self) -> None:
        self._told_run = False
        self._told_count = 0

    def lines(self, snapshot: Snapshot) -> Iterator[str]:
        """The lines that have not been given before."""
        if not self._told_run:
            self._told_run = True
            yield f"run {snapshot.run}"
            yield f"folder {snapshot.folder}"
        new = snapshot.told_count - self._told_count
        self._told_count = snapshot.told_count
        if new > len(snapshot.told):
            yield f"… {new - len(snapshot.told)} more, see the run's journal"
        if new > 0:
            yield from snapshot.told[-new:]


class LiveProgress:
    """Redraws one line with the present state; what is told stays above it."""

    def __init__(self, live: "Live") -> None:
        self._live = live
        self._news = News()

    def __call__(self, snapshot: Snapshot) -> None:
        """Show this snapshot in place of the last."""
        from rich.text import Text

        console = self._live.console
        for line in self._news.lines(snapshot):
            console.print(Text(line), soft_wrap=True)
        shown = as_line(snapshot, min(WIDTH, console.width))
        self._live.update(Text(shown, no_wrap=True, overflow="ellipsis"), refresh=True)


class PlainProgress:
    """Writes a line when step, cycle or what is waited for changes, now and then, at the end.

    Every line begins with `begin`.
    """

    def __init__(
        self, out: TextIO, clock: Callable[[], float] = time.monotonic, begin: str = ""
    ) -> None:
        self._out = out
        self._begin = begin
        self._clock = clock
        self._news = News()
        self._last: tuple[str, int, str] | None = None
        self._last_s = clock()

    def __call__(self, snapshot: Snapshot) -> None:
        """Write what is new in this snapshot, if anything is."""
        for line in self._news.lines(snapshot):
            self._write(line)
        now = (snapshot.step, snapshot.cycle, snapshot.waiting)
        is_new = now != self._last and (snapshot.step != "" or snapshot.waiting != "")
        is_late = self._clock() - self._last_s >= SIGN_OF_LIFE_S
        if is_new or is_late or snapshot.outcome is not None:
            self._last = now
            self._write(as_line(snapshot, KEPT_WIDTH))

    def _write(self, line: str) -> None:
        self._last_s = self._clock()
        self._out.write(f"{self._begin}{line}\n")
        self._out.flush()


class _Part(NamedTuple):
    """A figure of the line; where there is no room, the least `worth` goes first."""

    text: str
    worth: int


def as_line(snapshot: Snapshot, width: int = WIDTH) -> str:
    """The snapshot in one line that fits."""
    parts = list(_parts(snapshot))
    while True:
        texts = [part.text for part in parts]
        line = "  ".join(texts)
        if len(line) > width:
            line = " ".join(texts)
        if len(line) <= width:
            return line
        if len(parts) == 1:
            return line[: width - 1] + "…"
        parts.remove(min(parts, key=lambda part: part.worth))


def _parts(snapshot: Snapshot) -> Iterator[_Part]:
    yield _Part(clock_text(snapshot.elapsed_s), 1)
    yield _Part(f"cycle {snapshot.cycle}", 6)
    if snapshot.step:
        yield _Part(_short_step(snapshot.step), 5)
    if snapshot.charge_Ah is not None:
        yield _Part(_charge(snapshot.charge_Ah * 1e3, snapshot.area_cm2), 8)
    if snapshot.voltage_V is not None:
        yield _Part(f"{snapshot.voltage_V:.4f} V", 10)
    yield from _currents(snapshot)
    if snapshot.ce is not None:
        yield _Part(f"CE {ce_text(snapshot.ce, snapshot.u_ce)}", 7)
    if snapshot.overpotential_V is not None:
        yield _Part(f"η {snapshot.overpotential_V * 1e3:.1f} mV", 7)
    if snapshot.inventory is not None:
        yield _Part(f"inv {snapshot.inventory * 100:.1f} %", 3)
    if snapshot.left_s is not None:
        yield _Part(f"{clock_text(snapshot.left_s)} left", 4)
    if snapshot.waiting:
        how = f" (labctl continue {snapshot.run})"
        yield _Part(snapshot.waiting, 12)
        yield _Part(how.strip(), 11)
    if snapshot.outcome is not None:
        yield _Part(snapshot.outcome, 13)


def _short_step(path: str) -> str:
    """The path's last parts, as many as there is room for."""
    while len(path) > LONGEST_STEP and "." in path:
        path = path.split(".", 1)[1]
    return path if len(path) <= LONGEST_STEP else path[: LONGEST_STEP - 1] + "…"


def _charge(charge_mAh: float, area_cm2: float | None) -> str:
    if area_cm2:
        return f"{charge_mAh / area_cm2:.4f} mAh/cm2"
    return f"{charge_mAh:.4f} mAh"


def _currents(snapshot: Snapshot) -> Iterator[_Part]:
    if snapshot.current_A is None:
        return
    current_mA = snapshot.current_A * 1e3
    yield _Part(f"{current_mA:+.3f} mA", 9)
    if snapshot.area_cm2:
        yield _Part(f"{current_mA / snapshot.area_cm2:+.3f} mA/cm2", 2)
