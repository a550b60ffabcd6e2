"""An embedded MQTT broker for a first try and for tests: MQTT 3.1.1, in memory, on loopback."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amqtt.broker import Broker

PORT = 1883
LOOPBACK = "127.0.0.1"
SHUTDOWN_S = 1.0
SHUTDOWN_TRIES = 3


class BrokerRefused(Exception):
    """The broker was asked to do what it must not, or cannot listen there."""


@contextlib.asynccontextmanager
async def running(
    port: int = PORT, bind: str = LOOPBACK, password_file: Path | None = None
) -> AsyncIterator[int]:
    """A broker for the time of the block; gives the port (any free one for 0).

    Anonymous clients are served on loopback only: any other address needs a password file, with
    lines `user:argon2 hash`. Raises BrokerRefused.
    """
    if not is_loopback(bind) and password_file is None:
        raise BrokerRefused(f"{bind} can be reached from outside: give a password file")
    from amqtt.broker import Broker
    from amqtt.errors import AMQTTError, BrokerError

    logging.getLogger("amqtt").addHandler(logging.NullHandler())
    chosen = port or _free_port(bind)
    where = f"[{bind}]:{chosen}" if ":" in bind else f"{bind}:{chosen}"
    try:
        broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": where}},
                "plugins": _plugins(password_file),
            }
        )
        await broker.start()
    except (OSError, AMQTTError, BrokerError) as error:
        raise BrokerRefused(f"no broker on {where}: {error}") from error
    try:
        yield chosen
    finally:
        await _shut_down(broker)


async def _shut_down(broker: "Broker") -> None:
    """amqtt can lose a cancellation to a message that arrives just then, and wait for ever."""
    for _ in range(SHUTDOWN_TRIES):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_S):
                await broker.shutdown()
                return


async def serve(port: int = PORT, bind: str = LOOPBACK, password_file: Path | None = None) -> None:
    """Be a broker until cancelled. Raises BrokerRefused."""
    async with running(port, bind, password_file):
        await asyncio.Event().wait()


def is_loopback(bind: str) -> bool:
    """Whether only this host can reach the address; a name other than localhost is not trusted."""
    if bind == "localhost":
        return True
    try:
        return ipaddress.ip_address(bind).is_loopback
    except ValueError:
        return False


def _plugins(password_file: Path | None) -> dict[str, dict[str, object]]:
    if password_file is None:
        return {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    return {"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(password_file)}}


def _free_port(bind: str) -> int:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((bind, 0))
        return int(probe.getsockname()[1])
