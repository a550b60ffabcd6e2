"""A simulated instrument served from a thread with an event loop of its own."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from labctl_simulators.ports import Firmware
from labctl_simulators.servers.pty_port import serve_pty
from labctl_simulators.servers.tcp import serve_tcp

SPEED = 20.0


@contextlib.contextmanager
def served(make: Callable[[], Firmware], way: str, speed: float = SPEED) -> Iterator[str]:
    """Serve over `tcp` or `pty`; gives the resource."""
    address: Future[str] = Future()
    stop: Future[Callable[[], None]] = Future()

    async def serve() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        stop.set_result(lambda: loop.call_soon_threadsafe(done.set))
        firmware = make()
        server = (
            serve_tcp(firmware, speed=speed) if way == "tcp" else serve_pty(firmware, speed=speed)
        )
        async with server as resource:
            address.set_result(resource)
            await done.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield address.result(10)
    finally:
        stop.result(10)()
        thread.join(10)
