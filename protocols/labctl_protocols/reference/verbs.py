"""The verbs: what each does, what stands behind it, and an example that the checker takes."""

from collections.abc import Mapping
from dataclasses import dataclass

from labctl_protocols.reference.takes import (
    ANY_VALUE,
    CONDITION,
    DRIVE,
    HAS_UNIT,
    LABEL,
    NO_COMMA,
    ROUNDS,
    TEXT,
    Takes,
    either,
    mapping,
)

HALF, FULL = "na-cu-half", "na-nvp-anode-free"


@dataclass(frozen=True, slots=True)
class VerbEntry:
    """A verb. `keys` names the table of its mapping's keys, where it has one; the example is a
    list of steps for a protocol on the library's cell named by `cell`."""

    meaning: str
    takes: Takes
    example: str
    keys: str = ""
    cell: str = HALF


def _drive(meaning: str, example: str, cell: str = HALF) -> VerbEntry:
    takes = either(
        "`VALUE until ENDS [then hold until ENDS]`, or a mapping",
        DRIVE,
        mapping("drive", "a mapping"),
    )
    return VerbEntry(meaning, takes, example, "drive", cell)


REST = Takes(
    "`TIME` or `until ENDS`",
    {"type": "string", "pattern": HAS_UNIT, "not": NO_COMMA},
)

VERBS: Mapping[str, VerbEntry] = {
    "rest": VerbEntry(
        "No current, the voltage is read.",
        either("`TIME`, `until ENDS`, or a mapping", REST, mapping("rest", "a mapping")),
        "- rest: 12 h\n- rest: until voltage > 0.1 V for 30 s or 72 h",
        "rest",
    ),
    "charge": _drive(
        "A current that charges the cell as it is wired, up to the ends; perhaps a hold after it.",
        "- charge: C/10 until 3.8 V or 12 h then hold until C/50 or 2 h",
        FULL,
    ),
    "discharge": _drive(
        "A current that discharges the cell as it is wired. Power and resistance can be set, too.",
        "- discharge: C/5 until 2 V or 6 h\n- discharge: 5 mW until 2 V or 1 h\n"
        "- discharge: {at: 1 kohm, until: 2 V or 1 h}",
        FULL,
    ),
    "plate": _drive(
        "A current that lays metal on the collector, whatever its sign in this cell.",
        "- plate: 0.5 mA/cm2 until 1 mAh/cm2",
    ),
    "strip": _drive(
        "A current that takes metal from the collector. A voltage needs a charge or a time beside "
        "it: on a soft short the voltage never comes.",
        "- strip: 0.5 mA/cm2 until 1 V or 1.2 * deposit",
    ),
    "hold": VerbEntry(
        "A constant voltage; a bare current among the ends is |I| fallen to it.",
        either("`VOLTAGE until ENDS`, or a mapping", DRIVE, mapping("hold", "a mapping")),
        "- hold: 1 V until 10 uA or 2 h",
        "hold",
    ),
    "sweep": VerbEntry(
        "A staircase of voltages from one to the next: linear or cyclic voltammetry.",
        mapping("sweep", "a mapping"),
        "- sweep: {from: 1 V, to: [0 V, 1 V], rate: 1 mV/s, cycles: 3}",
        "sweep",
    ),
    "impedance": VerbEntry(
        "A spectrum from high to low frequency about the present state. The instrument must "
        "declare that it can.",
        mapping("impedance", "a mapping"),
        "- impedance: {from: 100 kHz, to: 10 mHz, amplitude: 10 mV}",
        "impedance",
    ),
    "set": VerbEntry(
        "Sets an auxiliary of the bench, such as a chamber's temperature.",
        Takes(
            "`{auxiliary: value}`",
            {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": ANY_VALUE.schema,
            },
        ),
        "- set: {chamber: 40 degC}",
    ),
    "ask": VerbEntry(
        "A question to the operator, with the output off until `labctl continue` or a key.",
        TEXT,
        "- ask: cut the degassing pouch open, then continue\n  timeout: 8 h",
    ),
    "mark": VerbEntry("A remark in the record.", TEXT, "- mark: the long part begins"),
    "stop": VerbEntry(
        "Ends the run as completed, for the reason given.",
        TEXT,
        "- if: lost > 1 mAh\n  steps:\n    - stop: more than 1 mAh is lost",
    ),
    "group": VerbEntry(
        "Steps under one label, with figures of their own.",
        LABEL,
        "- group: reservoir\n  pair: total\n  steps:\n    - plate: 0.5 mA/cm2 until 4 mAh/cm2\n"
        "    - strip: 0.5 mA/cm2 until 1 V or 1.2 * deposit",
    ),
    "repeat": VerbEntry(
        "A loop of so many rounds, left early when `until` holds after a round. A counter counts "
        "from 1 and stands bare in expressions.",
        either("`NUMBER [as NAME]`, or a mapping", ROUNDS, mapping("repeat", "a mapping")),
        "- repeat: 5 as k\n  steps:\n    - plate: (0.1 mA/cm2 * k) until 30 min\n"
        "    - strip: (0.1 mA/cm2 * k) until 1 V or 40 min\n"
        "- repeat: {times: 500, until: ce < 95 % for 3 cycles}\n  steps:\n"
        "    - plate: 0.5 mA/cm2 until 1 mAh/cm2\n"
        "    - strip: 0.5 mA/cm2 until 1 V or 1.2 * deposit",
        "repeat",
    ),
    "for": VerbEntry(
        "A loop over values of one kind; each stands as `$name` in the body.",
        Takes(
            "`{name: [values]}`",
            {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "propertyNames": {"pattern": r"^[^\W\d]\w*$"},
                "additionalProperties": {
                    "type": "array",
                    "minItems": 1,
                    "items": ANY_VALUE.schema,
                },
            },
        ),
        "- for: {rate: [C/10, C/5, 1C]}\n  steps:\n"
        "    - charge: $rate until 3.8 V or 12 h\n    - discharge: $rate until 2 V or 12 h",
        cell=FULL,
    ),
    "if": VerbEntry(
        "A branch. An unknown condition takes the `else`, and the journal says so.",
        CONDITION,
        "- if: inventory < 80 % of nominal\n  steps:\n    - stop: the metal has run out\n"
        "  else:\n    - charge: C/5 until 3.8 V or 12 h",
        cell=FULL,
    ),
    "exit": VerbEntry(
        "Leaves the innermost loop, through groups, where the condition holds.",
        CONDITION,
        "- repeat: 10\n  steps:\n    - strip: 0.5 mA/cm2 until 1 mAh/cm2 or 1 V\n"
        "    - exit: ended == voltage\n    - plate: 0.5 mA/cm2 until 1 mAh/cm2",
    ),
}
