"""The run's side of its control socket, in a thread of its own and on host time.

Whoever connects, and whatever comes, can neither block nor fail the run (S7): clients are few, each
has little time and little room, and who does not begin with the key is not listened to.
"""

import asyncio
import contextlib
import hmac
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from labctl.control import key
from labctl.control.request import (
    MOST_AMEND_BYTES,
    BadRequest,
    Reply,
    Request,
    read_request,
    reply_line,
)

HOST = "127.0.0.1"
MOST_CLIENTS = 16
KEY_S = 2.0
"""Host seconds in which a client must have shown the key."""
REQUEST_S = 5.0
REPLY_S = 2.0
START_S = 5.0
FINISH_S = 1.0
"""How long clients are still served when the run has ended: they may wait for just that."""
CHUNK = 64 * 1024

Obey = Callable[[Request], Awaitable[Reply]]
"""Does what is asked, in the server's thread; has its own time limits."""


class Server:
    """Listens for a run's owner from the moment it is made until it is closed.

    Raises OSError if it cannot listen or cannot leave its key.
    """

    def __init__(self, folder: Path, obey: Obey) -> None:
        self._folder = folder
        self._obey = obey
        self._token = b""
        self._clients: set[asyncio.Task[None]] = set()
        self._strangers: dict[asyncio.Task[None], None] = {}
        self._listening: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._thread.start()
        try:
            self._listening.result(START_S)
        except TimeoutError:
            raise OSError("the control socket did not open in time") from None

    def close(self) -> None:
        """Take the key away, let clients have their answers, and end. Never waits for long."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(FINISH_S + REPLY_S)

    def _run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                runner.run(self._serve())
        except Exception as error:
            # nobody could be told but the one who waits for the beginning
            if not self._listening.done():
                self._listening.set_exception(error)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, HOST, 0, limit=CHUNK)
        try:
            made = key.make(self._folder, server.sockets[0].getsockname()[1])
            self._token = made.token.encode()
            self._listening.set_result(None)
            await self._closing.wait()
        finally:
            key.remove(self._folder)
            server.close()
        if self._clients:
            await asyncio.wait(self._clients, timeout=FINISH_S)
        for client in self._clients:
            client.cancel()
        # transports close one turn later
        await asyncio.sleep(0.01)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= MOST_CLIENTS and self._strangers:
            # whoever holds a place without the key makes room for somebody who may have it
            next(iter(self._strangers)).cancel()
        elif len(self._clients) >= MOST_CLIENTS:
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._client(reader, writer))
        self._clients.add(task)
        self._strangers[task] = None
        task.add_done_callback(partial(self._left, writer))

    def _left(self, writer: asyncio.StreamWriter, task: "asyncio.Task[None]") -> None:
        self._clients.discard(task)
        self._strangers.pop(task, None)
        # here, because a task that is cancelled before it has begun cleans up nothing
        writer.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reply = await self._conversation(reader)
            if reply is not None:
                writer.write(reply_line(reply))
                async with asyncio.timeout(REPLY_S):
                    await writer.drain()
        except (OSError, TimeoutError, EOFError):
            # the client has gone, or is too slow: its request was taken or was none
            return

    async def _conversation(self, reader: asyncio.StreamReader) -> Reply | None:
        async with asyncio.timeout(KEY_S):
            shown = await reader.readexactly(key.TOKEN_CHARACTERS + 1)
        if not hmac.compare_digest(shown, self._token + b"\n"):
            return None
        me = asyncio.current_task()
        if me is not None:
            self._strangers.pop(me, None)
        try:
            async with asyncio.timeout(REQUEST_S):
                request = read_request(await _line(reader))
        except BadRequest as error:
            return Reply(False, f"not a request: {error}")
        try:
            return await self._obey(request)
        except Exception as error:
            return Reply(False, f"bug in labctl, {type(error).__name__}: {error}")


async def _line(reader: asyncio.StreamReader) -> bytes:
    """One line, however the bytes come. Raises BadRequest if it grows too long."""
    line = b""
    while not line.endswith(b"\n"):
        chunk = await reader.read(CHUNK)
        if not chunk:
            raise EOFError
        line += chunk
        if len(line) > MOST_AMEND_BYTES:
            raise BadRequest(f"more than {MOST_AMEND_BYTES} bytes")
        if b"\n" in line[:-1]:
            raise BadRequest("more than one line")
    return line
