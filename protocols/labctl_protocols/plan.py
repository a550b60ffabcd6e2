"""A protocol bound to a cell and an instrument: what the checker makes and the engine walks.

Everything here is SI: A, V, s, K, and A·s and J inside expressions (`Ah` and `Wh` stand in names
where they are meant). Routines are expanded, areal units and C-rates resolved, loops are not
unrolled. A plan is a frozen value; where the run stands is the engine's state.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Value = float | bool | None
"""A number (coherent SI), a truth value, or None: *unknown*, a figure that does not exist yet."""

CellKind = Literal["half", "anode-free", "full", "symmetric", "cathode-half"]
GroupClass = Literal["conditioning", "formation", "supply", "cycle", "diagnostic"]
Verb = Literal["charge", "discharge", "plate", "strip"]
Control = Literal["current", "power", "resistance"]
Policy = Literal["ignore", "flag", "stop"]
LEDGER = frozenset({"deposit", "lost", "supplied", "inventory"})
"""The charges of the metal ledger, which are only as true as the instrument."""
MAIN = "main"
"""The terminal that a step without `terminal` drives."""


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file, counted from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Names(Protocol):
    """What an expression may ask while the run goes on; None is *unknown*."""

    def live(self, name: str) -> Value:
        """`voltage current power capacity energy time temperature elapsed cycle ce retention
        deposit lost supplied inventory nominal aux.<name>` in coherent SI (charges in A·s);
        a loop counter or a `for` value by its name (`k`, `$rate`)."""

    def ended(self) -> str | None:
        """The word of what ended the last step."""

    def last(self, label: str, figure: str) -> Value:
        """A figure of the last step or group with this label."""

    def slope(self, name: str, window_s: float) -> Value:
        """Least-squares slope of a live name over the window; unknown until it is full."""

    def doubtful(self) -> Sequence["Names"]:
        """The same names with the metal ledger's charges at either end of their uncertainty."""

    def held(self, guard: int, now: Value, seconds: float | None, cycles: float | None) -> Value:
        """Whether a comparison, which is `now` true, has been true that long without a break."""


class Expression(Protocol):
    """A compiled expression."""

    @property
    def text(self) -> str:
        """How the user wrote it, parameters filled in, for the journal."""

    def evaluate(self, names: Names) -> Value:
        """Its value now; None when something in it is unknown."""


@dataclass(frozen=True, slots=True)
class HeldFor:
    """`for 30 s` or `for 3 cycles` behind a bare target; `guard` is unique in the plan."""

    guard: int
    seconds: float | None
    cycles: float | None


@dataclass(frozen=True, slots=True)
class End:
    """One member of the top-level `or` of an `until`.

    For `voltage current charge time` the expression is the bare target (V, A, A·s, s), frozen
    when the step begins; for `condition` it is a truth value, live. `word` is what `ended`
    becomes when this end fires.
    """

    kind: Literal["voltage", "current", "charge", "time", "condition"]
    expression: Expression
    word: str
    text: str
    held: HeldFor | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What must never be crossed; None where nobody set one. `current_A` is a magnitude."""

    low_V: float | None = None
    high_V: float | None = None
    current_A: float | None = None
    temperature_high_K: float | None = None
    temperature_low_K: float | None = None


def narrowed(one: Limits, other: Limits) -> Limits:
    """What both sets of limits allow."""

    def lower(a: float | None, b: float | None) -> float | None:
        return min((x for x in (a, b) if x is not None), default=None)

    def higher(a: float | None, b: float | None) -> float | None:
        return max((x for x in (a, b) if x is not None), default=None)

    return Limits(
        low_V=higher(one.low_V, other.low_V),
        high_V=lower(one.high_V, other.high_V),
        current_A=lower(one.current_A, other.current_A),
        temperature_high_K=lower(one.temperature_high_K, other.temperature_high_K),
        temperature_low_K=higher(one.temperature_low_K, other.temperature_low_K),
    )


def limits_temperature(limits: Limits) -> bool:
    """Whether there is a limit on the temperature."""
    return (limits.temperature_low_K, limits.temperature_high_K) != (None, None)


@dataclass(frozen=True, slots=True)
class Record:
    """Which readings become rows, beside every step's first and last."""

    every_s: float | None = None
    change_V: float | None = None
    change_A: float | None = None
    all: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What all nodes of a plan share.

    `id` numbers the nodes of the plan in file order from 0; `path` names the place for people and
    for BDF's `Step ID`: labels and verbs with their 1-based positions, as `reservoir.2.strip`.
    """

    id: int
    path: str
    where: Where
    text: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Timed(Step):
    """What steps that pass time share; what is None or missing here is as around the step.

    `terminal` is the role of the two electrodes that it drives; no other terminal is connected
    meanwhile.
    """

    until: tuple[End, ...] = ()
    record: Record | None = None
    limits: Limits | None = None
    terminal: str = MAIN
    detectors: Mapping[str, Policy] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hold(Timed):
    """Constant voltage until an end; also the second part of CC-CV (`then hold`).

    In a `then hold` the voltage is None: it is the target that ended the first part.
    """

    voltage: Expression | None = None


@dataclass(frozen=True, slots=True)
class Drive(Timed):
    """Constant current, power or resistance until an end; `at` in A, W or ohm, above zero.

    `sign` is +1 where the verb charges the cell as wired.
    """

    verb: Verb = "charge"
    sign: Literal[1, -1] = 1
    control: Control = "current"
    at: Expression | None = None
    then_hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Rest(Timed):
    """No current, voltage read, until an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep(Timed):
    """A staircase of voltages from `start` through the `corners`, `cycles` times over.

    `rate_V_s` and `step_V` are above zero. It ends at the last corner, if no end comes before.
    """

    start: Expression
    corners: tuple[Expression, ...]
    rate_V_s: float
    step_V: float
    cycles: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Impedance(Timed):
    """An impedance spectrum about the present state, from high to low frequency.

    One of the amplitudes is set (peak). Only instruments that declare it can run it.
    """

    from_Hz: float
    to_Hz: float
    points_per_decade: int
    amplitude_V: float | None = None
    amplitude_A: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Step):
    """A question to the operator, with the output off; nobody answering within the timeout ends
    the run."""

    question: str
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Set(Step):
    """An auxiliary's new set value (coherent SI)."""

    name: str
    value: Expression


@dataclass(frozen=True, slots=True)
class Mark(Step):
    """A remark in the journal."""

    remark: str = ""


@dataclass(frozen=True, slots=True)
class Stop(Step):
    """Ends the run as completed."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit(Step):
    """Leaves the innermost loop when the condition is true."""

    condition: Expression


@dataclass(frozen=True, slots=True)
class Group(Step):
    """Named steps with a class, figures of their own and, perhaps, narrower limits."""

    group_class: GroupClass = "cycle"
    pair: Literal["each", "total"] = "each"
    limits: Limits | None = None
    steps: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class Repeat(Step):
    """A loop of `times` rounds (frozen on entry), left early when `until` holds after a round."""

    times: Expression | None = None
    counter: str | None = None
    until: Expression | None = None
    steps: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class For(Step):
    """A loop over values; the name stands as `$name` in the body."""

    name: str = ""
    values: tuple[Expression, ...] = ()
    steps: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class If(Step):
    """A branch; an unknown condition takes the `else`, and the journal says so."""

    condition: Expression
    then: tuple["Node", ...] = ()
    otherwise: tuple["Node", ...] = ()


TimedNode = Drive | Rest | Hold | Sweep | Impedance
Node = TimedNode | Ask | Set | Mark | Stop | Exit | Group | Repeat | For | If


def every(nodes: tuple[Node, ...]) -> Iterator[Node]:
    """These nodes and all inside them, in file order; a `then hold` is a part of its drive."""
    for node in nodes:
        yield node
        if isinstance(node, If):
            yield from every(node.then)
            yield from every(node.otherwise)
        elif isinstance(node, Group | Repeat | For):
            yield from every(node.steps)


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole run, ready to be walked.

    `limits` is the intersection of instrument, cell and protocol, so all of its voltages and its
    current are set. `plate_sign` is the current's sign that plates metal on the collector (None
    in symmetric and cathode-half cells); `charge_plates` says whether plain charge and discharge
    count in the metal ledger (anode-free full cells). Charges are in Ah. `terminals` gives each
    role's electrodes, positive first; `detectors` every detector's policy. `preplated_Ah` is metal
    that lies on the collector from the start: in half cells `deposit` begins with it; in full cells
    it is a part of `inventory_Ah` only, for no discharge there says that the collector is bare.
    `auxiliaries` are those that have to be there: what the protocol sets or asks for, and
    `temperature`, the one that measures the cell.
    """

    name: str
    title: str
    kind: CellKind
    metal: str | None
    area_cm2: float | None
    nominal_Ah: float | None
    inventory_Ah: float | None
    plate_sign: Literal[1, -1] | None
    charge_plates: bool
    first: Literal["plate", "charge", "discharge"]
    limits: Limits
    start_V: tuple[float, float] | None
    record: Record
    reference: str | None
    parameters: Mapping[str, str]
    steps: tuple[Node, ...]
    terminals: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    detectors: Mapping[str, Policy] = field(default_factory=dict)
    preplated_Ah: float = 0.0
    auxiliaries: tuple[str, ...] = ()
    temperature: str | None = None
