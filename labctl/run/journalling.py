"""Each answer of the engine goes to the journal with the state that belongs to it."""

import time
from collections.abc import Callable

from labctl.journal import Journal, StorageFault
from labctl.run.hearing import HearingEngine
from labctl_protocols.decisions import Answer
from labctl_protocols.engine import Engine
from labctl_protocols.engine.state import to_json

BACKLOG_ROWS = 100_000
"""So many rows may wait for the disk in virtual time before the run waits for them."""
CHECKPOINT_S = 1.0
REVISION_S = 5.0
"""So long (host s) a revision may take to the disk; nothing of it holds before."""


def journal_writer(journal: Journal, engine: Engine, waits: bool) -> Callable[[Answer], None]:
    """What writes each answer with the engine's state after it; a boundary is committed at once.

    In virtual time (`waits`) the run stands still while the disk catches up, so that memory stays
    flat. The writer raises StorageFault once anything could not be stored.
    """
    next_checkpoint_s = 0.0

    def write(answer: Answer) -> None:
        nonlocal next_checkpoint_s
        checkpoint = None
        now = time.monotonic()
        if answer.boundary or now >= next_checkpoint_s:
            next_checkpoint_s = now + CHECKPOINT_S
            # while a command is out, what its answer will settle is in no state yet
            checkpoint = None if answer.commands else to_json(engine.state)
        heard = engine.take_heard() if isinstance(engine, HearingEngine) else ()
        if answer.rows or answer.events or checkpoint is not None or heard:
            journal.write(answer.rows, answer.events, checkpoint, heard)
        if waits and journal.backlog > BACKLOG_ROWS:
            journal.commit().result()
        elif any(event.kind == "revision" for event in answer.events):
            _keep_now(journal)
        elif answer.boundary:
            journal.commit()

    return write


def _keep_now(journal: Journal) -> None:
    try:
        journal.commit().result(REVISION_S)
    except TimeoutError:
        text = f"the disk did not take a revision within {REVISION_S:g} s"
        raise StorageFault(text) from None
