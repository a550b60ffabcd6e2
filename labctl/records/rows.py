"""From a table's row to a cell record: units, discs and masses, and what is like another cell."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labctl.records.columns import FRACTION, QUANTITIES, TEXTS, Meaning, unit_text, wrong_unit
from labctl.records.table import NUMBER, Column, Table, TableRow, number_in
from labctl.records.text import Fields, Plain, checked, notes_of, with_pre_plated
from labctl_protocols.cell_record import CellRecord
from labctl_protocols.problems import ProtocolError
from labctl_protocols.quantities import UNITS, VOLTAGE, Quantity, to_si

NOT_ALIKE = ("id", "title", "source", "history", "notes")
"""What belongs to one cell alone, and never to a cell that is like it."""
SAME_AREA = 0.01
"""By how much an area and its diameter may differ: both are rounded in a table."""


@dataclass(frozen=True, slots=True)
class Like:
    """The record that says what the table does not."""

    name: str
    record: CellRecord
    fields: Mapping[str, Plain]


@dataclass(slots=True)
class Made:
    """A record that passed the checker, and the spreadsheet's row that it is from."""

    id: str
    row: int
    text: str
    record: CellRecord


@dataclass(slots=True)
class RowReader:
    """Reads rows one by one; what is wrong is noted in the table, what was decided in `told`."""

    table: Table
    meanings: Sequence[Meaning]
    like: Like | None
    told: list[str] = field(default_factory=list)
    _row: TableRow = field(init=False)

    def record(self, row: TableRow) -> Made | None:
        """The row's record; None with its mistakes noted."""
        before = len(self.table.wrong)
        self._row = row
        given = {
            meaning.name: (meaning, row.cells[meaning.column.index])
            for meaning in self.meanings
            if not meaning.is_note and row.cells[meaning.column.index]
        }
        if "id" not in given:
            self.table.at(row, self._column("id"), "no id")
            return None
        quantities = {
            name: quantity
            for name, (meaning, cell) in given.items()
            if name in QUANTITIES and (quantity := self._quantity(meaning, cell)) is not None
        }
        fields: Fields = {name: given[name][1] for name in TEXTS if name in given}
        self._sizes(fields, quantities, given)
        self._limits(fields, quantities)
        fields = self._alike(fields)
        fields["notes"] = self._notes(fields)
        if len(self.table.wrong) > before:
            return None
        return self._checked(fields, quantities)

    def _column(self, name: str) -> Column | None:
        return next((each.column for each in self.meanings if each.name == name), None)

    def _refuse(self, name: str, text: str) -> None:
        self.table.at(self._row, self._column(name), text)

    def _tell_once(self, text: str) -> None:
        if text not in self.told:
            self.told.append(text)

    # ---- quantities -----------------------------------------------------------------------

    def _quantity(self, meaning: Meaning, cell: str) -> Quantity | None:
        """A cell's number with the unit of the cell or of the header."""
        number = NUMBER.match(cell)
        own = unit_text(cell[number.end() :]) if number else ""
        try:
            value = number_in(cell[: number.end()] if number else cell, self.table.separator)
        except ValueError as error:
            self._refuse(meaning.name, str(error))
            return None
        unit = own or meaning.unit
        text = "" if unit else "no unit, neither in the cell nor in the header"
        if own and meaning.unit and own != meaning.unit:
            text = f"the cell says `{own}`, the header `{meaning.unit}`"
        text = text or wrong_unit(meaning.name, unit)
        if value < 0 and QUANTITIES[meaning.name][0] != VOLTAGE:
            text = text or "cannot be negative"
        if value == 0 and meaning.name == "diameter":
            text = text or "a disc of no size"
        if text:
            self._refuse(meaning.name, text)
            return None
        return Quantity(value, UNITS[unit])

    def _fraction(self, given: Mapping[str, tuple[Meaning, str]]) -> float | None:
        """The active fraction, 0 to 1; None where the table has none."""
        if FRACTION[0] not in given:
            return None
        meaning, cell = given[FRACTION[0]]
        percent = cell.endswith("%") or (meaning.unit == "%")
        try:
            value = number_in(cell.removesuffix("%").strip(), self.table.separator)
        except ValueError as error:
            self._refuse(FRACTION[0], str(error))
            return None
        value = value / 100.0 if percent else value
        if not 0 < value <= 1:
            self._refuse(FRACTION[0], "a fraction is above 0 and at most 1 (write the % if it is)")
        return value

    def _sizes(
        self,
        fields: Fields,
        quantities: Mapping[str, Quantity],
        given: Mapping[str, tuple[Meaning, str]],
    ) -> None:
        for name in ("area", "capacity", "inventory", "active_mass"):
            if name in quantities:
                fields[name] = _text(quantities[name])
        if "diameter" in quantities:
            self._disc(fields, quantities)
        mass = self._active_mass(quantities, self._fraction(given))
        if mass is not None:
            if "active_mass" in fields:
                self._refuse("cathode_mass", "beside an active mass: which one counts?")
            fields["active_mass"] = mass

    def _disc(self, fields: Fields, quantities: Mapping[str, Quantity]) -> None:
        """The area of the disc; where the table gives both, they must agree."""
        area_cm2 = math.pi / 4.0 * (to_si(quantities["diameter"]) * 1e2) ** 2
        if "area" not in quantities:
            fields["area"] = f"{area_cm2:.6g} cm2"
            return
        said_cm2 = to_si(quantities["area"]) * 1e4
        if abs(said_cm2 - area_cm2) > SAME_AREA * area_cm2:
            self._refuse(
                "diameter", f"a disc of {area_cm2:.4g} cm2, and the area says {said_cm2:.4g} cm2"
            )

    def _active_mass(
        self, quantities: Mapping[str, Quantity], fraction: float | None
    ) -> str | None:
        """(cathode − foil) · active fraction; said where the table gives no fraction."""
        if "cathode_mass" not in quantities:
            for name in ("foil_mass", FRACTION[0]):
                if name in quantities or (name == FRACTION[0] and fraction is not None):
                    self._refuse(name, "without a `cathode mass` that it belongs to")
            return None
        mass_kg = to_si(quantities["cathode_mass"])
        if "foil_mass" in quantities:
            mass_kg -= to_si(quantities["foil_mass"])
        if fraction is None:
            self._tell_once("cathode mass is taken as the active mass: no column `active fraction`")
        if mass_kg <= 0:
            self._refuse("cathode_mass", "nothing is left of it without the foil")
            return None
        return f"{mass_kg * (fraction or 1.0) * 1e6:.5g} mg"

    def _limits(self, fields: Fields, quantities: Mapping[str, Quantity]) -> None:
        limits: Fields = {}
        low, high = quantities.get("low_voltage"), quantities.get("high_voltage")
        if (low is None) != (high is None):
            self._refuse(
                "low_voltage" if high is None else "high_voltage",
                "a window has two ends: `low voltage` and `high voltage`",
            )
        elif low is not None and high is not None:
            limits["voltage"] = f"{_text(low)} .. {_text(high)}"
        if "max_current" in quantities:
            limits["current"] = _text(quantities["max_current"])
        if limits:
            fields["limits"] = dict(limits)

    # ---- like another cell ----------------------------------------------------------------

    def _alike(self, fields: Fields) -> Fields:
        """The fields, and beside them those of the other cell that go with them."""
        if self.like is None:
            return fields
        base = {k: v for k, v in self.like.fields.items() if k not in NOT_ALIKE}
        sized = {"area", "capacity", "active_mass"} & fields.keys()
        if sized and "active_mass" in base and "active_mass" not in fields:
            del base["active_mass"]
            self._tell_once(f"no active mass: that of {self.like.name} is not theirs")
        if "capacity" in fields and "inventory" in base and "inventory" not in fields:
            if base["inventory"] == base.get("capacity"):
                base["inventory"] = fields["capacity"]
            else:
                text = f"the inventory of {self.like.name} would not fit: a column `inventory`?"
                self._refuse("capacity", text)
        limits, own = base.get("limits"), fields.get("limits")
        if isinstance(limits, dict) and isinstance(own, dict):
            base["limits"] = {**limits, **own}
            return {**base, **{k: v for k, v in fields.items() if k != "limits"}}
        return {**base, **fields}

    def _notes(self, fields: Mapping[str, Plain]) -> Plain:
        notes = [line for note in notes_of(fields) for line in str(note).split("\n") if line]
        for meaning in self.meanings:
            cell = self._row.cells[meaning.column.index]
            if meaning.is_note and cell:
                notes.append(f"{meaning.column.header}: {' '.join(cell.split())}")
        source = f"from row {self._row.number} of {Path(self.table.file).name}"
        like = "" if self.like is None else f"; what it does not say is as in {self.like.name}"
        return [*notes, source + like]

    # ---- the checker ----------------------------------------------------------------------

    def _checked(self, fields: Fields, quantities: Mapping[str, Quantity]) -> Made | None:
        name = str(fields["id"])
        try:
            text, record = checked(fields, f"{name}.yaml")
            if "pre_plated" in quantities:
                text, record = self._plated(fields, record, quantities)
        except ProtocolError as error:
            self._tell(error, fields)
            return None
        return Made(name, self._row.number, text, record)

    def _plated(
        self, fields: Fields, record: CellRecord, quantities: Mapping[str, Quantity]
    ) -> tuple[str, CellRecord]:
        history: Fields = {"pre_plated": _text(quantities["pre_plated"])}
        told = {**fields, "history": dict(history)}
        text, plated = checked(told, f"{record.id}.yaml")
        if "inventory" in quantities or record.inventory_Ah is None:
            return text, plated
        grown = with_pre_plated(told, record, plated.preplated_Ah)
        return checked(grown, f"{record.id}.yaml")

    def _tell(self, error: ProtocolError, fields: Fields) -> None:
        """The checker's words, at the column whose field they are about."""
        from labctl.records.text import record_text

        lines = record_text(fields).split("\n")
        for problem in error.problems:
            above = lines[: problem.where.line][::-1]
            key = next((found[1] for line in above if (found := re.match(r"(\w+):", line))), "")
            hint = f" ({problem.hint})" if problem.hint else ""
            self._refuse(key, f"{problem.message}{hint}")


def _text(quantity: Quantity) -> str:
    unit = "" if quantity.unit is None else quantity.unit.text
    return f"{quantity.value:.10g} {unit}"
