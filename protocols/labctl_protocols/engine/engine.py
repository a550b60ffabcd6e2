"""The engine: hears readings and answers with commands, deterministically, without I/O or a clock.

`begin` once, then `hear` each answer to a command and each reading, in order of time. Until an
`Applied` or `Safed` has been heard after a command, what the last reading showed goes on: that
gap's charge belongs to the step that ended.
"""

import math
from collections.abc import Callable, Mapping

from labctl_drivers.vocabulary import Guard, Ratings, Reading, Setpoint
from labctl_protocols.decisions import (
    Answer,
    Applied,
    Apply,
    Command,
    Event,
    Heard,
    Outcome,
    Row,
    Safe,
    Safed,
    Stopping,
    Unsafe,
)
from labctl_protocols.engine import ending, judge, steps
from labctl_protocols.engine.account import Account
from labctl_protocols.engine.detect import contact, watch
from labctl_protocols.engine.detect.seen import Seen
from labctl_protocols.engine.ends import Progress, Sample
from labctl_protocols.engine.names import RunNames
from labctl_protocols.engine.sampling import FASTEST_S, LastRow, is_recorded, next_reading
from labctl_protocols.engine.state import Output, RunState, StepState, fresh_state, row_of
from labctl_protocols.engine.view import View, enclosing_limits, view_of
from labctl_protocols.engine.walk import ROOT, Frame, nodes_by_id
from labctl_protocols.engine.walking import walk_on
from labctl_protocols.plan import Limits, Node, Plan

REST = Setpoint("rest")


class Engine:
    """One run of one plan. `state` is all that changes; everything else follows from the plan."""

    def __init__(self, plan: Plan, ratings: Ratings, state: RunState | None = None) -> None:
        self.plan = plan
        self.ratings = ratings
        self.nodes: dict[int, Node] = nodes_by_id(plan)
        self.state = fresh_state(plan) if state is None else state
        self.names = RunNames(self.state, self.nodes)
        self._pending: list[tuple[str, Callable[[], dict[str, object]]]] = []
        self._view: View | None = None
        self._viewed = 0
        self._gap_receivers: list[Account] = []
        self._gap_metal = False
        self._drives_next = False
        self._events: list[Event] = []
        self._rows: list[Row] = []
        self._commands: list[Command] = []
        self._stopping: tuple[Outcome, str] = ("completed", "end of the protocol")
        self._halted: str | None = None
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
            case Applied(time_s, time_error_s):
                self._output_changed(time_s, time_error_s)
                if self.state.phase == "start":
                    self.tell("output", {"on": True, "read_back": self.ratings.readback})
                if self.state.phase == "beginning":
                    self._step_begins(time_s)
                return self._answer(None if self._ending else time_s, boundary=True)
            case Stopping():
                return self._on_stopping(heard)
            case Safed(time_s) | Unsafe(time_s):
                return self._on_off(heard)

    # ---- what was heard -------------------------------------------------------------------

    def _on_stopping(self, heard: Stopping) -> Answer:
        self.state.now_s = max(self.state.now_s, heard.time_s)
        if heard.outcome in ("fault", "error") and self.state.phase != "over":
            self.tell("fault", {"error": heard.outcome, **heard.data, "text": heard.reason})
        self.stop(heard.outcome, heard.reason)
        return self._answer(None)

    def _on_reading(self, reading: Reading) -> Answer:
        state = self.state
        if state.awaiting or self._ending:
            self._gap(reading.time_s, reading.voltage_V, reading.current_A)
            return self._answer(None)
        self._integrate(reading)
        if state.phase == "start":
            self._first_look(reading)
        elif state.phase == "open_circuit":
            state.open_circuit_V = reading.voltage_V
            if not self._cell_is_there(reading):
                return self._answer(None)
            if not steps.drive(self):
                walk_on(self)
        elif state.phase == "confirming":
            state.open_circuit_V = reading.voltage_V
            if ending.confirmed(self, reading):
                walk_on(self)
        else:
            return self._on_step_reading(reading)
        return self._answer(None)

    def _on_step_reading(self, reading: Reading) -> Answer:
        step, now = self.state.step, self.state.output.now
        if step is None or now is None:
            raise RuntimeError("a reading came while no step was running")
        if step.type == "rest":
            self._look_at_rest(reading)
        view, errors = self.view(step), judge.errors_of(reading, self.ratings)
        tripped = judge.limit_tripped(reading, view.limits, step, errors)
        if tripped is not None:
            self._record(reading, force=True)
            if tripped["quantity"] == "voltage" and judge.starved(reading, step.set_current_A):
                ending.starved_at_limit(self, tripped)
            else:
                self.tell("limit", tripped)
                self.stop("limit", str(tripped["text"]))
            return self._answer(None)
        watch.on_reading(self, reading, errors)
        if self._halted is not None:
            self._record(reading, force=True)
            return self._answer(None)
        band_V = 2 * errors[0] if view.goes_over else 0.0
        output = self.state.output
        progress = Progress(
            step.sign, step.started_s, step.targets, output.before, now, band_V, output.earlier
        )
        over = judge.step_over(reading, step, view.until, progress, self.names, errors)
        self._record(reading, force=over is not None)
        if over is not None:
            if ending.end(self, over, progress):
                walk_on(self)
            if self._commands:
                return self._answer(None)
            # the instrument went over to holding the voltage by itself: read on
            return self._answer(now.time_s + self.ratings.reading_time_s, boundary=True)
        due_s = next_reading(
            view.record,
            output.driven,
            self.ratings.reading_time_s,
            view.until,
            progress,
            (view.limits.high_V, view.limits.low_V) if step.sign else (),
            self.state.trail_s,
        )
        if watch.is_suspicious(self):
            due_s = min(due_s, now.time_s + max(FASTEST_S, self.ratings.reading_time_s))
        return self._answer(due_s)

    def _cell_is_there(self, reading: Reading) -> bool:
        if not contact.nothing_there(reading):
            return True
        return not ending.contact_loss(self, "at rest there is no cell to be seen")

    def _look_at_rest(self, reading: Reading) -> None:
        state = self.state
        if contact.nothing_there(reading):
            # one such reading may be the output settling: look again before the next drive
            state.open_circuit_V, state.last_sign = None, 0
        else:
            state.open_circuit_V = reading.voltage_V

    def _on_off(self, heard: Safed | Unsafe) -> Answer:
        state = self.state
        if not self._ending:
            self.stop("fault", "the output went off unasked")
            return self._answer(None)
        self._output_changed(heard.time_s)
        outcome, reason = self._stopping
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

    def _first_look(self, reading: Reading) -> None:
        self.state.open_circuit_V = reading.voltage_V
        window = self.plan.start_V
        text = contact.not_the_cell(reading, window)
        if text is not None and watch.tell(self, "start", text):
            return
        self.tell("note", {"text": "cell found", "voltage_V": reading.voltage_V})
        walk_on(self)

    # ---- charge ---------------------------------------------------------------------------

    def _integrate(self, reading: Reading) -> None:
        state = self.state
        output = state.output
        last = output.now
        state.now_s = max(state.now_s, reading.time_s)
        since = output.since_s if last is None else last.time_s
        dt = max(0.0, reading.time_s - since)
        before_A = reading.current_A if last is None else last.current_A
        before_V = reading.voltage_V if last is None else last.voltage_V
        charge = 0.5 * (before_A + reading.current_A) * dt
        energy = 0.5 * (before_A * before_V + reading.current_A * reading.voltage_V) * dt
        output.range_A = reading.current_range_A
        step = state.step
        if output.driven and step is not None and state.phase == "running":
            account = step.account
            account.add(charge, energy, dt, reading.current_range_A)
            half_width = 0.5 * (reading.current_A - before_A) * dt
            if last is None:
                half_width = reading.current_A * max(reading.time_error_s, output.since_error_s)
            account.variance_As2 += half_width * half_width / 3.0
            self._count(charge, energy, step.metal)
        output.earlier, output.before = output.before, last
        passed = 0.0
        if step is not None:
            passed = (step.sign or 1) * step.account.charge_As
            if not step.sign:
                passed = abs(passed)
        output.now = Sample(reading.time_s, reading.voltage_V, reading.current_A, passed)
        output.unrecorded = reading
        self._keep_trail(reading)

    def _count(self, charge_As: float, energy_J: float, metal: bool) -> None:
        totals = self.state.totals
        if charge_As >= 0:
            totals.charging_As += charge_As
            totals.charging_J += energy_J
        else:
            totals.discharging_As -= charge_As
            totals.discharging_J -= energy_J
        if metal and self.plan.plate_sign is not None:
            self.state.ledger.plate(self.plan.plate_sign * charge_As)

    def _keep_trail(self, reading: Reading) -> None:
        state = self.state
        if not state.trail_s:
            return
        trail = state.trail
        trail.append((reading.time_s, reading.voltage_V))
        oldest = reading.time_s - state.trail_s
        while len(trail) > 2 and trail[1][0] <= oldest:
            del trail[0]

    def _output_changed(self, time_s: float, error_s: float = 0.0) -> None:
        """The old output went on until now: enter the gap, then tell what was waiting for it."""
        state, last = self.state, self.state.output.now
        state.now_s = max(state.now_s, time_s)
        if last is not None:
            self._gap(time_s, last.voltage_V, last.current_A)
            if state.output.driven and self._drives_next:
                # the same wrong moment, once too much and once too little: in a ratio they add up
                error_s *= math.sqrt(2.0)
            for account in self._gap_receivers:
                account.variance_As2 += (last.current_A * error_s) ** 2 / 3.0
        self._gap_receivers = []
        state.awaiting = False
        state.output = Output(time_s, error_s, self._drives_next)
        state.trail, state.trail_s = [], 0.0
        self.flush()

    def _gap(self, time_s: float, voltage_V: float, current_A: float) -> None:
        """Enter what passed on the old output while a command is under way."""
        output, last = self.state.output, self.state.output.now
        if not output.driven or last is None:
            return
        dt = max(0.0, time_s - last.time_s)
        charge = 0.5 * (last.current_A + current_A) * dt
        energy = 0.5 * (last.current_A * last.voltage_V + current_A * voltage_V) * dt
        self._count(charge, energy, self._gap_metal)
        for account in self._gap_receivers:
            account.add(charge, energy, dt, output.range_A)
        output.now = Sample(max(time_s, last.time_s), voltage_V, current_A, last.charge_As)

    # ---- answers --------------------------------------------------------------------------

    def apply(self, setpoint: Setpoint, guard: Guard | None = None) -> None:
        """Command the output to change."""
        self._drives_next = setpoint.mode != "rest"
        self.state.awaiting = True
        self._commands.append(Apply(setpoint, guard or self.guard()))

    def stop(self, outcome: Outcome, reason: str) -> None:
        """End the run through the safe path; the first reason given stands."""
        if self._ending:
            return
        self._record_last()
        ending.abandon(self)
        self.state.phase = "safing"
        self.state.awaiting = True
        self._stopping = (outcome, reason)
        self._drives_next = False
        self._commands = [Safe()]

    def halt(self, reason: str) -> None:
        """A detector wants the run to end; it does once what is being heard has been dealt with."""
        self._halted = self._halted or reason

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

    def receive_gap(self, accounts: list[Account], metal: bool) -> None:
        """Say which accounts the charge until the next output change also belongs to."""
        self._gap_receivers = accounts
        self._gap_metal = metal

    def _answer(
        self,
        wake_at: float | None,
        boundary: bool = False,
        ended: Outcome | None = None,
        reason: str = "",
    ) -> Answer:
        if self._halted is not None:
            self.stop("detector", self._halted)
        answer = Answer(
            commands=tuple(self._commands),
            rows=tuple(self._rows),
            events=tuple(self._events),
            wake_at=None if self._commands else wake_at,
            boundary=boundary,
            ended=ended,
            reason=reason,
        )
        self._commands, self._rows, self._events = [], [], []
        return answer

    # ---- what holds now -------------------------------------------------------------------

    @property
    def _ending(self) -> bool:
        return self.state.phase in ("safing", "over")

    def view(self, step: StepState) -> View:
        """The plan's side of this step; worked out once, nothing around it changes meanwhile."""
        if self._viewed != step.count or self._view is None:
            self._viewed = step.count
            self._view = view_of(self.plan, self.nodes, self.state.frames, step)
        return self._view

    @property
    def limits(self) -> Limits:
        """The narrowest of the plan's, the enclosing groups' and the running step's limits."""
        step = self.state.step
        if step is None:
            return enclosing_limits(self.plan, self.nodes, self.state.frames)
        return self.view(step).limits

    def guard(self, charge_As: float | None = None, time_s: float | None = None) -> Guard:
        """What the instrument must hold by itself now."""
        limits = self.limits
        return Guard(
            low_V=self.ratings.low_V if limits.low_V is None else limits.low_V,
            high_V=self.ratings.high_V if limits.high_V is None else limits.high_V,
            max_current_A=(
                self.ratings.max_current_A if limits.current_A is None else limits.current_A
            ),
            charge_Ah=None if charge_As is None else charge_As / 3600.0,
            time_s=time_s,
        )

    def _step_begins(self, time_s: float) -> None:
        step = self.state.step
        if step is None:
            raise RuntimeError("an output was commanded for no step")
        self.state.phase = "running"
        step.started_s = time_s
        self.state.last_row = None
        self.tell("step_started", steps.started_data(self, step))

    def _record_last(self) -> None:
        reading = self.state.output.unrecorded
        if reading is not None and self.state.phase == "running":
            self._record(reading, force=True)

    def _record(self, reading: Reading, force: bool) -> None:
        state = self.state
        step, now = state.step, state.output.now
        if step is None or now is None:
            return
        view = self.view(step)
        if not force and not is_recorded(view.record, state.last_row, now):
            return
        state.last_row = LastRow(now.time_s, now.voltage_V, now.current_A)
        state.output.unrecorded = None
        self._rows.append(row_of(state, step, self.nodes[step.node].path, reading))
