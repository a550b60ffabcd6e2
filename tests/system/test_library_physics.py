"""What the library's special protocols are for, by closed forms and the cells' own constants."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from helpers import shelf
from helpers.running import LibraryRun

from labctl.journal import Reader
from labctl.run.request import RunResult
from labctl_protocols.decisions import Row
from labctl_simulators.cells.cathodes import FRESH, nvp
from labctl_simulators.cells.plain import lfp_graphite

pytestmark = pytest.mark.campaign

AREA_cm2 = 1.131
NVP_mAh = 1.5 * AREA_cm2
LFP_mAh = 2.0 * AREA_cm2


def steps(result: RunResult, part: str) -> list[Mapping[str, Any]]:
    """The ended steps whose path holds this."""
    with Reader(result.folder) as reader:
        ended = [event.data for event in reader.events() if event.kind == "step_ended"]
    return [each for each in ended if part in each["step_id"]]


def rows(result: RunResult, part: str) -> list[list[Row]]:
    """The rows of the steps whose path holds this, step by step."""
    found: dict[int, list[Row]] = {}
    with Reader(result.folder) as reader:
        for row in reader.readings():
            if part in row.step_id:
                found.setdefault(row.step_count, []).append(row)
    return list(found.values())


def groups(result: RunResult, label: str) -> tuple[Sequence[Any], Sequence[Any]]:
    """The figures of all groups of this label, and the model's accounts of them."""
    assert result.model is not None
    ledgers = result.model["groups"]
    assert isinstance(ledgers, list)
    return (
        [each for each in result.groups if each["label"] == label],
        [each for each in ledgers if each["label"] == label],
    )


# ---- half cells -------------------------------------------------------------------------------


def test_nucleation_is_seen_closely_and_grows_with_the_current(library_run: LibraryRun) -> None:
    first_minutes = rows(library_run("na-cu-nucleation"), "nucleation.1.plate")
    assert len(first_minutes) == 4
    dips = []
    for each in first_minutes:
        gaps = [after.t_s - before.t_s for before, after in pairwise(each)]
        assert max(gaps) < 0.2, "0.1 s, and what the instrument itself needs"
        assert each[-1].step_time_s == pytest.approx(60.0, abs=0.3)
        dips.append(min(row.voltage_V for row in each))
    assert dips == sorted(dips, reverse=True)
    # the dip is in the first minute: later the metal grows on metal
    grown = rows(library_run("na-cu-nucleation"), "nucleation.2.plate")
    assert grown[-1][-1].voltage_V > dips[-1] + 0.01


def test_a_voltammogram_plates_and_strips_what_the_model_does(library_run: LibraryRun) -> None:
    result = library_run("na-cu-voltammetry")
    (sweep,) = rows(result, "sweep")
    assert result.model is not None
    before, last = sweep[0], sweep[-1]
    plated = 1e3 * (last.discharging_Ah - before.discharging_Ah)
    stripped = 1e3 * (last.charging_Ah - before.charging_Ah)
    assert plated == pytest.approx(result.model["plated_mAh"], rel=5e-3)
    assert stripped == pytest.approx(result.model["stripped_mAh"], rel=5e-3)
    # there and back twice between 0.3 and -0.1 V at 20 mV/s
    assert last.step_time_s == pytest.approx(2 * 0.8 / 0.02, rel=0.01)
    assert max(row.voltage_V for row in sweep) == pytest.approx(0.3, abs=6e-3)
    assert min(row.voltage_V for row in sweep) == pytest.approx(-0.1, abs=6e-3)
    assert all(
        (row.current_A < 0) == (row.voltage_V < 0) for row in sweep if abs(row.current_A) > 1e-4
    )


def test_a_calendar_costs_what_its_self_discharge_takes(library_run: LibraryRun) -> None:
    """Metal decays by exp(-k·t) while it waits: the efficiencies differ by the waits alone."""
    rate_per_h = shelf.MODELS["li-cu-calendar"]["self_discharge_per_h"]
    figures, _ = groups(library_run("li-cu-calendar"), "calendar")
    waits_h = [1.0, 6.0, 24.0, 48.0, 72.0]
    assert len(figures) == len(waits_h)
    first = figures[0]["ce_percent"]
    for each, wait_h in zip(figures, waits_h, strict=True):
        wanted = first * math.exp(-rate_per_h * (wait_h - waits_h[0]))
        assert each["ce_percent"] == pytest.approx(wanted, abs=0.02)


def test_zinc_lasts_as_long_as_corrosion_needs_for_it(library_run: LibraryRun) -> None:
    (waited,) = steps(library_run("zn-cu-calendar"), "lasted")
    assert waited["ended"] == "voltage"
    assert waited["voltage_V"] > 0.1
    per_h = shelf.MODELS["zn-cu-calendar"]["corrosion_mA_cm2"]
    metal = shelf.CE * 0.1 - per_h * 0.1
    assert waited["duration_s"] / 3600.0 == pytest.approx(metal / per_h, rel=0.01)


# ---- symmetric cells --------------------------------------------------------------------------


def test_currents_rise_step_by_step_at_constant_time(library_run: LibraryRun) -> None:
    halves = rows(library_run("na-critical-current"), "ramp")
    assert len(halves) == 10
    for index, half in enumerate(halves):
        sign = 1 if index % 2 == 0 else -1
        wanted_A = sign * 1e-4 * AREA_cm2 * (index // 2 + 1)
        assert half[-1].current_A == pytest.approx(wanted_A, rel=1e-3)
        assert half[-1].step_time_s == pytest.approx(300.0, abs=0.5)


def test_charges_stay_the_same_where_the_charge_is_constant(library_run: LibraryRun) -> None:
    ended = steps(library_run("li-critical-current"), "ramp")
    assert [each["ended"] for each in ended] == ["charge"] * 8
    for each in ended:
        assert each["capacity_Ah"] * 1e3 == pytest.approx(0.1 * AREA_cm2, rel=2e-3)


# ---- pulses -----------------------------------------------------------------------------------


def test_titration_rests_on_the_cathodes_curve(library_run: LibraryRun) -> None:
    """At rest a Na cell shows its cathode's potential: the fraction left is the charge passed."""
    result = library_run("na-nvp-gitt")
    figures, _ = groups(result, "formation")
    spent = figures[0]["first"]["charge_mAh"] - figures[0]["second"]["charge_mAh"]
    rests = steps(result, "titration.1.repeat.3.rest")
    pulses = [each for each in steps(result, "titration.1.repeat.1.charge")]
    assert len(rests) == len(pulses) - 1 >= 5
    held = NVP_mAh - spent
    for pulse, rest in zip(pulses, rests, strict=False):
        held -= pulse["capacity_Ah"] * 1e3
        fraction = FRESH * held / NVP_mAh
        assert rest["voltage_V"] == pytest.approx(nvp(fraction), abs=3e-3)


def test_pulse_resistances_are_the_circuits(library_run: LibraryRun) -> None:
    """Thevenin: r0 at once, r0 + r1·(1 - exp(-t/60 s)) later, and what the charge itself moves."""
    r0, r1 = 0.02 / (LFP_mAh * 1e-3), 0.01 / (LFP_mAh * 1e-3)
    result = library_run("hppc")
    pulses = rows(result, "pulses.3.repeat.1.discharge")
    rests = [*rows(result, "pulses.2.rest"), *rows(result, "pulses.3.repeat.7.rest")]
    assert len(pulses) >= 3
    for place in (1, 2):
        pulse, rest, soc = pulses[place], rests[place], 1.0 - 0.25 * place
        current_A = abs(pulse[-1].current_A)
        assert current_A == pytest.approx(LFP_mAh * 1e-3, rel=1e-3)
        first, last = pulse[0], pulse[-1]
        at_once = (rest[-1].voltage_V - first.voltage_V) / current_A
        settled = (rest[-1].voltage_V - last.voltage_V) / current_A
        assert at_once == pytest.approx(r0, rel=0.03)
        moved = (lfp_graphite(soc) - lfp_graphite(soc - 10.0 / 3600.0)) / current_A
        wanted = r0 + r1 * -math.expm1(-10.0 / 60.0) + moved
        assert settled == pytest.approx(wanted, rel=0.03)


def test_every_interruption_is_seen_closely(library_run: LibraryRun) -> None:
    pauses = rows(library_run("li-nmc-ici"), "repeat.3.rest")
    assert len(pauses) >= 20
    for pause in pauses:
        assert pause[-1].step_time_s == pytest.approx(10.0, abs=0.3)
        assert len(pause) >= 50


def test_power_and_load_are_constant(library_run: LibraryRun) -> None:
    result = library_run("power-and-resistance")
    (power,), (load,) = rows(result, "power.3.discharge"), rows(result, "load.3.discharge")
    # the last row is at the cut-off, where the instrument holds the voltage
    for row in power[1:-1]:
        assert row.voltage_V * -row.current_A == pytest.approx(10e-3, rel=1e-2)
    for row in load[1:-1]:
        assert row.voltage_V / -row.current_A == pytest.approx(500.0, rel=1e-2)


# ---- metal supply -----------------------------------------------------------------------------


def test_the_additive_is_emptied_once_and_makes_up_for_losses(library_run: LibraryRun) -> None:
    result = library_run("na-sacrificial-additive")
    (supply,), (ledger,) = groups(result, "supply")
    assert ledger["supplied_mAh"] == pytest.approx(0.5 * AREA_cm2, rel=1e-6)
    assert supply["first"]["charge_mAh"] == pytest.approx(2.0 * AREA_cm2, rel=5e-3)
    assert [each["ended"] for each in steps(result, "supply.1.sacrificial")] == [
        "voltage",
        "current",
    ]
    figures, _ = groups(result, "cycling")
    # metal beyond the cathode's capacity hides the loss of 1 % per cycle
    for each in figures:
        assert each["ce_percent"] > 99.9
        assert each["second"]["charge_mAh"] == pytest.approx(NVP_mAh, rel=5e-3)


def test_over_discharge_puts_the_excess_back_into_the_cathode(library_run: LibraryRun) -> None:
    result = library_run("na-over-metallated")
    (first,), _ = groups(result, "first")
    (over,) = steps(result, "over_discharge.supply.1")
    lost = sum(each["lost_mAh"] for each in groups(result, "narrow")[1])
    lost += groups(result, "first")[1][0]["lost_mAh"]
    # what the first charge brought above the plateau at 3.4 V, less what was lost since
    assert first["first"]["charge_mAh"] == pytest.approx(2.25 * AREA_cm2, rel=0.02)
    assert over["capacity_Ah"] * 1e3 == pytest.approx(0.75 * AREA_cm2 - lost, rel=0.05)


def test_the_third_electrode_restores_the_inventory(library_run: LibraryRun) -> None:
    result = library_run("na-third-electrode")
    supplied = steps(result, "supplied")
    assert supplied
    assert {each["terminal"] for each in supplied} == {"supply"}
    assert result.model is not None
    ledgers = result.model["groups"]
    assert isinstance(ledgers, list)
    position = next(n for n, each in enumerate(ledgers) if each["label"] == "supply")
    lost = sum(each["lost_mAh"] for each in ledgers[:position])
    given = ledgers[position]["supplied_mAh"]
    # supplied once 80 % of nominal are left, and not before; then all that was lost
    assert lost > 0.2 * NVP_mAh > lost - ledgers[position - 1]["lost_mAh"]
    assert given == pytest.approx(lost, rel=0.01)
    assert supplied[0]["capacity_Ah"] * 1e3 == pytest.approx(given, rel=1e-3)


def test_a_slow_strip_recovers_what_reconnects(library_run: LibraryRun) -> None:
    result = library_run("na-recovery-strip")
    recovered = steps(result, "recovered")
    _, (ledger,) = groups(result, "recovery")
    charge = sum(each["capacity_Ah"] for each in recovered) * 1e3
    assert charge == pytest.approx(ledger["stripped_mAh"], rel=5e-3)
    assert ledger["lost_mAh"] < 0.0, "metal that was lost is back"
    assert charge > 1e-3


def test_a_seed_layer_is_left(library_run: LibraryRun) -> None:
    result = library_run("na-seed-layer")
    seeded = steps(result, "seeded.3.discharge")
    assert [each["ended"] for each in seeded] == ["charge", "charge"]
    (first,) = [each for each in steps(result, "seeded.1.charge")][:1]
    assert seeded[0]["capacity_Ah"] == pytest.approx(0.85 * first["capacity_Ah"], rel=1e-3)
    # the deposit is what is on the collector: the next charge brings it back to what it was
    assert seeded[1]["capacity_Ah"] == pytest.approx(seeded[0]["capacity_Ah"], rel=5e-3)


# ---- life -------------------------------------------------------------------------------------


def test_a_life_ends_by_the_cycles_own_retention(library_run: LibraryRun) -> None:
    result = library_run("na-anode-free-cycle-life")
    figures, _ = groups(result, "cycling")
    tests, _ = groups(result, "capacity")
    assert len(tests) == 1 + len(figures) // 2, "one before, one after each block"
    charges = [each["second"]["charge_mAh"] for each in figures]
    retention = [each / charges[0] for each in charges]
    assert retention[-1] < 0.97
    # the last block began above it
    assert retention[-3] >= 0.97
    # each plating costs 1 %: a cycle one, a reference test one and a half
    assert charges[1] / charges[0] == pytest.approx(shelf.CE, rel=1e-3)
