"""`set`: an auxiliary takes a new value while the cell rests, and what then goes on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from labctl_drivers.vocabulary import Setpoint
from labctl_protocols.decisions import AuxSet, SetAux
from labctl_protocols.engine.judge import temperature_beyond
from labctl_protocols.plan import Set

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine


def begin_set(engine: Engine, node: Set) -> None:
    """Command the value; the cell is not driven on while an instrument takes its time."""
    state = engine.state
    value = node.value.evaluate(engine.names)
    if value is None or not math.isfinite(value):
        engine.stop("fault", f"the value of {node.path} is unknown")
        return
    tripped = temperature_beyond(float(value), engine.limits)
    if tripped is not None:
        engine.stop("limit", f"{node.path} would set {node.name} beyond: {tripped['text']}")
        return
    state.phase, state.pending, state.setting = "setting", node.id, float(value)
    if state.output.driven:
        state.last_sign = 0
        engine.apply(Setpoint("rest"))
    else:
        command(engine)


def command(engine: Engine) -> None:
    """The cell is at rest: tell the auxiliary."""
    node, value = _node(engine), engine.state.setting
    if value is None:
        raise RuntimeError("there is nothing to set")
    engine.set_auxiliary(SetAux(node.name, value))


def is_set(engine: Engine, heard: AuxSet) -> None:
    """The auxiliary has taken the value."""
    state = engine.state
    node, asked = _node(engine), state.setting
    state.now_s = max(state.now_s, heard.time_s)
    state.awaiting, state.pending, state.setting = False, None, None
    told = {"name": heard.name, "asked_K": asked, "set_K": heard.value, "path": node.path}
    engine.later("set", lambda: dict(told))


def _node(engine: Engine) -> Set:
    pending = engine.state.pending
    node = None if pending is None else engine.nodes[pending]
    if not isinstance(node, Set):
        raise RuntimeError("no step waits for an auxiliary")
    return node
