"""What is written so far of a unicycler document, and what of a plan is known before the run."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from labctl.convert.words import tidy
from labctl_protocols.plan import End, Expression, Node, Plan, Value, Where
from labctl_protocols.problems import Problems
from labctl_protocols.quantities import QuantityError, parse_quantity

NEARLY_ZERO_V = 1e-15
"""Stands for 0 V, which unicycler takes for no voltage at all and drops."""

Document = dict[str, object]


@dataclass(slots=True)
class Walk:
    """What is written so far, from 1 as loops count it, and the `for` values around it."""

    plan: Plan
    without: frozenset[str]
    problems: Problems = field(default_factory=Problems)
    notes: list[str] = field(default_factory=list)
    method: list[Document] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    names: dict[str, Expression] = field(default_factory=dict)

    @property
    def head(self) -> Where:
        """The protocol's first line."""
        file = self.plan.steps[0].where.file if self.plan.steps else self.plan.name
        return Where(file, 1, 1)

    def refuse(self, node: Node, what: str, hint: str = "") -> None:
        """Note something that unicycler cannot say."""
        self.problems.add(
            "convert", node.where, f"unicycler cannot say `{node.text}`: {what}", hint
        )

    def note(self, text: str) -> None:
        """Something that the user must know about the document, once."""
        if text not in self.notes:
            self.notes.append(text)

    def setting(self, name: str, what: str) -> None:
        """Note a setting of the whole protocol that unicycler lacks, unless it may be left out."""
        if name in self.without:
            self.note(f"left out as asked: {name}")
            return
        hint = f"leave it out with --without {name}"
        self.problems.add("convert", self.head, f"unicycler has no `{name}`: {what}", hint)

    def add(self, node: Node, step: Document) -> None:
        """The next step of the method."""
        if node.label:
            step["id"] = node.label
        self.method.append(step)

    def tag(self, text: str, at: int | None = None) -> None:
        """A tag, at the end if no place is given; unicycler wants each once."""
        unique, number = text, 1
        while unique in self.tags:
            number += 1
            unique = f"{text} {number}"
        self.tags.add(unique)
        self.method.insert(len(self.method) if at is None else at, {"step": "tag", "tag": unique})

    def has_only_tags(self, start: int) -> bool:
        """Whether nothing that drives or watches the cell stands from that index on."""
        return all(step["step"] == "tag" for step in self.method[start:])

    def loop(self, start: int, times: int) -> None:
        """The steps from that index on, so many times in all."""
        if len(self.method) == start + 1:
            # unicycler finds no loop around a single step by its number
            self.tag("repeat", start)
        first = self.method[start]
        target = first["tag"] if first["step"] == "tag" else start + 1
        self.method.append({"step": "loop", "loop_to": target, "cycle_count": times})


# ---- values --------------------------------------------------------------------------------


class _Fixed:
    """Names of which only `for` values are known beforehand."""

    def __init__(self, values: Mapping[str, Expression]) -> None:
        self._values = values

    def live(self, name: str) -> Value:
        known = self._values.get(name)
        return None if known is None else known.evaluate(self)

    def ended(self) -> str | None:
        return None

    def last(self, label: str, figure: str) -> Value:
        return None

    def slope(self, name: str, window_s: float) -> Value:
        return None

    def doubtful(self) -> tuple["_Fixed"]:
        return (self,)

    def held(self, guard: int, now: Value, seconds: float | None, cycles: float | None) -> Value:
        return None


def value_of(expression: Expression, walk: Walk) -> float | None:
    """The value, where it is known before the run."""
    value = expression.evaluate(_Fixed(walk.names))
    return None if value is None else float(value)


def are_plain(ends: tuple[End, ...], kinds: tuple[str, ...], walk: Walk) -> bool:
    """Whether every end is a bare quantity of these kinds that is known beforehand."""
    return all(
        end.kind in kinds and end.held is None and value_of(end.expression, walk) is not None
        for end in ends
    )


def current_of(at: Expression, size: float, sign: int, walk: Walk) -> Document:
    """The C-rate where it was written as one, else mA."""
    text = at.text
    name = walk.names.get(text)
    try:
        quantity = parse_quantity(text if name is None else name.text)
    except QuantityError:
        quantity = None
    if quantity is not None and quantity.unit is not None and quantity.unit.text == "C":
        return {"rate_C": sign * quantity.value}
    return {"current_mA": sign * tidy(size * 1e3)}


def voltage_of(node: Node, expression: Expression, walk: Walk, zero: float = 0.0) -> float | None:
    """The voltage; `zero` is what is written for 0 V."""
    value = value_of(expression, walk)
    if value is None:
        walk.refuse(node, "its voltage is not known beforehand")
        return None
    value = tidy(value)
    if value == 0 and zero:
        walk.note(f"{node.path}: 0 V is written as {zero:g} V: unicycler drops a plain 0")
        return zero
    return value


def seconds_of(ends: tuple[End, ...], walk: Walk) -> float | None:
    """The earliest time end."""
    times = [value_of(end.expression, walk) for end in ends if end.kind == "time" and not end.held]
    known = [tidy(time) for time in times if time is not None]
    return min(known, default=None)
