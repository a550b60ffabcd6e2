"""What a plan will do: every step with its values in A, V and Ah, and the worst case of time and
charge. Loops are multiplied, never unrolled.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from labctl_protocols.plan import (
    Drive,
    End,
    Expression,
    For,
    Group,
    Hold,
    If,
    Node,
    Plan,
    Repeat,
    Rest,
    Value,
)

Bounds = Mapping[str, tuple[float, float]]
UNBOUNDED = float("inf")


@dataclass(frozen=True, slots=True)
class Worst:
    """The most time (s) and charge (A·s, both directions) that may pass; inf: unbounded."""

    time_s: float = 0.0
    charge_As: float = 0.0

    def then(self, other: "Worst") -> "Worst":
        """One after the other."""
        return Worst(self.time_s + other.time_s, self.charge_As + other.charge_As)

    def either(self, other: "Worst") -> "Worst":
        """One or the other, nobody knows which."""
        return Worst(max(self.time_s, other.time_s), max(self.charge_As, other.charge_As))

    def times(self, rounds: float) -> "Worst":
        """So many rounds; none of nothing is nothing."""
        return Worst(
            self.time_s * rounds if self.time_s else 0.0,
            self.charge_As * rounds if self.charge_As else 0.0,
        )


class _AtBound:
    """The names' values at one end of what they can be; raises LookupError where that is open."""

    def __init__(self, bounds: Bounds, end: int) -> None:
        self._bounds = bounds
        self._end = end

    def live(self, name: str) -> Value:
        return self._bounds[name][self._end]

    def ended(self) -> str | None:
        raise LookupError

    def last(self, label: str, figure: str) -> Value:
        raise LookupError(label)

    def slope(self, name: str, window_s: float) -> Value:
        raise LookupError(name)

    def held(self, guard: int, now: Value, seconds: float | None, cycles: float | None) -> Value:
        raise LookupError(guard)


def range_of(expression: Expression, bounds: Bounds) -> tuple[float, float] | None:
    """The least and greatest value, for expressions that rise or fall with their names.

    None where a name in it has no bounds, or the value is unknown.
    """
    try:
        ends = [expression.evaluate(_AtBound(bounds, end)) for end in (0, 1)]
    except LookupError:
        return None
    known = [float(value) for value in ends if value is not None]
    return (min(known), max(known)) if len(known) == 2 else None


@dataclass(frozen=True, slots=True)
class _At:
    """Where the worst case stands: the plan, the names' bounds, how often this runs in all."""

    plan: Plan
    bounds: Bounds
    depth: int = 0

    def inside(self, name: str, low: float, high: float) -> "_At":
        return replace(self, bounds={**self.bounds, name: (low, high)})

    def deeper(self) -> "_At":
        return replace(self, depth=self.depth + 1)

    def with_deposit(self, charge_As: float) -> "_At":
        return self.inside("deposit", 0.0, self.deposit + charge_As)

    @property
    def deposit(self) -> float:
        return self.bounds["deposit"][1]


def explain(plan: Plan) -> list[dict[str, object]]:
    """A row for each node in file order: plain data, SI in A, V, s and Ah; None: nothing bounds it.

    `worst_s` and `worst_Ah` are of one execution of the node, loops with all their rounds.
    """
    rows: list[dict[str, object]] = []
    _block(plan.steps, _start(plan), rows)
    return rows


def worst_case(plan: Plan) -> tuple[float | None, float | None]:
    """The most time (s) and charge (Ah) that the run may take; None: nothing bounds it."""
    worst, _ = _block(plan.steps, _start(plan), [])
    return _finite(worst.time_s), _finite(worst.charge_As / 3600.0)


def _start(plan: Plan) -> _At:
    bounds = {"deposit": (0.0, 0.0)}
    if plan.inventory_Ah is not None:
        bounds["inventory"] = (0.0, plan.inventory_Ah * 3600.0)
    return _At(plan, bounds)


def _finite(value: float) -> float | None:
    return None if value == UNBOUNDED else value


def _block(nodes: tuple[Node, ...], at: _At, rows: list[dict[str, object]]) -> tuple[Worst, _At]:
    """All nodes one after the other; the bounds of `deposit` behind them."""
    worst = Worst()
    for node in nodes:
        row: dict[str, object] = {
            "id": node.id,
            "path": node.path,
            "text": node.text,
            "label": node.label,
            "depth": at.depth,
            "where": str(node.where),
        }
        rows.append(row)
        one, at = _node(node, at, row, rows)
        row["worst_s"] = _finite(one.time_s)
        row["worst_Ah"] = _finite(one.charge_As / 3600.0)
        worst = worst.then(one)
    return worst, at


def _node(
    node: Node, at: _At, row: dict[str, object], rows: list[dict[str, object]]
) -> tuple[Worst, _At]:
    match node:
        case Drive():
            return _drive(node, at, row, rows)
        case Hold():
            row["voltage_V"] = None if node.voltage is None else _single(node.voltage, at.bounds)
            row["ends"] = list(_ends(node.until, at.bounds))
            return _held(node, at.plan.limits.current_A, at), at
        case Rest():
            row["ends"] = list(_ends(node.until, at.bounds))
            return Worst(_least(node.until, "time", at.bounds)), at
        case Group():
            row["class"] = node.group_class
            row["pair"] = node.pair
            worst, behind = _block(node.steps, at.deeper(), rows)
            return worst, replace(behind, depth=at.depth)
        case Repeat() | For():
            return _loop(node, at, row, rows)
        case If():
            then, after_then = _block(node.then, at.deeper(), rows)
            other, after_other = _block(node.otherwise, at.deeper(), rows)
            most = max(after_then.deposit, after_other.deposit)
            return then.either(other), at.inside("deposit", 0.0, most)
        case _:
            return Worst(), at


def _drive(
    node: Drive, at: _At, row: dict[str, object], rows: list[dict[str, object]]
) -> tuple[Worst, _At]:
    current = None if node.at is None else range_of(node.at, at.bounds)
    row["current_A"] = None if current is None or current[0] != current[1] else (
        node.sign * current[0]
    )  # fmt: skip
    row["sign"] = node.sign
    row["ends"] = list(_ends(node.until, at.bounds))
    worst = _driven(node, current, at)
    if node.then_hold is not None:
        hold = node.then_hold
        held = _held(hold, None if current is None else current[1], at)
        rows.append(
            {
                "id": hold.id,
                "path": hold.path,
                "text": hold.text,
                "label": None,
                "depth": at.depth + 1,
                "where": str(hold.where),
                "ends": list(_ends(hold.until, at.bounds)),
                "worst_s": _finite(held.time_s),
                "worst_Ah": _finite(held.charge_As / 3600.0),
            }
        )
        worst = worst.then(held)
    return worst, at.with_deposit(worst.charge_As if _plates(node, at.plan) else 0.0)


def _plates(node: Drive, plan: Plan) -> bool:
    return node.verb == "plate" or (plan.charge_plates and node.sign == plan.plate_sign)


def _driven(node: Drive, current: tuple[float, float] | None, at: _At) -> Worst:
    time_s = _least(node.until, "time", at.bounds)
    charge_As = _least(node.until, "charge", at.bounds)
    if current is None or current[0] <= 0:
        return Worst(time_s, charge_As)
    return Worst(min(time_s, charge_As / current[0]), min(charge_As, time_s * current[1]))


def _held(node: Hold, most_A: float | None, at: _At) -> Worst:
    time_s = _least(node.until, "time", at.bounds)
    charge_As = _least(node.until, "charge", at.bounds)
    by_time = UNBOUNDED if most_A is None else most_A * time_s
    return Worst(time_s, min(charge_As, by_time))


def _least(until: tuple[End, ...], kind: str, bounds: Bounds) -> float:
    """The earliest that one of these ends must come, by the greatest value each can have."""
    found = [range_of(end.expression, bounds) for end in until if end.kind == kind]
    return min((limits[1] for limits in found if limits is not None), default=UNBOUNDED)


def _single(expression: Expression, bounds: Bounds) -> float | None:
    found = range_of(expression, bounds)
    return None if found is None or found[0] != found[1] else found[0]


def _ends(until: tuple[End, ...], bounds: Bounds) -> Iterator[dict[str, object]]:
    for end in until:
        value = None if end.kind == "condition" else _single(end.expression, bounds)
        if value is not None and end.kind == "charge":
            value /= 3600.0
        unit = {"voltage": "V", "current": "A", "charge": "Ah", "time": "s"}.get(end.kind)
        yield {"text": end.text, "kind": end.kind, "value": value, "unit": unit}


def _loop(
    node: Repeat | For, at: _At, row: dict[str, object], rows: list[dict[str, object]]
) -> tuple[Worst, _At]:
    rounds, inner = _rounds(node, at)
    row["rounds"] = _finite(rounds)
    plated = _block(node.steps, inner, [])[1].deposit - inner.deposit if at.depth < 8 else UNBOUNDED
    gained = plated * rounds if plated and rounds else 0.0
    body, _ = _block(node.steps, inner.with_deposit(gained).deeper(), rows)
    return body.times(rounds), at.with_deposit(gained)


def _rounds(node: Repeat | For, at: _At) -> tuple[float, _At]:
    """The most rounds (inf where only a condition ends it), and the loop's name bounded."""
    if isinstance(node, For):
        found = [range_of(value, at.bounds) for value in node.values]
        known = [limits for limits in found if limits is not None]
        if len(known) < len(found):
            return float(len(found)), at
        low, high = min(k[0] for k in known), max(k[1] for k in known)
        return float(len(found)), at.inside(f"${node.name}", low, high)
    times = None if node.times is None else range_of(node.times, at.bounds)
    rounds = UNBOUNDED if times is None else max(0.0, times[1])
    if node.counter is None:
        return rounds, at
    return rounds, at.inside(node.counter, 1.0, max(1.0, rounds))
