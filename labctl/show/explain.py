"""A plan for people and as JSON: expanded steps with their A, V, Ah and h, and the worst case."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from labctl.show.bounds import Bound, Known, Walk, number
from labctl.show.words import duration_text
from labctl_protocols.plan import (
    MAIN,
    Drive,
    End,
    Expression,
    For,
    Group,
    Hold,
    If,
    Impedance,
    Node,
    Plan,
    Repeat,
    Rest,
    Set,
    Sweep,
    Timed,
)

Json = dict[str, object]
UNITS = {"voltage": "V", "current": "A", "charge": "Ah", "time": "s", "condition": ""}


def explain_document(plan: Plan) -> Json:
    """The plan as JSON. `worst_case` is null where a step has only a voltage to end it."""
    walk = Walk(plan)
    bound = walk.block(plan.steps)
    return {
        "protocol": plan.name,
        "title": plan.title,
        "cell": {
            "kind": plan.kind,
            "metal": plan.metal,
            "area_cm2": plan.area_cm2,
            "nominal_Ah": plan.nominal_Ah,
            "inventory_Ah": plan.inventory_Ah,
        },
        "parameters": dict(plan.parameters),
        "limits": asdict(plan.limits),
        "start_V": list(plan.start_V) if plan.start_V else None,
        "record": asdict(plan.record),
        "steps": [step_json(node, walk) for node in plan.steps],
        "worst_case": _worst_json(bound),
    }


def _worst_json(bound: Bound) -> Json:
    is_bounded = not bound.open_steps
    return {
        "time_s": bound.time_s if is_bounded else None,
        "charge_Ah": bound.charge_As / 3600.0 if is_bounded else None,
        "unbounded_steps": list(bound.open_steps),
    }


def step_json(node: Node, walk: Walk) -> Json:
    """One node with what is inside it."""
    first = walk.first.get(node.path, {})
    told: Json = {
        "path": node.path,
        "kind": type(node).__name__.lower(),
        "text": node.text,
        "label": node.label,
    }
    if isinstance(node, Timed) and node.terminal != MAIN:
        told |= {"terminal": node.terminal}
    match node:
        case Drive():
            told |= {"verb": node.verb, "current_A": _signed(node, first.get("current_A"))}
            if node.control != "current":
                told |= {"control": node.control, "at": number(node.at, walk.names)}
            told |= _ends(node.until, walk.names) | _least(first)
            if node.then_hold is not None:
                told["then_hold"] = step_json(node.then_hold, walk)
        case Hold():
            told |= {"voltage_V": number(node.voltage, walk.names)}
            told |= _ends(node.until, walk.names) | _least(first)
        case Sweep():
            told |= {"rate_V_s": node.rate_V_s, "step_V": node.step_V, "cycles": node.cycles}
            told |= _ends(node.until, walk.names) | _least(first)
        case Rest() | Impedance():
            told |= _ends(node.until, walk.names) | _least(first)
        case _:
            told |= _control_json(node, walk)
    return told


def _control_json(node: Node, walk: Walk) -> Json:
    def inside(nodes: Sequence[Node]) -> list[Json]:
        return [step_json(each, walk) for each in nodes]

    match node:
        case Group():
            return {"class": node.group_class, "pair": node.pair, "steps": inside(node.steps)}
        case Repeat():
            return {"times": number(node.times, walk.names), "steps": inside(node.steps)}
        case For():
            values = [_text(value) for value in node.values]
            return {"name": node.name, "values": values, "steps": inside(node.steps)}
        case Set():
            return {"auxiliary": node.name, "value_K": number(node.value, walk.names)}
        case If():
            return {"steps": inside(node.then), "else": inside(node.otherwise)}
    return {}


def _text(expression: Expression) -> str:
    return expression.text


def _signed(node: Drive, current_A: float | None) -> float | None:
    return None if current_A is None else node.sign * abs(current_A)


def _least(first: Mapping[str, float | None]) -> Json:
    charge_As = first.get("charge_As")
    return {
        "longest_s": first.get("time_s"),
        "most_Ah": None if charge_As is None else charge_As / 3600.0,
    }


def _ends(until: Sequence[End], names: Known) -> Json:
    return {"until": [_end_json(end, names) for end in until]}


def _end_json(end: End, names: Known) -> Json:
    value = None if end.kind == "condition" else number(end.expression, names)
    if value is not None and end.kind == "charge":
        value /= 3600.0
    if "deposit" in end.expression.text:
        value = None  # known only when the step begins
    return {"text": end.text, "kind": end.kind, "value": value, "unit": UNITS[end.kind]}


def explain_lines(document: Json) -> list[str]:
    """The same for people, indented as the protocol is."""
    lines = [f"{document['protocol']}  {document['title']}".rstrip()]
    limits = document["limits"]
    if isinstance(limits, Mapping):
        shown = [f"{name} {value:g}" for name, value in limits.items() if value is not None]
        lines.append("limits  " + "  ".join(shown))
    lines += _step_lines(document["steps"], "")
    return lines + _worst_lines(document["worst_case"])


def _worst_lines(worst: object) -> list[str]:
    if not isinstance(worst, Mapping):
        return []
    if worst["time_s"] is None:
        return ["no longest time: only a voltage or a condition ends " + _few(worst)]
    time, charge = float(worst["time_s"]), float(worst["charge_Ah"])
    return [f"at most {duration_text(time)} and {charge * 1e3:.4g} mAh in all"]


def _few(worst: Mapping[str, object]) -> str:
    paths = worst["unbounded_steps"]
    names = [str(path) for path in paths] if isinstance(paths, list) else []
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _step_lines(steps: object, indent: str) -> list[str]:
    lines: list[str] = []
    for step in steps if isinstance(steps, list) else ():
        lines.append(indent + _one_line(step))
        if "then_hold" in step:
            lines.append(indent + "  " + _one_line(step["then_hold"]))
        lines += _step_lines(step.get("steps"), indent + "  ")
        if step.get("else"):
            lines += [indent + "else", *_step_lines(step["else"], indent + "  ")]
    return lines


def _one_line(step: Mapping[str, object]) -> str:
    parts = []
    current, longest = step.get("current_A"), step.get("longest_s")
    if isinstance(current, float):
        parts.append(f"{current * 1e3:+.4g} mA")
    until = step.get("until")
    targets = [_target(end) for end in until] if isinstance(until, list) else []
    if targets:
        parts.append("until " + " or ".join(targets))
    if isinstance(longest, float) and duration_text(longest) not in targets:
        parts.append(f"at most {duration_text(longest)}")
    told = f"   [{', '.join(parts)}]" if parts else ""
    return f"{step['text']}{told}"


def _target(end: Mapping[str, object]) -> str:
    value = end["value"]
    if not isinstance(value, float):
        return str(end["text"])
    if end["kind"] == "time":
        return duration_text(value)
    factor, unit = {"charge": (1e3, "mAh"), "current": (1e3, "mA")}.get(str(end["kind"]), (1, "V"))
    return f"{value * factor:.4g} {unit}"
