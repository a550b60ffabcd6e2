"""How a run stands now, folded from its events: what the retained `state` topic says."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from labctl.journal import RecordedEvent

ALARMS = frozenset({"limit", "detector", "fault"})
PAUSED = "paused: labctl continue"


@dataclass(frozen=True, slots=True)
class Present:
    """The state of a run after the events so far. `output` is what was last read back; `waits_for`
    is what the operator has to do for the run to go on."""

    run: str
    simulated: bool
    protocol: str
    title: str
    cell: str
    limits: Mapping[str, object] = field(default_factory=dict)
    t_s: float = 0.0
    unix_s: float = 0.0
    step: Mapping[str, object] | None = None
    cycle: int | None = None
    outcome: str | None = None
    reason: str = ""
    output: str = "unknown"
    alarm: str | None = None
    waits_for: str | None = None

    def payload(self) -> bytes:
        """The JSON of the `state` topic."""
        data = dataclasses.asdict(self)
        return json.dumps(data, allow_nan=False, ensure_ascii=False).encode()


def at_start(manifest: Mapping[str, object]) -> Present:
    """What is known from the manifest alone."""
    protocol, cell, limits = (manifest.get(name) for name in ("protocol", "cell", "limits"))
    said = protocol if isinstance(protocol, Mapping) else {}
    return Present(
        run=str(manifest["run"]),
        simulated=bool(manifest["simulated"]),
        protocol=str(said.get("name", "")),
        title=str(said.get("title", "")),
        cell=str(cell.get("id", "")) if isinstance(cell, Mapping) else "",
        limits=limits if isinstance(limits, Mapping) else {},
        unix_s=float(str(manifest["start_unix"])),
    )


def after(present: Present, told: RecordedEvent) -> Present:
    """The state after one more event."""
    changes: dict[str, object] = {"t_s": told.t_s, "unix_s": told.unix_s}
    data = told.data
    if told.kind == "step_started":
        changes["step"] = {
            "count": data.get("step_count"),
            "id": data.get("step_id"),
            "type": data.get("step_type"),
            "label": data.get("label"),
            "text": data.get("text"),
        }
        changes["cycle"] = data.get("cycle")
    elif told.kind == "ask":
        changes["waits_for"] = str(data.get("question"))
    elif told.kind == "operator" and data.get("done"):
        changes["waits_for"] = PAUSED if data.get("word") == "pause" else None
    elif told.kind == "output":
        changes["output"] = _output(data)
    elif told.kind in ALARMS:
        changes["alarm"] = str(data.get("text") or data.get("error") or told.kind)
    elif told.kind == "run_ended":
        changes |= {"outcome": data.get("outcome"), "reason": str(data.get("reason", ""))}
        changes["step"] = changes["waits_for"] = None
    return dataclasses.replace(present, **changes)  # type: ignore[arg-type]  # by field name


def _output(data: Mapping[str, object]) -> str:
    if data.get("on"):
        return "on"
    # "Off" is said only of an output that was read back as off (S3).
    return "off" if data.get("read_back") else "unknown"
