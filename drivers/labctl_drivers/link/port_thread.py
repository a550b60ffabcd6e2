"""A thread of its own for a session that blocks: never the default executor, which is shared."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from labctl_drivers.errors import LinkLost

T = TypeVar("T")
_Job = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class PortThread:
    """Runs one session's blocking calls, in order. Whatever they raise arrives as LinkLost.

    A call that was begun ends by itself, even if nobody waits for it any more.
    """

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def run(self, call: Callable[[], T]) -> T:
        """Do it there and give what it gives. Raises LinkLost."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((call, loop, future))
        return await future

    async def end(self) -> None:
        """Wait until all calls are done and the thread has ended. Idempotent."""
        self._jobs.put(None)
        await asyncio.shield(self._ended)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            call, loop, future = job
            try:
                result = call()
            except Exception as error:
                lost = LinkLost(f"{type(error).__name__}: {error}")
                lost.__cause__ = error
                self._tell(loop, _fail, future, lost)
            else:
                self._tell(loop, _succeed, future, result)
        self._tell(self._loop, _succeed, self._ended, None)

    @staticmethod
    def _tell(loop: asyncio.AbstractEventLoop, *call: Any) -> None:  # noqa: ANN401
        # the loop may be gone when a session outlives it; then nobody waits
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(*call)


def _succeed(future: "asyncio.Future[T]", result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
