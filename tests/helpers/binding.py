"""Short ways to bind pieces of protocol, and names that an expression may ask."""

from collections.abc import Mapping
from itertools import count

from helpers.cells_under_test import CELLS, RATINGS
from labctl_protocols.checker import MEASURED, bind
from labctl_protocols.context import Context, Scope, Term
from labctl_protocols.control import bind_steps
from labctl_protocols.expressions import parse
from labctl_protocols.files import protocol_from_text
from labctl_protocols.plan import Limits, Node, Plan, Value, Where, every
from labctl_protocols.problems import Problems, ProtocolError
from labctl_protocols.quantities import NUMBER
from labctl_protocols.terms import maker_of
from labctl_protocols.yaml12 import Scalar


def plan_of(steps: str, cell: str = "full", head: str = "", **parameters: str) -> Plan:
    """The plan of a list of steps, written flush left."""
    body = "\n".join(f"  {line}" for line in steps.strip("\n").split("\n"))
    text = f"name: x\n{head}\nsteps:\n{body}\n"
    return bind(protocol_from_text(text, "f.yaml"), CELLS[cell], RATINGS, parameters)


def nodes_of(steps: str, cell: str = "full", head: str = "", **parameters: str) -> list[Node]:
    """The plan's nodes in file order."""
    return list(every(plan_of(steps, cell, head, **parameters).steps))


def problems_in(steps: str) -> list[str]:
    """What is refused, as printed."""
    try:
        plan_of(steps)
    except ProtocolError as error:
        return str(error).split("\n")
    return []


class Known:
    """Names with given values; unknown where none is given. `held` tells what it was asked."""

    def __init__(self, values: Mapping[str, Value] | None = None, ended: str | None = None) -> None:
        self.values = values or {}
        self.word = ended
        self.asked: list[tuple[int, Value, float | None, float | None]] = []

    def live(self, name: str) -> Value:
        return self.values.get(name)

    def ended(self) -> str | None:
        return self.word

    def last(self, label: str, figure: str) -> Value:
        return self.values.get(f"last({label}).{figure}")

    def slope(self, name: str, window_s: float) -> Value:
        return self.values.get(f"{name} over {window_s:g}")

    def doubtful(self):
        return (self,)

    def held(self, guard: int, now: Value, seconds: float | None, cycles: float | None) -> Value:
        self.asked.append((guard, now, seconds, cycles))
        return now


def term_of(text: str, cell: str | None = "full", start: str = "value") -> Term:
    """The text as a term. Raises ProtocolError."""
    problems = Problems()
    record = None if cell is None else CELLS[cell]
    ctx = Context(
        problems=problems,
        cell=record,
        kind=None if record is None else record.kind,
        limits=Limits(),
        measures=MEASURED | {"temperature"},
        routines={},
        bind_steps=bind_steps,
        ids=count(),
    )
    parsed = parse(Scalar(Where("f.yaml", 1, 1), text), problems, start)
    problems.raise_if_any()
    assert parsed is not None
    term = maker_of(
        parsed, Scope(counters={"k": Term(NUMBER, lambda names: names.live("k"))}), ctx
    ).term(parsed.tree)
    problems.raise_if_any()
    return term


def value_of(text: str, names: Known | None = None, cell: str | None = "full") -> Value:
    """The value of a text."""
    return term_of(text, cell).run(names or Known())


def truth_of(text: str, names: Known | None = None) -> Value:
    """The truth value of a condition."""
    return term_of(text, start="condition").run(names or Known())
