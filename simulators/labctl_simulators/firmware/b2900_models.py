"""What the models of the Keysight B2900 series can source and measure, and how well.

Sources: B2900A data sheet page 16 (measuring: accuracy, over range 106 %, 102 % for 1.5 A and 3 A,
trigger interval), B2900 User's Guide Ed. 5 page 2-14 (ranges). The source's limits of error are
taken to be the measurement's, its resolution and the corners of its output are from general
knowledge of the data sheet. Not simulated: the 10 A pulse range, the limits on the sum of both
channels' currents (table 2-4).
"""

from dataclasses import dataclass

from labctl_simulators.firmware.models import Model, Quantity, Range

OVER_HIGH = 1.01
NOISE = 1e-6
READING_TOP = 1.06
LIST_MOST = 2500
COUNT_MOST = 100_000
NEEDS_INTERLOCK_V = 42.0


@dataclass(frozen=True, slots=True)
class ModelB2900:
    """A model: its ranges, how many channels it has, its shortest trigger interval."""

    ranges: Model
    channels: int
    least_interval_s: float

    def least(self, quantity: Quantity) -> float:
        """The smallest compliance: a thousandth of the lowest range."""
        return 1e-3 * self.ranges.ranges(quantity)[0].full_scale


def _volts(fine: float) -> tuple[Range, ...]:
    return (
        Range(0.2, 1e-6 * fine, 1.5e-4, 225e-6, 1.5e-4, 225e-6),
        Range(2.0, 10e-6 * fine, 2e-4, 350e-6, 2e-4, 350e-6),
        Range(20.0, 100e-6 * fine, 1.5e-4, 5e-3, 1.5e-4, 5e-3),
        Range(200.0, 1e-3 * fine, 1.5e-4, 50e-3, 1.5e-4, 50e-3),
    )


def _amps(fine: float) -> tuple[Range, ...]:
    return (
        Range(100e-9, 1e-12 * fine, 6e-4, 100e-12, 6e-4, 100e-12),
        Range(1e-6, 10e-12 * fine, 2.5e-4, 500e-12, 2.5e-4, 500e-12),
        Range(10e-6, 100e-12 * fine, 2.5e-4, 1.5e-9, 2.5e-4, 1.5e-9),
        Range(100e-6, 1e-9 * fine, 2e-4, 25e-9, 2e-4, 25e-9),
        Range(1e-3, 10e-9 * fine, 2e-4, 200e-9, 2e-4, 200e-9),
        Range(10e-3, 100e-9 * fine, 2e-4, 2.5e-6, 2e-4, 2.5e-6),
        Range(100e-3, 1e-6 * fine, 2e-4, 20e-6, 2e-4, 20e-6),
        Range(1.0, 10e-6 * fine, 3e-4, 1.5e-3, 3e-4, 1.5e-3),
        Range(1.5, 10e-6 * fine, 5e-4, 3.5e-3, 5e-4, 3.5e-3, OVER_HIGH),
        Range(3.0, 100e-6 * fine, 4e-3, 7e-3, 4e-3, 7e-3, OVER_HIGH),
    )


_I_10N = Range(10e-9, 10e-15, 1e-3, 50e-12, 1e-3, 50e-12)
_CORNERS = ((6.3, 3.03), (21.0, 1.515), (210.0, 0.105))


def _model(name: str) -> ModelB2900:
    fine = name.startswith("B291")
    step = 0.1 if fine else 1.0
    amps = (_I_10N, *_amps(step)) if fine else _amps(step)
    sheet = Model(name, _volts(step), amps, _CORNERS, (), NOISE)
    return ModelB2900(sheet, 2 if name[4] == "2" else 1, 10e-6 if fine else 20e-6)


SERIES_B2900 = {
    name: _model(name)
    for name in (
        "B2901A", "B2902A", "B2911A", "B2912A",
        "B2901B", "B2902B", "B2911B", "B2912B",
    )
}  # fmt: skip
