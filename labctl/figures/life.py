"""How a cell fades: retention, and the cycles to 80 %."""

from collections.abc import Sequence

END_OF_LIFE = 0.8
IN_A_ROW = 3


def retention(charges: Sequence[float], reference: float) -> list[float | None]:
    """Each charge over the reference's; None throughout where the reference is nothing."""
    return [charge / reference if reference > 0 else None for charge in charges]


def end_of_life(retentions: Sequence[float | None]) -> int | None:
    """N80: the place (from 0) of the first of three cycles running below 80 %; None if never."""
    run = 0
    for place, value in enumerate(retentions):
        run = run + 1 if value is not None and value < END_OF_LIFE else 0
        if run == IN_A_ROW:
            return place - IN_A_ROW + 1
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
