"""The simulated instruments at one cell's terminals, in memory."""

from collections.abc import Mapping

from labctl.bench import Instrument
from labctl.twin import Placed, Twin, connect, make_cell
from labctl_protocols.cell_record import CellRecord
from labctl_protocols.plan import MAIN


def twins_of(
    instruments: Mapping[str, Instrument],
    cell: CellRecord | None,
    *,
    model: str | None = None,
    parameters: Mapping[str, float] | None = None,
    seed: int = 0,
    now: float | None = None,
    channels: Mapping[str, int] | None = None,
) -> dict[str, Twin]:
    """By role; the cell is that of the instrument at `main`; a channel not named is number 1."""
    given = parameters or {}
    made = make_cell(instruments[MAIN], cell, model=model, parameters=given, seed=seed, now=now)
    places = {
        role: (instrument, (channels or {}).get(role, 1))
        for role, instrument in instruments.items()
    }
    return connect([Placed(made, places, given, seed)])[0]


def twin_of(
    instrument: Instrument,
    cell: CellRecord | None,
    *,
    model: str | None = None,
    parameters: Mapping[str, float] | None = None,
    seed: int = 0,
    now: float | None = None,
) -> Twin:
    """One instrument, at the main terminals."""
    return twins_of(
        {MAIN: instrument}, cell, model=model, parameters=parameters, seed=seed, now=now
    )[MAIN]
