"""What each Keysight B2900 can source and measure, and how well: the maker's one-year limits.

At 23 °C ± 5 °C and 1 PLC. Measuring: the B2900A data sheet, page 16. Of the sourcing table only its
form was at hand: twice the measuring offset is taken. The B series, and the BL's smaller models,
are given the A's figures; what the BL can drive is from general knowledge. The 10 nA range, which
needs a triaxial cable, is left out.

Both channels together give at most 4 A while both are below 6 V, 2.5 A while both are above (User's
Guide, table 2-4); a channel by itself is all that is checked here.
"""

from labctl_drivers.smu_models import Model, amps, volts

_V_LOW = (
    (0.2, 1.5e-4, 225e-6, 1.5e-4, 450e-6),
    (2.0, 2e-4, 350e-6, 2e-4, 700e-6),
    (20.0, 1.5e-4, 5e-3, 1.5e-4, 10e-3),
)
_V_200 = (200.0, 1.5e-4, 50e-3, 1.5e-4, 100e-3)
_I = (
    (100e-9, 6e-4, 100e-12),
    (1e-6, 2.5e-4, 500e-12),
    (10e-6, 2.5e-4, 1.5e-9),
    (100e-6, 2e-4, 25e-9),
    (1e-3, 2e-4, 200e-9),
    (10e-3, 2e-4, 2.5e-6),
    (100e-3, 2e-4, 20e-6),
    (1.0, 3e-4, 1.5e-3),
    (1.5, 5e-4, 3.5e-3),
)
_I_3 = (3.0, 4e-3, 7e-3)
_USABLE = 1.0
_LEAST = 0.1
"""10 nA: where the smallest compliance lies was not found."""


def _full(name: str, channels: int) -> Model:
    return Model(
        name,
        volts(*_V_LOW, _V_200),
        amps(*_I, _I_3),
        ((6.0, 3.03), (21.0, 1.515), (210.0, 0.105)),
        _USABLE,
        _LEAST,
        channels=channels,
    )


def _light(name: str) -> Model:
    return Model(name, volts(*_V_LOW), amps(*_I), ((21.0, 1.515),), _USABLE, _LEAST)


_A_AND_B = (("B2901", 1), ("B2902", 2), ("B2911", 1), ("B2912", 2))
SERIES_B2900 = {
    **{f"{name}{letter}": _full(name, n) for name, n in _A_AND_B for letter in "AB"},
    **{name: _light(name) for name in ("B2901BL", "B2910BL")},
}
