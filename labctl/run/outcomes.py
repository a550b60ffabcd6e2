"""How runs end: what an error makes of a run, and what is told when the engine cannot tell it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from labctl_drivers.errors import InstrumentError
from labctl_protocols.decisions import Answer, Event, Outcome, Safed, Stopping, Unsafe


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, and the error that ended it if one did."""

    outcome: Outcome
    reason: str
    error: BaseException | None


def outcome_of(error: BaseException) -> tuple[Outcome, str]:
    """What an exception that came out of the loop makes of the run."""
    from labctl.journal import StorageFault

    if isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
        return "stopped", "cancelled"
    if isinstance(error, StorageFault | InstrumentError):
        return "fault", f"{type(error).__name__}: {error}"
    return "error", f"{type(error).__name__}: {error}"


@contextmanager
def told_where(where: str) -> Iterator[None]:
    """Let an instrument's error say where it came from."""
    try:
        yield
    except InstrumentError as error:
        error.add_note(where)
        raise


def stopping(outcome: Outcome, reason: str, error: BaseException | None) -> Stopping:
    """What the engine hears of whoever or whatever wants the run to end now."""
    data = {} if error is None else {"error": type(error).__name__}
    return Stopping(asyncio.get_running_loop().time(), outcome, reason, data)


def last_words(off: Safed | Unsafe, reason: str, error: BaseException) -> Answer:
    """The end of a run whose engine cannot tell it any more."""
    known = isinstance(off, Safed)
    if isinstance(off, Unsafe):
        reason = f"{reason}; {off.text}"
    output = {"on": False if known else None, "read_back": known}
    events = (
        Event(off.time_s, "output", output),
        Event(off.time_s, "fault", {"error": type(error).__name__, "text": reason}),
        Event(off.time_s, "run_ended", {"outcome": "error", "reason": reason}),
    )
    return Answer(events=events, boundary=True, ended="error", reason=reason)


def merged(first: Answer, second: Answer) -> Answer:
    """Two answers told as one; the later one says how it goes on."""
    return Answer(
        commands=second.commands,
        rows=first.rows + second.rows,
        events=first.events + second.events,
        wake_at=second.wake_at,
        boundary=True,
        ended=second.ended,
        reason=second.reason,
    )
