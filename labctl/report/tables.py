"""The page's tables: cycles, groups, halves apart, and what ended each step."""

from collections import Counter
from collections.abc import Mapping, Sequence

from labctl.report.cycles import kinds_of
from labctl.report.html import element, escaped, number_cell, table, text_cell
from labctl.report.means import summary_figures
from labctl.report.record import Record
from labctl.show.pulses import TABLES, columns_of
from labctl.show.values import Data, is_interrupted, number, part, parts, scaled, text
from labctl.show.why import UNITS, why_document
from labctl.show.words import clock_text, duration_text

MOST_STEPS = 4000
"""A page with more rows is no longer read; `labctl why` has them all."""

FIGURES = (
    ("q irr (mAh)", "irreversible_mAh", 1.0, "#.4g"),
    ("Σ q irr (mAh)", "cumulative_irreversible_mAh", 1.0, "#.4g"),
    ("u(Σ)", "u_cumulative_irreversible_mAh", 1.0, "#.2g"),
    ("retention (%)", "retention_percent", 1.0, ".2f"),
    ("inventory (%)", "inventory_percent", 1.0, ".2f"),
    ("EE (%)", "energy_efficiency_percent", 1.0, ".2f"),
    ("VE (%)", "voltage_efficiency_percent", 1.0, ".2f"),
    ("η plating (mV)", "plating_overpotential_V", 1e3, ".1f"),
    ("η (mV)", "symmetric_overpotential_V", 1e3, ".1f"),
    ("hysteresis (mV)", "hysteresis_V", 1e3, ".1f"),
    ("polarisation (mV)", "polarisation_V", 1e3, ".1f"),
)
"""Head, key in the figures, factor, form; columns without any figure are left out."""

CE_HEADS = ("CE (%)", "u(CE) (%)")
SUPPLIED_HEADS = ("supplied by then (mAh)", "u (mAh)")
"""In all but symmetric cells."""

MOST_PULSES = 500
"""`labctl export --to pulses-csv` has them all."""


def cycles_table(record: Record) -> str:
    """Every cycle that the journal tells of."""
    cycles = parts(record.figures, "cycles")
    if not cycles:
        return element("p", "The run has no cycle yet.")
    kinds = [kinds_of(cycles, half) for half in ("first", "second")]
    figures = [each for each in FIGURES if any(number(row, each[1]) is not None for row in cycles)]
    has_ce = record.kind != "symmetric"
    head = ["cycle", "class", "group", *_half_heads(kinds, record), *(CE_HEADS if has_ce else ())]
    rows = [
        [
            number_cell(number(cycle, "cycle"), ".0f"),
            text_cell(cycle["class"]),
            text_cell(cycle["group"] or ""),
            *_half_cells(cycle, record),
            *(_ce_cells(cycle) if has_ce else ()),
            *(number_cell(scaled(cycle, key, factor), form) for _, key, factor, form in figures),
            text_cell(_flags(cycle)),
        ]
        for cycle in cycles
    ]
    return table([*head, *(name for name, *_ in figures), "flags"], rows, id="cycles")


def means_table(record: Record) -> str:
    """The means over the cycles, totals and life; empty where there is no figure."""
    rows = [
        [
            text_cell(name),
            text_cell(value) if isinstance(value, str) else number_cell(value, ".4f"),
            number_cell(u_value, ".4f"),
            text_cell(told),
        ]
        for name, value, u_value, told in summary_figures(record)
    ]
    return table(["figure", "value", "u (k = 2)", "of"], rows, id="means") if rows else ""


def groups_table(record: Record) -> str:
    """Every group that was left, with its totals."""
    groups = parts(record.figures, "groups")
    if not groups:
        return element("p", "The protocol has no groups.")
    has_ce = record.kind != "symmetric"
    is_supplied = any(number(group, "supplied_mAh") is not None for group in groups)
    head = ["group", "class", "pair", *_half_heads(["first", "second"], record),
            *(CE_HEADS if has_ce else ()), *(SUPPLIED_HEADS if is_supplied else ()),
            ""]  # fmt: skip
    rows = [
        [
            text_cell(group["label"] or ""),
            text_cell(group["class"]),
            text_cell(group["pair"]),
            *_half_cells(group, record),
            *(_ce_cells(group) if has_ce else ()),
            *(_supplied_cells(group) if is_supplied else ()),
            text_cell("interrupted" if is_interrupted(group) else ""),
        ]
        for group in groups
    ]
    return table(head, rows, id="groups")


def apart_table(record: Record) -> str:
    """Halves without a partner; empty where there is none."""
    halves = parts(record.figures, "halves")
    if not halves:
        return ""
    rows = [
        [
            text_cell(str(half["role"]).replace("_", "-")),
            text_cell(half["kind"]),
            text_cell(half["group"] or ""),
            number_cell(number(half, "charge_mAh"), "#.5g"),
        ]
        for half in halves
    ]
    told = table(["half", "kind", "group", "mAh"], rows, id="apart")
    return element("h3", "Halves without a partner") + told


def pulses_tables(record: Record) -> str:
    """DCIR, ICI and GITT, folded away; empty where no change of current gives a figure."""
    told = []
    for kind, (title, _) in TABLES.items():
        found = record.pulses[kind]
        if found:
            columns = columns_of(kind, found)
            rows = [
                [number_cell(scaled(row, each.key, each.factor), each.form) for each in columns]
                for row in found[:MOST_PULSES]
            ]
            count = f"{len(found)}" if len(found) <= MOST_PULSES else f"first {MOST_PULSES}"
            summary = element("summary", escaped(f"{title} ({count})"))
            head = [column.head for column in columns]
            told.append(element("details", summary, table(head, rows, id=kind)))
    return element("h2", "Pulses and pauses") + "".join(told) if told else ""


def ends_summary(record: Record) -> str:
    """Each step of the protocol: how often it ended, and on what."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for event in record.events:
        if event.kind == "step_ended":
            data = event.data
            driven = "" if data.get("driven", True) else "not driven: "
            counts[text(data, "step_id"), text(data, "ended"), driven + text(data, "reason")] += 1
    rows = [
        [text_cell(step), text_cell(ended), text_cell(reason), number_cell(float(count), ".0f")]
        for (step, ended, reason), count in counts.items()
    ]
    if not rows:
        return element("p", "No step has ended yet.")
    return table(["step", "ended by", "which was", "times"], rows, id="ends-summary")


def ends_table(record: Record) -> str:
    """Every step's end and every alarm between them, folded away; the middle of many left out."""
    entries = [entry for entry in why_document(record.events) if entry["kind"] != "run"]
    if not entries:
        return ""
    half = MOST_STEPS // 2
    left_out = max(len(entries) - MOST_STEPS, 0)
    rows = [_end_row(entry) for entry in (entries[:half] if left_out else entries)]
    if left_out:
        told = f"{left_out} ends are left out here: `labctl why {record.run}` tells all."
        rows.append([f'<td class="text" colspan="8">{escaped(told)}</td>'])
        rows += [_end_row(entry) for entry in entries[-half:]]
    head = ["time", "step", "ended by", "which was", "after", "mAh", "V", "not yet"]
    summary = element("summary", f"All {len(entries)} ends, one by one")
    return element("details", summary, table(head, rows, id="ends"))


def _end_row(entry: Mapping[str, object]) -> list[str]:
    clock = text_cell(clock_text(number(entry, "t_s") or 0.0))
    if entry["kind"] != "step":
        told = text(entry, "text") or text(entry, "remark") or text(entry, "action")
        return [
            clock,
            text_cell(entry["kind"]),
            f'<td class="text" colspan="6">{escaped(told)}</td>',
        ]
    voltage_V = number(part(entry, "at"), "voltage_V")
    return [
        clock,
        text_cell(text(entry, "label") or text(entry, "step_id")),
        text_cell(text(entry, "ended")),
        text_cell(text(entry, "reason")),
        text_cell(duration_text(number(entry, "duration_s") or 0.0)),
        number_cell(scaled(entry, "capacity_Ah", 1e3), "#.5g"),
        number_cell(number(entry, "voltage_V") if voltage_V is None else voltage_V, ".4f"),
        text_cell("; ".join(_runner_up(other) for other in _others(entry))),
    ]


def _others(entry: Mapping[str, object]) -> Sequence[Data]:
    found = entry.get("runners_up")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _runner_up(other: Data) -> str:
    unit, factor = UNITS.get(text(other, "kind"), ("", 1.0))
    stood = scaled(other, "value", factor)
    told = "" if stood is None else f" (stood at {stood:.5g}{' ' if unit else ''}{unit})"
    return text(other, "text") + told


def _half_heads(kinds: Sequence[str], record: Record) -> list[str]:
    units = ["mAh"] if record.area_cm2 is None else ["mAh", "mAh/cm²"]
    return [f"{kind} ({unit})" for kind in kinds for unit in units]


def _half_cells(row: Data, record: Record) -> list[str]:
    cells = []
    for name in ("first", "second"):
        charge_mAh = number(part(row, name), "charge_mAh")
        cells.append(number_cell(charge_mAh, "#.5g"))
        if record.area_cm2 is not None:
            areal = None if charge_mAh is None else charge_mAh / record.area_cm2
            cells.append(number_cell(areal, "#.5g"))
    return cells


def _ce_cells(row: Data) -> list[str]:
    return [number_cell(number(row, key), ".3f") for key in ("ce_percent", "u_ce_percent")]


def _supplied_cells(group: Data) -> list[str]:
    return [number_cell(number(group, key), "#.5g") for key in ("supplied_mAh", "u_supplied_mAh")]


def _flags(cycle: Data) -> str:
    flags = cycle["flags"]
    return ", ".join(map(str, flags)) if isinstance(flags, list) else ""
