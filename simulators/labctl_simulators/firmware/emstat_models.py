"""What the EmStat Pico, EmStat4 and Nexus can do: ranges, limits, converters, errors.

Range indices, potential ranges and maximum currents: instruments.md §4, but for what follows.
[K], never looked up, hence assumed: the compliance voltages, the LR's and the Sensit's maximum
current, accuracy and noise, converters of 16 bits for the potential (Pico 12, Nexus 18), frequency
limits. A potential range of the table is taken for a gain: the largest reads the whole potential
range, one of half the value reads half of it. The Pico's windows are [S] (labmcp-palmsens, which
cites the manual's appendix B.1).
"""

from collections.abc import Mapping
from typing import NamedTuple


class Window(NamedTuple):
    """The applied potentials of a mode in V: the limits, and how far apart they may be."""

    low: float
    high: float
    width: float


class Accuracy(NamedTuple):
    """Gain error, and offset and noise as shares of the range (V for the potential's offset)."""

    gain: float
    offset: float
    noise: float


class Device(NamedTuple):
    """One model. `current`: range index → A, ascending, by mode; `potential`: index → V."""

    name: str
    type_code: str
    version: str
    windows: Mapping[int, Window]
    max_A: float
    compliance_V: float
    galvanostat: bool
    channels: int
    current: Mapping[int, Mapping[int, float]]
    potential: Mapping[int, float]
    bits: int
    frequencies_Hz: tuple[float, float]
    current_accuracy: Accuracy
    potential_accuracy: Accuracy


POTENTIOSTATS = (2, 3, 4)
GALVANOSTAT = 6
HIGH_SPEED_PICO = 128

_LOW_SPEED = (100e-9, 2e-6, 4e-6, 8e-6, 16e-6, 32e-6, 63e-6, 125e-6, 250e-6, 500e-6, 1e-3, 5e-3)
_FAST = (100e-9, 1e-6, 6e-6, 13e-6, 25e-6, 50e-6, 100e-6, 200e-6, 1e-3, 5e-3)
PICO_SLOW = dict(enumerate(_LOW_SPEED))
PICO_FAST = {HIGH_SPEED_PICO + place: value for place, value in enumerate(_FAST)}
DECADES = {3: 1e-9, 6: 1e-8, 9: 1e-7, 12: 1e-6, 15: 1e-5, 18: 1e-4, 21: 1e-3, 24: 1e-2, 27: 0.1}
EMSTAT4_POTENTIAL = {2: 0.05, 3: 0.1, 4: 0.2, 5: 0.5, 6: 1.0}
NEXUS_POTENTIAL = {3: 1e-3, 2: 1e-2, 1: 0.1, 0: 1.0}
NEXUS_CURRENT = {
    16: 1e-10, 0: 1e-9, 1: 1e-8, 2: 1e-7, 3: 1e-6, 4: 1e-5, 5: 1e-4,
    6: 1e-3, 7: 1e-2, 10: 0.1, 11: 1.0,
}  # fmt: skip
NEXUS_APPLIED = {
    32: 1e-9, 33: 1e-8, 34: 1e-7, 35: 1e-6, 36: 1e-5, 37: 1e-4,
    40: 1e-3, 41: 1e-2, 42: 0.1, 43: 1.0,
}  # fmt: skip


def _emstat4(name: str, code: str, *, high: bool) -> Device:
    reach = 6.0 if high else 3.0
    low, top = (9, 27) if high else (3, 24)
    ranges = {index: value for index, value in DECADES.items() if low <= index <= top}
    return Device(
        name=name,
        type_code=code,
        version="1300",
        windows={mode: Window(-reach, reach, 2 * reach) for mode in POTENTIOSTATS},
        max_A=0.2 if high else 0.03,
        compliance_V=8.0 if high else 5.0,
        galvanostat=True,
        channels=1,
        current={mode: ranges for mode in (*POTENTIOSTATS, GALVANOSTAT)},
        potential=EMSTAT4_POTENTIAL,
        bits=16,
        frequencies_Hz=(1e-5, 2e5),
        current_accuracy=Accuracy(2e-3, 2e-3, 2e-5),
        potential_accuracy=Accuracy(2e-3, 1e-3, 2e-6),
    )


def _pico(name: str, code: str) -> Device:
    return Device(
        name=name,
        type_code=code,
        version="1600",
        windows={
            2: Window(-1.25, 2.0, 2.2),
            3: Window(-1.7, 2.0, 1.214),
            4: Window(-1.7, 2.0, 2.6),
        },
        max_A=3e-3,
        compliance_V=2.0,
        galvanostat=False,
        channels=2,
        current={2: PICO_SLOW, 3: PICO_FAST, 4: PICO_SLOW},
        potential={0: 1.0},
        bits=12,
        frequencies_Hz=(1e-2, 2e5),
        current_accuracy=Accuracy(5e-3, 1e-3, 1e-4),
        potential_accuracy=Accuracy(2e-3, 1e-3, 1e-5),
    )


NEXUS_DEVICE = Device(
    name="Nexus",
    type_code="nexus1",
    version="1101",
    windows={mode: Window(-10.0, 10.0, 20.0) for mode in POTENTIOSTATS},
    max_A=1.0,
    compliance_V=12.0,
    galvanostat=True,
    channels=1,
    current={**dict.fromkeys(POTENTIOSTATS, NEXUS_CURRENT), GALVANOSTAT: NEXUS_APPLIED},
    potential=NEXUS_POTENTIAL,
    bits=18,
    frequencies_Hz=(1e-5, 1e6),
    current_accuracy=Accuracy(1e-3, 1e-3, 1e-5),
    potential_accuracy=Accuracy(1e-3, 1e-3, 1e-6),
)

EMSTAT4_MODELS = {
    "EmStat4 HR": _emstat4("EmStat4 HR", "es4_hr", high=True),
    "EmStat4 LR": _emstat4("EmStat4 LR", "es4_lr", high=False),
    "MultiEmStat4 HR": _emstat4("MultiEmStat4 HR", "mes4hr", high=True),
    "MultiEmStat4 LR": _emstat4("MultiEmStat4 LR", "mes4lr", high=False),
}
PICO_MODELS = {
    "EmStat Pico": _pico("EmStat Pico", "espico"),
    "Sensit Wearable": _pico("Sensit Wearable", "senswb"),
}
NEXUS_MODELS = {"Nexus": NEXUS_DEVICE}
