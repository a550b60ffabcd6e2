"""Live progress of many runs: a line for each channel, redrawn on a terminal."""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from labctl.cli.progress import WIDTH, News, PlainProgress, as_line
from labctl.run.request import OnProgress, Snapshot

if TYPE_CHECKING:
    from rich.live import Live


@contextmanager
def shown_batch(
    channels: Sequence[str], *, json: bool, stream: TextIO | None = None
) -> Iterator[list[OnProgress]]:
    """Where the snapshots of each channel's run go while the block is open.

    On a terminal a table with a line for each channel; elsewhere each channel's news as lines
    that begin with its name. With `json`, standard output is left to the JSON document.
    """
    out = stream if stream is not None else sys.stderr if json else sys.stdout
    if out.isatty():
        from rich.console import Console
        from rich.live import Live

        with Live(console=Console(file=out), auto_refresh=False, transient=False) as live:
            table = _Table(live, channels)
            yield [table.row(place) for place in range(len(channels))]
    elif json:
        yield [lambda _snapshot: None for _ in channels]
    else:
        width = max(len(channel) for channel in channels)
        yield [PlainProgress(out, begin=f"{channel:<{width}}  ") for channel in channels]


class _Table:
    """The newest line of each channel; the runs' threads take turns."""

    def __init__(self, live: "Live", channels: Sequence[str]) -> None:
        self._live = live
        self._width = max(len(channel) for channel in channels)
        self._channels = channels
        self._lines = ["waits" for _ in channels]
        self._turn = threading.Lock()

    def row(self, place: int) -> OnProgress:
        """Where one run's snapshots go."""
        news = News()

        def show(snapshot: Snapshot) -> None:
            with self._turn:
                self._show(place, news, snapshot)

        return show

    def _show(self, place: int, news: News, snapshot: Snapshot) -> None:
        from rich.text import Text

        console = self._live.console
        name = f"{self._channels[place]:<{self._width}}  "
        for line in news.lines(snapshot):
            console.print(Text(name + line), soft_wrap=True)
        self._lines[place] = as_line(snapshot, min(WIDTH, console.width - len(name)))
        shown = (
            f"{channel:<{self._width}}  {line}"
            for channel, line in zip(self._channels, self._lines, strict=True)
        )
        self._live.update(Text("\n".join(shown), no_wrap=True, overflow="ellipsis"), refresh=True)
