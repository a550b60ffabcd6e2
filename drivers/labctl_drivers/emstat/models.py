"""What each PalmSens potentiostat can drive and measure, and how well.

Ranges, their numbers in packages and the Pico's windows: instruments.md §4 (second-hand from the
MethodSCRIPT manual, appendix B). The limits of error are from general knowledge of PalmSens'
brochures, rounded up, for no data sheet could be found: measure yours against a resistor before
trusting an uncertainty. The EmStat4 LR is taken to its largest named range.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from labctl_drivers.errors import OutOfRange
from labctl_drivers.vocabulary import RangeAccuracy


class Window(NamedTuple):
    """A mode of the potentiostat: its number, and what it can apply in one script."""

    mode: int
    low_V: float
    high_V: float
    span_V: float


@dataclass(frozen=True, slots=True)
class Model:
    """One model. `ranges` are the current ranges by their number in a package's metadata."""

    name: str
    low_V: float
    high_V: float
    max_current_A: float
    has_galvanostat: bool
    amps: tuple[RangeAccuracy, ...]
    volts: RangeAccuracy
    ranges: Mapping[int, float]
    windows: tuple[Window, ...]
    max_Hz: float
    ocp_range: str

    def mode_for(self, low_V: float, high_V: float, fast: bool = False) -> int:
        """The potentiostat's mode that can apply these potentials. Raises OutOfRange.

        `fast`: one whose bandwidth is enough for impedance.
        """
        for window in self.windows[-1:] if fast else self.windows:
            inside = window.low_V <= low_V and high_V <= window.high_V
            if inside and high_V - low_V <= window.span_V:
                return window.mode
        raise OutOfRange(f"an {self.name} cannot apply {low_V:g} V .. {high_V:g} V in one script")

    def range_A(self, current_A: float) -> float:
        """The smallest range that carries this current, full scale. Raises OutOfRange."""
        if abs(current_A) > self.max_current_A:
            raise OutOfRange(
                f"an {self.name} gives at most {self.max_current_A:g} A, not {abs(current_A):g} A"
            )
        scales = (amp.full_scale for amp in self.amps)
        return next((scale for scale in scales if abs(current_A) <= scale), self.largest_A)

    @property
    def largest_A(self) -> float:
        """Full scale of the largest current range."""
        return self.amps[-1].full_scale


def _amps(
    gain: float, of_range: float, offset_A: float, scales: list[float]
) -> tuple[RangeAccuracy, ...]:
    return tuple(RangeAccuracy(scale, gain, of_range * scale + offset_A) for scale in scales)


_EMSTAT4 = {3: 1e-9, 6: 1e-8, 9: 1e-7, 12: 1e-6, 15: 1e-5, 18: 1e-4, 21: 1e-3, 24: 1e-2, 27: 0.1}
_NEXUS_TIA = {16: 1e-10, 0: 1e-9, 1: 1e-8, 2: 1e-7, 3: 1e-6, 4: 1e-5, 5: 1e-4, 6: 1e-3, 7: 1e-2}
_NEXUS_POTENTIOSTAT = {**_NEXUS_TIA, 8: 1e-3, 9: 1e-2, 10: 0.1, 11: 1.0}
_NEXUS = _NEXUS_POTENTIOSTAT | {32 + n: scale for n, scale in _NEXUS_POTENTIOSTAT.items()}
# a Pico's range carries six tenths of its name
_PICO_LOW = [
    60e-9, 1.17e-6, 2.34e-6, 4.68e-6, 9.38e-6, 18.7e-6, 37.5e-6, 75e-6, 150e-6, 300e-6, 600e-6, 3e-3
]  # fmt: skip
_PICO_HIGH = [100e-9, 1e-6, 6e-6, 13e-6, 25e-6, 50e-6, 100e-6, 200e-6, 1e-3, 5e-3]
_PICO = dict(enumerate(_PICO_LOW)) | {128 + n: 0.6 * scale for n, scale in enumerate(_PICO_HIGH)}


def _emstat4(name: str, volts: float, most_A: float, scales: list[float]) -> Model:
    return Model(
        name,
        low_V=-volts,
        high_V=volts,
        max_current_A=most_A,
        has_galvanostat=True,
        amps=_amps(4e-3, 2e-3, 50e-12, scales),
        volts=RangeAccuracy(volts, 2e-3, 2e-3),
        ranges=_EMSTAT4,
        windows=(Window(3, -volts, volts, 2 * volts),),
        max_Hz=200e3,
        ocp_range="4",
    )


def _hr(name: str) -> Model:
    return _emstat4(name, 6.0, 0.2, [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.2])


def _lr(name: str) -> Model:
    return _emstat4(name, 3.0, 1e-2, [1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2])


EMSTAT4 = {
    "es4_hr": _hr("EmStat4 HR"),
    "es4_lr": _lr("EmStat4 LR"),
    "mes4hr": _hr("MultiEmStat4 HR"),
    "mes4lr": _lr("MultiEmStat4 LR"),
}
"""By the six letters with which an instrument names itself."""


def _pico(name: str) -> Model:
    return Model(
        name,
        low_V=-1.7,
        high_V=2.0,
        max_current_A=3e-3,
        has_galvanostat=False,
        amps=_amps(5e-3, 2e-3, 50e-12, _PICO_LOW),
        volts=RangeAccuracy(2.0, 5e-3, 5e-3),
        ranges=_PICO,
        windows=(
            Window(2, -1.25, 2.0, 2.2),
            Window(4, -1.7, 2.0, 2.6),
            Window(3, -1.7, 2.0, 1.214),
        ),
        max_Hz=200e3,
        ocp_range="2",
    )


EMSTAT_PICO = {"espico": _pico("EmStat Pico"), "senswb": _pico("Sensit Wearable")}
NEXUS = {
    "nexus1": Model(
        "Nexus",
        low_V=-10.0,
        high_V=10.0,
        max_current_A=1.0,
        has_galvanostat=True,
        amps=_amps(2e-3, 2e-3, 50e-12, sorted(set(_NEXUS_POTENTIOSTAT.values()))),
        volts=RangeAccuracy(10.0, 2e-3, 2e-3),
        ranges=_NEXUS,
        windows=(Window(3, -10.0, 10.0, 20.0),),
        max_Hz=1e6,
        ocp_range="4",
    )
}
