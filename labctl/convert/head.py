"""The safety limits and the recording rule that unicycler and BattINFO write alike."""

from labctl.convert.context import Context, members, number
from labctl.convert.places import Node
from labctl.convert.words import duration, milliamperes, number_text, tidy, volts

SAFETY = (
    "max_voltage_V", "min_voltage_V", "max_current_mA", "min_current_mA", "max_capacity_mAh",
    "delay_s",
)  # fmt: skip
TEMPERATURES = ("max_temperature_degC", "min_temperature_degC")


def limits_of(node: Node | None, ctx: Context, more: tuple[str, ...] = ()) -> dict[str, str]:
    """`safety` as labctl's limits. They may become stricter, which is said, and never looser."""
    if node is None or not members(node, (*SAFETY, *more), ctx):
        return {}
    found: dict[str, str] = {}
    voltage = _voltage(node, ctx)
    current = _current(node, ctx)
    temperature = _temperature(node, ctx)
    for name, limit in (("voltage", voltage), ("current", current), ("temperature", temperature)):
        if limit:
            found[name] = limit
    capacity = node.get("max_capacity_mAh")
    if capacity is not None and number(capacity, ctx) is not None:
        ctx.refuse(
            capacity.where,
            capacity.path,
            "labctl has no limit on charge for a whole run",
            "put a charge into the steps' ends instead",
        )
    delay = number(node.get("delay_s"), ctx, low=0)
    if delay:
        ctx.notes.append(
            f"safety.delay_s {number_text(delay)}: labctl's limits act at the first reading beyond "
            "them, without a delay (stricter)"
        )
    return found


def _voltage(node: Node, ctx: Context) -> str:
    low, high = number(node.get("min_voltage_V"), ctx), number(node.get("max_voltage_V"), ctx)
    if low is None and high is None:
        return ""
    if low is None or high is None:
        given = node.get("min_voltage_V" if high is None else "max_voltage_V") or node
        own = None if ctx.cell is None else ctx.cell.limits
        low = low if own is None or low is not None else own.low_V
        high = high if own is None or high is not None else own.high_V
        if low is None or high is None:
            missing = "max_voltage_V" if high is None else "min_voltage_V"
            ctx.refuse(
                given.where,
                given.path,
                f"a limit on the voltage has two ends, and {missing} is missing",
                f"add {missing}, or give --cell, whose record has it",
            )
            return ""
        ctx.notes.append("safety has one voltage only: the other is the cell record's")
    return f"{volts(low)} .. {volts(high)}"


def _current(node: Node, ctx: Context) -> str:
    low, high = number(node.get("min_current_mA"), ctx), number(node.get("max_current_mA"), ctx)
    if low is None and high is None:
        return ""
    if (high is not None and high <= 0) or (low is not None and low >= 0):
        given = node.get("max_current_mA" if high is not None and high <= 0 else "min_current_mA")
        given = given or node
        ctx.refuse(
            given.where, given.path, "a limit on the current that lets it flow one way only",
            "labctl's limit is a magnitude",
        )  # fmt: skip
        return ""
    sizes = [abs(value) for value in (low, high) if value is not None]
    if len(sizes) == 1 or sizes[0] != sizes[1]:
        ctx.notes.append(
            "labctl's limit on the current is a magnitude: "
            f"{milliamperes(min(sizes))} holds for charge and discharge alike (stricter)"
        )
    return milliamperes(min(sizes))


def _temperature(node: Node, ctx: Context) -> str:
    low = number(node.get("min_temperature_degC"), ctx)
    high = number(node.get("max_temperature_degC"), ctx)
    given = node.get("min_temperature_degC")
    if high is None:
        if given is not None and low is not None:
            ctx.refuse(given.where, given.path, "a limit on the temperature needs its high end")
        return ""
    top = f"{number_text(high)} degC"
    return top if low is None else f"{number_text(low)} degC .. {top}"


def record_of(node: Node | None, ctx: Context) -> str:
    """`record` as `every 10 s or 5 mV or 0.1 mA`; empty where nothing is asked."""
    if node is None or not members(node, ("time_s", "voltage_V", "current_mA"), ctx):
        return ""
    parts = []
    for name in ("time_s", "voltage_V", "current_mA"):
        given = node.get(name)
        value = number(given, ctx)
        if given is None or value is None:
            continue
        if value <= 0:
            ctx.wrong(given.where, f"{given.path}: {value:g} is not above zero")
            continue
        if name == "time_s":
            parts.append(duration(value))
        elif name == "voltage_V":
            parts.append(f"{number_text(tidy(value * 1e3))} mV")
        else:
            parts.append(milliamperes(value))
    return f"every {' or '.join(parts)}" if parts else ""
