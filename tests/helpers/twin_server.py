"""Serves a simulated 2450 on a sodium half cell over TCP, and lives on when its client dies.

Prints the resource. Then, for each line on standard input, lets that many seconds pass for the
cell and prints what it was exposed to since the start, as JSON.
"""

import asyncio
import json
import sys
from typing import Any

from labctl.bench import default_bench
from labctl.twin import make_twin
from labctl_protocols.files import load_cell
from labctl_simulators.servers.tcp import serve_tcp


async def main(speed: float) -> None:
    instrument = default_bench().instrument_of("A1")
    twin = make_twin(instrument, load_cell("na-cu-half"), parameters={"ce": 0.99}, now=0.0)
    firmware: Any = twin.firmware
    loop = asyncio.get_running_loop()
    async with serve_tcp(firmware, speed=speed) as resource:
        print(resource, flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(exposure(firmware, float(line))), flush=True)


def exposure(firmware: Any, seconds: float) -> dict[str, Any]:
    """The extremes at the cell's terminals while so much time passes without traffic."""
    start_s = firmware.terminals.now
    on = firmware.output_on
    seen = []
    for n in range(1, 201):
        firmware.advance(start_s + seconds * n / 200)
        state = firmware.terminals.state()
        seen.append((state.voltage_V, state.current_A))
    volts, amps = [v for v, _ in seen], [i for _, i in seen]
    return {
        "on": on,
        "low_V": min(volts),
        "high_V": max(volts),
        "most_A": max(map(abs, amps)),
        "last_V": volts[-1],
        "source": firmware.terminals.source.kind,
        "level": firmware.terminals.source.level,
    }


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
