"""The cell record's keys, what each takes, and what it means."""

from labctl_protocols.cell_record import KINDS, METALS
from labctl_protocols.quantities import AREA, CHARGE, CURRENT, MASS, TEMPERATURE, VOLTAGE
from labctl_protocols.reference.takes import (
    TEXT,
    Key,
    Keys,
    Takes,
    either,
    list_of,
    mapping,
    one_of,
    quantity,
    quantity_span,
)

INVENTORY_FROM = ("cathode", "pre-plated", "excess")
ELECTRODES = Takes(
    "`[positive, negative]`",
    {"type": "array", "minItems": 2, "maxItems": 2, "items": TEXT.schema},
)

RECORD: Keys = {
    "id": Key(
        Takes(
            "text (in quotes where YAML could take it for a number)",
            {"type": "string", "pattern": r"\S"},
        ),
        "The cell's name.",
        required=True,
    ),
    "title": Key(TEXT, "What it is, in a line."),
    "source": Key(TEXT, "Where its figures are from."),
    "kind": Key(one_of(KINDS), "How it is built.", required=True),
    "metal": Key(one_of(METALS), "What is plated; needed where there is a collector to plate."),
    "collector": Key(TEXT, "What it is plated on."),
    "cathode": Key(TEXT, "The positive electrode of a full cell."),
    "electrolyte": Key(TEXT, "Salt, concentration, solvent."),
    "positive": Key(TEXT, "The electrode on the positive terminal; the kind's default only."),
    "area": Key(quantity(AREA, "an area"), "What areal units count by."),
    "area_of": Key(TEXT, "Which electrode has this area."),
    "capacity": Key(
        quantity(CHARGE, "a charge, areal (needs `area`) or specific (needs `active_mass`)"),
        "Nominal capacity: 1C moves it in an hour; `nominal` in a protocol.",
    ),
    "capacity_basis": Key(TEXT, "Theoretical, rated, or measured in which cycle."),
    "active_mass": Key(quantity(MASS, "a mass"), "What specific units count by."),
    "inventory": Key(
        quantity(CHARGE, "a charge"), "Metal at the start that can be cycled, pre-plated included."
    ),
    "inventory_from": Key(one_of(INVENTORY_FROM), "Where that metal is."),
    "limits": Key(
        mapping("limits", "`{voltage: low .. high, current: …, temperature: …}`"),
        "What the cell may bear, whatever a protocol asks for.",
    ),
    "terminals": Key(
        mapping("terminals", "`{main: [positive, negative], supply: [positive, negative]}`"),
        "Role → its two electrodes; `supply` has a third electrode.",
    ),
    "history": Key(
        mapping("history", "`{pre_plated: charge, runs: [run, …]}`"), "What was done to it before."
    ),
    "notes": Key(either("text, or a list of it", TEXT, list_of(TEXT, "notes")), "Anything else."),
}
LIMITS: Keys = {
    "voltage": Key(quantity_span(VOLTAGE, "`low .. high`"), "The window of the voltage."),
    "current": Key(quantity(CURRENT, "a current"), "The largest magnitude of the current."),
    "temperature": Key(
        either(
            "a temperature, or `low .. high`",
            quantity(TEMPERATURE, "a temperature"),
            quantity_span(TEMPERATURE, "`low .. high`"),
        ),
        "The highest temperature, or the window.",
    ),
}
TERMINALS: Keys = {
    "main": Key(ELECTRODES, "The terminal that steps drive where they do not say otherwise."),
    "supply": Key(ELECTRODES, "A terminal at a third electrode, from which metal can be supplied."),
}
HISTORY: Keys = {
    "pre_plated": Key(quantity(CHARGE, "a charge"), "Metal on the collector from the start."),
    "runs": Key(list_of(TEXT, "a list of runs"), "Earlier runs, by their ids."),
}
MAPPINGS = {"record": RECORD, "limits": LIMITS, "terminals": TERMINALS, "history": HISTORY}
