"""Looking at the cell while nothing drives it: before the run, before a drive, and at rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl_drivers.vocabulary import Reading
from labctl_protocols.engine.detect import contact, watch
from labctl_protocols.engine.ending import contact_loss

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine


def is_the_cell(engine: Engine, reading: Reading) -> bool:
    """The run's first reading; False when this is no cell to go on with."""
    engine.state.open_circuit_V = reading.voltage_V
    text = contact.not_the_cell(reading, engine.plan.start_V)
    if text is not None and watch.tell(engine, "start", text):
        return False
    engine.tell("note", {"text": "cell found", "voltage_V": reading.voltage_V})
    return True


def is_there(engine: Engine, reading: Reading) -> bool:
    """The look before a drive; False when this is no cell to be driven and the run ends with it."""
    engine.state.open_circuit_V = reading.voltage_V
    if contact.nothing_there(reading):
        return not contact_loss(engine, "at rest there is no cell to be seen")
    text = contact.reversed_cell(reading, engine.plan.kind, engine.limits)
    return text is None or not watch.tell(engine, "start", text)


def at_rest(engine: Engine, reading: Reading) -> None:
    """A reading of a rest step."""
    state = engine.state
    if contact.nothing_there(reading):
        # one such reading may be the output settling: look again before the next drive
        state.open_circuit_V, state.last_sign = None, 0
    else:
        state.open_circuit_V = reading.voltage_V
