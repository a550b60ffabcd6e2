"""Plating cells: their account of charge, their kinetics, and the traces that labs know."""

import math
from collections.abc import Mapping
from copy import deepcopy
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_simulators.cells import anode_free, half, symmetric
from labctl_simulators.cells.plating import PlatingCell
from labctl_simulators.cells.presets import MetalName
from labctl_simulators.ports import CellSize, Source
from labctl_simulators.terminals import Terminals

AREA_cm2 = 1.131
Kind = Literal["half", "anode-free", "symmetric"]
METALS: tuple[MetalName, ...] = ("Na", "K", "Zn", "Li")
CUT_V = 0.5


def half_cell(metal: MetalName = "Na", seed: int = 0, **parameters: float) -> PlatingCell:
    return half(CellSize("half", metal), parameters, seed)


class Bench:
    """Plates and strips as an instrument would, and integrates nothing: the ledger tells."""

    def __init__(self, cell: PlatingCell) -> None:
        self.cell = cell
        self.terminals = Terminals(cell)

    def rest(self, hours: float) -> None:
        self.terminals.connect(Source(), self.terminals.now)
        self.terminals.advance(self.terminals.now + hours * 3600.0)

    def plate(self, mA_cm2: float, mAh_cm2: float) -> None:
        """Half cells: a negative current for a time."""
        now = self.terminals.now
        self.terminals.connect(Source("current", -mA_cm2 * AREA_cm2 * 1e-3, 5.0), now)
        self.terminals.advance(now + mAh_cm2 / mA_cm2 * 3600.0)

    def strip(self, mA_cm2: float, mAh_cm2: float = math.inf, cut_V: float = CUT_V) -> float:
        """Half cells: a voltage source at the cut-off; gives the charge by the ledger, mAh/cm²."""
        now, before_Ah = self.terminals.now, self.cell.ledger().stripped_Ah
        self.terminals.connect(Source("voltage", cut_V, mA_cm2 * AREA_cm2 * 1e-3), now)
        hours = min(mAh_cm2 / mA_cm2, 2000.0)
        while self.terminals.now < now + hours * 3600.0 and self.terminals.state().limited:
            left_s = now + hours * 3600.0 - self.terminals.now
            self.terminals.advance(self.terminals.now + min(10.0, left_s))
        self.terminals.connect(Source(), self.terminals.now)
        return (self.cell.ledger().stripped_Ah - before_Ah) / AREA_cm2 * 1e3


@pytest.mark.parametrize("metal", METALS)
@pytest.mark.parametrize("ce", [0.99, 0.90, 0.70])
@pytest.mark.parametrize("mA_cm2", [0.1, 0.5, 2.0])
def test_what_comes_back_is_exactly_ce_of_what_was_plated(
    metal: MetalName, ce: float, mA_cm2: float
) -> None:
    bench = Bench(half_cell(metal, ce=ce))
    bench.rest(12.0)
    for _ in range(2):
        bench.plate(mA_cm2, 1.0)
        bench.rest(1.0)
        assert bench.strip(mA_cm2) == pytest.approx(ce, abs=5e-5)
    ledger = bench.cell.ledger()
    assert ledger.lost_Ah == pytest.approx((1.0 - ce) * ledger.plated_Ah, rel=1e-12)
    assert bench.cell.collector.metal_Ah / AREA_cm2 * 1e3 < 1e-4


@pytest.mark.parametrize("ce", [0.99, 0.90])
def test_reservoir_sequence_gives_the_cells_own_efficiency(ce: float) -> None:
    bench = Bench(half_cell(ce=ce))
    bench.plate(0.5, 4.0)
    bench.strip(0.5)
    start = bench.cell.ledger()
    bench.plate(0.5, 4.0)
    for _ in range(10):
        assert bench.strip(0.5, mAh_cm2=1.0) == pytest.approx(1.0, abs=1e-6)
        bench.plate(0.5, 1.0)
    bench.strip(0.5)
    end = bench.cell.ledger()
    stripped_Ah = end.stripped_Ah - start.stripped_Ah
    assert stripped_Ah / (end.plated_Ah - start.plated_Ah) == pytest.approx(ce, abs=1e-6)
    # the formula of Adams et al.: (n·Q_C + Q_S)/(n·Q_C + Q_T)
    last_mAh_cm2 = stripped_Ah / AREA_cm2 * 1e3 - 10.0
    assert (10.0 + last_mAh_cm2) / 14.0 == pytest.approx(ce, abs=1e-4)


def test_reservoir_of_a_poor_cell_runs_out_in_the_loop() -> None:
    bench = Bench(half_cell(ce=0.7))
    bench.plate(0.5, 4.0)
    full = 0
    for _ in range(10):
        if bench.strip(0.5, mAh_cm2=1.0) < 0.999:
            break
        full += 1
        bench.plate(0.5, 1.0)
    # 0.7·4 = 2.8 there at first; each pair takes 0.3 net: after k pairs 2.8 − 0.3·k ≥ 1 holds to 6
    assert full == 7


def test_first_deposit_may_have_a_yield_of_its_own() -> None:
    bench = Bench(half_cell(ce=0.99, ce_first=0.8))
    bench.plate(1.0, 1.0)
    assert bench.strip(1.0) == pytest.approx(0.8, abs=5e-5)
    bench.plate(1.0, 1.0)
    assert bench.strip(1.0) == pytest.approx(0.99, abs=5e-5)


@settings(max_examples=40)
@given(
    program=st.lists(
        st.tuples(st.floats(-5e-3, 5e-3), st.floats(0.0, 2000.0)), min_size=1, max_size=12
    ),
    metal=st.sampled_from(METALS),
    preplated_Ah=st.sampled_from([0.0, 1e-4, 2e-3]),
    parameters=st.sampled_from(
        [
            {},
            {"ce": 0.9},
            {"dead_fraction": 1.0, "recovery_per_h": 0.5},
            {"corrosion_first_mA_cm2": 3.0, "corrosion_mA_cm2": 0.5},
        ]
    ),
)
def test_every_charge_is_accounted_for(
    program: list[tuple[float, float]],
    metal: MetalName,
    preplated_Ah: float,
    parameters: Mapping[str, float],
) -> None:
    size = CellSize("half", metal, preplated_Ah=preplated_Ah)
    cell = half(size, parameters, 3)
    passed_Ah = 0.0
    for current_A, dt_s in program:
        cell.step(dt_s, current_A)
        passed_Ah -= current_A * dt_s / 3600.0
        ledger, side = cell.ledger(), cell.collector
        left_Ah = ledger.plated_Ah - ledger.stripped_Ah - ledger.lost_Ah
        assert side.metal_Ah - preplated_Ah == pytest.approx(left_Ah, abs=1e-12)
        through_Ah = ledger.plated_Ah - ledger.stripped_Ah + side.other_Ah
        assert through_Ah == pytest.approx(passed_Ah, abs=1e-12)
        assert side.metal_Ah >= 0.0
        assert side.corroded_Ah >= -1e-15
        assert math.isfinite(cell.voltage(current_A))


@settings(max_examples=60)
@given(
    kind=st.sampled_from(["half", "anode-free", "symmetric"]),
    metal=st.sampled_from(METALS),
    before=st.tuples(st.floats(-3e-3, 3e-3), st.floats(0.0, 7200.0)),
    currents_A=st.tuples(st.floats(-20e-3, 20e-3), st.floats(-20e-3, 20e-3)),
    short_S=st.sampled_from([0.0, 1e-3, 1.0]),
)
def test_voltage_rises_with_current_and_asking_changes_nothing(
    kind: Kind,
    metal: MetalName,
    before: tuple[float, float],
    currents_A: tuple[float, float],
    short_S: float,
) -> None:
    make = {"half": half, "anode-free": anode_free, "symmetric": symmetric}[kind]
    cell = make(CellSize(kind, metal), {"soft_short_S": short_S}, 0)
    cell.step(before[1], before[0])
    lower_A, higher_A = sorted(currents_A)
    lower_V, higher_V = cell.voltage(lower_A), cell.voltage(higher_A)
    assert lower_V <= higher_V
    if higher_A - lower_A > 1e-8:
        assert lower_V < higher_V
    assert cell.voltage(lower_A) == lower_V


def test_a_copy_goes_its_own_way() -> None:
    for make in (half, anode_free, symmetric):
        cell = make(CellSize("half", "Na"), {"soft_short_S": 1e-4}, 0)
        twin = deepcopy(cell)
        before = (cell.voltage(1e-3), cell.ledger())
        twin.step(600.0, -1e-3)
        assert (cell.voltage(1e-3), cell.ledger()) == before
        cell.step(600.0, -1e-3)
        assert cell.voltage(1e-3) == twin.voltage(1e-3)
        assert cell.ledger() == twin.ledger()


@pytest.mark.parametrize("degC", [5.0, 25.0, 45.0])
def test_symmetric_cell_obeys_butler_volmer(degC: float) -> None:
    j0, ohm_cm2, j = 0.7, 12.0, 1.3
    parameters = {
        "exchange_mA_cm2": j0,
        "resistance_ohm_cm2": ohm_cm2,
        "diffusion_ohm_cm2": 0.0,
        "activation_kJ_mol": 50.0,
        "temperature_degC": degC,
    }
    cell = symmetric(CellSize("symmetric", "Zn"), parameters, 0)
    kelvin = degC + 273.15
    at_degC = j0 * math.exp(50e3 / 8.314462618 * (1.0 / 298.15 - 1.0 / kelvin))
    two_rt_zf = 2.0 * 8.314462618 * kelvin / (2.0 * 96485.33212)
    expected_V = 2.0 * two_rt_zf * math.asinh(j / (2.0 * at_degC)) + j * 1e-3 * ohm_cm2
    assert cell.voltage(j * 1e-3 * AREA_cm2) == pytest.approx(expected_V, rel=1e-3)
    assert cell.voltage(-j * 1e-3 * AREA_cm2) == pytest.approx(-expected_V, rel=1e-3)


@pytest.mark.parametrize("metal", METALS)
def test_half_cell_looks_like_one(metal: MetalName) -> None:
    bench = Bench(half_cell(metal, seed=5))
    fresh_V = bench.terminals.state().voltage_V
    assert (0.9 <= fresh_V <= 1.1) if metal == "Zn" else (1.0 <= fresh_V <= 2.7)
    bench.rest(6.0)
    assert abs(bench.terminals.state().voltage_V - fresh_V) < 0.1
    bench.plate(0.5, 0.0)
    dip_V, previous_V = math.inf, fresh_V
    for _ in range(60):
        bench.terminals.advance(bench.terminals.now + 10.0)
        previous_V = bench.terminals.state().voltage_V
        dip_V = min(dip_V, previous_V)
    bench.terminals.advance(bench.terminals.now + 6600.0)
    plateau_V = bench.terminals.state().voltage_V
    assert -0.2 < dip_V < plateau_V - 0.01 < -0.01
    bench.rest(0.5)
    assert abs(bench.terminals.state().voltage_V) < 2e-3
    assert bench.strip(0.5, mAh_cm2=0.5) == pytest.approx(0.5, abs=1e-6)
    bench.strip(0.5)
    assert bench.terminals.state().voltage_V > 0.4


def test_metal_left_over_needs_no_nucleation() -> None:
    cell = half_cell(ce=0.99)
    bench = Bench(cell)
    bench.plate(0.5, 1.0)
    bench.strip(0.5, mAh_cm2=0.5)
    bench.rest(0.5)
    again_V = cell.voltage(-0.5e-3 * AREA_cm2)
    bench.strip(0.5)
    bench.rest(0.5)
    bench.plate(0.5, 0.0)
    lowest_V = math.inf
    for _ in range(30):
        bench.terminals.advance(bench.terminals.now + 0.5)
        lowest_V = min(lowest_V, bench.terminals.state().voltage_V)
    assert lowest_V < again_V - 0.02


def test_seed_makes_the_cell_and_two_of_a_kind_are_equal() -> None:
    def trace(seed: int) -> list[float]:
        bench = Bench(half_cell(seed=seed))
        voltages = []
        bench.plate(0.5, 0.0)
        for _ in range(50):
            bench.terminals.advance(bench.terminals.now + 30.0)
            voltages.append(bench.terminals.state().voltage_V)
        return voltages

    assert trace(1) == trace(1)
    assert trace(1) != trace(2)


def test_the_account_of_a_symmetric_cell_is_its_positive_electrodes() -> None:
    """A negative current plates on it, as in a half cell; what a short passes is not in it."""
    size, ohm = CellSize("symmetric", "Na"), 1000.0
    for short_S in (0.0, 1.0 / ohm):
        cell = symmetric(size, {"ce": 0.95, "soft_short_S": short_S}, 0)
        terminals, passed_V_s = Terminals(cell), 0.0
        for current_A in (-1e-3, 1e-3):
            terminals.connect(Source("current", current_A, 5.0), terminals.now)
            for _ in range(360):
                before_V = terminals.state().voltage_V
                terminals.advance(terminals.now + 10.0)
                passed_V_s += 5.0 * abs(before_V + terminals.state().voltage_V)
        ledger = cell.ledger()
        through_short_Ah = passed_V_s * short_S / 3600.0
        both_Ah = ledger.plated_Ah + ledger.stripped_Ah
        # the sum is off by what the voltage bends within 10 s
        wrong_Ah = 1e-3 * through_short_Ah + 1e-12
        assert both_Ah == pytest.approx(2e-3 - through_short_Ah, abs=wrong_Ah)
        assert ledger.plated_Ah == pytest.approx(ledger.stripped_Ah, rel=1e-2)
        assert ledger.lost_Ah == pytest.approx(0.05 * ledger.plated_Ah, rel=1e-12)
        assert (through_short_Ah > 3e-5) == (short_S > 0.0)


def test_self_discharge_and_corrosion_eat_the_deposit_and_uncover_the_collector() -> None:
    cell = half_cell("Zn", ce=1.0, corrosion_mA_cm2=0.6)
    bench = Bench(cell)
    bench.plate(5.0, 0.1)
    deposit_mAh_cm2 = cell.collector.metal_Ah / AREA_cm2 * 1e3
    assert deposit_mAh_cm2 == pytest.approx(0.1 - 0.6 * 0.1 / 5.0, rel=1e-3)
    bench.rest(0.9 * deposit_mAh_cm2 / 0.6)
    assert abs(bench.terminals.state().voltage_V) < 0.01
    bench.rest(0.5)
    assert bench.terminals.state().voltage_V > 0.4
    assert cell.ledger().lost_Ah == pytest.approx(cell.ledger().plated_Ah, rel=1e-4)

    lazy = half_cell("Li", ce=1.0, self_discharge_per_h=1e-3)
    bench = Bench(lazy)
    bench.plate(1.0, 1.0)
    before_Ah = lazy.collector.metal_Ah
    bench.rest(24.0)
    assert lazy.collector.metal_Ah == pytest.approx(before_Ah * math.exp(-0.024), rel=1e-9)


def test_soft_short_keeps_a_strip_below_its_cut_off() -> None:
    cell = half_cell(ce=0.9, soft_short_S=1e-3, soft_short_at_mAh_cm2=0.5)
    bench = Bench(cell)
    bench.plate(0.5, 1.0)
    bench.terminals.connect(Source("voltage", 1.0, 0.5e-3), bench.terminals.now)
    bench.terminals.advance(bench.terminals.now + 10 * 3600.0)
    state = bench.terminals.state()
    assert state.limited
    assert state.voltage_V == pytest.approx(0.5e-3 / 1e-3, rel=1e-3)


def test_hard_short_pulls_a_full_cell_to_nothing_and_may_come_and_go_by_age() -> None:
    size = CellSize("anode-free", "Na", capacity_Ah=2e-3)
    cell = anode_free(size, {"hard_short_at_h": 1.0}, 0)
    bench = Bench(cell)
    bench.terminals.connect(Source("current", 0.5e-3, 5.0), 0.0)
    bench.terminals.advance(3599.0)
    assert bench.terminals.state().voltage_V > 3.0
    bench.terminals.advance(3601.0)
    assert abs(bench.terminals.state().voltage_V) < 0.3

    passing = half_cell(ce=0.9, soft_short_S=1.0, soft_short_at_h=1.0, soft_short_for_h=0.5)
    bench = Bench(passing)
    bench.plate(0.5, 0.4)
    plateau_V = bench.terminals.state().voltage_V
    bench.terminals.advance(1.2 * 3600.0)
    assert abs(bench.terminals.state().voltage_V) < 0.2 * abs(plateau_V)
    bench.terminals.advance(2.0 * 3600.0)
    assert bench.terminals.state().voltage_V == pytest.approx(plateau_V, rel=0.1)


def test_anode_free_cell_loses_its_inventory_cycle_by_cycle() -> None:
    size = CellSize("anode-free", "Na", capacity_Ah=2e-3, inventory_Ah=2e-3)
    cell = anode_free(size, {"ce": 0.98}, 0)
    terminals = Terminals(cell)
    assert cell.inventory_Ah == pytest.approx(2e-3)
    inventories = []
    for _ in range(5):
        for source in (Source("voltage", 3.9, 1e-3), Source("voltage", 2.0, 1e-3)):
            terminals.connect(source, terminals.now)
            terminals.advance(terminals.now + 4 * 3600.0)
        inventories.append(cell.inventory_Ah)
    ledger = cell.ledger()
    beside_Ah = cell.collector.other_Ah
    assert cell.inventory_Ah == pytest.approx(2e-3 - ledger.lost_Ah - beside_Ah, abs=1e-12)
    assert abs(beside_Ah) < 1e-6
    ratios = [b / a for a, b in pairwise(inventories)]
    assert all(ratio == pytest.approx(0.98, abs=1e-3) for ratio in ratios)
    assert ledger.stripped_Ah / ledger.plated_Ah == pytest.approx(0.98, abs=1e-5)


def test_anode_free_plates_on_a_positive_current_and_half_on_a_negative_one() -> None:
    full = anode_free(CellSize("anode-free", "K", capacity_Ah=2e-3), {"ce": 0.99}, 0)
    full.step(3600.0, 1e-3)
    assert full.ledger().plated_Ah == pytest.approx(1e-3, rel=1e-3)
    bare = half_cell("K", ce=0.99)
    bare.step(3600.0, 1e-3)
    assert bare.ledger().plated_Ah == bare.ledger().stripped_Ah == 0.0
    bare.step(7200.0, -1e-3)
    assert bare.ledger().plated_Ah == pytest.approx(2e-3, rel=1e-3)


def test_preplated_metal_is_there_from_the_start() -> None:
    cell = half(CellSize("half", "Na", preplated_Ah=1e-3), {"ce": 1.0}, 0)
    bench = Bench(cell)
    assert abs(bench.terminals.state().voltage_V) < 1e-6
    assert bench.strip(0.5) * AREA_cm2 * 1e-3 == pytest.approx(1e-3, rel=1e-4)


def test_large_currents_warm_the_cell_and_rest_cools_it() -> None:
    cell = half_cell(ce=1.0, heat_loss_W_K=0.01, heat_capacity_J_K=3.0)
    assert cell.temperature_K == 298.15
    bench = Bench(cell)
    bench.plate(20.0, 40.0)
    current_A = 20e-3 * AREA_cm2
    heat_W = current_A * abs(bench.terminals.state().voltage_V)
    assert cell.temperature_K - 298.15 == pytest.approx(heat_W / 0.01, rel=0.02)
    bench.rest(5.0)
    assert cell.temperature_K == pytest.approx(298.15, abs=1e-3)


@pytest.mark.parametrize("ce", [0.99, 0.9])
@pytest.mark.parametrize("portion_mAh_cm2", [0.05, 0.2, 1.0])
def test_charge_at_the_terminals_measures_the_cells_own_efficiency(
    ce: float, portion_mAh_cm2: float
) -> None:
    bench = Bench(half_cell("Na", ce=ce))
    bench.plate(0.5, portion_mAh_cm2)
    bench.strip(0.5, cut_V=1.0)
    before, beside_Ah = bench.cell.ledger(), bench.cell.collector.other_Ah
    bench.plate(0.5, portion_mAh_cm2)
    plating_surface_Ah = bench.cell.collector.other_Ah - beside_Ah
    middle_Ah = bench.cell.collector.other_Ah
    bench.strip(0.5, cut_V=1.0)
    after = bench.cell.ledger()
    plated_Ah = after.plated_Ah - before.plated_Ah
    stripped_Ah = after.stripped_Ah - before.stripped_Ah
    surface_Ah = middle_Ah - bench.cell.collector.other_Ah
    measured = (stripped_Ah + surface_Ah) / (plated_Ah + plating_surface_Ah)
    assert measured == pytest.approx(stripped_Ah / plated_Ah, abs=5e-4)
    assert stripped_Ah / plated_Ah == pytest.approx(ce, abs=1e-4)
