"""What goes wrong with a cell, when it is told to, against closed forms."""

import math
from copy import deepcopy
from statistics import pstdev

import pytest

from labctl_simulators.cells import anode_free, half
from labctl_simulators.cells.electrode import Electrode
from labctl_simulators.cells.plating import PlatingCell
from labctl_simulators.cells.troubles import Course, Trouble, When
from labctl_simulators.ports import CellSize, Source
from labctl_simulators.terminals import Terminals

AREA_cm2 = 1.131
HOUR_S = 3600.0


def half_cell(**parameters: float) -> PlatingCell:
    return half(CellSize("half", "Na"), {"ce": 0.9, **parameters}, 0)


def plating(cell: PlatingCell, current_A: float = 5e-4, limit_V: float = 5.0) -> Terminals:
    terminals = Terminals(cell)
    terminals.connect(Source("current", -current_A, limit_V), 0.0)
    return terminals


def test_a_lost_contact_passes_nothing_and_comes_back() -> None:
    cell = half_cell(contact_lost_at_h=1.0, contact_lost_for_h=0.5)
    terminals = plating(cell)
    terminals.advance(0.999 * HOUR_S)
    assert -0.5 < terminals.state().voltage_V < 0.0
    terminals.advance(1.001 * HOUR_S)
    state = terminals.state()
    assert (state.voltage_V, state.limited) == (-5.0, True)
    assert abs(state.current_A) < 1e-11
    terminals.connect(Source(), terminals.now)
    assert terminals.state().voltage_V == 0.0
    terminals.connect(Source("current", -5e-4, 5.0), terminals.now)
    terminals.advance(1.499 * HOUR_S)
    assert terminals.state().limited
    terminals.advance(2.0 * HOUR_S)
    assert not terminals.state().limited
    through_Ah = cell.collector.plated_Ah + cell.collector.other_Ah
    assert through_Ah == pytest.approx(5e-4 * 1.5, rel=1e-9)


def test_a_resistance_jumps_by_what_was_asked() -> None:
    plain, jumping = half_cell(), half_cell(resistance_jump_ohm_cm2=300.0, resistance_jump_at_h=1.0)
    for cell in (plain, jumping):
        plating(cell).advance(0.9 * HOUR_S)
    assert jumping.voltage(-5e-4) == plain.voltage(-5e-4)
    for cell in (plain, jumping):
        cell.step(0.2 * HOUR_S, -5e-4)
    drop_V = 5e-4 * 300.0 / AREA_cm2
    # the heat in it, 66 µW, warms the cell by 7 mK
    assert plain.voltage(-5e-4) - jumping.voltage(-5e-4) == pytest.approx(drop_V, rel=1e-3)


def test_self_discharge_may_become_fast() -> None:
    cell = half_cell(
        ce=1.0,
        self_discharge_per_h=0.01,
        fast_self_discharge_per_h=0.5,
        fast_self_discharge_at_h=3.0,
    )
    terminals = plating(cell)
    terminals.advance(HOUR_S)
    metal_Ah = cell.collector.metal_Ah
    terminals.connect(Source(), HOUR_S)
    terminals.advance(3.0 * HOUR_S)
    assert cell.collector.metal_Ah == pytest.approx(metal_Ah * math.exp(-0.02), rel=1e-9)
    terminals.advance(4.0 * HOUR_S)
    assert cell.collector.metal_Ah == pytest.approx(metal_Ah * math.exp(-0.02 - 0.51), rel=1e-9)


def test_a_flickering_short_has_the_width_that_was_asked_and_holds_for_five_seconds() -> None:
    trouble = Trouble(When(from_s=0.0), conductance_S=1e-3, noise=0.5)
    course = Course((trouble,), seed=3)
    drawn = [course.effects(5.0 * k + 2.0, 0.0).conductance_S for k in range(1000)]
    logs = [math.log(each / 1e-3) for each in drawn]
    # of 1000 draws the standard deviation is known to 1/√2000 = 2.2 %
    assert pstdev(logs) == pytest.approx(0.5, rel=0.09)
    assert len(set(drawn)) == 1000
    assert course.effects(10.0, 0.0) == course.effects(14.9, 0.0) != course.effects(15.1, 0.0)
    assert course.next_edge_s(12.0) == pytest.approx(3.0)


def test_a_flickering_short_shows_at_the_terminals_and_only_while_it_is_there() -> None:
    def strip(seed: int) -> list[float]:
        parameters = {"ce": 0.9, "soft_short_S": 1e-3, "soft_short_noise": 0.3}
        cell = half(CellSize("half", "Na"), {**parameters, "soft_short_at_h": 1.0}, seed)
        terminals = Terminals(cell)
        terminals.connect(Source("current", 1e-4, 5.0), 0.0)
        found = []
        for second in (*range(3000, 3600, 60), *range(3602, 4202, 5)):
            terminals.advance(float(second))
            found.append(terminals.state().voltage_V)
        return found

    trace = strip(1)
    before, after = trace[:10], trace[10:]
    assert max(before) - min(before) < 1e-3
    # a bare collector passes next to nothing: V = I / G, so that ln V is as wide as ln G
    assert pstdev(math.log(each) for each in after) == pytest.approx(0.3, rel=0.25)
    assert trace == strip(1)
    assert trace != strip(2)


def test_a_copy_has_its_own_onsets() -> None:
    cell = half_cell(hard_short_at_mAh_cm2=0.2)
    copy = deepcopy(cell)
    copy.step(2.0 * HOUR_S, -5e-4)
    copy.step(1.0, -5e-4)
    assert abs(copy.voltage(-5e-4)) < 1e-3
    fresh_V = cell.voltage(0.0)
    cell.step(1.0, 0.0)
    assert cell.voltage(0.0) == pytest.approx(fresh_V, abs=1e-3)
    assert fresh_V > 1.5


@pytest.mark.parametrize(
    "parameters",
    [
        {"resistance_jump_ohm_cm2": 100.0},
        {"resistance_jump_at_h": 1.0},
        {"fast_self_discharge_per_h": 1.0},
        {"fast_self_discharge_at_h": 1.0},
        {"contact_lost_for_h": 1.0},
        {"soft_short_noise": 0.5},
        {"soft_short_at_h": 1.0},
    ],
)
def test_what_would_do_nothing_by_itself_is_refused(parameters: dict[str, float]) -> None:
    (name,) = parameters
    with pytest.raises(ValueError, match=f"{name} does nothing without "):
        half_cell(**parameters)


# Metal that reconnects, corrosion that settles


def electrode_of(cell: PlatingCell) -> Electrode:
    return cell.collector


def test_dead_metal_reconnects_at_rest_and_is_there_to_strip() -> None:
    cell = half_cell(recovery_per_h=0.02, dead_fraction=1.0)
    terminals = plating(cell, 1e-3)
    terminals.advance(HOUR_S)
    terminals.connect(Source("voltage", 1.0, 1e-3), terminals.now)
    terminals.advance(terminals.now + 3.0 * HOUR_S)
    # held at 1 V, what touches the collector is not metal: only the tail of the strip was slow
    dead_Ah = electrode_of(cell).dead_Ah
    assert dead_Ah == pytest.approx(0.1 * cell.ledger().plated_Ah, rel=1e-4)
    assert electrode_of(cell).bare
    stripped_Ah = cell.ledger().stripped_Ah

    terminals.connect(Source(), terminals.now)
    terminals.advance(terminals.now + 10.0 * HOUR_S)
    back_Ah = dead_Ah * -math.expm1(-0.2)
    assert cell.ledger().lost_Ah == pytest.approx(dead_Ah - back_Ah, rel=1e-6)
    assert abs(terminals.state().voltage_V) < 1e-3
    # half a milliampere is no slow strip: nothing more reconnects meanwhile
    terminals.connect(Source("voltage", 0.5, 5e-4), terminals.now)
    terminals.advance(terminals.now + HOUR_S)
    assert cell.ledger().stripped_Ah - stripped_Ah == pytest.approx(back_Ah, rel=1e-4)
    ledger = cell.ledger()
    left_Ah = ledger.plated_Ah - ledger.stripped_Ah - ledger.lost_Ah
    assert electrode_of(cell).metal_Ah == pytest.approx(left_Ah, abs=1e-12)


@pytest.mark.parametrize(("mA_cm2", "reconnects"), [(-0.05, True), (-0.5, False), (0.05, False)])
def test_dead_metal_reconnects_while_stripping_slowly(mA_cm2: float, reconnects: bool) -> None:
    cell = half_cell(recovery_per_h=0.02, dead_fraction=1.0)
    plating(cell, 1e-3).advance(HOUR_S)
    dead_Ah, hours = electrode_of(cell).dead_Ah, 1.0
    for _ in range(60):
        cell.step(hours * 60.0, -mA_cm2 * 1e-3 * AREA_cm2)
    expected_Ah = dead_Ah * math.exp(-0.02 * hours) if reconnects else dead_Ah
    added_Ah = max(0.0, 0.1 * mA_cm2 * 1e-3 * AREA_cm2 * hours)
    assert electrode_of(cell).dead_Ah == pytest.approx(expected_Ah + added_Ah, rel=1e-9)


def test_zinc_is_gone_in_minutes_on_bare_copper_and_in_hours_on_a_seasoned_one() -> None:
    """0.1 mAh/cm² at 0.6 mA/cm² lasts 10 min, at 0.03 mA/cm² 3.3 h (science.md §2i)."""
    parameters = {
        "ce": 1.0,
        "corrosion_first_mA_cm2": 0.6,
        "corrosion_mA_cm2": 0.03,
        "corrosion_settles_cycles": 1.0,
    }
    cell = half(CellSize("half", "Zn"), parameters, 0)
    terminals = Terminals(cell)
    lasted_h = []
    for _ in range(12):
        terminals.connect(Source("current", -10e-3 * AREA_cm2, 5.0), terminals.now)
        terminals.advance(terminals.now + 36.0)
        terminals.connect(Source(), terminals.now)
        begin_s = terminals.now
        while terminals.state().voltage_V < 0.1:
            terminals.advance(terminals.now + 10.0)
        lasted_h.append((terminals.now - begin_s) / HOUR_S)
    assert cell.ledger().stripped_Ah == 0.0
    # the double layer goes to its 0.6 V with a time constant of 600 s
    to_100_mV_h = 600.0 / HOUR_S * math.log(0.6 / 0.5)
    for cycle in (0, 1, 11):
        corrosion = 0.03 + 0.57 * math.exp(-cycle)
        expected_h = (0.1 - corrosion * 36.0 / HOUR_S) / corrosion + to_100_mV_h
        assert lasted_h[cycle] == pytest.approx(expected_h, abs=15.0 / HOUR_S)
    assert 3.0 < lasted_h[-1] < 4.0


@pytest.mark.parametrize("offset_A", [0.0, -1e-9, 1e-9, -2e-6])
def test_an_instruments_offset_does_not_keep_corroding_zinc_alive(offset_A: float) -> None:
    """Real rests pass a little current; what plates by it is eaten like the rest."""
    cell = half(CellSize("half", "Zn"), {"ce": 1.0, "corrosion_mA_cm2": 0.6}, 0)
    terminals = plating(cell, 10e-3 * AREA_cm2)
    terminals.advance(36.0)
    terminals.connect(Source("current", offset_A, 20.0), 36.0)
    terminals.advance(2.0 * HOUR_S)
    # a stripping current lifts the surface above its rest: the time constant over the capacity
    lifted_V = max(0.0, offset_A) * 600.0 / (20e-6 * AREA_cm2)
    assert terminals.state().voltage_V == pytest.approx(0.6 + lifted_V, abs=2e-3)
    ledger = cell.ledger()
    assert ledger.lost_Ah == pytest.approx(ledger.plated_Ah - ledger.stripped_Ah, abs=2e-9)
    plated_Ah = 0.1e-3 * AREA_cm2 + max(0.0, -offset_A) * (2.0 * HOUR_S - 36.0) / HOUR_S
    assert ledger.plated_Ah == pytest.approx(plated_Ah, rel=2e-3)


def test_self_discharge_of_a_full_cell_loses_what_it_should() -> None:
    cell = anode_free(
        CellSize("anode-free", "Na", capacity_Ah=2e-3),
        {"ce": 1.0, "fast_self_discharge_per_h": 0.2, "fast_self_discharge_at_h": 1.0},
        0,
    )
    cell.step(HOUR_S, 1e-3)
    metal_Ah = cell.collector.metal_Ah
    cell.step(5.0 * HOUR_S, 0.0)
    assert cell.ledger().lost_Ah == pytest.approx(metal_Ah * -math.expm1(-1.0), rel=1e-6)
