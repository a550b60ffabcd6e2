"""What `labctl cycles --pulses` says on a terminal."""

from collections.abc import Iterator, Mapping, Sequence

from labctl.show.columns import in_columns
from labctl.show.values import Data, figure, number

WHERE = (
    ("t/h", "at_s", 1 / 3600, ".4f"),
    ("cycle", "cycle", 1.0, ".0f"),
    ("net/mAh", "net_charge_mAh", 1.0, "z.4f"),
    ("V", "before_V", 1.0, ".4f"),
    ("from/mA", "before_mA", 1.0, "z.4f"),
    ("to/mA", "after_mA", 1.0, "z.4f"),
)
TABLES = {
    "dcir": (
        "DCIR: ΔV/ΔI so long after a change of current",
        (
            ("0.1 s/ohm", "r_0.1s_ohm", 1.0, ".4g"),
            ("1 s/ohm", "r_1s_ohm", 1.0, ".4g"),
            ("10 s/ohm", "r_10s_ohm", 1.0, ".4g"),
        ),
    ),
    "ici": (
        "ICI: E against √t from 1 to 5 s after the current stopped",
        (
            ("R/ohm", "resistance_ohm", 1.0, ".4g"),
            ("k/(ohm/√s)", "diffusion_ohm_per_sqrt_s", 1.0, ".4g"),
            ("residual/mV", "residual_V", 1e3, ".3f"),
            ("readings", "readings", 1.0, ".0f"),
        ),
    ),
    "gitt": (
        "GITT: D/L² = 4/(πτ)·(ΔEs/ΔEt)²",
        (
            ("τ/s", "duration_s", 1.0, ".1f"),
            ("relaxed/V", "relaxed_V", 1.0, ".4f"),
            ("ΔEs/mV", "change_relaxed_V", 1e3, ".3f"),
            ("ΔEt/mV", "change_transient_V", 1e3, ".3f"),
            ("R/ohm", "resistance_ohm", 1.0, ".4g"),
            ("D/L²/(1/s)", "diffusion_per_length2_per_s", 1.0, ".4g"),
        ),
    ),
}


def pulse_lines(pulses: Mapping[str, Sequence[Data]]) -> Iterator[str]:
    """A table for each kind of pulse that there was."""
    for kind, (title, own) in TABLES.items():
        rows = pulses[kind]
        if rows:
            columns = [
                column
                for column in (*WHERE, *own)
                if any(number(row, column[1]) is not None for row in rows)
            ]
            yield title
            yield from in_columns(
                [head for head, *_ in columns],
                [[_cell(row, *column[1:]) for column in columns] for row in rows],
            )
    if not any(pulses.values()):
        yield "no change of current with readings close enough to it"


def _cell(row: Data, key: str, factor: float, form: str) -> str:
    value = number(row, key)
    return figure(None if value is None else factor * value, form)
