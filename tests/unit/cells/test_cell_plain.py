"""Cells without chemistry, open-circuit curves, names and parameters."""

import math
from importlib.metadata import entry_points
from itertools import pairwise
from typing import Literal

import pytest

from labctl_simulators import cells
from labctl_simulators.cells.cathodes import CATHODES, nvpf, parse_cathode
from labctl_simulators.cells.plain import lfp_graphite
from labctl_simulators.cells.presets import MetalName
from labctl_simulators.ports import CellSize, Ledger, MakeCell, Source
from labctl_simulators.terminals import Terminals

Kind = Literal["half", "anode-free", "symmetric", "full", "cathode-half"]
FULL = CellSize("full", capacity_Ah=2e-3)
FACTORIES = (
    cells.half,
    cells.anode_free,
    cells.symmetric,
    cells.thevenin,
    cells.resistor,
    cells.open_circuit,
    cells.short_circuit,
)


def test_thevenin_answers_a_current_step_like_its_circuit() -> None:
    r0, r1, c1, current_A = 3.0, 7.0, 10.0, 1e-4
    parameters = {"capacity_Ah": 1.0, "r0_ohm": r0, "r1_ohm": r1, "c1_F": c1, "soc": 0.4}
    cell = cells.thevenin(FULL, parameters, 0)
    terminals = Terminals(cell)
    rest_V = terminals.state().voltage_V
    terminals.connect(Source("current", current_A, 5.0), 0.0)
    for seconds in (0.0, 10.0, 70.0, 300.0):
        terminals.advance(seconds)
        response_V = current_A * (r0 + r1 * (1.0 - math.exp(-seconds / (r1 * c1))))
        assert terminals.state().voltage_V - rest_V == pytest.approx(response_V, abs=2e-6)


def test_thevenin_charges_at_constant_current_then_voltage_and_counts_it() -> None:
    cell = cells.thevenin(FULL, {"soc": 0.1}, 0)
    terminals = Terminals(cell)
    terminals.connect(Source("voltage", 3.45, 1e-3), 0.0)
    assert terminals.state().limited
    terminals.advance(4 * 3600.0)
    state = terminals.state()
    assert not state.limited
    assert 0.0 < state.current_A < 1e-3 / 20
    ledger = cell.ledger()
    net_Ah = ledger.plated_Ah - ledger.stripped_Ah
    assert net_Ah == pytest.approx(2e-3 * (cell.soc - 0.1), rel=1e-12)
    assert ledger.stripped_Ah == pytest.approx(0.0, abs=1e-12)
    assert ledger.lost_Ah == 0.0


def test_lfp_graphite_rises_with_its_charge_between_the_usual_limits() -> None:
    voltages = [lfp_graphite(step / 1000) for step in range(-50, 1051)]
    assert all(lower < higher for lower, higher in pairwise(voltages))
    assert 2.0 < lfp_graphite(0.0) < 2.9
    assert 3.2 < lfp_graphite(0.5) < 3.4
    assert 3.4 < lfp_graphite(1.0) < 3.8


@pytest.mark.parametrize("name", CATHODES)
def test_cathode_potential_falls_as_the_metal_comes_back(name: str) -> None:
    curve = parse_cathode(name.upper())[0].curve
    voltages = [curve(step / 2000) for step in range(2001)]
    assert all(higher > lower for higher, lower in pairwise(voltages))
    assert all(0.3 < voltage < 5.5 for voltage in voltages)


@pytest.mark.parametrize(
    ("name", "fraction", "volt"),
    [
        ("NVP", 0.5, 3.385),
        ("LFP", 0.5, 3.3976),
        ("PW", 0.9, 3.06),
        ("MnO2", 0.1, 1.39),
        ("MnO2", 0.9, 1.19),
        ("KFeHCF", 0.1, 3.99),
        ("KFeHCF", 0.9, 3.39),
        ("Na5VP", 0.3, 3.40),
        ("Na5VP", 0.9, 1.58),
    ],
)
def test_cathode_plateaus(name: str, fraction: float, volt: float) -> None:
    assert parse_cathode(name)[0].curve(fraction) == pytest.approx(volt, abs=0.02)


def test_nvpf_goes_through_its_table() -> None:
    for x, volt in ((0.41, 4.158), (0.591, 3.725), (0.80, 3.678)):
        assert nvpf((x - 0.22) / 0.78) == pytest.approx(volt, abs=1e-9)


def test_resistor_open_and_short() -> None:
    size = CellSize("half")
    assert cells.resistor(size, {"ohm": 470.0}, 0).voltage(1e-3) == pytest.approx(0.47)
    assert cells.short_circuit(size, {}, 0).voltage(1.0) < 0.1
    terminals = Terminals(cells.open_circuit(size, {}, 0))
    terminals.connect(Source("current", 1e-3, 20.0), 0.0)
    state = terminals.state()
    assert (state.voltage_V, state.limited) == (20.0, True)
    assert abs(state.current_A) < 1e-9
    assert terminals.cell.ledger() == Ledger(0.0, 0.0, 0.0)


@pytest.mark.parametrize("make", FACTORIES)
def test_unknown_parameters_are_named_with_the_known_ones(make: MakeCell) -> None:
    size = CellSize("half", "Na")
    with pytest.raises(ValueError, match=r"no parameter 'colour'; it has .+"):
        make(size, {"colour": 1.0}, 0)


@pytest.mark.parametrize("value", [-0.1, 1.01, math.nan, math.inf])
def test_values_out_of_range_are_refused(value: float) -> None:
    for make in (cells.half, cells.anode_free, cells.symmetric):
        with pytest.raises(ValueError, match="outside 0 … 1"):
            make(CellSize("half", "Na"), {"ce": value}, 0)
    with pytest.raises(ValueError, match="outside"):
        cells.thevenin(FULL, {"capacity_Ah": value - 2.0}, 0)


def test_a_plating_cell_needs_a_metal_an_area_and_a_known_cathode() -> None:
    with pytest.raises(ValueError, match="needs a metal: Na, K, Zn, Li"):
        cells.half(CellSize("half"), {}, 0)
    with pytest.raises(ValueError, match="area"):
        cells.half(CellSize("half", "Na", area_cm2=0.0), {}, 0)
    with pytest.raises(ValueError, match=r"no cathode 'tin' is known; there are NVP, "):
        cells.anode_free(CellSize("anode-free", "Na", cathode="tin"), {}, 0)


@pytest.mark.parametrize(
    ("name", "metal", "kind"),
    [
        ("na-half", "Na", "half"),
        ("K-symmetric", "K", "symmetric"),
        ("zn-anode-free", "Zn", "anode-free"),
        ("thevenin", None, "thevenin"),
        ("anode-free", None, "anode-free"),
        ("somebody-elses", None, "somebody-elses"),
        ("li", None, "li"),
        ("li-", None, "li-"),
    ],
)
def test_names_are_split_into_metal_and_kind(name: str, metal: str | None, kind: str) -> None:
    assert cells.split_model(name) == (metal, kind)


@pytest.mark.parametrize("kind", ["half", "anode-free", "symmetric", "full", "cathode-half"])
@pytest.mark.parametrize("metal", ["Na", "K", "Zn", "Li"])
def test_the_default_model_of_a_record_exists_and_stands_at_a_plausible_voltage(
    kind: Kind, metal: MetalName
) -> None:
    size = CellSize(kind, metal, capacity_Ah=2e-3)
    split_metal, model = cells.split_model(cells.default_model(size))
    assert split_metal == (None if kind == "full" else metal)
    (point,) = entry_points(group="labctl.cells", name=model)
    cell = point.load()(size, {}, 0)
    assert -0.01 <= cell.voltage(0.0) < 4.5


def test_a_record_without_metal_has_a_default_model_only_as_a_full_cell() -> None:
    assert cells.default_model(CellSize("full")) == "thevenin"
    with pytest.raises(ValueError, match="metal"):
        cells.default_model(CellSize("half"))


def test_cathode_half_cell_discharges_and_charges_without_running_out_of_metal() -> None:
    size = CellSize("cathode-half", "Na", capacity_Ah=2e-3, cathode="NVP")
    terminals = Terminals(cells.anode_free(size, {}, 0))
    for level, expected_V in ((3.8, 3.8), (2.5, 2.5)):
        terminals.connect(Source("voltage", level, 1e-3), terminals.now)
        terminals.advance(terminals.now + 3 * 3600.0)
        assert terminals.state().voltage_V == pytest.approx(expected_V)
    ledger = terminals.cell.ledger()
    assert ledger.stripped_Ah == pytest.approx(ledger.plated_Ah, rel=0.03)
