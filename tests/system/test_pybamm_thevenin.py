"""Ten CCCV cycles through the whole stack against PyBaMM's own Thevenin model and solver."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from helpers import running

from labctl.figures.run_document import figures_of_run
from labctl.journal import readings
from labctl_simulators.cells.plain import lfp_graphite

pytestmark = pytest.mark.campaign

CYCLES = 10
CAPACITY_Ah, R0_OHM, R1_OHM, C1_F, SOC = 2.262e-3, 60.0, 20.0, 3.0, 0.3
HIGH_V, LOW_V = 3.45, 2.5
VOLTAGES_WITHIN, TIMES_WITHIN, CHARGES_WITHIN = 1e-3, 5e-4, 2e-4
"""Relative; 1 % was asked for, and less than half of these is found."""
MARGIN = 0.05
"""Our cell takes some charge beyond full and empty; PyBaMM's state of charge ends at 0 and 1, so
that its scale is stretched to hold them."""


class Stretch(NamedTuple):
    """A charge with its hold, a discharge, or a rest: times from its start, and charge passed."""

    time_s: Any
    voltage_V: Any
    charge_mAh: float


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> running.RunResult:
    model = {"r0_ohm": R0_OHM, "r1_ohm": R1_OHM, "c1_F": C1_F, "soc": SOC, "instrument_error": 0.0,
             "capacity_Ah": CAPACITY_Ah}  # fmt: skip
    return running.run(
        "cccv",
        "lfp-graphite",
        tmp_path_factory.mktemp("cccv"),
        parameters={"cycles": str(CYCLES), "high": f"{HIGH_V} V"},
        model=model,
        model_name="thevenin",
    )


@pytest.fixture(scope="module")
def theirs() -> Any:
    """The same experiment in PyBaMM: isothermal, its own solver and events."""
    patch = pytest.MonkeyPatch()
    patch.setenv("PYBAMM_DISABLE_TELEMETRY", "true")
    import pybamm

    patch.undo()
    soc = np.linspace(-MARGIN, 1 + MARGIN, 11_001)
    ocv_V = np.array([lfp_graphite(each) for each in soc])
    scale = 1 + 2 * MARGIN

    def open_circuit_V(stretched: Any) -> Any:
        return pybamm.Interpolant(soc, ocv_V, scale * stretched - MARGIN, interpolator="linear")

    values = pybamm.ParameterValues("ECM_Example")
    values.update(
        {
            "Cell capacity [A.h]": scale * CAPACITY_Ah,
            "Nominal cell capacity [A.h]": CAPACITY_Ah,
            "R0 [Ohm]": R0_OHM,
            "R1 [Ohm]": R1_OHM,
            "C1 [F]": C1_F,
            "Initial SoC": (SOC + MARGIN) / scale,
            "Element-1 initial overpotential [V]": 0.0,
            "Entropic change [V/K]": 0.0,
            "Open-circuit voltage [V]": open_circuit_V,
            "Upper voltage cut-off [V]": 5.0,
            "Lower voltage cut-off [V]": 0.0,
        }
    )
    half, step = CAPACITY_Ah / 2, pybamm.step
    one = (
        step.current(-half, termination=f"{HIGH_V} V", duration="12 hours", period="10 s"),
        step.voltage(
            HIGH_V, termination=f"{CAPACITY_Ah / 20} A", duration="3 hours", period="10 s"
        ),
        step.rest(duration="10 minutes", period="10 s"),
        step.current(half, termination=f"{LOW_V} V", duration="12 hours", period="10 s"),
        step.rest(duration="10 minutes", period="10 s"),
    )
    simulation = pybamm.Simulation(
        pybamm.equivalent_circuit.Thevenin(),
        parameter_values=values,
        experiment=pybamm.Experiment([one] * CYCLES),
    )
    return simulation.solve()


def their_stretches(solution: Any) -> Iterator[Stretch]:
    for cycle in solution.cycles:
        steps = cycle.steps
        for members in (steps[:2], steps[2:3], steps[3:4], steps[4:]):
            time_s = np.concatenate([each["Time [s]"].entries for each in members])
            voltage_V = np.concatenate([each["Voltage [V]"].entries for each in members])
            soc = [members[0]["SoC"].entries[0], members[-1]["SoC"].entries[-1]]
            charge_mAh = 1e3 * (1 + 2 * MARGIN) * CAPACITY_Ah * (soc[1] - soc[0])
            yield Stretch(time_s - time_s[0], voltage_V, charge_mAh)


def our_stretches(folder: Path) -> Iterator[Stretch]:
    """As recorded; a hold goes on in the stretch of its charge."""
    rows = list(readings(folder))
    starts = [
        n
        for n, row in enumerate(rows)
        if n == 0 or (row.step_count != rows[n - 1].step_count and row.step_type != "then_hold")
    ]
    for first, beyond in pairwise([*starts, len(rows)]):
        part = rows[first:beyond]
        begun_s = part[0].t_s - part[0].step_time_s
        net_Ah = [
            row.charging_Ah - row.discharging_Ah for row in (rows[max(first - 1, 0)], part[-1])
        ]
        yield Stretch(
            np.array([row.t_s - begun_s for row in part]),
            np.array([row.voltage_V for row in part]),
            1e3 * (net_Ah[1] - net_Ah[0]),
        )


def test_voltage_against_time_is_pybamms(ours: running.RunResult, theirs: Any) -> None:
    """Every stretch lasts as long, and every reading lies on PyBaMM's curve."""
    pairs = list(zip(our_stretches(ours.folder), their_stretches(theirs), strict=True))
    assert len(pairs) == 4 * CYCLES
    for mine, reference in pairs:
        assert mine.time_s[-1] == pytest.approx(reference.time_s[-1], rel=TIMES_WITHIN)
        expected_V = np.interp(mine.time_s, reference.time_s, reference.voltage_V)
        assert np.abs(mine.voltage_V / expected_V - 1).max() < VOLTAGES_WITHIN


def test_charge_per_cycle_is_pybamms(ours: running.RunResult, theirs: Any) -> None:
    cycles: Any = figures_of_run(ours.folder)["cycles"]
    stretches = list(their_stretches(theirs))
    assert len(cycles) == CYCLES
    for cycle, charge, discharge in zip(cycles, stretches[0::4], stretches[2::4], strict=True):
        assert cycle["first"]["charge_mAh"] == pytest.approx(charge.charge_mAh, rel=CHARGES_WITHIN)
        assert cycle["second"]["charge_mAh"] == pytest.approx(
            -discharge.charge_mAh, rel=CHARGES_WITHIN
        )
