"""The contact to the cell, at the start and later."""

from labctl_drivers.vocabulary import Reading
from labctl_protocols.engine.detect.memory import Memory
from labctl_protocols.engine.detect.seen import Seen
from labctl_protocols.plan import CellKind, Limits

LOST_CURRENT = 0.5
"""Below this share of the set current a voltage that was reached may as well be a lost contact."""
JUMP_V = 0.5
SAME_CURRENT = 0.9
SETTLED_S = 10.0
WITH_CATHODE = ("anode-free", "full", "cathode-half")
REVERSED_V = -0.5
"""No cell with a cathode stands lower at rest; half and symmetric cells are about zero."""


def nothing_there(reading: Reading) -> bool:
    """Whether an output at rest shows no cell: its voltage runs to the compliance."""
    return reading.regulating == "voltage"


def not_the_cell(reading: Reading, window: tuple[float, float] | None) -> str | None:
    """Why this is not a cell that the protocol may drive; None when it is."""
    voltage = reading.voltage_V
    if nothing_there(reading):
        return f"no cell: at rest the voltage runs to the instrument's compliance ({voltage:.4g} V)"
    if window is not None and not window[0] <= voltage <= window[1]:
        return (
            f"open-circuit voltage {voltage:.4g} V is outside the start window "
            f"{window[0]:.4g} V .. {window[1]:.4g} V: wrong polarity, wrong cell or no cell"
        )
    return None


def reversed_cell(reading: Reading, kind: CellKind, limits: Limits) -> str | None:
    """A cell with a cathode that stands far below zero: hands have been on its leads.

    A voltage limit does not see it, for every charge drives it inwards.
    """
    low_V = REVERSED_V if limits.low_V is None else min(REVERSED_V, limits.low_V)
    if kind not in WITH_CATHODE or reading.voltage_V >= low_V:
        return None
    return f"at rest the cell stands at {reading.voltage_V:.4g} V: wrong polarity or wrong cell"


def contact_jump(seen: Seen, memory: Memory) -> str | None:
    """The voltage jumps outwards by half a volt at a current that still flows: a bad contact.

    Only while metal is plated or a cell charged: where metal or lithium runs out, it may do so.
    """
    before = seen.before
    if before is None or seen.age_s < SETTLED_S:
        return None
    if "contact_loss" not in memory.holding:
        if abs(before.current_A) < SAME_CURRENT * abs(seen.constant_A):
            # an amendment has raised the current: what it adds to the voltage is no jump
            return None
        memory.jump_from_V = seen.step.sign * before.voltage_V
    jumped = seen.polarised_V - memory.jump_from_V > JUMP_V
    held = memory.held("contact_loss", jumped, seen.now_s)
    if held and held.count >= 2:
        from_V = seen.step.sign * memory.jump_from_V
        return (
            f"contact lost: the voltage jumped from {from_V:.4g} V "
            f"to {seen.reading.voltage_V:.4g} V"
        )
    return None
