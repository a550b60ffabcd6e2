"""A run's engine made anew and told all that it heard: it must decide the same, bit for bit."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from labctl.journal import JournalError, Reader, RecordedEvent, RecordedRow
from labctl.journal.clock import CLOCK_STEP
from labctl.journal.heard import Begun, Revised, Told, recalled
from labctl.journal.schema import ROW_COLUMNS, row_values
from labctl.run.sources import SourcesChanged, plan_of_manifest
from labctl_drivers.vocabulary import Reading
from labctl_protocols.decisions import Answer, Event, Heard, Revision, Row
from labctl_protocols.engine import Engine
from labctl_protocols.plan import MAIN

Side = Mapping[str, object] | None
"""What one side has; None where it has nothing."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place at which a replay and its journal disagree.

    `what` is `row`, `event`, `heard` or `sources`; `number` is its place in the journal, `heard`
    how many things the engine had heard. The sides hold what differs.
    """

    what: str
    number: int
    heard: int
    journal: Side
    replay: Side
    text: str


@dataclass(slots=True)
class Again:
    """What was heard again and compared, up to the first difference."""

    heard: int = 0
    readings: int = 0
    rows: int = 0
    events: int = 0
    difference: Difference | None = None


def replay_run(reader: Reader) -> Again:
    """Tell the run's engine, made anew, all that it heard, and compare what it decides.

    Raises JournalError where the run cannot be heard again, and says what would have kept it.
    """
    again = Again()
    try:
        manifest = reader.manifest()
        bound = plan_of_manifest(manifest)
    except SourcesChanged as error:
        again.difference = Difference("sources", 0, 0, None, None, str(error))
        return again
    others = {role: each for role, each in bound.ratings.items() if role != MAIN}
    engine = Engine(bound.plan, bound.ratings[MAIN], others=others)
    recorded = _Recorded(reader)
    for seq, line in reader.heard():
        again.heard += 1
        try:
            if seq != again.heard:
                raise JournalError(f"what was heard as number {again.heard} is not there any more")
            told = _with_plan(recalled(line), manifest)
        except JournalError as error:
            again.difference = Difference("heard", again.heard, again.heard, None, None, str(error))
            return again
        again.readings += isinstance(told, Reading)
        again.difference = recorded.differs(tell(engine, told), again)
        if again.difference is not None:
            return again
    if not again.heard:
        raise JournalError(
            f"the journal in {reader.folder} does not hold what the engine heard: only a run whose "
            "protocol says `record: all` at its top can be heard again"
        )
    again.difference = recorded.left(again)
    return again


def _with_plan(told: Told, manifest: Mapping[str, object]) -> Begun | Heard:
    """What was heard; a revision with the plan that the run was amended to, bound anew."""
    if not isinstance(told, Revised):
        return told
    return Revision(told.time_s, plan_of_manifest(manifest, told.data).plan, told.by, told.data)


def tell(engine: Engine, told: Begun | Heard) -> Answer:
    """The engine's answer; where it fails it has none, and as in the run more may be told to it."""
    try:
        return engine.begin(told.time_s) if isinstance(told, Begun) else engine.hear(told)
    except Exception:
        return Answer()


class _Recorded:
    """The journal's rows and events in order, each taken once."""

    def __init__(self, reader: Reader) -> None:
        self._rows = reader.readings()
        self._events = _of_the_engine(reader.events())

    def differs(self, answer: Answer, again: Again) -> Difference | None:
        """What the journal has otherwise than this answer, if anything."""
        for row in answer.rows:
            again.rows += 1
            difference = _row_differs(next(self._rows, None), row, again)
            if difference is not None:
                return difference
        for event in answer.events:
            again.events += 1
            difference = _event_differs(next(self._events, None), event, again)
            if difference is not None:
                return difference
        return None

    def left(self, again: Again) -> Difference | None:
        """What the journal has beyond what the replay came to."""
        row, event = next(self._rows, None), next(self._events, None)
        text = "nothing that was heard led to it"
        if row is not None:
            return Difference("row", row.seq, again.heard, row._asdict(), None, text)
        if event is not None:
            return Difference("event", event.seq, again.heard, _flat(event), None, text)
        return None


def _of_the_engine(events: Iterator[RecordedEvent]) -> Iterator[RecordedEvent]:
    """The events that the engine told; the journal's own are left out."""
    for event in events:
        if CLOCK_STEP not in event.data:
            yield event


def _row_differs(recorded: RecordedRow | None, row: Row, again: Again) -> Difference | None:
    ours = dict(zip(ROW_COLUMNS, row_values(row), strict=True))
    if recorded is None:
        text = "the journal does not have it"
        return Difference("row", again.rows, again.heard, None, ours, text)
    theirs = {name: getattr(recorded, name) for name in ROW_COLUMNS}
    if theirs == ours:
        return None
    names = [name for name in ROW_COLUMNS if theirs[name] != ours[name]]
    return _difference("row", recorded.seq, again, theirs, ours, names)


def _event_differs(recorded: RecordedEvent | None, event: Event, again: Again) -> Difference | None:
    ours = _flat(event)
    if recorded is None:
        text = "the journal does not have it"
        return Difference("event", again.events, again.heard, None, ours, text)
    theirs = _flat(recorded)
    names = [
        name
        for name in dict.fromkeys((*ours, *theirs))
        if name not in ours or name not in theirs or _text(ours[name]) != _text(theirs[name])
    ]
    if not names:
        return None
    return _difference("event", recorded.seq, again, theirs, ours, names)


def _flat(event: Event | RecordedEvent) -> dict[str, object]:
    """An event's fields beside each other, as plain as JSON makes them."""
    data = {f"data.{name}": value for name, value in event.data.items()}
    plain: dict[str, object] = json.loads(_text({"t_s": event.t_s, "kind": event.kind, **data}))
    return plain


def _difference(
    what: str,
    number: int,
    again: Again,
    journal: Mapping[str, object],
    replay: Mapping[str, object],
    names: Sequence[str],
) -> Difference:
    theirs = {name: journal.get(name) for name in names}
    ours = {name: replay.get(name) for name in names}
    return Difference(what, number, again.heard, theirs, ours, f"{', '.join(names)} differ")


def _text(value: object) -> str:
    """A value's exact text: tuples are lists in a journal, and 0.0 is not -0.0."""
    return json.dumps(value, sort_keys=True, default=dict)
