"""What each Keithley 2600 can source and measure, and how well: the maker's one-year limits.

At 23 °C ± 5 °C and 1 PLC. Source for the 2601B, 2602B and 2604B: SPEC-2602B Rev. B. Of the 261x and
263x no sheet was at hand: their voltage is from general knowledge, and their current is given the
2602B's limits, which theirs do not exceed. The A series is given those of the B. Ranges below
100 nA, which need a triaxial cable, are left out. Corners: 2600BS-901-01 Rev. B pages 4-12, 4-13.
"""

from labctl_drivers.smu_models import Model, amps, volts

_I_LOW = (
    (100e-9, 5e-4, 100e-12),
    (1e-6, 2.5e-4, 500e-12),
    (10e-6, 2.5e-4, 1.5e-9),
    (100e-6, 2e-4, 25e-9),
    (1e-3, 2e-4, 200e-9),
    (10e-3, 2e-4, 2.5e-6),
    (100e-3, 2e-4, 20e-6),
    (1.0, 3e-4, 1.5e-3),
)
_USABLE = 1.0
"""Sources reach 101 % of a range, meters 102 %."""
_LEAST = 0.1
"""10 nA; the 263x go lower, which no cell needs."""


def _low(name: str, channels: int) -> Model:
    # 6 V hold any single cell, and are read five times as well as 40 V
    return Model(
        name,
        volts(
            (0.1, 1.5e-4, 150e-6, 2e-4, 250e-6),
            (1.0, 1.5e-4, 200e-6, 2e-4, 400e-6),
            (6.0, 1.5e-4, 1e-3, 2e-4, 1.8e-3),
            (40.0, 1.5e-4, 8e-3, 2e-4, 12e-3),
        ),
        amps(*_I_LOW, (3.0, 5e-4, 3.5e-3)),
        ((6.0, 3.0), (40.0, 1.0)),
        _USABLE,
        _LEAST,
        first_V=6.0,
        channels=channels,
    )


def _high(name: str, channels: int) -> Model:
    return Model(
        name,
        volts(
            (0.2, 1.5e-4, 225e-6, 2e-4, 375e-6),
            (2.0, 2e-4, 350e-6, 2e-4, 600e-6),
            (20.0, 1.5e-4, 5e-3, 2e-4, 5e-3),
            (200.0, 1.5e-4, 50e-3, 2e-4, 50e-3),
        ),
        amps(*_I_LOW, (1.5, 5e-4, 3.5e-3)),
        ((20.0, 1.5), (200.0, 0.1)),
        _USABLE,
        _LEAST,
        channels=channels,
    )


_BASES = (
    _low("2601", 1),
    _low("2602", 2),
    _low("2604", 2),
    _high("2611", 1),
    _high("2612", 2),
    _high("2614", 2),
    _high("2634", 2),
    _high("2635", 1),
    _high("2636", 2),
)
SERIES_2600 = {f"{model.name}{letter}": model for model in _BASES for letter in "AB"}
