"""A simulated instrument served from a thread with an event loop of its own."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from labctl_simulators.ports import Firmware
from labctl_simulators.servers.hislip import serve_hislip
from labctl_simulators.servers.pty_port import serve_pty
from labctl_simulators.servers.tcp import serve_tcp

SPEED = 20.0


@contextlib.contextmanager
def served(make: Callable[[], Firmware], way: str, speed: float = SPEED) -> Iterator[str]:
    """Serve over `tcp`, `pty` or `hislip`; gives the resource."""
    address: Future[str] = Future()
    stop: Future[Callable[[], None]] = Future()

    async def run() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        stop.set_result(lambda: loop.call_soon_threadsafe(done.set))
        firmware = make()
        serve = {"tcp": serve_tcp, "pty": serve_pty, "hislip": serve_hislip}[way]
        async with serve(firmware, speed=speed) as resource:
            address.set_result(resource)
            await done.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        yield address.result(10)
    finally:
        stop.result(10)()
        thread.join(10)
