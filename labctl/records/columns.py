"""What a table's columns mean: a field of the cell record, and the unit in the header."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from labctl.records.table import Column, Table, TableRow
from labctl_protocols.fields import meant
from labctl_protocols.quantities import (
    AREA,
    CHARGE,
    CURRENT,
    LENGTH,
    MASS,
    UNITS,
    VOLTAGE,
    Dimensions,
    canonical,
    dimension_name,
)

TEXTS: Mapping[str, tuple[str, ...]] = {
    "id": ("cell", "cell_id", "cell_name", "name"),
    "title": (),
    "source": (),
    "kind": ("cell_kind", "type", "cell_type"),
    "metal": (),
    "collector": ("current_collector",),
    "cathode": ("cathode_material",),
    "electrolyte": (),
    "area_of": (),
    "capacity_basis": ("basis",),
    "inventory_from": (),
    "notes": ("note", "comment", "comments", "remark", "remarks"),
}
QUANTITIES: Mapping[str, tuple[Dimensions, tuple[str, ...]]] = {
    "area": (AREA, ("disc_area", "electrode_area")),
    "diameter": (LENGTH, ("disc_diameter", "electrode_diameter")),
    "capacity": (CHARGE, ("nominal_capacity",)),
    "inventory": (CHARGE, ()),
    "pre_plated": (CHARGE, ("preplated", "pre_plated_charge")),
    "active_mass": (MASS, ()),
    "cathode_mass": (MASS, ("electrode_mass",)),
    "foil_mass": (MASS, ("collector_mass",)),
    "low_voltage": (VOLTAGE, ("voltage_low", "min_voltage", "voltage_min")),
    "high_voltage": (VOLTAGE, ("voltage_high", "max_voltage", "voltage_max")),
    "max_current": (CURRENT, ("current_max", "current_limit", "limit_current")),
}
FRACTION = ("active_fraction", "active_material_fraction", "active_material")
FRACTION_UNITS = ("%", "1", "")
AMBIGUOUS: Mapping[str, str] = {
    "mass": "`active mass` or `cathode mass`?",
    "loading": "`active mass` in mg, or `capacity` in mAh/cm2?",
    "voltage": "`low voltage` or `high voltage`?",
    "current": "`max current`?",
}
_KNOWN: dict[str, str] = {
    word: name
    for name, others in [
        *TEXTS.items(),
        *((name, others) for name, (_, others) in QUANTITIES.items()),
        (FRACTION[0], FRACTION[1:]),
    ]
    for word in (name, *others)
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a column is: a known name with the header's unit, or a note under its own header."""

    column: Column
    name: str
    unit: str = ""

    @property
    def is_note(self) -> bool:
        """Whether labctl has no field for it."""
        return not self.name


def unit_text(text: str) -> str:
    """A unit as people type it (`mAh cm⁻²`, `cm²`, `mg`) as the language writes it (`mAh/cm2`)."""
    plain = canonical(text.strip())
    for sign, digit in zip("⁻¹²³", "-123", strict=True):
        plain = plain.replace(sign, digit)
    plain = plain.replace("^", "").replace("**", "").replace("·", " ").replace("*", " ")
    plain = re.sub(r"\s+(cm|m)-2$", r"/\g<1>2", plain)
    plain = re.sub(r"\s+(g|kg)-1$", r"/\1", plain)
    return re.sub(r"\s*/\s*", "/", plain)


def meanings(table: Table) -> list[Meaning]:
    """What each column means; what cannot be told is noted in the table."""
    header = table.header
    found: list[Meaning] = []
    taken: dict[str, Column] = {}
    for column in table.columns:
        if not column.header:
            continue
        meaning = _meaning(column)
        if meaning.is_note:
            hint = _close(column)
            if hint:
                table.at(header, column, f"unknown column ({hint})")
        elif meaning.name in taken:
            table.at(header, column, f"{taken[meaning.name]} says the same")
        else:
            _refuse_unit(meaning, table, header)
            taken[meaning.name] = column
        found.append(meaning)
    if "id" not in taken:
        table.wrong.append(f"{table.file}: no column `id`: each cell needs one")
    return found


def _close(column: Column) -> str:
    """Advice where a header is nearly one that is known."""
    for name, _ in _splits(column.header):
        word = _word(name)
        hint = AMBIGUOUS.get(word) or meant(word, [known for known in _KNOWN if len(known) > 3])
        if hint:
            return hint
    return ""


def _meaning(column: Column) -> Meaning:
    for name, unit in _splits(column.header):
        known = _KNOWN.get(_word(name))
        if known is not None:
            return Meaning(column, known, unit_text(unit))
    return Meaning(column, "")


def _splits(header: str) -> list[tuple[str, str]]:
    """The ways to read a header as a name and a unit: `a / u`, `a (u)`, `a [u]`, `a_u`, `a`."""
    ways = [(header, "")]
    bracket = re.fullmatch(r"(.+?)\s*[\[(]\s*(.+?)\s*[\])]", header)
    if bracket:
        ways.append((bracket[1], bracket[2]))
    slash = re.fullmatch(r"([^/]+?)\s*/\s*(.+)", header)
    if slash:
        ways.append((slash[1], slash[2].strip("()[] ")))
    parts = header.replace(" ", "_").split("_")
    for at in range(1, len(parts)):
        unit = "/".join(parts[at:])
        if unit_text(unit) in UNITS:
            ways.append(("_".join(parts[:at]), unit))
    return ways


def _word(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip()).casefold()


def _refuse_unit(meaning: Meaning, table: Table, header: TableRow) -> None:
    if not meaning.unit:
        return
    if meaning.name in TEXTS:
        table.at(header, meaning.column, f"a unit on `{meaning.name}`, which has none")
    elif meaning.name == FRACTION[0]:
        if meaning.unit not in FRACTION_UNITS:
            table.at(header, meaning.column, "a fraction is in `%` or `1`")
    else:
        text = wrong_unit(meaning.name, meaning.unit)
        if text:
            table.at(header, meaning.column, text)


def wrong_unit(name: str, unit: str) -> str:
    """Why a unit cannot stand with this quantity; empty where it can."""
    wanted = QUANTITIES[name][0]
    known = UNITS.get(unit)
    if known is None:
        return f"unknown unit `{unit}`"
    if known.dimensions != wanted:
        return f"`{unit}` is no unit of {dimension_name(wanted)}"
    if known.per == "capacity":
        return "a C-rate has no size before the capacity is known"
    return ""
