"""Serving until told to stop: Ctrl-C and SIGTERM are how serving ends, not how it fails."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from labctl.run.stops import Stops


def announce(line: Mapping[str, object]) -> None:
    """One JSON line on standard output, now, for whoever waits for it."""
    print(json.dumps(line, ensure_ascii=False), flush=True)


@contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set while the block is open."""
    stopped = asyncio.Event()
    stops = Stops(asyncio.get_running_loop())
    stops.to(lambda _reason: stopped.set())
    with stops.heard():
        yield stopped
