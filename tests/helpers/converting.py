"""Converted protocols as plain figures, to be compared with what was worked out by hand."""

import json
from dataclasses import dataclass

import pytest

from labctl.convert import convert_text
from labctl_protocols.cell_record import CellRecord
from labctl_protocols.plan import Drive, End, Expression, Hold, Limits, Plan, Rest, every
from labctl_protocols.problems import ProtocolError

BIG = CellRecord(
    id="big",
    kind="full",
    metal="Li",
    area_cm2=100.0,
    capacity_Ah=5.0,
    limits=Limits(low_V=-5.0, high_V=5.0, current_A=50.0),
)
"""So wide that no example is refused for its size."""


class _Nothing:
    def live(self, name: str) -> None:
        return None

    def ended(self) -> None:
        return None

    def last(self, label: str, figure: str) -> None:
        return None

    def slope(self, name: str, window_s: float) -> None:
        return None

    def doubtful(self):
        return (self,)

    def held(self, guard: int, now: object, seconds: object, cycles: object) -> None:
        return None


@dataclass(frozen=True)
class Leaf:
    """A step that drives: signed A, W or ohm, the held V, and its ends in SI by kind."""

    verb: str
    amperes: float | None
    volts: float | None
    ends: dict[str, float]
    watts: float | None = None
    ohms: float | None = None


def leaves(plan: Plan) -> list[Leaf]:
    """The plan's driving steps, with the second part of a CC-CV as a step of its own."""
    found = []
    for node in every(plan.steps):
        if isinstance(node, Drive):
            assert node.at is not None
            size = float(node.at.evaluate(_Nothing()) or 0.0) * node.sign
            sizes = {"current": (size, None, None), "power": (None, size, None)}
            amperes, watts, ohms = sizes.get(node.control, (None, None, size))
            found.append(Leaf(node.verb, amperes, None, _ends(node.until), watts, ohms))
            if node.then_hold is not None:
                volts = found[-1].ends["voltage"]
                found.append(Leaf("hold", None, volts, _ends(node.then_hold.until)))
        elif isinstance(node, Hold) and node.voltage is not None:
            volts = float(node.voltage.evaluate(_Nothing()) or 0.0)
            found.append(Leaf("hold", None, volts, _ends(node.until)))
        elif isinstance(node, Rest):
            found.append(Leaf("rest", 0.0, None, _ends(node.until)))
    return found


def _ends(ends: tuple[End, ...]) -> dict[str, float]:
    return {
        end.kind: float(end.expression.evaluate(_Nothing()) or 0.0)
        for end in ends
        if end.kind != "condition"
    }


def same(found: Leaf, wanted: Leaf) -> None:
    """Fails where the two differ by more than rounding."""
    assert found.verb == wanted.verb
    for name in ("amperes", "watts", "ohms", "volts", "ends"):
        assert getattr(found, name) == pytest.approx(getattr(wanted, name)), name


def value(expression: Expression | None) -> float | None:
    """What it is before any run."""
    known = None if expression is None else expression.evaluate(_Nothing())
    return None if known is None else float(known)


def steps_of(yaml: str) -> str:
    """What stands below `steps:`, flush left."""
    body = yaml.partition("\nsteps:\n")[2]
    return "\n".join(line.removeprefix("  ") for line in body.rstrip("\n").split("\n"))


def refusals(document: object, file: str = "f.json", **options: object) -> list[str]:
    """What is refused, as printed; the document as JSON unless it is a text already."""
    text = document if isinstance(document, str) else json.dumps(document)
    try:
        convert_text(text, file, **options)  # type: ignore[arg-type]  # whatever the test gives
    except ProtocolError as error:
        return [str(problem) for problem in error.problems]
    return []
