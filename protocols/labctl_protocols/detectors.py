"""The detectors by name: what each looks for, and what it does unless the protocol says otherwise.

Rules and thresholds: science.md §5. `stop` ends the run with its output off, `flag` is an event.
"""

from typing import NamedTuple

from labctl_protocols.plan import Policy


class Detector(NamedTuple):
    """What a detector does by default, and what it means in a line."""

    policy: Policy
    meaning: str


DETECTORS: dict[str, Detector] = {
    "start": Detector("stop", "no cell, wrong polarity or wrong cell before anything is driven"),
    "contact_loss": Detector("stop", "the cell is no longer connected"),
    "hard_short": Detector("stop", "the cell conducts like a wire"),
    "soft_short_step": Detector("flag", "the voltage jumps towards zero at constant current"),
    "soft_short_noise": Detector("flag", "the voltage is noisier than it was"),
    "soft_short_hysteresis": Detector("flag", "plating and stripping voltages come closer"),
    "soft_short_charge": Detector("flag", "more charge comes back than went in"),
    "self_discharge": Detector("flag", "the voltage falls faster at rest than it did"),
    "polarisation": Detector("flag", "the overpotential has grown far beyond what it was"),
    "voltage_divergence": Detector("stop", "the voltage runs away while plating"),
    "set_deviation": Detector("stop", "current or voltage is not what was set"),
    "frozen_reading": Detector("stop", "the instrument repeats the same reading"),
    "inventory_exhausted": Detector("flag", "the metal that can still be cycled has run out"),
    "not_stripped": Detector("flag", "a strip ended before its cut-off"),
    "overheating": Detector("stop", "the temperature rises too fast"),
}
