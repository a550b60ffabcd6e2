"""Live progress for people: a block that redraws itself on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from labctl.run.request import OnProgress, Snapshot
from labctl.show.words import ce_text, duration_text

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table


@contextmanager
def shown_progress(*, json: bool, stream: TextIO | None = None) -> Iterator[OnProgress]:
    """Where a run's snapshots go while the block is open.

    With `json`, standard output is left to the JSON document: progress goes to standard error,
    and only if that is a terminal. Otherwise it goes to standard output, redrawn in place on a
    terminal, as plain lines (one for each step and cycle) elsewhere.
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


class LiveProgress:
    """Redraws one block with the present state."""

    def __init__(self, live: "Live") -> None:
        self._live = live

    def __call__(self, snapshot: Snapshot) -> None:
        """Show this snapshot in place of the last."""
        self._live.update(as_table(snapshot), refresh=True)


class PlainProgress:
    """Writes a line when the step or the cycle changes, at a question, and at the end."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last: tuple[str, int, str] | None = None
        self._told_run = False

    def __call__(self, snapshot: Snapshot) -> None:
        """Write what is new in this snapshot, if anything is."""
        if not self._told_run:
            self._told_run = True
            self._write(f"run {snapshot.run}")
            self._write(f"folder {snapshot.folder}")
        now = (snapshot.step, snapshot.cycle, snapshot.asks)
        is_new = now != self._last and (snapshot.step or snapshot.asks) != ""
        if is_new or snapshot.outcome is not None:
            self._last = now
            self._write(as_line(snapshot))

    def _write(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()


def as_line(snapshot: Snapshot) -> str:
    """The snapshot in one line."""
    parts = [duration_text(snapshot.elapsed_s), f"cycle {snapshot.cycle}", snapshot.step]
    if snapshot.voltage_V is not None:
        parts.append(f"{snapshot.voltage_V:.4f} V")
    if snapshot.current_A is not None:
        parts.append(f"{snapshot.current_A * 1e3:+.4f} mA")
    if snapshot.ce is not None:
        parts.append(f"CE {ce_text(snapshot.ce, snapshot.u_ce)}")
    if snapshot.left_s is not None:
        parts.append(f"{duration_text(snapshot.left_s)} left")
    if snapshot.note:
        parts.append(snapshot.note)
    if snapshot.asks:
        parts.append(snapshot.asks)
    if snapshot.outcome is not None:
        parts.append(snapshot.outcome)
    return "  ".join(parts)


def as_table(snapshot: Snapshot) -> "Table":
    """The snapshot as a block for a terminal."""
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", min_width=9)
    table.add_column()
    for name, value in _table_rows(snapshot):
        table.add_row(name, value)
    return table


def _table_rows(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    from rich.markup import escape

    yield "run", escape(snapshot.run)
    yield "folder", escape(str(snapshot.folder))
    yield "step", escape(snapshot.step)
    if snapshot.voltage_V is not None:
        yield "voltage", f"{snapshot.voltage_V:.4f} V"
    if snapshot.current_A is not None:
        yield "current", f"{snapshot.current_A * 1e3:+.4f} mA"
    yield "cycle", str(snapshot.cycle)
    if snapshot.ce is not None:
        yield "CE", ce_text(snapshot.ce, snapshot.u_ce)
    yield "elapsed", duration_text(snapshot.elapsed_s)
    if snapshot.left_s is not None:
        yield "left", f"about {duration_text(snapshot.left_s)}"
    if snapshot.note:
        yield "note", escape(snapshot.note)
    if snapshot.asks:
        yield "asks", escape(snapshot.asks)
    if snapshot.outcome is not None:
        yield "outcome", snapshot.outcome
