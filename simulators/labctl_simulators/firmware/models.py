"""What each model can source and measure, and how well: the makers' data sheets as tables.

One-year limits at 23 °C ± 5 °C. Sources: SPEC-2400 Rev. H, SPEC-2440 Rev. C and the 2400 line's
specifications (2400S-900-01 appendix A) for 2400, 2401, 2410, 2420; SPEC-2450 Rev. A; SPEC-2470.
2410's and 2420's source columns and the 2460 are from general knowledge of their data sheets,
not from the sheets. Noise is what is left in a measurement at 1 PLC (general knowledge: about
3 ppm of range for the 2400's converter, 1 ppm for the 2450's).
"""

from dataclasses import dataclass
from typing import Literal

Quantity = Literal["VOLT", "CURR"]
OVERRANGE = 1.05


@dataclass(frozen=True, slots=True)
class Range:
    """One range: programming resolution, and limits of error ±(gain · |value| + offset).

    `over`: how far beyond its full scale it goes, as a multiple.
    """

    full_scale: float
    resolution: float
    source_gain: float
    source_offset: float
    measure_gain: float
    measure_offset: float
    over: float = OVERRANGE

    @property
    def top(self) -> float:
        """The largest magnitude that the range takes."""
        return self.full_scale * self.over


@dataclass(frozen=True, slots=True)
class Model:
    """One model: its ranges in ascending order, and the corners (V, A) that its power allows."""

    name: str
    volts: tuple[Range, ...]
    amps: tuple[Range, ...]
    envelope: tuple[tuple[float, float], ...]
    protection: tuple[float, ...]
    noise: float

    def ranges(self, quantity: Quantity) -> tuple[Range, ...]:
        """The ranges of a quantity."""
        return self.volts if quantity == "VOLT" else self.amps

    def top(self, quantity: Quantity) -> float:
        """The largest magnitude that can be sourced or measured."""
        return self.ranges(quantity)[-1].top if self.name != "2410" else self._top_2410(quantity)

    def _top_2410(self, quantity: Quantity) -> float:
        return 1100.0 if quantity == "VOLT" else self.amps[-1].top

    def index(self, quantity: Quantity, magnitude: float) -> int:
        """The smallest range that holds a magnitude; the largest if none does."""
        ranges = self.ranges(quantity)
        for position, candidate in enumerate(ranges):
            if abs(magnitude) <= candidate.top * (1 + 1e-12):
                return position
        return len(ranges) - 1

    def allows(self, volts: float, amps: float) -> bool:
        """Whether the power envelope holds both magnitudes at once."""
        slack = 1 + 1e-9
        return any(abs(volts) <= v * slack and abs(amps) <= a * slack for v, a in self.envelope)


_V = (
    Range(0.2, 5e-6, 2e-4, 600e-6, 1.2e-4, 300e-6),
    Range(2.0, 50e-6, 2e-4, 600e-6, 1.2e-4, 300e-6),
)
_V_20 = Range(20.0, 500e-6, 2e-4, 2.4e-3, 1.5e-4, 1.5e-3)
_V_20_LOW_NOISE = Range(20.0, 500e-6, 2e-4, 2.4e-3, 1.5e-4, 1e-3)
_V_200 = Range(200.0, 5e-3, 2e-4, 24e-3, 1.5e-4, 10e-3)
_I_1U = Range(1e-6, 50e-12, 3.5e-4, 600e-12, 2.9e-4, 300e-12)
_I = (
    Range(10e-6, 500e-12, 3.3e-4, 2e-9, 2.7e-4, 700e-12),
    Range(100e-6, 5e-9, 3.1e-4, 20e-9, 2.5e-4, 6e-9),
    Range(1e-3, 50e-9, 3.4e-4, 200e-9, 2.7e-4, 60e-9),
)
_I_10M = Range(10e-3, 500e-9, 4.5e-4, 2e-6, 3.5e-4, 600e-9)
_I_20M = Range(20e-3, 1e-6, 4.5e-4, 4e-6, 3.5e-4, 1.2e-6)
_I_100M = Range(100e-3, 5e-6, 6.6e-4, 20e-6, 5.5e-4, 6e-6)
_I_1 = Range(1.0, 50e-6, 27e-4, 900e-6, 22e-4, 570e-6)
_I_1_HIGH_POWER = Range(1.0, 50e-6, 6.7e-4, 900e-6, 6.6e-4, 570e-6)
_I_3 = Range(3.0, 50e-6, 5.9e-4, 2.7e-3, 5.2e-4, 1.71e-3)
_STEPS = (20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 160.0)

_I_2400 = (_I_1U, *_I, _I_10M, _I_100M, _I_1)
SERIES_2400 = {
    "2400": Model(
        "2400", (*_V, _V_20, _V_200), _I_2400, ((21.0, 1.05), (210.0, 0.105)), _STEPS, 3e-6
    ),
    "2401": Model("2401", (*_V, _V_20), _I_2400, ((21.0, 1.05),), (20.0,), 3e-6),
    "2410": Model(
        "2410",
        (*_V, _V_20_LOW_NOISE, Range(1000.0, 50e-3, 2e-4, 100e-3, 1.5e-4, 50e-3)),
        (_I_1U, *_I, _I_20M, _I_100M, _I_1),
        ((21.0, 1.05), (1100.0, 0.021)),
        (20.0, 40.0, 100.0, 200.0, 300.0, 400.0, 500.0),
        3e-6,
    ),
    "2420": Model(
        "2420",
        (*_V, _V_20_LOW_NOISE, Range(60.0, 1.5e-3, 2e-4, 7.2e-3, 1.5e-4, 3e-3)),
        (*_I, _I_10M, _I_100M, _I_1_HIGH_POWER, _I_3),
        ((21.0, 3.15), (63.0, 1.05)),
        (20.0, 40.0, 60.0),
        3e-6,
    ),
}

_V_NEW = (
    Range(0.2, 5e-6, 1.5e-4, 200e-6, 1.2e-4, 200e-6),
    Range(2.0, 50e-6, 2e-4, 300e-6, 1.2e-4, 300e-6),
    Range(20.0, 500e-6, 1.5e-4, 2.4e-3, 1.5e-4, 1e-3),
)
_V_20M = Range(20e-3, 500e-9, 1e-3, 200e-6, 1e-3, 150e-6)
_V_200_NEW = Range(200.0, 5e-3, 1.5e-4, 24e-3, 1.5e-4, 10e-3)
_I_NEW = (
    Range(1e-6, 50e-12, 2.5e-4, 400e-12, 2.5e-4, 300e-12),
    Range(10e-6, 500e-12, 2.5e-4, 1.5e-9, 2.5e-4, 700e-12),
    Range(100e-6, 5e-9, 2e-4, 15e-9, 2e-4, 6e-9),
    Range(1e-3, 50e-9, 2e-4, 150e-9, 2e-4, 60e-9),
    Range(10e-3, 500e-9, 2e-4, 1.5e-6, 2e-4, 600e-9),
    Range(100e-3, 5e-6, 2.5e-4, 15e-6, 2.5e-4, 6e-6),
    Range(1.0, 50e-6, 6.7e-4, 900e-6, 3e-4, 500e-6),
)
_PROT = (2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0, 160.0, 180.0)
SERIES_2450 = {
    "2450": Model(
        "2450",
        (_V_20M, *_V_NEW, _V_200_NEW),
        (
            Range(10e-9, 500e-15, 1e-3, 100e-12, 1e-3, 50e-12),
            Range(100e-9, 5e-12, 6e-4, 150e-12, 6e-4, 100e-12),
            *_I_NEW,
        ),
        ((21.0, 1.05), (210.0, 0.105)),
        _PROT,
        1e-6,
    ),
    "2460": Model(
        "2460",
        (
            *_V_NEW[:2],
            Range(7.0, 250e-6, 1.5e-4, 2.4e-3, 1.5e-4, 1e-3),
            Range(10.0, 500e-6, 1.5e-4, 2.4e-3, 1.5e-4, 1e-3),
            _V_NEW[2],
            Range(100.0, 2.5e-3, 1.5e-4, 15e-3, 1.5e-4, 5e-3),
        ),
        (
            *_I_NEW[:-1],
            Range(1.0, 50e-6, 5e-4, 900e-6, 3e-4, 500e-6),
            Range(4.0, 250e-6, 1e-3, 3e-3, 8e-4, 2.5e-3),
            Range(5.0, 250e-6, 1e-3, 3e-3, 8e-4, 2.5e-3),
            Range(7.0, 250e-6, 1.5e-3, 6e-3, 1.5e-3, 5e-3),
        ),
        ((7.35, 7.35), (10.5, 5.25), (21.0, 4.2), (105.0, 1.05)),
        _PROT,
        1e-6,
    ),
    "2470": Model(
        "2470",
        (*_V_NEW, _V_200_NEW, Range(1000.0, 50e-3, 2e-4, 100e-3, 1.5e-4, 50e-3)),
        (
            Range(10e-9, 500e-15, 1e-3, 200e-12, 1e-3, 250e-12),
            Range(100e-9, 5e-12, 6e-4, 250e-12, 6e-4, 300e-12),
            *_I_NEW,
        ),
        ((21.0, 1.05), (210.0, 0.105), (1050.0, 0.021)),
        (*_PROT, 300.0, 350.0, 400.0, 450.0, 500.0, 550.0, 600.0, 700.0, 800.0, 900.0, 1000.0),
        1e-6,
    ),
}
