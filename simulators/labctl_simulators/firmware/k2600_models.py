"""What the models of the Series 2600B can source and measure, and how well.

Sources: SPEC-2602B Rev. B (2601B, 2602B, 2604B; programming resolution, one-year accuracy, noise);
2600BS-901-01 Rev. F 2-44 (a source's full scale is 101 % of its range, a reading's 102 %; ranges
change at 100 %), 9-244 (limits and their defaults). The columns of 261x and 263x are from general
knowledge of their sheets. Not simulated: the 100 pA measuring range of 2635B and 2636B, the 10 A
pulse range.
"""

from dataclasses import dataclass

from labctl_simulators.firmware.models import Model, Quantity, Range

SOURCE_SPAN = 1.01
MEASURE_SPAN = 1.02
NOISE = 1e-6


@dataclass(frozen=True, slots=True)
class Model2600:
    """A model: its ranges, how many channels it has, its default limits and its smallest ones."""

    ranges: Model
    channels: int
    limit_V: float
    limit_A: float
    least_V: float
    least_A: float
    needs_interlock_V: float | None = None

    @property
    def name(self) -> str:
        """As `*IDN?` says it."""
        return self.ranges.name

    def top(self, quantity: Quantity) -> float:
        """The largest level or limit."""
        return self.ranges.ranges(quantity)[-1].full_scale * SOURCE_SPAN

    def source_index(self, quantity: Quantity, magnitude: float) -> int:
        """The smallest source range that holds a level; the largest if none does."""
        return _smallest(self.ranges.ranges(quantity), abs(magnitude), SOURCE_SPAN)

    def measure_index(self, quantity: Quantity, magnitude: float) -> int:
        """The range to which autoranging goes for a signal."""
        return _smallest(self.ranges.ranges(quantity), abs(magnitude), 1.0)


def _smallest(ranges: tuple[Range, ...], magnitude: float, span: float) -> int:
    for place, each in enumerate(ranges):
        if magnitude <= each.full_scale * span * (1 + 1e-12):
            return place
    return len(ranges) - 1


_V_260 = (
    Range(0.1, 5e-6, 2e-4, 250e-6, 1.5e-4, 150e-6),
    Range(1.0, 50e-6, 2e-4, 400e-6, 1.5e-4, 200e-6),
    Range(6.0, 50e-6, 2e-4, 1.8e-3, 1.5e-4, 1e-3),
    Range(40.0, 500e-6, 2e-4, 12e-3, 1.5e-4, 8e-3),
)
_V_261 = (
    Range(0.2, 5e-6, 2e-4, 375e-6, 1.5e-4, 225e-6),
    Range(2.0, 50e-6, 2e-4, 600e-6, 2e-4, 350e-6),
    Range(20.0, 500e-6, 2e-4, 5e-3, 1.5e-4, 5e-3),
    Range(200.0, 5e-3, 2e-4, 50e-3, 1.5e-4, 50e-3),
)
_I_LOW = (
    Range(100e-9, 2e-12, 6e-4, 100e-12, 5e-4, 100e-12),
    Range(1e-6, 20e-12, 3e-4, 800e-12, 2.5e-4, 500e-12),
)
_I_263_LOW = (
    Range(1e-9, 20e-15, 1.5e-3, 2e-12, 1.5e-3, 240e-15),
    Range(10e-9, 200e-15, 1.5e-3, 5e-12, 1.5e-3, 3e-12),
    Range(100e-9, 2e-12, 6e-4, 50e-12, 6e-4, 40e-12),
    Range(1e-6, 20e-12, 3e-4, 700e-12, 2.5e-4, 400e-12),
)
_I = (
    Range(10e-6, 200e-12, 3e-4, 5e-9, 2.5e-4, 1.5e-9),
    Range(100e-6, 2e-9, 3e-4, 60e-9, 2e-4, 25e-9),
    Range(1e-3, 20e-9, 3e-4, 300e-9, 2e-4, 200e-9),
    Range(10e-3, 200e-9, 3e-4, 6e-6, 2e-4, 2.5e-6),
    Range(100e-3, 2e-6, 3e-4, 30e-6, 2e-4, 20e-6),
    Range(1.0, 20e-6, 5e-4, 1.8e-3, 3e-4, 1.5e-3),
)
_I_3 = Range(3.0, 20e-6, 6e-4, 4e-3, 5e-4, 3.5e-3)
_I_1_5 = Range(1.5, 20e-6, 6e-4, 4e-3, 5e-4, 3.5e-3)


def _model_260(name: str, channels: int) -> Model2600:
    corners = ((6.06, 3.03), (40.4, 1.01))
    sheet = Model(name, _V_260, (*_I_LOW, *_I, _I_3), corners, (), NOISE)
    return Model2600(sheet, channels, 40.0, 1.0, 10e-3, 10e-9)


def _model_261(name: str, channels: int, low: tuple[Range, ...], least_A: float) -> Model2600:
    corners = ((20.2, 1.515), (202.0, 0.101))
    sheet = Model(name, _V_261, (*low, *_I, _I_1_5), corners, (), NOISE)
    return Model2600(sheet, channels, 20.0, 0.1, 20e-3, least_A, 200.0)


SERIES_2600 = {
    "2601B": _model_260("2601B", 1),
    "2602B": _model_260("2602B", 2),
    "2604B": _model_260("2604B", 2),
    "2611B": _model_261("2611B", 1, _I_LOW, 10e-9),
    "2612B": _model_261("2612B", 2, _I_LOW, 10e-9),
    "2614B": _model_261("2614B", 2, _I_LOW, 10e-9),
    "2634B": _model_261("2634B", 2, _I_263_LOW, 100e-12),
    "2635B": _model_261("2635B", 1, _I_263_LOW, 100e-12),
    "2636B": _model_261("2636B", 2, _I_263_LOW, 100e-12),
}
