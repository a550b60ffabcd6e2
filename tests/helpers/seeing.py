"""One rule of the detectors, fed with readings made up for it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from labctl_drivers.vocabulary import Reading, Regulation
from labctl_protocols.engine.detect.memory import Memory
from labctl_protocols.engine.detect.seen import Rule, Seen
from labctl_protocols.engine.ends import Sample
from labctl_protocols.engine.state import StepState

ERROR_V, ERROR_A = 3e-4, 2e-7
SIGMA_V = 0.4398 * ERROR_V
"""0.44 of the maker's limit: docs/decisions/0014-uncertainty.md."""


@dataclass
class Watcher:
    """A step of a cell at a constant current (or another step, by `more`), and its memory.

    1 cm², 1 mAh; errors ±0.3 mV and ±0.2 µA.
    """

    rule: Rule
    kind: Any = "half"
    set_A: float = -1e-3
    regulating: Regulation = "current"
    memory: Memory = field(default_factory=Memory)
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.begin(self.set_A)

    def begin(self, set_A: float, **more: Any) -> "Watcher":
        """Begin a step at this current."""
        sign = (set_A > 0) - (set_A < 0)
        step = StepState(0, "charge", self.memory.step_count + 1, sign, [], set_current_A=set_A)
        self.memory.begin_step(step.count)
        if sign:
            self.memory.sides[sign].steps += 1
        plates = {"half": -1, "anode-free": 1}.get(self.kind)
        fields: dict[str, Any] = {
            "kind": self.kind,
            "plates": plates,
            "area_cm2": 1.0,
            "full_As": 3.6,
            "low_V": -0.5 if self.kind in ("half", "symmetric") else 2.0,
            "group_class": "cycle",
            "step": step,
            "constant_A": set_A,
            "target_As": None,
            "half_As": 0.0,
            "main": True,
            "policies": {},
            "reading": Reading(0.0, 0.0, 0.0),
            "error_V": ERROR_V,
            "error_A": ERROR_A,
        }
        self.seen = Seen(**(fields | self.more | more))
        return self

    def see(self, t_s: float, voltage_V: float, current_A: float | None = None) -> str | None:
        """What the rule says of this reading."""
        seen = self.seen
        amps = seen.constant_A if current_A is None else current_A
        last = seen.reading
        before = None if last.voltage_range_V == 0.0 else last
        dt = 0.0 if before is None else t_s - before.time_s
        seen.earlier = seen.before
        seen.before = before and Sample(before.time_s, before.voltage_V, before.current_A)
        seen.reading = Reading(t_s, voltage_V, amps, self.regulating, 0.0, 1.05e-3, 2.1)
        seen.step.account.charge_As += amps * dt
        seen.flows = abs(amps) > 0.5 * abs(seen.constant_A) > 0.0
        return self.rule(seen, self.memory)

    def fires(self, readings: Iterable[tuple[float, ...]]) -> bool:
        """Whether the rule says anything of these readings: (t, V) or (t, V, A)."""
        return any([self.see(*reading) is not None for reading in readings])


def level(voltage_V: float, from_s: float = 0.0, to_s: float = 100.0, every_s: float = 1.0):
    """(t, V) at one voltage."""
    return [(from_s + n * every_s, voltage_V) for n in range(int((to_s - from_s) / every_s))]
