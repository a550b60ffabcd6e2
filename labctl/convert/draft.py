"""A converted protocol before it is text: steps with the places that they came from."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from labctl_protocols.plan import Where
from labctl_protocols.yaml12 import reads_differently

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 _.()/+-]*(?<! )$")


@dataclass(frozen=True, slots=True)
class Drive:
    """A step that drives or watches the cell.

    `target` is the voltage, as text, where it is the only thing that ends the step.
    """

    where: Where
    verb: str
    value: str
    until: tuple[str, ...]
    target: str = ""
    hold: tuple[str, ...] = ()
    label: str = ""
    record: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Special:
    """A voltage scan or a spectrum: a verb whose value is a mapping, as text."""

    where: Where
    verb: str
    settings: dict[str, str]
    label: str = ""
    record: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A remark."""

    where: Where
    text: str


@dataclass(frozen=True, slots=True)
class Loop:
    """Steps that are done so many times in all."""

    where: Where
    times: int
    steps: tuple["Item", ...]
    remarks: tuple[str, ...] = ()


Item = Drive | Special | Mark | Loop


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole protocol. `limits` are `voltage`, `current`, `temperature` as text."""

    where: Where
    name: str
    steps: tuple[Item, ...]
    title: str = ""
    source: str = ""
    limits: dict[str, str] = field(default_factory=dict)
    limits_where: Where | None = None
    record: str = ""
    record_where: Where | None = None


def joined(steps: Sequence[Item]) -> tuple[Item, ...]:
    """With `then hold` where a hold continues the step before it at the voltage that ended it.

    Only a voltage may end the first part: where a time might, the hold would be left out after it.
    """
    done: list[Item] = []
    for step in steps:
        if isinstance(step, Loop):
            step = replace(step, steps=joined(step.steps))
        before = done[-1] if done else None
        if isinstance(step, Drive) and isinstance(before, Drive) and _continues(before, step):
            remarks = before.remarks + step.remarks
            done[-1] = replace(before, hold=step.until, remarks=remarks)
            continue
        done.append(step)
    return tuple(done)


def _continues(before: Drive, step: Drive) -> bool:
    return (
        step.verb == "hold"
        and before.target == step.value != ""
        and not before.hold
        and not step.label
        and before.record == step.record
    )


def written(draft: Draft, heading: Iterable[str]) -> tuple[str, list[Where]]:
    """The YAML, and for each of its lines the place that it came from."""
    rows: list[tuple[str, Where]] = [(_remark(text), draft.where) for text in heading]
    rows.append((f"name: {text_of(draft.name)}", draft.where))
    for key, text in (("title", draft.title), ("source", draft.source)):
        if text:
            rows.append((f"{key}: {text_of(text)}", draft.where))
    if draft.limits:
        rows.append((f"limits: {_flow(draft.limits)}", draft.limits_where or draft.where))
    if draft.record:
        rows.append((f"record: {draft.record}", draft.record_where or draft.where))
    rows.append(("steps:", draft.where))
    _write(draft.steps, "  ", rows)
    return "".join(f"{line}\n" for line, _ in rows), [where for _, where in rows]


def text_of(text: str) -> str:
    """Free text as a YAML value, on one line."""
    text = " ".join(text.split())
    if _PLAIN.match(text) and not reads_differently(text):
        return text
    return json.dumps(text, ensure_ascii=False)


def _write(steps: Iterable[Item], indent: str, rows: list[tuple[str, Where]]) -> None:
    for step in steps:
        if isinstance(step, Mark):
            rows.append((f"{indent}- mark: {text_of(step.text)}", step.where))
            continue
        rows.extend((f"{indent}{_remark(text)}", step.where) for text in step.remarks)
        if isinstance(step, Loop):
            rows.append((f"{indent}- repeat: {step.times}", step.where))
            rows.append((f"{indent}  steps:", step.where))
            _write(step.steps, f"{indent}    ", rows)
            continue
        value = _flow(step.settings) if isinstance(step, Special) else short_form(step)
        rows.append((f"{indent}- {step.verb}: {value}", step.where))
        for key, text in (("label", step.label), ("record", step.record)):
            if text:
                value = text_of(text) if key == "label" else text
                rows.append((f"{indent}  {key}: {value}", step.where))


def _flow(settings: dict[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {text}" for name, text in settings.items()) + "}"


def short_form(step: Drive) -> str:
    """The step's value, as `C/2 until 4.2 V then hold until C/20`."""
    until = " or ".join(step.until)
    if step.verb == "rest":
        plain = len(step.until) == 1 and re.fullmatch(r"[0-9.]+ (h|min|s)", until)
        return until if plain else f"until {until}"
    text = f"{step.value} until {until}"
    return f"{text} then hold until {' or '.join(step.hold)}" if step.hold else text


def _remark(text: str) -> str:
    return "# " + " ".join(text.split())
