"""What `labctl cycles FILE` says on a terminal about a file of readings."""

from collections.abc import Iterator

from labctl.cli.runs import group_lines
from labctl.show.columns import in_columns
from labctl.show.values import Data, figure, number, part, parts, text

HEAD = (
    "cycle",
    "first",
    "mAh",
    "second",
    "mAh",
    "CE/%",
    "EE/%",
    "V1/V",
    "V2/V",
    "ΔV/mV",
    "Q/%",
    "",
)
"""V1, V2: charge-weighted mean voltages; ΔV: hysteresis of the plateaus; Q: retention."""
MEANS = {
    "arithmetic_ce_percent": "arithmetic",
    "geometric_ce_percent": "geometric",
    "product_ce_percent": "product",
    "charge_summed_ce_percent": "charge-summed",
}


def half_line(half: Data) -> str:
    """A half without a partner."""
    role = text(half, "role").replace("_", "-")
    charge = figure(number(half, "charge_mAh"), ".4f", "mAh")
    group = text(half, "group")
    return f"{role} half: {text(half, 'kind')} {charge}" + (f" in {group}" if group else "")


def recorded_lines(document: Data) -> list[str]:
    """The figures of a file: table, halves apart, spans, means, life, notes."""
    simulated = "  (simulated)" if document["simulated"] is True else ""
    lines = [f"file {text(document, 'file')}  {text(document, 'sense')}{simulated}"]
    cycles = parts(document, "cycles")
    if cycles:
        lines += in_columns(HEAD, [_row(cycle) for cycle in cycles])
    else:
        lines.append("no complete cycle")
    lines += [half_line(half) for half in parts(document, "halves")]
    lines += group_lines(parts(document, "groups"))
    lines += _summary(document)
    return lines


def _row(cycle: Data) -> list[str]:
    first, second = part(cycle, "first"), part(cycle, "second")
    hysteresis_V = number(cycle, "hysteresis_V")
    flags = cycle["flags"]
    return [
        str(cycle["cycle"]),
        text(first, "kind"),
        figure(number(first, "charge_mAh"), ".4f"),
        text(second, "kind"),
        figure(number(second, "charge_mAh"), ".4f"),
        figure(number(cycle, "ce_percent"), ".3f"),
        figure(number(cycle, "energy_efficiency_percent"), ".2f"),
        figure(number(first, "mean_voltage_V"), ".4f"),
        figure(number(second, "mean_voltage_V"), ".4f"),
        figure(None if hysteresis_V is None else 1e3 * hysteresis_V, ".1f"),
        figure(number(cycle, "retention_percent"), ".2f"),
        ", ".join(map(str, flags)) if isinstance(flags, list) else "",
    ]


def _summary(document: Data) -> Iterator[str]:
    means, retention = part(document, "means"), part(document, "retention")
    told = [
        f"{name} {figure(number(means, key), '.4f')}"
        for key, name in MEANS.items()
        if number(means, key) is not None
    ]
    if told:
        yield "CE/% over whole cycles: " + ", ".join(told)
    if retention["reference_cycle"] is not None:
        n80 = retention["n80"] or "not reached"
        of = "strip" if retention["of"] == "second" else "discharge"
        yield f"Q/%: {of} of cycle {retention['reference_cycle']} is 100 %; N80: {n80}"
    if document["sense_from"] != "given":
        yield f"note: paired {text(document, 'sense')}, as the file begins; --sense says otherwise"
    notes = document["notes"]
    if isinstance(notes, list):
        yield from (f"note: {note}" for note in notes)
