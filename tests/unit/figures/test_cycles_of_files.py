"""Pairing by the cell's sense, what is flagged, and the reservoir method's own test vector."""

from typing import Any

import pytest
from helpers.traces import Trace, ramp

from labctl.figures.document import figures_of_recording
from labctl.figures.halves import half_cycles
from labctl.figures.pairing import Sense, pair, sense_by_first_half
from labctl.figures.recording import Recording
from labctl.show.values import parts

mAh = 3.6
"""A·s."""
CURRENT_A = 1e-3


def plate(trace: Trace, charge_mAh: float) -> Trace:
    duration_s = charge_mAh * mAh / CURRENT_A
    return trace.step(-CURRENT_A, duration_s, -0.03)


def strip(trace: Trace, charge_mAh: float, to_cut_off: bool = True) -> Trace:
    """A flat plateau, and at its end the rise of a bare collector."""
    duration_s = charge_mAh * mAh / CURRENT_A

    def voltage(step_s: float) -> float:
        return 1.0 if to_cut_off and step_s >= duration_s * 0.999 else 0.03

    return trace.step(CURRENT_A, duration_s, voltage)


def figures(trace: Trace, sense: Sense | None = "plate-first") -> dict[str, Any]:
    return figures_of_recording(trace.recording, sense)


def test_the_reservoir_methods_test_vector() -> None:
    """Q_T = 5, Q_C = 1, n = 10, Q_S = 4.85 mAh: CE = 0.9900 (science.md §2 a2)."""
    trace = Trace(every_s=60)
    strip(plate(trace, 5), 4.9)
    plate(trace, 5)
    for _ in range(10):
        plate(strip(trace, 1, to_cut_off=False), 1)
    strip(trace, 4.85)
    found = figures(trace)
    (group,) = found["groups"]
    assert group["label"] == "cycles 2-12"
    assert group["ce_percent"] == pytest.approx(99.0, abs=1e-9)
    assert group["first"] == {"kind": "plate", "charge_mAh": pytest.approx(15)}
    assert found["cycles"][0]["ce_percent"] == pytest.approx(98.0)
    assert found["cycles"][0]["flags"] == []
    assert [cycle["flags"] for cycle in found["cycles"][1:]] == [
        ["not stripped to cut-off"]
    ] * 10 + [["strips a reservoir"]]
    assert found["means"]["cycles"] == [1]
    assert found["means"]["charge_summed_ce_percent"] == pytest.approx(100 * 19.75 / 20)


def test_means_are_three_and_each_has_its_name() -> None:
    trace = Trace(every_s=60)
    for plated, stripped in ((1, 0.8), (2, 1.9), (1, 0.99)):
        strip(plate(trace, plated), stripped)
    found = figures(trace)
    means = found["means"]
    assert [cycle["ce_percent"] for cycle in found["cycles"]] == pytest.approx([80, 95, 99])
    assert means["arithmetic_ce_percent"] == pytest.approx((80 + 95 + 99) / 3)
    assert means["geometric_ce_percent"] == pytest.approx(100 * (0.8 * 0.95 * 0.99) ** (1 / 3))
    assert means["product_ce_percent"] == pytest.approx(100 * 0.8 * 0.95 * 0.99)
    assert means["charge_summed_ce_percent"] == pytest.approx(100 * 3.69 / 4)
    lost = [cycle["cumulative_irreversible_mAh"] for cycle in found["cycles"]]
    assert lost == pytest.approx([0.2, 0.3, 0.31])


@pytest.mark.parametrize(
    ("sense", "pairs", "lead_in", "left", "kinds"),
    [
        ("charge-first", 2, None, None, ("charge", "discharge")),
        ("discharge-first", 1, "charge", "discharge", ("discharge", "charge")),
        ("plate-first", 1, "strip", "plate", ("plate", "strip")),
        (None, 2, None, None, ("charge", "discharge")),
    ],
)
def test_the_sense_decides_pairs_lead_in_and_open_half(
    sense: Sense | None, pairs: int, lead_in: str | None, left: str | None, kinds: tuple[str, str]
) -> None:
    trace = Trace(every_s=60)
    for _ in range(2):
        trace.step(1e-3, 3600, ramp(3, 4, 3600)).step(-1e-3, 3500, ramp(3.9, 2.9, 3500))
    found = figures(trace, sense)
    assert len(found["cycles"]) == pairs
    assert (found["lead_in"] or {}).get("kind") == lead_in
    assert (found["open"] or {}).get("kind") == left
    first = found["cycles"][0]
    assert (first["first"]["kind"], first["second"]["kind"]) == kinds
    assert found["sense_from"] == ("given" if sense else "first half cycle")


def test_the_first_half_that_counts_decides_the_sense_of_a_file() -> None:
    trace = Trace().row(1e-6, 3).step(-1e-3, 3600, 0.5).step(1e-3, 3600, 1)
    halves = half_cycles(trace.recording, rest_A=1e-7).halves
    assert sense_by_first_half(halves) == "discharge-first"
    assert len(pair(halves, "discharge-first").cycles) == 1


def full_cycle(
    trace: Trace, charged_s: float = 3600, discharged_s: float = 3600, end_V: float = 3
) -> Trace:
    trace.step(1e-3, charged_s, ramp(3.2, 4.2, charged_s)).step(0, 600, 4.1)
    return trace.step(-1e-3, discharged_s, ramp(4.0, end_V, discharged_s)).step(0, 600, 3.1)


def test_more_than_was_there_is_flagged_and_left_out() -> None:
    trace = Trace(every_s=60)
    full_cycle(full_cycle(full_cycle(trace, charged_s=440), charged_s=3550))
    found = figures(trace, "charge-first")
    first, second, third = found["cycles"]
    assert first["ce_percent"] == pytest.approx(100 * 3600 / 440)
    assert (first["flags"], second["flags"], third["flags"]) == (
        ["implausible"],
        ["over 100 %"],
        [],
    )
    assert first["retention_percent"] is None
    assert found["means"]["cycles"] == found["means"]["charge_summed_cycles"] == [2, 3]
    assert found["retention"]["reference_cycle"] == 2


def test_a_discharge_that_ended_early_is_flagged_and_one_cut_by_the_files_end_has_no_ce() -> None:
    trace = Trace(every_s=60)
    full_cycle(full_cycle(trace), discharged_s=1800, end_V=3.5)
    full_cycle(trace, discharged_s=3600)
    trace.step(1e-3, 3600, ramp(3.2, 4.2, 3600)).step(-1e-3, 900, ramp(4, 3.75, 900))
    found = figures(trace, "charge-first")
    flags = [cycle["flags"] for cycle in found["cycles"]]
    assert flags == [[], ["not at cut-off"], [], ["not at cut-off", "interrupted"]]
    assert [cycle["complete"] for cycle in found["cycles"]] == [True, True, True, False]
    assert found["cycles"][3]["ce_percent"] is None
    assert found["means"]["cycles"] == [1, 3]
    retained = [cycle["retention_percent"] for cycle in found["cycles"]]
    assert retained == [pytest.approx(100), None, pytest.approx(100), None]


def test_a_second_window_is_a_cut_off_too() -> None:
    trace = Trace(every_s=60)
    full_cycle(trace, charged_s=4000, discharged_s=4000, end_V=2.5)
    for _ in range(3):
        full_cycle(trace)
    assert [cycle["flags"] for cycle in figures(trace, "charge-first")["cycles"]] == [[]] * 4


def test_n80_is_the_first_of_three_cycles_below() -> None:
    trace = Trace(every_s=60)
    for discharged_s in (3600, 2800, 3000, 2800, 2700, 2600, 2500):
        full_cycle(trace, charged_s=discharged_s, discharged_s=discharged_s)
    found = figures(trace, "charge-first")
    assert found["retention"] == {"of": "discharge", "reference_cycle": 1, "n80": 4}
    retained = [cycle["retention_percent"] for cycle in found["cycles"]]
    assert retained[:3] == pytest.approx([100, 100 * 28 / 36, 100 * 30 / 36])


def test_a_pause_that_carries_charge_is_flagged() -> None:
    trace = Trace(every_s=60)
    full_cycle(trace)
    half_way = len(trace.columns[0])
    full_cycle(trace)
    for row in range(half_way + 20, len(trace.columns[0])):
        trace.columns[0][row] += 1800
    found = figures(trace, "charge-first")
    assert found["cycles"][0]["flags"] == []
    assert "gap in the readings" in found["cycles"][1]["flags"]


def test_sparse_readings_at_step_ends_are_flagged() -> None:
    times = [600.0 * n for n in range(15)]
    currents = [0, *[1e-3] * 6, 0, *[-1e-3] * 6, 0]
    recording = Recording(times, [3.0 + (current > 0) for current in currents], currents)
    (cycle,) = parts(figures_of_recording(recording, None), "cycles")
    assert cycle["flags"] == ["few readings at step ends"]


def test_a_sign_turned_round_is_noticed() -> None:
    trace = Trace(every_s=60)
    for _ in range(2):
        trace.step(1e-3, 3600, ramp(4, 3, 3600)).step(-1e-3, 3600, ramp(3.2, 4.2, 3600))
    (note,) = figures(trace, None)["notes"]
    assert "sign turned round" in note


def test_energy_and_voltage_efficiency() -> None:
    trace = Trace(every_s=60)
    full_cycle(trace, charged_s=3600, discharged_s=3240)
    (cycle,) = figures(trace, "charge-first")["cycles"]
    assert cycle["ce_percent"] == pytest.approx(90)
    assert cycle["voltage_efficiency_percent"] == pytest.approx(100 * 3.5 / 3.7)
    assert cycle["energy_efficiency_percent"] == pytest.approx(90 * 3.5 / 3.7)
    assert cycle["polarisation_V"] == pytest.approx(0.2)
    assert cycle["polarisation_middle_V"] == pytest.approx(0.2)
    assert cycle["hysteresis_V"] == pytest.approx(0.2, abs=0.02)


def test_a_file_without_current_has_no_figures() -> None:
    found = figures(Trace().step(0, 3600, 3), None)
    assert found["cycles"] == found["groups"] == found["halves"] == []
    assert found["means"]["arithmetic_ce_percent"] is None


def test_a_cut_off_reached_as_the_current_collapses_is_reached() -> None:
    """A source that holds the cut-off: the reading there has no current any more."""
    trace = Trace(every_s=60)
    for _ in range(2):
        trace.step(-1e-3, 3600, -0.03).step(1e-3, 3500, 0.03).row(1e-9, 1.0).step(0, 600, 0.5)
    assert [cycle["flags"] for cycle in figures(trace)["cycles"]] == [[], []]
