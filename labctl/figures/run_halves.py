"""Which steps of a run belong together in a half cycle, and whether that is part of a cycle.

The engine decides what is a cycle; here its events are only matched with the steps they tell of.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from labctl.figures.shape import Trace
from labctl.journal import Reader, RecordedEvent
from labctl.show.values import number, text
from labctl_protocols.plan import MAIN

Standing = Literal["complete", "interrupted", "lead-in", "open", "unfinished"]
NO_HALF = ("rest", "sweep", "impedance")
CLASSES = ("conditioning", "formation", "supply", "cycle", "diagnostic")


@dataclass(slots=True)
class Half:
    """Steps in one direction with only rests between them.

    `steps` are their counts, `holds` those of them that held a voltage. `pair` counts the first
    halves of the run from 1, so that the portions of a reservoir test, which are one cycle, can
    be told from each other.
    """

    kind: str
    sign: int
    cycle: int
    pair: int
    group_class: str
    steps: list[int] = field(default_factory=list)
    holds: set[int] = field(default_factory=set)
    standing: Standing = "unfinished"


@dataclass(slots=True)
class _Walk:
    halves: list[Half] = field(default_factory=list)
    waiting: list[Half] = field(default_factory=list)
    building: Half | None = None
    first_sign: int | None = None
    pairs: int = 0


def halves_of(
    events: Iterable[RecordedEvent], first_kind: str, net_by_step: Mapping[int, float]
) -> list[Half]:
    """All half cycles of a run in order, each with its standing.

    `first_kind` is the kind of half that a cycle begins with; `net_by_step` the charge of each
    step, which gives a plain hold its direction.
    """
    walk = _Walk()
    for event in events:
        if event.kind == "step_started":
            _enter(walk, event, first_kind, net_by_step)
        elif event.kind in ("group_entered", "group_left"):
            walk.building = None
        elif event.kind == "cycle":
            whole = event.data.get("complete") is True
            _settle_cycle(walk, number(event.data, "cycle"), "complete" if whole else "interrupted")
        elif event.kind == "half":
            _settle_one(walk, text(event.data, "role"))
    return walk.halves


def _enter(
    walk: _Walk, event: RecordedEvent, first_kind: str, net_by_step: Mapping[int, float]
) -> None:
    step_type = text(event.data, "step_type")
    step = int(number(event.data, "step_count") or 0)
    if step_type in NO_HALF or step not in net_by_step:
        return
    if text(event.data, "terminal") not in ("", MAIN):
        return
    current = number(event.data, "set_current_A") or net_by_step[step]
    sign = 1 if current > 0 else -1
    if walk.building is None or walk.building.sign != sign:
        kind = _kind(step_type, sign)
        if walk.first_sign is None and kind == first_kind:
            walk.first_sign = sign
        if walk.first_sign == sign:
            walk.pairs += 1
        walk.building = Half(
            kind=kind,
            sign=sign,
            cycle=int(number(event.data, "cycle") or 0),
            pair=walk.pairs,
            group_class=_class(text(event.data, "class")),
        )
        walk.halves.append(walk.building)
        walk.waiting.append(walk.building)
    walk.building.steps.append(step)
    if step_type in ("hold", "then_hold"):
        walk.building.holds.add(step)


def _kind(step_type: str, sign: int) -> str:
    if step_type in ("plate", "strip", "charge", "discharge"):
        return step_type
    return "charge" if sign > 0 else "discharge"


def _class(word: str) -> str:
    return word if word in CLASSES else "cycle"


def _settle_cycle(walk: _Walk, cycle: float | None, standing: Standing) -> None:
    for half in walk.waiting:
        if half.cycle == cycle:
            half.standing = standing
    walk.waiting = [half for half in walk.waiting if half.standing == "unfinished"]


def _settle_one(walk: _Walk, role: str) -> None:
    """The oldest half that it can be: the engine tells them in order.

    Where no half began as cycles do, there is none to be told from."""
    is_open = role == "open"
    for half in walk.waiting:
        if walk.first_sign is None or (half.sign == walk.first_sign) == is_open:
            half.standing = "open" if is_open else "lead-in"
            walk.waiting.remove(half)
            return


def curves_of(
    reader: Reader, halves: Sequence[Half], with_holds: bool = True
) -> Iterator[tuple[Half, Trace]]:
    """Charge and voltage of these halves, which are in order; one half in memory at a time.

    What drifts during the rests between a half's steps is not the half's.
    """
    whose = {
        step: half for half in halves for step in half.steps if with_holds or step not in half.holds
    }
    now: Half | None = None
    charge_Ah, voltage_V = array("d"), array("d")
    step, start_Ah = 0, 0.0
    for row in reader.readings():
        half = whose.get(row.step_count)
        if half is None:
            continue
        if half is not now:
            if now is not None:
                yield now, (charge_Ah, voltage_V)
            now, charge_Ah, voltage_V = half, array("d"), array("d")
        net_Ah = half.sign * (row.charging_Ah - row.discharging_Ah)
        if row.step_count != step:
            step, start_Ah = row.step_count, net_Ah - (charge_Ah[-1] if charge_Ah else 0.0)
        charge_Ah.append(net_Ah - start_Ah)
        voltage_V.append(row.voltage_V)
    if now is not None:
        yield now, (charge_Ah, voltage_V)
