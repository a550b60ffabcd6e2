"""The signals that end programs, on whichever system this is."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
Handler = Callable[[int, FrameType | None], object]


@contextlib.contextmanager
def signals_to(handler: Handler) -> Iterator[None]:
    """While inside, those of the signals that exist here go to this handler.

    What was ignored when the program was started (`nohup`, a job in the background) stays ignored.
    Outside the main thread, where no signal arrives, nothing is done.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
        before = {number: signal.getsignal(number) for number in numbers}
        before = {n: old for n, old in before.items() if old not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            if signal.getsignal(number) == handler:
                signal.signal(number, old)


def ignore_signals() -> None:
    """From now on none of them ends this program: it has ended, and its exit code stands."""
    for name in NAMES:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
