"""A chamber with cells in it: its air is what is around them."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from labctl_simulators.ports import Cell, Firmware, ManyTerminals, Probe


@runtime_checkable
class HasAmbient(Protocol):
    """A cell that minds what is around it."""

    ambient_K: float


class Surroundings:
    """A chamber's firmware whose air surrounds cells; those without a thermal part do not mind.

    They feel the air as it was when somebody last spoke to the chamber.
    """

    def __init__(self, chamber: Firmware, air: Probe, cells: Sequence[Cell]) -> None:
        self._chamber = chamber
        self.air = air
        self._bodies = [body for cell in cells for body in _bodies(cell)]

    def feed(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        """What the chamber says."""
        replies = self._chamber.feed(data, now)
        self._surround(now)
        return replies

    def advance(self, now: float) -> None:
        """Let time pass without traffic."""
        self._chamber.advance(now)
        self._surround(now)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever the chamber has
        return getattr(self._chamber, name)

    def _surround(self, now: float) -> None:
        if self._bodies:
            air_K = self.air.temperature_K(now)
            for body in self._bodies:
                body.ambient_K = air_K


def _bodies(cell: Cell) -> list[HasAmbient]:
    parts = cell.ports.values() if isinstance(cell, ManyTerminals) else (cell,)
    return [part for part in parts if isinstance(part, HasAmbient)]
