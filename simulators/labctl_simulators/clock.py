"""Event loops for simulated time: as fast as the CPU allows, or a fixed multiple of host time.

Ordinary asyncio code runs on them unchanged; `loop.time()` gives simulated seconds from 0 on.
What shaped them: libraries.md §9.
"""

import asyncio
import contextlib
import os
import selectors
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
Keys = list[tuple[selectors.SelectorKey, int]]

LOOK_EVERY = 64
LOOK_AFTER_S = 1e-3
HELD_POLL_S = 0.05
# Timers closer than this fire together. It must exceed the spacing of floats at the largest
# time that a simulation reaches (1.5e-8 s at three years), or a due timer would never fire.
RESOLUTION_S = 1e-7
# Select on Windows does not notice Ctrl-C, so it may not sleep for long there.
LONGEST_WAIT_S = 0.2 if os.name == "nt" else None


def _host_wait(timeout: float | None) -> float | None:
    if LONGEST_WAIT_S is None:
        return timeout
    return LONGEST_WAIT_S if timeout is None else min(timeout, LONGEST_WAIT_S)


class _VirtualSelector(selectors.DefaultSelector):
    """Instead of sleeping until the next timer, moves the clock there.

    While the loop's own wake-up pipe is the only descriptor, it is looked at only now and then:
    often enough for signals and threads, seldom enough to cost nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.holds = 0
        self._descriptors = 0
        self._skipped = 0
        self._looked_at = time.monotonic()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401
        """As usual; counts."""
        key = super().register(fileobj, events, data)
        self._descriptors += 1
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:  # noqa: ANN401
        """As usual; counts."""
        key = super().unregister(fileobj)
        self._descriptors -= 1
        return key

    def select(self, timeout: float | None = None) -> Keys:
        """Ready descriptors; without any, the time has come for the next timer."""
        if timeout is None:
            return self._look(_host_wait(None))
        if timeout > 0 and self.holds:
            return self._look(HELD_POLL_S)
        if self._descriptors <= 1 and self._skipped < LOOK_EVERY:
            self._skipped += 1
            if time.monotonic() - self._looked_at < LOOK_AFTER_S:
                self.now += timeout
                return []
        ready = self._look(0)
        if not ready:
            self.now += timeout
        return ready

    def _look(self, timeout: float | None) -> Keys:
        ready = super().select(timeout)
        self._skipped = 0
        self._looked_at = time.monotonic()
        return ready


class _Job:
    """One executor job, for knowing when simulated time may go on after it."""

    def __init__(self, loop: "VirtualLoop", work: Callable[[], T]) -> None:
        self._loop = loop
        self._work = work
        self._lock = threading.Lock()
        self._state = "waiting"
        self._abandoned = False

    def run(self) -> Any:  # noqa: ANN401  # whatever the job gives
        """In the executor's thread."""
        with self._lock:
            if self._abandoned:
                return None
            self._state = "running"
        try:
            return self._work()
        finally:
            with self._lock:
                self._state = "done"
                owed = self._abandoned
            if owed:
                with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
                    self._loop.call_soon_threadsafe(self._loop.release)

    def ended(self, future: "asyncio.Future[Any]") -> None:
        """In the loop's thread, when the future is done; a cancelled job may still be running."""
        if future.cancelled():
            with self._lock:
                self._abandoned = True
                if self._state == "running":
                    return
        self._loop.release()


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer when nothing is ready; deterministic while nothing outside acts.

    Time stands still while executor jobs run and inside `with loop.host_time():`, which whoever
    waits for another thread or process must use.
    """

    def __init__(self) -> None:
        self._virtual = _VirtualSelector()
        super().__init__(self._virtual)
        self._clock_resolution = RESOLUTION_S

    def time(self) -> float:
        """Simulated seconds since the loop was made."""
        return self._virtual.now

    @contextlib.contextmanager
    def host_time(self) -> Iterator[None]:
        """Hold simulated time while waiting for something that lives in host time."""
        self.hold()
        try:
            yield
        finally:
            self.release()

    def hold(self) -> None:
        """Stop simulated time until `release` has been called as often. Loop's thread only."""
        self._virtual.holds += 1

    def release(self) -> None:
        """Undo one `hold`. Loop's thread only."""
        self._virtual.holds -= 1

    def run_in_executor(  # type: ignore[override]  # base: TypeVarTuple
        self,
        executor: Executor | None,
        func: Callable[..., T],
        *args: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """As usual; simulated time stands still until the job has ended, cancelled or not."""
        if executor is not None and not isinstance(executor, ThreadPoolExecutor):
            future = super().run_in_executor(executor, func, *args)
            self.hold()
            future.add_done_callback(lambda _: self.release())
            return future
        job = _Job(self, lambda: func(*args))
        future = super().run_in_executor(executor, job.run)
        self.hold()
        future.add_done_callback(job.ended)
        return future

    async def shutdown_default_executor(self, *args: Any, **named: Any) -> None:  # noqa: ANN401
        """As usual; simulated time stands still meanwhile."""
        with self.host_time():
            await super().shutdown_default_executor(*args, **named)


class _ScaledSelector(selectors.DefaultSelector):
    """Sleeps for simulated seconds."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> Keys:
        """Ready descriptors, after at most that many simulated seconds."""
        return super().select(_host_wait(None if timeout is None else timeout / self._speed))


class ScaledLoop(asyncio.SelectorEventLoop):
    """Simulated time runs `speed` times as fast as the host's. Raises ValueError unless > 0."""

    def __new__(cls, speed: float) -> "ScaledLoop":
        """Refuse before there is a loop that would have to be closed."""
        if not 0 < speed < float("inf"):
            raise ValueError(f"speed must be a positive number, not {speed}")
        return super().__new__(cls)

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._began = time.monotonic()
        super().__init__(_ScaledSelector(speed))
        self._clock_resolution = max(
            RESOLUTION_S, speed * time.get_clock_info("monotonic").resolution
        )

    def time(self) -> float:
        """Simulated seconds since the loop was made."""
        return (time.monotonic() - self._began) * self.speed


def run_in(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a fresh loop, then cancel what is left and close the loop.

    Ctrl-C cancels the coroutine and is raised as KeyboardInterrupt, as with `asyncio.run`.
    """
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(coroutine)
