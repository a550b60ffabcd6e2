"""The channel of an open-loop replay: whatever it is told, it shows what was recorded.

Each step that the engine commands meets the next recorded execution, on a clock that starts when
the output is switched to the step. A step that is to go over to a hold has the hold's execution
behind its own on the same clock, as the instrument that was recorded went over by itself.

The engine's own looks at the cell at rest (before the first step, before a drive in the direction
of the one before, to confirm a voltage end) were not recorded by every cycler, and consume no
execution: they see the voltage of a neighbouring step. That is its true voltage at rest only where
the neighbour is a rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from labctl.replay.executions import HELD_WITHIN_V, Execution
from labctl_drivers.vocabulary import RangeAccuracy, Ratings, Reading, Setpoint

HELD_CURRENT = 0.99
"""Where nobody recorded when a hold began: the current has fallen below this share of the set
one while the voltage stands where the step was to stop."""

HIGHEST_V, HIGHEST_A = 1e3, 1e4
AT_THEIR_WORD = 1e-6
"""V and A: recorded readings are compared with targets as the instrument compared them, so that
no more than their rounding is allowed for."""
READING_S = 0.1

RATINGS = Ratings(
    low_V=-HIGHEST_V,
    high_V=HIGHEST_V,
    max_current_A=HIGHEST_A,
    current_ranges=(RangeAccuracy(HIGHEST_A, 0.0, AT_THEIR_WORD),),
    voltage_ranges=(RangeAccuracy(HIGHEST_V, 0.0, AT_THEIR_WORD),),
    bounds=frozenset(),
    readback=True,
    safe_within_s=0.0,
    reading_time_s=READING_S,
)
"""A recording limits nothing: whoever recorded it kept what limits the instrument had."""


class NoSuchStep(Exception):
    """The recording has another step here than the one that was commanded, or none."""


AT_REST = Setpoint("rest")


@dataclass(slots=True)
class RecordedCell:
    """`place` counts the executions met; `met` is the one of the last command, `held` the one that
    follows it by itself."""

    executions: Sequence[Execution]
    place: int = 0
    met: Execution | None = None
    held: Execution | None = None
    looks: bool = True
    look_V: float = 0.0
    switched_s: float = 0.0
    setpoint: Setpoint = AT_REST

    @property
    def next(self) -> Execution | None:
        """The execution that comes next."""
        return self.executions[self.place] if self.place < len(self.executions) else None

    def look(self, time_s: float, sign: int, confirms: bool) -> None:
        """Show the cell at rest; `sign` is the direction of the step that comes, or was."""
        self.looks, self.setpoint, self.switched_s = True, AT_REST, time_s
        before = self.executions[self.place - 1] if self.place else None
        coming = self.next
        if coming is not None and coming.sign == 0:
            before = None
        elif confirms:
            coming = None
        seen = [] if before is None else [before.voltage_V[-1]]
        seen += [] if coming is None else [coming.voltage_V[0]]
        # loaded by a current, the cell looks nearer to the step's end than it is
        self.look_V = max(seen) if sign < 0 else min(seen)

    def apply(self, time_s: float, setpoint: Setpoint, sign: int) -> Execution:
        """Go on to the next execution, for a step in this direction. Raises NoSuchStep."""
        found = self.next
        if found is None:
            raise NoSuchStep("the recording has no step left for it")
        if found.sign != sign and (sign or setpoint.mode == "rest"):
            raise NoSuchStep(f"the protocol {_does(sign)}, the recording {_does(found.sign)}")
        self.place += 1
        self.met = found
        self.looks, self.setpoint, self.switched_s = False, setpoint, time_s
        self.held = self._held_behind(found)
        return found

    def go_over(self) -> Execution | None:
        """The engine takes the cell to be held from now on; the hold's execution, if it has one."""
        self.place += self.held is not None
        return self.held

    def read(self, time_s: float) -> Reading:
        """What was recorded at this time since the output was switched to the step."""
        if self.looks or self.met is None:
            return Reading(time_s, self.look_V, 0.0, "current")
        tau_s = time_s - self.switched_s
        if self.held is not None and tau_s > self.met.duration_s:
            voltage_V, current_A = self.held.at(tau_s - self.met.duration_s)
            return Reading(time_s, voltage_V, current_A, "voltage")
        voltage_V, current_A = self.met.at(tau_s)
        holds = self.held is None and self._seems_held(voltage_V, current_A)
        return Reading(time_s, voltage_V, current_A, "voltage" if holds else "current")

    def _held_behind(self, first: Execution) -> Execution | None:
        stop_V, after = self.setpoint.stop_voltage_V, self.next
        if not self.setpoint.hold_at_stop or stop_V is None or after is None:
            return None
        return after if after.sign == first.sign and after.holds(stop_V) else None

    def _seems_held(self, voltage_V: float, current_A: float) -> bool:
        stop_V = self.setpoint.stop_voltage_V
        if not self.setpoint.hold_at_stop or stop_V is None:
            return self.setpoint.mode == "voltage"
        fallen = abs(current_A) < HELD_CURRENT * abs(self.setpoint.current_A)
        return fallen and abs(voltage_V - stop_V) <= HELD_WITHIN_V


def _does(sign: int) -> str:
    return "charges" if sign > 0 else "discharges" if sign else "rests"
