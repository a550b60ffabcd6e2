"""Ctrl-C and SIGTERM ask for an orderly end; asking again skips nothing (S6)."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

from labctl.signals import signals_to

Stop = Callable[[str], None]


class Stops:
    """Passes the operator's signals to whoever can end the runs now."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._stops: list[Stop] = []
        self.asked: str | None = None

    def to(self, stop: Stop) -> None:
        """From now on this ends a run; a signal that came before is passed on at once."""
        self._stops.append(stop)
        if self.asked is not None:
            stop(self.asked)

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """While inside, the signals that end programs are requests to stop."""
        with signals_to(self._signalled):
            yield

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        if self.asked is None:
            # known from now on, even to whoever does not let the loop turn before asking
            self.asked = f"stopped by the operator ({signal.Signals(number).name})"
        self._loop.call_soon_threadsafe(self._pass_on)

    def _pass_on(self) -> None:
        for stop in self._stops:
            if self.asked is not None:
                stop(self.asked)
