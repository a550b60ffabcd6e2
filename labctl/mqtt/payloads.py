"""What is published: JSON by the schema beside this file (`schema.json`)."""

import json
from collections.abc import Mapping, Sequence
from importlib import resources

from labctl.journal import RecordedEvent, RecordedRow

ONLINE = b'{"online": true}'
OFFLINE = b'{"online": false, "output": "unknown"}'
"""Also the last will: nobody watches now, so nobody can say what the output does."""

READINGS_PER_MESSAGE = 100
"""Keeps a message under 64 KiB."""


def schema() -> dict[str, object]:
    """The JSON Schema of all payloads, under `$defs` by the topic's last segment."""
    text = resources.files("labctl.mqtt").joinpath("schema.json").read_text(encoding="utf-8")
    parsed: dict[str, object] = json.loads(text)
    return parsed


def readings(run: str, simulated: bool, rows: Sequence[RecordedRow]) -> bytes:
    """A batch of consecutive readings."""
    return _json(
        {
            "run": run,
            "simulated": simulated,
            "first_seq": rows[0].seq,
            "readings": [row._asdict() for row in rows],
        }
    )


def event(run: str, simulated: bool, told: RecordedEvent) -> bytes:
    """One event."""
    return _json({"run": run, "simulated": simulated, **told._asdict()})


def cycle(run: str, simulated: bool, told: RecordedEvent) -> bytes:
    """One cycle's figures."""
    return _json(
        {
            "run": run,
            "simulated": simulated,
            "seq": told.seq,
            "t_s": told.t_s,
            "unix_s": told.unix_s,
            **told.data,
        }
    )


def _json(data: Mapping[str, object]) -> bytes:
    return json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
