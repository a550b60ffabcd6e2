"""A labctl protocol, bound to its cell, as aurora-unicycler's document.

unicycler knows constant current until a voltage or a time, constant voltage until a current or a
time, open circuit for a time, and loops. What cannot be said with these is refused by name.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from labctl.convert.words import tidy
from labctl_protocols.plan import (
    Drive,
    End,
    Expression,
    For,
    Group,
    Hold,
    Mark,
    Node,
    Plan,
    Record,
    Repeat,
    Rest,
    Stop,
    Value,
    Where,
)
from labctl_protocols.problems import Problems
from labctl_protocols.quantities import QuantityError, parse_quantity

NEARLY_ZERO_V = 1e-15
"""Stands for 0 V, which unicycler takes for no voltage at all and drops."""

Document = dict[str, object]


@dataclass(slots=True)
class _Walk:
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

    def setting(self, name: str, what: str) -> None:
        """Note a setting of the whole protocol that unicycler lacks, unless it may be left out."""
        if name in self.without:
            self.notes.append(f"left out as asked: {name}")
            return
        hint = f"leave it out with --without {name}"
        self.problems.add("convert", self.head, f"unicycler has no `{name}`: {what}", hint)


def unicycler_document(
    plan: Plan, sample: str, without: Collection[str] = ()
) -> tuple[Document, tuple[str, ...]]:
    """The document, and what the user must know about it. Raises ProtocolError.

    The sample's capacity is the cell's; `without` may hold `start` and `reference`.
    """
    walk = _Walk(plan, frozenset(without))
    if plan.start_V is not None:
        walk.setting("start", "the cell's voltage is not looked at before it is driven")
    if plan.reference is not None:
        walk.setting("reference", "what counts as 100 % retention")
    record = _record(plan, walk)
    steps = plan.steps
    if steps and isinstance(steps[-1], Stop):
        steps = steps[:-1]
    for node in steps:
        _write(node, walk)
    if not walk.method and not walk.problems.found:
        walk.problems.add("convert", walk.head, "no steps")
    walk.problems.raise_if_any()
    limits = plan.limits
    current = None if limits.current_A is None else tidy(limits.current_A * 1e3)
    document: Document = {
        "sample": {
            "name": sample,
            "capacity_mAh": None if plan.nominal_Ah is None else tidy(plan.nominal_Ah * 1e3),
        },
        "record": record,
        "safety": {
            "max_voltage_V": limits.high_V,
            "min_voltage_V": limits.low_V,
            "max_current_mA": current,
            "min_current_mA": None if current is None else -current,
        },
        "method": walk.method,
    }
    return document, tuple(walk.notes)


def _record(plan: Plan, walk: _Walk) -> Document:
    rule: Record = plan.record
    if rule.all or rule.every_s is None:
        walk.problems.add("convert", walk.head, "unicycler records by time", "record: every 10 s …")
    return {
        "time_s": rule.every_s,
        "voltage_V": rule.change_V,
        "current_mA": None if rule.change_A is None else tidy(rule.change_A * 1e3),
    }


# ---- nodes ---------------------------------------------------------------------------------


def _write(node: Node, walk: _Walk) -> None:
    if isinstance(node, Drive | Hold | Rest) and (node.limits or node.record):
        walk.refuse(node, "limits or a recording rule of one step")
    match node:
        case Rest():
            _rest(node, walk)
        case Drive():
            _drive(node, walk)
        case Hold():
            _hold(node, node.voltage, 1, walk)
        case Mark():
            _tag(node.remark, walk)
        case Group():
            _group(node, walk)
        case Repeat():
            _repeat(node, walk)
        case For():
            _for(node, walk)
        case _:
            walk.refuse(node, "it decides while the run goes on")


def _group(node: Group, walk: _Walk) -> None:
    if node.limits is not None:
        walk.refuse(node, "limits of a group")
    if node.label:
        _tag(node.label, walk)
    for inner in node.steps:
        _write(inner, walk)


def _tag(text: str, walk: _Walk) -> None:
    """A tag; unicycler wants each once."""
    unique, number = text, 1
    while unique in walk.tags:
        number += 1
        unique = f"{text} {number}"
    walk.tags.add(unique)
    walk.method.append({"step": "tag", "tag": unique})


def _repeat(node: Repeat, walk: _Walk) -> None:
    if node.until is not None:
        walk.refuse(node, "a loop that ends on a condition")
    times = None if node.times is None else _value(node.times, walk)
    if times is None or times < 1:
        walk.refuse(node, "the number of rounds is not known beforehand, or none")
        return
    start = len(walk.method)
    if sum(_count(inner) for inner in node.steps) == 1:
        # unicycler finds no loop around a single step by its number
        _tag("repeat", walk)
    for inner in node.steps:
        _write(inner, walk)
    if len(walk.method) == start:
        return
    first = walk.method[start]
    target = first["tag"] if first["step"] == "tag" else start + 1
    walk.method.append({"step": "loop", "loop_to": target, "cycle_count": int(times)})


def _count(node: Node) -> int:
    """How many entries of `method` the node becomes, or 2 where there are more than one."""
    if isinstance(node, Drive):
        return 1 if node.then_hold is None else 2
    return 1 if isinstance(node, Rest | Hold) else 2


def _for(node: For, walk: _Walk) -> None:
    name = f"${node.name}"
    for value in node.values:
        walk.names[name] = value
        for inner in node.steps:
            _write(inner, walk)
    walk.names.pop(name, None)


def _rest(node: Rest, walk: _Walk) -> None:
    seconds = _seconds(node, node.until, walk)
    if seconds is not None and len(node.until) == 1:
        _add(node, walk, {"step": "open_circuit_voltage", "until_time_s": seconds})
    else:
        walk.refuse(node, "a rest ends there after a time")


def _drive(node: Drive, walk: _Walk) -> None:
    size = None if node.at is None else _value(node.at, walk)
    if node.at is None or size is None:
        walk.refuse(node, "its current is not known beforehand")
        return
    voltages = [end for end in node.until if end.kind == "voltage"]
    if node.then_hold is not None and len(node.until) > 1:
        walk.refuse(
            node,
            "the hold would follow whatever ended the first part",
            "leave only the voltage before `then hold`",
        )
    if not _are_plain(node, node.until, ("voltage", "time", "charge"), walk) or len(voltages) > 1:
        walk.refuse(node, "it ends there at one voltage or after a time")
        return
    step: Document = {"step": "constant_current", **_current(node.at, size, node.sign, walk)}
    times = [
        time for time in (_seconds(node, node.until, walk), _charged(node, size, walk)) if time
    ]
    if times:
        step["until_time_s"] = min(times)
    if voltages:
        step["until_voltage_V"] = _voltage(node, voltages[0].expression, walk, zero=NEARLY_ZERO_V)
    _add(node, walk, step)
    if node.then_hold is not None and voltages:
        _hold(node.then_hold, voltages[0].expression, node.sign, walk)


def _hold(node: Hold, voltage: Expression | None, sign: int, walk: _Walk) -> None:
    if voltage is None or not _are_plain(node, node.until, ("current", "time"), walk):
        walk.refuse(node, "it ends there at a current or after a time")
        return
    step: Document = {"step": "constant_voltage", "voltage_V": _voltage(node, voltage, walk)}
    currents = [end for end in node.until if end.kind == "current"]
    seconds = _seconds(node, node.until, walk)
    if len(currents) > 1:
        walk.refuse(node, "two currents end it")
    if seconds is not None:
        step["until_time_s"] = seconds
    for end in currents[:1]:
        size = _value(end.expression, walk)
        if size is None:
            walk.refuse(node, "its final current is not known beforehand")
            return
        given = _current(end.expression, size, sign, walk)
        step.update({f"until_{name}": value for name, value in given.items()})
    _add(node, walk, step)


def _add(node: Node, walk: _Walk, step: Document) -> None:
    if node.label:
        step["id"] = node.label
    walk.method.append(step)


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


def _value(expression: Expression, walk: _Walk) -> float | None:
    value = expression.evaluate(_Fixed(walk.names))
    return None if value is None else float(value)


def _are_plain(node: Node, ends: tuple[End, ...], kinds: tuple[str, ...], walk: _Walk) -> bool:
    """Whether every end is a bare quantity of these kinds that is known beforehand."""
    return all(
        end.kind in kinds and end.held is None and _value(end.expression, walk) is not None
        for end in ends
    )


def _current(at: Expression, size: float, sign: int, walk: _Walk) -> Document:
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


def _voltage(node: Node, expression: Expression, walk: _Walk, zero: float = 0.0) -> float | None:
    """The voltage; `zero` is what is written for 0 V."""
    value = _value(expression, walk)
    if value is None:
        walk.refuse(node, "its voltage is not known beforehand")
        return None
    value = tidy(value)
    if value == 0 and zero:
        walk.notes.append(f"{node.path}: 0 V is written as {zero:g} V: unicycler drops a plain 0")
        return zero
    return value


def _seconds(node: Node, ends: tuple[End, ...], walk: _Walk) -> float | None:
    """The earliest time end."""
    times = [_value(end.expression, walk) for end in ends if end.kind == "time" and not end.held]
    known = [tidy(time) for time in times if time is not None]
    return min(known, default=None)


def _charged(node: Drive, size: float, walk: _Walk) -> float | None:
    """The time after which the set current has passed the charge that ends the step."""
    charges = [_value(end.expression, walk) for end in node.until if end.kind == "charge"]
    known = [charge for charge in charges if charge is not None]
    if not known:
        return None
    seconds = tidy(min(known) / size)
    walk.notes.append(f"{node.path}: its charge is written as {seconds:g} s at the set current")
    return seconds
