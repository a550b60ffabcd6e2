"""One run's summary, and the list of runs."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from labctl.journal import Reader, RecordedEvent, list_runs
from labctl.journal.errors import JournalError
from labctl.journal.reader import is_live
from labctl.show.figures import figures_of
from labctl.show.values import number, part, text

LIVE = ("running", "paused", "asking")
"""What stands in place of an outcome while the run's program lives."""


def run_row(folder: Path) -> dict[str, object]:
    """A run in one row: what `labctl runs` lists. A journal that cannot be read says why."""
    try:
        with Reader(folder) as reader:
            manifest = reader.manifest()
            outcome, reason = outcome_of(reader, folder)
    except JournalError as error:
        return {"run": folder.name, "folder": str(folder), "outcome": "?", "reason": str(error)}
    return {
        "run": text(manifest, "run") or folder.name,
        "folder": str(folder),
        "started": iso_time(number(manifest, "start_unix")),
        "protocol": text(part(manifest, "protocol"), "name"),
        "cell": text(part(manifest, "cell"), "id"),
        "bench": text(manifest, "bench"),
        "channel": text(manifest, "channel"),
        "simulated": manifest.get("simulated"),
        "outcome": outcome,
        "reason": reason,
    }


def run_rows(data: Path) -> list[dict[str, object]]:
    """All runs of a data folder, oldest first."""
    return [run_row(folder) for folder in list_runs(data)]


def outcome_of(reader: Reader, folder: Path) -> tuple[str, str]:
    """How the run ended; `running`, `paused` or `asking` while its program lives, `lost` when it
    died."""
    closing = reader.closing()
    if closing is not None:
        return closing.outcome, closing.reason
    if not is_live(folder):
        return "lost", "its program ended without closing it"
    return _standing(reader)


def _standing(reader: Reader) -> tuple[str, str]:
    """Whether a live run waits for its operator, and with what words."""
    for event in reader.newest_events("ask", "operator", limit=20):
        word = text(event.data, "word")
        if event.kind == "ask":
            return "asking", text(event.data, "question")
        if event.data.get("done") and word in ("pause", "continue", "skip"):
            return (
                ("paused", f"by {text(event.data, 'by')}") if word == "pause" else ("running", "")
            )
    return "running", ""


def summary(folder: Path) -> dict[str, object]:
    """What `labctl show` tells of a run."""
    with Reader(folder) as reader:
        manifest = reader.manifest()
        outcome, reason = outcome_of(reader, folder)
        events = list(reader.events())
        readings, _ = reader.counts()
        last = next(reader.readings(readings - 1), None) if readings else None
    figures = figures_of(events)
    return {
        "run": text(manifest, "run") or folder.name,
        "folder": str(folder),
        "started": iso_time(number(manifest, "start_unix")),
        "simulated": manifest.get("simulated"),
        "protocol": {name: part(manifest, "protocol").get(name) for name in PROTOCOL_KEYS},
        "cell": {name: part(manifest, "cell").get(name) for name in CELL_KEYS},
        "bench": text(manifest, "bench"),
        "channel": text(manifest, "channel"),
        "instrument": manifest.get("instrument"),
        "limits": manifest.get("limits"),
        "outcome": outcome,
        "reason": reason,
        "elapsed_s": lasted_s(None if last is None else last.t_s, events),
        "readings": readings,
        "steps": sum(event.kind == "step_ended" for event in events),
        "faults": [
            {"t_s": event.t_s, "kind": event.kind, **event.data}
            for event in events
            if event.kind in ("limit", "detector", "fault")
        ],
        "revisions": [
            {"t_s": event.t_s, **{name: event.data.get(name) for name in REVISION_KEYS}}
            for event in events
            if event.kind == "revision"
        ],
        "cycles": len(figures["cycles"]),
        "groups": figures["groups"],
        "last_cycle": figures["cycles"][-1] if figures["cycles"] else None,
    }


def lasted_s(last_reading_s: float | None, events: Sequence[RecordedEvent]) -> float | None:
    """Until the last that is known of a run: a spectrum at its end has no readings."""
    if last_reading_s is None:
        return None
    return max([last_reading_s, *(event.t_s for event in events)])


REVISION_KEYS = ("by", "changes", "sha256", "parameters")
PROTOCOL_KEYS = ("name", "title", "sha256", "parameters")
CELL_KEYS = ("id", "kind", "metal", "area_cm2", "nominal_Ah", "inventory_Ah")


def iso_time(unix_s: float | None) -> str | None:
    """UTC to the second, as ISO 8601."""
    if unix_s is None:
        return None
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instrument_words(instrument: Mapping[str, object]) -> str:
    """Who measured, in one line: what the instrument said of itself, driver and address."""
    return " ".join(each for each in instrument.values() if isinstance(each, str) and each)


def doctor_words(instrument: Mapping[str, object]) -> str:
    """What `labctl doctor --dummy` last found at these terminals; empty where it never was."""
    found = part(instrument, "doctor")
    if not found:
        return ""
    word = "good" if found.get("good") is True else "BAD"
    return f"{word} on {number(found, 'dummy_ohm') or 0:g} ohm, {text(found, 'when')}"


def flat(data: Mapping[str, object]) -> str:
    """A mapping in one line, without what is unknown."""
    return "  ".join(f"{name} {value}" for name, value in data.items() if value not in (None, {}))
