"""Walking the plan from one step that passes time to the next; loops are counted, not unrolled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl_protocols.engine import ending, operator, setting
from labctl_protocols.engine.beginning import begin
from labctl_protocols.engine.cycles import Scope
from labctl_protocols.engine.walk import Frame, block_of
from labctl_protocols.plan import (
    Ask,
    Exit,
    Expression,
    For,
    Group,
    If,
    Mark,
    Node,
    Repeat,
    Set,
    Stop,
    Timed,
    TimedNode,
)

if TYPE_CHECKING:
    from labctl_protocols.engine.engine import Engine

IDLE_ROUNDS = 3


def walk_on(engine: Engine) -> None:
    """Go on to the next step that passes time, or to the end of the run."""
    while engine.state.phase not in ("safing", "over"):
        node = _next_timed(engine)
        if isinstance(node, Ask):
            operator.ask(engine, node)
            return
        if isinstance(node, Set):
            setting.begin_set(engine, node)
            return
        if node is None:
            if engine.state.phase not in ("safing", "over"):
                engine.stop("completed", "end of the protocol")
            return
        if begin(engine, node):
            return


def _next_timed(engine: Engine) -> TimedNode | Ask | Set | None:
    """The next step, question or `set`, which take time; None when the plan is at its end or the
    run was stopped."""
    frames = engine.state.frames
    while frames:
        frame = frames[-1]
        block = block_of(engine.plan, engine.nodes, frame)
        if frame.index >= len(block):
            if not _leave_block(engine, frame):
                return None
            continue
        node = block[frame.index]
        frame.index += 1
        if isinstance(node, Timed | Ask | Set):
            return node
        if not _control(engine, node):
            return None
    return None


def _control(engine: Engine, node: Node) -> bool:
    """Do what a control node says; False when the run ends with it."""
    match node:
        case Mark():
            engine.later("mark", lambda: {"text": node.remark})
        case Stop():
            engine.stop("completed", node.reason or "stop")
            return False
        case Exit():
            if _is_true(engine, node.condition, node.text):
                left = f"{node.path}: {node.text}: the loop is left"
                engine.later("note", lambda: {"text": left})
                _leave_loop(engine)
        case If():
            taken = _is_true(engine, node.condition, node.text)
            engine.state.frames.append(Frame(node.id, otherwise=not taken))
        case Group():
            _enter_group(engine, node)
        case Repeat():
            return _enter_repeat(engine, node)
        case For():
            if node.values:
                passed = engine.state.passed_s
                frame = Frame(node.id, rounds=len(node.values), passed_s=passed)
                engine.state.frames.append(frame)
    return True


def _is_true(engine: Engine, condition: Expression, text: str) -> bool:
    value = condition.evaluate(engine.names)
    if value is None:
        engine.later("note", lambda: {"text": f"{text}: unknown, taken as not so"})
    return value is True


def _enter_group(engine: Engine, node: Group) -> None:
    label = node.label or ""
    engine.state.cycles.open_group(Scope(label, node.group_class, node.path, node.pair))
    engine.state.frames.append(Frame(node.id))
    engine.later(
        "group_entered",
        lambda: {
            "label": label,
            "class": node.group_class,
            "path": node.path,
            "pair": node.pair,
        },
    )


def _enter_repeat(engine: Engine, node: Repeat) -> bool:
    rounds = None
    if node.times is not None:
        times = node.times.evaluate(engine.names)
        if times is None:
            engine.stop("fault", f"how often {node.path} repeats is unknown")
            return False
        rounds = round(float(times))
        if rounds < 1:
            return True
    engine.state.frames.append(Frame(node.id, rounds=rounds, passed_s=engine.state.passed_s))
    return True


def _leave_block(engine: Engine, frame: Frame) -> bool:
    """The end of a block: next round or out; False when the run ends here."""
    state = engine.state
    node = engine.nodes.get(frame.node)
    if isinstance(node, Repeat | For):
        if not _round_passed_time(engine, frame, node):
            return False
        done = frame.rounds is not None and frame.round >= frame.rounds
        if isinstance(node, Repeat) and node.until is not None and not done:
            done = _is_true(engine, node.until, node.text)
            if done:
                rounds, text = frame.round, f"{node.path}: {node.text}: its `until` holds"
                engine.later("note", lambda: {"text": text, "rounds": rounds})
        if not done:
            frame.round += 1
            frame.index = 0
            return True
    state.frames.pop()
    if isinstance(node, Group):
        ending.close_scope(engine)
    return True


def _round_passed_time(engine: Engine, frame: Frame, node: Repeat | For) -> bool:
    passed = engine.state.passed_s
    frame.idle = 0 if passed > frame.passed_s else frame.idle + 1
    frame.passed_s = passed
    if frame.idle < IDLE_ROUNDS:
        return True
    text = f"{node.where}: the body of {node.path} passed no time {IDLE_ROUNDS} times running"
    engine.tell("fault", {"error": "IdleLoop", "text": text})
    engine.stop("fault", text)
    return False


def _leave_loop(engine: Engine) -> None:
    """Leave the innermost loop, closing the groups inside it."""
    frames = engine.state.frames
    while frames:
        frame = frames.pop()
        node = engine.nodes.get(frame.node)
        if isinstance(node, Group):
            ending.close_scope(engine)
        if isinstance(node, Repeat | For):
            return
