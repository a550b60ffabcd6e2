"""Why each step of a run ended: what fired, its values at the crossing, and the runners-up."""

from collections.abc import Iterable, Mapping

from labctl.journal.reader import RecordedEvent
from labctl.show.values import Data, figure, number, part, parts, scaled, strings, text
from labctl.show.words import clock_text, duration_text

UNITS = {
    "voltage": ("V", 1.0),
    "current": ("mA", 1e3),
    "charge": ("mAh", 1e3),
    "time": ("s", 1.0),
}
TOLD = ("limit", "detector", "fault", "ask", "operator", "revision", "note", "mark")


def why_document(events: Iterable[RecordedEvent]) -> list[dict[str, object]]:
    """Every step's end, and what was told between them, in order."""
    entries: list[dict[str, object]] = []
    kinds: dict[str, str] = {}
    for event in events:
        if event.kind == "step_started":
            kinds = {text(end, "text"): text(end, "kind") for end in parts(event.data, "ends")}
        elif event.kind == "step_ended":
            others = [
                {**other, "kind": kinds.get(text(other, "text"), "")}
                for other in parts(event.data, "runners_up")
            ]
            told = {**event.data, "runners_up": others}
            entries.append({"kind": "step", "t_s": event.t_s, **told})
        elif event.kind in TOLD:
            entries.append({"kind": event.kind, "t_s": event.t_s, **event.data})
        elif event.kind == "run_ended":
            entries.append({"kind": "run", "t_s": event.t_s, **event.data})
    return entries


def why_lines(entry: Mapping[str, object]) -> list[str]:
    """An entry for people: one line, and one for each runner-up of a step."""
    clock = clock_text(number(entry, "t_s") or 0.0)
    kind = text(entry, "kind")
    if kind == "step":
        return [f"{clock}  {step_line(entry)}", *_runners_up(entry)]
    if kind == "run":
        return [f"{clock}  run {text(entry, 'outcome')}: {text(entry, 'reason')}"]
    if kind == "detector":
        kind = f"detector {text(entry, 'name')}"
    by = f" by {text(entry, 'by')}" if text(entry, "by") else ""
    if kind == "revision":
        return [f"{clock}  revision{by}:", *(f"    {line}" for line in strings(entry, "changes"))]
    return [f"{clock}  {kind}{by}: {text(entry, 'text') or text(entry, 'question')}"]


def step_line(entry: Data) -> str:
    """Which step ended, on what, after how long and how much, at which voltage and current."""
    name = text(entry, "step_id") or text(entry, "step_type")
    label = text(entry, "label")
    if label and label not in name:
        name += f" ({label})"
    at = part(entry, "at")
    crossing = number(at, "voltage_V")
    parts_told = [
        f"after {duration_text(number(entry, 'duration_s') or 0.0)}",
        figure(scaled(entry, "capacity_Ah", 1000.0), ".4f", "mAh"),
        "at " + figure(number(entry, "voltage_V") if crossing is None else crossing, ".4f", "V"),
        figure(scaled(at, "current_A", 1000.0), "+.4f", "mA"),
    ]
    reason = text(entry, "reason") or text(entry, "ended")
    driven = "" if entry.get("driven", True) else ", not driven"
    return f"{name}: {reason}{driven}; {', '.join(parts_told)}"


def _runners_up(entry: Data) -> list[str]:
    lines = []
    for other in parts(entry, "runners_up"):
        unit, factor = UNITS.get(text(other, "kind"), ("", 1.0))
        stood = figure(scaled(other, "value", factor), ".6g", unit)
        target = figure(scaled(other, "target", factor), ".6g", unit)
        told = f" (stood at {stood}, target {target})" if other.get("target") is not None else ""
        lines.append(f"    not yet: {text(other, 'text')}{told}")
    return lines
