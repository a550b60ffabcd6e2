"""Spectra of the simulated cell by the simulated EmStat4 and Nexus: fitted resistances against
the model's own, the export against the journal, the picture."""

import csv
from pathlib import Path

import numpy as np
import pytest
from helpers import running
from scipy.optimize import least_squares

from labctl.bench import default_bench
from labctl.export import export_impedance_csv
from labctl.journal import Reader
from labctl.report.write import write_report
from labctl.show.run import summary

CELL = {"r0_ohm": 8.0, "r1_ohm": 40.0, "c1_F": 0.005}
PROTOCOL = """\
name: spectra
%slimits: {voltage: 2 V .. 3.65 V, current: 5 mA}
steps:
  - rest: 2 min
  - impedance: {from: 10 kHz, to: 50 mHz, amplitude: %s}
  - charge: 1 mA until 10 min
  - rest: 10 min
  - impedance: {from: 10 kHz, to: 50 mHz, amplitude: %s, points_per_decade: 6}
"""


def spectra(folder: Path, driver: str, amplitude: str) -> tuple[Path, list[list[list[float]]]]:
    """The run's folder, and each spectrum's (Hz, Re, Im) as exported."""
    path = folder / "spectra.yaml"
    # nothing on the instrument bounds the voltage while a current excites the cell
    allowed = "allow_unguarded: true\n" if amplitude.endswith("A") else ""
    path.write_text(PROTOCOL % (allowed, amplitude, amplitude), encoding="utf-8")
    result = running.run(
        path, "lfp-graphite", folder, bench=default_bench(driver), model=CELL, seed=5
    )
    assert result.outcome == "completed", result.reason
    columns = ("frequency_Hz", "real_ohm", "imaginary_ohm")
    found: dict[str, list[list[float]]] = {}
    with export_impedance_csv(result.folder).open(encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["step"], []).append([float(row[name]) for name in columns])
            assert row["simulated"] == "SIMULATED"
    return result.folder, list(found.values())


def fitted(spectrum: list[list[float]]) -> tuple[float, float]:
    """R0 and R1 of R0 + (R1 ∥ C1) + a capacitance, by least squares of the relative error."""
    frequency, real, imaginary = np.array(spectrum).T
    omega, z = 2j * np.pi * frequency, real + 1j * imaginary

    def misfit(logs: np.ndarray) -> np.ndarray:
        r0, r1, c1, c = np.exp(logs)
        error = (r0 + r1 / (1 + omega * r1 * c1) + 1 / (omega * c) - z) / np.abs(z)
        return np.concatenate([error.real, error.imag])

    r0, r1, *_ = np.exp(least_squares(misfit, np.log([1.0, 10.0, 0.01, 100.0])).x)
    return float(r0), float(r1)


@pytest.mark.parametrize(
    ("driver", "amplitude"),
    [
        ("emstat4", "5 mV"),
        ("emstat4", "0.1 mA"),
        pytest.param("nexus", "5 mV", marks=pytest.mark.campaign),
    ],
)
def test_the_fitted_resistances_are_the_models(driver: str, amplitude: str, tmp_path: Path) -> None:
    folder, found = spectra(tmp_path, driver, amplitude)
    assert [len(each) for each in found] == [54, 33]
    for spectrum in found:
        r0, r1 = fitted(spectrum)
        assert r0 == pytest.approx(CELL["r0_ohm"], rel=0.02)
        assert r1 == pytest.approx(CELL["r1_ohm"], rel=0.02)
        frequencies = [point[0] for point in spectrum]
        assert frequencies[0] == pytest.approx(1e4, rel=1e-3)
        assert frequencies[-1] == pytest.approx(0.05, rel=1e-3)
    if driver == "nexus":
        # the run ends with a spectrum, 33 frequencies down to 50 mHz, which has no readings
        with Reader(folder) as reader:
            last_s = max(event.t_s for event in reader.events() if event.kind == "impedance")
        assert summary(folder)["elapsed_s"] >= last_s
        written = write_report(folder)
        assert any(path.name.endswith("_impedance.svg") for path in written.pictures)
