"""What `labctl cycles` says on a terminal, of a run and of a file alike."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from labctl.show.columns import in_columns
from labctl.show.values import Data, figure, number, part, parts, text


class Column(NamedTuple):
    """A column of the table: its head, and what it says of a cycle."""

    head: str
    cell: Callable[[Data], str]


MEANS = ("arithmetic", "geometric", "product", "charge_summed")
KEPT = frozenset({"cycle", "first", "second", "mAh"})
"""Columns that stay where nothing is known in them; of the others only those that say something."""


def _of(head: str, key: str, form: str, factor: float = 1.0) -> Column:
    def cell(cycle: Data) -> str:
        value = number(cycle, key)
        return figure(None if value is None else factor * value, form)

    return Column(head, cell)


def _half(head: str, which: str, key: str) -> Column:
    return Column(head, lambda cycle: figure(number(part(cycle, which), key), ".4f"))


def _nucleation(cycle: Data) -> str:
    found_V = number(part(cycle, "nucleation"), "overpotential_V")
    return figure(None if found_V is None else 1e3 * found_V, ".1f")


def _flags(cycle: Data) -> str:
    flags = cycle["flags"]
    return ", ".join(map(str, flags)) if isinstance(flags, list) else ""


CHARGES = (
    _of("cycle", "cycle", ".0f"),
    Column("class", lambda cycle: text(cycle, "class")),
    Column("first", lambda cycle: text(part(cycle, "first"), "kind")),
    _half("mAh", "first", "charge_mAh"),
    Column("second", lambda cycle: text(part(cycle, "second"), "kind")),
    _half("mAh", "second", "charge_mAh"),
    _of("CE/%", "ce_percent", ".3f"),
    _of("±/%", "u_ce_percent", ".3f"),
    _of("Qirr/mAh", "irreversible_mAh", ".4f"),
    _of("ΣQirr/mAh", "cumulative_irreversible_mAh", ".4f"),
    _of("±/mAh", "u_cumulative_irreversible_mAh", ".4f"),
    _of("Q/%", "retention_percent", ".2f"),
    _of("inv/%", "inventory_percent", ".2f"),
    _of("±/%", "u_inventory_percent", ".2f"),
)
PLATING = (
    _of("ηpl/mV", "plating_overpotential_V", ".1f", 1e3),
    Column("ηnuc/mV", _nucleation),
    _of("ΔV/mV", "hysteresis_V", ".1f", 1e3),
)
SYMMETRIC = (
    _of("η/mV", "symmetric_overpotential_V", ".1f", 1e3),
    _of("early", "symmetric_overpotential_early_V", ".1f", 1e3),
    _of("middle", "symmetric_overpotential_middle_V", ".1f", 1e3),
    _of("late", "symmetric_overpotential_late_V", ".1f", 1e3),
    _of("ΔV/mV", "hysteresis_V", ".1f", 1e3),
)
CELL = (
    _of("EE/%", "energy_efficiency_percent", ".2f"),
    _of("VE/%", "voltage_efficiency_percent", ".2f"),
    _half("V1/V", "first", "mean_voltage_V"),
    _half("V2/V", "second", "mean_voltage_V"),
    _of("ΔV/mV", "polarisation_V", ".1f", 1e3),
)
FLAGS = Column("flags", _flags)
BY_KIND = {"half": PLATING, "symmetric": SYMMETRIC}
LEGEND = {
    "Qirr/mAh": "Qirr: first − second",
    "ΣQirr/mAh": "ΣQirr: its sum over complete cycles",
    "Q/%": "Q: retention",
    "inv/%": "inv: metal that is left",
    "ηpl/mV": "ηpl: plateau of plating",
    "ηnuc/mV": "ηnuc: its dip below that",
    "η/mV": "η: mean overpotential of both electrodes together, then at 5, 50, 95 % of the charge",
    "V1/V": "V1, V2: charge-weighted means",
}
GAP = dict.fromkeys(("half", "symmetric"), "ΔV: hysteresis of the plateaus")
GAP_OF_CELL = "ΔV: V̄ charging − V̄ discharging"


def cycle_lines(document: Data, kind: str) -> Iterator[str]:
    """The table of cycles, with a line that explains its heads; `±` is k = 2."""
    cycles = parts(document, "cycles")
    if not cycles:
        yield "no complete cycle"
        return
    columns = [*CHARGES, *BY_KIND.get(kind, CELL), FLAGS]
    rows = [[column.cell(cycle) for column in columns] for cycle in cycles]
    shown = [
        n
        for n, column in enumerate(columns)
        if column.head in KEPT or any(row[n] not in ("", "–") for row in rows)
    ]
    heads = [columns[n].head for n in shown]
    yield from in_columns(heads, [[row[n] for n in shown] for row in rows])
    legend = [LEGEND[head] for head in heads if head in LEGEND]
    if "ΔV/mV" in heads:
        legend.append(GAP.get(kind, GAP_OF_CELL))
    if any(head.startswith("±") for head in heads):
        legend.append("±: k = 2")
    if legend:
        yield "  (" + "; ".join(legend) + ")"


def half_line(half: Data) -> str:
    """A half without a partner."""
    role = text(half, "role").replace("_", "-")
    charge = figure(number(half, "charge_mAh"), ".4f", "mAh")
    group = text(half, "group")
    return f"{role} half: {text(half, 'kind')} {charge}" + (f" in {group}" if group else "")


TOTALS = {name: f"{name} in all" for name in ("plated", "irreversible", "supplied")}


def summary_lines(document: Data) -> Iterator[str]:
    """The means by name, ICE, totals, life."""
    retention = part(document, "retention")
    yield from _means_lines(part(document, "means"))
    initial = part(document, "ice")
    value = _with_uncertainty(initial, "ce_percent", ".3f")
    if value:
        yield f"ICE/%: {value} (cycle {initial['cycle']})"
    totals = part(document, "totals")
    for name, word in TOTALS.items():
        value = _with_uncertainty(totals, f"{name}_mAh", ".4f", " mAh")
        per_area = _with_uncertainty(totals, f"{name}_mAh_cm2", ".4f", " mAh/cm2")
        if value:
            yield f"{word}: {value}" + (f" = {per_area}" if per_area else "")
    if retention["reference_cycle"] is not None:
        n80 = retention["n80"] or "not reached"
        of = "second half" if retention["of"] == "second" else "discharge"
        yield f"Q/%: {of} of cycle {retention['reference_cycle']} is 100 %; N80: {n80}"


def _means_lines(means: Data) -> Iterator[str]:
    """By name, over the cycles that each is over."""
    told = {
        name: value
        for name in MEANS
        if (value := _with_uncertainty(means, f"{name}_ce_percent", ".4f"))
    }
    summed = told.get("charge_summed")
    if summed and means["charge_summed_cycles"] != means["cycles"]:
        yield f"CE/% over {_cycles(means['charge_summed_cycles'])}: charge-summed {summed}"
        del told["charge_summed"]
    if told:
        named = ", ".join(f"{name.replace('_', '-')} {value}" for name, value in told.items())
        yield f"CE/% over {_cycles(means['cycles'])}: {named}"


def _with_uncertainty(data: Data, key: str, form: str, unit: str = "") -> str:
    value, u_value = number(data, key), number(data, f"u_{key}")
    if value is None:
        return ""
    return f"{value:{form}}" + ("" if u_value is None else f" ± {u_value:{form}}") + unit


def _cycles(numbers: object) -> str:
    chosen: Sequence[object] = numbers if isinstance(numbers, list) else ()
    if len(chosen) == 1:
        return f"cycle {chosen[0]}"
    return f"{len(chosen)} cycles" + (f" ({chosen[0]} to {chosen[-1]})" if chosen else "")
