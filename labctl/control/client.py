"""The other side: ask a running run for something, from another process of its owner."""

import socket
import time
from pathlib import Path

from labctl.control import key
from labctl.control.request import BadRequest, Reply, Request, read_reply, request_line
from labctl.journal import Reader
from labctl.journal.lock import is_taken

CONNECT_S = 3.0
MOST_BYTES = 1024 * 1024
CHUNK = 64 * 1024
CLOSING_S = 15.0
"""How long a run whose output is off may take to close its journal."""


class NotRunning(Exception):
    """The run takes no commands; the text says why."""


def ask(folder: Path, request: Request, timeout_s: float) -> Reply:
    """Send a request to the run in this folder and wait for its reply.

    Raises NotRunning if it has ended or died or lets nobody speak, TimeoutError if it does not
    answer within so many seconds, BadRequest for a request that is too large to be sent.
    """
    name, line = folder.name, request_line(request)
    # asked first: the key of a process that died may lead to somebody else by now
    if not is_taken(folder):
        raise NotRunning(why_not_running(folder))
    try:
        found = key.read(folder)
    except key.NoKey as error:
        raise NotRunning(f"the run {name} is running, but {error}") from None
    try:
        with socket.create_connection(("127.0.0.1", found.port), CONNECT_S) as connection:
            connection.sendall(found.token.encode() + b"\n" + line)
            return read_reply(_line(connection, time.monotonic() + timeout_s))
    except TimeoutError:
        raise TimeoutError(f"the run {name} did not answer within {timeout_s:g} s") from None
    except (OSError, BadRequest) as error:
        if not is_taken(folder):
            raise NotRunning(why_not_running(folder)) from None
        raise NotRunning(f"the run {name} is running, but could not be asked: {error}") from None


def why_not_running(folder: Path) -> str:
    """What became of a run that takes no commands any more."""
    with Reader(folder) as reader:
        closing = reader.closing()
    if closing is None:
        return f"the run {folder.name} is not running any more: its process died"
    return f"the run {folder.name} has ended: {closing.outcome}: {closing.reason}"


def outcome_when_closed(folder: Path) -> tuple[str, str] | None:
    """Outcome and reason of a run, once its journal is closed; None if that takes too long."""
    give_up_s = time.monotonic() + CLOSING_S
    while True:
        # asked before reading: who holds it no more has written all that it will write
        taken = is_taken(folder)
        with Reader(folder) as reader:
            closing = reader.closing()
        if closing is not None:
            return closing.outcome, closing.reason
        if not taken:
            return "lost", "its process died"
        if time.monotonic() >= give_up_s:
            return None
        time.sleep(0.05)


def _line(connection: socket.socket, deadline_s: float) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        connection.settimeout(left_s)
        chunk = connection.recv(CHUNK)
        if not chunk or len(line) > MOST_BYTES:
            raise ConnectionError("it closed the connection")
        line += chunk
    return line
