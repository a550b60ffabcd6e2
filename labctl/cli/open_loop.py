"""What `labctl replay FILE PROTOCOL` does and says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.cli.exits import INTEGRITY, Refused
from labctl.cli.inputs import find_cell
from labctl.cli.options import named_values
from labctl.cli.output import print_json, print_lines
from labctl.figures.reading import read_recording
from labctl.figures.recording import Recording, RecordingError
from labctl.replay.executions import executions_of
from labctl.replay.open_loop import CannotReplay, Compared, OpenLoop, run_against
from labctl.replay.recorded_cell import RATINGS
from labctl.show.columns import in_columns
from labctl.show.values import figure

if TYPE_CHECKING:
    from labctl_protocols.cell_record import CellRecord
    from labctl_protocols.files import ProtocolFile

HEAD = ("step", "", "type", "rec.", "recorded/s", "engine/s", "Δ/s", "±/s", "rec./mAh", "mAh",
        "ended by", "")  # fmt: skip


def replay_recording(
    file: Path, protocol: str | None, cell: str | None, p: Sequence[str] | None, json: bool
) -> int:
    """Replay a recording, say what it came to, and give the exit code."""
    from labctl_protocols.checker import bind
    from labctl_protocols.files import load_protocol

    if protocol is None:
        raise Refused(f"{file} is a recording: name the protocol that it shall be compared with")
    written = load_protocol(protocol)
    record = _bare_cell(written) if cell is None else find_cell(cell)
    plan = bind(written, record, RATINGS, named_values(p, "-p"))
    try:
        recording = read_recording(file)
        executions, dropped = executions_of(recording)
        found = run_against(plan, executions)
    except (RecordingError, CannotReplay) as error:
        raise Refused(str(error)) from error
    if dropped:
        told = f"{dropped} recorded steps of a single reading took no time and are left out"
        recording = replace(recording, notes=(*recording.notes, told))
    if json:
        print_json(_document(file, protocol, recording, found))
    else:
        print_lines(_lines(file, plan.name, recording, found))
    if not found.agrees:
        raise Refused(f"{file} and {protocol} disagree: {_first(found)}", exit_code=INTEGRITY)
    return 0


def _bare_cell(protocol: "ProtocolFile") -> "CellRecord":
    """A record that says no more than the protocol asks for; what needs more is refused by name."""
    from labctl_protocols.files import cell_from_text
    from labctl_protocols.yaml12 import Mapping as YamlMapping
    from labctl_protocols.yaml12 import Scalar

    entry = protocol.root.get("cell")
    asked = entry.value.entries if entry and isinstance(entry.value, YamlMapping) else ()
    wanted = {each.key.text: each.value.text for each in asked if isinstance(each.value, Scalar)}
    if "kind" not in wanted:
        raise Refused("name the recorded cell's record with --cell: the protocol asks for no kind")
    lines = [f"{name}: {value}\n" for name, value in wanted.items()]
    return cell_from_text("id: recorded\n" + "".join(lines), "the cell (none given)")


def _document(
    file: Path, protocol: str, recording: Recording, found: OpenLoop
) -> dict[str, object]:
    return {
        "file": str(file),
        "protocol": protocol,
        "open_loop": True,
        "simulated": recording.simulated,
        "agrees": found.agrees,
        "outcome": found.outcome,
        "reason": found.reason,
        "steps": [_step(step) for step in found.steps],
        "left": found.left,
        "notes": list(recording.notes),
    }


def _step(step: Compared) -> Mapping[str, object]:
    return {
        "step_count": step.count,
        "step_id": step.path,
        "step_type": step.type,
        "cycle": step.cycle,
        "execution": None if step.met is None else step.met.number,
        "recorded_start_s": None if step.met is None else step.met.start_s,
        "recorded_duration_s": step.recorded_s,
        "recorded_charge_mAh": _mAh(step.recorded_Ah),
        "duration_s": step.engine_s,
        "charge_mAh": _mAh(step.engine_Ah),
        "late_s": step.late_s,
        "allowed_s": step.allowed_s,
        "ended": step.ended,
        "reason": step.reason,
        "agrees": not step.note,
        "note": step.note,
    }


def _mAh(charge_Ah: float | None) -> float | None:
    return None if charge_Ah is None else 1e3 * charge_Ah


def _lines(file: Path, name: str, recording: Recording, found: OpenLoop) -> Iterator[str]:
    simulated = "  (simulated)" if recording.simulated else ""
    yield f"{name} against {file}{simulated}, open loop: nothing is measured"
    yield from in_columns(HEAD, [_row(step) for step in found.steps])
    yield from (f"note: {note}" for note in recording.notes)
    if found.left:
        yield f"recorded steps that met no step of the protocol: {found.left}"
    yield f"outcome {found.outcome}: {found.reason}"
    if found.agrees:
        yield f"agrees: {len(found.steps)} steps"


def _row(step: Compared) -> list[str]:
    return [
        str(step.count),
        step.path,
        step.type,
        "–" if step.met is None else str(step.met.number),
        figure(step.recorded_s, ".1f"),
        figure(step.engine_s, ".1f"),
        figure(step.late_s, "+.2f"),
        figure(step.allowed_s, ".2f"),
        figure(_mAh(step.recorded_Ah), ".4f"),
        figure(_mAh(step.engine_Ah), ".4f"),
        step.ended,
        step.note,
    ]


def _first(found: OpenLoop) -> str:
    wrong = [step for step in found.steps if step.note]
    if wrong:
        more = f" (and {len(wrong) - 1} more steps)" if len(wrong) > 1 else ""
        return f"step {wrong[0].count} {wrong[0].path}: {wrong[0].note}{more}"
    if found.outcome != "completed":
        return f"{found.outcome}: {found.reason}"
    return f"{found.left} recorded steps are left when the protocol has ended"
