"""A batch file: which cells of one bench run which protocols at once."""

from dataclasses import dataclass, field
from pathlib import Path

from labctl_protocols import fields, yaml12
from labctl_protocols.plan import MAIN, Where
from labctl_protocols.problems import Problems
from labctl_protocols.yaml12 import Entry, Node

KEYS = ("bench", "data", "runs")
RUN_KEYS = ("channel", "cell", "protocol", "parameters")


@dataclass(frozen=True, slots=True)
class BatchRun:
    """One of the runs; cell and protocol are files beside the batch file, or names.

    `places` says where the file has what: by key, and by `-p name` for a parameter.
    """

    channels: dict[str, str]
    cell: str
    protocol: str
    where: Where
    parameters: dict[str, str] = field(default_factory=dict)
    places: dict[str, Where] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """What the file says; paths as they are to be opened."""

    bench: Path
    runs: tuple[BatchRun, ...]
    data: Path | None = None


def load_batch(path: Path) -> Batch:
    """Read a batch file. Raises ProtocolError with everything that is wrong in it."""
    problems = Problems()
    text = yaml12.read_text(path, problems)
    problems.raise_if_any()
    return parse_batch(text or "", path.as_posix())


def parse_batch(text: str, file: str) -> Batch:
    """A batch from its text. Raises ProtocolError with everything that is wrong in it."""
    problems = Problems()
    root = yaml12.compose(text, file, problems)
    top = None if root is None else fields.as_mapping(root, "a batch", problems)
    if top is None:
        problems.raise_if_any()
        top = yaml12.Mapping(Where(file, 1, 1), ())
    fields.refuse_unknown(top.entries, KEYS, problems)
    fields.require(top, ("bench", "runs"), problems)
    folder = Path(file).parent
    bench, data = (_text(top.get(key), key, problems) for key in ("bench", "data"))
    batch = Batch(
        bench=folder / Path(bench).expanduser(),
        runs=tuple(_runs(top.get("runs"), folder, problems)),
        data=None if not data else folder / Path(data).expanduser(),
    )
    problems.raise_if_any()
    return batch


def _runs(entry: Entry | None, folder: Path, problems: Problems) -> list[BatchRun]:
    items = None if entry is None else fields.as_list(entry.value, "`runs`", problems)
    found: list[BatchRun] = []
    taken: set[str] = set()
    for node in () if items is None else items.items:
        run = _run(node, folder, problems)
        if run is None:
            continue
        for name in sorted(taken & set(run.channels.values())):
            hint = "one run at a time on a channel"
            problems.add("same-channel", run.where, f"channel `{name}` has two runs", hint)
        taken |= set(run.channels.values())
        found.append(run)
    return found


def _run(node: Node, folder: Path, problems: Problems) -> BatchRun | None:
    mapping = fields.as_mapping(node, "a run", problems)
    if mapping is None:
        return None
    fields.refuse_unknown(mapping.entries, RUN_KEYS, problems)
    fields.require(mapping, ("channel", "cell", "protocol"), problems)
    cell, protocol = (_text(mapping.get(key), key, problems) for key in ("cell", "protocol"))
    return BatchRun(
        channels=_channels(mapping.get("channel"), problems),
        cell=cell,
        protocol=_beside(protocol, folder),
        where=mapping.where,
        parameters=_texts(mapping.get("parameters"), "parameters", problems),
        places=_places(mapping),
    )


def _places(mapping: yaml12.Mapping) -> dict[str, Where]:
    found = {entry.key.text: entry.value.where for entry in mapping.entries}
    parameters = mapping.get("parameters")
    if parameters is not None and isinstance(parameters.value, yaml12.Mapping):
        found |= {f"-p {each.key.text}": each.key.where for each in parameters.value.entries}
    return found


def _channels(entry: Entry | None, problems: Problems) -> dict[str, str]:
    if entry is None:
        return {}
    if not isinstance(entry.value, yaml12.Mapping):
        return {MAIN: _text(entry, "channel", problems)}
    by_role = _texts(entry, "channel", problems)
    if MAIN not in by_role:
        problems.add("no-main", entry.value.where, "no channel has the role `main`")
    return by_role


def _texts(entry: Entry | None, what: str, problems: Problems) -> dict[str, str]:
    mapping = None if entry is None else fields.as_mapping(entry.value, f"`{what}`", problems)
    return {
        each.key.text: _text(each, each.key.text, problems)
        for each in (() if mapping is None else mapping.entries)
    }


def _text(entry: Entry | None, what: str, problems: Problems) -> str:
    return "" if entry is None else fields.as_text(entry.value, f"`{what}`", problems) or ""


def _beside(name: str, folder: Path) -> str:
    """A protocol file stands beside the batch file; any other name is one of the library."""
    path = folder / name
    return str(path) if name and not Path(name).is_absolute() and path.is_file() else name
