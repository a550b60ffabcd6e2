"""The Rodeostat's analogue side: DAC, current ranges, electrode switch, and the cell behind them.

Sources: instruments.md §5; IO Rodeo's firmware (`ps_constants`, `ps_analog_subsystem`): a 12-bit
DAC, a 16-bit ADC, ranges whose names are their ends, and that a change of the voltage range changes
the gain and not the DAC's code, so that the output jumps with it. The accuracy and the largest
current that the amplifier drives are not in these sources.
"""

import random
from math import floor, inf
from typing import NamedTuple

from labctl_simulators.ports import Source
from labctl_simulators.terminals import Terminals

DAC_TOP, ADC_TOP = 4095, 65535
VOLT_RANGES = {"10V": (1.0, 2.0, 5.0, 10.0), "8V": (1.0, 2.0, 4.0, 8.0)}
CURR_RANGES_uA = {
    "nanoAmp": {"1uA": 1.0, "10uA": 10.0, "60nA": 0.06, "100nA": 0.1},
    "microAmp": {"1uA": 1.0, "10uA": 10.0, "100uA": 100.0, "1000uA": 1000.0},
    "10MilliAmp": {"10uA": 10.0, "100uA": 100.0, "1000uA": 1000.0, "10000uA": 10_000.0},
    "24MilliAmp": {"100uA": 100.0, "1000uA": 1000.0, "12000uA": 12_024.0, "24000uA": 24_048.0},
}
FIRST_CURR_RANGE = {"nanoAmp": "10uA", "microAmp": "10uA"}
ELECTRODES = ("Ref", "Ctr", "Wrk")
VOLT_GAIN, VOLT_OFFSET_V = 1e-3, 1e-3
CURR_GAIN, CURR_OFFSET = 5e-3, 1e-3
OPEN = Source()


class Errors(NamedTuple):
    """What is wrong with one instrument; gains as factors, the current's offset as a share."""

    volt_gain: float
    volt_offset_V: float
    curr_gain: float
    curr_offset: float


def draw_errors(seed: int, scale: float) -> Errors:
    """An instrument's errors, uniform within what is assumed of it."""
    dice = random.Random(f"rodeostat {seed}")
    limits = (VOLT_GAIN, VOLT_OFFSET_V, CURR_GAIN, CURR_OFFSET)
    drawn = [scale * dice.uniform(-limit, limit) for limit in limits]
    return Errors(1.0 + drawn[0], drawn[1], 1.0 + drawn[2], drawn[3])


class Analog:
    """What is put out and read. Voltages in V, currents in µA as on the wire."""

    def __init__(
        self, terminals: Terminals, volts: str, amps: str, *, switched: bool, errors: Errors,
        drive_A: float, current_sign: int, frozen_at_h: float, seed: int,
    ) -> None:  # fmt: skip
        self.terminals = terminals
        self.volt_ranges = {f"{top:g}V": top for top in VOLT_RANGES[volts]}
        self.curr_ranges = CURR_RANGES_uA[amps]
        self.switched = switched
        self.drive_A = drive_A
        self._first_curr_range = FIRST_CURR_RANGE.get(amps, "1000uA")
        self._errors = errors
        self._sign = current_sign
        self._frozen_from = terminals.now + frozen_at_h * 3600.0 if frozen_at_h < inf else inf
        self._stuck: float | None = None
        self._noise = random.Random(f"rodeostat noise {seed}")
        self.start()

    def start(self) -> None:
        """Power-on: 0 V in the smallest range, electrodes disconnected where there are relays."""
        self.volt_range = self.ref_range = next(iter(self.volt_ranges))
        self.curr_range = self._first_curr_range
        self.relays = dict.fromkeys(ELECTRODES, not self.switched)
        self.multiplexed = True
        self.code = 2048

    @property
    def connected(self) -> bool:
        """Whether the cell is driven."""
        return all(self.relays.values()) and self.multiplexed

    def quantised(self, volts: float) -> float:
        """The DAC's own value next to a voltage; its sign is inverted behind it."""
        top = self.volt_ranges[self.volt_range]
        self.code = min(DAC_TOP, max(0, floor((top - volts) / (2.0 * top) * DAC_TOP + 0.5)))
        return self.output_V()

    def output_V(self) -> float:
        """What the DAC's code stands for in the present range."""
        top = self.volt_ranges[self.volt_range]
        return top - 2.0 * top * self.code / DAC_TOP

    def auto_range(self, low_V: float, high_V: float) -> None:
        """The smallest range that holds both; none changes nothing."""
        for name, top in self.volt_ranges.items():
            if -top <= low_V and high_V <= top:
                self.volt_range = self.ref_range = name
                return

    def present(self, now: float) -> None:
        """Let the cell see what the settings say."""
        errors = self._errors
        source = OPEN
        if self.connected:
            level_V = self.output_V() * errors.volt_gain + errors.volt_offset_V
            source = Source("voltage", level_V, self.drive_A)
        at = max(now, self.terminals.now)
        if source == self.terminals.source:
            self.terminals.advance(at)
        else:
            self.terminals.connect(source, at)

    def current_uA(self) -> tuple[float, bool]:
        """The current as the ADC reads it, and whether the ADC is at its end."""
        top = self.curr_ranges[self.curr_range]
        if self._stuck is not None:
            return self._stuck, False
        true_uA = 1e6 * self.terminals.state().current_A if self.connected else 0.0
        step = 2.0 * top / ADC_TOP
        seen = self._sign * true_uA * self._errors.curr_gain + self._errors.curr_offset * top
        seen += self._noise.gauss(0.0, 0.5 * step)
        code = floor((seen + top) / step + 0.5)
        read = min(ADC_TOP, max(0, code)) * step - top
        if self.terminals.now >= self._frozen_from:
            self._stuck = read
        return read, not 0 < code < ADC_TOP

    def reference_V(self) -> float:
        """What is at the reference electrode against the working electrode's ground."""
        top = self.volt_ranges[self.ref_range]
        true_V = self.terminals.state().voltage_V if self.relays["Ref"] else 0.0
        return max(-top, min(top, true_V))
