"""Plans built by hand: small functions in place of the YAML language."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from labctl_drivers.vocabulary import RangeAccuracy, Ratings
from labctl_protocols.plan import Ask as Question
from labctl_protocols.plan import (
    Drive,
    End,
    Exit,
    For,
    Group,
    HeldFor,
    Hold,
    If,
    Limits,
    Mark,
    Names,
    Node,
    Plan,
    Record,
    Repeat,
    Rest,
    Set,
    Stop,
    Sweep,
    Value,
    Where,
)

Ids = Iterator[int]
Build = Callable[[Ids, str], Node]
mAh = 3.6
"""A·s"""
h = 3600.0

RATINGS = Ratings(
    low_V=-20.0,
    high_V=20.0,
    max_current_A=1.05,
    current_ranges=(
        RangeAccuracy(1.05e-3, 2e-4, 2e-7),
        RangeAccuracy(1.05e-2, 2e-4, 2e-6),
        RangeAccuracy(1.05, 5e-4, 5e-4),
    ),
    voltage_ranges=(RangeAccuracy(2.1, 1e-4, 2e-4), RangeAccuracy(21.0, 1e-4, 1e-3)),
    bounds=frozenset({"voltage", "current"}),
    readback=True,
    safe_within_s=1.0,
    reading_time_s=0.05,
)


@dataclass(frozen=True)
class Const:
    """A constant value; None is unknown."""

    value: Value
    text: str = ""

    def evaluate(self, names: Names) -> Value:
        return self.value


@dataclass(frozen=True)
class Ask:
    """Whatever the function makes of the names."""

    ask: Callable[[Names], Value]
    text: str = ""

    def evaluate(self, names: Names) -> Value:
        return self.ask(names)


def above(name: str, limit: float) -> Ask:
    """`name > limit`, unknown while the name is."""

    def ask(names: Names) -> Value:
        value = names.live(name)
        return None if value is None else value > limit

    return Ask(ask, f"{name} > {limit:g}")


def below(name: str, limit: float) -> Ask:
    """`name < limit`, unknown while the name is."""

    def ask(names: Names) -> Value:
        value = names.live(name)
        return None if value is None else value < limit

    return Ask(ask, f"{name} < {limit:g}")


def ended(word: str) -> Ask:
    """`ended == word`."""
    return Ask(lambda names: names.ended() == word, f"ended == {word}")


def end(kind: Any, target: Any, held: HeldFor | None = None, word: str | None = None) -> End:
    """One end: a bare target in SI, or a condition."""
    expression = target if hasattr(target, "evaluate") else Const(target, f"{target}")
    return End(kind, expression, word or str(kind), f"{kind} {expression.text}", held)


def volts(target: Any, held: HeldFor | None = None) -> End:
    return end("voltage", target, held)


def amps(target: Any, held: HeldFor | None = None) -> End:
    return end("current", target, held)


def charge_As(target: Any) -> End:
    return end("charge", target)


def seconds(target: Any) -> End:
    return end("time", target)


def when(condition: Any, word: str = "condition", held: HeldFor | None = None) -> End:
    return end("condition", condition, held, word)


def _fields(ids: Ids, path: str, text: str, label: str | None) -> dict[str, Any]:
    return {"id": next(ids), "path": path, "where": Where("t", 1, 1), "text": text, "label": label}


def _value(value: Any) -> Any:
    return value if hasattr(value, "evaluate") else Const(value, f"{value}")


def drive(
    verb: Any,
    at_A: Any,
    *until: End,
    sign: int | None = None,
    label: str | None = None,
    hold: Sequence[End] = (),
    limits: Limits | None = None,
    record: Record | None = None,
    control: Any = "current",
    terminal: str = "main",
    detectors: Any = None,
) -> Build:
    """A drive step; its sign is that of a half cell unless given."""
    if sign is None:
        sign = 1 if verb in ("charge", "strip") else -1

    def build(ids: Ids, path: str) -> Node:
        fields = _fields(ids, path, f"{verb} {at_A}", label)
        then = None
        if hold:
            then = Hold(**(_fields(ids, f"{path}.hold", "hold", None)), until=tuple(hold))
        return Drive(
            **fields,
            verb=verb,
            sign=1 if sign > 0 else -1,
            at=_value(at_A),
            until=until,
            then_hold=then,
            limits=limits,
            record=record,
            control=control,
            terminal=terminal,
            detectors=detectors or {},
        )

    return build


def sweep(start_V: Any, corners_V: Sequence[Any], rate_V_s: float, **more: Any) -> Build:
    """A staircase through the corners; it ends on the way's own time."""
    cycles = more.get("cycles", 1)

    def build(ids: Ids, path: str) -> Node:
        way = [start_V, *list(corners_V) * cycles]
        length = sum(abs(b - a) for a, b in itertools.pairwise(way))
        return Sweep(
            **_fields(ids, path, "sweep", None),
            start=_value(start_V),
            corners=tuple(_value(corner) for corner in corners_V),
            rate_V_s=rate_V_s,
            step_V=more.pop("step_V", 1e-3),
            until=(end("time", length / rate_V_s, word="sweep"),),
            **more,
        )

    return build


def ask(question: str, timeout_s: float | None = None) -> Build:
    return lambda ids, path: Question(
        **_fields(ids, path, "ask", None), question=question, timeout_s=timeout_s
    )


def plate(at_A: Any, *until: End, **more: Any) -> Build:
    return drive("plate", at_A, *until, **more)


def strip(at_A: Any, *until: End, **more: Any) -> Build:
    return drive("strip", at_A, *until, **more)


def charge(at_A: Any, *until: End, **more: Any) -> Build:
    return drive("charge", at_A, *until, **more)


def discharge(at_A: Any, *until: End, **more: Any) -> Build:
    return drive("discharge", at_A, *until, **more)


def rest(*until: End, label: str | None = None, **more: Any) -> Build:
    return lambda ids, path: Rest(**_fields(ids, path, "rest", label), until=until, **more)


def hold(voltage_V: Any, *until: End, label: str | None = None) -> Build:
    return lambda ids, path: Hold(
        **_fields(ids, path, "hold", label), voltage=_value(voltage_V), until=until
    )


def set_to(name: str, value_K: Any) -> Build:
    return lambda ids, path: Set(
        **_fields(ids, path, "set", None), name=name, value=_value(value_K)
    )


def mark(text: str) -> Build:
    return lambda ids, path: Mark(**_fields(ids, path, "mark", None), remark=text)


def stop(reason: str) -> Build:
    return lambda ids, path: Stop(**_fields(ids, path, "stop", None), reason=reason)


def leave(condition: Any) -> Build:
    return lambda ids, path: Exit(**_fields(ids, path, "exit", None), condition=_value(condition))


def children(ids: Ids, path: str, steps: Sequence[Build]) -> tuple[Node, ...]:
    """The built children of a block, under their positions."""
    prefix = f"{path}." if path else ""
    return tuple(step(ids, f"{prefix}{index}") for index, step in enumerate(steps, 1))


def group(label: str, *steps: Build, limits: Limits | None = None, **more: Any) -> Build:
    def build(ids: Ids, path: str) -> Node:
        fields = _fields(ids, path, f"group {label}", label)
        if "cls" in more:
            more["group_class"] = more.pop("cls")
        return Group(**fields, steps=children(ids, path, steps), limits=limits, **more)

    return build


def repeat(times: Any, *steps: Build, until: Any = None, counter: str | None = None) -> Build:
    def build(ids: Ids, path: str) -> Node:
        fields = _fields(ids, path, "repeat", None)
        return Repeat(
            **fields,
            times=None if times is None else _value(times),
            until=None if until is None else _value(until),
            counter=counter,
            steps=children(ids, path, steps),
        )

    return build


def for_each(name: str, values: Sequence[Any], *steps: Build) -> Build:
    def build(ids: Ids, path: str) -> Node:
        fields = _fields(ids, path, "for", None)
        kept = tuple(_value(value) for value in values)
        return For(**fields, name=name, values=kept, steps=children(ids, path, steps))

    return build


def either(condition: Any, then: Sequence[Build], otherwise: Sequence[Build] = ()) -> Build:
    def build(ids: Ids, path: str) -> Node:
        fields = _fields(ids, path, "if", None)
        return If(
            **fields,
            condition=_value(condition),
            then=children(ids, f"{path}.then", then),
            otherwise=children(ids, f"{path}.else", otherwise),
        )

    return build


def make_plan(*steps: Build, kind: Any = "half", **more: Any) -> Plan:
    """A plan of these steps on a cell of this kind (1 mAh nominal, ±20 mA, −0.5 V .. 1.5 V)."""
    senses = {
        "half": (-1, False, "plate"),
        "anode-free": (1, True, "charge"),
        "full": (None, False, "charge"),
        "symmetric": (None, False, "charge"),
        "cathode-half": (None, False, "discharge"),
    }
    plate_sign, charge_plates, first = senses[kind]
    fields: dict[str, Any] = {
        "name": "test",
        "title": "",
        "kind": kind,
        "metal": "Na",
        "area_cm2": 1.0,
        "nominal_Ah": 1e-3,
        "inventory_Ah": None,
        "plate_sign": plate_sign,
        "charge_plates": charge_plates,
        "first": first,
        "limits": Limits(low_V=-0.5, high_V=1.5, current_A=0.02),
        "start_V": None,
        "record": Record(every_s=10.0),
        "reference": None,
        "parameters": {},
    }
    return Plan(**(fields | more), steps=children(itertools.count(), "", steps))
