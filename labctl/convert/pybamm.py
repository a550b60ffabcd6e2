"""PyBaMM's experiment strings as a labctl protocol.

A file is a list of strings in JSON or YAML (an inner list is a cycle, and cycles that follow one
another unchanged become a loop), the same under `experiment` beside `period`, `termination` and
`temperature`, or plain text with a string on each line (`#` begins a comment).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import PurePath

from labctl.convert.context import Context
from labctl.convert.draft import Draft, Drive, Item, Loop, joined
from labctl.convert.places import Node
from labctl.convert.words import duration, number_text, rate, tidy, volts
from labctl_protocols.plan import Where

MAX_TEXT = 200
HEAD = ("experiment", "period", "termination", "temperature")
_STEP = re.compile(
    r"(?P<verb>rest|charge|discharge|hold)"
    r"(?: at (?P<value>.+?))?"
    r"(?: for (?P<time>.+?))?"
    r"(?:(?: or)? until (?P<until>.+))?$",
    re.IGNORECASE,
)
_PERIOD = re.compile(r"^(?P<step>.*?) \((?P<period>[^()]*) period\)$")
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?) ?([A-Za-z]+)$")
_C_OVER = re.compile(r"C ?/ ?(\d+\.?\d*)$")
_SECONDS = {
    **dict.fromkeys(("second", "seconds", "s", "sec"), 1.0),
    **dict.fromkeys(("minute", "minutes", "m", "min"), 60.0),
    **dict.fromkeys(("hour", "hours", "h", "hr"), 3600.0),
}
_UNITS = {
    "A": ("current", "A", 1.0), "mA": ("current", "mA", 1e-3), "C": ("rate", "C", 1.0),
    "V": ("voltage", "V", 1.0), "mV": ("voltage", "V", 1e-3), "W": ("power", "W", 1.0),
    "mW": ("power", "mW", 1e-3), "Ohm": ("resistance", "ohm", 1.0),
    "mOhm": ("resistance", "mohm", 1e-3), "ohm": ("resistance", "ohm", 1.0),
    "mohm": ("resistance", "mohm", 1e-3),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """One string of the file, its spaces single."""

    where: Where
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity of a string: its kind, as labctl writes it, its size in the unit's base."""

    kind: str
    text: str
    value: float


Cycle = tuple[Text, ...] | Text


# ---- the file ------------------------------------------------------------------------------


def read_pybamm(root: Node, ctx: Context) -> Draft | None:
    """A list of strings and cycles, or the mapping around one; None with problems noted."""
    record, listed = "", root
    if isinstance(root.value, dict):
        found = root.get("experiment")
        for name, value in root.value.items():
            if name not in HEAD:
                ctx.wrong(value.where, f"{name}: unknown key", "known: " + ", ".join(HEAD))
        if found is None:
            ctx.wrong(root.where, "the list `experiment` is missing")
            return None
        record, listed = _head(root, ctx), found
    if not isinstance(listed.value, list):
        ctx.wrong(listed.where, "a list of PyBaMM's strings is wanted")
        return None
    cycles = [cycle for item in listed.value if (cycle := _cycle(item, ctx)) is not None]
    return draft_of(cycles, listed.where, record, ctx)


def read_lines(source: str, ctx: Context) -> Draft | None:
    """A string on each line; None with problems noted."""
    cycles: list[Cycle] = []
    for number, line in enumerate(source.split("\n"), 1):
        plain = line.partition("#")[0].strip().rstrip(",").strip().strip("\"'")
        if plain:
            column = line.index(plain) + 1
            where = Where(ctx.file, number, column)
            cycles.append(Text(where, f"line {number}", " ".join(plain.split())))
    return draft_of(cycles, Where(ctx.file, 1, 1), "", ctx)


def draft_of(cycles: Sequence[Cycle], where: Where, record: str, ctx: Context) -> Draft:
    """Cycles as steps; those that follow one another unchanged become a loop."""
    done: list[Item] = []
    for _, run in groupby(cycles, _texts):
        same = list(run)
        first = same[0]
        if isinstance(first, Text):
            done.extend(
                step for one in same if isinstance(one, Text) for step in _steps([one], ctx)
            )
            continue
        steps = _steps(first, ctx)
        if len(same) == 1:
            done.extend(steps)
        elif steps:
            done.append(Loop(first[0].where, len(same), tuple(steps)))
    if not done and not ctx.noted:
        ctx.wrong(where, "no steps")
    name = PurePath(ctx.file).stem
    return Draft(where, name, joined(done), record=record, record_where=where)


def _texts(cycle: Cycle) -> tuple[str, ...]:
    return (cycle.text,) if isinstance(cycle, Text) else ("cycle", *(one.text for one in cycle))


def _head(root: Node, ctx: Context) -> str:
    for name, hint in (
        ("termination", "a loop takes `until: retention < 80 %`"),
        (
            "temperature",
            "write `set: {<chamber>: …}`, with the bench's name for the chamber",
        ),
    ):
        given = root.get(name)
        if given is not None:
            ctx.refuse(given.where, given.path, "labctl has no such setting for a whole run", hint)
    period = root.get("period")
    if period is None:
        return ""
    seconds = period.value if isinstance(period.value, int | float) else None
    if isinstance(period.value, str):
        seconds = _seconds(period.value)
    if isinstance(period.value, bool) or seconds is None or seconds <= 0:
        ctx.wrong(period.where, f"period: `{period.value}` is no time", "as in `1 minute`")
        return ""
    return f"every {duration(seconds)}"


def _cycle(node: Node, ctx: Context) -> Cycle | None:
    if isinstance(node.value, list):
        inner = [text for item in node.value if (text := _text(item, ctx)) is not None]
        if not node.value:
            ctx.wrong(node.where, f"{node.path}: an empty cycle")
        return tuple(inner) or None
    return _text(node, ctx)


def _text(node: Node, ctx: Context) -> Text | None:
    if not isinstance(node.value, str):
        ctx.wrong(node.where, f'{node.path}: a string such as "Rest for 1 hour" is wanted')
        return None
    return Text(node.where, node.path, " ".join(node.value.split()))


# ---- a string ------------------------------------------------------------------------------


def _steps(cycle: Sequence[Text], ctx: Context) -> list[Item]:
    return [step for text in cycle if (step := _step(text, ctx)) is not None]


def _step(source: Text, ctx: Context) -> Drive | None:
    text, record = source.text, ""
    if len(text) > MAX_TEXT:
        ctx.wrong(source.where, f"a string of {len(text)} characters is no step of PyBaMM")
        return None
    period = _PERIOD.match(text)
    if period is not None:
        seconds = _seconds(period["period"])
        if seconds is None:
            _unread(source, period["period"], "a period", ctx)
            return None
        text, record = period["step"], f"every {duration(seconds)}"
    found = _STEP.match(text)
    if found is None:
        _unread(source, text, "a step", ctx)
        return None
    verb = found["verb"].lower()
    value = _value(source, verb, found["value"], ctx)
    ends = _ends(source, verb, found["time"], found["until"], ctx)
    if value is None or ends is None:
        return None
    if not ends:
        ctx.wrong(source.where, f"`{source.text}`: neither `for` nor `until` ends it")
        return None
    target = ends[0] if len(ends) == 1 and re.fullmatch(r"-?[0-9.]+ V", ends[0]) else ""
    return replace(Drive(source.where, verb, value, ends, target), record=record)


def _unread(source: Text, part: str, what: str, ctx: Context) -> None:
    where = source.where
    offset = source.text.find(part)
    shown = f"`{part}` in `{source.text}`" if part != source.text and offset >= 0 else f"`{part}`"
    example = "as in `Charge at C/10 for 10 hours or until 4.1 V`"
    ctx.wrong(where, f"{shown} is not {what} of PyBaMM", example)


def _value(source: Text, verb: str, text: str | None, ctx: Context) -> str | None:
    """The set value; empty in a rest."""
    if verb == "rest":
        if text is not None:
            ctx.wrong(source.where, f"`{source.text}`: a rest has no value")
            return None
        return ""
    amount = None if text is None else _amount(text)
    if amount is None:
        _unread(source, text or source.text, "a value", ctx)
        return None
    if (amount.kind == "voltage") != (verb == "hold"):
        hint = "write `Hold at …`" if amount.kind == "voltage" else "write `Discharge at …`"
        ctx.wrong(source.where, f"`{source.text}`: PyBaMM reads this against its words", hint)
        return None
    if amount.kind != "voltage" and amount.value <= 0:
        ctx.wrong(
            source.where, f"`{source.text}`: the value is not above zero", "the verb gives the sign"
        )
        return None
    return amount.text


def _ends(
    source: Text, verb: str, time: str | None, until: str | None, ctx: Context
) -> tuple[str, ...] | None:
    """The voltage or current first, then the time; None with a problem noted."""
    ends: list[str] = []
    parts = [] if until is None else re.split(r" or (?:until )?", until)
    for part in parts:
        if part.startswith("for "):
            time = part.removeprefix("for ")
            continue
        end = _end(source, verb, part, ctx)
        if end is None:
            return None
        ends.append(end)
    if time is not None:
        seconds = _seconds(time)
        if seconds is None or seconds <= 0:
            _unread(source, time, "a time", ctx)
            return None
        ends.append(duration(seconds))
    return tuple(ends)


def _end(source: Text, verb: str, part: str, ctx: Context) -> str | None:
    sign = part[0] if part[:1] in ("<", ">") else ""
    amount = _amount(part.removeprefix(sign).strip())
    if amount is None or amount.kind in ("power", "resistance"):
        _unread(source, part, "an end", ctx)
        return None
    if amount.kind == "voltage":
        return _voltage_end(source, verb, sign, amount, ctx)
    if verb == "rest":
        message = f"`{source.text}`: a current ends no rest"
        ctx.wrong(source.where, message)
        return None
    if sign and amount.kind == "current":
        # there a discharge is positive
        turned = "<" if sign == ">" else ">"
        return f"current {turned} {_negated(amount.text)}"
    return amount.text if verb == "hold" else f"abs(current) < {amount.text}"


def _negated(text: str) -> str:
    return text.removeprefix("-") if text.startswith("-") else f"-{text}"


def _voltage_end(source: Text, verb: str, sign: str, amount: Amount, ctx: Context) -> str | None:
    along = {"charge": ">", "discharge": "<"}.get(verb)
    if sign in ("", along) and along is not None:
        return amount.text
    if not sign:
        message = f"`{source.text}`: nothing gives the voltage a direction, and PyBaMM ignores it"
        ctx.wrong(source.where, message, "write `until > …` or `until < …`")
        return None
    return f"voltage {sign} {amount.text}"


def _amount(text: str) -> Amount | None:
    over = _C_OVER.match(text)
    if over is not None:
        hours = float(over[1])
        return None if hours == 0 else Amount("rate", rate(1 / hours), 1 / hours)
    found = _QUANTITY.match(text)
    known = None if found is None else _UNITS.get(found[2])
    if found is None or known is None:
        return None
    kind, unit, factor = known
    value = float(found[1])
    if not abs(value) < 1e300:
        return None
    if kind == "rate":
        return Amount(kind, rate(value), value)
    if kind == "voltage":
        return Amount(kind, volts(tidy(value * factor)), value * factor)
    return Amount(kind, f"{number_text(value)} {unit}", value * factor)


def _seconds(text: str) -> float | None:
    found = _QUANTITY.match(text.strip())
    size = None if found is None else _SECONDS.get(found[2])
    if found is None or size is None or not float(found[1]) < 1e12:
        return None
    return tidy(float(found[1]) * size)
