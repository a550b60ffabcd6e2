"""What a run's plan was bound from, as its manifest keeps it, and the plan made from that again."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labctl.journal import JournalError
from labctl_drivers.vocabulary import Ratings
from labctl_protocols.cell_record import CellRecord
from labctl_protocols.checker import bind
from labctl_protocols.context import NO_AUXILIARIES, Auxiliaries
from labctl_protocols.files import ProtocolFile, cell_from_text, protocol_from_text
from labctl_protocols.plan import MAIN, Plan
from labctl_protocols.problems import Problems
from labctl_protocols.yaml12 import List, Node, compose
from labctl_protocols.yaml12 import Mapping as YamlMapping

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Texts = Mapping[str, tuple[str, str]]
"""Routine → its file and its text."""


class SourcesChanged(JournalError):
    """What the plan was bound from is not what the run's hash was made of."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A plan and the ratings of the instruments it was bound to, by terminal."""

    plan: Plan
    ratings: Mapping[str, Ratings]


def sources_of(
    protocol: ProtocolFile,
    cell: CellRecord,
    ratings: Mapping[str, Ratings],
    given: Mapping[str, str],
    auxiliaries: Auxiliaries,
) -> dict[str, object]:
    """What beside the texts of protocol and cell the plan was bound from, as plain JSON.

    `given` are the parameters that were given for the run; `sha256` is of all, the texts too.
    """
    beside: dict[str, object] = {
        "protocol_file": protocol.file,
        "cell_file": cell.file,
        "given": dict(given),
        "routines": {name: list(one) for name, one in called_routines(protocol).items()},
        "ratings": _by_terminal().dump_python(dict(ratings), mode="json"),
        "auxiliaries": {
            "settable": dict(auxiliaries.settable),
            "temperature": auxiliaries.temperature,
        },
    }
    return {**beside, "sha256": _digest(protocol.text, cell.text, beside)}


def called_routines(protocol: ProtocolFile) -> Texts:
    """The routines that a protocol calls, and those that they call."""
    found: dict[str, tuple[str, str]] = {}
    waiting: list[Node] = [protocol.root]
    while waiting:
        for key in _keys(waiting.pop()):
            if key in protocol.routines and key not in found:
                file, text = found[key] = protocol.routines[key]
                root = compose(text, file, Problems())
                waiting += [] if root is None else [root]
    return found


def plan_of_manifest(
    manifest: Mapping[str, object], revision: Mapping[str, object] | None = None
) -> Bound:
    """The plan that a run's manifest tells of, bound anew; with a revision's `protocol_text`,
    `file` and `given`, the one that the run was amended to.

    Raises JournalError where the manifest lacks something, SourcesChanged (one, too) where it was
    altered, ProtocolError where this version of labctl refuses the protocol.
    """
    from pydantic import ValidationError

    try:
        written, record = _part(manifest, "protocol"), _part(manifest, "cell")
        sources = dict(_part(manifest, "sources"))
        text, cell_text = str(written["text"]), str(record["text"])
        told, file = str(sources.pop("sha256")), str(sources["protocol_file"])
        given = _texts(_part(sources, "given"))
        routines = {name: _pair(one) for name, one in _part(sources, "routines").items()}
        ratings = _by_terminal().validate_python(sources["ratings"])
        auxiliaries = _auxiliaries(sources)
        cell_file, main = str(sources["cell_file"]), ratings[MAIN]
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        missing = " ".join(str(error).split())
        raise JournalError(
            f"the run's manifest does not say what its plan was bound from ({missing}): it was "
            "made by a version of labctl that did not keep it"
        ) from error
    if _digest(text, cell_text, sources) != told:
        raise SourcesChanged(
            "what the run's plan was bound from was changed: the protocol, the cell, a routine, a "
            "parameter or the ratings in its manifest are not those of its hash"
        )
    if revision is not None:
        text, file = str(revision["protocol_text"]), str(revision["file"])
        given = _texts(_part(revision, "given"))
    protocol = replace(protocol_from_text(text, file), routines=routines)
    cell = cell_from_text(cell_text, cell_file)
    others = {role: each for role, each in ratings.items() if role != MAIN}
    plan = bind(protocol, cell, main, given, others=others, auxiliaries=auxiliaries)
    return Bound(plan, ratings)


def _auxiliaries(sources: Mapping[str, object]) -> Auxiliaries:
    """What stood beside the cell; nothing did in runs of a version that knew of nothing there."""
    if "auxiliaries" not in sources:
        return NO_AUXILIARIES
    told = _part(sources, "auxiliaries")
    settable = {name: value is True for name, value in _part(told, "settable").items()}
    temperature = told["temperature"]
    return Auxiliaries(settable, None if temperature is None else str(temperature))


def ratings_of_manifest(manifest: Mapping[str, object]) -> Mapping[str, Ratings]:
    """The ratings of the run's instruments, by terminal. Raises JournalError where it has none."""
    from pydantic import ValidationError

    try:
        return _by_terminal().validate_python(_part(manifest, "sources")["ratings"])
    except (KeyError, TypeError, ValidationError) as error:
        raise JournalError("the run's manifest does not say what its instruments can do") from error


def _by_terminal() -> "TypeAdapter[dict[str, Ratings]]":
    from pydantic import TypeAdapter  # takes a fifth of a second; `labctl --help` needs none

    return TypeAdapter(dict[str, Ratings])


def _digest(protocol: str, cell: str, beside: Mapping[str, object]) -> str:
    whole = json.dumps([protocol, cell, beside], sort_keys=True, allow_nan=False)
    return hashlib.sha256(whole.encode()).hexdigest()


def _keys(node: Node) -> Iterator[str]:
    if isinstance(node, YamlMapping):
        for entry in node.entries:
            yield entry.key.text
            yield from _keys(entry.value)
    elif isinstance(node, List):
        for item in node.items:
            yield from _keys(item)


def _part(data: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = data[name]
    if not isinstance(part, Mapping):
        raise TypeError(f"{name} is no mapping")
    return part


def _texts(data: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in data.items()}


def _pair(data: object) -> tuple[str, str]:
    if not isinstance(data, list) or len(data) != 2:
        raise TypeError("a routine is no file and text")
    return str(data[0]), str(data[1])
