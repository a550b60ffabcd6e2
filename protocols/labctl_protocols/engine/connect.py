"""Going over from one terminal to another: the next step begins once the first is proven open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl_protocols.engine.beginning import begin
from labctl_protocols.engine.walking import walk_on
from labctl_protocols.plan import Timed

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine


def connect(engine: Engine) -> None:
    """The other terminal is open, read back: begin the step that waited for that."""
    state = engine.state
    node = None if state.pending is None else engine.nodes[state.pending]
    if not isinstance(node, Timed):
        raise RuntimeError("no step waits for a terminal")
    state.pending = None
    state.terminal = node.terminal
    state.open_circuit_V, state.last_sign = None, 0
    if not begin(engine, node):
        walk_on(engine)
