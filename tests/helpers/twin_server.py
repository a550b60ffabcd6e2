"""Serves simulated instruments, a sodium half cell at each, and lives on when its client dies.

Arguments: the speed, and JSON of name → driver and name → limits (as in `exposure`). Prints, as one
line of JSON, where each answers. Then, for each line on standard input, lets that many hours pass
for every cell and prints what each was exposed to since the start.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any

from helpers.exposure import Exposure, watch_exposure
from labctl.bench import Instrument, Simulate
from labctl.bench.settings import load_driver
from labctl.twin import Held, connect_channels, make_cell
from labctl_protocols.files import cell_from_text
from labctl_simulators.servers.pty_port import serve_pty
from labctl_simulators.servers.tcp import serve_tcp
from labctl_simulators.servers.tcp_sessions import serve_two_ports
from labctl_simulators.terminals import Terminals

CELL = """\
id: pre-plated
kind: half
metal: Na
collector: Cu
area: 1 cm2
limits: {voltage: -0.6 V .. 3.1 V, current: 20 mA}
history: {pre_plated: 0.04 mAh}
"""
STEP_S = 60.0
"""Between two looks of the instrument's clock, where nobody talks to it."""


async def main(speed: float, drivers: dict[str, str], limits: dict[str, list[float]]) -> None:
    loop = asyncio.get_running_loop()
    record = cell_from_text(CELL, "pre-plated")
    twins, places = {}, {}
    async with AsyncExitStack() as served:
        for name, driver in drivers.items():
            instrument = Instrument(name, driver, "sim", simulate=Simulate())
            cell = make_cell(instrument, record, parameters={"ce": 0.99}, now=0.0)
            terminals = cell.terminals["main"]
            seen = watch_exposure(terminals, *limits[name])
            firmware = connect_channels({1: Held(cell)}, instrument)
            twins[name] = firmware, terminals, seen
            places[name] = await _serve(served, driver, firmware, speed)
        print(json.dumps(places), flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            told = {name: _pass(*twin, float(line)) for name, twin in twins.items()}
            print(json.dumps(told), flush=True)


async def _serve(
    served: AsyncExitStack, driver: str, firmware: Any, speed: float
) -> dict[str, str | int]:
    """On what the real one has: two TCP ports, a serial line, or one TCP port."""
    if hasattr(firmware, "binary"):
        ports = serve_two_ports(firmware, speed=speed)
        resource, bin_port = await served.enter_async_context(ports)
        return {"resource": resource, "bin_port": bin_port}
    is_serial = "baud" in getattr(load_driver(driver), "LINK_SETTINGS", {})
    server = serve_pty(firmware, speed) if is_serial else serve_tcp(firmware, speed=speed)
    return {"resource": await served.enter_async_context(server)}


def _pass(firmware: Any, terminals: Terminals, seen: Exposure, hours: float) -> dict[str, Any]:
    """What the cell was exposed to when so much more time has passed without traffic."""
    was, until_s = terminals.source.kind, terminals.now + hours * 3600.0
    while (left_s := until_s - terminals.now) > 1e-6:
        _let_pass(firmware, terminals.now + min(STEP_S, left_s))
    return {**asdict(seen), "was": was, "is": terminals.source.kind}


def _let_pass(firmware: Any, now: float) -> None:
    """Up to `now`; what the instrument says by itself, nobody hears."""
    if getattr(firmware, "wake_at", None) is None:
        firmware.advance(now)
    else:
        firmware.feed(b"", now)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), *map(json.loads, sys.argv[2:])))
