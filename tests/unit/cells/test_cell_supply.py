"""Metal from elsewhere: a sacrificial additive, an over-metallated cathode, a reservoir."""

import math
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_simulators.cells import anode_free, default_model, three_electrode
from labctl_simulators.cells.cathodes import nvp
from labctl_simulators.cells.opposite import Cathode
from labctl_simulators.cells.plating import PlatingCell
from labctl_simulators.cells.three_electrode import ThreeElectrodes
from labctl_simulators.ports import CellSize, Source
from labctl_simulators.terminals import Terminals, terminals_of

AREA_cm2 = 1.131
CAPACITY_Ah = 2e-3
OPEN = Source()


def size(cathode: str = "NVP", inventory_Ah: float | None = CAPACITY_Ah) -> CellSize:
    return CellSize(
        "anode-free", "Na", capacity_Ah=CAPACITY_Ah, inventory_Ah=inventory_Ah, cathode=cathode
    )


def passed_at(terminals: Terminals, source: Source, hours: float) -> float:
    """Charge of the plating current by the ledger and the surface, Ah; the cell stays there."""
    cell = terminals.cell
    assert isinstance(cell, PlatingCell)
    before_Ah = through_Ah(cell)
    terminals.connect(source, terminals.now)
    terminals.advance(terminals.now + hours * 3600.0)
    return through_Ah(cell) - before_Ah


def through_Ah(cell: PlatingCell) -> float:
    side = cell.collector
    return side.plated_Ah - side.stripped_Ah + side.other_Ah


def cathode_of(cell: PlatingCell) -> Cathode:
    assert isinstance(cell.opposite, Cathode)
    return cell.opposite


@settings(max_examples=100)
@given(
    program=st.lists(
        st.tuples(st.floats(-3e-3, 3e-3), st.floats(0.0, 4000.0)), min_size=1, max_size=15
    ),
    additive_Ah=st.sampled_from([0.0, 1e-4, 1e-3]),
)
def test_what_passes_a_cathode_is_host_additive_or_electrolyte(
    program: list[tuple[float, float]], additive_Ah: float
) -> None:
    cathode = Cathode(nvp, 2e-3, 1.9e-3, 1e-3, 1, additive_Ah, 4.2)
    passed_Ah = 0.0
    for current_A, dt_s in program:
        cathode.step(dt_s, current_A)
        passed_Ah += current_A * dt_s / 3600.0
        known_Ah = 1.9e-3 - cathode.content_Ah + cathode.supplied_Ah + cathode.other_Ah
        assert known_Ah == pytest.approx(passed_Ah, abs=1e-15)
        assert 0.0 <= cathode.content_Ah <= 2e-3
        assert cathode.supplied_Ah + cathode.additive_Ah == pytest.approx(additive_Ah, abs=1e-18)


def test_an_additive_gives_its_metal_once_at_its_own_potential() -> None:
    cell = anode_free(size("NVP+Na2C2O4", CAPACITY_Ah + 5e-4), {"ce": 1.0}, 0)
    terminals = Terminals(cell)
    assert cathode_of(cell).additive_Ah == pytest.approx(5e-4, rel=1e-12)
    assert cell.inventory_Ah == pytest.approx(CAPACITY_Ah, rel=1e-12)

    # the host is empty at its knee: (4.2 − 3.4) V = 1.5 V · exp(−x/0.004) there, x of its sites
    knee_Ah = 0.004 * math.log(1.5 / 0.8) * CAPACITY_Ah / 0.99
    until_half_Ah = CAPACITY_Ah - knee_Ah + 2.5e-4
    passed_at(terminals, Source("current", 1e-3, 9.0), until_half_Ah / 1e-3)
    assert cell.ledger().supplied_Ah == pytest.approx(2.5e-4, abs=2e-7)
    passed_at(terminals, OPEN, 2.0)
    assert terminals.state().voltage_V == pytest.approx(4.2, abs=1e-6)

    passed_at(terminals, Source("voltage", 4.6, 1e-3), 4.0)
    all_Ah = cell.ledger().supplied_Ah
    assert all_Ah == pytest.approx(5e-4, rel=1e-12)
    grown_Ah = CAPACITY_Ah + 5e-4 - cell.collector.other_Ah - cathode_of(cell).other_Ah
    assert cell.inventory_Ah == pytest.approx(grown_Ah, abs=1e-12)

    back_Ah = -passed_at(terminals, Source("voltage", 1.5, 1e-3), 4.0)
    assert back_Ah <= CAPACITY_Ah / 0.99
    assert cell.collector.metal_Ah > 4.7e-4
    passed_at(terminals, Source("voltage", 4.6, 1e-3), 4.0)
    assert cell.ledger().supplied_Ah == all_Ah
    assert cell.ledger().lost_Ah == 0.0


def test_an_additive_half_used_gives_the_rest_on_the_next_charge() -> None:
    cell = anode_free(size(), {"additive_mAh_cm2": 0.5, "additive_V": 4.0, "ce": 1.0}, 0)
    terminals = Terminals(cell)
    additive_Ah = 0.5e-3 * AREA_cm2
    passed_at(terminals, Source("current", 1e-3, 9.0), (CAPACITY_Ah + 1e-4) / 1e-3)
    some_Ah = cell.ledger().supplied_Ah
    assert 0.0 < some_Ah < 2e-4
    passed_at(terminals, Source("current", -1e-3, 9.0), 1.0)
    assert cell.ledger().supplied_Ah == some_Ah
    passed_at(terminals, Source("voltage", 4.3, 1e-3), 4.0)
    assert cell.ledger().supplied_Ah == pytest.approx(additive_Ah, rel=1e-12)


@pytest.mark.parametrize("volts", [3.3, 5.2])
def test_an_additive_beyond_the_hosts_potentials_is_refused(volts: float) -> None:
    with pytest.raises(ValueError, match=r"additive at .* V: the host goes from 3.38 V to 4.90 V"):
        anode_free(size(), {"additive_mAh_cm2": 0.5, "additive_V": volts}, 0)


@pytest.mark.parametrize("word", ["NVQ", "NVP+chalk", "NVP+"])
def test_an_unknown_cathode_names_the_known_ones(word: str) -> None:
    with pytest.raises(ValueError, match=r"is known; there are .*N"):
        anode_free(size(word), {}, 0)


def test_an_over_metallated_cathode_keeps_its_extra_metal_below_the_window() -> None:
    cell = anode_free(size("Na5VP", 1.5 * CAPACITY_Ah), {"ce": 1.0}, 0)
    terminals = Terminals(cell)
    slow = 2e-4
    first_Ah = passed_at(terminals, Source("voltage", 3.8, slow), 30.0)
    assert first_Ah == pytest.approx(1.5 * CAPACITY_Ah, rel=0.01)
    window_Ah = -passed_at(terminals, Source("voltage", 2.5, slow), 30.0)
    assert window_Ah == pytest.approx(CAPACITY_Ah, rel=0.015)
    assert cell.collector.metal_Ah == pytest.approx(0.5 * CAPACITY_Ah, rel=0.03)
    below_Ah = -passed_at(terminals, Source("voltage", 1.0, slow), 30.0)
    assert below_Ah == pytest.approx(0.5 * CAPACITY_Ah, rel=0.03)


# A reservoir


def three(**parameters: float) -> ThreeElectrodes:
    return three_electrode(size(), parameters, 0)


def test_a_record_with_a_reservoir_gets_three_electrodes() -> None:
    assert default_model(CellSize("anode-free", "Na", reservoir=True)) == "na-three-electrode"
    assert default_model(CellSize("anode-free", "Na")) == "na-anode-free"


def test_a_reservoir_moves_metal_into_the_cathode_and_not_past_the_negative() -> None:
    cell = three(ce=0.97, reservoir_mAh_cm2=10.0)
    ends = terminals_of(cell)
    main, supply = ends["main"], ends["supply"]
    for source in (Source("voltage", 3.8, 1e-3), Source("voltage", 2.5, 1e-3), OPEN):
        main.connect(source, main.now)
        main.advance(main.now + 4 * 3600.0)
    before, content_Ah = cell.ledger(), cell.cathode.content_Ah
    supply.connect(Source("current", -2e-4, 5.0), supply.now)
    supply.advance(supply.now + 900.0)
    after = cell.ledger()
    supplied_Ah = 2e-4 * 900.0 / 3600.0
    assert after.supplied_Ah == pytest.approx(supplied_Ah, abs=1e-15)
    assert cell.cathode.content_Ah - content_Ah == pytest.approx(supplied_Ah, abs=1e-15)
    assert cell.cathode.other_Ah == 0.0
    assert (after.plated_Ah, after.stripped_Ah) == (before.plated_Ah, before.stripped_Ah)
    # only self-discharge, which ce=0.97 switches off, could have lost anything meanwhile
    assert after.lost_Ah == before.lost_Ah
    left_Ah = 10e-3 * AREA_cm2 - supplied_Ah
    assert cell.supply.collector.metal_Ah == pytest.approx(left_Ah, rel=1e-12)
    supply.connect(Source("current", 2e-4, 5.0), supply.now)
    supply.advance(supply.now + 450.0)
    assert cell.ledger().supplied_Ah == pytest.approx(0.5 * supplied_Ah, abs=1e-15)


def test_each_pair_shows_the_cathode_against_its_own_electrode() -> None:
    cell = three()
    ends = terminals_of(cell)
    # the reservoir is at 0 V of its metal; the bare collector at its own potential
    host_V = nvp(0.99)
    assert ends["supply"].state().voltage_V == pytest.approx(host_V, abs=1e-9)
    fresh_V = cell.main.collector.potential(0.0)
    assert fresh_V > 1.5
    assert ends["main"].state().voltage_V == pytest.approx(host_V - fresh_V, abs=1e-9)


def test_time_alone_passes_once() -> None:
    parameters = {"ce": 1.0, "self_discharge_per_h": 0.1}
    cell = three(**parameters)
    ends = terminals_of(cell)
    for each in ends.values():
        each.connect(Source("current", 1e-6, 5.0), 0.0)
    cell.main.collector.step(3600.0, 1e-3)
    metal_Ah = cell.main.collector.metal_Ah
    for each in ends.values():
        each.connect(OPEN, 0.0)
    for minute in range(1, 61):
        ends["supply" if minute % 2 else "main"].advance(60.0 * minute)
    assert cell.main.collector.metal_Ah == pytest.approx(metal_Ah * math.exp(-0.1), rel=1e-9)
    assert ends["main"].now == ends["supply"].now == 3600.0


def test_both_pairs_connected_at_once_share_the_cathode() -> None:
    cell = three(ce=0.98)
    ends = terminals_of(cell)
    main, supply = ends["main"], ends["supply"]
    main.connect(Source("current", 1e-3, 5.0), 0.0)
    main.advance(3600.0)
    content_Ah = cell.cathode.content_Ah
    supply.connect(Source("current", -1e-3, 5.0), main.now)
    main.advance(main.now + 1800.0)
    assert cell.cathode.content_Ah == pytest.approx(content_Ah, abs=1e-12)
    assert cell.ledger().supplied_Ah == pytest.approx(5e-4, abs=1e-12)
    through = cell.main.collector
    plated_Ah = through.plated_Ah + through.other_Ah
    assert plated_Ah == pytest.approx(1.5e-3, abs=1e-12)
    # the currents cancel in the cathode: it is at rest, each electrode has its own overpotential
    reservoir_V = cell.supply.collector.potential(-1e-3)
    own_V = -1e-3 * 40.0 / AREA_cm2
    at_rest_V = cell.cathode.resting_V
    assert supply.state().voltage_V == pytest.approx(at_rest_V - reservoir_V + own_V, abs=1e-9)


def test_two_voltage_sources_settle_where_both_are_satisfied() -> None:
    cell = three(ce=1.0)
    ends = terminals_of(cell)
    main, supply = ends["main"], ends["supply"]
    main.connect(Source("current", 1e-3, 5.0), 0.0)
    main.advance(3600.0)
    main.connect(Source("voltage", 3.42, 5e-3), main.now)
    supply.connect(Source("voltage", 3.36, 5e-3), main.now)
    main.advance(main.now + 60.0)
    one, other = main.state(), supply.state()
    assert not one.limited
    assert not other.limited
    assert one.current_A > 0.0 > other.current_A
    # the network's own equation at these currents: cathode, its resistance, electrode, electrolyte
    both_A = one.current_A + other.current_A
    shared_V = cell.cathode.potential(both_A) + both_A * 20.0 / AREA_cm2
    reservoir_V = cell.supply.collector.potential(other.current_A)
    own_V = other.current_A * 40.0 / AREA_cm2
    assert shared_V - reservoir_V + own_V == pytest.approx(3.36, abs=1e-5)


@pytest.mark.parametrize("role", ["main", "supply"])
def test_trials_on_one_pair_leave_the_cell_alone(role: str) -> None:
    cell = three()
    cell.main.step(3600.0, 1e-3)
    before = (cell.ledger(), cell.cathode.content_Ah, cell.main.voltage(1e-4))
    trial = deepcopy(cell.ports[role])
    trial.step(600.0, -5e-4)
    assert trial.voltage(0.0) != cell.ports[role].voltage(0.0)
    assert (cell.ledger(), cell.cathode.content_Ah, cell.main.voltage(1e-4)) == before


def test_a_copy_of_the_whole_cell_still_has_one_cathode() -> None:
    cell = three()
    cell.main.step(3600.0, 1e-3)
    twin = deepcopy(cell)
    twin.supply.step(3600.0, -5e-4)
    moved_Ah = twin.cathode.content_Ah - cell.cathode.content_Ah
    assert moved_Ah == pytest.approx(5e-4, abs=1e-15)
    assert twin.main.opposite.held_Ah == twin.cathode.content_Ah
    assert twin.ledger().supplied_Ah == pytest.approx(5e-4, abs=1e-15)
    assert cell.ledger().supplied_Ah == 0.0


@settings(max_examples=60)
@given(
    role=st.sampled_from(["main", "supply"]),
    before=st.tuples(st.floats(-2e-3, 2e-3), st.floats(0.0, 3600.0)),
    beside_A=st.floats(-2e-3, 2e-3),
    currents_A=st.tuples(st.floats(-20e-3, 20e-3), st.floats(-20e-3, 20e-3)),
)
def test_voltage_rises_with_the_current_of_either_pair(
    role: str,
    before: tuple[float, float],
    beside_A: float,
    currents_A: tuple[float, float],
) -> None:
    cell = three()
    cell.main.step(before[1], before[0])
    other = cell.supply if role == "main" else cell.main
    other.step(1.0, beside_A)
    lower_A, higher_A = sorted(currents_A)
    port = cell.ports[role]
    lower_V, higher_V = port.voltage(lower_A), port.voltage(higher_A)
    assert lower_V <= higher_V
    if higher_A - lower_A > 1e-8:
        assert lower_V < higher_V


def test_a_reservoir_that_is_used_up_gives_no_more() -> None:
    cell = three(reservoir_mAh_cm2=0.1)
    ends = terminals_of(cell)
    main, supply = ends["main"], ends["supply"]
    main.connect(Source("current", 1e-3, 5.0), 0.0)
    main.advance(3600.0)
    main.connect(OPEN, main.now)
    supply.connect(Source("voltage", 2.5, 5e-4), supply.now)
    supply.advance(supply.now + 3600.0)
    assert cell.ledger().supplied_Ah == pytest.approx(0.1e-3 * AREA_cm2, rel=1e-4)
    assert not supply.state().limited


def test_the_same_seed_makes_the_same_cell() -> None:
    def trace(seed: int) -> list[float]:
        ends = terminals_of(three_electrode(size(), {}, seed))
        ends["main"].connect(Source("current", 5e-4, 5.0), 0.0)
        found = []
        for minute in range(1, 30):
            ends["main"].advance(60.0 * minute)
            found += [ends["main"].state().voltage_V, ends["supply"].state().voltage_V]
        return found

    assert trace(4) == trace(4)
    assert trace(4) != trace(5)
