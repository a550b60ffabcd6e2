"""Charges that do not belong together: more back than in, more in than back, nothing left."""

from collections.abc import Mapping
from typing import cast

from labctl_protocols.engine.detect.memory import Memory
from labctl_protocols.engine.detect.seen import Seen
from labctl_protocols.plan import CellKind

MOST_CE = {"half": 1.005, "anode-free": 1.005, "full": 1.2, "cathode-half": 1.2}
"""Only where metal is plated must a cycle's charges match so closely: recordings of healthy cells
with two hosts show 100.6 %, of cathodes against metal 109 %."""
MOST_CHARGE = 1.2
LASTING_CYCLES = 3
LEAST_CE, EXHAUSTED_CYCLES = 0.2, 2
WITH_CATHODE = ("anode-free", "full")
NOT_STRIPPED = "not stripped to cut-off"


def recipe_of(seen: Seen) -> str:
    """How a charge is driven: charges are only compared where it is the same."""
    step = seen.step
    return f"{step.set_current_A} A {step.set_voltage_V} V"


def charge_goes_on(seen: Seen, memory: Memory) -> str | None:
    """A charge passes a fifth more than the same charge gave back before: it flows past the cell.

    What passes in a hold adds to what the charge before it passed.
    """
    passed_As = seen.half_As + seen.passed_As
    if not memory.returned_As or passed_As <= MOST_CHARGE * memory.returned_As:
        return None
    if memory.returned_recipe != recipe_of(seen):
        return None
    return (
        f"{passed_As / 3.6:.4g} mAh went in and the charge is not over; "
        f"{memory.returned_As / 3.6:.4g} mAh came back before"
    )


def more_out_than_in(
    kind: CellKind, cycle: Mapping[str, object], left_As: float | None
) -> str | None:
    """More came back than went in, beyond its uncertainty: a soft short, or a cell that arrived
    charged.

    `left_As` is what an earlier cycle had left to come back; None where nobody knows how much.
    """
    ce, u_ce = cycle["ce"], cycle["u_ce"]
    if not isinstance(ce, float) or not isinstance(u_ce, float) or left_As is None:
        return None
    if kind not in MOST_CE or ce - u_ce <= MOST_CE[kind] + left_As / charge_As(cycle, "first"):
        return None
    return f"CE {ce * 100:.4g} % ± {u_ce * 100:.2g} %"


def charge_As(cycle: Mapping[str, object], half: str) -> float:
    """The charge of a cycle's first or second half."""
    return 3600.0 * cast("dict[str, float]", cycle[half])["charge_Ah"]


def inventory_exhausted(
    cycle: Mapping[str, object], memory: Memory, at_cut_off: bool
) -> str | None:
    """The cut-off came with less than a fifth of what was plated, two cycles running."""
    ce = cycle["ce"]
    if cycle["class"] != "cycle" or not isinstance(ce, float):
        return None
    gone = at_cut_off and ce < LEAST_CE
    if memory.cycles_running("exhausted", gone) < EXHAUSTED_CYCLES:
        return None
    return f"only {ce * 100:.3g} % of the metal came back before the cut-off"
