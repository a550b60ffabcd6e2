"""What the detectors remember: small plain data within the run's state, always bounded."""

from dataclasses import dataclass, field
from statistics import median

MOST_POINTS = 32
MOST_TRENDS = 8


@dataclass(slots=True)
class Holding:
    """For how many readings in a row, and since when, a condition has held."""

    count: int
    since_s: float


@dataclass(slots=True)
class Course:
    """Voltage over a step's charge (A·s), or a rest's time (s), thinned to a bounded length."""

    points: list[tuple[float, float]] = field(default_factory=list)
    spacing: float = 0.0

    def put(self, where: float, voltage_V: float) -> None:
        """Keep the point if it lies far enough from the last that was kept."""
        points = self.points
        if points and where - points[-1][0] < self.spacing:
            return
        points.append((where, voltage_V))
        if len(points) > MOST_POINTS:
            self.points = points[::2]
            self.spacing = 1.5 * (points[-1][0] - points[0][0]) / MOST_POINTS

    def between(self, low: float, high: float) -> list[tuple[float, float]]:
        """The points between two shares of its whole length."""
        if not self.points:
            return []
        end = self.points[-1][0]
        return [point for point in self.points if low * end <= point[0] <= high * end]


@dataclass(slots=True)
class Noise:
    """A window of the voltage's noise: what three readings in a row say of the middle one."""

    since_s: float | None = None
    residual_V: float | None = None
    share: float = 0.0
    count: int = 0
    sum_V2: float = 0.0
    weight: float = 0.0
    loud: int = 0


@dataclass(slots=True)
class Side:
    """One direction of the current: its driven steps, its usual noise, its last plateau."""

    steps: int = 0
    quiet_A: float = 0.0
    quiet_windows: int = 0
    quiet_V2: float = 0.0
    plateau_V: float | None = None
    plateau_A: float = 0.0


@dataclass(slots=True)
class Trend:
    """A figure from cycle to cycle: its first and its last values, and how long it has been off."""

    first: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    fallen: int = 0
    grown: int = 0

    def usual(self, value: float, keep: int = 5) -> None:
        """Enter a value that is as it should be."""
        if len(self.first) < keep:
            self.first.append(value)
        self.last = [*self.last[1 - keep :], value]

    def first_median(self, least: int) -> float | None:
        """The median of the first values once there are so many."""
        return median(self.first) if len(self.first) >= least else None

    def last_median(self, least: int) -> float | None:
        """The median of the last values once there are so many."""
        return median(self.last) if len(self.last) >= least else None


@dataclass(slots=True)
class Repeats:
    """How often the instrument repeated a current to the last digit, and how often it now does."""

    range_A: float = 0.0
    same: float = 0.0
    other: float = 0.0
    current_run: int = 0
    pair_run: int = 0


@dataclass(slots=True)
class Told:
    """When a detector was last told of: the cycle, and the last reading on which it still held."""

    cycle: int
    until_s: float


@dataclass(slots=True)
class Memory:
    """All that the detectors remember; what lies before `sides` belongs to the step `step_count`.

    `fallen_from_V` is the polarisation before a sudden drop that the next reading must confirm.
    `recipe` says how the last charge was driven, `returned_As` what came back of it; `deposit_As`
    is the metal that cycle `deposit_cycle` found on the collector.
    """

    step_count: int = -1
    holding: dict[str, Holding] = field(default_factory=dict)
    course: Course = field(default_factory=Course)
    noise: Noise = field(default_factory=Noise)
    fallen_from_V: float | None = None
    jump_from_V: float = 0.0
    wire_V: float = 0.0
    sides: dict[int, Side] = field(default_factory=lambda: {1: Side(), -1: Side()})
    trends: dict[str, Trend] = field(default_factory=dict)
    rests: dict[str, Trend] = field(default_factory=dict)
    repeats: Repeats = field(default_factory=Repeats)
    gap_V: float | None = None
    recipe: str = ""
    returned_recipe: str = ""
    returned_As: float = 0.0
    last_set_A: float = 0.0
    last_V: float = 0.0
    last_A: float = 0.0
    last_node: int | None = None
    short_of_cut_off: bool = False
    cut_short: bool = False
    deposit_As: float = 0.0
    deposit_cycle: int = 0
    running: dict[str, int] = field(default_factory=dict)
    told: dict[str, Told] = field(default_factory=dict)
    flags: dict[int, list[str]] = field(default_factory=dict)

    def begin_step(self, step_count: int) -> None:
        """Forget what belongs to the step before."""
        self.step_count = step_count
        self.holding = {}
        self.course = Course()
        self.noise = Noise()
        self.fallen_from_V = None
        self.repeats.current_run = self.repeats.pair_run = 0

    def held(self, name: str, condition: bool, now_s: float) -> Holding | None:
        """How long a condition has held by now; None when it does not hold."""
        if not condition:
            if self.holding:
                self.holding.pop(name, None)
            return None
        holding = self.holding.get(name)
        if holding is None:
            holding = self.holding[name] = Holding(0, now_s)
        holding.count += 1
        return holding

    def cycles_running(self, name: str, condition: bool) -> int:
        """For how many cycles in a row a condition has held."""
        self.running[name] = self.running.get(name, 0) + 1 if condition else 0
        return self.running[name]


def trend_of(trends: dict[str, Trend], key: str) -> Trend:
    """The trend of this key; the one that began first gives way when there are too many."""
    found = trends.get(key)
    if found is None:
        if len(trends) >= MOST_TRENDS:
            del trends[next(iter(trends))]
        found = trends[key] = Trend()
    return found
