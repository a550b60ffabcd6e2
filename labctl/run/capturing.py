"""Which sessions of a run are written down, and where: a file for each instrument."""

from collections.abc import Sequence
from pathlib import Path

from labctl.bench import BenchError
from labctl.run.request import RunRequest
from labctl_protocols.plan import MAIN


def capture_of(requests: Sequence[RunRequest]) -> Path | None:
    """Where the session at the cell's main terminals goes. Raises BenchError."""
    if len(requests) > 1 and any(request.capture for request in requests):
        raise BenchError("a session is of one run alone")
    return requests[0].capture


def session_at(request: RunRequest, role: str) -> Path | None:
    """Where the session of the instrument at one of the cell's terminals goes."""
    if request.capture is None or role == MAIN:
        return request.capture
    return session_beside(request.capture, request.bench.instrument_of(request.channels[role]).name)


def session_beside(capture: Path, instrument: str) -> Path:
    """Where that of any other instrument goes."""
    return capture.with_stem(f"{capture.stem}.{instrument}")
