"""Parameters that users may set on a model: known names, ranges, defaults."""

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """A parameter's default and the closed range that it must lie in."""

    default: float
    low: float = 0.0
    high: float = math.inf


def chosen(model: str, known: Mapping[str, Known], given: Mapping[str, float]) -> dict[str, float]:
    """Every known parameter's value. Raises ValueError for an unknown name or a bad value."""
    for name, value in given.items():
        if name not in known:
            raise ValueError(
                f"the model {model} has no parameter {name!r}; it has {', '.join(sorted(known))}"
            )
        low, high = known[name].low, known[name].high
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(f"{name} = {value:g} is outside {low:g} … {high:g} (model {model})")
    return {name: float(given.get(name, entry.default)) for name, entry in known.items()}
