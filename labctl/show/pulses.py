"""Tables of pulses and pauses for people: heads, and how each figure is shown."""

from collections.abc import Sequence
from typing import NamedTuple

from labctl.show.values import Data, figure, number


class PulseColumn(NamedTuple):
    """Head, key in the figures, factor into the head's unit, form."""

    head: str
    key: str
    factor: float
    form: str

    def cell(self, row: Data) -> str:
        """What the column says of a pulse."""
        value = number(row, self.key)
        return figure(None if value is None else self.factor * value, self.form)


WHERE = (
    PulseColumn("t/h", "at_s", 1 / 3600, ".4f"),
    PulseColumn("cycle", "cycle", 1.0, ".0f"),
    PulseColumn("net/mAh", "net_charge_mAh", 1.0, "z.4f"),
    PulseColumn("V", "before_V", 1.0, ".4f"),
    PulseColumn("from/mA", "before_mA", 1.0, "z.4f"),
    PulseColumn("to/mA", "after_mA", 1.0, "z.4f"),
)
TABLES = {
    "dcir": (
        "DCIR: ΔV/ΔI so long after a change of current",
        (
            PulseColumn("0.1 s/ohm", "r_0.1s_ohm", 1.0, ".4g"),
            PulseColumn("1 s/ohm", "r_1s_ohm", 1.0, ".4g"),
            PulseColumn("10 s/ohm", "r_10s_ohm", 1.0, ".4g"),
        ),
    ),
    "ici": (
        "ICI: E against √t from 1 to 5 s after the current stopped",
        (
            PulseColumn("R/ohm", "resistance_ohm", 1.0, ".4g"),
            PulseColumn("k/(ohm/√s)", "diffusion_ohm_per_sqrt_s", 1.0, ".4g"),
            PulseColumn("residual/mV", "residual_V", 1e3, ".3f"),
            PulseColumn("readings", "readings", 1.0, ".0f"),
        ),
    ),
    "gitt": (
        "GITT: D/L² = 4/(πτ)·(ΔEs/ΔEt)²",
        (
            PulseColumn("τ/s", "duration_s", 1.0, ".1f"),
            PulseColumn("relaxed/V", "relaxed_V", 1.0, ".4f"),
            PulseColumn("ΔEs/mV", "change_relaxed_V", 1e3, ".3f"),
            PulseColumn("ΔEt/mV", "change_transient_V", 1e3, ".3f"),
            PulseColumn("R/ohm", "resistance_ohm", 1.0, ".4g"),
            PulseColumn("D/L²/(1/s)", "diffusion_per_length2_per_s", 1.0, ".4g"),
        ),
    ),
}


def columns_of(kind: str, rows: Sequence[Data]) -> list[PulseColumn]:
    """The columns of this kind of pulse in which something is known."""
    _, own = TABLES[kind]
    return [
        column
        for column in (*WHERE, *own)
        if any(number(row, column.key) is not None for row in rows)
    ]
