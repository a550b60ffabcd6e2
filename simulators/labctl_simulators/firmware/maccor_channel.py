"""One channel of the simulated Maccor: a test on a cell, limits, watchdog, counters.

The cell sees a voltage source with a current limit at the voltage that ends or holds the output,
which is what mutually limiting current and voltage amount to, and nothing where the current would
flow against the mode (a charge never discharges). What is beyond a safety limit by more than
`OVERSHOOT_V` cannot happen: the source stands there, and the channel is suspended once the
regulator sees it, at the latest `LOOK_S` later. Limits of power and resistance follow the voltage
every `FOLLOW_S`.
"""

from dataclasses import replace
from math import floor, inf

from labctl_simulators.firmware.maccor_parts import (
    REST,
    Errors,
    Output,
    ProcedureStep,
    Rating,
    Recording,
    Refused,
    Safety,
    Stat,
    Test,
    refused,
)
from labctl_simulators.firmware.smu import Flaws
from labctl_simulators.ports import Source, TerminalState
from labctl_simulators.terminals import Terminals

OPEN = Source()
OVERSHOOT_V = 1e-3
LOOK_S = 1.0
FOLLOW_S = 0.1
REST_LOOK_S = 60.0
GAP_S = 0.1
TICK_S = 1e-6
# The numbers of RF1 and RF2 are those that another public client decodes (see maccor.py).
NOW_DOING = {"C": 1, "D": 2, "R": 4}
STOPPED_AS = {Stat.SUSPENDED: 30, Stat.COMPLETED: 31}
NO_END, ENDED_BY_SUSPENSION, ENDED_NORMALLY, ENDED_BY_SAFETY = 128, 192, 193, 197


class Channel:
    """A channel of a cycler; time only goes forward, to wherever `advance` says.

    `watchdog_s` 0 is no watchdog. `variables` and `aux` are the world's to look at and to set.
    """

    def __init__(
        self,
        terminals: Terminals,
        rating: Rating,
        errors: Errors,
        flaws: Flaws,
        *,
        watchdog_s: float,
        ready_s: float,
        start_fixes_limits: bool,
    ) -> None:
        self.terminals = terminals
        self.rating = rating
        self.errors = errors
        self.watchdog_s = watchdog_s
        self.variables = [0.0] * 16
        self.aux = [25.0]
        self.safety = Safety()
        self.stat = Stat.AVAILABLE
        self.output = REST
        self.test: Test | None = None
        self.now = terminals.now
        self.records = self.cycle = self.step = 0
        self.capacity_Ah = self.energy_Wh = 0.0
        self.ended = NO_END
        self._started = self._step_began = self._stopped = self.now
        self._ready_at = self._updated = self._commanded = -inf
        self._ready_s = ready_s
        self._fixes = start_fixes_limits
        self._usable = REST
        self._place = 0
        self._recorded = (self.now, 0.0, 0.0)
        self._current_factor = 1.0 + flaws.set_deviation
        self._frozen_from = self.now + flaws.frozen_at_h * 3600.0
        self._stuck: tuple[float, float] | None = None
        self._state = terminals.state()

    @property
    def output_on(self) -> bool:
        """Whether the channel drives its cell, or would if a limit let it."""
        return self.stat is Stat.ACTIVE and self.output.mode != "R"

    @property
    def direct(self) -> bool:
        """Whether a test in direct mode is on the channel."""
        return self.test is not None and self.test.direct

    def reading(self) -> tuple[float, float]:
        """Voltage and current as the cycler shows them; the current signed, discharge negative."""
        if self._stuck is not None:
            return self._stuck
        state = self._seen_state()
        current_A = state.current_A if self.output_on else 0.0
        span = self.output.span
        shown = self.errors.read_A(current_A, span) if self.output_on else 0.0
        read = self.errors.read_V(state.voltage_V), shown
        if self.now >= self._frozen_from:
            self._stuck = read
        return read

    def times(self) -> tuple[float, float]:
        """Seconds of the test and of the step; they stand still when the test is over."""
        running = self.stat in (Stat.ACTIVE, Stat.STARTING)
        until = self.now if running else self._stopped
        return until - self._started, until - self._step_began

    def flags(self) -> tuple[int, int]:
        """RF1 and RF2: what the channel does, and what ended it."""
        doing = NOW_DOING[self.output.mode] if self.stat is Stat.ACTIVE else 0
        return STOPPED_AS.get(self.stat, doing), self.ended

    # Commands

    def start(self, test: Test, output: Output) -> None:
        """Put a test on the channel. Raises Refused unless it is available."""
        if self.stat is not Stat.AVAILABLE:
            raise Refused("The channel is not available")
        self.test = test
        self.output = self._usable = output
        self.stat = Stat.STARTING
        self.records = self.cycle = self.step = 0
        self.capacity_Ah = self.energy_Wh = 0.0
        self.ended = NO_END
        self._started = self._step_began = self.now
        self._ready_at = self.now + self._ready_s
        self._act()

    def set_output(self, output: Output) -> None:
        """Direct mode's output. Raises Refused with the number that the reference has for it."""
        if self.stat not in (Stat.ACTIVE, Stat.STARTING):
            raise refused(2)
        if not self.direct:
            raise refused(4)
        if self.stat is Stat.STARTING:
            raise refused(5)
        if self.now - self._commanded < GAP_S - TICK_S:
            raise refused(3)
        self._commanded = self._updated = self.now
        if self._fixes:
            output = _usable(output, self._usable)
        if output != self.output:
            self._next_step(output)
        self._act()

    def protect(self, safety: Safety) -> None:
        """Take safety limits; they hold from now on."""
        self.safety = safety
        self._act()

    def reset(self) -> None:
        """End whatever runs: output off, the channel available."""
        self._stop(Stat.AVAILABLE, ENDED_BY_SUSPENSION)
        self.test = None

    def lose_power(self) -> None:
        """The mains fail: output off, and a test that ran is not resumed."""
        if self.stat in (Stat.ACTIVE, Stat.STARTING):
            self._stop(Stat.POWER_FAIL, ENDED_BY_SUSPENSION)

    # Time

    def advance(self, until: float) -> None:
        """Let time pass; what the channel does by itself happens at its time."""
        while self.now < until:
            self._pass(min(until, self._look_at()))
            self._act()

    def _look_at(self) -> float:
        if self.stat is Stat.STARTING:
            return self._ready_at
        if self.stat is not Stat.ACTIVE:
            return inf
        output = self.output
        look_s = REST_LOOK_S if output.mode == "R" else LOOK_S
        if output.mode != "R" and (output.power_W or output.resistance_ohm):
            look_s = FOLLOW_S
        at = min(self.now + look_s, self._deadline())
        step = self._present_step()
        return at if step is None else min(at, self._step_began + step.for_s)

    def _deadline(self) -> float:
        armed = self.direct and self.watchdog_s > 0.0
        return self._updated + self.watchdog_s if armed else inf

    def _pass(self, until: float) -> None:
        before, began = self._state, self.now
        if until > self.terminals.now:  # the other end of a shared cell may have been there
            self.terminals.advance(until)
        self.now = until
        self._state = after = self.terminals.state()
        if self.stat is not Stat.ACTIVE:
            return
        hours = (until - began) / 3600.0
        self.capacity_Ah += 0.5 * abs(before.current_A + after.current_A) * hours
        watts = before.voltage_V * before.current_A + after.voltage_V * after.current_A
        self.energy_Wh += 0.5 * abs(watts) * hours
        self._record()

    def _record(self) -> None:
        rule = Recording() if self.test is None else self.test.recording
        at, volts, amps = self._recorded
        due = floor((self.now - at + TICK_S) / rule.time_s) if rule.time_s > 0.0 else 0
        state = self._state
        moved = 0.0 < rule.voltage_V <= abs(state.voltage_V - volts)
        moved = moved or 0.0 < rule.current_A <= abs(state.current_A - amps)
        if due or moved:
            self.records += max(1, due)
            self._recorded = (self.now, state.voltage_V, state.current_A)

    def _act(self) -> None:
        if self.stat is Stat.STARTING and self.now >= self._ready_at:
            self._activate()
        if self.stat is Stat.ACTIVE and self.now >= self._deadline():
            self._stop(Stat.SUSPENDED, ENDED_BY_SUSPENSION)
        self._follow_procedure()
        self._present()
        if self.stat is Stat.ACTIVE and self._unsafe():
            self._stop(Stat.SUSPENDED, ENDED_BY_SAFETY)

    def _activate(self) -> None:
        self.stat = Stat.ACTIVE
        self._started = self._updated = self.now
        self._place = 0
        step = self._present_step()
        self._next_step(self.output if step is None else self._output_of(step))
        self.records = 1
        self._recorded = (self.now, self._state.voltage_V, self._state.current_A)

    def _stop(self, stat: Stat, ended: int) -> None:
        if self.stat in (Stat.ACTIVE, Stat.STARTING):
            self._stopped, self.ended = self.now, ended
        self.stat = stat
        self.output = REST
        self._present()

    # Procedures

    def _present_step(self) -> ProcedureStep | None:
        steps = () if self.test is None else self.test.steps
        return steps[self._place] if self._place < len(steps) else None

    def _output_of(self, step: ProcedureStep) -> Output:
        amps = step.rate * (0.0 if self.test is None else self.test.capacity_Ah)
        holds = next((n for n, top in enumerate(self.rating.ranges_A, 1) if amps <= top), 4)
        return Output(step.mode, amps, step.voltage_V, span=holds)

    def _next_step(self, output: Output) -> None:
        self.output = output
        self.step += 1
        self.capacity_Ah = self.energy_Wh = 0.0
        self._step_began = self.now

    def _follow_procedure(self) -> None:
        while self.stat is Stat.ACTIVE and (step := self._present_step()) is not None:
            over = self.now >= self._step_began + step.for_s - TICK_S
            if not over and not (step.until_voltage and self._at_voltage(step)):
                return
            self._place += 1
            self.cycle += step.cycle
            following = self._present_step()
            if following is None:
                self._stop(Stat.COMPLETED, ENDED_NORMALLY)
            else:
                self._next_step(self._output_of(following))
                self._present()

    def _at_voltage(self, step: ProcedureStep) -> bool:
        target_V, seen_V = step.voltage_V, self.errors.seen_V(self._state.voltage_V)
        if target_V is None:
            return False
        beyond = seen_V - target_V if step.mode == "C" else target_V - seen_V
        return beyond > -OVERSHOOT_V / 10.0

    # The cell's side

    def _seen_state(self) -> TerminalState:
        if self.terminals.now != self.now or self.terminals.beside:
            self._state = self.terminals.state()
        return self._state

    def _unsafe(self) -> bool:
        state, errors = self._state, self.errors
        current_A = errors.seen_A(state.current_A, self.output.span) if self.output_on else 0.0
        return self.safety.broken_by(errors.seen_V(state.voltage_V), current_A)

    def _present(self) -> None:
        source = self._source()
        if source != self.terminals.source:
            self.terminals.connect(source, max(self.now, self.terminals.now))
            self._state = self.terminals.state()

    def _source(self) -> Source:
        output = self.output
        if not self.output_on:
            return OPEN
        charging = output.mode == "C"
        rating, safety, errors = self.rating, self.safety, self.errors
        wanted_V = output.voltage_V
        if charging:
            top_V = rating.highest_V if wanted_V is None else wanted_V
            level_V = errors.true_V(min(top_V, safety.highest_V + OVERSHOOT_V))
        else:
            low_V = rating.lowest_V if wanted_V is None else wanted_V
            level_V = errors.true_V(max(low_V, safety.lowest_V - OVERSHOOT_V))
        without_V = self.terminals.cell.voltage(0.0)
        against = without_V >= level_V if charging else without_V <= level_V
        limit_A = self._limit_A(charging)
        if against or limit_A <= 0.0:
            return OPEN
        return Source("voltage", level_V, limit_A)

    def _limit_A(self, charging: bool) -> float:
        output = self.output
        full_scale_A = self.rating.ranges_A[output.span - 1]
        amps = full_scale_A if output.current_A is None else min(output.current_A, full_scale_A)
        volts = max(abs(self._state.voltage_V), 1e-3)
        if output.power_W is not None:
            amps = min(amps, output.power_W / volts)
        if output.resistance_ohm:
            amps = min(amps, volts / output.resistance_ohm)
        if amps == 0.0:
            return 0.0
        sign = 1.0 if charging else -1.0
        return max(0.0, sign * self.errors.true_A(sign * amps, output.span) * self._current_factor)


def _usable(output: Output, first: Output) -> Output:
    """An output without the limits that were disabled when direct mode was started."""
    return replace(
        output,
        current_A=None if first.current_A is None else output.current_A,
        voltage_V=None if first.voltage_V is None else output.voltage_V,
        power_W=None if first.power_W is None else output.power_W,
        resistance_ohm=None if first.resistance_ohm is None else output.resistance_ohm,
    )
