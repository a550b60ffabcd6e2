"""The words of values and conditions: live names, figures, functions, and what each means."""

from collections.abc import Mapping

from labctl_protocols.quantities import DIMENSION_WORDS, UNITS, Dimensions

LIVE: Mapping[str, str] = {
    "voltage": "the cell's voltage now",
    "current": "the current now, positive where it charges the cell as wired",
    "power": "voltage times current now",
    "capacity": "the charge that has passed in this step",
    "energy": "the energy that has passed in this step",
    "time": "the time since this step began",
    "temperature": "the cell's temperature, where the bench measures it",
    "elapsed": "the time since the run began",
    "cycle": "the number of the cycle, from 1",
    "ce": "Coulombic efficiency of the last cycle (`99 %` is 0.99)",
    "retention": "second half of the last cycle over that of the reference",
    "deposit": "plated − stripped since the collector was last stripped bare",
    "lost": "what did not come back, cumulated over the run",
    "supplied": "metal that came through another electrode, cumulated",
    "inventory": "the record's inventory − lost + supplied",
    "nominal": "the record's `capacity`",
}
FIGURES: Mapping[str, str] = {
    "capacity": "charge of the step; second charge of the group",
    "energy": "energy that passed in the step",
    "time": "how long the step took",
    "voltage": "the voltage at its end",
    "current": "the current at its end",
    "ce": "the group's Coulombic efficiency",
}
FUNCTIONS: Mapping[str, str] = {
    "abs": "magnitude of one value",
    "min": "least of two or more values",
    "max": "greatest of two or more values",
}
WORDS: Mapping[str, str] = {
    "until": "what ends a step stands behind it",
    "then": "`then hold` goes over to a constant voltage",
    "hold": "behind `then`",
    "or": "one of several ends, or either condition",
    "and": "both conditions",
    "not": "turns a condition round",
    "for": "a comparison must have held so long: `for 30 s`, `for 3 cycles`",
    "of": "a percentage of a charge: `80 % of nominal`",
    "over": "the window of a slope: `dV/dt over 10 min`",
    "as": "names a loop's counter: `repeat: 5 as k`",
    "every": "the recording rule: `every 10 s or 5 mV`",
}


def units_by_dimension() -> dict[str, list[str]]:
    """The closed list of units, by what they measure."""
    found: dict[str, list[str]] = {}
    for text, unit in UNITS.items():
        found.setdefault(_word(unit.dimensions), []).append(text)
    return found


def _word(dimensions: Dimensions) -> str:
    return DIMENSION_WORDS[dimensions]
