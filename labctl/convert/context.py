"""What every reader of a foreign format needs: refusals with their place, and checked values."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field

from labctl.convert.places import Node, shortened
from labctl_protocols import fields
from labctl_protocols.cell_record import CellRecord
from labctl_protocols.plan import Where
from labctl_protocols.problems import Problems

MAX_PROBLEMS = 100


@dataclass(slots=True)
class Context:
    """What is found while a file is converted.

    `without` are the places that the user allows to be left out; `notes` say what the user must
    know about the result; `left` are those of `without` that were met.
    """

    file: str
    cell: CellRecord | None = None
    without: frozenset[str] = frozenset()
    problems: Problems = field(default_factory=Problems)
    notes: list[str] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    noted: int = 0
    _since: int = 0

    def wrong(self, where: Where, message: str, hint: str = "") -> None:
        """Something that the format itself does not allow. Raises ProtocolError at the 100th."""
        self.problems.add("convert", where, shortened(message), hint)
        self.noted += 1
        if self.noted >= MAX_PROBLEMS:
            self.problems.raise_if_any()

    def note(self, text: str) -> None:
        """Something that the user must know about the result, once."""
        if text not in self.notes:
            self.notes.append(text)

    def begin(self) -> None:
        """A step begins: what is missing in it is noted only if nothing else is wrong with it."""
        self._since = self.noted

    def missing(self, where: Where, message: str, hint: str = "") -> None:
        """Something that the step lacks, perhaps because it was refused a moment ago."""
        if self.noted == self._since:
            self.wrong(where, message, hint)

    def refuse(self, where: Where, path: str, message: str, hint: str = "") -> None:
        """Something that labctl cannot say; nothing where the user allowed to leave it out."""
        if path in self.without:
            self.left.add(path)
            self.notes.append(f"left out as asked: {path} ({message})")
            return
        leave = f"leave it out with --without '{path}'"
        self.wrong(where, f"{path}: {message}", f"{hint}; or {leave}" if hint else leave)


def members(node: Node, known: Collection[str], ctx: Context) -> bool:
    """Whether it is an object; its unknown keys are noted."""
    if not isinstance(node.value, dict):
        ctx.wrong(node.where, f"{node.path or 'the document'}: an object `{{…}}` is wanted")
        return False
    for name, value in node.value.items():
        if name not in known:
            hint = fields.meant(name, list(known)) or "known: " + ", ".join(known)
            ctx.wrong(value.where, f"{value.path}: unknown key", hint)
    return True


def items(node: Node | None, ctx: Context) -> list[Node]:
    """The items of a list; none, with a problem, where it is no list."""
    if node is None:
        return []
    if isinstance(node.value, list):
        return node.value
    ctx.wrong(node.where, f"{node.path}: a list `[…]` is wanted")
    return []


def text(node: Node | None, ctx: Context) -> str:
    """A text; empty where there is none."""
    if node is None:
        return ""
    if isinstance(node.value, str):
        return node.value
    ctx.wrong(node.where, f"{node.path}: a text is wanted")
    return ""


def number(node: Node | None, ctx: Context, *, low: float = -math.inf) -> float | None:
    """A finite number, also one in quotes; None where there is none, or an empty text.

    `low` is the least that is allowed.
    """
    if node is None or (isinstance(node.value, str) and not node.value.strip()):
        return None
    value = node.value
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        ctx.wrong(node.where, f"{node.path}: a number is wanted")
        return None
    if value < low:
        ctx.wrong(node.where, f"{node.path}: {value:g} is below {low:g}")
        return None
    return float(value)


def count(node: Node | None, ctx: Context) -> int | None:
    """A whole number of rounds, 1 or more."""
    value = number(node, ctx, low=1)
    if node is None or value is None:
        return None
    if value != int(value):
        ctx.wrong(node.where, f"{node.path}: {value:g} is no whole number")
        return None
    return int(value)
