"""What the rules are shown: the running step in its circumstances, and the reading of now."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from labctl_drivers.vocabulary import Reading
from labctl_protocols.engine.account import LIMIT_TO_STANDARD
from labctl_protocols.engine.detect.memory import Memory
from labctl_protocols.engine.ends import Sample
from labctl_protocols.engine.state import StepState
from labctl_protocols.plan import CellKind, GroupClass, Policy


@dataclass(slots=True)
class Seen:
    """One step, and its latest reading, which changes.

    `constant_A` is the current that is to be held, 0 where none is; `flows`: the cell takes at
    least half of it. `half_As` passed in the half cycle before the step began. `before` and
    `earlier` are the readings before this one; the errors are the maker's limits.
    """

    kind: CellKind
    plates: int | None
    area_cm2: float | None
    full_As: float | None
    low_V: float | None
    group_class: GroupClass
    step: StepState
    constant_A: float
    target_As: float | None
    half_As: float
    main: bool
    policies: Mapping[str, Policy]
    reading: Reading
    rules: "tuple[tuple[str, Rule], ...]" = ()
    earlier: Sample | None = None
    before: Sample | None = None
    error_V: float = 0.0
    error_A: float = 0.0
    flows: bool = False

    @property
    def metals(self) -> bool:
        """Metal faces metal once there is any: without a current, no voltage."""
        return self.kind in ("half", "symmetric")

    @property
    def now_s(self) -> float:
        """When the reading was taken."""
        return self.reading.time_s

    @property
    def age_s(self) -> float:
        """Since the step began."""
        return self.reading.time_s - self.step.started_s

    @property
    def passed_As(self) -> float:
        """Charge of the step in its direction."""
        return abs(self.step.account.charge_As)

    @property
    def polarised_V(self) -> float:
        """Voltage in the direction of the current."""
        return self.step.sign * self.reading.voltage_V

    @property
    def sigma_V(self) -> float:
        """Standard uncertainty of the voltage."""
        return LIMIT_TO_STANDARD * self.error_V

    @property
    def plating(self) -> bool:
        """Metal goes onto the collector; in cells without one, the cell is charged."""
        return self.step.sign == (self.plates or 1)


Rule = Callable[[Seen, Memory], str | None]
