"""A recording's figures as one document: the JSON of `labctl cycles FILE --json` (design §10)."""

from collections.abc import Sequence

from labctl.figures import life
from labctl.figures.cycles import Cycle, cycles_of, spans
from labctl.figures.efficiency import charge_summed
from labctl.figures.energies import Part, voltages_json
from labctl.figures.halves import Half, Halves, half_cycles
from labctl.figures.pairing import Pairs, Sense, pair, sense_by_first_half
from labctl.figures.recording import Recording
from labctl.figures.series import (
    Counted,
    initial_json,
    irreversible_json,
    means_json,
    percent,
    total,
    totals_json,
)
from labctl.figures.shape import Shape, shape_of
from labctl_protocols.engine.account import Account

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
    counted = [_counted(cycle) for cycle in cycles]
    irreversible = irreversible_json(counted, (), None)
    return {
        "sense": pairs.sense,
        "sense_from": "first half cycle" if sense is None else "given",
        "simulated": recording.simulated,
        "cycles": _cycles_json(cycles, pairs, irreversible),
        "lead_in": told["lead_in"],
        "open": told["open"],
        "groups": [_span_json(span, pairs) for span in spans(cycles)] if _plates(pairs) else [],
        "halves": [half for half in told.values() if half is not None],
        "means": means_json(counted, ()),
        "ice": _initial_json(cycles),
        "totals": _totals_json(pairs, irreversible),
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


def _half_json(half: Half, pairs: Pairs, shape: Shape) -> Json:
    return {
        "kind": pairs.kind(half),
        "charge_mAh": 1e3 * half.charge_Ah,
        "energy_mWh": 1e3 * abs(half.energy_Wh),
        "duration_s": half.duration_s,
        "mean_voltage_V": half.mean_voltage_V,
        "plateau_voltage_V": shape.plateau_V,
        "reached_voltage_V": half.reached_V,
        "start_s": half.start_s,
        "end_s": half.end_s,
        "readings": len(half.rows),
    }


def _shape(half: Half, pairs: Pairs) -> Shape:
    return shape_of([(half.charge_at_Ah, half.voltage_V)], pairs.kind(half) == "plate")


def _apart_json(role: str, half: Half, pairs: Pairs) -> Json:
    return {
        "role": role,
        "class": "cycle",
        "group": None,
        **_half_json(half, pairs, _shape(half, pairs)),
    }


def _cycles_json(cycles: Sequence[Cycle], pairs: Pairs, irreversible: Sequence[Json]) -> list[Json]:
    retentions = _retentions(cycles, pairs)
    told = []
    for cycle, lost, retained in zip(cycles, irreversible, retentions, strict=True):
        first, second = _shape(cycle.first, pairs), _shape(cycle.second, pairs)
        parts = _part(cycle.first, first), _part(cycle.second, second)
        told.append(
            {
                "cycle": cycle.number,
                "class": "cycle",
                "group": None,
                "complete": cycle.complete,
                "first": _half_json(cycle.first, pairs, first),
                "second": _half_json(cycle.second, pairs, second),
                "ce_percent": percent(cycle.efficiency),
                "u_ce_percent": None,
                "flags": list(cycle.flags),
                **lost,
                "retention_percent": percent(retained),
                "u_retention_percent": None,
                **voltages_json(*parts, cycle.complete, "half" if _plates(pairs) else "cell"),
            }
        )
    return told


def _part(half: Half, shape: Shape) -> Part:
    return Part(half.sign, half.charge_Ah, half.mean_voltage_V, shape)


def _counted(cycle: Cycle) -> Counted:
    first, second = _account(cycle.first), _account(cycle.second)
    efficiency = cycle.efficiency
    return Counted(cycle.number, first, second, efficiency, cycle.plausible, cycle.whole)


def _account(half: Half) -> Account:
    return Account(charge_As=3600.0 * half.sign * half.charge_Ah)


def _totals_json(pairs: Pairs, irreversible: Sequence[Json]) -> Json:
    plated = None
    if _plates(pairs):
        halves = [first for first, _ in pairs.cycles] + [half for half in (pairs.open,) if half]
        plated = total(_account(half) for half in halves)
    return totals_json(plated, irreversible, (), None)


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
        "ce_percent": percent(charge_summed(charges)),
        "u_ce_percent": None,
    }


def _sum_json(kind: str, charges_Ah: Sequence[float]) -> Json:
    return {"kind": kind, "charge_mAh": 1e3 * sum(charges_Ah)}


def _initial_json(cycles: Sequence[Cycle]) -> Json:
    first = cycles[0] if cycles and cycles[0].plausible else None
    return initial_json(1, None if first is None else first.efficiency, None)


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
    of = "second" if _plates(pairs) else "discharge"
    return life.retention_json(of, None if reference is None else reference.number, counted)
