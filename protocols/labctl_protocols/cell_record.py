"""The cell under test, as its record describes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import cast

from labctl_protocols import fields
from labctl_protocols.plan import CellKind, Limits
from labctl_protocols.problems import Problems
from labctl_protocols.quantities import (
    AREA,
    CHARGE,
    CURRENT,
    EXAMPLES,
    MASS,
    NUMBER,
    TEMPERATURE,
    VOLTAGE,
    Dimensions,
    Quantity,
    QuantityError,
    dimension_name,
    parse_quantity,
    to_si,
)
from labctl_protocols.yaml12 import Broken, Entry, List, Node, Scalar
from labctl_protocols.yaml12 import Mapping as YamlMapping

KINDS = ("half", "anode-free", "full", "symmetric", "cathode-half")
NO_LIMITS = Limits()
METALS = ("Na", "K", "Zn", "Li")
KEYS = frozenset(
    "id title source kind metal collector cathode electrolyte positive area area_of capacity "
    "capacity_basis active_mass inventory inventory_from limits terminals history notes".split()
)
POSITIVE = {"half": "collector", "anode-free": "cathode", "full": "cathode",
            "cathode-half": "cathode"}  # fmt: skip
TEXTS = ("title", "source", "collector", "cathode", "electrolyte", "area_of", "capacity_basis")


@dataclass(frozen=True, slots=True)
class CellRecord:
    """A cell: who it is, how it is built, what it may bear. None where the record is silent.

    Charges in Ah, `limits` in V, A and K. `preplated_Ah` is metal already on the collector.
    `text` is the record as it stands in the file.
    """

    id: str
    kind: CellKind
    metal: str | None = None
    collector: str | None = None
    cathode: str | None = None
    electrolyte: str | None = None
    area_cm2: float | None = None
    area_of: str | None = None
    capacity_Ah: float | None = None
    capacity_basis: str | None = None
    active_mass_g: float | None = None
    inventory_Ah: float | None = None
    inventory_from: str | None = None
    preplated_Ah: float = 0.0
    limits: Limits = NO_LIMITS
    terminals: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    runs: tuple[str, ...] = ()
    title: str = ""
    source: str = ""
    notes: str = ""
    file: str = ""
    text: str = field(default="", repr=False)


@dataclass(slots=True)
class _Sizes:
    """What areal, specific and C-rate units are counted by."""

    area_m2: float | None = None
    mass_kg: float | None = None
    capacity_As: float | None = None


def in_si(quantity: Quantity, sizes: CellRecord | _Sizes) -> tuple[float | None, str]:
    """The quantity in coherent SI, or None and the record's field that is missing for it."""
    value = to_si(quantity)
    per = "" if quantity.unit is None else quantity.unit.per
    if not per:
        return value, ""
    known = _sizes_of(sizes) if isinstance(sizes, CellRecord) else sizes
    by, name = {
        "area": (known.area_m2, "area"),
        "mass": (known.mass_kg, "active_mass"),
        "capacity": (known.capacity_As, "capacity"),
    }[per]
    return (None, name) if by is None else (value * by, "")


def _sizes_of(cell: CellRecord) -> _Sizes:
    return _Sizes(
        None if cell.area_cm2 is None else cell.area_cm2 * 1e-4,
        None if cell.active_mass_g is None else cell.active_mass_g * 1e-3,
        None if cell.capacity_Ah is None else cell.capacity_Ah * 3600.0,
    )


def read_cell(root: Node, file: str, text: str, problems: Problems) -> CellRecord | None:
    """The record from its tree; None, with problems noted, where a required field is missing."""
    mapping = fields.as_mapping(root, "the cell record", problems)
    if mapping is None:
        return None
    fields.refuse_unknown(mapping.entries, KEYS, problems)
    fields.require(mapping, ("id", "kind"), problems)
    reader = _Reader(mapping, problems)
    cell_id = reader.text("id")
    kind = reader.choice("kind", KINDS)
    metal = reader.choice("metal", METALS)
    if kind in ("half", "anode-free", "symmetric") and mapping.get("metal") is None:
        problems.add("missing-key", mapping.where, f"`metal` is missing in a {kind} cell")
    reader.positive(kind)
    area = reader.quantity("area", AREA, positive=True)
    reader.sizes.area_m2 = area
    mass = reader.quantity("active_mass", MASS, positive=True)
    reader.sizes.mass_kg = mass
    capacity = reader.quantity("capacity", CHARGE, positive=True)
    reader.sizes.capacity_As = capacity
    inventory = reader.quantity("inventory", CHARGE)
    inventory_from = reader.choice("inventory_from", ("cathode", "pre-plated", "excess"))
    preplated, runs = reader.history()
    limits = reader.limits()
    terminals = reader.terminals()
    texts = {name: reader.text(name) for name in TEXTS}
    notes = reader.notes()
    if cell_id is None or kind is None:
        return None
    return CellRecord(
        id=cell_id,
        kind=cast(CellKind, kind),
        metal=metal,
        collector=texts["collector"],
        cathode=texts["cathode"],
        electrolyte=texts["electrolyte"],
        area_cm2=None if area is None else area * 1e4,
        area_of=texts["area_of"],
        capacity_Ah=None if capacity is None else capacity / 3600.0,
        capacity_basis=texts["capacity_basis"],
        active_mass_g=None if mass is None else mass * 1e3,
        inventory_Ah=None if inventory is None else inventory / 3600.0,
        inventory_from=inventory_from,
        preplated_Ah=preplated / 3600.0,
        limits=limits,
        terminals=terminals,
        runs=runs,
        title=texts["title"] or "",
        source=texts["source"] or "",
        notes=notes,
        file=file if PurePath(file).suffix else "",
        text=text,
    )


class _Reader:
    """Reads the record's fields one by one; sizes become known on the way."""

    def __init__(self, mapping: YamlMapping, problems: Problems) -> None:
        self.mapping = mapping
        self.problems = problems
        self.sizes = _Sizes()

    def text(self, name: str) -> str | None:
        """A text field."""
        entry = self.mapping.get(name)
        return None if entry is None else fields.as_text(entry.value, f"`{name}`", self.problems)

    def choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        """A field that is one of some words."""
        entry = self.mapping.get(name)
        if entry is None:
            return None
        return fields.as_choice(entry.value, f"`{name}`", choices, self.problems)

    def quantity(self, name: str, wanted: Dimensions, positive: bool = False) -> float | None:
        """A quantity in SI."""
        entry = self.mapping.get(name)
        return None if entry is None else self.value(entry, wanted, positive)

    def value(self, entry: Entry, wanted: Dimensions, positive: bool = False) -> float | None:
        """An entry's quantity in SI, not negative."""
        what = f"`{entry.key.text}`"
        scalar = fields.as_value(entry.value, what, self.problems)
        quantity = None if scalar is None else read_quantity(scalar, what, wanted, self.problems)
        if scalar is None or quantity is None:
            return None
        return self._sized(scalar, what, quantity, positive)

    def _sized(self, scalar: Scalar, what: str, quantity: Quantity, positive: bool) -> float | None:
        value, missing = in_si(quantity, self.sizes)
        if value is None:
            unit = quantity.unit.text if quantity.unit else ""
            self.problems.add(
                "missing-field", scalar.where, f"{what} in {unit} needs the field `{missing}`"
            )
            return None
        if value < 0 or (positive and value == 0):
            sign = "positive" if positive else "zero or more"
            self.problems.add("negative", scalar.where, f"{what} must be {sign}")
            return None
        return value

    def positive(self, kind: str | None) -> None:
        """Which electrode is on the positive terminal: only the default is supported."""
        entry = self.mapping.get("positive")
        if entry is None:
            return
        name = fields.as_text(entry.value, "`positive`", self.problems)
        wanted = POSITIVE.get(kind or "")
        if name is not None and wanted is not None and name != wanted:
            self.problems.add(
                "not-yet",
                entry.value.where,
                f"`{name}` on the positive terminal is not in this version",
                f"wire the {wanted} to the positive terminal",
            )

    def history(self) -> tuple[float, tuple[str, ...]]:
        """Pre-plated charge (A·s) and earlier runs."""
        entry = self.mapping.get("history")
        if entry is None:
            return 0.0, ()
        mapping = fields.as_mapping(entry.value, "`history`", self.problems)
        if mapping is None:
            return 0.0, ()
        fields.refuse_unknown(mapping.entries, ("pre_plated", "runs"), self.problems)
        plated, runs = mapping.get("pre_plated"), mapping.get("runs")
        charge = None if plated is None else self.value(plated, CHARGE)
        names: list[str | None] = []
        if runs is not None:
            listed = fields.as_list(runs.value, "`runs`", self.problems)
            items = () if listed is None else listed.items
            names = [fields.as_text(item, "a run", self.problems) for item in items]
        return charge or 0.0, tuple(name for name in names if name is not None)

    def limits(self) -> Limits:
        """The cell's limits."""
        entry = self.mapping.get("limits")
        if entry is None:
            return Limits()
        mapping = fields.as_mapping(entry.value, "`limits`", self.problems)
        if mapping is None:
            return Limits()
        fields.refuse_unknown(mapping.entries, ("voltage", "current", "temperature"), self.problems)
        volts, ampere = mapping.get("voltage"), mapping.get("current")
        kelvin = mapping.get("temperature")
        low_V, high_V = (None, None) if volts is None else self.span(volts, VOLTAGE)
        low_K, high_K = (None, None) if kelvin is None else self.span(kelvin, TEMPERATURE)
        current = None if ampere is None else self.value(ampere, CURRENT, positive=True)
        return Limits(low_V, high_V, current, high_K, low_K)

    def span(self, entry: Entry, wanted: Dimensions) -> tuple[float | None, float | None]:
        """`low .. high` in SI; a single temperature is the high one."""
        what = f"`{entry.key.text}`"
        scalar = fields.as_value(entry.value, what, self.problems)
        if scalar is None:
            return None, None
        parts = scalar.text.split("..")
        if len(parts) > 2 or (len(parts) == 1 and wanted != TEMPERATURE):
            self.problems.add(
                "span", scalar.where, f"{what} is no range", "write `low .. high`, each with unit"
            )
            return None, None
        values = []
        for part in parts:
            piece = Scalar(scalar.at(scalar.text.index(part.strip())), part.strip())
            quantity = read_quantity(piece, what, wanted, self.problems)
            values.append(None if quantity is None else to_si(quantity))
        if len(values) == 1:
            return None, values[0]
        low, high = values
        if low is not None and high is not None and low >= high:
            self.problems.add(
                "span", scalar.where, f"{what}: the low end is not below the high end"
            )
        return low, high

    def terminals(self) -> dict[str, tuple[str, str]]:
        """Role → its two electrodes."""
        entry = self.mapping.get("terminals")
        if entry is None:
            return {}
        mapping = fields.as_mapping(entry.value, "`terminals`", self.problems)
        if mapping is None:
            return {}
        fields.refuse_unknown(mapping.entries, ("main", "supply"), self.problems)
        found: dict[str, tuple[str, str]] = {}
        for role in mapping.entries:
            pair = self._pair(role.value)
            if pair is not None:
                found[role.key.text] = pair
        return found

    def _pair(self, node: Node) -> tuple[str, str] | None:
        if isinstance(node, Broken):
            return None
        if not isinstance(node, List) or len(node.items) != 2:
            self.problems.add("type", node.where, "a terminal has two electrodes, as in `[a, b]`")
            return None
        first, second = (fields.as_text(n, "an electrode", self.problems) for n in node.items)
        return None if first is None or second is None else (first, second)

    def notes(self) -> str:
        """Free text, or a list of it."""
        entry = self.mapping.get("notes")
        if entry is None:
            return ""
        if isinstance(entry.value, List):
            lines = [fields.as_text(n, "a note", self.problems) for n in entry.value.items]
            return "\n".join(line for line in lines if line)
        return fields.as_text(entry.value, "`notes`", self.problems) or ""


def read_quantity(
    scalar: Scalar, what: str, wanted: Dimensions, problems: Problems
) -> Quantity | None:
    """One literal quantity of the wanted dimension; None with a problem noted."""
    word = dimension_name(wanted)
    example = EXAMPLES.get(word, "")
    hint = f"as in {example}" if example else ""
    try:
        quantity = parse_quantity(scalar.text)
    except QuantityError as error:
        problems.add(error.rule, scalar.at(error.offset), error.message, error.hint or hint)
        return None
    if quantity.dimensions == wanted:
        return quantity
    if quantity.dimensions == NUMBER and quantity.unit is None:
        problems.add("unit-missing", scalar.where, f"{what} has no unit", hint)
    else:
        found = dimension_name(quantity.dimensions)
        problems.add("dimension", scalar.where, f"{what} is a {found}, not a {word}", hint)
    return None
