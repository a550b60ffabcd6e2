"""A run's figures as one document: the JSON of `labctl cycles RUN --json` (design §10).

Charges, efficiencies and their uncertainties are the engine's, which saw every reading; voltages
come from the recorded readings. Sums and means are the same functions as for files.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from labctl.figures import life, series
from labctl.figures.energies import Part, voltages_json
from labctl.figures.run_halves import Half, curves_of, halves_of
from labctl.figures.series import Accuracy, Counted, Json
from labctl.figures.shape import Shape, Trace, shape_of
from labctl.journal import Reader, RecordedEvent
from labctl.show.figures import figures_of
from labctl.show.values import Data, number, part, scaled, text
from labctl_drivers.vocabulary import RangeAccuracy
from labctl_protocols.engine.account import Account, RangeShare

IMPLAUSIBLE_ABOVE_PERCENT = 120.0
NOT_TO_CUT_OFF = frozenset({"not stripped to cut-off", "not at cut-off"})
PLATES = {"half": "plate", "anode-free": "charge"}
"""By the cell's kind, which half brings metal onto the collector; in a symmetric cell the first
half of a cycle brings it onto one electrode."""


def figures_of_run(folder: Path) -> Json:
    """All figures of a run as its journal stands now. Raises JournalError."""
    with Reader(folder) as reader:
        manifest, events = reader.manifest(), list(reader.events())
        return document_of(reader, manifest, events)


def document_of(reader: Reader, manifest: Data, events: Sequence[RecordedEvent]) -> Json:
    """The same, of a journal that is open."""
    base = figures_of(events)
    told = [event.data for event in events if event.kind == "cycle"]
    kind, area_cm2 = kind_of(manifest, events), area_of(manifest)
    halves = _halves(events)
    accuracy = _accuracy(halves)
    counted = _counted(told)
    irreversible = series.irreversible_json(counted, accuracy, area_cm2)
    shapes = _shapes(reader, events, kind, area_cm2)
    cycles = [
        {
            **cycle,
            **lost,
            **_kept_json(data, number(part(manifest, "cell"), "inventory_Ah")),
            **_voltages_json(data, shapes, kind),
        }
        for cycle, data, lost in zip(base["cycles"], told, irreversible, strict=True)
    ]
    counting = [data.get("class") == "cycle" for data in told]
    chosen = [each for each, counts in zip(counted, counting, strict=True) if counts]
    return {
        "run": text(manifest, "run") or reader.folder.name,
        **base,
        "cycles": cycles,
        "kind": kind,
        "simulated": manifest.get("simulated") is not False,
        "area_cm2": area_cm2,
        "means": series.means_json(chosen, accuracy),
        "ice": _initial_json(told, counted),
        "totals": {
            **series.totals_json(_plated(halves, kind), irreversible, accuracy, area_cm2),
            **_supplied_json(base["groups"], area_cm2),
        },
        "retention": _retention_json(told),
    }


def kind_of(manifest: Data, events: Iterable[RecordedEvent]) -> str:
    """The cell's kind: what the engine ran it as, else what its record says."""
    started = next((event.data for event in events if event.kind == "run_started"), {})
    return text(started, "kind") or text(part(manifest, "cell"), "kind")


def area_of(manifest: Data) -> float | None:
    """The electrode's area, cm²; None where nobody knows it."""
    area_cm2 = number(part(manifest, "cell"), "area_cm2")
    return area_cm2 if area_cm2 is not None and area_cm2 > 0 else None


# ---- charges ----------------------------------------------------------------------------------


def _ranges(half: Data) -> Sequence[Mapping[str, float]]:
    found = half.get("ranges")
    return found if isinstance(found, list) else []


def _account(half: Data) -> Account:
    """A half's charge as the engine's account had it; without ranges only its amount."""
    account = Account(charge_As=3600.0 * (number(half, "charge_Ah") or 0.0))
    account.variance_As2 = (3600.0 * (number(half, "u_random_Ah") or 0.0)) ** 2
    net_As = 0.0
    for each in _ranges(half):
        positive_As, negative_As = 3600.0 * each["positive_Ah"], 3600.0 * each["negative_Ah"]
        account.ranges[each["range_A"]] = RangeShare(positive_As, negative_As, each["duration_s"])
        net_As += positive_As - negative_As
    if net_As < 0:
        account.charge_As = -account.charge_As
    return account


def _accuracy(halves: Sequence[Data]) -> Accuracy:
    """The ranges' limits of error; empty where one half does not tell them (an older journal)."""
    if not all(map(_ranges, halves)):
        return ()
    known = {
        each["range_A"]: RangeAccuracy(each["range_A"], each["gain"], each["offset_A"])
        for half in halves
        for each in _ranges(half)
    }
    return tuple(known[range_A] for range_A in sorted(known))


def _halves(events: Iterable[RecordedEvent]) -> list[Data]:
    """All half cycles that are told of, those in cycles and those without a partner."""
    found: list[Data] = []
    for event in events:
        if event.kind == "cycle":
            found += [part(event.data, "first"), part(event.data, "second")]
        elif event.kind == "half":
            found.append(part(event.data, "half"))
    return found


def _counted(cycles: Sequence[Data]) -> list[Counted]:
    counted = []
    left_behind = False
    for cycle in cycles:
        ce = number(cycle, "ce")
        short = bool(NOT_TO_CUT_OFF & _flags(cycle))
        complete = cycle.get("complete") is True and ce is not None
        plausible = complete and 100.0 * (ce or 0.0) <= IMPLAUSIBLE_ABOVE_PERCENT
        counted.append(
            Counted(
                number=int(number(cycle, "cycle") or 0),
                first=_account(part(cycle, "first")),
                second=_account(part(cycle, "second")),
                efficiency=ce if complete else None,
                summed=plausible,
                meant=plausible and not short and not left_behind,
            )
        )
        # what a strip leaves on the collector comes back in a later one, which is no CE of its own
        left_behind = short and text(part(cycle, "second"), "kind") == "strip"
    return counted


def _flags(cycle: Data) -> set[str]:
    flags = cycle.get("flags")
    return set(map(str, flags)) if isinstance(flags, list) else set()


def _plated(halves: Iterable[Data], kind: str) -> Account | None:
    """All that was plated on the collector, by the halves that are in no cycle too."""
    halves = list(halves)
    wanted = PLATES.get(kind)
    if kind == "symmetric" and halves:
        wanted = text(halves[0], "kind")
    if wanted is None:
        return None
    return series.total(
        _account(half) for half in halves if text(half, "kind") in (wanted, "plate")
    )


# ---- what is left -----------------------------------------------------------------------------


def _supplied_json(groups: Sequence[Json], area_cm2: float | None) -> Json:
    """All that another electrode supplied, as the engine knew it when the last group ended."""
    last = groups[-1] if groups else {}
    charge_mAh, u_mAh = number(last, "supplied_mAh"), number(last, "u_supplied_mAh")
    return {
        "supplied_mAh": charge_mAh,
        "u_supplied_mAh": u_mAh,
        "supplied_mAh_cm2": series.areal(charge_mAh, area_cm2),
        "u_supplied_mAh_cm2": series.areal(u_mAh, area_cm2),
    }


def _kept_json(cycle: Data, start_Ah: float | None) -> Json:
    """Retention and the metal that is left, as the engine knew them when the cycle ended."""
    ledger = part(cycle, "ledger")
    left_Ah = number(ledger, "inventory_Ah")
    u_left_Ah = number(ledger, "u_inventory_Ah")
    return {
        "retention_percent": scaled(cycle, "retention", 100.0),
        "u_retention_percent": scaled(cycle, "u_retention", 100.0),
        "inventory_mAh": scaled(ledger, "inventory_Ah", 1e3),
        "u_inventory_mAh": scaled(ledger, "u_inventory_Ah", 1e3),
        "inventory_percent": _share(left_Ah, start_Ah),
        "u_inventory_percent": _share(u_left_Ah, start_Ah),
    }


def _share(part_Ah: float | None, whole_Ah: float | None) -> float | None:
    return 100.0 * part_Ah / whole_Ah if part_Ah is not None and whole_Ah else None


def _retention_json(cycles: Sequence[Data]) -> Json:
    counted = [
        (int(number(cycle, "cycle") or 0), value)
        for cycle in cycles
        if cycle.get("class") == "cycle" and (value := number(cycle, "retention")) is not None
    ]
    references = [number(cycle, "reference_cycle") for cycle in cycles]
    known = next((each for each in references if each is not None), None)
    return life.retention_json("second", None if known is None else int(known), counted)


def _initial_json(cycles: Sequence[Data], counted: Sequence[Counted]) -> Json:
    """Of the first cycle that is neither conditioning nor supply; None where it is no efficiency.

    A cell that arrives charged gives back more than it took: that is not its ICE.
    """
    for cycle, charges in zip(cycles, counted, strict=True):
        if cycle.get("class") not in ("conditioning", "supply"):
            known = cycle if charges.summed else {}
            return series.initial_json(charges.number, number(known, "ce"), number(known, "u_ce"))
    return series.initial_json(1, None, None)


# ---- voltages ---------------------------------------------------------------------------------

Shapes = Mapping[tuple[int, int], Shape]
"""(cycle, sign of the current) → what the voltage did."""


def halves_of_run(reader: Reader, events: Sequence[RecordedEvent] | None = None) -> list[Half]:
    """All half cycles of a run, in order; its events are read where they are not given."""
    events = list(reader.events()) if events is None else events
    first_kind = (figures_of(events)["sense"] or "").removesuffix("-first")
    return halves_of(events, first_kind, reader.net_charge_by_step())


def _shapes(
    reader: Reader, events: Sequence[RecordedEvent], kind: str, area_cm2: float | None
) -> Shapes:
    """Shapes of both directions of each cycle, one cycle's readings in memory at a time."""
    halves = halves_of_run(reader, events)
    shapes: dict[tuple[int, int], Shape] = {}
    wanted = [half for half in halves if half.standing in ("complete", "interrupted")]
    for cycle, members in groupby(curves_of(reader, wanted), key=lambda each: each[0].cycle):
        traces: dict[int, list[Trace]] = {1: [], -1: []}
        plating = 0
        for half, trace in members:
            traces[half.sign].append(trace)
            plating = half.sign if half.kind == "plate" and kind == "half" else plating
        for sign in (1, -1):
            shapes[cycle, sign] = shape_of(traces[sign], sign == plating, area_cm2)
    return shapes


def _voltages_json(cycle: Data, shapes: Shapes, kind: str) -> Json:
    first, second = part(cycle, "first"), part(cycle, "second")
    which = int(number(cycle, "cycle") or 0)
    sign = _sign(first)
    return voltages_json(
        _part(first, sign, shapes.get((which, sign), Shape())),
        _part(second, -sign, shapes.get((which, -sign), Shape())),
        cycle.get("complete") is True,
        kind if kind == "symmetric" or text(first, "kind") == "plate" else "cell",
    )


def _sign(half: Data) -> int:
    """The current's sign: as the ranges have it, else as the kind of half says."""
    if _ranges(half):
        return 1 if _account(half).charge_As >= 0 else -1
    return 1 if text(half, "kind") in ("charge", "strip") else -1


def _part(half: Data, sign: int, shape: Shape) -> Part:
    charge_Ah = number(half, "charge_Ah") or 0.0
    return Part(sign, charge_Ah, number(half, "mean_voltage_V"), shape)
