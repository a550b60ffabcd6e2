"""BattINFO's test-protocol records: each mode against YAML and figures worked out by hand."""

import json
from typing import Any

import pytest
from helpers.converting import BIG, Leaf, leaves, refusals, steps_of, yaml_unchecked

from labctl.convert import convert_text

Json = dict[str, Any]


def q(value: float, unit: str) -> Json:
    return {"value": value, "unit": unit}


def end(quantity: str, value: float, unit: str, direction: str | None = None) -> Json:
    return {"quantity": quantity, **q(value, unit)} | (
        {"direction": direction} if direction else {}
    )


def step(mode: str, direction: str = "none", ends: tuple[Json, ...] = (), **more: Any) -> Json:
    points = {
        k: v
        for k, v in more.items()
        if k in ("c_rate", "current", "voltage", "power", "resistance")
    }
    rest = {k: v for k, v in more.items() if k not in points}
    return {
        "mode": mode,
        "direction": direction,
        "setpoints": points,
        "termination": list(ends),
        **rest,
    }


def record(*method: Json, **more: Any) -> Json:
    return {
        "schema_version": "1.0.0",
        "test_spec": {
            "id": "https://w3id.org/battinfo/spec/aaaa-bbbb-cccc-dddd",
            "name": "Rate test",
            "kind": "rate_capability",
        },
        "provenance": {"source_type": "lab", "retrieved_at": 17, "citation_doi": "10.1234/x"},
        "method": list(method),
        **more,
    }  # fmt: skip


# the capacity is 5 Ah
STEPS: list[tuple[Json, str, Leaf | str]] = [
    (step("cc", "discharge", (end("voltage", 0.9, "V", "below"),), c_rate=q(0.05, "A/Ah")),
     "discharge: C/20 until 0.9 V", Leaf("discharge", -0.25, None, {"voltage": 0.9})),
    (step("cc", "charge", (end("voltage", 0.0, "V", "above"),), current=q(200, "mA")),
     "charge: 200 mA until 0 V", Leaf("charge", 0.2, None, {"voltage": 0.0})),
    (step("cc", "charge", (end("voltage", 4200, "mV"), end("duration", 2, "h", "elapsed")),
          current=q(1, "A")),
     "charge: 1 A until 4.2 V or 2 h", Leaf("charge", 1.0, None, {"voltage": 4.2, "time": 7200.0})),
    (step("cc", "charge", (end("capacity", 5, "mAh", "above"),), current=q(1, "A")),
     "charge: 1 A until 5 mAh", Leaf("charge", 1.0, None, {"charge": 18.0})),
    (step("cc", "charge", (end("voltage", 2, "V", "below"),), c_rate=q(1, "A/Ah"),
          duration=q(36000, "s")),
     "charge: 1C until voltage < 2 V or 10 h", Leaf("charge", 5.0, None, {"time": 36000.0})),
    (step("cv", "hold", (end("c_rate", 0.02, "A/Ah", "below"),), voltage=q(4.2, "V")),
     "hold: 4.2 V until C/50", Leaf("hold", None, 4.2, {"current": 0.1})),
    (step("cv", "hold", (end("current", 1, "A", "above"),), voltage=q(0, "V"),
          duration=q(1, "min")),
     "hold: 0 V until abs(current) > 1 A or 1 min", Leaf("hold", None, 0.0, {"time": 60.0})),
    (step("rest", "rest", duration=q(1800, "s")), "rest: 30 min",
     Leaf("rest", 0.0, None, {"time": 1800.0})),
    (step("rest", "rest", (end("voltage", 0.1, "V", "above"), end("duration", 3, "d", "elapsed"))),
     "rest: until voltage > 0.1 V or 72 h", Leaf("rest", 0.0, None, {"time": 259200.0})),
    (step("cp", "discharge", power=q(5, "W"), duration=q(0.5, "h")),
     "discharge: 5 W until 30 min", "power"),
    (step("cr", "discharge", resistance=q(4, "ohm"), duration=q(20, "s")),
     "discharge: 4 ohm until 20 s", "resistance"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "yaml", "wanted"), STEPS, ids=[row[1] for row in STEPS])
def test_each_mode(given: Json, yaml: str, wanted: Leaf | str) -> None:
    text = json.dumps(record(given))
    assert steps_of(yaml_unchecked(text)) == f"- {yaml}"
    if isinstance(wanted, str):
        lines = refusals(text)
        assert lines == [] or f"`{yaml}`: control of {wanted} is not in this version" in lines[0]
        return
    made = convert_text(text, "f.json", cell=BIG)
    assert made.plan is not None
    (found,) = leaves(made.plan)
    assert (found.verb, found.volts) == (wanted.verb, wanted.volts)
    assert found.amperes == pytest.approx(wanted.amperes)
    assert found.ends == pytest.approx(wanted.ends)


def test_a_whole_record() -> None:
    cccv = step(
        "cccv", "charge", (end("c_rate", 0.05, "A/Ah", "below"),),
        c_rate=q(0.5, "A/Ah"), voltage=q(4.2, "V"), description="the usual charge",
    )  # fmt: skip
    down = step(
        "cc", "discharge", (end("voltage", 2.5, "V", "below"),),
        c_rate=q(1, "A/Ah"), tags=["discharge", "1C"], period=q(5, "min"),
    )  # fmt: skip
    group = {"mode": "group", "count": 50, "steps": [cccv, down]}
    made = convert_text(
        json.dumps(
            record(
                step("rest", "rest", duration=q(1, "h")),
                group,
                record={"time_s": 10, "voltage_V": 0.005},
                safety={"max_voltage_V": 4.5, "min_voltage_V": 0.0, "max_temperature_degC": None},
                license="cc-by-4.0",
            )
        ),
        "rate.json",
        cell=BIG,
    )
    assert made.notes == ()
    assert made.yaml == (
        "# converted from rate.json (BattINFO test protocol) by labctl convert\n"
        "name: rate\n"
        "title: Rate test\n"
        'source: "10.1234/x; https://w3id.org/battinfo/spec/aaaa-bbbb-cccc-dddd"\n'
        "limits: {voltage: 0 V .. 4.5 V}\n"
        "record: every 10 s or 5 mV\n"
        "steps:\n"
        "  - rest: 1 h\n"
        "  - repeat: 50\n"
        "    steps:\n"
        "      # the usual charge\n"
        "      - charge: C/2 until 4.2 V then hold until C/20\n"
        "      # tags: discharge, 1C\n"
        "      - discharge: 1C until 2.5 V\n"
        "        record: every 5 min\n"
    )


CHARGE = step("cc", "charge", (end("voltage", 4.2, "V"),), current=q(1, "A"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (record(step("eis")), "method[0]: mode eis: `impedance` is not in this version"),
        (record(step("scan")), "method[0]: mode scan: `sweep` is not in this version"),
        (record(step("cc/cv")), "unknown mode `cc/cv`"),
        (record(step("cc", "none", (end("voltage", 4.2, "V"),), current=q(1, "A"))),
         "direction must be charge or discharge"),
        (record(step("cc", "charge", current=q(1, "A"))), "method[0]: nothing ends it"),
        (record(step("cc", "charge", (end("voltage", 4.2, "V"),))), "gives it no value"),
        (record(step("cc", "charge", (end("voltage", 4.2, "V"),), current=q(-1, "A"))),
         "below zero"),
        (record(step("cc", "charge", (end("voltage", 4.2, "V"),), current=q(1, "C"))),
         "`C` is no unit of a current"),
        (record(step("cc", "charge", (end("voltage", 4.2, "V"),), voltage=q(1, "V"),
                     current=q(1, "A"))), "setpoints.voltage: a set value that has no meaning"),
        (record(step("cc", "charge", (end("voltage", 4.2, "V"),), c_rate=q(1, "A/Ah"),
                     current=q(1, "A"))), "c_rate and current"),
        (record(step("cv", "hold", (end("voltage", 4.2, "V"),), voltage=q(1, "V"))),
         "termination[0]: nothing gives the voltage a direction"),
        (record(step("cc", "charge", (end("energy", 1, "Wh"),), current=q(1, "A"))),
         "termination[0]: no quantity"),
        (record(step("cc", "charge", (end("duration", 1, "h", "below"),), current=q(1, "A"))),
         "is never below"),
        (record(step("cccv", "charge", (end("current", 1, "mA"),), voltage=q(4, "V"),
                     current=q(1, "A"), duration=q(1, "h"))), "the time of a cccv step as a whole"),
        (record(step("rest", "rest", duration={"min_value": 1, "max_value": 2, "unit": "h"})),
         "duration.min_value: a range"),
        (record({**CHARGE, "temperature": q(25, "degC")}), "method[0].temperature: labctl sets no"),
        (record(CHARGE, conditions={"temperature": q(25, "degC")}), "conditions.temperature: "),
        (record(CHARGE, safety={"min_temperature_degC": 5}), "needs its high end"),
        (record(CHARGE, safety={"max_temperature_degC": 60}), "which nobody measures"),
        (record({"mode": "group", "count": 2, "steps": []}), "method[0]: a group of no steps"),
        (record({"mode": "group", "count": 0, "steps": [CHARGE]}), "method[0].count: 0 is below 1"),
        (record({**CHARGE, "ramp": 1}), "method[0].ramp: unknown key"),
        (record(), "method: no steps"),
        ({"schema_version": "1.0.0", "artifacts": []}, "method: no steps"),
        (record(CHARGE) | {"method": "charge"}, "method: a list"),
        (record(CHARGE, author="x"), "author: unknown key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_cannot_be_said_is_named_with_its_place(given: Json, told: str) -> None:
    text = json.dumps(given)
    lines = refusals(text)
    if "min_value" in text:
        assert len(lines) == 2
    else:
        assert len(lines) == 1, lines
    assert told in lines[0]
    assert lines[0].startswith("f.json:1:")


def test_a_step_that_may_be_left_out_leaves_a_mark() -> None:
    made = convert_text(json.dumps(record(CHARGE, step("eis"))), "f.json", without=["method[1]"])
    assert steps_of(made.yaml) == '- charge: 1 A until 4.2 V\n- mark: "left out: eis"'
    assert "method[1]" in made.notes[0]
