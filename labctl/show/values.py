"""Figures out of a journal's events: typed, in the units that people read."""

from collections.abc import Mapping, Sequence

Data = Mapping[str, object]


def number(data: Data, name: str) -> float | None:
    """A figure of an event; None where it is unknown."""
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def text(data: Data, name: str) -> str:
    """A text of an event; empty where there is none."""
    value = data.get(name)
    return value if isinstance(value, str) else ""


def part(data: Data, name: str) -> Data:
    """A mapping inside an event; empty where there is none."""
    value = data.get(name)
    return value if isinstance(value, Mapping) else {}


def parts(data: Data, name: str) -> Sequence[Data]:
    """A list of mappings inside an event."""
    value = data.get(name)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    return [each for each in value if isinstance(each, Mapping)]


def strings(data: Data, name: str) -> list[str]:
    """A list of texts inside an event."""
    value = data.get(name)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [each for each in value if isinstance(each, str)]


def scaled(data: Data, name: str, factor: float) -> float | None:
    """A figure times a factor; None where it is unknown."""
    value = number(data, name)
    return None if value is None else value * factor


def figure(value: float | None, form: str, unit: str = "") -> str:
    """A figure for a table; a dash where it is unknown."""
    if value is None:
        return "–"
    return f"{value:{form}}" + (f" {unit}" if unit else "")


def is_interrupted(group: Data) -> bool:
    """Whether a group's figures are missing though charge passed both ways."""
    return not group.get("complete") and bool(part(group, "first") and part(group, "second"))
