"""Set values and ends of a BattINFO step, with their units."""

from labctl.convert.context import Context, items, members, number, text
from labctl.convert.places import Node
from labctl.convert.words import duration, number_text, rate, tidy, volts

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_CURRENTS = {"A": "A", "mA": "mA", "uA": "uA", "µA": "uA"}
_CHARGES = {"Ah": "Ah", "mAh": "mAh", "uAh": "uAh"}
_VOLTS = {"V": 1.0, "mV": 1e-3}
_PLAIN = {
    "power": {"W": "W", "mW": "mW"},
    "resistance": {"ohm": "ohm", "Ohm": "ohm", "Ω": "ohm", "mohm": "mohm", "mΩ": "mohm"},
    "current": _CURRENTS,
    "capacity": _CHARGES,
    "scan rate": {"V/s": "V/s", "mV/s": "mV/s", "uV/s": "uV/s", "µV/s": "uV/s"},
    "frequency": {"Hz": "Hz", "mHz": "mHz", "kHz": "kHz", "MHz": "MHz"},
    "amplitude": {"V": "V", "mV": "mV", **_CURRENTS},
}


def setpoint(node: Node, name: str) -> Node | None:
    """A set value of the step; None where there is none."""
    points = node.get("setpoints")
    return None if points is None else points.get(name)


def refuse_setpoints(node: Node, known: tuple[str, ...], ctx: Context) -> None:
    """Note set values that mean nothing in this step."""
    points = node.get("setpoints")
    if points is None:
        return
    if not isinstance(points.value, dict):
        ctx.wrong(points.where, f"{points.path}: an object `{{…}}` is wanted")
        return
    for name, value in points.value.items():
        if name not in known:
            ctx.refuse(value.where, value.path, "a set value that has no meaning in this step")
    if "c_rate" in points.value and "current" in points.value:
        ctx.wrong(points.where, f"{points.path}: c_rate and current", "leave one")


def missing_setpoint(node: Node, ctx: Context) -> None:
    """Note a step whose set value is missing, unless something was noted already."""
    ctx.missing(node.where, f"{node.path}: `setpoints` gives it no value")


def set_current(node: Node, ctx: Context) -> str | None:
    """The C-rate or current; None where there is none."""
    per_hour = setpoint(node, "c_rate")
    if per_hour is not None:
        return quantity(per_hour, "c_rate", ctx)
    return quantity(setpoint(node, "current"), "current", ctx)


def quantity(node: Node | None, kind: str, ctx: Context) -> str | None:
    """`{value, unit}` as text; None where there is none, or with a problem noted."""
    if node is None or not members(node, ("value", "unit", "min_value", "max_value"), ctx):
        return None
    for name in ("min_value", "max_value"):
        bound = node.get(name)
        if bound is not None:
            ctx.refuse(bound.where, bound.path, "a range, where one value is wanted")
    value = number(node.get("value"), ctx)
    if value is None:
        ctx.missing(node.where, f"{node.path}: `value` is missing")
        return None
    return _amount(value, text(node.get("unit"), ctx), kind, node, ctx)


def _amount(value: float, unit: str, kind: str, node: Node, ctx: Context) -> str | None:
    if kind == "voltage" and unit in _VOLTS:
        return volts(tidy(value * _VOLTS[unit]))
    if kind == "c_rate" and unit in ("A/Ah", "C", "1/h"):
        if value > 0:
            return rate(value)
        ctx.wrong(node.where, f"{node.path}: the C-rate {value:g} is not above zero")
        return None
    if kind == "duration" and unit in _SECONDS:
        if value > 0:
            return duration(tidy(value * _SECONDS[unit]))
        ctx.wrong(node.where, f"{node.path}: the time {value:g} is not above zero")
        return None
    known = _PLAIN.get(kind, {})
    if unit in known:
        return f"{number_text(value)} {known[unit]}"
    ctx.wrong(node.where, f"{node.path}: `{unit}` is no unit of {kind}")
    return None


def terminations(node: Node, verb: str, ctx: Context) -> list[str]:
    """What ends the step, each as labctl writes it, in file order."""
    found = []
    for one in items(node.get("termination"), ctx):
        if members(one, ("quantity", "direction", "value", "unit"), ctx):
            end = _termination(one, verb, ctx)
            if end is not None and end not in found:
                found.append(end)
    return found


def _termination(node: Node, verb: str, ctx: Context) -> str | None:
    kind, way = text(node.get("quantity"), ctx), text(node.get("direction"), ctx)
    value = number(node.get("value"), ctx)
    if kind not in ("voltage", "current", "c_rate", "capacity", "duration") or value is None:
        what = f"`{kind}` ends no step in labctl" if value is not None else "no value"
        ctx.wrong(node.where, f"{node.path}: {what}")
        return None
    amount = _amount(value, text(node.get("unit"), ctx), kind, node, ctx)
    if amount is None:
        return None
    along = {"charge": "above", "discharge": "below"}.get(verb)
    if kind == "voltage":
        return _voltage_end(node, amount, way, along, ctx)
    if kind in ("current", "c_rate"):
        if way in ("", "below") and verb == "hold":
            return amount
        return f"abs(current) {'>' if way == 'above' else '<'} {amount}"
    if way == "below":
        ctx.wrong(node.where, f"{node.path}: a {kind} that passes is never below")
        return None
    return amount


def _voltage_end(node: Node, amount: str, way: str, along: str | None, ctx: Context) -> str | None:
    if along is not None and way in ("", along):
        return amount
    if way not in ("above", "below"):
        ctx.wrong(node.where, f"{node.path}: nothing gives the voltage a direction")
        return None
    return f"voltage {'>' if way == 'above' else '<'} {amount}"
