"""Asks the rules after every reading, step and cycle, and does what their policies say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from labctl_drivers.vocabulary import Reading
from labctl_protocols.detectors import DETECTORS
from labctl_protocols.engine.detect import charge, contact, readback, resting, shorts, voltage
from labctl_protocols.engine.detect.memory import Memory, Told
from labctl_protocols.engine.detect.seen import Rule, Seen
from labctl_protocols.engine.judge import Errors
from labctl_protocols.engine.state import StepState
from labctl_protocols.plan import MAIN, Drive, Node, Policy, Timed

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine

QUIET_S = 600.0
"""A detector is told of again in the same cycle only after so long without it."""
MOST_FLAGGED = 8
UNJUDGED = ("conditioning", "supply", "diagnostic")
"""Classes whose charges need not belong together (science.md §0)."""


def on_reading(engine: Engine, step: StepState, reading: Reading, errors: Errors) -> None:
    """Ask the rules about a reading of the running step."""
    memory, output = engine.state.detect, engine.state.output
    seen = engine.seen
    if seen is None or seen.step is not step:
        seen = engine.seen = _look_at(engine, step, reading)
    seen.reading, seen.before, seen.earlier = reading, output.before, output.earlier
    seen.error_V, seen.error_A = errors
    if step.type == "rest":
        memory.course.put(seen.age_s, reading.voltage_V)
        _ask_at_rest(engine, seen)
        return
    seen.flows = abs(reading.current_A) > 0.5 * abs(seen.constant_A) > 0.0
    for name, rule in seen.rules:
        text = rule(seen, memory)
        if text is not None:
            tell(engine, name, text)
    if seen.constant_A:
        memory.course.put(seen.passed_As, reading.voltage_V)


def _ask_at_rest(engine: Engine, seen: Seen) -> None:
    memory = engine.state.detect
    if seen.policies["set_deviation"] != "ignore":
        text = readback.current_at_rest(seen, memory)
        if text is not None:
            tell(engine, "set_deviation", text)
    if seen.policies["hard_short"] != "ignore":
        text = shorts.short_at_rest(seen, memory, _charged(engine, seen))
        if text is not None:
            tell(engine, "hard_short", text)


def _charged(engine: Engine, seen: Seen) -> bool:
    """Whether what was driven last plated metal, or charged a cell that has no bare collector."""
    return engine.state.last_sign == (seen.plates or 1)


def is_suspicious(engine: Engine) -> bool:
    """Whether something must be looked at again soon: a rule waits for its next readings."""
    memory, now_s = engine.state.detect, engine.state.now_s
    return bool(memory.holding) and any(
        name not in memory.told or now_s - memory.told[name].until_s > QUIET_S
        for name in memory.holding
    )


def on_step_over(engine: Engine, word: str) -> None:
    """Ask the rules about the step that has just run to its end, on this word."""
    state, seen, memory = engine.state, engine.seen, engine.state.detect
    if seen is None or seen.step is not state.step or word == "skipped":
        return
    memory.last_V, memory.last_A = seen.reading.voltage_V, seen.reading.current_A
    if seen.step.type != "rest":
        _drive_over(engine, seen, word)
        return
    text = resting.self_discharge(seen, memory, _charged(engine, seen))
    if text is not None:
        tell(engine, "self_discharge", text)


def _drive_over(engine: Engine, seen: Seen, word: str) -> None:
    step, memory = seen.step, engine.state.detect
    if not seen.main:
        # what comes back no longer says what can go in: metal has come from elsewhere
        memory.returned_As = 0.0
        return
    memory.last_node = step.node
    if step.set_current_A is not None:
        memory.last_set_A = abs(step.set_current_A)
    if step.type == "strip":
        ends = {end.kind for end in engine.view(step).until}
        memory.short_of_cut_off = word != "voltage" and "voltage" in ends
    if step.sign > 0 and seen.constant_A:
        memory.recipe = charge.recipe_of(seen)
    trend = voltage.enter_plateau(seen, memory)
    if trend is None:
        return
    for name, text in (
        ("soft_short_hysteresis", voltage.soft_short_hysteresis(trend, memory)),
        ("polarisation", voltage.polarisation(trend, memory)),
    ):
        if text is not None:
            tell(engine, name, text)


def on_cycle(engine: Engine, cycle: dict[str, object]) -> None:
    """Ask the rules about a cycle that is being told of, and put its flags together."""
    memory = engine.state.detect
    number, flags = cast(int, cycle["cycle"]), cast(list[str], cycle["flags"])
    if charge.NOT_STRIPPED in flags and memory.short_of_cut_off:
        tell(engine, "not_stripped", "a strip with a cut-off ended on something else", number)
    if cycle["class"] not in UNJUDGED:
        _judge_charges(engine, cycle, number, flags)
    if cycle["complete"]:
        memory.returned_As = _returned_As(cycle)
        memory.returned_recipe = memory.recipe
    for known in [known for known in memory.flags if known <= number]:
        added = memory.flags.pop(known)
        if known == number:
            flags.extend(flag for flag in added if flag not in flags)


def _judge_charges(
    engine: Engine, cycle: Mapping[str, object], number: int, flags: list[str]
) -> None:
    memory = engine.state.detect
    at_cut_off = not any("cut-off" in flag for flag in flags)
    text = charge.more_out_than_in(engine.plan.kind, cycle, _left_As(engine, number))
    if text is not None:
        tell(engine, "soft_short_charge", text, number)
    memory.cut_short = not at_cut_off
    flowed = DETECTORS["soft_short_charge"].flag in memory.flags.get(number, ())
    running = memory.cycles_running("gain", text is not None or flowed)
    if running >= charge.LASTING_CYCLES:
        tell(engine, "soft_short_lasting", f"{running} cycles with more out than in", number)
    text = charge.inventory_exhausted(cycle, memory, at_cut_off)
    if text is not None:
        tell(engine, "inventory_exhausted", text, number)


def _left_As(engine: Engine, cycle: int) -> float | None:
    """What lay on the collector when the cycle began; without a ledger, nothing or unknown."""
    memory = engine.state.detect
    if engine.plan.plate_sign is None:
        return None if memory.cut_short else 0.0
    return memory.deposit_As if memory.deposit_cycle == cycle else 0.0


def _returned_As(cycle: Mapping[str, object]) -> float:
    """What a discharge of class `cycle` gave; 0 where no charge can be compared with it."""
    kind = cast("dict[str, object]", cycle["second"])["kind"]
    if cycle["class"] != "cycle" or kind not in ("discharge", "strip"):
        return 0.0
    return charge.charge_As(cycle, "second")


def tell(engine: Engine, name: str, text: str, cycle: int | None = None) -> bool:
    """Say what a detector has found, as its policy wants; True = the run ends with it.

    What is found of a cycle that is over belongs to its last step.
    """
    state, memory = engine.state, engine.state.detect
    of_step = state.step is not None and cycle is None
    node_id = state.step.node if state.step is not None and of_step else memory.last_node
    node = None if node_id is None else engine.nodes[node_id]
    policy = _policies(engine, node)[name]
    if policy == "ignore":
        return False
    number = state.cycles.number if cycle is None else cycle
    told = memory.told.get(name)
    if told is None or told.cycle != number or state.now_s - told.until_s >= QUIET_S:
        path = None if node is None else node.path
        data = {"name": name, "policy": policy, "text": text, "cycle": number, "step_id": path}
        engine.tell("detector", data)
        memory.told[name] = Told(number, state.now_s)
        _flag(memory, number, DETECTORS[name].flag)
    else:
        told.until_s = state.now_s
    if policy == "stop":
        engine.halt(text)
    return policy == "stop"


def _flag(memory: Memory, number: int, flag: str) -> None:
    flags = memory.flags.setdefault(number, [])
    if flag not in flags:
        flags.append(flag)
    while len(memory.flags) > MOST_FLAGGED:
        del memory.flags[min(memory.flags)]


def _policies(engine: Engine, node: Node | None) -> dict[str, Policy]:
    policies = {name: each.policy for name, each in DETECTORS.items()} | {**engine.plan.detectors}
    if isinstance(node, Timed):
        policies |= node.detectors
    return policies


def _look_at(engine: Engine, step: StepState, reading: Reading) -> Seen:
    plan, view, cycles = engine.plan, engine.view(step), engine.state.cycles
    node = engine.nodes[step.node]
    constant_A = 0.0
    if isinstance(node, Drive) and node.control == "current" and step.type != "then_hold":
        constant_A = step.set_current_A or 0.0
    targets = zip(view.until, step.targets, strict=True)
    half = cycles.counting_scope.building
    seen = Seen(
        kind=plan.kind,
        plates=plan.plate_sign,
        area_cm2=plan.area_cm2,
        full_As=None if plan.nominal_Ah is None else plan.nominal_Ah * 3600.0,
        low_V=view.limits.low_V,
        group_class=cycles.scopes[-1].group_class,
        step=step,
        constant_A=constant_A,
        target_As=next((value for end, value in targets if end.kind == "charge"), None),
        half_As=abs(half.account.charge_As) if half and half.sign == step.sign else 0.0,
        main=isinstance(node, Timed) and node.terminal == MAIN,
        policies=_policies(engine, node),
        reading=reading,
    )
    seen.rules = _rules_for(seen)
    if engine.state.detect.step_count != step.count:
        _begin_step(engine, seen)
    return seen


def _rules_for(seen: Seen) -> tuple[tuple[str, Rule], ...]:
    """The rules that can say something of this step's readings."""
    usual = seen.main and seen.group_class == "cycle"
    steady = seen.main and bool(seen.constant_A)
    charging = seen.step.sign > 0 and not seen.metals
    rules: tuple[tuple[str, Rule, bool], ...] = (
        ("set_deviation", readback.set_deviation, True),
        ("frozen_reading", readback.frozen_reading, bool(seen.constant_A)),
        ("hard_short", shorts.wire, steady and seen.metals),
        ("hard_short", shorts.collapse, steady and charging),
        # towards the end of a discharge a cell with a cathode falls by itself
        ("soft_short_step", shorts.soft_short_step, steady and (charging or seen.metals)),
        ("soft_short_noise", shorts.soft_short_noise, steady and usual),
        ("soft_short_charge", charge.charge_goes_on, usual and charging),
        ("contact_loss", contact.contact_jump, steady and seen.plating),
        (
            "voltage_divergence",
            voltage.voltage_divergence,
            steady and seen.metals and (seen.kind == "symmetric" or seen.plating),
        ),
    )
    return tuple(
        (name, rule) for name, rule, can in rules if can and seen.policies[name] != "ignore"
    )


def _begin_step(engine: Engine, seen: Seen) -> None:
    state, memory, sign = engine.state, engine.state.detect, seen.step.sign
    memory.begin_step(seen.step.count)
    if sign and sign == seen.plates and memory.deposit_cycle != state.cycles.number:
        memory.deposit_cycle = state.cycles.number
        memory.deposit_As = max(0.0, state.ledger.deposit_As)
    if seen.constant_A and seen.main and seen.group_class == "cycle":
        memory.sides[sign].steps += 1
