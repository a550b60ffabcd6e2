"""Places whose temperature can be measured: a room, a cell."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from labctl_simulators.ports import Cell, ManyTerminals, Probe

ROOM_K = 298.15


@dataclass(frozen=True, slots=True)
class Steady:
    """A place that keeps its temperature, K."""

    kelvin: float = ROOM_K

    def temperature_K(self, _now: float) -> float:
        """The same at all times."""
        return self.kelvin


@runtime_checkable
class HasTemperature(Protocol):
    """A cell with a thermal part."""

    temperature_K: float


@dataclass(frozen=True, slots=True)
class _CellBody:
    cell: HasTemperature

    def temperature_K(self, _now: float) -> float:
        return self.cell.temperature_K


def probe_of(cell: Cell, ambient: Probe | None = None) -> Probe:
    """A sensor on a cell: its own temperature, or that of what is around it without one.

    The cell is seen as it was when its own instrument last brought it on: a scanner that runs
    ahead must not take the cell with it. `ambient`: a room at 25 °C, if not given. Of the models
    here those with a metal electrode have a temperature (ohmic and reaction heat against the
    `temperature_degC` around them, by their heat loss and capacity); `thevenin`, `resistor`, `open`
    and `short` have none. Of a cell with three electrodes it is the body's, at `main`.
    """
    body = cell.ports["main"] if isinstance(cell, ManyTerminals) else cell
    if isinstance(body, HasTemperature):
        return _CellBody(body)
    return ambient or Steady()
