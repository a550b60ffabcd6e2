"""The engine: hears readings and answers with commands, deterministically, without I/O or a clock.

`begin` once, then `hear` each answer to a command and each reading, in order of time. Until an
`Applied` or `Safed` has been heard after a command, what the last reading showed goes on: that
gap's charge belongs to the step that ended.
"""

from collections.abc import Callable, Mapping

from labctl_drivers.vocabulary import (
    Excitation,
    Guard,
    ImpedancePoint,
    RangeAccuracy,
    Ratings,
    Reading,
    Setpoint,
)
from labctl_protocols.decisions import (
    Answer,
    Applied,
    Apply,
    AuxRead,
    AuxSet,
    Command,
    Event,
    Heard,
    Measure,
    Measured,
    Operator,
    Outcome,
    Revision,
    Row,
    Safe,
    Safed,
    SetAux,
    Stopping,
    Unsafe,
    Waited,
)
from labctl_protocols.engine import (
    auxiliary,
    charge,
    connect,
    driving,
    ending,
    looking,
    operator,
    running,
    setting,
    spectrum,
    steps,
)
from labctl_protocols.engine.account import Account
from labctl_protocols.engine.detect import watch
from labctl_protocols.engine.detect.seen import Seen
from labctl_protocols.engine.names import RunNames
from labctl_protocols.engine.revision import revise
from labctl_protocols.engine.sampling import LastRow, is_recorded
from labctl_protocols.engine.state import RunState, StepState, fresh_state, row_of
from labctl_protocols.engine.view import View, enclosing_limits, view_of
from labctl_protocols.engine.walk import ROOT, Frame, nodes_by_id
from labctl_protocols.engine.walking import walk_on
from labctl_protocols.plan import MAIN, Limits, Node, Plan

REST = Setpoint("rest")


class Engine:
    """One run of one plan. `state` is all that changes; everything else follows from the plan.

    `ratings` are those of the instrument at the main terminal, `others` those at further ones.
    """

    def __init__(
        self,
        plan: Plan,
        ratings: Ratings,
        state: RunState | None = None,
        others: Mapping[str, Ratings] | None = None,
    ) -> None:
        self.plan = plan
        self.nodes: dict[int, Node] = nodes_by_id(plan)
        self.state = fresh_state(plan) if state is None else state
        self.names = RunNames(self.state, self.nodes, ratings.current_ranges, plan.temperature)
        self.gap_receivers: list[Account] = []
        self.gap_step: StepState | None = None
        self._ratings = {MAIN: ratings, **(others or {})}
        self._pending: list[tuple[str, Callable[[], dict[str, object]]]] = []
        self._view: View | None = None
        self._viewed: tuple[Plan, int] | None = None
        self._drives_next = False
        self.asked_A = 0.0
        self._events: list[Event] = []
        self._rows: list[Row] = []
        self.commands: list[Command] = []
        self._stopping: tuple[Outcome, str] = ("completed", "end of the protocol")
        self.halted: str | None = None
        self._due_s: float | None = None
        self.seen: Seen | None = None

    def begin(self, time_s: float) -> Answer:
        """Start the run: rest first, so that the cell is seen before anything drives it."""
        state = self.state
        state.started_s = state.now_s = time_s
        state.frames = [Frame(ROOT)]
        plan = self.plan
        self.tell("run_started", {"protocol": plan.name, "title": plan.title, "kind": plan.kind})
        self.apply(REST)
        return self._answer(None)

    def hear(self, heard: Heard) -> Answer:
        """Take what came and say what follows."""
        match heard:
            case Reading():
                return self._on_reading(heard)
            case Applied():
                return self._on_applied(heard)
            case Stopping():
                return self._on_stopping(heard)
            case Safed(time_s) | Unsafe(time_s):
                if self.state.phase in ("switching", "opening"):
                    return self._on_opened(heard)
                return self._on_off(heard)
            case Operator(time_s) | Revision(time_s):
                return self._on_operator(heard)
            case ImpedancePoint() | Measured():
                return self._on_spectrum(heard)
            case Waited(time_s):
                self.state.now_s = max(self.state.now_s, time_s)
                operator.nobody_answered(self)
                return self._answer(None)
            case AuxRead() | AuxSet():
                return self._on_auxiliary(heard)

    # ---- what was heard -------------------------------------------------------------------

    def _on_applied(self, heard: Applied) -> Answer:
        state = self.state
        charge.output_changed(self, heard.time_s, heard.time_error_s, self._drives_next)
        if state.off:
            state.off = False
            self.tell("output", {"on": True, "read_back": self.ratings.readback})
        if state.phase == "beginning":
            steps.begins(self, heard.time_s)
        elif state.phase == "setting":
            setting.command(self)
        elif state.phase == "adjusting":
            state.phase = "running"
            return self._answer(heard.time_s)
        waits = self._ending or state.awaiting
        return self._answer(None if waits else heard.time_s, boundary=True)

    def _on_opened(self, heard: Safed | Unsafe) -> Answer:
        """A terminal was to be opened in the middle of the run, read back."""
        if isinstance(heard, Unsafe):
            self.tell("fault", {"error": "OutputUnknown", "text": heard.text})
            self.stop("fault", f"the {self.state.terminal} terminal did not open: {heard.text}")
            return self._answer(None)
        charge.output_changed(self, heard.time_s, 0.0, drives=False)
        self.state.off = True
        self.tell("output", {"on": False, "read_back": True})
        if self.state.phase == "switching":
            connect.connect(self)
        else:
            operator.is_off(self)
        return self._answer(None, boundary=True)

    def _on_operator(self, said: Operator | Revision) -> Answer:
        self.state.now_s = max(self.state.now_s, said.time_s)
        if isinstance(said, Revision):
            revise(self, said)
        elif operator.heard(self, said):
            walk_on(self)
        # whoever was waiting for a reading has one now, which is never wrong
        return self._answer(said.time_s, boundary=True)

    def _on_spectrum(self, heard: ImpedancePoint | Measured) -> Answer:
        if isinstance(heard, Measured):
            spectrum.end(self, heard.time_s)
            walk_on(self)
        else:
            spectrum.on_point(self, heard)
        return self._answer(None, boundary=True)

    def _on_auxiliary(self, heard: AuxRead | AuxSet) -> Answer:
        if isinstance(heard, AuxSet):
            setting.is_set(self, heard)
            walk_on(self)
            return self._answer(None, boundary=True)
        auxiliary.hear(self, heard)
        # what it ends, a reading ends; the cell's own next reading stays due when it was
        return self._answer(heard.time_s if auxiliary.ends_a_wait(self) else self._due_s)

    def _on_stopping(self, heard: Stopping) -> Answer:
        self.state.now_s = max(self.state.now_s, heard.time_s)
        if heard.outcome in ("fault", "error") and self.state.phase != "over":
            self.tell("fault", {"error": heard.outcome, **heard.data, "text": heard.reason})
        self.stop(heard.outcome, heard.reason)
        return self._answer(None)

    def _on_reading(self, reading: Reading) -> Answer:
        state = self.state
        if state.awaiting or self._ending:
            charge.gap(self, reading.time_s, reading.voltage_V, reading.current_A)
            return self._answer(None)
        charge.integrate(self, reading)
        if state.phase == "start":
            if looking.is_the_cell(self, reading):
                walk_on(self)
        elif state.phase == "open_circuit":
            again = operator.drive_again if self._has_begun else driving.drive
            if looking.is_there(self, reading) and not again(self):
                walk_on(self)
        elif state.phase == "confirming":
            state.open_circuit_V = reading.voltage_V
            if ending.confirmed(self, reading):
                walk_on(self)
        else:
            return self._answer(*running.hear(self, reading))
        return self._answer(None)

    def _on_off(self, heard: Safed | Unsafe) -> Answer:
        state = self.state
        if not self._ending:
            self.stop("fault", "the output went off unasked")
            return self._answer(None)
        outcome, reason = self._stopping
        failed = isinstance(heard, Unsafe) or outcome in ("fault", "error")
        unseen_As = charge.unseen_As(self, heard.time_s) if failed else 0.0
        charge.output_changed(self, heard.time_s, 0.0, False, unseen_As)
        state.off = True
        if isinstance(heard, Unsafe):
            self.tell("output", {"on": None, "read_back": False})
            self.tell("fault", {"error": "OutputUnknown", "text": heard.text})
            outcome = "error" if outcome == "error" else "fault"
            reason = f"{heard.text}; before: {reason}"
        else:
            self.tell("output", {"on": False, "read_back": True})
        if state.phase == "over":
            return self._answer(None, boundary=True)
        state.phase = "over"
        self.tell("run_ended", {"outcome": outcome, "reason": reason})
        return self._answer(None, boundary=True, ended=outcome, reason=reason)

    # ---- answers --------------------------------------------------------------------------

    def apply(self, setpoint: Setpoint, guard: Guard | None = None) -> None:
        """Command the output of the connected terminal to change."""
        self._drives_next = setpoint.mode != "rest"
        self.asked_A = abs(setpoint.current_A) if self._drives_next else 0.0
        self.state.awaiting = True
        self.commands.append(Apply(setpoint, guard or steps.guard_now(self), self.state.terminal))

    def measure(self, excitation: Excitation) -> None:
        """Command a spectrum to be measured at the connected terminal."""
        self.state.awaiting = True
        self.commands.append(Measure(excitation, steps.guard_now(self), self.state.terminal))

    def adjust(self, setpoint: Setpoint) -> None:
        """Command another set-point or guard for the running step, which goes on."""
        step = self.state.step
        if step is None or self.state.phase != "running":
            raise RuntimeError("no step is running that could be adjusted")
        self.state.phase = "adjusting"
        step.stale = False
        self.receive_gap([step.account], step)
        self.apply(setpoint, steps.step_guard(self, step))

    def set_auxiliary(self, command: SetAux) -> None:
        """Command an auxiliary to take a value."""
        self.state.awaiting = True
        self.commands.append(command)

    def open_terminal(self, switching: bool = False) -> None:
        """Command the connected terminal off, to wait there or to go over to another."""
        self.state.phase = "switching" if switching else "opening"
        self.state.awaiting = True
        self._drives_next, self.asked_A = False, 0.0
        self.commands.append(Safe(self.state.terminal))

    def stop(self, outcome: Outcome, reason: str) -> None:
        """End the run through the safe path; the first reason given stands."""
        if self._ending:
            return
        self.record_last()
        charge.leave_in_doubt(self)
        ending.abandon(self)
        self.state.phase = "safing"
        self.state.awaiting = True
        self._stopping = (outcome, reason)
        self._drives_next = False
        self.commands = [Safe()]

    def halt(self, reason: str) -> None:
        """A detector wants the run to end; it does once what is being heard has been dealt with."""
        self.halted = self.halted or reason

    def tell(self, kind: str, data: Mapping[str, object]) -> None:
        """An event now."""
        self._events.append(Event(self.state.now_s - self.state.started_s, kind, data))

    def later(self, kind: str, data: Callable[[], dict[str, object]]) -> None:
        """An event once the output has changed and the last gap's charge is in."""
        self._pending.append((kind, data))

    def flush(self) -> None:
        """Tell what waited."""
        for kind, make in self._pending:
            data = make()
            if kind == "cycle":
                watch.on_cycle(self, data)
            self.tell(kind, data)
        self._pending = []

    def receive_gap(self, accounts: list[Account], step: StepState | None) -> None:
        """Say to which accounts, and as whose metal, the charge until the next output change is."""
        self.gap_receivers = accounts
        self.gap_step = step

    def _answer(
        self,
        wake_at: float | None,
        boundary: bool = False,
        ended: Outcome | None = None,
        reason: str = "",
    ) -> Answer:
        if self.halted is not None:
            self.stop("detector", self.halted)
        waits = self.state.phase in ("asking", "paused") and not self.commands
        if waits:
            wake_at = self.state.deadline_s
        self._due_s = None if self.commands else wake_at
        answer = Answer(
            commands=tuple(self.commands),
            rows=tuple(self._rows),
            events=tuple(self._events),
            wake_at=self._due_s,
            boundary=boundary,
            waits=waits,
            ended=ended,
            reason=reason,
        )
        self.commands, self._rows, self._events = [], [], []
        return answer

    # ---- what holds now -------------------------------------------------------------------

    @property
    def ratings(self) -> Ratings:
        """The ratings of the instrument at the connected terminal."""
        return self._ratings[self.state.terminal]

    @property
    def main_accuracy(self) -> tuple[RangeAccuracy, ...]:
        """How well the main terminal's instrument measures a current: halves pass there alone, and
        what the ledger tells must be what decisions go by."""
        return self._ratings[MAIN].current_ranges

    @property
    def _has_begun(self) -> bool:
        return self.state.step is not None and self.state.step.begun

    @property
    def _ending(self) -> bool:
        return self.state.phase in ("safing", "over")

    def view(self, step: StepState) -> View:
        """The plan's side of this step; worked out once, nothing around it changes meanwhile."""
        if self._view is None or self._viewed != (self.plan, step.count):
            self._viewed = self.plan, step.count
            self._view = view_of(self.plan, self.nodes, self.state.frames, step)
        return self._view

    @property
    def limits(self) -> Limits:
        """The narrowest of the plan's, the enclosing groups' and the running step's limits."""
        step = self.state.step
        if step is None:
            return enclosing_limits(self.plan, self.nodes, self.state.frames)
        return self.view(step).limits

    def record_last(self) -> None:
        """Record the step's last reading, if it is no row yet."""
        reading = self.state.output.unrecorded
        if reading is not None and self.state.phase == "running":
            self.record(reading, force=True)

    def record(self, reading: Reading, force: bool) -> None:
        """Make a row of the running step's reading, if its rule or `force` says so."""
        state = self.state
        step, now = state.step, state.output.now
        if step is None or now is None:
            return
        view = self.view(step)
        if not force and not is_recorded(view.record, state.last_row, now):
            return
        temperature = self.names.live("temperature")
        path = self.nodes[step.node].path
        self._rows.append(row_of(state, step, path, reading, temperature))
        state.last_row = LastRow(now.time_s, now.voltage_V, now.current_A)
        state.output.unrecorded = None
