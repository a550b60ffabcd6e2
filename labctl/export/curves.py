"""Tables of pulses and of differential capacity, for Origin and Excel."""

from collections.abc import Iterator
from pathlib import Path

from labctl.export.files import target
from labctl.export.plain import Cells, per, simulated_word, write_table
from labctl.figures.dqdv import differential_capacity
from labctl.figures.run_document import area_of, halves_of_run
from labctl.figures.run_halves import curves_of
from labctl.figures.run_pulses import pulses_of_run
from labctl.journal import Reader

PULSE_FIGURES = (
    "at_s", "cycle", "step_id", "net_charge_mAh", "before_V", "before_mA", "after_mA",
    "r_0.1s_ohm", "r_1s_ohm", "r_10s_ohm", "resistance_ohm", "diffusion_ohm_per_sqrt_s",
    "residual_V", "readings", "duration_s", "relaxed_V", "change_relaxed_V", "change_transient_V",
    "diffusion_per_length2_per_s",
)  # fmt: skip
"""As `labctl cycles --pulses --json` names them."""
PULSE_COLUMNS = ("kind", *PULSE_FIGURES, "simulated")
DQDV_COLUMNS = (
    "cycle", "class", "kind", "voltage_V", "dq_dv_mAh_per_V", "dq_dv_mAh_per_V_cm2", "simulated",
)  # fmt: skip


def export_pulses_csv(run: Path, path: Path | None = None) -> Path:
    """Write DCIR, ICI and GITT of a run, a row for each pulse or pause.

    Raises JournalError, OSError.
    """
    with Reader(run) as reader:
        manifest = reader.manifest()
        word = simulated_word(bool(manifest["simulated"]))
        rows = (
            (kind, *(each.get(name) for name in PULSE_FIGURES), word)
            for kind, found in pulses_of_run(reader).items()
            for each in found
        )
        return write_table(target(run, manifest, ".pulses.csv", path), PULSE_COLUMNS, rows=rows)


def export_dqdv_csv(run: Path, path: Path | None = None) -> Path:
    """Write |dQ/dV| of the complete cycles' halves, without holds, on a grid of 4 mV.

    Smoothed by a Gaussian of 4 mV (sigma); its integral is the half's charge. Raises JournalError,
    OSError.
    """
    with Reader(run) as reader:
        manifest = reader.manifest()
        area_cm2, word = area_of(manifest), simulated_word(bool(manifest["simulated"]))
        rows = _dqdv_rows(reader, area_cm2, word)
        return write_table(target(run, manifest, ".dqdv.csv", path), DQDV_COLUMNS, rows=rows)


def _dqdv_rows(reader: Reader, area_cm2: float | None, word: str) -> Iterator[Cells]:
    halves = [half for half in halves_of_run(reader) if half.standing == "complete"]
    for half, (charge_Ah, voltage_V) in curves_of(reader, halves, with_holds=False):
        if len(charge_Ah) < 2 or charge_Ah[-1] <= charge_Ah[0]:
            continue
        found = differential_capacity(charge_Ah, voltage_V)
        for at_V, per_V in zip(found.voltage_V, found.dq_dv_Ah_per_V, strict=True):
            mAh_per_V = 1e3 * per_V
            yield (
                half.cycle, half.group_class, half.kind, at_V, mAh_per_V,
                per(mAh_per_V, area_cm2), word,
            )  # fmt: skip
