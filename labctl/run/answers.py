"""Who answers a protocol's `ask`, beside `labctl continue`: Enter in the terminal, or `--yes`."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator

from labctl.run.keys import enter_heard
from labctl_protocols.decisions import Answer

GoOn = Callable[[str], None]
"""Tells the run to go on, and who says so; called on the run's loop."""
ANSWERED = frozenset({"operator", "run_ended"})


class Answers:
    """Answers questions of one run; `hear` belongs to the run's loop.

    `go_on` is only called while a question is open: it ends no pause.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, go_on: GoOn, *, yes: bool) -> None:
        self._loop = loop
        self._go_on = go_on
        self._yes = yes
        self._open = threading.Event()

    def hear(self, answer: Answer) -> None:
        """Take what the engine told. Never raises."""
        for event in answer.events:
            if event.kind == "ask":
                self._open.set()
                if self._yes:
                    # not from in here: the run is still telling what it asks
                    self._loop.call_soon(self._say, "--yes")
            elif event.kind in ANSWERED:
                self._open.clear()

    @contextlib.contextmanager
    def keys(self) -> Iterator[None]:
        """While inside, Enter in the terminal answers an open question."""
        with enter_heard(self._open, self._pressed):
            yield

    def _pressed(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._say, "a key in the terminal of the run")

    def _say(self, by: str) -> None:
        if self._open.is_set():
            self._open.clear()
            self._go_on(by)
