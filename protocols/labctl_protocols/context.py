"""What binding knows: the cell, who measures what, the names in scope, and where it stands."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Literal

from labctl_protocols.cell_record import CellRecord
from labctl_protocols.plan import CellKind, Limits, Names, Node, Value, Where
from labctl_protocols.problems import Problems
from labctl_protocols.quantities import Dimensions, Quantity
from labctl_protocols.yaml12 import Mapping as YamlMapping
from labctl_protocols.yaml12 import Node as YamlNode

Kind = Dimensions | Literal["truth", "bad"]
Loop = tuple[str, float, float]
"""A loop name as the plan knows it, and the least and greatest value it takes."""
MAX_STEPS = 10_000
NO_LIMITS = Limits()
MEASURED_BY = "in the bench, `temperature` beside the channel names the auxiliary that does"


@dataclass(frozen=True, slots=True)
class Term:
    """A compiled value: what it measures, how to get it, and what is known of it beforehand.

    `constant` is its value where that does not depend on the run, else None. `word` is the first
    live name in it. `size` bounds the work of one evaluation. `literal` is the quantity that it
    is, where it is one as written. `loops` are the loop names that it depends on, each with its
    least and greatest value; None where it depends on the run. `ledger`: a charge of the metal
    ledger is in it. "bad": its problem has been noted.
    """

    kind: Kind
    run: Callable[[Names], Value]
    constant: float | bool | None = None
    word: str | None = None
    size: int = 1
    literal: Quantity | None = None
    loops: tuple[Loop, ...] | None = None
    ledger: bool = False


def unknown(_: Names) -> Value:
    """The value of what cannot be known."""
    return None


BAD = Term("bad", unknown)


@dataclass(frozen=True, slots=True)
class Named:
    """What a `$name` stands for, and how it is shown; `compound`: in parentheses."""

    term: Term
    text: str
    compound: bool = False


@dataclass(frozen=True, slots=True)
class Compiled:
    """A `plan.Expression`. `constant` is its value where that does not depend on the run."""

    text: str
    evaluate: Callable[[Names], Value] = field(repr=False, compare=False)
    constant: float | bool | None = None


@dataclass(frozen=True, slots=True)
class RoutineFile:
    """A routine as read: its parameters and steps, still a tree."""

    name: str
    file: str
    root: YamlMapping | None


@dataclass(frozen=True, slots=True)
class Auxiliaries:
    """What a bench measures beside the cell, all of it temperatures.

    `settable` says of each auxiliary by name whether it can be set, too; `temperature` is the one
    that measures the cell.
    """

    settable: Mapping[str, bool] = field(default_factory=dict)
    temperature: str | None = None


NO_AUXILIARIES = Auxiliaries()


@dataclass(slots=True)
class Context:
    """One binding of one protocol. What is None is not known, and what needs it is left out.

    `roles` are the terminals that have a channel, `abilities` what the main one's instrument can do
    beyond driving and reading, `auxiliaries` the bench's, and whether each can be set;
    `auxiliary_uses` are those that the protocol names.
    """

    problems: Problems
    cell: CellRecord | None
    kind: CellKind | None
    limits: Limits
    measures: frozenset[str]
    routines: Mapping[str, RoutineFile]
    bind_steps: "BindSteps"
    roles: frozenset[str] | None = None
    abilities: frozenset[str] | None = None
    auxiliaries: Mapping[str, bool] | None = None
    auxiliary_uses: set[str] = field(default_factory=set)
    ids: Iterator[int] = field(default_factory=count)
    guards: Iterator[int] = field(default_factory=count)
    steps: int = 0
    labels: set[str] = field(default_factory=set)
    label_uses: list[tuple[Where, str]] = field(default_factory=list)


BindSteps = Callable[[YamlNode, "Scope", Context, str], tuple[Node, ...]]
"""Binds a list of steps: loops and routines hold lists of steps in their turn."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which names hold here, and what encloses this place.

    `counters` are the loop counters as written; in the plan their names are unique among all
    loops around them: `taken` are those names, routines' callers included.
    """

    values: Mapping[str, Named] = field(default_factory=dict)
    counters: Mapping[str, Term] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()
    path: str = ""
    in_loop: bool = False
    limits: Limits = NO_LIMITS
    calls: tuple[str, ...] = ()

    def at(self, path: str) -> "Scope":
        """The same scope at another place of the plan."""
        return replace(self, path=path)

    def child(self, part: str) -> str:
        """The path of something in here."""
        return f"{self.path}.{part}" if self.path else part

    def unique(self, name: str) -> str:
        """The name, or the name with a number where a loop around has it already."""
        chosen, number = name, 2
        while chosen in self.taken:
            chosen, number = f"{name}_{number}", number + 1
        return chosen
