"""The way of a sweep: from corner to corner, by voltage travelled."""

from collections.abc import Sequence
from itertools import pairwise


def way_of(start_V: float, corners_V: Sequence[float], cycles: int) -> list[float]:
    """All corners in their order, the start first."""
    return [start_V, *list(corners_V) * cycles]


def voltage_at(way: Sequence[float], travelled: float) -> float:
    """The voltage so far along the way through the way."""
    for a, b in pairwise(way):
        length = abs(b - a)
        if travelled < length:
            return a + (b - a) * travelled / length
        travelled -= length
    return way[-1]


def way_left(way: Sequence[float], travelled: float) -> list[float]:
    """What is left of the way when so far has been travelled, from there on."""
    left = list(way)
    while len(left) > 2 and travelled >= abs(left[1] - left[0]):
        travelled -= abs(left[1] - left[0])
        del left[0]
    return [voltage_at(left, travelled), *left[1:]]


def length_V(way: Sequence[float]) -> float:
    """The whole way through the way."""
    return sum(abs(b - a) for a, b in pairwise(way))
