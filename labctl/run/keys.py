"""Enter, pressed in the terminal in which a run is shown.

The terminal's mode is never changed, so that nothing has to be put back however the program ends.
A program in the background that reads its terminal is stopped by the system, with the output on:
here it is not read from there, and the thread that reads cannot be stopped so.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TextIO

LOOK_S = 0.2


@contextlib.contextmanager
def enter_heard(
    wanted: threading.Event, pressed: Callable[[], None], stream: TextIO | None = None
) -> Iterator[None]:
    """While inside, and while `wanted` is set, each Enter calls `pressed`, in another thread.

    What was typed before it was wanted is thrown away. Does nothing where standard input is no
    terminal. Never waits for a key when it ends.
    """
    source = sys.stdin if stream is None else stream
    # there is none at all under pythonw and in services
    if source is None or source.closed or not source.isatty():
        yield
        return
    over = threading.Event()
    arguments = (source.fileno(), wanted, over, pressed)
    thread = threading.Thread(target=_listen, args=arguments, name="keys", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        wanted.set()
        thread.join(2 * LOOK_S)


if sys.platform == "win32":

    def _listen(
        _handle: int, wanted: threading.Event, over: threading.Event, pressed: Callable[[], None]
    ) -> None:
        import msvcrt

        while True:
            wanted.wait()
            while msvcrt.kbhit():
                msvcrt.getwch()
            while wanted.is_set() and not over.wait(LOOK_S):
                if msvcrt.kbhit() and msvcrt.getwch() == "\r" and wanted.is_set():
                    pressed()
            if over.is_set():
                return

else:

    def _listen(
        handle: int, wanted: threading.Event, over: threading.Event, pressed: Callable[[], None]
    ) -> None:
        # of this thread alone: reading from the background is then an error and stops nobody
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN, signal.SIGTTOU})
        while True:
            wanted.wait()
            if over.is_set():
                return
            _throw_away(handle)
            while wanted.is_set() and not over.is_set():
                if _line_came(handle) and wanted.is_set():
                    pressed()

    def _throw_away(handle: int) -> None:
        import termios

        with contextlib.suppress(termios.error, OSError):
            if os.tcgetpgrp(handle) == os.getpgrp():
                termios.tcflush(handle, termios.TCIFLUSH)

    def _line_came(handle: int) -> bool:
        """Wait a little for a line; whether one came."""
        import select
        import time

        try:
            ready = select.select([handle], [], [], LOOK_S)[0]
            if not ready:
                return False
            if os.tcgetpgrp(handle) == os.getpgrp() and b"\n" in os.read(handle, 1024):
                return True
        except OSError:
            # the terminal has gone: nobody can press anything there
            pass
        time.sleep(LOOK_S)
        return False
