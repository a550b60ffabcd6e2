"""What is shipped: protocols, cells and routines as YAML, found by name."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from labctl_protocols.problems import Problems
from labctl_protocols.yaml12 import Mapping, Scalar, compose

Shelf = Literal["protocols", "cells", "routines"]


@dataclass(frozen=True, slots=True)
class Shipped:
    """One shipped file: its name, and what it says of itself."""

    name: str
    title: str
    source: str


def names(shelf: Shelf) -> tuple[str, ...]:
    """The names of what is shipped, sorted."""
    found = (item.name for item in files(__name__).joinpath(shelf).iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml")))


def text_of(shelf: Shelf, name: str) -> tuple[str, str]:
    """The file as messages name it, and its text. Raises KeyError for an unknown name."""
    if name not in names(shelf):
        raise KeyError(name)
    text = files(__name__).joinpath(shelf, f"{name}.yaml").read_text("utf-8")
    return f"library/{shelf}/{name}.yaml", text


def shipped(shelf: Shelf) -> tuple[Shipped, ...]:
    """All of a shelf with title and source."""
    found = []
    for name in names(shelf):
        file, text = text_of(shelf, name)
        root = compose(text, file, Problems())
        fields = {
            entry.key.text: entry.value.text
            for entry in (root.entries if isinstance(root, Mapping) else ())
            if isinstance(entry.value, Scalar)
        }
        found.append(Shipped(name, fields.get("title", ""), fields.get("source", "")))
    return tuple(found)
