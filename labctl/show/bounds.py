"""How long a plan can last at most, and how much charge it can pass: loops counted, not unrolled.

Every exit is taken as not taken and of two branches the longer counts. A strip that ends on its
voltage leaves no deposit (what was left is then lost), so after a strip the deposit is at most
what it was less the strip's charge. A step that only a voltage ends has no bound here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from labctl_protocols.plan import (
    Ask,
    Drive,
    End,
    Expression,
    For,
    Group,
    If,
    Impedance,
    Node,
    Plan,
    Repeat,
    Rest,
    Timed,
    Value,
)

MOST_VISITS = 20_000
"""So many nodes are looked at before a plan is called unbounded."""


@dataclass(slots=True)
class Known:
    """What expressions may know before a run: a walk's upper bounds. Charges in A·s."""

    plan: Plan
    deposit_As: float = 0.0
    local: dict[str, Value] = field(default_factory=dict)

    def live(self, name: str) -> Value:
        """Loop names and what the cell's record says; the rest is unknown before the run."""
        if name in self.local:
            return self.local[name]
        if name == "deposit":
            return self.deposit_As
        charges = {"nominal": self.plan.nominal_Ah, "inventory": self.plan.inventory_Ah}
        charge_Ah = charges.get(name)
        return None if charge_Ah is None else charge_Ah * 3600.0

    def ended(self) -> str | None:
        """Nothing has ended."""
        return None

    def last(self, label: str, figure: str) -> Value:
        """Nothing has been measured."""
        return None

    def slope(self, name: str, window_s: float) -> Value:
        """Nothing has been measured."""
        return None

    def doubtful(self) -> Sequence["Known"]:
        """Upper bounds have no uncertainty of their own."""
        return (self,)

    def held(self, guard: int, now: Value, seconds: float | None, cycles: float | None) -> Value:
        """Nothing has been held."""
        return None


@dataclass(frozen=True, slots=True)
class Bound:
    """At most so long and so much charge; `open_steps` are those without a bound."""

    time_s: float = 0.0
    charge_As: float = 0.0
    open_steps: tuple[str, ...] = ()

    def plus(self, other: "Bound") -> "Bound":
        """One after the other."""
        new = tuple(path for path in other.open_steps if path not in self.open_steps)
        return Bound(
            self.time_s + other.time_s,
            self.charge_As + other.charge_As,
            self.open_steps + new,
        )

    def times(self, rounds: float) -> "Bound":
        """The same again and again."""
        return Bound(self.time_s * rounds, self.charge_As * rounds, self.open_steps)


def number(expression: Expression | None, names: Known) -> float | None:
    """What an expression comes to before the run; None where that is not known yet."""
    value = None if expression is None else expression.evaluate(names)
    return None if value is None or isinstance(value, bool) else float(value)


class Walk:
    """Walks a plan once; `first` keeps each step's bound and current at its first execution."""

    def __init__(self, plan: Plan) -> None:
        self.names = Known(plan)
        self.first: dict[str, Mapping[str, float | None]] = {}
        self._visits = 0

    def block(self, nodes: Sequence[Node]) -> Bound:
        """The bound of nodes one after the other."""
        bound = Bound()
        for node in nodes:
            bound = bound.plus(self._node(node))
        return bound

    def _node(self, node: Node) -> Bound:
        self._visits += 1
        if self._visits > MOST_VISITS:
            return Bound(open_steps=(node.path,))
        match node:
            case Drive():
                return self._drive(node)
            case Timed():
                most_A = self.names.plan.limits.current_A
                return self._timed(node, 0.0 if isinstance(node, Rest | Impedance) else most_A)
            case Ask():
                return _bound(node.path, node.timeout_s, 0.0)
            case Group():
                return self.block(node.steps)
            case Repeat():
                return self._repeat(node)
            case For():
                return self._for(node)
            case If():
                return self._if(node)
            case _:
                return Bound()

    def _drive(self, node: Drive) -> Bound:
        current_A = number(node.at, self.names) if node.control == "current" else None
        magnitude = None if current_A is None else abs(current_A)
        time_s = self._least_time(node.until, magnitude)
        charge_As = None if time_s is None or magnitude is None else time_s * magnitude
        self._count(node, charge_As)
        own = _bound(node.path, time_s, charge_As)
        self.first.setdefault(
            node.path, {"current_A": current_A, "time_s": time_s, "charge_As": charge_As}
        )
        return own if node.then_hold is None else own.plus(self._timed(node.then_hold, magnitude))

    def _least_time(self, until: Sequence[End], magnitude: float | None) -> float | None:
        times = [self._end_time(end, magnitude) for end in until]
        return min((time for time in times if time is not None), default=None)

    def _end_time(self, end: End, magnitude: float | None) -> float | None:
        target = number(end.expression, self.names)
        if target is None or end.held is not None:
            return None
        if end.kind == "time":
            return target
        if end.kind == "charge" and magnitude:
            return max(target, 0.0) / magnitude
        return None

    def _count(self, node: Drive, charge_As: float | None) -> None:
        plan = self.names.plan
        plates = node.verb == "plate" or (plan.charge_plates and node.verb == "charge")
        strips = node.verb == "strip" or (plan.charge_plates and node.verb == "discharge")
        deposit_As = self.names.deposit_As
        if plates:
            self.names.deposit_As = deposit_As + (charge_As or 0.0)
        elif strips:
            self.names.deposit_As = max(0.0, deposit_As - (charge_As or 0.0))

    def _timed(self, node: Timed, most_A: float | None) -> Bound:
        """A rest, or a hold in which the current is at most `most_A` all the time."""
        time_s = self._least_time(node.until, None)
        charge_As = None if time_s is None or most_A is None else time_s * most_A
        self.first.setdefault(node.path, {"current_A": None, "time_s": time_s, "charge_As": None})
        return _bound(node.path, time_s, charge_As)

    def _repeat(self, node: Repeat) -> Bound:
        times = number(node.times, self.names)
        if times is None:
            return self._round(node.steps, node.counter, 1).plus(Bound(open_steps=(node.path,)))
        return self._rounds(node, round(times))

    def _rounds(self, node: Repeat, rounds: int) -> Bound:
        """Round by round until two are alike, as the rest then are where no counter counts."""
        total = Bound()
        last: tuple[Bound, float] | None = None
        for done in range(1, rounds + 1):
            before_As = self.names.deposit_As
            bound = self._round(node.steps, node.counter, done)
            gain = self.names.deposit_As - before_As
            total = total.plus(bound)
            if node.counter is None and (bound, gain) == last:
                left = rounds - done
                self.names.deposit_As += gain * left
                return total.plus(bound.times(left))
            if self._visits > MOST_VISITS:
                return total.plus(Bound(open_steps=(node.path,)))
            last = bound, gain
        return total

    def _round(self, nodes: Sequence[Node], name: str | None, value: float) -> Bound:
        if name is None:
            return self.block(nodes)
        self.names.local[name] = value
        bound = self.block(nodes)
        del self.names.local[name]
        return bound

    def _for(self, node: For) -> Bound:
        bound = Bound()
        for each in node.values:
            value = each.evaluate(self.names)
            self.names.local[f"${node.name}"] = self.names.local[node.name] = value
            bound = bound.plus(self.block(node.steps))
        self.names.local.pop(f"${node.name}", None)
        self.names.local.pop(node.name, None)
        return bound

    def _if(self, node: If) -> Bound:
        before_As = self.names.deposit_As
        then = self.block(node.then)
        after_then_As, self.names.deposit_As = self.names.deposit_As, before_As
        otherwise = self.block(node.otherwise)
        self.names.deposit_As = max(self.names.deposit_As, after_then_As)
        return Bound(
            max(then.time_s, otherwise.time_s),
            max(then.charge_As, otherwise.charge_As),
            then.plus(otherwise).open_steps,
        )


def _bound(path: str, time_s: float | None, charge_As: float | None) -> Bound:
    is_open = time_s is None or charge_As is None
    return Bound(time_s or 0.0, charge_As or 0.0, (path,) if is_open else ())
