"""How steps end: by an end, over to a hold, confirmed at rest, or broken off with the run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from labctl_drivers.vocabulary import Reading, Setpoint
from labctl_protocols.engine.account import ce_uncertainty
from labctl_protocols.engine.cycles import Scope, half_data
from labctl_protocols.engine.detect import contact, watch
from labctl_protocols.engine.ends import Progress, Sample, freeze_targets, interpolate
from labctl_protocols.engine.judge import Over, starved
from labctl_protocols.engine.state import StepState
from labctl_protocols.engine.steps import hold_now, leave_bare, shown, started_data
from labctl_protocols.engine.telling import cycle_teller, ledger_data
from labctl_protocols.engine.view import View
from labctl_protocols.plan import MAIN, Drive

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine


def end(engine: Engine, over: Over, progress: Progress) -> bool:
    """The running step is over: confirm it, go over to the hold, or close it; True = walk on."""
    state, step = engine.state, engine.state.step
    if step is None:
        raise RuntimeError("no step is running")
    if over.confirm:
        state.phase = "confirming"
        close_step(engine, over, progress)
        engine.apply(Setpoint("rest"))
        return False
    if over.crossing is None and step.set_voltage_V is None and not over.word:
        engine.stop("limit", over.reason)
        return False
    close_step(engine, over, progress)
    at_target = over.crossing is not None and over.crossing.end.kind == "voltage"
    if at_target and engine.view(step).goes_over:
        _go_over(engine, step, progress.now)
        return False
    return True


def ended_by(over: Over) -> str:
    """The word of what ended the step."""
    if over.word:
        return over.word
    return "voltage" if over.crossing is None else over.crossing.end.word


def confirmed(engine: Engine, reading: Reading) -> bool:
    """After an end with hardly any current: a cell at rest, or a contact that was lost?

    True = walk on.
    """
    state = engine.state
    if state.tripped is not None:
        _confirm_limit(engine, state.tripped, reading)
        return False
    step = state.step
    if step is None:
        raise RuntimeError("no step is being confirmed")
    if contact.nothing_there(reading):
        if contact_loss(engine, "the current broke down, and at rest there is no cell to be seen"):
            return False
    text = f"{state.ended} end confirmed at rest"
    engine.tell("note", {"text": text, "voltage_V": reading.voltage_V})
    leave_bare(engine, step)
    held = _hold_part(engine, step)
    if held is not None and held.set_voltage_V is not None:
        state.step = held
        hold_now(engine, held)
        return False
    state.step = None
    return True


def contact_loss(engine: Engine, seen: str) -> bool:
    """Nothing is connected any more; True = the run ends with it."""
    return watch.tell(engine, "contact_loss", f"contact lost: {seen}")


def ended_early(engine: Engine, step: StepState, reading: Reading) -> None:
    """The instrument has ended the step by itself, and none of its ends was reached."""
    engine.record_last()
    node = engine.view(step).node
    text = (
        f"{node.path}: the instrument ended it by itself at {reading.voltage_V:.6g} V and "
        f"{reading.current_A:.6g} A, before any of its ends"
    )
    engine.tell("fault", {"error": "EndedEarly", "text": text})
    engine.stop("fault", text)


def at_limit(
    engine: Engine, step: StepState, reading: Reading, tripped: dict[str, str | float]
) -> None:
    """A limit was crossed: end the run.

    With hardly any current a lost contact looks the same: to rest at once, and look at the cell.
    """
    state = engine.state
    if tripped["quantity"] != "voltage" or not starved(reading, step.set_current_A):
        engine.tell("limit", tripped)
        engine.stop("limit", str(tripped["text"]))
        return
    _interrupt(engine, step)
    state.step, state.phase, state.tripped = None, "confirming", tripped
    engine.apply(Setpoint("rest"))


def _confirm_limit(engine: Engine, tripped: dict[str, str | float], reading: Reading) -> None:
    engine.state.tripped = None
    text = str(tripped["text"])
    if contact.nothing_there(reading) and contact_loss(engine, f"{text} without a current"):
        return
    engine.tell("limit", tripped)
    engine.stop("limit", text)


def _go_over(engine: Engine, step: StepState, now: Sample) -> None:
    """The instrument holds the voltage already: command nothing, start the hold's own time."""
    engine.flush()
    engine.receive_gap([], None)
    held = _hold_part(engine, step)
    if held is None:
        raise RuntimeError("a step without a hold cannot go over to it")
    held.started_s, held.begun = now.time_s, True
    state = engine.state
    state.step = held
    state.phase = "running"
    state.last_row = None
    state.output.now = replace(now, charge_As=0.0)
    engine.tell("step_started", started_data(engine, held))


def _hold_part(engine: Engine, step: StepState) -> StepState | None:
    node = engine.nodes[step.node]
    if not isinstance(node, Drive) or node.then_hold is None or step.type == "then_hold":
        return None
    engine.state.step_count += 1
    targets = freeze_targets(node.then_hold.until, engine.names)
    return StepState(
        step.node,
        "then_hold",
        engine.state.step_count,
        step.sign,
        targets,
        metal=step.metal,
        supply=step.supply,
        whole=step.whole,
        stale=step.stale,
        set_current_A=step.set_current_A,
        set_voltage_V=step.set_voltage_V,
    )


def close_step(engine: Engine, over: Over, progress: Progress) -> None:
    """Enter the ended step in cycles and ledger; its event waits for the last gap's charge."""
    state, step = engine.state, engine.state.step
    if step is None:
        raise RuntimeError("no step is running")
    view = engine.view(step)
    node = view.node
    word = ended_by(over)
    state.ended = word
    watch.on_step_over(engine, word)
    at_voltage = word == "voltage" or step.type == "then_hold"
    whole = step.whole and word != "skipped"
    _enter(engine, step, None if step.type == "hold" else at_voltage, whole)
    if at_voltage and state.phase != "confirming":
        leave_bare(engine, step)
    fraction = 1.0 if over.crossing is None else over.crossing.fraction
    at = interpolate(progress.before, progress.now, fraction)
    now = progress.now
    _keep_last(engine, step, view, now)
    runners_up = _runners_up(view, step, over, now)
    count, label, kind, path = step.count, node.label, step.type, node.path
    account, started_s, terminal = step.account, step.started_s, state.terminal
    # a paused step ends where it was paused, however long that is ago
    paused_s = step.elapsed_s if state.phase in ("paused", "open_circuit") else None

    def data() -> dict[str, object]:
        return {
            "step_count": count,
            "step_id": path,
            "step_type": kind,
            "label": label,
            "ended": word,
            "reason": over.reason,
            "driven": True,
            "duration_s": state.now_s - started_s if paused_s is None else paused_s,
            "capacity_Ah": abs(account.charge_As) / 3600.0,
            "energy_Wh": abs(account.energy_J) / 3600.0,
            "voltage_V": now.voltage_V,
            "current_A": now.current_A,
            "terminal": terminal,
            "at": {
                "voltage_V": at.voltage_V,
                "current_A": at.current_A,
                "time_s": at.time_s - started_s,
                "capacity_Ah": at.charge_As / 3600.0,
            },
            "runners_up": runners_up,
        }

    engine.later("step_ended", data)
    state.passed_s += now.time_s - started_s
    if state.phase != "confirming":
        state.step = None


def _enter(engine: Engine, step: StepState, at_voltage: bool | None, whole: bool) -> None:
    state = engine.state
    if step.type == "rest":
        engine.receive_gap([], None)
        return
    if step.type in ("sweep", "impedance") or state.terminal != MAIN:
        # none is a half of a cycle
        engine.receive_gap([step.account], step)
        state.last_sign = 0
        return
    sign = step.sign or (1 if step.account.charge_As >= 0 else -1)
    if not step.sign:
        state.cycles.begin_step(sign, cycle_teller(engine), engine.main_accuracy)
    state.last_sign = sign
    kind = _half_kind(engine, step, sign)
    receivers = state.cycles.enter_step(step.account, sign, kind, at_voltage, whole)
    engine.receive_gap([step.account, *receivers], step)


def _half_kind(engine: Engine, step: StepState, sign: int) -> str:
    node = engine.nodes[step.node]
    if isinstance(node, Drive):
        return node.verb
    return "charge" if sign > 0 else "discharge"


def _keep_last(engine: Engine, step: StepState, view: View, now: Sample) -> None:
    label = view.label
    if label is None:
        return
    passed = {
        "capacity": abs(step.account.charge_As),
        "energy": abs(step.account.energy_J),
        "time": now.time_s - step.started_s,
    }
    if step.type == "then_hold" and view.node.label is None:
        # to the user the label names both parts of `… then hold …`
        first = engine.state.lasts.get(label, {})
        passed = {name: value + (first.get(name) or 0.0) for name, value in passed.items()}
    engine.state.lasts[label] = {
        **passed,
        "voltage": now.voltage_V,
        "current": now.current_A,
    }


def _runners_up(view: View, step: StepState, over: Over, now: Sample) -> list[dict[str, object]]:
    fired = None if over.crossing is None else over.crossing.index
    values = {
        "voltage": now.voltage_V,
        "current": abs(now.current_A),
        "charge": now.charge_As / 3600.0,
        "time": now.time_s - step.started_s,
    }
    return [
        {"text": end.text, "value": values.get(end.kind), "target": shown(end, target)}
        for index, (end, target) in enumerate(zip(view.until, step.targets, strict=True))
        if index != fired
    ]


def abandon(engine: Engine) -> None:
    """The run ends here: close the running step and all groups as they stand."""
    state = engine.state
    step = state.step
    if step is not None and "confirming" in (state.paused, state.phase):
        state.cycles.spoil()
    elif step is not None and step.begun:
        _interrupt(engine, step)
    state.step = None
    while state.cycles.scopes:
        close_scope(engine, whole=False)
    state.frames = []


def _interrupt(engine: Engine, step: StepState) -> None:
    """Enter a step that was broken off: its charge counts, its figures do not."""
    state = engine.state
    off = state.phase in ("paused", "open_circuit", "beginning") or state.paused == "open_circuit"
    now = state.before_pause if off else state.output.now
    view = engine.view(step)
    node = view.node
    _enter(engine, step, at_voltage=False, whole=False)
    runners_up = [] if now is None else _runners_up(view, step, Over(None, ""), now)
    engine.later(
        "step_ended",
        lambda: {
            "step_count": step.count,
            "step_id": node.path,
            "step_type": step.type,
            "label": node.label,
            "ended": "interrupted",
            "reason": "the run was ended",
            "driven": True,
            "duration_s": step.elapsed_s if off else state.now_s - step.started_s,
            "capacity_Ah": abs(step.account.charge_As) / 3600.0,
            "energy_Wh": abs(step.account.energy_J) / 3600.0,
            "voltage_V": None if now is None else now.voltage_V,
            "current_A": None if now is None else now.current_A,
            "at": {},
            "runners_up": runners_up,
        },
    )


def close_scope(engine: Engine, whole: bool = True) -> None:
    """Close the innermost group (or the run's own scope) and tell its figures."""
    accuracy = engine.main_accuracy
    cycles = engine.state.cycles
    cycles.scopes[-1].whole = cycles.scopes[-1].whole and whole
    scope = cycles.close_group(cycle_teller(engine), accuracy)
    if scope.label is None:
        return
    engine.state.lasts[scope.label] = {
        "ce": cycles.efficiency(scope.first, scope.second),
        "capacity": None if scope.second is None else abs(scope.second.account.charge_As),
    }
    engine.later("group_left", lambda: group_data(engine, scope))


def group_data(engine: Engine, scope: Scope) -> dict[str, object]:
    """A group's figures: Σ second / Σ first over all that passed in it; the ledger by then."""
    first, second = scope.first, scope.second
    both = first is not None and second is not None
    ce = engine.state.cycles.efficiency(first, second)
    return {
        "label": scope.label,
        "class": scope.group_class,
        "path": scope.path,
        "pair": scope.pair,
        "complete": scope.whole and both,
        "first": None if first is None else half_data(first),
        "second": None if second is None else half_data(second),
        "ce": ce,
        "u_ce": (
            None
            if first is None or second is None or ce is None
            else ce_uncertainty(first.account, second.account, engine.main_accuracy)
        ),
        "ledger": ledger_data(engine),
    }
