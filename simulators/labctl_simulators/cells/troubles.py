"""What goes wrong with a cell while it is tested: shorts, a lost contact, what rises suddenly."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, floor, inf
from random import Random
from typing import NamedTuple, Self

from labctl_simulators.cells.parameters import Known

NEVER = inf
FLICKER_S = 5.0
FLICKERS = 1024
EDGE_S = 1e-6
UNSAID = -1.0

TROUBLES = {
    "soft_short_S": Known(0.0, 0.0, 10.0),
    "soft_short_noise": Known(0.0, 0.0, 3.0),
    "soft_short_at_h": Known(-1.0, -1.0),
    "soft_short_at_mAh_cm2": Known(-1.0, -1.0),
    "soft_short_for_h": Known(-1.0, -1.0),
    "hard_short_S": Known(10.0, 0.1, 1e4),
    "hard_short_at_h": Known(-1.0, -1.0),
    "hard_short_at_mAh_cm2": Known(-1.0, -1.0),
    "contact_lost_at_h": Known(-1.0, -1.0),
    "contact_lost_for_h": Known(-1.0, -1.0),
    "resistance_jump_ohm_cm2": Known(0.0, 0.0, 1e7),
    "resistance_jump_at_h": Known(-1.0, -1.0),
    "fast_self_discharge_per_h": Known(0.0, 0.0, 1e3),
    "fast_self_discharge_at_h": Known(-1.0, -1.0),
}
"""A time or charge of -1 is never, and -1 as a duration is for ever."""
NEEDS = (
    ("soft_short_noise", "soft_short_S"),
    ("soft_short_at_h", "soft_short_S"),
    ("soft_short_at_mAh_cm2", "soft_short_S"),
    ("soft_short_for_h", "soft_short_S"),
    ("contact_lost_for_h", "contact_lost_at_h"),
    ("resistance_jump_ohm_cm2", "resistance_jump_at_h"),
    ("resistance_jump_at_h", "resistance_jump_ohm_cm2"),
    ("fast_self_discharge_per_h", "fast_self_discharge_at_h"),
    ("fast_self_discharge_at_h", "fast_self_discharge_per_h"),
)
"""What would do nothing without the other."""


class Effects(NamedTuple):
    """What troubles come to: beside the cell, before it, its leads, the metal on its collector."""

    conductance_S: float
    resistance_ohm: float
    is_open: bool
    self_discharge_per_h: float


class When(NamedTuple):
    """From an age or from a plated charge on, whichever comes first, for a while."""

    from_s: float = NEVER
    from_plated_Ah: float = NEVER
    for_s: float = NEVER


@dataclass(frozen=True, slots=True)
class Trouble:
    """One of them. A conductance flickers: its logarithm, of width `noise`, changes every 5 s."""

    when: When
    conductance_S: float = 0.0
    noise: float = 0.0
    resistance_ohm: float = 0.0
    is_open: bool = False
    self_discharge_per_h: float = 0.0


class Course:
    """Troubles in the course of time; remembers when those that a plated charge brings began."""

    __slots__ = ("_draws", "_onsets_s", "_troubles")

    def __init__(self, troubles: tuple[Trouble, ...], seed: int) -> None:
        dice = Random(f"flicker {seed}")
        self._draws = tuple(dice.gauss(0.0, 1.0) for _ in range(FLICKERS))
        self._troubles = troubles
        self._onsets_s = [trouble.when.from_s for trouble in troubles]

    def __deepcopy__(self, memo: object) -> Self:
        new = object.__new__(type(self))
        new._draws = self._draws
        new._troubles = self._troubles
        new._onsets_s = self._onsets_s.copy()
        return new

    def effects(self, age_s: float, plated_Ah: float) -> Effects:
        """What there is at this age; notes the onset of what this plated charge brings."""
        conductance_S = resistance_ohm = discharge_per_h = 0.0
        is_open = False
        for index, trouble in enumerate(self._troubles):
            if self._onsets_s[index] > age_s and plated_Ah >= trouble.when.from_plated_Ah:
                self._onsets_s[index] = age_s
            if not self._is_there(index, age_s):
                continue
            conductance_S += trouble.conductance_S * exp(trouble.noise * self._draw(age_s))
            resistance_ohm += trouble.resistance_ohm
            is_open = is_open or trouble.is_open
            discharge_per_h += trouble.self_discharge_per_h
        return Effects(conductance_S, resistance_ohm, is_open, discharge_per_h)

    def next_edge_s(self, age_s: float) -> float:
        """Until the next one comes, goes or flickers by age; never zero."""
        nearest_s = NEVER
        for index, trouble in enumerate(self._troubles):
            onset_s = self._onsets_s[index]
            for edge_s in (onset_s, onset_s + trouble.when.for_s):
                if edge_s > age_s:
                    nearest_s = min(nearest_s, edge_s - age_s)
            if trouble.noise > 0.0 and self._is_there(index, age_s):
                nearest_s = min(nearest_s, (_flicker(age_s) + 1) * FLICKER_S - age_s)
        return max(nearest_s, EDGE_S)

    def _is_there(self, index: int, age_s: float) -> bool:
        onset_s = self._onsets_s[index]
        return onset_s <= age_s < onset_s + self._troubles[index].when.for_s

    def _draw(self, age_s: float) -> float:
        return self._draws[_flicker(age_s) % FLICKERS]


def _flicker(age_s: float) -> int:
    return floor((age_s + EDGE_S) / FLICKER_S)


def troubles_of(values: Mapping[str, float], area_cm2: float) -> tuple[Trouble, ...]:
    """What the parameters ask for. Raises ValueError for one that does nothing by itself."""
    for name, other in NEEDS:
        if values[name] != TROUBLES[name].default and values[other] == TROUBLES[other].default:
            raise ValueError(f"{name} does nothing without {other}")

    def when(name: str) -> When:
        charge_mAh_cm2 = values.get(f"{name}_at_mAh_cm2", UNSAID)
        return When(
            from_s=_seconds(values[f"{name}_at_h"]),
            from_plated_Ah=NEVER if charge_mAh_cm2 < 0.0 else charge_mAh_cm2 * area_cm2 * 1e-3,
            for_s=_seconds(values.get(f"{name}_for_h", UNSAID)),
        )

    soft = when("soft_short")
    if soft.from_s == soft.from_plated_Ah == NEVER:
        soft = soft._replace(from_s=0.0)
    jump_ohm = values["resistance_jump_ohm_cm2"] / area_cm2
    faster_per_h = values["fast_self_discharge_per_h"]
    candidates = (
        Trouble(soft, conductance_S=values["soft_short_S"], noise=values["soft_short_noise"]),
        Trouble(when("hard_short"), conductance_S=values["hard_short_S"]),
        Trouble(when("contact_lost"), is_open=True),
        Trouble(when("resistance_jump"), resistance_ohm=jump_ohm),
        Trouble(when("fast_self_discharge"), self_discharge_per_h=faster_per_h),
    )
    return tuple(each for each in candidates if _matters(each))


def _matters(trouble: Trouble) -> bool:
    sizes = trouble.conductance_S, trouble.resistance_ohm, trouble.self_discharge_per_h
    comes = min(trouble.when.from_s, trouble.when.from_plated_Ah) < NEVER
    return comes and (any(sizes) or trouble.is_open)


def _seconds(hours: float) -> float:
    return hours * 3600.0 if hours >= 0.0 else NEVER
