"""A recording's figures as one document: the JSON of `labctl cycles FILE --json` (design §10)."""

from collections.abc import Sequence

from labctl.figures import energies, life
from labctl.figures.curve import plateau_V
from labctl.figures.cycles import Cycle, cycles_of, spans
from labctl.figures.efficiency import (
    arithmetic_mean,
    charge_summed,
    geometric_mean,
    irreversible,
    product,
)
from labctl.figures.halves import Half, Halves, half_cycles
from labctl.figures.nucleation import nucleation
from labctl.figures.pairing import Pairs, Sense, pair, sense_by_first_half
from labctl.figures.recording import Recording

Json = dict[str, object]


def figures_of_recording(recording: Recording, sense: Sense | None) -> Json:
    """All per-cycle figures; without a sense, paired as the recording begins.

    `u_ce_percent` is null: a file does not say how true its instrument was.
    """
    halves = half_cycles(recording)
    pairs = pair(halves.halves, sense or sense_by_first_half(halves.halves))
    cycles = cycles_of(pairs, len(recording))
    apart = [("lead_in", pairs.lead_in), ("open", pairs.open)]
    told = {role: None if half is None else _apart_json(role, half, pairs) for role, half in apart}
    return {
        "sense": pairs.sense,
        "sense_from": "first half cycle" if sense is None else "given",
        "simulated": recording.simulated,
        "cycles": _cycles_json(cycles, pairs),
        "lead_in": told["lead_in"],
        "open": told["open"],
        "groups": [_span_json(span, pairs) for span in spans(cycles)] if _plates(pairs) else [],
        "halves": [half for half in told.values() if half is not None],
        "means": _means_json(cycles),
        "retention": _retention_json(cycles, pairs),
        "charges_from": halves.charges_from,
        "readings": len(recording),
        "transitions_dropped": halves.dropped,
        "notes": [*recording.notes, *halves.notes, *_doubts(halves)],
    }


def _plates(pairs: Pairs) -> bool:
    return pairs.sense == "plate-first"


def _doubts(halves: Halves) -> list[str]:
    """Whatever the cell, charging it takes a higher voltage than it gives back."""
    mean_V = {}
    for sign in (1, -1):
        alike = [half for half in halves.halves if half.sign == sign]
        charge_Ah = sum(half.charge_Ah for half in alike)
        if charge_Ah <= 0:
            return []
        mean_V[sign] = sum(half.energy_Wh for half in alike) / charge_Ah
    if mean_V[1] >= mean_V[-1]:
        return []
    return [
        f"charging at {mean_V[1]:.4g} V on average and discharging at {mean_V[-1]:.4g} V: "
        "is the current's sign turned round? positive must charge"
    ]


def _half_json(half: Half, pairs: Pairs) -> Json:
    return {
        "kind": pairs.kind(half),
        "charge_mAh": 1e3 * half.charge_Ah,
        "energy_mWh": 1e3 * abs(half.energy_Wh),
        "duration_s": half.duration_s,
        "mean_voltage_V": half.mean_voltage_V,
        "plateau_voltage_V": plateau_V(half.charge_at_Ah, half.voltage_V),
        "reached_voltage_V": half.reached_V,
        "start_s": half.start_s,
        "end_s": half.end_s,
        "readings": len(half.rows),
    }


def _apart_json(role: str, half: Half, pairs: Pairs) -> Json:
    return {"role": role, "class": "cycle", "group": None, **_half_json(half, pairs)}


def _cycles_json(cycles: Sequence[Cycle], pairs: Pairs) -> list[Json]:
    lost_mAh = 0.0
    told = []
    for cycle, retained in zip(cycles, _retentions(cycles, pairs), strict=True):
        here_mAh = 1e3 * irreversible([(cycle.first.charge_Ah, cycle.second.charge_Ah)])[0]
        lost_mAh += here_mAh if cycle.plausible else 0.0
        told.append(
            {
                "cycle": cycle.number,
                "class": "cycle",
                "group": None,
                "complete": cycle.complete,
                "first": _half_json(cycle.first, pairs),
                "second": _half_json(cycle.second, pairs),
                "ce_percent": _percent(cycle.efficiency),
                "u_ce_percent": None,
                "flags": list(cycle.flags),
                "irreversible_mAh": here_mAh if cycle.complete else None,
                "cumulative_irreversible_mAh": lost_mAh if cycle.plausible else None,
                "retention_percent": _percent(retained),
                **_voltages_json(cycle),
                "nucleation": _nucleation_json(cycle.first) if _plates(pairs) else None,
            }
        )
    return told


def _voltages_json(cycle: Cycle) -> Json:
    up, down = energies.charging_and_discharging(cycle.first, cycle.second)
    upper_V, lower_V = energies.middle_V(up), energies.middle_V(down)
    middle_V = None if upper_V is None or lower_V is None else upper_V - lower_V
    whole = cycle.complete
    return {
        "energy_efficiency_percent": _percent(energies.energy_efficiency(up, down), whole),
        "voltage_efficiency_percent": _percent(energies.voltage_efficiency(up, down), whole),
        "polarisation_V": energies.polarisation_V(up, down) if whole else None,
        "polarisation_middle_V": middle_V if whole else None,
        "hysteresis_V": energies.hysteresis_V(up, down) if whole else None,
    }


def _nucleation_json(plating: Half) -> Json:
    found = nucleation(plating.charge_at_Ah, plating.voltage_V)
    return {
        "dip_V": found.dip_V,
        "plateau_V": found.plateau_V,
        "overpotential_V": found.overpotential_V,
        "reason": found.reason or None,
    }


def _charges(cycles: Sequence[Cycle]) -> list[tuple[float, float]]:
    return [(cycle.first.charge_Ah, cycle.second.charge_Ah) for cycle in cycles]


def _span_json(span: Sequence[Cycle], pairs: Pairs) -> Json:
    charges = _charges(span)
    return {
        "label": f"cycles {span[0].number}-{span[-1].number}",
        "class": "cycle",
        "path": None,
        "pair": "total",
        "complete": True,
        "first": _sum_json(pairs.kind(span[0].first), [first for first, _ in charges]),
        "second": _sum_json(pairs.kind(span[0].second), [second for _, second in charges]),
        "ce_percent": _percent(charge_summed(charges)),
        "u_ce_percent": None,
    }


def _sum_json(kind: str, charges_Ah: Sequence[float]) -> Json:
    return {"kind": kind, "charge_mAh": 1e3 * sum(charges_Ah)}


def _means_json(cycles: Sequence[Cycle]) -> Json:
    whole = [cycle for cycle in cycles if cycle.whole]
    plausible = [cycle for cycle in cycles if cycle.plausible]
    efficiencies = [cycle.efficiency for cycle in whole if cycle.efficiency is not None]
    return {
        "cycles": [cycle.number for cycle in whole],
        "arithmetic_ce_percent": _percent(arithmetic_mean(efficiencies)),
        "geometric_ce_percent": _percent(geometric_mean(efficiencies)),
        "product_ce_percent": _percent(product(efficiencies)),
        "charge_summed_cycles": [cycle.number for cycle in plausible],
        "charge_summed_ce_percent": _percent(charge_summed(_charges(plausible))),
    }


def _given_back_Ah(cycle: Cycle, pairs: Pairs) -> float:
    """What retention is about: the discharge of a cell, the strip of a half cell."""
    chosen = cycle.second if _plates(pairs) or cycle.second.sign < 0 else cycle.first
    return chosen.charge_Ah


def _reference(cycles: Sequence[Cycle]) -> Cycle | None:
    return next((cycle for cycle in cycles if cycle.whole), None)


def _retentions(cycles: Sequence[Cycle], pairs: Pairs) -> list[float | None]:
    reference = _reference(cycles)
    if reference is None:
        return [None for _ in cycles]
    given_Ah = [_given_back_Ah(cycle, pairs) for cycle in cycles]
    found = life.retention(given_Ah, _given_back_Ah(reference, pairs))
    return [value if cycle.whole else None for value, cycle in zip(found, cycles, strict=True)]


def _retention_json(cycles: Sequence[Cycle], pairs: Pairs) -> Json:
    reference = _reference(cycles)
    counted = [
        (cycle.number, value)
        for cycle, value in zip(cycles, _retentions(cycles, pairs), strict=True)
        if value is not None
    ]
    place = life.end_of_life([value for _, value in counted])
    return {
        "of": "second" if _plates(pairs) else "discharge",
        "reference_cycle": None if reference is None else reference.number,
        "n80": None if place is None else counted[place][0],
    }


def _percent(fraction: float | None, whole: bool = True) -> float | None:
    return None if fraction is None or not whole else 100.0 * fraction
