"""What the engine hears and what it answers: the types that cross its border, all plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from labctl_drivers.vocabulary import Excitation, Guard, ImpedancePoint, Reading, Setpoint
from labctl_protocols.plan import MAIN, Plan

Outcome = Literal["completed", "stopped", "limit", "detector", "fault", "error", "lost"]


@dataclass(frozen=True, slots=True)
class Applied:
    """The output has changed to what was commanded; it holds from `time_s` on.

    `time_error_s` is by how much that moment may be another.
    """

    time_s: float
    time_error_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Safed:
    """The output is off, read back."""

    time_s: float


@dataclass(frozen=True, slots=True)
class Unsafe:
    """The output could not be switched off, or nobody could say that it is off."""

    time_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Stopping:
    """Somebody or something outside wants the run to end: the operator, a fault, a bug.

    `data` is told with a fault: `error`, its name, and what else there is to say.
    """

    time_s: float
    outcome: Outcome
    reason: str
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operator:
    """What the operator asked of the running run: go on, pause, or end this step; `by` whom."""

    time_s: float
    word: Literal["continue", "pause", "skip"]
    by: str = ""


@dataclass(frozen=True, slots=True)
class Waited:
    """The time to wake has come, and nothing is connected that could be read."""

    time_s: float


@dataclass(frozen=True, slots=True)
class Revision:
    """The operator amends the running run: from now on it is to follow this plan.

    `data` is told with the event: the protocol's text, its hash, its parameters.
    """

    time_s: float
    plan: Plan
    by: str
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuxRead:
    """Auxiliaries were read: their values (K) by name, None where nothing could be measured."""

    time_s: float
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class AuxSet:
    """An auxiliary has taken a set value; `value` is the one read back (K)."""

    time_s: float
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Measured:
    """The spectrum that was commanded is whole; its points were heard before. The output is off."""

    time_s: float


Heard = (
    Reading
    | Applied
    | Safed
    | Unsafe
    | Stopping
    | Operator
    | Revision
    | Waited
    | ImpedancePoint
    | Measured
    | AuxRead
    | AuxSet
)


@dataclass(frozen=True, slots=True)
class Apply:
    """Command: program the guard, then drive so."""

    setpoint: Setpoint
    guard: Guard
    terminal: str = MAIN


@dataclass(frozen=True, slots=True)
class Safe:
    """Command: output off, read back, of this terminal; of all where it is None."""

    terminal: str | None = None


@dataclass(frozen=True, slots=True)
class SetAux:
    """Command: set this auxiliary to this value (K)."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Measure:
    """Command: program the guard, then measure this spectrum, tell its points, switch off."""

    excitation: Excitation
    guard: Guard
    terminal: str = MAIN


Command = Apply | Safe | Measure | SetAux


@dataclass(frozen=True, slots=True)
class Row:
    """A reading that is recorded. Counters are since the run began and never reset.

    `t_s` is test time. `step_count` numbers step executions from 1; `step_id` is the plan's path.
    """

    t_s: float
    voltage_V: float
    current_A: float
    step_count: int
    step_id: str
    step_type: str
    step_time_s: float
    cycle: int
    charging_Ah: float
    discharging_Ah: float
    charging_Wh: float
    discharging_Wh: float
    set_current_A: float | None
    set_voltage_V: float | None
    regulating: str
    current_range_A: float
    quality: str
    terminal: str = MAIN
    temperature_K: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something decided or noticed, for the journal and its followers; `data` is plain JSON.

    Kinds: run_started step_started step_resumed step_ended group_entered group_left half cycle
    mark ask impedance set auxiliaries limit detector fault operator revision note output
    run_ended.
    """

    t_s: float
    kind: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """What follows from what was heard. `wake_at` None: the next thing to come is an answer to
    the commands; otherwise read the cell at that time. `waits`: nothing is connected; say `Waited`
    at `wake_at` (never, if None) unless the operator speaks before. `boundary`: commit the journal
    now."""

    commands: tuple[Command, ...] = ()
    rows: tuple[Row, ...] = ()
    events: tuple[Event, ...] = ()
    wake_at: float | None = None
    boundary: bool = False
    waits: bool = False
    ended: Outcome | None = None
    reason: str = ""
