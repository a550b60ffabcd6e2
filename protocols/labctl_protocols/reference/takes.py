"""What a key takes: in words for people, and as a piece of JSON Schema (draft 7) for editors.

A schema sees YAML's values, which an editor reads as text, numbers or truth values; it knows
nothing of expressions, so that a value is only as strict here as its letters show.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from labctl_protocols.quantities import TEMPERATURE, UNITS, VOLTAGE, Dimensions

Schema = dict[str, Any]
NOT_EMPTY = r"\S"
HAS_UNIT = r"[A-Za-z%$\u00b5\u03bc\u03a9\u2126]"
"""A letter, a percent sign or a parameter: a plain number has none."""
DECIMAL_COMMA = r"[0-9],[0-9]"
NO_COMMA: Schema = {"type": "string", "pattern": DECIMAL_COMMA}
"""What a value is not."""
NUMBER = r"([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
SIGNED = (VOLTAGE, TEMPERATURE)
"""What a cell record may have below zero."""


@dataclass(frozen=True, slots=True)
class Takes:
    """What may stand at a place."""

    words: str
    schema: Schema

    def __post_init__(self) -> None:
        if "pattern" in self.schema:
            # VS Code says this in place of a regular expression; other programs pass over it
            self.schema["patternErrorMessage"] = f"Takes {self.words}."

    def but(self, words: str) -> "Takes":
        """The same to an editor, in other words."""
        return replace(self, words=words, schema=dict(self.schema))


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a mapping: what it takes, and what it means in a line."""

    takes: Takes
    meaning: str
    required: bool = False


Keys = Mapping[str, Key]

TEXT = Takes("text", {"type": ["string", "number", "boolean"], "pattern": NOT_EMPTY})
LABEL = Takes("a label", {"type": ["string", "integer"], "pattern": r"^[\w-]+$"})


def value(words: str) -> Takes:
    """A value with its unit, or an expression of such values."""
    schema = {"type": "string", "pattern": HAS_UNIT, "not": NO_COMMA}
    return Takes(words, schema)


COUNT = Takes(
    "a whole number",
    {
        "type": ["string", "integer"],
        "minimum": 1,
        "pattern": r"^\s*(?!-|[0-9]*\.[0-9]|0\s*$)\S",
        "not": NO_COMMA,
    },
)
ROUNDS = Takes(
    "`NUMBER [as NAME]`",
    {
        "type": ["string", "integer"],
        "minimum": 0,
        "pattern": r"^\s*(?!-|[0-9]+\.[0-9])\S",
        "not": {"type": "string", "pattern": rf"{DECIMAL_COMMA}|^\s*[0-9]+ ?[a-zA-Z]+\s*$"},
    },
)
ANY_VALUE = Takes(
    "a value",
    {
        "type": ["string", "number"],
        "pattern": NOT_EMPTY,
        "not": NO_COMMA,
    },
)
CONDITION = Takes(
    "a condition",
    {
        "type": "string",
        "pattern": r"[<>=!]|\b(and|or|not)\b",
        "not": NO_COMMA,
    },
)
ENDS = Takes(
    "ends joined by `or`",
    {
        "type": "string",
        "pattern": rf"^(?!\s*until\b).*{HAS_UNIT}",
        "not": NO_COMMA,
    },
)
DRIVE = Takes(
    "`VALUE until ENDS [then hold until ENDS]`",
    {"type": "string", "pattern": r"\S\s+until\s+\S", "not": NO_COMMA},
)
SPAN = Takes("`low .. high`", {"type": "string", "pattern": r"\.\.", "not": NO_COMMA})


def one_of(words: Collection[str]) -> Takes:
    """One of some words."""
    first, last = [f"`{word}`" for word in words][:-1], list(words)[-1]
    return Takes(f"{', '.join(first)} or `{last}`", {"enum": list(words)})


def mapping(name: str, words: str) -> Takes:
    """A mapping with the keys of one of the tables."""
    return Takes(words, {"$ref": f"#/definitions/{name}"})


def list_of(item: Takes, words: str) -> Takes:
    """A list with at least one item."""
    return Takes(words, {"type": "array", "minItems": 1, "items": item.schema})


def either(words: str, *takes: Takes) -> Takes:
    """Any of several."""
    return Takes(words, {"anyOf": [each.schema for each in takes]})


def quantity(dimensions: Dimensions, words: str) -> Takes:
    """One literal quantity: a number, at most one space, a unit of the closed list."""
    return Takes(words, {"type": "string", "pattern": f"^{quantity_pattern(dimensions)}$"})


def quantity_span(dimensions: Dimensions, words: str) -> Takes:
    """`low .. high` of two literal quantities."""
    one = quantity_pattern(dimensions)
    return Takes(words, {"type": "string", "pattern": rf"^{one}\s*\.\.\s*{one}$"})


def quantity_pattern(dimensions: Dimensions) -> str:
    """A literal quantity as a regular expression that JavaScript knows too."""
    units = [re.escape(text) for text, unit in UNITS.items() if unit.dimensions == dimensions]
    listed = "|".join(sorted(units, key=len, reverse=True)).replace("u", "[u\u00b5\u03bc]")
    sign = "-?" if dimensions in SIGNED else ""
    return rf"({sign}{NUMBER} ?({listed}){'|C/[0-9.]+' if 'C' in units else ''})"
