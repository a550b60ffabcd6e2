"""The detectors by name: what each looks for, and what it does unless the protocol says otherwise.

Rules and thresholds: `engine/detect/` and science.md §5. `stop` ends the run with its output off,
`flag` is an event and a flag of the cycle. Limits are no detectors: nobody can switch them off.
"""

from typing import NamedTuple

from labctl_protocols.plan import Policy


class Detector(NamedTuple):
    """What a detector does by default, what it means in a line, and how a cycle is flagged."""

    policy: Policy
    meaning: str
    flag: str


DETECTORS: dict[str, Detector] = {
    "start": Detector(
        "stop",
        "no cell, wrong polarity or wrong cell before anything is driven",
        "not the cell",
    ),
    "contact_loss": Detector("stop", "the cell is no longer connected", "contact lost"),
    "hard_short": Detector("stop", "the cell conducts like a wire", "hard short"),
    "soft_short_step": Detector(
        "flag", "the voltage jumps towards zero at constant current", "soft short (step)"
    ),
    "soft_short_noise": Detector(
        "flag", "the voltage is noisier than it was", "soft short (noise)"
    ),
    "soft_short_hysteresis": Detector(
        "flag", "plating and stripping voltages come closer", "soft short (hysteresis)"
    ),
    "soft_short_charge": Detector(
        "flag", "more charge comes back than went in, or goes in than came back", "more out than in"
    ),
    "soft_short_lasting": Detector(
        "stop", "soft_short_charge in three cycles running", "soft short (lasting)"
    ),
    "self_discharge": Detector(
        "flag", "the cell discharges faster at rest than it did", "self-discharge"
    ),
    "polarisation": Detector(
        "flag", "the overpotential has grown far beyond what it was", "polarisation has grown"
    ),
    "voltage_divergence": Detector(
        "stop", "the voltage runs away while plating", "voltage diverges"
    ),
    "set_deviation": Detector("stop", "current or voltage is not what was set", "not as set"),
    "frozen_reading": Detector(
        "stop", "the instrument repeats the same reading", "readings repeat"
    ),
    "inventory_exhausted": Detector(
        "flag", "the metal that can still be cycled has run out", "inventory exhausted"
    ),
    "overshoot": Detector(
        "flag",
        "an instrument that switches off by itself at the cut-off has done so beyond a limit",
        "overshot a limit",
    ),
    "not_stripped": Detector("flag", "a strip ended before its cut-off", "not stripped to cut-off"),
}
