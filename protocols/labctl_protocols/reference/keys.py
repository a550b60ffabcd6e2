"""The mappings of a protocol: their keys, what each takes, and what it means."""

from collections.abc import Mapping

from labctl_protocols.beside import POLICIES
from labctl_protocols.cell_record import KINDS, METALS
from labctl_protocols.control import CLASSES
from labctl_protocols.detectors import DETECTORS
from labctl_protocols.reference.takes import (
    CONDITION,
    COUNT,
    ENDS,
    LABEL,
    NO_COMMA,
    ROUNDS,
    SPAN,
    TEXT,
    Key,
    Keys,
    Takes,
    either,
    list_of,
    mapping,
    one_of,
    value,
)

STEPS = mapping("steps", "a list of steps")
LIMITS = mapping("limits", "`{voltage: low .. high, current: …, temperature: …}`")
DETECTOR_POLICIES = mapping("detectors", "`{detector: ignore, flag or stop}`")
RECORD = Takes(
    "`every TIME [or VOLTAGE] [or CURRENT]`, or `all`",
    {
        "type": "string",
        "pattern": r"^\s*(all\s*$|every\s+\S)",
        "not": NO_COMMA,
    },
)
PAIRS = ("each", "total")

PROTOCOL: Keys = {
    "name": Key(TEXT, "The protocol's name; runs are named after it.", required=True),
    "title": Key(TEXT, "What it is for, in a line."),
    "source": Key(TEXT, "The paper, manual or habit that it is from."),
    "cell": Key(
        mapping("cell", "`{kind: …, metal: …, collector: …}`"),
        "The cells that it is for; any other is refused.",
    ),
    "parameters": Key(
        mapping("parameters", "`{name: value}`"),
        "Values by name, used as `$name` and changed by `-p name=value`; `required` has none.",
    ),
    "start": Key(
        mapping("start", "`{voltage: low .. high}`"),
        "The open-circuit voltage of a right cell; on any other nothing is driven.",
    ),
    "limits": Key(
        LIMITS, "Never to be crossed; the instrument holds them, and crossing them ends the run."
    ),
    "record": Key(RECORD, "Which readings become rows (default: every 10 s)."),
    "reference": Key(LABEL, "The group whose first discharge is 100 % of `retention`."),
    "detectors": Key(DETECTOR_POLICIES, "What detectors do in this run, where not by default."),
    "allow_unguarded": Key(
        Takes("`true`", {"enum": [True, "true"]}),
        "Steps in which nothing holds the cell's limits if the PC dies: you answer for them.",
    ),
    "steps": Key(STEPS, "What is done, in order.", required=True),
}
CELL: Keys = {
    "kind": Key(one_of(KINDS), "How the cell is built."),
    "metal": Key(one_of(METALS), "What is plated."),
    "collector": Key(TEXT, "What it is plated on."),
}
START: Keys = {
    "voltage": Key(SPAN, "The window of the open-circuit voltage.", required=True),
}
LIMITS_KEYS: Keys = {
    "voltage": Key(SPAN, "The window of the voltage."),
    "current": Key(value("a current"), "The largest magnitude of the current."),
    "temperature": Key(
        either("a temperature, or `low .. high`", value("a temperature"), SPAN),
        "The highest temperature, or the window.",
    ),
}
DRIVE_KEYS: Keys = {
    "at": Key(
        value("a current, areal or specific current, C-rate, power or resistance"),
        "The set value; the verb gives its direction.",
        required=True,
    ),
    "until": Key(ENDS, "What ends the step.", required=True),
    "then_hold": Key(
        mapping("then_hold", "`{until: ENDS}`"),
        "Hold the voltage that ended the first part.",
    ),
}
THEN_HOLD: Keys = {"until": Key(ENDS, "What ends the hold.", required=True)}
HOLD_KEYS: Keys = {
    "at": Key(value("a voltage"), "The voltage that is held.", required=True),
    "until": Key(ENDS, "What ends the step; a bare current is |I| fallen to it.", required=True),
}
REST_KEYS: Keys = {"until": Key(ENDS, "What ends the rest.", required=True)}
SWEEP_KEYS: Keys = {
    "from": Key(value("a voltage"), "Where the sweep begins.", required=True),
    "to": Key(
        either(
            "a voltage, or a list of corners",
            value("a voltage"),
            list_of(value("a voltage"), "corners"),
        ),
        "Where it goes; several corners make a cyclic sweep.",
        required=True,
    ),
    "rate": Key(value("a voltage per time"), "How fast, without sign.", required=True),
    "cycles": Key(COUNT, "How often it goes through the corners (default: 1)."),
    "step": Key(value("a voltage"), "The height of a stair (default: 1 mV)."),
    "until": Key(ENDS, "What ends it before its last corner."),
}
IMPEDANCE_KEYS: Keys = {
    "from": Key(value("a frequency"), "The first, highest frequency.", required=True),
    "to": Key(value("a frequency"), "The last, lowest frequency.", required=True),
    "points_per_decade": Key(COUNT, "Frequencies per decade (default: 10)."),
    "amplitude": Key(
        value("a voltage or a current"),
        "The excitation's amplitude (peak): a voltage about the present one, or a current.",
        required=True,
    ),
}
REPEAT_KEYS: Keys = {
    "times": Key(ROUNDS, "The most rounds; `as NAME` names a counter."),
    "until": Key(CONDITION, "Leaves the loop when it holds after a round."),
}

MAPPINGS: Mapping[str, Keys] = {
    "protocol": PROTOCOL,
    "cell": CELL,
    "start": START,
    "limits": LIMITS_KEYS,
    "drive": DRIVE_KEYS,
    "then_hold": THEN_HOLD,
    "hold": HOLD_KEYS,
    "rest": REST_KEYS,
    "sweep": SWEEP_KEYS,
    "impedance": IMPEDANCE_KEYS,
    "repeat": REPEAT_KEYS,
    "detectors": {
        name: Key(one_of(POLICIES), f"{each.meaning.capitalize()} (default: {each.policy}).")
        for name, each in DETECTORS.items()
    },
}
BESIDE: Keys = {
    "label": Key(LABEL, "A name for the step, for `last(label)` and the record."),
    "record": Key(RECORD, "Which readings of this step become rows."),
    "limits": Key(LIMITS, "Narrower limits, for this step or group."),
    "terminal": Key(LABEL.but("a role of the cell's `terminals`"), "The electrodes it drives."),
    "detectors": Key(DETECTOR_POLICIES, "What detectors do in this step, where not as around it."),
    "timeout": Key(value("a time"), "The run ends if nobody has answered by then."),
    "steps": Key(STEPS, "The body."),
    "else": Key(STEPS, "What is done where the condition does not hold, or is unknown."),
    "class": Key(one_of(CLASSES), "What its cycles are for; means and detectors know it."),
    "pair": Key(one_of(PAIRS), "A CE for each cycle, or one for the group's totals."),
}
