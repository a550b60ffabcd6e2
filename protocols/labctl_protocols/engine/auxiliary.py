"""What is measured beside the cell: values by name, and the limit on the temperature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from labctl_protocols.decisions import AuxRead
from labctl_protocols.engine.judge import temperature_beyond
from labctl_protocols.engine.state import Probed, RunState
from labctl_protocols.plan import Limits, TimedNode, limits_temperature, narrowed

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine

FRESH_S = 30.0
"""What is older is not known any more."""
LOST_S = 60.0
"""A limit on what has not been measured for so long protects nobody: the run ends."""
TELL_K = 1.0
"""By so much a value must have changed for the journal to be told again."""


def fresh(state: RunState, name: str) -> float | None:
    """An auxiliary's value (K); None where there is none that is fresh enough to go by."""
    seen = state.auxiliaries.get(name)
    return None if seen is None or state.now_s - seen.time_s > FRESH_S else seen.value


def hear(engine: Engine, heard: AuxRead) -> None:
    """Take the values; a limit on the temperature that is crossed or was lost ends the run."""
    state = engine.state
    state.now_s = max(state.now_s, heard.time_s)
    changed = {name: value for name, value in heard.values.items() if _take(state, heard, name)}
    if changed:
        engine.tell("auxiliaries", {"temperatures_K": changed})
    if heard.values.get(engine.plan.temperature or "") is not None:
        is_within(engine, engine.limits)
    if state.phase not in ("asking", "paused"):
        is_watched(engine, engine.limits)


def _take(state: RunState, heard: AuxRead, name: str) -> bool:
    """Keep a value; whether it has moved, come, or gone, so that the journal is to be told."""
    value, seen = heard.values[name], state.auxiliaries.get(name)
    told = None if seen is None else seen.told
    if value is None:
        if seen is not None:
            seen.told = None
        return told is not None
    moved = told is None or abs(value - told) >= TELL_K
    state.auxiliaries[name] = Probed(heard.time_s, value, value if moved else told)
    return moved


def ends_a_wait(engine: Engine) -> bool:
    """Whether a condition of the running step has come true with what was just heard."""
    step = engine.state.step
    if step is None or engine.state.phase != "running":
        return False
    return any(
        end.kind == "condition" and end.expression.evaluate(engine.names) is True
        for end in engine.view(step).until
    )


def may_begin(engine: Engine, node: TimedNode) -> bool:
    """Whether the limits on the temperature allow the step; the run ends where they do not."""
    limits = engine.limits if node.limits is None else narrowed(engine.limits, node.limits)
    name = engine.plan.temperature
    if limits_temperature(limits) and name not in engine.state.auxiliaries:
        _lost(engine, f"the temperature is limited, and aux.{name} was never measured")
        return False
    return is_watched(engine, limits) and is_within(engine, limits)


def is_watched(engine: Engine, limits: Limits) -> bool:
    """Whether what is limited is still being measured; if not, the run ends."""
    state, name = engine.state, engine.plan.temperature
    if not limits_temperature(limits) or name is None:
        return True
    seen = state.auxiliaries.get(name)
    age_s = state.now_s - (state.started_s if seen is None else seen.time_s)
    if age_s <= LOST_S:
        return True
    _lost(engine, f"the temperature is limited, and aux.{name} was not measured for {age_s:.0f} s")
    return False


def _lost(engine: Engine, text: str) -> None:
    _end(engine, "fault", {"error": "TemperatureLost", "text": text})


def is_within(engine: Engine, limits: Limits) -> bool:
    """Whether the newest temperature is within its limits; if not, the run ends."""
    seen = engine.state.auxiliaries.get(engine.plan.temperature or "")
    tripped = None if seen is None else temperature_beyond(seen.value, limits)
    if tripped is None:
        return True
    _end(engine, "limit", tripped)
    return False


def _end(
    engine: Engine, outcome: Literal["fault", "limit"], data: Mapping[str, str | float]
) -> None:
    if engine.state.phase in ("safing", "over"):
        return
    engine.tell(outcome, data)
    engine.stop(outcome, str(data["text"]))
