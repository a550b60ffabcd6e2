"""What a paper says of a run in one line: the three means of CE, ICE, totals, life."""

from collections.abc import Iterator

from labctl.report.record import Record
from labctl.show.values import Data, number, part, parts

MEANS = {
    "arithmetic": "mean CE, arithmetic",
    "geometric": "mean CE, geometric",
    "charge_summed": "CE, charge-summed",
    "product": "CE, product",
}
TOTALS = {
    "plated": "plated in all",
    "irreversible": "irreversible in all",
    "supplied": "supplied in all",
}
Row = tuple[str, float | str, float | None, str]
"""Name, value, its uncertainty (k = 2), and its unit with what it is of."""


def summary_figures(record: Record) -> Iterator[Row]:
    """The run's figures over its cycles; the means of CE differ, so that each is named."""
    document = record.figures
    means, initial = part(document, "means"), part(document, "ice")
    for key, name in MEANS.items():
        numbers = means["charge_summed_cycles" if key == "charge_summed" else "cycles"]
        yield from _row(name, means, f"{key}_ce_percent", f"% over {_cycles(numbers)}")
    yield from _row("ICE", initial, "ce_percent", f"% of cycle {initial['cycle']}")
    for key, name in TOTALS.items():
        yield from _row(name, part(document, "totals"), f"{key}_mAh", "mAh")
        yield from _row(name, part(document, "totals"), f"{key}_mAh_cm2", "mAh/cm²")
    yield from _life(document)


def _row(name: str, data: Data, key: str, of: str) -> Iterator[Row]:
    value = number(data, key)
    if value is not None:
        yield name, value, number(data, f"u_{key}"), of


def _life(document: Data) -> Iterator[Row]:
    retention = part(document, "retention")
    reference = retention["reference_cycle"]
    kept = [
        cycle
        for cycle in parts(document, "cycles")
        if cycle["class"] == "cycle" and number(cycle, "retention_percent") is not None
    ]
    if reference is None or len(kept) < 2:
        return
    last = kept[-1]
    of = f"% in cycle {last['cycle']}, of cycle {reference}"
    yield from _row("capacity retention", last, "retention_percent", of)
    end = "not reached" if retention["n80"] is None else f"cycle {retention['n80']}"
    yield "N80", end, None, f"the first of three running below 80 % of cycle {reference}"


def _cycles(numbers: object) -> str:
    chosen = numbers if isinstance(numbers, list) else []
    if len(chosen) == 1:
        return f"cycle {chosen[0]}"
    return f"{len(chosen)} cycles, {chosen[0]} to {chosen[-1]}" if chosen else "no cycle"
