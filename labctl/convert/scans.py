"""Voltage scans and impedance spectra as labctl's steps, and what there is to know about them."""

from labctl.convert.context import Context
from labctl.convert.draft import Special
from labctl.convert.places import Node
from labctl_protocols.special import STEP_V

STAIRCASE = (
    f"a voltage scan is a staircase of {STEP_V * 1e3:g} mV in labctl; `step` beside `rate` sets "
    "another"
)
POTENTIOSTAT = (
    "running `impedance` needs an instrument that measures it: `labctl check` with --bench and "
    "--channel tells whether yours does"
)
HERE = "voltage"
"""The start of a scan that begins where the cell is."""


def sweep(node: Node, start: str, end: str, rate: str, until: list[str], ctx: Context) -> Special:
    """A scan from one voltage to another."""
    ctx.note(STAIRCASE)
    settings = {"from": start, "to": end, "rate": rate}
    if until:
        settings["until"] = " or ".join(until)
    return Special(node.where, "sweep", settings)


def impedance(
    node: Node, first: str, last: str, points: int, amplitude: str, ctx: Context
) -> Special:
    """A spectrum about the present state."""
    ctx.note(POTENTIOSTAT)
    settings = {
        "from": first,
        "to": last,
        "points_per_decade": str(points),
        "amplitude": amplitude,
    }
    return Special(node.where, "impedance", settings)
