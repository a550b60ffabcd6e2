"""Where a run stands: one small value of plain data that serialises to JSON and back."""

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Literal

from labctl_drivers.vocabulary import Reading
from labctl_protocols.decisions import Row
from labctl_protocols.engine.account import Account
from labctl_protocols.engine.cycles import Cycles
from labctl_protocols.engine.detect.memory import Memory
from labctl_protocols.engine.ends import Sample
from labctl_protocols.engine.ledger import MetalLedger
from labctl_protocols.engine.sampling import LastRow
from labctl_protocols.engine.walk import Frame
from labctl_protocols.plan import MAIN, Plan

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Phase = Literal[
    "start",
    "switching",
    "open_circuit",
    "beginning",
    "running",
    "adjusting",
    "measuring",
    "confirming",
    "opening",
    "setting",
    "asking",
    "paused",
    "safing",
    "over",
]
StepType = Literal[
    "rest", "hold", "then_hold", "charge", "discharge", "plate", "strip", "sweep", "impedance"
]


@dataclass(slots=True)
class StepState:
    """The step now executing; `sign` is 0 where no direction is commanded.

    `metal` and `supply` are the current's sign that plates the collector and that brings metal
    from another electrode, 0 where its charge does not count so. `begun` once its output has held;
    `elapsed_s` is what had passed when it was last paused, `whole` False once it was; `skip`: it
    ends with the next reading; `stale`: its output does not yet know of a revision.
    `control_value` is its power or resistance, `corners` a sweep's voltages, its start first.
    """

    node: int
    type: StepType
    count: int
    sign: int
    targets: list[float | None]
    metal: int = 0
    supply: int = 0
    started_s: float = 0.0
    begun: bool = False
    elapsed_s: float = 0.0
    whole: bool = True
    skip: bool = False
    stale: bool = False
    control_value: float = 0.0
    corners: list[float] = field(default_factory=list)
    set_current_A: float | None = None
    set_voltage_V: float | None = None
    account: Account = field(default_factory=Account)


@dataclass(slots=True)
class Output:
    """What the instrument has been told: since when, and whether it drives the cell.

    `since_error_s`: by how much that moment may be another, as it counts in a ratio of halves.
    `unrecorded`: the last reading, where it did not become a row.
    """

    since_s: float = 0.0
    since_error_s: float = 0.0
    driven: bool = False
    earlier: Sample | None = None
    before: Sample | None = None
    now: Sample | None = None
    range_A: float = 0.0
    unrecorded: Reading | None = None


@dataclass(slots=True)
class Totals:
    """Counters since the run began, by direction; they never reset."""

    charging_As: float = 0.0
    discharging_As: float = 0.0
    charging_J: float = 0.0
    discharging_J: float = 0.0


@dataclass(slots=True)
class Guarded:
    """Since when a guarded comparison has held, and whether it belongs to the running step."""

    since_s: float
    since_cycles: int
    in_step: bool


@dataclass(slots=True)
class Probed:
    """An auxiliary's newest value (K), and the one that the journal was told last."""

    time_s: float
    value: float
    told: float | None = None


@dataclass(slots=True)
class RunState:
    """Everything the engine needs to go on, beside the plan and the instrument's ratings.

    `phase` is `beginning` while a step's output is commanded and not yet confirmed; `awaiting`
    says so of any command. `open_circuit_V` is the cell's voltage at rest if nothing has driven it
    since; `last_sign` the direction of the last drive, 0 where the cell must be looked at first.
    `terminal` is the one that is connected or, while `off`, was last; `pending` the node that waits
    for the operator or for another terminal, `paused` the phase that goes on after a pause,
    `pause_asked`: one comes with the next reading;
    `tripped` the limit that ended a step with hardly any current, until the cell has been seen.
    `auxiliaries` are those that were measured; `setting` the value (K) that one of them is to take.
    """

    started_s: float
    now_s: float
    ledger: MetalLedger
    cycles: Cycles
    phase: Phase = "start"
    awaiting: bool = False
    frames: list[Frame] = field(default_factory=list)
    step: StepState | None = None
    step_count: int = 0
    output: Output = field(default_factory=Output)
    totals: Totals = field(default_factory=Totals)
    ended: str | None = None
    lasts: dict[str, dict[str, float | None]] = field(default_factory=dict)
    guarded: dict[int, Guarded] = field(default_factory=dict)
    trail: list[tuple[float, float]] = field(default_factory=list)
    trail_s: float = 0.0
    last_row: LastRow | None = None
    passed_s: float = 0.0
    open_circuit_V: float | None = None
    last_sign: int = 0
    terminal: str = MAIN
    off: bool = True
    pending: int | None = None
    deadline_s: float | None = None
    paused: Phase | None = None
    pause_asked: bool = False
    before_pause: Sample | None = None
    tripped: dict[str, str | float] | None = None
    detect: Memory = field(default_factory=Memory)
    auxiliaries: dict[str, Probed] = field(default_factory=dict)
    setting: float | None = None


def fresh_state(plan: Plan) -> RunState:
    """The state of a run that has not begun."""
    nominal = None if plan.nominal_Ah is None else plan.nominal_Ah * 3600.0
    inventory = None if plan.inventory_Ah is None else plan.inventory_Ah * 3600.0
    on_collector = plan.preplated_Ah * 3600.0 if plan.kind == "half" else 0.0
    first_sign: int | None = plan.plate_sign if plan.first == "plate" else None
    if first_sign is None and plan.kind != "symmetric":
        first_sign = 1 if plan.first == "charge" else -1
    return RunState(
        started_s=0.0,
        now_s=0.0,
        ledger=MetalLedger(nominal, inventory, Account(charge_As=on_collector)),
        cycles=Cycles(first_sign, plan.reference, has_ce=plan.kind != "symmetric"),
    )


RESUMED = "resumed"
"""The quality of a step's first row after a pause."""


def row_of(
    state: RunState,
    step: StepState,
    step_id: str,
    reading: Reading,
    temperature_K: float | None,
) -> Row:
    """A reading of this step as the row that is recorded."""
    resumed = step.elapsed_s > 0.0 and state.last_row is None
    totals = state.totals
    return Row(
        t_s=reading.time_s - state.started_s,
        voltage_V=reading.voltage_V,
        current_A=reading.current_A,
        step_count=step.count,
        step_id=step_id,
        step_type=step.type,
        step_time_s=reading.time_s - step.started_s,
        cycle=state.cycles.number,
        charging_Ah=totals.charging_As / 3600.0,
        discharging_Ah=totals.discharging_As / 3600.0,
        charging_Wh=totals.charging_J / 3600.0,
        discharging_Wh=totals.discharging_J / 3600.0,
        set_current_A=step.set_current_A,
        set_voltage_V=step.set_voltage_V,
        regulating=reading.regulating,
        current_range_A=reading.current_range_A,
        quality=RESUMED if resumed else "ok",
        terminal=state.terminal,
        temperature_K=temperature_K,
    )


def to_json(state: RunState) -> str:
    """The state as JSON; `from_json` gives an equal one back."""
    return _adapter().dump_json(state).decode()


def from_json(text: str) -> RunState:
    """The state back from JSON. Raises pydantic.ValidationError for anything else."""
    return _adapter().validate_json(text)


@cache
def _adapter() -> "TypeAdapter[RunState]":
    from pydantic import TypeAdapter  # takes a fifth of a second; `labctl --help` needs none

    return TypeAdapter(RunState)
