"""A cell record as plain fields, and its YAML."""

from collections.abc import Mapping

import yaml

from labctl_protocols import library
from labctl_protocols.cell_record import KEYS, CellRecord
from labctl_protocols.files import cell_from_text
from labctl_protocols.problems import Problems
from labctl_protocols.yaml12 import List, Node, Scalar, compose, reads_differently
from labctl_protocols.yaml12 import Mapping as YamlMapping

Plain = str | list["Plain"] | dict[str, "Plain"]
Fields = dict[str, Plain]

ORDER = (
    "id", "title", "source", "kind", "metal", "collector", "cathode", "electrolyte", "positive",
    "area", "area_of", "capacity", "capacity_basis", "active_mass", "inventory", "inventory_from",
    "limits", "terminals", "history", "notes",
)  # fmt: skip
"""How a record is laid out, as the library's are."""


def fields_of(text: str, file: str) -> Fields:
    """A record's fields as they stand in its YAML, which has passed the checker."""
    root = compose(text, file, Problems())
    plain = _plain(root) if root is not None else {}
    if not isinstance(plain, dict):
        raise ValueError(f"{file}: no cell record")
    return plain


def _plain(node: Node) -> Plain:
    if isinstance(node, YamlMapping):
        return {entry.key.text: _plain(entry.value) for entry in node.entries}
    if isinstance(node, List):
        return [_plain(item) for item in node.items]
    return node.text if isinstance(node, Scalar) else ""


def record_text(fields: Mapping[str, Plain]) -> str:
    """The fields as YAML that the checker takes: whatever YAML could misread is quoted."""
    unknown = set(fields) - KEYS
    if unknown:
        raise ValueError(f"no fields of a cell record: {', '.join(sorted(unknown))}")
    ordered = {name: fields[name] for name in ORDER if name in fields}
    if isinstance(ordered.get("notes"), list):
        ordered["notes"] = _Lines(notes_of(fields))
    return yaml.dump(
        ordered,
        Dumper=_Quoting,
        sort_keys=False,
        allow_unicode=True,
        width=10_000,
        default_flow_style=None,
    )


class _Quoting(yaml.SafeDumper):
    """Quotes what YAML 1.1 and 1.2 read differently, as our reader wants it."""


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "'" if reads_differently(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


class _Lines(list[Plain]):
    """A list with an item on each line."""


def _lines_node(dumper: yaml.SafeDumper, lines: _Lines) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", lines, flow_style=False)


_Quoting.add_representer(str, _text_node)
_Quoting.add_representer(_Lines, _lines_node)


def checked(fields: Mapping[str, Plain], file: str) -> tuple[str, CellRecord]:
    """The record's YAML and what the checker makes of it. Raises ProtocolError."""
    text = record_text(fields)
    return text, cell_from_text(text, file)


def charge_text(charge_Ah: float) -> str:
    """A charge as the record's fields write it."""
    return f"{charge_Ah * 1e3:.6g} mAh"


def notes_of(fields: Mapping[str, Plain]) -> list[Plain]:
    """The record's notes as a list of their own."""
    notes = fields.get("notes", [])
    if isinstance(notes, list):
        return list(notes)
    return [notes] if isinstance(notes, str) and notes.strip() else []


def with_pre_plated(fields: Mapping[str, Plain], record: CellRecord, charge_Ah: float) -> Fields:
    """The record with metal on its collector, which adds to the inventory where there is one."""
    history = fields.get("history", {})
    grown: Fields = {
        **fields,
        "history": {
            **(history if isinstance(history, dict) else {}),
            "pre_plated": charge_text(charge_Ah),
        },
    }
    if record.inventory_Ah is not None:
        grown["inventory"] = charge_text(record.inventory_Ah + charge_Ah)
        grown["inventory_from"] = "pre-plated"
    return grown


def is_shipped(name: str) -> bool:
    """Whether the library has a cell of this name."""
    return name in library.names("cells")
