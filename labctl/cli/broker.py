"""`labctl broker`: an embedded MQTT broker for a first try."""

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from labctl.broker import LOOPBACK, PORT, BrokerRefused, running
from labctl.cli.exits import Refused
from labctl.cli.serving import announce, stop_signals


def broker(
    *,
    port: Annotated[int, Parameter(help="Port; 0 takes a free one.")] = PORT,
    bind: Annotated[str, Parameter(help="Address to listen on.")] = LOOPBACK,
    password_file: Annotated[
        Path | None, Parameter(help="Lines `user:argon2 hash`; needed beyond loopback.")
    ] = None,
) -> int:
    """Run an embedded MQTT broker (3.1.1, in memory) until stopped.

    For a first try and for tests; in production use Mosquitto, EMQX and the like. The first
    line on standard output is JSON and says where the broker listens.

    For example:

        labctl broker
        labctl run na-cu-reservoir-ce --cell na-cu-half --mqtt mqtt://localhost:1883
    """
    if not 0 <= port <= 65535:
        raise Refused(f"--port {port}: a port is 0 to 65535")
    try:
        asyncio.run(_serve(port, bind, password_file))
    except BrokerRefused as error:
        raise Refused(str(error)) from error
    return 0


async def _serve(port: int, bind: str, password_file: Path | None) -> None:
    with stop_signals() as stopped:
        async with running(port, bind, password_file) as taken:
            host = f"[{bind}]" if ":" in bind else bind
            announce({"broker": f"mqtt://{host}:{taken}"})
            await stopped.wait()
