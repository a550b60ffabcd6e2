"""How a cell fades: retention, cycles to 80 %, and what an inventory of metal allows."""

import math
from collections.abc import Sequence

END_OF_LIFE = 0.8
IN_A_ROW = 3


def retention(charges: Sequence[float], reference: float) -> list[float | None]:
    """Each charge over the reference's; None throughout where the reference is nothing."""
    return [charge / reference if reference > 0 else None for charge in charges]


def end_of_life(
    retentions: Sequence[float | None], least: float = END_OF_LIFE, in_a_row: int = IN_A_ROW
) -> int | None:
    """N80: the place (from 0) of the first of three cycles running below 80 %; None if never."""
    run = 0
    for place, value in enumerate(retentions):
        run = run + 1 if value is not None and value < least else 0
        if run == in_a_row:
            return place - in_a_row + 1
    return None


def retention_json(
    of: str, reference_cycle: int | None, counted: Sequence[tuple[int, float]]
) -> dict[str, object]:
    """What retention is of, and N80, out of the (cycle, retention) that count."""
    place = end_of_life([value for _, value in counted])
    return {
        "of": of,
        "reference_cycle": reference_cycle,
        "n80": None if place is None else counted[place][0],
    }


def inventory_left(inventory: float, efficiencies: Sequence[float]) -> float:
    """What is left of an inventory that nothing replenishes: Q₀ · Π CE."""
    return inventory * math.prod(efficiencies)


def efficiency_for(cycles: int, left: float = END_OF_LIFE) -> float:
    """The constant efficiency that leaves so much after so many cycles."""
    return math.pow(left, 1.0 / cycles)


def full_cycles(reserve: float, cycled: float, efficiency: float) -> int | None:
    """How many cycles a reserve keeps whole: floor(Q_ex / ((1 − CE) · Q_cyc)); None: for ever."""
    loss = (1.0 - efficiency) * cycled
    if loss <= 0:
        return None
    # A reserve of exactly n losses lasts n cycles; the quotient of two rounded numbers may miss it.
    return math.floor(reserve / loss * (1 + 1e-12))


def charge_of_cycle(number: int, reserve: float, cycled: float, efficiency: float) -> float:
    """The charge that cycle `number` (from 1) gives: full while the reserve lasts, then fading."""
    whole = full_cycles(reserve, cycled, efficiency)
    if whole is None or number <= whole:
        return cycled
    return cycled * math.pow(efficiency, number - whole)
