"""What each Keithley 24xx can source and measure, and how well: the maker's one-year limits.

At 23 °C ± 5 °C and 1 PLC. Sources: SPEC-2400 Rev. H, SPEC-2410 E, SPEC-2420 Rev. C, SPEC-2450
Rev. A, the 2470's published table. Of the 2460, and of the 2410's and 2420's current measurement,
no sheet was at hand: from general knowledge of them, with the service manuals' verification
limits as a check where they were found. Ranges that need a triaxial cable (10 and 100 nA) are
left out.
"""

from labctl_drivers.smu_models import Model, amps, volts

# full scale, measuring gain and offset, sourcing gain and offset
_V_OLD = ((0.2, 1.2e-4, 300e-6, 2e-4, 600e-6), (2.0, 1.2e-4, 300e-6, 2e-4, 600e-6))
_V_20_2400 = (20.0, 1.5e-4, 1.5e-3, 2e-4, 2.4e-3)
_V_20_OLD = (20.0, 1.5e-4, 1e-3, 2e-4, 2.4e-3)
_V_NEW = ((0.2, 1.2e-4, 200e-6, 1.5e-4, 200e-6), (2.0, 1.2e-4, 300e-6, 2e-4, 300e-6))
_V_20_NEW = (20.0, 1.5e-4, 1e-3, 1.5e-4, 2.4e-3)
_V_200_NEW = (200.0, 1.5e-4, 10e-3, 1.5e-4, 24e-3)

_I_1U = (1e-6, 2.9e-4, 300e-12)
_I_OLD = ((10e-6, 2.7e-4, 700e-12), (100e-6, 2.5e-4, 6e-9), (1e-3, 2.7e-4, 60e-9))
_I_10M = (10e-3, 3.5e-4, 600e-9)
_I_100M = (100e-3, 5.5e-4, 6e-6)
_I_2400 = (_I_1U, *_I_OLD, _I_10M, _I_100M, (1.0, 22e-4, 570e-6))
_I_NEW = (
    (1e-6, 2.5e-4, 300e-12),
    (10e-6, 2.5e-4, 700e-12),
    (100e-6, 2e-4, 6e-9),
    (1e-3, 2e-4, 60e-9),
    (10e-3, 2e-4, 600e-9),
    (100e-3, 2.5e-4, 6e-6),
)
_I_1_NEW = (1.0, 3e-4, 500e-6)

_M2400 = Model(
    "2400",
    volts(*_V_OLD, _V_20_2400, (200.0, 1.5e-4, 10e-3, 2e-4, 24e-3)),
    amps(*_I_2400),
    ((21.0, 1.05), (210.0, 0.105)),
)
_M2401 = Model("2401", volts(*_V_OLD, _V_20_2400), amps(*_I_2400), ((21.0, 1.05),))
_M2410 = Model(
    "2410",
    volts(*_V_OLD, _V_20_OLD, (1000.0, 1.5e-4, 50e-3, 2e-4, 100e-3)),
    amps(_I_1U, *_I_OLD, (20e-3, 3.5e-4, 1.2e-6), _I_100M, (1.0, 22e-4, 570e-6)),
    ((21.0, 1.05), (1100.0, 0.021)),
)
_M2420 = Model(
    "2420",
    volts(*_V_OLD, _V_20_OLD, (60.0, 1.5e-4, 3e-3, 2e-4, 7.2e-3)),
    amps(*_I_OLD, _I_10M, _I_100M, (1.0, 6.6e-4, 570e-6), (3.0, 5.2e-4, 1.71e-3)),
    ((21.0, 3.15), (63.0, 1.05)),
)
_M2450 = Model(
    "2450",
    volts((20e-3, 1e-3, 150e-6, 1e-3, 200e-6), *_V_NEW, _V_20_NEW, _V_200_NEW),
    amps(*_I_NEW, _I_1_NEW),
    ((21.0, 1.05), (210.0, 0.105)),
)
_M2460 = Model(
    "2460",
    volts(
        *_V_NEW,
        (7.0, 1.5e-4, 1e-3, 1.5e-4, 2.4e-3),
        (10.0, 1.5e-4, 1e-3, 1.5e-4, 2.4e-3),
        _V_20_NEW,
        (100.0, 1.5e-4, 5e-3, 1.5e-4, 15e-3),
    ),
    amps(
        *_I_NEW, (1.0, 5e-4, 500e-6), (4.0, 1e-3, 2.5e-3), (5.0, 1e-3, 2.5e-3), (7.0, 1.5e-3, 5e-3)
    ),
    ((7.35, 7.35), (10.5, 5.25), (21.0, 4.2), (105.0, 1.05)),
)
_M2470 = Model(
    "2470",
    volts(*_V_NEW, _V_20_NEW, _V_200_NEW, (1000.0, 1.5e-4, 50e-3, 2e-4, 100e-3)),
    amps(*_I_NEW, _I_1_NEW),
    ((21.0, 1.05), (210.0, 0.105), (1100.0, 0.021)),
)

SERIES_2400 = {
    "2400": _M2400,
    "2400-C": _M2400,
    "2400-LV": _M2401,
    "2401": _M2401,
    "2410": _M2410,
    "2410-C": _M2410,
    "2420": _M2420,
    "2420-C": _M2420,
}
SERIES_2450 = {"2450": _M2450, "2460": _M2460, "2470": _M2470}
