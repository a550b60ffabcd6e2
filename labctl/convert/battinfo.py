"""BattINFO's test-protocol record (JSON) as a labctl protocol.

What describes the record (who, licence, artifacts) stays there: the protocol's source names it.
What describes a step becomes a comment.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath
from typing import TypeVar

from labctl.convert.battinfo_scans import read_scan, read_spectrum
from labctl.convert.battinfo_values import (
    missing_setpoint,
    quantity,
    refuse_setpoints,
    set_current,
    setpoint,
    terminations,
)
from labctl.convert.context import Context, count, items, members, text
from labctl.convert.draft import Draft, Drive, Item, Loop, Special, joined
from labctl.convert.head import TEMPERATURES, limits_of, record_of
from labctl.convert.places import Node

RECORD = (
    "schema_version", "test_spec", "provenance", "method", "conditions", "record", "safety",
    "artifacts", "contributor", "facets", "funding", "license", "notes",
)  # fmt: skip
STEP = (
    "mode", "step_id", "direction", "setpoints", "duration", "termination", "count", "steps",
    "period", "tags", "temperature", "description",
)  # fmt: skip
Timed = TypeVar("Timed", Drive, Special)


def read_battinfo(root: Node, ctx: Context) -> Draft | None:
    """The record's method; None with problems noted."""
    if not members(root, RECORD, ctx):
        return None
    conditions = root.get("conditions")
    if conditions is not None and not isinstance(conditions.value, dict):
        ctx.wrong(conditions.where, "conditions: an object `{…}` is wanted")
    elif conditions is not None and isinstance(conditions.value, dict):
        for node in conditions.value.values():
            ctx.refuse(node.where, node.path, "labctl sets no such condition in this version")
    method = root.get("method")
    steps = [step for node in items(method, ctx) if (step := _step(node, ctx)) is not None]
    if not steps and not ctx.noted:
        ctx.wrong((method or root).where, "method: no steps")
    safety, record = root.get("safety"), root.get("record")
    name, title, source = _described(root, ctx)
    return Draft(
        where=root.where,
        name=name,
        title=title,
        source=source,
        limits=limits_of(safety, ctx, TEMPERATURES),
        limits_where=None if safety is None else safety.where,
        record=record_of(record, ctx),
        record_where=None if record is None else record.where,
        steps=joined(steps),
    )


def _described(root: Node, ctx: Context) -> tuple[str, str, str]:
    name = PurePath(ctx.file).stem
    spec, provenance = root.get("test_spec"), root.get("provenance")
    title = "" if spec is None else text(spec.get("name"), ctx)
    parts = []
    if provenance is not None:
        for key in ("citation_doi", "citation", "source_url"):
            parts.append(text(provenance.get(key), ctx))
    if spec is not None:
        parts.append(text(spec.get("id"), ctx))
    return name, title, "; ".join(part for part in parts if part)


# ---- steps ---------------------------------------------------------------------------------


def _step(node: Node, ctx: Context) -> Item | None:
    ctx.begin()
    if not members(node, STEP, ctx):
        return None
    mode = text(node.get("mode"), ctx)
    reader = MODES.get(mode)
    temperature = node.get("temperature")
    if temperature is not None:
        ctx.refuse(
            temperature.where,
            temperature.path,
            "write `set: {<chamber>: …}`, with the bench's name for the chamber",
        )
    if reader is None:
        known = ", ".join(MODES)
        ctx.missing(node.where, f"{node.path}: unknown mode `{mode}`", f"known: {known}")
        return None
    return reader(node, ctx)


def _group(node: Node, ctx: Context) -> Item | None:
    for name in ("setpoints", "duration", "termination", "period"):
        given = node.get(name)
        if given is not None and given.value not in ([], {}):
            ctx.refuse(given.where, given.path, f"`{name}` of a whole group")
    inner = [step for one in items(node.get("steps"), ctx) if (step := _step(one, ctx)) is not None]
    times = 1 if node.get("count") is None else count(node.get("count"), ctx)
    if not inner or times is None:
        ctx.missing(node.where, f"{node.path}: a group of no steps")
        return None
    return Loop(node.where, times, tuple(inner), _remarks(node, ctx))


def _rest(node: Node, ctx: Context) -> Item | None:
    refuse_setpoints(node, (), ctx)
    return _made(node, "rest", "", ctx)


def _current(node: Node, ctx: Context) -> Item | None:
    refuse_setpoints(node, ("c_rate", "current"), ctx)
    return _driven(node, set_current(node, ctx), ctx)


def _plain(name: str) -> Callable[[Node, Context], Item | None]:
    def read(node: Node, ctx: Context) -> Item | None:
        refuse_setpoints(node, (name,), ctx)
        return _driven(node, quantity(setpoint(node, name), name, ctx), ctx)

    return read


def _special(
    reader: Callable[[Node, Context], Special | None],
) -> Callable[[Node, Context], Item | None]:
    def read(node: Node, ctx: Context) -> Item | None:
        made = reader(node, ctx)
        return None if made is None else _dressed(made, node, ctx)

    return read


def _driven(node: Node, value: str | None, ctx: Context) -> Item | None:
    verb = text(node.get("direction"), ctx)
    if verb not in ("charge", "discharge"):
        given = node.get("direction") or node
        ctx.missing(given.where, f"{node.path}: direction must be charge or discharge")
        return None
    if value is None:
        missing_setpoint(node, ctx)
        return None
    if value.startswith("-"):
        ctx.wrong(node.where, f"{node.path}: `{value}` is below zero", "direction gives the sign")
        return None
    return _made(node, verb, value, ctx)


def _voltage(node: Node, ctx: Context) -> Item | None:
    refuse_setpoints(node, ("voltage",), ctx)
    value = quantity(setpoint(node, "voltage"), "voltage", ctx)
    if value is None:
        missing_setpoint(node, ctx)
        return None
    return _made(node, "hold", value, ctx)


def _cccv(node: Node, ctx: Context) -> Item | None:
    """Its ends are the hold's; a time could mean the hold or the whole, so it is refused."""
    refuse_setpoints(node, ("c_rate", "current", "voltage"), ctx)
    verb = text(node.get("direction"), ctx)
    value = set_current(node, ctx)
    target = quantity(setpoint(node, "voltage"), "voltage", ctx)
    if verb not in ("charge", "discharge") or value is None or target is None:
        ctx.missing(
            node.where,
            f"{node.path}: a cccv step needs a direction, a current or c_rate, and a voltage",
        )
        return None
    ends: list[str] = []
    for end in terminations(node, "hold", ctx):
        if end.endswith((" h", " min", " s")):
            _refuse_total_time(node, ctx)
        elif end != target:
            ends.append(end)
    if node.get("duration") is not None:
        _refuse_total_time(node, ctx)
    if not ends:
        ctx.missing(node.where, f"{node.path}: no current ends the voltage's part")
        return None
    first = Drive(node.where, verb, value, (target,), target, tuple(ends))
    return _dressed(first, node, ctx)


def _refuse_total_time(node: Node, ctx: Context) -> None:
    ctx.refuse(
        node.where,
        f"{node.path}.duration",
        "the time of a cccv step as a whole",
        "split it into a cc and a cv step, each with its time",
    )


def _made(node: Node, verb: str, value: str, ctx: Context) -> Item | None:
    ends = terminations(node, verb, ctx)
    given = node.get("duration")
    time = None if given is None else quantity(given, "duration", ctx)
    if time is not None and time not in ends:
        ends.append(time)
    if not ends:
        ctx.missing(node.where, f"{node.path}: nothing ends it")
        return None
    target = (
        ends[0] if len(ends) == 1 and ends[0].endswith(" V") and " " not in ends[0][:-2] else ""
    )
    return _dressed(Drive(node.where, verb, value, tuple(ends), target), node, ctx)


def _dressed(step: Timed, node: Node, ctx: Context) -> Timed:
    """With the recording rule of its own, and its description as a comment."""
    time = quantity(node.get("period"), "duration", ctx)
    record = "" if time is None else f"every {time}"
    return replace(step, record=record, remarks=_remarks(node, ctx))


def _remarks(node: Node, ctx: Context) -> tuple[str, ...]:
    described = text(node.get("description"), ctx)
    tags = [text(tag, ctx) for tag in items(node.get("tags"), ctx)]
    number = node.get("step_id")
    found = [described] if described else []
    if number is not None:
        found.append(f"step_id: {number.value}")
    if tags:
        found.append("tags: " + ", ".join(tags))
    return tuple(found)


MODES: dict[str, Callable[[Node, Context], Item | None]] = {
    "cc": _current,
    "cv": _voltage,
    "cccv": _cccv,
    "cp": _plain("power"),
    "cr": _plain("resistance"),
    "rest": _rest,
    "eis": _special(read_spectrum),
    "scan": _special(read_scan),
    "group": _group,
}
