"""Terminals against circuits whose solution is known in closed form."""

import math

import pytest

from labctl_simulators.cells import anode_free, half, resistor
from labctl_simulators.ports import CellSize, Ledger, Source
from labctl_simulators.terminals import Terminals


class Capacitor:
    """An outsider's model: a resistance and a capacitor, with the three methods and no more."""

    def __init__(self, ohm: float, farad: float, volt: float = 0.0) -> None:
        self.ohm = ohm
        self.farad = farad
        self.stored_C = farad * volt

    def voltage(self, current_A: float) -> float:
        return current_A * self.ohm + self.stored_C / self.farad

    def step(self, dt_s: float, current_A: float) -> None:
        self.stored_C += current_A * dt_s

    def ledger(self) -> Ledger:
        return Ledger(0.0, 0.0, 0.0)


class TwoTimes(Capacitor):
    """A second RC in series: under a held voltage its current is no single exponential."""

    def __init__(self) -> None:
        super().__init__(10.0, 1.0)
        self.pair_V = 0.0

    def voltage(self, current_A: float) -> float:
        return super().voltage(current_A) + self.pair_V

    def step(self, dt_s: float, current_A: float) -> None:
        super().step(dt_s, current_A)
        settled_V = 20.0 * current_A
        self.pair_V = settled_V + (self.pair_V - settled_V) * math.exp(-dt_s / 3.0)


def connected(cell: Capacitor, source: Source) -> Terminals:
    terminals = Terminals(cell)
    terminals.connect(source, 0.0)
    return terminals


def test_constant_current_then_constant_voltage_with_the_transition_in_between() -> None:
    cell = Capacitor(10.0, 1.0)
    terminals = connected(cell, Source("voltage", 1.0, 0.01))
    terminals.advance(89.0)
    state = terminals.state()
    assert state.limited
    assert state.voltage_V == pytest.approx(0.1 + 0.89, abs=1e-9)
    terminals.advance(110.0)
    state = terminals.state()
    assert not state.limited
    assert state.voltage_V == 1.0
    assert state.current_A == pytest.approx(0.01 * math.exp(-2.0), rel=1e-5)
    assert cell.stored_C == pytest.approx(0.9 + 0.1 * (1.0 - math.exp(-2.0)), abs=1e-6)


def test_current_source_is_held_by_its_compliance_and_released_again() -> None:
    cell = Capacitor(10.0, 1.0, volt=1.0)
    terminals = connected(cell, Source("current", -0.01, 0.5))
    # V(-10 mA) = 0.9 is above the compliance: held at 0.5 V, I = -0.05·exp(-t/10)
    assert terminals.state().limited
    assert terminals.state().current_A == pytest.approx(-0.05)
    released_s = 10.0 * math.log(5.0)
    terminals.advance(released_s - 0.01)
    assert terminals.state().limited
    terminals.advance(released_s + 1.0)
    state = terminals.state()
    assert not state.limited
    assert state.current_A == -0.01
    assert state.voltage_V == pytest.approx(0.5 - 0.01, abs=1e-5)
    terminals.advance(released_s + 3600.0)
    assert terminals.state().voltage_V == -0.5
    assert terminals.state().limited


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_hold_reaches_its_end_whatever_the_time_constant(sign: float) -> None:
    cell = Capacitor(1.0, 1e-3)
    terminals = connected(cell, Source("voltage", sign, 0.01))
    terminals.advance(3600.0)
    assert cell.stored_C == pytest.approx(sign * 1e-3, rel=1e-6)
    assert abs(terminals.state().current_A) < 1e-9


def test_a_hold_in_one_advance_equals_a_hold_in_many() -> None:
    at_once, bit_by_bit = TwoTimes(), TwoTimes()
    connected(at_once, Source("voltage", 1.0, 0.05)).advance(60.0)
    terminals = connected(bit_by_bit, Source("voltage", 1.0, 0.05))
    for tenth in range(1, 601):
        terminals.advance(tenth / 10)
    assert at_once.stored_C == pytest.approx(bit_by_bit.stored_C, rel=2e-4)


def test_a_zero_volt_source_discharges_a_cell() -> None:
    cell = Capacitor(10.0, 1.0, volt=1.0)
    terminals = connected(cell, Source("voltage", 0.0, 1.0))
    assert terminals.state().current_A == pytest.approx(-0.1)
    terminals.advance(10.0)
    assert cell.stored_C == pytest.approx(math.exp(-1.0), rel=1e-6)


def test_a_held_cell_with_a_shorted_bare_collector_does_not_stall() -> None:
    """Stiff, and the current is almost nothing: once 0.3 ms steps for hours."""
    parameters = {"soft_short_S": 0.0107, "corrosion_mA_cm2": 0.01}
    cell = anode_free(CellSize("cathode-half", "K", capacity_Ah=2e-3), parameters, 95)
    terminals = Terminals(cell)
    terminals.connect(Source("voltage", 0.0, 1e-6), 0.0)
    terminals.advance(28_130.0)
    state = terminals.state()
    assert abs(state.voltage_V) < 1e-3
    assert abs(state.current_A) <= 1e-6


def test_open_terminals_pass_nothing() -> None:
    cell = Capacitor(10.0, 1.0, volt=1.0)
    terminals = connected(cell, Source())
    terminals.advance(1e6)
    assert terminals.state().current_A == 0.0
    assert cell.stored_C == 1.0


def test_a_hold_that_runs_into_its_current_limit() -> None:
    cell = Capacitor(10.0, 1.0)
    terminals = connected(cell, Source("voltage", 1.0, 0.2))
    terminals.advance(1.0)
    terminals.connect(Source("voltage", -1.0, 0.2), 1.0)
    # (-1 - V)/R = -0.109 A is inside the limit; at 20 mA it is not
    assert not terminals.state().limited
    terminals.connect(Source("voltage", -1.0, 0.02), 1.0)
    state = terminals.state()
    assert state.limited
    assert state.current_A == -0.02


def test_connect_first_lets_time_pass_under_the_old_source() -> None:
    cell = Capacitor(10.0, 1.0)
    terminals = connected(cell, Source("current", 0.01, 5.0))
    terminals.connect(Source(), 7.0)
    assert cell.stored_C == pytest.approx(0.07)
    assert terminals.now == 7.0


def test_time_does_not_go_back_and_sources_are_finite() -> None:
    terminals = connected(Capacitor(10.0, 1.0), Source())
    terminals.advance(5.0)
    with pytest.raises(ValueError, match="forward"):
        terminals.advance(4.9)
    with pytest.raises(ValueError, match="forward"):
        terminals.advance(math.nan)
    for bad in (Source("current", math.nan, 1.0), Source("voltage", 1.0, -1.0)):
        with pytest.raises(ValueError, match="finite"):
            terminals.connect(bad, 5.0)


def test_a_resistor_obeys_either_limit() -> None:
    cell = resistor(CellSize("half"), {"ohm": 100.0}, 0)
    terminals = Terminals(cell, now=12.0)
    terminals.connect(Source("voltage", -2.0, 1.0), 12.0)
    assert terminals.state().current_A == pytest.approx(-0.02, rel=1e-9)
    terminals.connect(Source("current", 0.05, 1.0), 13.0)
    assert terminals.state().current_A == pytest.approx(0.01, rel=1e-9)
    assert terminals.state().limited


def test_a_current_source_may_be_held_at_two_ends_that_differ() -> None:
    for amps, end_V in ((1e-3, 1.5), (-1e-3, -0.5)):
        cell = Capacitor(100.0, 1.0, 0.2)
        terminals = connected(cell, Source("current", amps, 1.5, low_limit=-0.5))
        terminals.advance(100.0)
        # V = V0 + R · I + I · t / C
        assert terminals.state().voltage_V == pytest.approx(0.2 + 100.0 * amps + 100.0 * amps)
        terminals.advance(1e6)
        state = terminals.state()
        assert state.voltage_V == pytest.approx(end_V)
        assert state.current_A == pytest.approx(0.0, abs=1e-7)


def test_a_voltage_source_may_be_held_at_two_currents_that_differ() -> None:
    for volts, amps in ((2.0, 1e-3), (-2.0, -5e-3)):
        terminals = connected(
            Capacitor(100.0, 1.0), Source("voltage", volts, 1e-3, low_limit=-5e-3)
        )
        assert terminals.state().current_A == pytest.approx(amps)
        assert terminals.state().limited


def test_time_stops_where_the_source_reaches_its_limit() -> None:
    cell = Capacitor(100.0, 1.0)
    terminals = connected(cell, Source("current", 1e-3, 1.0))
    assert not terminals.advance_to_limit(500.0)
    assert terminals.now == 500.0
    assert terminals.advance_to_limit(5000.0)
    # V = R · I + I · t / C reaches 1 V at t = 900 s
    assert terminals.now == pytest.approx(900.0, abs=1e-3)
    assert terminals.advance_to_limit(6000.0)
    assert terminals.now == pytest.approx(900.0, abs=1e-3)
    terminals.connect(Source("voltage", 2.0, 1e-3), terminals.now)
    assert terminals.advance_to_limit(terminals.now + 1.0)


def test_one_long_advance_equals_many_short_ones_on_a_plating_cell() -> None:
    ends = []
    for pieces in (1, 3600):
        cell = half(CellSize("half", "Na"), {}, 1)
        terminals = Terminals(cell)
        terminals.connect(Source("current", -0.5e-3, 5.0), 0.0)
        for piece in range(1, pieces + 1):
            terminals.advance(3600.0 * piece / pieces)
        ends.append((cell.ledger(), terminals.state().voltage_V))
    (once, once_V), (often, often_V) = ends
    assert once.plated_Ah == pytest.approx(often.plated_Ah, rel=1e-6)
    assert once.lost_Ah == pytest.approx(often.lost_Ah, rel=1e-5)
    assert once_V == pytest.approx(often_V, abs=1e-4)


def test_a_current_that_stays_exactly_at_its_limit_takes_no_time_to_simulate() -> None:
    class Constant(Capacitor):
        """0.3 V behind 100 ohm: the current at 0.4 V is the limit, but for its last digit."""

        steps = 0

        def step(self, dt_s: float, current_A: float) -> None:
            type(self).steps += 1

    terminals = connected(Constant(100.0, 1.0, 0.3), Source("voltage", 0.4, 0.001))
    terminals.advance(1000.0)
    assert terminals.state().current_A == pytest.approx(0.001)
    assert Constant.steps < 1000
