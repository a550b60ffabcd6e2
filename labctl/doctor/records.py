"""Dated records of what was found on a resistor; the manifests of later runs carry the newest."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from labctl.doctor.finding import Finding
from labctl.export.files import written_whole
from labctl_drivers.vocabulary import Identity

FOLDER = "doctor"


def write_record(
    data: Path,
    identity: Identity,
    channel: str,
    terminals: int,
    dummy_ohm: float,
    findings: Sequence[Finding],
    unix_s: float,
) -> Path:
    """Write the record of one channel beside the runs. Raises OSError."""
    when = datetime.fromtimestamp(unix_s, UTC)
    folder = data / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_stem(identity, terminals)}_{when:%Y%m%d-%H%M%S}.json"
    record = {
        "when": when.isoformat(timespec="seconds"),
        "good": not any(finding.state == "bad" for finding in findings),
        "instrument": asdict(identity),
        "channel": channel,
        "terminals": terminals,
        "dummy_ohm": dummy_ohm,
        "findings": [asdict(finding) for finding in findings],
        "labctl": version("labctl-bench"),
    }
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return path


def latest_record(data: Path, identity: Identity, terminals: int) -> Mapping[str, object] | None:
    """The newest record of these terminals of this instrument: `when`, `good`, `dummy_ohm`, `file`.

    None where there is none that can be read.
    """
    for path in sorted((data / FOLDER).glob(f"{_stem(identity, terminals)}_*.json"), reverse=True):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            kept = {name: record[name] for name in ("when", "good", "dummy_ohm")}
        except (OSError, ValueError, KeyError, TypeError):
            continue
        return {**kept, "file": path.name}
    return None


def _stem(identity: Identity, terminals: int) -> str:
    words = f"{identity.model}-{identity.serial}-{terminals}"
    return re.sub(r"[^A-Za-z0-9.-]+", "-", words)
