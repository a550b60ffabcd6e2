"""BattINFO's `scan` and `eis` steps.

The schema leaves the names of their set values open: these are the ones that BattINFO's own
importer (src/battinfo/interop/protocols.py) and its example of cyclic voltammetry write.
"""

from labctl.convert.battinfo_values import quantity, refuse_setpoints, setpoint, terminations
from labctl.convert.context import Context, count, members, text
from labctl.convert.draft import Special
from labctl.convert.places import Node
from labctl.convert.scans import HERE, impedance, sweep
from labctl_protocols.special import POINTS_PER_DECADE

_LIMITS = {"charge": "upper_voltage_limit", "discharge": "lower_voltage_limit"}
_RATES = ("scan_rate", "scan_rate_mV_per_s")


def read_scan(node: Node, ctx: Context) -> Special | None:
    """A scan to its end; without a start it begins where the cell is."""
    way = text(node.get("direction"), ctx)
    to = "end_voltage"
    if setpoint(node, to) is None:
        to = _LIMITS.get(way, to)
    refuse_setpoints(node, ("start_voltage", to, *_RATES), ctx)
    start = quantity(setpoint(node, "start_voltage"), "voltage", ctx)
    end = quantity(setpoint(node, to), "voltage", ctx)
    rate = _rate(node, ctx)
    if end is None or rate is None or (start is None and way not in _LIMITS):
        ctx.missing(
            node.where,
            f"{node.path}: a scan needs a scan_rate, an end_voltage, and a start_voltage or a "
            "direction",
        )
        return None
    if start == end:
        ctx.wrong(node.where, f"{node.path}: the scan begins at its end, {end}")
        return None
    if start is None:
        ctx.note(f"{node.path}: without a start_voltage, the scan begins at the cell's voltage")
    is_up = way == "charge" if start is None else _volts(start) < _volts(end)
    own_end = f"voltage {'>' if is_up else '<'} {end}"
    until = [found for found in _ends(node, ctx) if found != own_end]
    return sweep(node, start or HERE, end, rate, until, ctx)


def _rate(node: Node, ctx: Context) -> str | None:
    given = [found for name in _RATES if (found := setpoint(node, name)) is not None]
    if len(given) > 1:
        ctx.wrong(given[1].where, f"{given[1].path}: a second scan rate", "leave one")
        return None
    return quantity(given[0], "scan rate", ctx) if given else None


def _volts(amount: str) -> float:
    return float(amount.removesuffix(" V"))


def _ends(node: Node, ctx: Context) -> list[str]:
    found = terminations(node, "scan", ctx)
    duration = node.get("duration")
    time = None if duration is None else quantity(duration, "duration", ctx)
    return found if time is None or time in found else [*found, time]


def read_spectrum(node: Node, ctx: Context) -> Special | None:
    """A spectrum from one frequency to the other."""
    known = ("start_frequency", "end_frequency", "amplitude", "points_per_decade")
    refuse_setpoints(node, known, ctx)
    for name in ("termination", "duration"):
        given = node.get(name)
        if given is not None and given.value != []:
            ctx.refuse(given.where, given.path, "a spectrum ends at its last frequency")
    first, last = (quantity(setpoint(node, name), "frequency", ctx) for name in known[:2])
    amplitude = quantity(setpoint(node, "amplitude"), "amplitude", ctx)
    points = _points(node, ctx)
    if first is None or last is None or amplitude is None or points is None:
        ctx.missing(
            node.where,
            f"{node.path}: a spectrum needs a start_frequency, an end_frequency and an amplitude",
        )
        return None
    return impedance(node, first, last, points, amplitude, ctx)


def _points(node: Node, ctx: Context) -> int | None:
    given = setpoint(node, "points_per_decade")
    if given is None:
        ctx.note(f"{node.path}: without points_per_decade, {POINTS_PER_DECADE} are measured")
        return POINTS_PER_DECADE
    if not members(given, ("value", "unit"), ctx):
        return None
    unit = text(given.get("unit"), ctx)
    if unit not in ("1", "count"):
        ctx.wrong(given.where, f"{given.path}: `{unit}` is no unit of a count", "1 or count")
        return None
    return count(given.get("value"), ctx)
