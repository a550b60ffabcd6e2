"""A protocol against a recording, open loop: does each step end where it was recorded to end?

The engine runs on a virtual clock and sees the recording whatever it commands
(`labctl.replay.recorded_cell`). That tests end conditions, counting and accounting; it cannot test
control, and nothing in it is measured (data_and_reliability.md §3, replay method).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from labctl.replay.executions import Execution
from labctl.replay.recorded_cell import RATINGS, NoSuchStep, RecordedCell
from labctl_protocols.decisions import (
    Answer,
    Applied,
    Apply,
    Event,
    Heard,
    Operator,
    Safed,
    Stopping,
)
from labctl_protocols.engine import Engine
from labctl_protocols.plan import MAIN, Plan, Policy

FINEST_S = 0.2
"""The finest sampling period of the engine; recordings may be finer at a step's end."""
OF_THE_INSTRUMENT = ("set_deviation", "frozen_reading")
"""Detectors that watch whether the instrument does what it is told: a recording never does."""


IGNORED: Policy = "ignore"


class CannotReplay(ValueError):
    """The protocol asks for what a recording of two terminals cannot show."""


@dataclass(slots=True)
class Compared:
    """A step of the protocol beside the execution that it met; charges are unsigned.

    `record_s` is how much of the record was left when the step began, `recorded_s` the same where
    the recording tells this step's end from the end of the next. `engine_s` is None where the
    replay ended before the step. The ends may differ by `allowed_s`: one sampling period, and for
    a hold that the instrument went over to by itself what its beginning differed by. `note` says
    what is wrong, if anything is.
    """

    count: int
    path: str
    type: str
    cycle: int
    met: Execution | None = None
    started_s: float = 0.0
    record_s: float = 0.0
    recorded_s: float | None = None
    recorded_Ah: float | None = None
    engine_s: float | None = None
    engine_Ah: float | None = None
    ended: str = ""
    reason: str = ""
    begun_late_s: float = 0.0
    allowed_s: float = FINEST_S
    note: str = ""

    @property
    def late_s(self) -> float | None:
        """By how much the engine ended the step after its recorded end; negative: before."""
        if self.recorded_s is None or self.engine_s is None:
            return None
        return self.engine_s - self.recorded_s


@dataclass(frozen=True, slots=True)
class OpenLoop:
    """What a replay came to; `left` recorded executions met no step."""

    steps: Sequence[Compared]
    outcome: str
    reason: str
    left: int

    @property
    def agrees(self) -> bool:
        """Whether the protocol's steps are the recording's, each with its end."""
        whole = self.outcome == "completed" and not self.left
        return whole and not any(step.note for step in self.steps)


def run_against(plan: Plan, executions: Sequence[Execution]) -> OpenLoop:
    """Run a plan that was bound to `RATINGS` against the recorded executions.

    It ends early where the order of steps differs, and where a step asks for more than one
    sampling period beyond its record. Raises CannotReplay.
    """
    return _Replay(plan, executions).run()


class _Replay:
    """The engine, the recorded cell, and what was compared so far; the last step may run yet."""

    def __init__(self, plan: Plan, executions: Sequence[Execution]) -> None:
        blind = dict.fromkeys(OF_THE_INSTRUMENT, IGNORED)
        self._engine = Engine(replace(plan, detectors={**plan.detectors, **blind}), RATINGS)
        self._cell = RecordedCell(executions)
        self._steps: list[Compared] = []
        self._now_s = 0.0
        self._poll_s = 0.0

    def run(self) -> OpenLoop:
        """Until the engine ends."""
        answer = self._engine.begin(0.0)
        while answer.ended is None:
            answer = self._engine.hear(self._next_heard(answer))
            for event in answer.events:
                if event.kind == "step_started":
                    self._started(event)
                elif event.kind == "step_ended":
                    self._ended(event.data, answer.reason)
        left = len(self._cell.executions) - self._cell.place
        return OpenLoop(self._steps, answer.ended, answer.reason, left)

    # ---- what the engine hears ------------------------------------------------------------

    def _next_heard(self, answer: Answer) -> Heard:
        for command in answer.commands:
            return self._obey(command) if isinstance(command, Apply) else Safed(self._now_s)
        if answer.waits:
            # the output is off, and no recording says how long somebody thought about it
            return Operator(self._now_s, "continue", "replay")
        if answer.wake_at is None:
            raise RuntimeError("the engine asks for nothing")
        before_s, self._now_s = self._now_s, max(self._now_s, answer.wake_at)
        self._poll_s = self._now_s - before_s
        return self._beyond() or self._cell.read(self._now_s)

    def _obey(self, command: Apply) -> Heard:
        if command.terminal != MAIN:
            raise CannotReplay(f"the protocol drives {command.terminal}: a recording is of one")
        state = self._engine.state
        sign = 0 if state.step is None else state.step.sign
        if state.phase == "adjusting":
            self._cell.setpoint = command.setpoint
            return Applied(self._now_s)
        if state.phase != "beginning":
            self._cell.look(self._now_s, sign, confirms=state.phase == "confirming")
            return Applied(self._now_s)
        try:
            self._cell.apply(self._now_s, command.setpoint, sign)
        except NoSuchStep as error:
            return self._no_such_step(str(error))
        return Applied(self._now_s)

    def _no_such_step(self, why: str) -> Stopping:
        """End here: from now on the wrong steps would be compared."""
        step = self._engine.state.step
        if step is not None:
            path, cycle = self._engine.view(step).node.path, self._engine.state.cycles.number
            self._steps.append(Compared(step.count, path, step.type, cycle, note=why))
        return Stopping(self._now_s, "stopped", why)

    def _beyond(self) -> Stopping | None:
        """Whether the running step asks for more than the recording has of it."""
        if self._engine.state.phase != "running" or not self._steps:
            return None
        step = self._steps[-1]
        met = step.met
        over_s = self._now_s - step.started_s - step.record_s
        step.allowed_s = self._allowed_s(step)
        if met is None or over_s <= step.allowed_s:
            return None
        with_it = "" if self._cell.next else ", and the recording with it"
        step.note = (
            f"asks beyond its record, which ends after {step.record_s:.6g} s at "
            f"{met.voltage_V[-1]:.6g} V, {met.current_A[-1]:.6g} A{with_it}"
        )
        return Stopping(self._now_s, "stopped", f"{step.path} {step.note}")

    def _allowed_s(self, step: Compared) -> float:
        interval_s = 0.0 if step.met is None else step.met.last_interval_s
        return max(interval_s, self._poll_s, FINEST_S) + abs(step.begun_late_s)

    # ---- what the engine tells ------------------------------------------------------------

    def _started(self, event: Event) -> None:
        step, cell = _compared(event.data), self._cell
        step.started_s = self._now_s
        met = cell.met
        if met is None:
            raise RuntimeError("a step began that met no execution")
        gone_s = 0.0
        if step.type == "then_hold" and cell.setpoint.hold_at_stop:
            gone_s = self._now_s - cell.switched_s
            held = cell.go_over()
            if held is not None:
                step.begun_late_s, gone_s, met = gone_s - met.duration_s, 0.0, held
        step.met, step.record_s = met, met.duration_s - gone_s
        # a CC-CV that was recorded as one execution has one end, its hold's
        whole = not cell.setpoint.hold_at_stop or cell.held is not None
        if whole:
            step.recorded_Ah = abs(met.charge_Ah)
        if whole or gone_s:
            step.recorded_s = step.record_s
        self._steps.append(step)

    def _ended(self, data: Mapping[str, object], why: str) -> None:
        if not data["driven"]:
            # over before it began: the recording has nothing of it
            self._steps.append(_compared(data))
        step = next(step for step in reversed(self._steps) if step.count == data["step_count"])
        step.ended, step.reason = str(data["ended"]), str(data["reason"])
        if data["ended"] == "interrupted":
            step.note = step.note or why
            return
        step.engine_s, step.engine_Ah = _number(data["duration_s"]), _number(data["capacity_Ah"])
        step.allowed_s = self._allowed_s(step)
        late_s = step.late_s
        if late_s is not None and abs(late_s) > step.allowed_s:
            step.note = f"ends {abs(late_s):.2f} s {'after' if late_s > 0 else 'before'} its record"


def _compared(data: Mapping[str, object]) -> Compared:
    """A step by what the engine says as it begins, or was over before it began."""
    return Compared(
        count=int(_number(data["step_count"])),
        path=str(data["step_id"]),
        type=str(data["step_type"]),
        cycle=int(_number(data.get("cycle"))),
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
