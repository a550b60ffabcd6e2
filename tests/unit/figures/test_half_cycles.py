"""Half cycles of traces whose charges and energies are known in closed form."""

import math
from dataclasses import replace

import pytest
from helpers.traces import Trace, ramp

from labctl.figures.energies import Part, symmetric_overpotential_V
from labctl.figures.halves import half_cycles, without_transitions
from labctl.figures.recording import Recording


def test_a_constant_current_gives_current_times_time() -> None:
    recording = Trace().step(0.5e-3, 7200, ramp(3.0, 4.0, 7200)).recording
    (half,) = half_cycles(recording).halves
    assert half.sign == 1
    assert half.charge_Ah == pytest.approx(1e-3)
    assert half.energy_Wh == pytest.approx(3.5e-3)
    assert half.mean_voltage_V == pytest.approx(3.5)
    assert half.duration_s == pytest.approx(7200)
    assert half.reached_V == 4.0


def test_a_tapering_current_is_integrated_by_the_trapezoid() -> None:
    tau_s, held_s, count = 1000.0, 3000.0, 300
    times = [held_s * n / count for n in range(count + 1)]
    currents = [1e-3 * math.exp(-t / tau_s) for t in times]
    (half,) = half_cycles(Recording(times, [4.2] * len(times), currents)).halves
    exact_Ah = 1e-3 * tau_s * (1 - math.exp(-held_s / tau_s)) / 3600
    assert half.charge_Ah == pytest.approx(exact_Ah, rel=1e-4)
    assert half.energy_Wh == pytest.approx(4.2 * exact_Ah, rel=1e-4)


def test_rests_are_bridged_and_count_for_nothing() -> None:
    trace = Trace().step(-1e-3, 3600, 0.5).step(0, 7200, 0.7).step(-1e-3, 1800, 0.4)
    trace.step(0, 600, 0.6).step(1e-3, 3600, 1.0)
    found = half_cycles(trace.recording)
    assert [half.sign for half in found.halves] == [-1, 1]
    discharged, charged = found.halves
    assert discharged.charge_Ah == pytest.approx(1.5e-3)
    assert discharged.duration_s == pytest.approx(5400)
    assert (discharged.start_s, discharged.end_s) == (0, 12600)
    assert charged.charge_Ah == pytest.approx(1e-3)


def test_a_faint_current_is_a_rest() -> None:
    trace = Trace().step(1e-3, 3600, 4.0).step(-0.9e-6, 36000, 3.9).step(1e-3, 3600, 4.1)
    (half,) = half_cycles(trace.recording).halves
    assert half.charge_Ah == pytest.approx(2e-3)
    assert len(half_cycles(trace.recording, rest_A=1e-7).halves) == 3


def test_transitions_are_dropped_and_their_neighbours_joined() -> None:
    trace = Trace().step(-1e-3, 3600, 0.5).row(0.02e-3, 0.5).step(-1e-3, 1800, 0.4)
    trace.step(1e-3, 3600, 1.0).step(-1e-3, 3600, 0.5)
    found = half_cycles(trace.recording)
    assert [half.sign for half in found.halves] == [-1, 1, -1]
    assert found.dropped == 1
    assert found.halves[0].charge_Ah == pytest.approx(1.5e-3)
    assert found.halves[0].charge_at_Ah[-1] == pytest.approx(1.5e-3)


def test_transitions_are_less_than_half_a_percent_of_the_median() -> None:
    assert without_transitions([1.0, 0.00499, 1.0, 0.0051, 1.0]) == [0, 2, 3, 4]
    assert without_transitions([0.0, 0.0]) == []
    assert without_transitions([]) == []


def test_the_charge_at_each_reading_is_what_had_passed() -> None:
    recording = Trace(every_s=60).step(2e-3, 1800, ramp(3, 4, 1800)).recording
    (half,) = half_cycles(recording).halves
    expected = [2e-3 * time_s / 3600 for time_s in recording.test_time_s]
    assert list(half.charge_at_Ah) == pytest.approx(expected, abs=1e-15)


SPARSE = Recording(  # 1 mA from 90 s to 1000 s, and nobody recorded either end
    test_time_s=[0, 60, 120, 900, 960, 1020],
    voltage_V=[3.0] * 6,
    current_A=[0, 0, 1e-3, 1e-3, 1e-3, 0],
)


def test_between_rest_and_drive_each_side_has_half_of_the_gap() -> None:
    (half,) = half_cycles(SPARSE).halves
    assert half.charge_Ah * 3600 == pytest.approx(1e-3 * (30 + 840 + 30))
    assert half.edges_Ah * 3600 == pytest.approx(1e-3 * 60)


def test_the_steps_own_clock_says_when_it_began() -> None:
    clocked = replace(SPARSE, step_time_s=[0, 60, 30, 810, 870, 20])
    (half,) = half_cycles(clocked).halves
    assert half.charge_Ah * 3600 == pytest.approx(1e-3 * 910)
    assert half.edges_Ah == 0


def counted(scale: float = 1.0, half_s: float = 7200) -> Recording:
    recording = Trace(every_s=600).step(1e-3, half_s, 4).step(-1e-3, half_s, 3).recording
    up_Ah, down_Ah = [0.0], [0.0]
    for k in range(1, len(recording)):
        gap_s = recording.test_time_s[k] - recording.test_time_s[k - 1]
        passed_Ah = scale * gap_s * recording.current_A[k] / 3600
        up_Ah.append(up_Ah[-1] + max(passed_Ah, 0))
        down_Ah.append(down_Ah[-1] + max(-passed_Ah, 0))
    return replace(recording, charging_Ah=up_Ah, discharging_Ah=down_Ah)


def test_counters_that_agree_are_used() -> None:
    found = half_cycles(counted(1.003))
    assert found.charges_from == "counters"
    assert [half.charge_Ah for half in found.halves] == pytest.approx([2.006e-3] * 2)
    assert found.halves[0].charge_at_Ah[-1] == pytest.approx(2.006e-3)
    assert found.halves[0].mean_voltage_V == pytest.approx(4)


@pytest.mark.parametrize("scale", [1000.0, 0.9, 1.006])
def test_counters_that_do_not_agree_are_not_used_and_that_is_said(scale: float) -> None:
    found = half_cycles(counted(scale))
    assert found.charges_from == "readings"
    assert [half.charge_Ah for half in found.halves] == pytest.approx([2e-3] * 2)
    assert "the capacity counters are not used: in half cycle 1" in found.notes[0]


def test_a_recording_at_rest_has_no_half_cycles() -> None:
    assert half_cycles(Trace().step(0, 3600, 3).recording).halves == []


def test_symmetric_overpotential_is_half_of_the_difference_of_means() -> None:
    trace = Trace().step(1e-3, 3600, ramp(0.03, 0.05, 3600)).step(-1e-3, 3600, -0.06)
    up, down = (
        Part(half.sign, half.charge_Ah, half.mean_voltage_V)
        for half in half_cycles(trace.recording).halves
    )
    assert symmetric_overpotential_V(up, down) == pytest.approx((0.04 + 0.06) / 2)
