"""Per-cycle and per-group figures as the engine journalled them: the JSON of design §10."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, TypedDict

from labctl.show.values import Data, number, part, scaled, text

Json = dict[str, object]

SENSE_OF_KIND = {
    "half": "plate-first",
    "anode-free": "charge-first",
    "full": "charge-first",
    "cathode-half": "charge-first",
}


class Told(Protocol):
    """An event as the engine tells it or as the journal gives it back."""

    @property
    def kind(self) -> str:
        """What kind of event it is."""

    @property
    def data(self) -> Data:
        """What it says."""


class Figures(TypedDict):
    """`lead_in` is the run's first such half and `open` its last, null where there is none.

    `halves` has all halves without a partner, with class and group, for runs of several groups.
    """

    sense: str | None
    cycles: list[Json]
    lead_in: Json | None
    open: Json | None
    groups: list[Json]
    halves: list[Json]


def figures_of_run(folder: Path) -> Figures:
    """The figures in a run's journal, as they stand now. Raises JournalError."""
    from labctl.journal import Reader

    with Reader(folder) as reader:
        return figures_of(reader.events())


def figures_of(events: Iterable[Told]) -> Figures:
    """Sense, cycles, groups, lead-in and open halves as a run's events tell them."""
    cycles: list[Json] = []
    groups: list[Json] = []
    halves: list[Json] = []
    kind = ""
    for event in events:
        if event.kind == "run_started":
            kind = text(event.data, "kind")
        elif event.kind == "cycle":
            cycles.append(cycle_json(event.data))
        elif event.kind == "group_left":
            groups.append(group_json(event.data))
        elif event.kind == "half":
            halves.append(apart_json(event.data))
    lead_ins = [half for half in halves if half["role"] == "lead_in"]
    opens = [half for half in halves if half["role"] == "open"]
    return {
        "sense": sense_of(cycles, kind),
        "cycles": cycles,
        "lead_in": lead_ins[0] if lead_ins else None,
        "open": opens[-1] if opens else None,
        "groups": groups,
        "halves": halves,
    }


def sense_of(cycles: list[Json], cell_kind: str) -> str | None:
    """Which half comes first: as the cycles were paired, else as the cell's kind says."""
    for cycle in cycles:
        first = cycle["first"]
        if isinstance(first, dict) and first.get("kind"):
            return f"{first['kind']}-first"
    return SENSE_OF_KIND.get(cell_kind)


def cycle_json(data: Data) -> Json:
    """A `cycle` event in mAh and percent."""
    return {
        "cycle": data.get("cycle"),
        "class": data.get("class"),
        "group": data.get("group"),
        "complete": data.get("complete"),
        "first": half_json(part(data, "first")),
        "second": half_json(part(data, "second")),
        "ce_percent": scaled(data, "ce", 100.0),
        "u_ce_percent": scaled(data, "u_ce", 100.0),
        "flags": data.get("flags", []),
    }


def overpotential_of(data: Data) -> float | None:
    """Of both electrodes of a symmetric cell, V: half of what is between a cycle's means."""
    first_V, second_V = (number(part(data, half), "mean_voltage_V") for half in ("first", "second"))
    return None if first_V is None or second_V is None else abs(first_V - second_V) / 2


def group_json(data: Data) -> Json:
    """A `group_left` event in mAh and percent.

    `supplied_mAh` is all that another electrode had supplied by then; None if none had.
    """
    first, second, ledger = part(data, "first"), part(data, "second"), part(data, "ledger")
    was_supplied = bool(number(ledger, "supplied_Ah"))
    return {
        "label": data.get("label"),
        "class": data.get("class"),
        "path": data.get("path"),
        "pair": data.get("pair"),
        "complete": data.get("complete"),
        "first": half_json(first) if first else None,
        "second": half_json(second) if second else None,
        "ce_percent": scaled(data, "ce", 100.0),
        "u_ce_percent": scaled(data, "u_ce", 100.0),
        "supplied_mAh": scaled(ledger, "supplied_Ah", 1e3) if was_supplied else None,
        "u_supplied_mAh": scaled(ledger, "u_supplied_Ah", 1e3) if was_supplied else None,
    }


def half_json(data: Data) -> Json:
    """A half cycle in mAh and mWh, unsigned."""
    return {
        "kind": data.get("kind"),
        "charge_mAh": scaled(data, "charge_Ah", 1000.0),
        "energy_mWh": scaled(data, "energy_Wh", 1000.0),
        "duration_s": number(data, "duration_s"),
        "mean_voltage_V": number(data, "mean_voltage_V"),
    }


def apart_json(data: Data) -> Json:
    """A `half` event: one that has no partner."""
    return {
        "role": data.get("role"),
        "class": data.get("class"),
        "group": data.get("group"),
        **half_json(part(data, "half")),
    }
