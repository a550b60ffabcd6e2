"""aurora-unicycler's JSON (0.4) as a labctl protocol.

Positive current charges there as here. A zero voltage is a voltage: unicycler itself refuses it
alone and drops it beside a time.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath

from labctl.convert.context import Context, count, items, members, number, text
from labctl.convert.draft import Draft, Drive, Item, Loop, Mark, joined
from labctl.convert.head import limits_of, record_of
from labctl.convert.places import Node
from labctl.convert.scans import impedance, sweep
from labctl.convert.words import duration, hertz, milliamperes, number_text, rate, volts
from labctl_protocols.special import POINTS_PER_DECADE
from labctl_protocols.tokens import is_label

Placed = tuple[int, Item]
"""Where in `method` an item begins, from 0, and the item."""


def read_unicycler(root: Node, ctx: Context) -> Draft | None:
    """The document's protocol; None with problems noted."""
    if not members(root, ("unicycler", "sample", "record", "safety", "method"), ctx):
        return None
    limits, record = root.get("safety"), root.get("record")
    method = root.get("method")
    draft = Draft(
        where=root.where,
        name=PurePath(ctx.file).stem,
        title=_sample(root.get("sample"), method, ctx),
        limits=limits_of(limits, ctx),
        limits_where=None if limits is None else limits.where,
        record=record_of(record, ctx),
        record_where=None if record is None else record.where,
        steps=joined([item for _, item in _placed(items(method, ctx), ctx)]),
    )
    if not draft.steps and not ctx.noted:
        ctx.wrong((method or root).where, "method: no steps")
    return draft


def _sample(node: Node | None, method: Node | None, ctx: Context) -> str:
    """The title; what C-rates are counted by is compared with the cell's, or said."""
    if node is None or not members(node, ("name", "capacity_mAh"), ctx):
        return ""
    name = text(node.get("name"), ctx)
    given = node.get("capacity_mAh")
    capacity = number(given, ctx)
    if given is not None and capacity is not None and _has_rates(method):
        own = None if ctx.cell is None else ctx.cell.capacity_Ah
        if own is None:
            ctx.notes.append(
                "C-rates are counted by the cell record's capacity; the file's sample has "
                f"{number_text(capacity)} mAh"
            )
        elif abs(own * 1e3 - capacity) > 1e-9 * capacity:
            ctx.refuse(
                given.where, given.path,
                f"C-rates would count by the cell's {own * 1e3:g} mAh, not by {capacity:g} mAh",
            )  # fmt: skip
    return "" if name in ("", "$NAME") else f"for sample {name}"


def _has_rates(method: Node | None) -> bool:
    steps = method.value if method is not None and isinstance(method.value, list) else []
    return any(step.get("rate_C") or step.get("until_rate_C") for step in steps)


# ---- loops ---------------------------------------------------------------------------------


def _placed(method: list[Node], ctx: Context) -> list[Placed]:
    """Steps in order, with what a loop goes back over put inside the loop."""
    done: list[Placed] = []
    tags = _tags(method, ctx)
    for index, node in enumerate(method):
        ctx.begin()
        if not isinstance(node.value, dict):
            ctx.wrong(node.where, f'{node.path}: a step `{{"step": …}}` is wanted')
            continue
        kind = text(node.get("step"), ctx)
        if kind == "loop":
            _close_loop(node, index, tags, done, ctx)
            continue
        item = _step(kind, node, ctx)
        # a step that was left out keeps its place, so that loops still find their beginning
        done.append((index, item or Mark(node.where, f"left out: {kind}")))
    return done


def _tags(method: list[Node], ctx: Context) -> dict[str, int]:
    tags: dict[str, int] = {}
    for index, node in enumerate(method):
        kind, tag = node.get("step"), node.get("tag")
        if kind is None or kind.value != "tag" or tag is None or not isinstance(tag.value, str):
            continue
        if tag.value in tags:
            ctx.wrong(tag.where, f"{tag.path}: a second tag `{tag.value}`")
        tags.setdefault(tag.value, index)
    return tags


def _close_loop(
    node: Node, index: int, tags: dict[str, int], done: list[Placed], ctx: Context
) -> None:
    members(node, ("step", "id", "loop_to", "cycle_count"), ctx)
    times = count(node.get("cycle_count"), ctx)
    if node.get("cycle_count") is None:
        ctx.missing(node.where, f"{node.path}: cycle_count is missing")
    start = _loop_start(node, index, tags, ctx)
    if start is None or times is None:
        return
    first = next((at for at, (begin, _) in enumerate(done) if begin == start), None)
    if first is None:
        message = f"{node.path}: goes back into the middle of another loop"
        ctx.wrong(node.where, message, "loops must lie inside one another or apart")
        return
    body = tuple(item for _, item in done[first:])
    del done[first:]
    if all(isinstance(item, Mark) for item in body):
        ctx.wrong(node.where, f"{node.path}: a loop around no step")
    done.append((start, Loop(node.where, times, body, _remarks(node, ctx))))


def _loop_start(node: Node, index: int, tags: dict[str, int], ctx: Context) -> int | None:
    target = node.get("loop_to")
    if target is None:
        return 0
    value = target.value
    if isinstance(value, str) and value in tags:
        start: int = tags[value]
    elif isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        start = value - 1
    else:
        hint = "a tag of this method, or a step's number from 1"
        ctx.wrong(target.where, f"{target.path}: `{value}` is no place to go back to", hint)
        return None
    if start >= index:
        ctx.wrong(target.where, f"{target.path}: a loop goes back, not on")
        return None
    return start


# ---- steps ---------------------------------------------------------------------------------


def _step(kind: str, node: Node, ctx: Context) -> Item | None:
    reader = STEPS.get(kind)
    if reader is None:
        given = node.get("step") or node
        ctx.missing(
            given.where, f"{node.path}: unknown step `{kind}`", "known: " + ", ".join(STEPS)
        )
        return None
    return reader(node, ctx)


def _label(node: Node, ctx: Context) -> str:
    """The step's `id`, where labctl can take it as a label."""
    given = text(node.get("id"), ctx)
    return given if is_label(given) else ""


def _remarks(node: Node, ctx: Context) -> tuple[str, ...]:
    """What labels cannot hold, as comments."""
    given = text(node.get("id"), ctx)
    is_loop = text(node.get("step"), ctx) == "loop"
    return (f"id: {given}",) if given and (is_loop or not is_label(given)) else ()


def _rest(node: Node, ctx: Context) -> Item | None:
    members(node, ("step", "id", "until_time_s"), ctx)
    time = _time(node, ctx)
    if not time:
        ctx.missing(node.where, f"{node.path}: until_time_s is missing: it would never end")
        return None
    return Drive(
        node.where, "rest", "", (time,), "", (), _label(node, ctx), "", _remarks(node, ctx)
    )


def _constant_current(node: Node, ctx: Context) -> Item | None:
    members(node, ("step", "id", "rate_C", "current_mA", "until_time_s", "until_voltage_V"), ctx)
    current = _signed(node, "rate_C", "current_mA", ctx)
    if current is None:
        message = f"{node.path}: neither rate_C nor current_mA gives a current"
        ctx.missing(node.where, message, "a rest is `open_circuit_voltage`")
        return None
    sign, value = current
    voltage, time = number(node.get("until_voltage_V"), ctx), _time(node, ctx)
    target = "" if voltage is None else volts(voltage)
    ends = tuple(end for end in (target, time) if end)
    if not ends:
        ctx.missing(node.where, f"{node.path}: neither until_voltage_V nor until_time_s ends it")
        return None
    return Drive(
        node.where,
        "charge" if sign > 0 else "discharge",
        value,
        ends,
        target=target if not time else "",
        label=_label(node, ctx),
        remarks=_remarks(node, ctx),
    )


def _constant_voltage(node: Node, ctx: Context) -> Item | None:
    known = ("step", "id", "voltage_V", "until_time_s", "until_rate_C", "until_current_mA")
    members(node, known, ctx)
    voltage = number(node.get("voltage_V"), ctx)
    if voltage is None:
        ctx.missing(node.where, f"{node.path}: voltage_V is missing")
        return None
    current = _signed(node, "until_rate_C", "until_current_mA", ctx)
    ends = tuple(end for end in ("" if current is None else current[1], _time(node, ctx)) if end)
    if not ends:
        ctx.missing(node.where, f"{node.path}: neither a time nor a current ends it")
        return None
    label, remarks = _label(node, ctx), _remarks(node, ctx)
    return Drive(node.where, "hold", volts(voltage), ends, label=label, remarks=remarks)


def _tag(node: Node, ctx: Context) -> Item | None:
    members(node, ("step", "id", "tag"), ctx)
    tag = text(node.get("tag"), ctx)
    if not tag.strip():
        ctx.wrong(node.where, f"{node.path}: an empty tag")
        return None
    return Mark(node.where, tag)


def _voltage_scan(node: Node, ctx: Context) -> Item | None:
    known = ("start_voltage_V", "end_voltage_V", "scan_rate_mV_per_s")
    members(node, ("step", "id", *known), ctx)
    start, end, rate = (number(node.get(name), ctx) for name in known)
    if start is None or end is None or rate is None:
        ctx.missing(node.where, f"{node.path}: a scan needs " + ", ".join(known))
        return None
    if start == end:
        ctx.wrong(node.where, f"{node.path}: the scan begins at its end, {volts(end)}")
        return None
    made = sweep(node, volts(start), volts(end), f"{number_text(rate)} mV/s", [], ctx)
    return replace(made, label=_label(node, ctx), remarks=_remarks(node, ctx))


def _impedance(node: Node, ctx: Context) -> Item | None:
    known = ("amplitude_V", "amplitude_mA", "start_frequency_Hz", "end_frequency_Hz")
    more = ("points_per_decade", "measures_per_point", "drift_correction")
    members(node, ("step", "id", *known, *more), ctx)
    _refuse_averages(node, ctx)
    in_V, in_mA, first, last = (number(node.get(name), ctx) for name in known)
    points = count(node.get("points_per_decade"), ctx) or POINTS_PER_DECADE
    if in_V is not None and in_mA is not None:
        ctx.wrong(node.where, f"{node.path}: amplitude_V and amplitude_mA", "leave one")
        return None
    if first is None or last is None or (in_V is None and in_mA is None):
        what = "amplitude_V or amplitude_mA, start_frequency_Hz and end_frequency_Hz"
        ctx.missing(node.where, f"{node.path}: a spectrum needs {what}")
        return None
    amplitude = f"{number_text(in_V)} V" if in_V is not None else milliamperes(in_mA or 0.0)
    made = impedance(node, hertz(first), hertz(last), points, amplitude, ctx)
    return replace(made, label=_label(node, ctx), remarks=_remarks(node, ctx))


def _refuse_averages(node: Node, ctx: Context) -> None:
    times, drift = node.get("measures_per_point"), node.get("drift_correction")
    if times is not None and count(times, ctx) not in (None, 1):
        ctx.refuse(times.where, times.path, "labctl measures each frequency once")
    if drift is not None and drift.value is not False:
        ctx.refuse(drift.where, drift.path, "labctl corrects no drift in a spectrum")


STEPS: dict[str, Callable[[Node, Context], Item | None]] = {
    "open_circuit_voltage": _rest,
    "constant_current": _constant_current,
    "constant_voltage": _constant_voltage,
    "impedance_spectroscopy": _impedance,
    "voltage_scan": _voltage_scan,
    "tag": _tag,
}


def _time(node: Node, ctx: Context) -> str:
    """The time end; empty where there is none (0 is none there too)."""
    seconds = number(node.get("until_time_s"), ctx, low=0)
    return duration(seconds) if seconds else ""


def _signed(node: Node, rate_name: str, current_name: str, ctx: Context) -> tuple[int, str] | None:
    """The sign and the size of a current that is given as a C-rate or in mA (0 is none)."""
    per_hour, current = _rate(node.get(rate_name), ctx), number(node.get(current_name), ctx)
    both = node.get(current_name)
    if per_hour and current and both is not None:
        ctx.refuse(both.where, both.path, f"{rate_name} is given too, and counts", "leave one")
    if per_hour:
        return (1 if per_hour > 0 else -1), rate(abs(per_hour))
    if current:
        return (1 if current > 0 else -1), milliamperes(abs(current))
    return None


def _rate(node: Node | None, ctx: Context) -> float | None:
    """A C-rate as a number, or as `1/5`, `C/3`, `2C/3`, `D/2` (a discharge)."""
    if node is None or not isinstance(node.value, str) or "/" not in node.value:
        return number(node, ctx)
    above, _, below = node.value.replace(" ", "").partition("/")
    sign = -1.0 if above.endswith("D") else 1.0
    above = above.removesuffix("D").removesuffix("C") or "1"
    try:
        value = sign * float(above) / float(below)
    except (ValueError, ZeroDivisionError, OverflowError):
        value = float("nan")
    if not abs(value) < 1e9:
        ctx.wrong(node.where, f"{node.path}: `{node.value}` is no C-rate", "as in 0.2, 1/5 or C/5")
        return None
    return value
