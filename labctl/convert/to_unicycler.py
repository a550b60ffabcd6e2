"""A labctl protocol, bound to its cell, as aurora-unicycler's document.

unicycler knows constant current until a voltage or a time, constant voltage until a current or a
time, open circuit for a time, voltage scans, spectra, and loops. What cannot be said with these is
refused by name.
"""

from collections.abc import Collection
from typing import assert_never

from labctl.convert.to_unicycler_steps import write_timed
from labctl.convert.to_unicycler_walk import Document, Walk, value_of
from labctl.convert.words import tidy
from labctl_protocols.detectors import DETECTORS
from labctl_protocols.plan import (
    Ask,
    Drive,
    Exit,
    For,
    Group,
    Hold,
    If,
    Impedance,
    Mark,
    Node,
    Plan,
    Record,
    Repeat,
    Rest,
    Set,
    Stop,
    Sweep,
)


def unicycler_document(
    plan: Plan, sample: str, without: Collection[str] = ()
) -> tuple[Document, tuple[str, ...]]:
    """The document, and what the user must know about it. Raises ProtocolError.

    The sample's capacity is the cell's; `without` may hold `start`, `reference`, `detectors` and
    `temperature`.
    """
    walk = Walk(plan, frozenset(without))
    _settings(plan, walk)
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


def _settings(plan: Plan, walk: Walk) -> None:
    """What unicycler lacks of the protocol's head. Default detectors were nobody's wish: a note."""
    if plan.start_V is not None:
        walk.setting("start", "the cell's voltage is not looked at before it is driven")
    if plan.reference is not None:
        walk.setting("reference", "what counts as 100 % retention")
    if (plan.limits.temperature_low_K, plan.limits.temperature_high_K) != (None, None):
        walk.setting("temperature", "it has no limit on it")
    chosen = {
        f"{name}: {policy}"
        for name, policy in plan.detectors.items()
        if policy != DETECTORS[name].policy
    }
    if chosen:
        walk.setting("detectors", f"{', '.join(sorted(chosen))} would be lost")
    else:
        walk.note(
            "unicycler has no detectors: nothing looks for shorts, lost contacts and the like there"
        )


def _record(plan: Plan, walk: Walk) -> Document:
    rule: Record = plan.record
    if rule.all or rule.every_s is None:
        walk.problems.add("convert", walk.head, "unicycler records by time", "record: every 10 s …")
    return {
        "time_s": rule.every_s,
        "voltage_V": rule.change_V,
        "current_mA": None if rule.change_A is None else tidy(rule.change_A * 1e3),
    }


def _write(node: Node, walk: Walk) -> None:
    match node:
        case Rest() | Drive() | Hold() | Sweep() | Impedance():
            write_timed(node, walk)
        case Mark():
            walk.tag(node.remark)
        case Group():
            _group(node, walk)
        case Repeat():
            _repeat(node, walk)
        case For():
            _for(node, walk)
        case Ask():
            walk.refuse(node, "it asks nobody")
        case Set():
            walk.refuse(node, "it sets nothing but the cell's current and voltage")
        case Exit() | If() | Stop():
            walk.refuse(node, "it decides while the run goes on")
        case _:
            assert_never(node)


def _group(node: Group, walk: Walk) -> None:
    if node.limits is not None:
        walk.refuse(node, "limits of a group")
    if (node.group_class, node.pair) != ("cycle", "each"):
        walk.note(
            f"{node.path}: its class ({node.group_class}) and pairing ({node.pair}) are not written"
        )
    if node.label:
        walk.tag(node.label)
    for inner in node.steps:
        _write(inner, walk)


def _repeat(node: Repeat, walk: Walk) -> None:
    if node.until is not None:
        walk.refuse(node, "a loop that ends on a condition")
    times = None if node.times is None else value_of(node.times, walk)
    if times is None or times < 1:
        walk.refuse(node, "the number of rounds is not known beforehand, or none")
        return
    start = len(walk.method)
    for inner in node.steps:
        _write(inner, walk)
    if walk.has_only_tags(start):
        if not walk.problems.found:
            walk.refuse(node, "a loop around no step")
        return
    walk.loop(start, int(times))


def _for(node: For, walk: Walk) -> None:
    name = f"${node.name}"
    for value in node.values:
        walk.names[name] = value
        for inner in node.steps:
            _write(inner, walk)
    walk.names.pop(name, None)
