"""What a file of this package offers: a picture, or the reason why there is none."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure for one column; `name` is also part of its files' names."""

    name: str
    title: str
    caption: str
    draw: Callable[[Figure], None]
    height_cm: float = 6.5


@dataclass(frozen=True, slots=True)
class Missing:
    """A figure that this run does not give, and why."""

    name: str
    title: str
    reason: str
