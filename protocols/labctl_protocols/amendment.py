"""Whether one plan is another one with other values, and what is different: for `labctl amend`.

Where a run stands is kept by the numbers of the plan's steps, groups and guards, so an amended plan
must have the same ones. Values may change: set-points, ends, limits, loop counts, conditions.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from labctl_protocols.plan import Drive, End, Limits, Node, Plan, Record, every

VALUES = {
    "until": "until", "record": "record", "limits": "limits", "detectors": "detectors",
    "at": "at", "voltage": "voltage", "start": "from", "corners": "corners", "rate_V_s": "rate",
    "step_V": "step", "cycles": "cycles", "from_Hz": "from", "to_Hz": "to",
    "points_per_decade": "points per decade", "amplitude_V": "amplitude",
    "amplitude_A": "amplitude", "question": "question", "timeout_s": "timeout", "value": "value",
    "remark": "remark", "reason": "reason", "condition": "condition", "times": "rounds",
    "values": "values",
}  # fmt: skip
"""What may change in a step, as it is called; all else must stay, but for what is only told."""
ONLY_TOLD = frozenset({"where", "text"})
BLOCKS = frozenset({"steps", "then", "otherwise"})
OF_PLAN = {"limits": "limits", "record": "record", "detectors": "detectors", "start_V": "start"}
GUARD = re.compile(r"\bfor\b")
NUMBER = re.compile(r"[0-9.]+")
LIMIT_WORDS = {
    "low_V": ("lowest voltage", "V"),
    "high_V": ("highest voltage", "V"),
    "current_A": ("current", "A"),
    "temperature_high_K": ("highest temperature", "K"),
    "temperature_low_K": ("lowest temperature", "K"),
}


class AmendmentRefused(Exception):
    """What was asked for is another experiment, or cannot be had now; `lines`, one reason each."""

    def __init__(self, *lines: str) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


@dataclass(frozen=True, slots=True)
class Change:
    """A value that differs: of the node with this id (None: of the plan), by its field's name.

    `held`: it is one of the hold that follows in a drive.
    """

    node: int | None
    field: str
    text: str
    held: bool = False


def changes_between(old: Plan, new: Plan) -> tuple[Change, ...]:
    """All values that differ, in the plan's order.

    Raises AmendmentRefused, naming each place, where more than values differs, and where nothing
    does.
    """
    refused = list(_other_plan(old, new))
    olds, news = list(every(old.steps)), list(every(new.steps))
    if [_shape(node) for node in olds] != [_shape(node) for node in news]:
        refused.append(_first_difference(olds, news))
    else:
        for before, after in zip(olds, news, strict=True):
            refused += _other_step(before, after)
    if refused:
        raise AmendmentRefused(*refused)
    found = [*_of_plan(old, new)]
    for before, after in zip(olds, news, strict=True):
        found += _of_node(before, after)
    if not found:
        raise AmendmentRefused("nothing would change")
    return tuple(found)


def parts_of(node: Node) -> Iterator[tuple[str, Node]]:
    """The node and, of a drive, the hold that follows in it, with what it is called."""
    yield "", node
    if isinstance(node, Drive) and node.then_hold is not None:
        yield "then hold ", node.then_hold


# ---- what must stay --------------------------------------------------------------------------


def _shape(node: Node) -> tuple[object, ...]:
    blocks = [f.name for f in fields(node) if f.name in BLOCKS]
    return type(node), node.id, node.path, tuple(len(getattr(node, name)) for name in blocks)


def _first_difference(olds: list[Node], news: list[Node]) -> str:
    for before, after in zip(olds, news, strict=False):
        if _holds(before) != _holds(after):
            return f"{after.where}: {after.path}: a `then hold` cannot come or go in a running run"
        if (type(before), before.path) != (type(after), after.path):
            return f"{after.where}: the steps are others: {after.path}, in the run {before.path}"
    more, place = (news, "is new") if len(news) > len(olds) else (olds, "is missing")
    extra = more[min(len(olds), len(news), len(more) - 1)]
    return f"{extra.where}: the steps are others: {extra.path} {place}"


def _holds(node: Node) -> bool:
    return isinstance(node, Drive) and node.then_hold is not None


def _other_plan(old: Plan, new: Plan) -> Iterator[str]:
    for field in fields(old):
        name = field.name
        if name in OF_PLAN or name in ("steps", "parameters", "title"):
            continue
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield f"`{name}` cannot change in a running run: {before} → {after}"


def _other_step(before: Node, after: Node) -> Iterator[str]:
    for (name, one), (_, other) in zip(parts_of(before), parts_of(after), strict=True):
        for field in fields(one):
            if field.name in VALUES or field.name in ONLY_TOLD | BLOCKS | {"then_hold"}:
                continue
            was, now = getattr(one, field.name), getattr(other, field.name)
            if was != now:
                what = f"{name}{field.name}"
                yield f"{after.where}: {after.path}: `{what}` cannot change: {was} → {now}"
        if _guarded(one) != _guarded(other):
            yield (
                f"{after.where}: {after.path}: where a comparison stands with `for …` behind it, "
                "only its numbers can change in a running run"
            )


def _guarded(node: Node) -> list[str]:
    """Comparisons with a guard, without their numbers: guards are counted through the whole plan,
    and what one of them has seen must not pass to another."""
    places = [getattr(node, field.name) for field in fields(node) if field.name in VALUES]
    texts = [shown(each) for place in places for each in _members(place)]
    return [NUMBER.sub("#", text) for text in texts if GUARD.search(text)]


def _members(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


# ---- what has changed ------------------------------------------------------------------------


def _of_plan(old: Plan, new: Plan) -> Iterator[Change]:
    for name in sorted(old.parameters.keys() | new.parameters.keys()):
        was, now = old.parameters.get(name), new.parameters.get(name)
        if was != now:
            told = f"parameter {name}: {shown(was)} → {shown(now)}"
            yield Change(None, "parameters", told)
    for name, word in OF_PLAN.items():
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield from (Change(None, name, text) for text in _told(word, before, after))


def _of_node(before: Node, after: Node) -> Iterator[Change]:
    for (part, one), (_, other) in zip(parts_of(before), parts_of(after), strict=True):
        for field in fields(one):
            if field.name not in VALUES:
                continue
            was, now = getattr(one, field.name), getattr(other, field.name)
            if was != now:
                word = f"{after.path}: {part}{VALUES[field.name]}"
                for text in _told(word, was, now):
                    yield Change(after.id, field.name, text, held=bool(part))


def _told(word: str, before: object, after: object) -> Iterator[str]:
    if isinstance(before, Limits | None) and isinstance(after, Limits | None):
        none = Limits()
        for name, (quantity, unit) in LIMIT_WORDS.items():
            was, now = getattr(before or none, name), getattr(after or none, name)
            if was != now:
                yield f"{word}: {quantity} {_amount(was, unit)} → {_amount(now, unit)}"
    else:
        yield f"{word} {shown(before)} → {shown(after)}"


def _amount(value: float | None, unit: str) -> str:
    return "none" if value is None else f"{value:.6g} {unit}"


def shown(value: object) -> str:
    """A value of a plan for people."""
    if value is None:
        return "none"
    if isinstance(value, End):
        return value.text
    if isinstance(value, Record):
        return _record_text(value)
    if isinstance(value, tuple):
        joined = " or " if any(isinstance(each, End) for each in value) else ", "
        return joined.join(shown(each) for each in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown(each)}" for name, each in value.items()) or "none"
    text = getattr(value, "text", None)
    return text if isinstance(text, str) else str(value)


def _record_text(record: Record) -> str:
    if record.all:
        return "all"
    rules = (
        ("every_s", 1.0, "s"),
        ("change_V", 1e3, "mV"),
        ("change_A", 1e3, "mA"),
    )
    found = [
        f"{getattr(record, name) * factor:g} {unit}"
        for name, factor, unit in rules
        if getattr(record, name) is not None
    ]
    return "every " + " or ".join(found) if found else "first and last only"
