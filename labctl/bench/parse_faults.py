"""Faults of a simulated instrument's wire: `faults: {drop: 0.001, hang: {after: 2 h}}`."""

from labctl.bench.values import read_integer, read_number
from labctl_protocols.cell_record import read_quantity
from labctl_protocols.fields import as_mapping, as_scalar, refuse_unknown
from labctl_protocols.problems import Problems
from labctl_protocols.quantities import TIME, to_si
from labctl_protocols.yaml12 import Broken, Entry, Mapping, Node, Scalar
from labctl_simulators.faults import KINDS, SECONDS, Fault

WHEN_KEYS = ("part", "after", "times")
LASTING_KEYS = (*WHEN_KEYS, "seconds")
LONGEST_S = 86400.0
HINT = "a part of the replies, 0 to 1, or a mapping as {after: 2 h}"


def parse_faults(entry: Entry | None, problems: Problems) -> dict[str, Fault]:
    """The faults by kind; those of which nothing can be made are noted and left out."""
    mapping = None if entry is None else as_mapping(entry.value, "`faults`", problems)
    if mapping is None:
        return {}
    refuse_unknown(mapping.entries, tuple(KINDS), problems)
    found = {}
    for each in mapping.entries:
        fault = _fault(each, problems) if each.key.text in KINDS else None
        if fault is not None:
            found[each.key.text] = fault
    return found


def _fault(entry: Entry, problems: Problems) -> Fault | None:
    kind, node = entry.key.text, entry.value
    if isinstance(node, Scalar):
        part = _part(node, kind, problems)
        return None if part is None else Fault(part)
    if isinstance(node, Broken):
        return None
    if not isinstance(node, Mapping):
        problems.add("fault", node.where, f"`{kind}` cannot be a list", HINT)
        return None
    return _settings(kind, node, problems)


def _settings(kind: str, mapping: Mapping, problems: Problems) -> Fault | None:
    refuse_unknown(mapping.entries, LASTING_KEYS if kind in SECONDS else WHEN_KEYS, problems)
    part, after, seconds = (mapping.get(key) for key in ("part", "after", "seconds"))
    if part is None and after is None:
        problems.add("fault", mapping.where, f"`{kind}` never comes", "give it `part` or `after`")
    lasts_s = None if seconds is None else _seconds(seconds, problems)
    return Fault(
        part=None if part is None else _part(part.value, "part", problems),
        after_s=0.0 if after is None else _after(after, problems),
        times=read_integer(mapping.get("times"), "times", (1, 10**9), problems, "times"),
        seconds=lasts_s,
    )


def _part(node: Node, what: str, problems: Problems) -> float | None:
    value = read_number(node, what, problems, "fault")
    if value is None or 0.0 <= value <= 1.0:
        return value
    problems.add("fault", node.where, f"`{what}` cannot be {value:g}", HINT)
    return None


def _after(entry: Entry, problems: Problems) -> float:
    scalar = as_scalar(entry.value, "`after`", problems)
    quantity = None if scalar is None else read_quantity(scalar, "`after`", TIME, problems)
    value_s = 0.0 if quantity is None else to_si(quantity)
    if value_s < 0.0:
        problems.add("fault", entry.value.where, "`after` cannot be negative")
        return 0.0
    return value_s


def _seconds(entry: Entry, problems: Problems) -> float | None:
    value = read_number(entry.value, "seconds", problems, "fault")
    if value is None or 0.0 <= value <= LONGEST_S:
        return value
    hint = f"a plain number, 0 to {LONGEST_S:g}"
    problems.add("fault", entry.value.where, f"`seconds` cannot be {value:g}", hint)
    return None
