"""PyBaMM's strings: each against YAML and figures worked out by hand; what it traps is refused."""

import json
import re

import pytest
from helpers.converting import BIG, Leaf, leaves, refusals, same, steps_of

from labctl.convert import convert_text

H = 3600.0
# string, the step's YAML, and for the 5 Ah cell: signed A, V held, ends in SI, signed W, signed ohm
FIFTEEN = [
    ("Discharge at 1C for 0.5 hours", "discharge: 1C until 30 min",
     Leaf("discharge", -5.0, None, {"time": 1800.0})),
    ("Discharge at C/20 for 0.5 hours", "discharge: C/20 until 30 min",
     Leaf("discharge", -0.25, None, {"time": 1800.0})),
    ("Charge at 0.5 C for 45 minutes", "charge: C/2 until 45 min",
     Leaf("charge", 2.5, None, {"time": 2700.0})),
    ("Discharge at 1 A for 0.5 hours", "discharge: 1 A until 30 min",
     Leaf("discharge", -1.0, None, {"time": 1800.0})),
    ("Charge at 200 mA for 45 minutes", "charge: 200 mA until 45 min",
     Leaf("charge", 0.2, None, {"time": 2700.0})),
    ("Discharge at 1W for 0.5 hours", "discharge: 1 W until 30 min",
     Leaf("discharge", None, None, {"time": 1800.0}, watts=-1.0)),
    ("Charge at 200mW for 45 minutes", "charge: 200 mW until 45 min",
     Leaf("charge", None, None, {"time": 2700.0}, watts=0.2)),
    ("Discharge at 4 Ohm for 20 seconds", "discharge: 4 ohm until 20 s",
     Leaf("discharge", None, None, {"time": 20.0}, ohms=-4.0)),
    ("Rest for 10 minutes", "rest: 10 min", Leaf("rest", 0.0, None, {"time": 600.0})),
    ("Hold at 1V for 20 seconds", "hold: 1 V until 20 s",
     Leaf("hold", None, 1.0, {"time": 20.0})),
    ("Charge at 1 C until 4.1V", "charge: 1C until 4.1 V",
     Leaf("charge", 5.0, None, {"voltage": 4.1})),
    ("Hold at 4.1 V until 50mA", "hold: 4.1 V until 50 mA",
     Leaf("hold", None, 4.1, {"current": 0.05})),
    ("Hold at 3V until C/50", "hold: 3 V until C/50",
     Leaf("hold", None, 3.0, {"current": 0.1})),
    ("Discharge at C/3 for 2 hours or until 2.5 V", "discharge: C/3 until 2.5 V or 2 h",
     Leaf("discharge", -5.0 / 3, None, {"voltage": 2.5, "time": 7200.0})),
    ("Discharge at C/10 for 10 hours or until 3.3 V", "discharge: C/10 until 3.3 V or 10 h",
     Leaf("discharge", -0.5, None, {"voltage": 3.3, "time": 36000.0})),
]  # fmt: skip
MORE = [
    ("Charge at 1 W until 4.1 V", "charge: 1 W until 4.1 V",
     Leaf("charge", None, None, {"voltage": 4.1}, watts=1.0)),
    ("Discharge at 2.5 ohm until 0.0 V or for 1 h", "discharge: 2.5 ohm until 0 V or 1 h",
     Leaf("discharge", None, None, {"voltage": 0.0, "time": H}, ohms=-2.5)),
    # 0 V is a voltage like any other
    ("Discharge at 0.1 mA until 0 V", "discharge: 0.1 mA until 0 V",
     Leaf("discharge", -1e-4, None, {"voltage": 0.0})),
    ("Discharge at 0.1 mA for 2 hours or until 0.0 V", "discharge: 0.1 mA until 0 V or 2 h",
     Leaf("discharge", -1e-4, None, {"voltage": 0.0, "time": 7200.0})),
    ("Hold at 0 V for 1 hr", "hold: 0 V until 1 h", Leaf("hold", None, 0.0, {"time": H})),
    ("Discharge at 1 mA until -50 mV", "discharge: 1 mA until -0.05 V",
     Leaf("discharge", -1e-3, None, {"voltage": -0.05})),
    # operators: along the current they say the same as none
    ("Charge at 1C until >4.1 V", "charge: 1C until 4.1 V",
     Leaf("charge", 5.0, None, {"voltage": 4.1})),
    ("Rest for 1 hour or until > 3 V", "rest: until voltage > 3 V or 1 h",
     Leaf("rest", 0.0, None, {"time": H})),
    # current is positive in a discharge there
    ("Hold at 4 V for 1 h or until < 50mA", "hold: 4 V until current > -50 mA or 1 h",
     Leaf("hold", None, 4.0, {"time": H})),
    ("Charge at 1 C for 90 s or until 2 A", "charge: 1C until abs(current) < 2 A or 90 s",
     Leaf("charge", 5.0, None, {"time": 90.0})),
    ("Hold at 4 V for 1 h or until 0.05C or until 1 mA", "hold: 4 V until C/20 or 1 mA or 1 h",
     Leaf("hold", None, 4.0, {"current": 1e-3, "time": H})),
    ("Charge at 1e-3 A for 1 s", "charge: 0.001 A until 1 s",
     Leaf("charge", 1e-3, None, {"time": 1.0})),
]  # fmt: skip


STRINGS = [*FIFTEEN, *MORE]


def test_the_fifteen_have_every_verb_and_every_unit_of_pybamm() -> None:
    """peers.md 2a: Charge Discharge Rest Hold; A mA W mW V Ohm C C/n; s min h; until, or until."""
    strings = [string for string, _, _ in FIFTEEN]
    assert len(set(strings)) == 15
    assert {string.split()[0] for string in strings} == {"Charge", "Discharge", "Rest", "Hold"}
    units = {re.split(r" at (?:[0-9.]+ ?)?", string)[-1].split()[0] for string in strings[:8]}
    assert units == {"C", "C/20", "A", "mA", "W", "mW", "Ohm"}
    text = " ".join(strings)
    assert all(f" {word}" in text for word in ("seconds", "minutes", "hours", "or until", "until"))


@pytest.mark.parametrize(("string", "step", "wanted"), STRINGS, ids=[row[0] for row in STRINGS])
def test_each_string_has_its_step(string: str, step: str, wanted: Leaf) -> None:
    made = convert_text(json.dumps([string]), "f.json", cell=BIG)
    assert steps_of(made.yaml) == f"- {step}"
    assert made.notes == ()
    assert made.plan is not None
    (found,) = leaves(made.plan)
    same(found, wanted)


def test_the_fifteen_make_one_protocol() -> None:
    made = convert_text(json.dumps([string for string, _, _ in FIFTEEN]), "f.json", cell=BIG)
    joined = "charge: 1C until 4.1 V then hold until 50 mA"
    steps = [step for _, step, _ in FIFTEEN]
    assert steps[10:12] == ["charge: 1C until 4.1 V", "hold: 4.1 V until 50 mA"]
    assert steps_of(made.yaml).split("\n") == [
        f"- {step}" for step in [*steps[:10], joined, *steps[12:]]
    ]


def test_a_cycle_that_comes_again_is_a_loop_and_a_hold_continues_its_charge() -> None:
    cycle = [
        "Discharge at C/10 until 3.3 V",
        "Charge at 1 A until 4.1 V",
        "Hold at 4.1 V until 50 mA",
    ]
    made = convert_text(json.dumps(["Rest for 1 hour", *[cycle] * 100]), "f.json", cell=BIG)
    assert steps_of(made.yaml) == "\n".join(
        [
            "- rest: 1 h",
            "- repeat: 100",
            "  steps:",
            "    - discharge: C/10 until 3.3 V",
            "    - charge: 1 A until 4.1 V then hold until 50 mA",
        ]
    )


@pytest.mark.parametrize(
    ("strings", "steps"),
    [
        # a time might end the first part, and the hold comes all the same: two steps
        (["Charge at 1 A for 1 h or until 4 V", "Hold at 4 V for 1 h"],
         "- charge: 1 A until 4 V or 1 h\n- hold: 4 V until 1 h"),
        (["Charge at 1 W until 4 V", "Hold at 4 V until 5 mA"],
         "- charge: 1 W until 4 V then hold until 5 mA"),
        (["Charge at 1 A until 4 V", "Hold at 4.1 V for 1 h"],
         "- charge: 1 A until 4 V\n- hold: 4.1 V until 1 h"),
        (["Charge at 1 A until 4 V", "Hold at 4 V for 1 h", "Hold at 4 V for 2 h"],
         "- charge: 1 A until 4 V then hold until 1 h\n- hold: 4 V until 2 h"),
    ],
)  # fmt: skip
def test_a_hold_is_joined_only_where_that_is_the_same(strings: list[str], steps: str) -> None:
    assert steps_of(convert_text(json.dumps(strings), "f.json").yaml) == steps


def test_a_period_is_a_recording_rule() -> None:
    text = json.dumps(
        {"experiment": ["Charge at 1C for 1 h (5 minute period)", "Rest for 1 h"],
         "period": "30 seconds"}
    )  # fmt: skip
    made = convert_text(text, "f.json", cell=BIG)
    assert made.plan is not None
    assert made.plan.record.every_s == 30.0
    assert steps_of(made.yaml) == "- charge: 1C until 1 h\n  record: every 5 min\n- rest: 1 h"


TEXT = """\
# cells of the first batch
Charge at C/3 until 4.2 V   # slowly

"Rest for 1 hour",
"""
YAML = """\
- Charge at C/3 until 4.2 V
- [Rest for 1 hour, Rest for 1 hour]
"""


@pytest.mark.parametrize(
    ("file", "text", "steps"),
    [
        ("f.txt", TEXT, "- charge: C/3 until 4.2 V\n- rest: 1 h"),
        ("f.yaml", YAML, "- charge: C/3 until 4.2 V\n- rest: 1 h\n- rest: 1 h"),
        ("f.yaml", "experiment:\n" + YAML, "- charge: C/3 until 4.2 V\n- rest: 1 h\n- rest: 1 h"),
    ],
)
def test_text_and_yaml_say_the_same(file: str, text: str, steps: str) -> None:
    assert steps_of(convert_text(text, file, cell=BIG).yaml) == steps


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (["Charge at 4.2 V for 1 h"], "f.json:1:2: `Charge at 4.2 V for 1 h`: PyBaMM reads this"),
        (["Hold at 1 A for 1 h"], "write `Discharge at …`"),
        (["Rest until 3 V"], "nothing gives the voltage a direction"),
        (["Hold at 4 V until 3 V"], "nothing gives the voltage a direction"),
        (["Rest for 1 h", "Rest until 1 mA"], "f.json:1:18: `Rest until 1 mA`: a current ends no"),
        (["Charge at 1 A"], "neither `for` nor `until` ends it"),
        (["Charge at 0 A for 1 h"], "not above zero"),
        (["Charge at -1 A for 1 h"], "the verb gives the sign"),
        (["Charge at C/0 for 1 h"], "`C/0` in"),
        (["Charge at 1 A until 5 W"], "`5 W` in"),
        (["Charge at 1 A for 1 fortnight"], "`1 fortnight` in"),
        (["Charge at 1 A for -1 h"], "`-1 h` in"),
        (["Run US06 (A)"], "is not a step of PyBaMM"),
        (["Run US06 (W)"], "is not a step of PyBaMM"),
        (["Charge at 0 W for 1 h"], "not above zero"),
        (["Rest for 1 h", "Charge at 4 Ohm for 1 h"],
         "f.json:1:18: `charge: 4 ohm until 1 h`: `charge` through a resistance, which only"),
        (["Charge at 1 A until 80% SOC"], "`80% SOC` in"),
        (["Charge at 1 A until 4.2 V for 25 oC"], "`4.2 V for 25 oC` in"),
        ([{"string": "Rest for 1 h"}], "[0]: a string such as"),
        ([["Rest for 1 h", 5]], "[0][1]: a string such as"),
        ([[]], "[0]: an empty cycle"),
        ([], "no steps"),
        ({"experiment": "Rest for 1 h"}, "a list of PyBaMM's strings"),
        ({"experiment": ["Rest for 1 h"], "termination": "80% capacity"}, "termination: labctl"),
        ({"experiment": ["Rest for 1 h"], "temperature": "25 oC"}, "temperature: labctl has"),
        ({"experiment": ["Rest for 1 h"], "drive_cycles": {}}, "drive_cycles: unknown key"),
        ({"experiment": ["Rest for 1 h"], "period": True}, "period: `True` is no time"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_said_is_named_with_its_place(document: object, told: str) -> None:
    lines = refusals(document)
    assert len(lines) == 1, lines
    assert told in lines[0]
    assert lines[0].startswith("f.json:1:")


def test_a_line_of_text_is_its_own_place() -> None:
    assert refusals("Rest for 1 h\n\n  Charge at 1 A\n", "f.txt")[0].startswith("f.txt:3:3: ")


def test_what_may_be_left_out_is_left_out_and_said() -> None:
    document = {"experiment": ["Rest for 1 h"], "termination": "80% capacity"}
    made = convert_text(json.dumps(document), "f.json", without=["termination"])
    assert len(made.notes) == 1
    assert made.notes[0].startswith("left out as asked: termination")
    assert f"# {made.notes[0]}\n" in made.yaml
    assert "nothing was refused there" in refusals(["Rest for 1 h"], without=["termination"])[0]
