"""BattINFO's test-protocol records: each mode against YAML and figures worked out by hand."""

import json
from typing import Any

import pytest
from helpers.converting import BIG, Leaf, leaves, refusals, same, steps_of, value

from labctl.convert import convert_text
from labctl_protocols.plan import Impedance, Sweep

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
        if k not in ("duration", "count", "steps", "period", "tags", "description", "step_id")
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
STEPS: list[tuple[Json, str, Leaf]] = [
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
     "discharge: 5 W until 30 min",
     Leaf("discharge", None, None, {"time": 1800.0}, watts=-5.0)),
    (step("cp", "charge", (end("voltage", 4.2, "V", "above"),), power=q(5, "mW")),
     "charge: 5 mW until 4.2 V", Leaf("charge", None, None, {"voltage": 4.2}, watts=5e-3)),
    (step("cr", "discharge", resistance=q(4, "ohm"), duration=q(20, "s")),
     "discharge: 4 ohm until 20 s", Leaf("discharge", None, None, {"time": 20.0}, ohms=-4.0)),
]  # fmt: skip


@pytest.mark.parametrize(("given", "yaml", "wanted"), STEPS, ids=[row[1] for row in STEPS])
def test_each_mode(given: Json, yaml: str, wanted: Leaf) -> None:
    made = convert_text(json.dumps(record(given)), "f.json", cell=BIG)
    assert steps_of(made.yaml) == f"- {yaml}"
    assert made.plan is not None
    (found,) = leaves(made.plan)
    same(found, wanted)


# as BattINFO's own importer and its example of cyclic voltammetry write them
UP = {"start_voltage": q(3, "V"), "end_voltage": q(4.3, "V")}
SCANS = [
    # the importer says `charge` of every scan: its voltages count
    (step("scan", "charge", (end("voltage", 0.0, "V", "below"),), start_voltage=q(4.3, "V"),
          end_voltage=q(0.0, "V"), scan_rate_mV_per_s=q(0.1, "mV/s")),
     "{from: 4.3 V, to: 0 V, rate: 0.1 mV/s}", 1e-4),
    (step("scan", "charge", (end("voltage", 4.3, "V", "above"),), scan_rate=q(100, "uV/s"), **UP),
     "{from: 3 V, to: 4.3 V, rate: 100 uV/s}", 1e-4),
    (step("scan", "charge", (end("voltage", 4300, "mV", "above"),), scan_rate=q(0.001, "V/s"),
          upper_voltage_limit=q(4.3, "V")), "{from: voltage, to: 4.3 V, rate: 0.001 V/s}", 1e-3),
    (step("scan", "discharge", scan_rate=q(1, "mV/s"), lower_voltage_limit=q(0, "V")),
     "{from: voltage, to: 0 V, rate: 1 mV/s}", 1e-3),
    # other ends come before the last corner; a voltage against the way is no end of the way
    (step("scan", "charge", (end("voltage", 4.3, "V", "below"), end("current", 5, "mA", "above")),
          scan_rate=q(1, "mV/s"), duration=q(2, "h"), **UP),
     "{from: 3 V, to: 4.3 V, rate: 1 mV/s, until: voltage < 4.3 V or abs(current) > 5 mA or 2 h}",
     1e-3),
    (step("scan", "charge", (end("current", 5, "mA", "above"),), scan_rate=q(1, "mV/s"), **UP),
     "{from: 3 V, to: 4.3 V, rate: 1 mV/s, until: abs(current) > 5 mA}", 1e-3),
]  # fmt: skip


@pytest.mark.parametrize(("given", "yaml", "rate"), SCANS, ids=[row[1] for row in SCANS])
def test_a_scan_is_a_sweep(given: Json, yaml: str, rate: float) -> None:
    made = convert_text(json.dumps(record(given)), "f.json", cell=BIG)
    assert steps_of(made.yaml) == f"- sweep: {yaml}"
    assert made.plan is not None
    (found,) = made.plan.steps
    assert isinstance(found, Sweep)
    assert found.rate_V_s == pytest.approx(rate)
    points = given["setpoints"]
    wanted = [
        next((points[name]["value"] for name in names if name in points), None)
        for names in (
            ("start_voltage",),
            ("end_voltage", "upper_voltage_limit", "lower_voltage_limit"),
        )
    ]
    assert [value(found.start), *(value(corner) for corner in found.corners)] == wanted
    starts = [note for note in made.notes if "begins at the cell's voltage" in note]
    assert len(starts) == (wanted[0] is None)
    assert any("staircase of 1 mV" in note for note in made.notes)


SPECTRUM = {
    "start_frequency": q(100000, "Hz"),
    "end_frequency": q(10, "mHz"),
    "amplitude": q(10, "mV"),
}


@pytest.mark.parametrize(
    ("more", "yaml", "wanted"),
    [
        ({"points_per_decade": q(6, "count")}, "points_per_decade: 6, amplitude: 10 mV",
         (6, 0.01, None)),
        ({"points_per_decade": q(7, "1"), "amplitude": q(50, "uA")},
         "points_per_decade: 7, amplitude: 50 uA", (7, None, 5e-5)),
        ({}, "points_per_decade: 10, amplitude: 10 mV", (10, 0.01, None)),
    ],
)  # fmt: skip
def test_a_spectrum_is_converted_and_its_instrument_is_named(
    more: Json, yaml: str, wanted: tuple[int, float | None, float | None]
) -> None:
    given = record(step("eis", "hold", **SPECTRUM | more))
    made = convert_text(json.dumps(given), "f.json", cell=BIG)
    assert steps_of(made.yaml) == f"- impedance: {{from: 100000 Hz, to: 10 mHz, {yaml}}}"
    assert made.plan is not None
    (found,) = made.plan.steps
    assert isinstance(found, Impedance)
    assert (found.from_Hz, found.to_Hz) == (pytest.approx(1e5), pytest.approx(1e-2))
    assert (found.points_per_decade, found.amplitude_V, found.amplitude_A) == pytest.approx(wanted)
    assert sum("needs an instrument that measures it" in note for note in made.notes) == 1
    assert sum("10 are measured" in note for note in made.notes) == (not more)


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
        (record(step("eis")), "method[0]: a spectrum needs a start_frequency"),
        (record(step("eis", duration=q(1, "h"), **SPECTRUM)), "method[0].duration: a spectrum"),
        (record(step("eis", points_per_decade=q(6, "Hz"), **SPECTRUM)), "no unit of a count"),
        (record(step("eis", frequency=q(6, "Hz"), **SPECTRUM)), "setpoints.frequency: a set value"),
        (record(step("eis", **SPECTRUM | {"amplitude": q(0, "mV")})), "must be above zero"),
        (record(step("eis", **SPECTRUM | {"amplitude": q(1, "W")})), "`W` is no unit of ampl"),
        (record(step("scan")), "method[0]: a scan needs a scan_rate"),
        (record(step("scan", scan_rate=q(1, "mV/s"), end_voltage=q(1, "V"))), "a scan needs"),
        (record(step("scan", **UP)), "a scan needs a scan_rate"),
        (record(step("scan", scan_rate=q(0, "mV/s"), **UP)), "must be above zero"),
        (record(step("scan", scan_rate=q(1, "V"), **UP)), "`V` is no unit of scan rate"),
        (record(step("scan", scan_rate=q(1, "mV/s"), scan_rate_mV_per_s=q(1, "mV/s"), **UP)),
         "a second scan rate"),
        (record(step("scan", scan_rate=q(1, "mV/s"), **UP | {"end_voltage": q(3, "V")})),
         "the scan begins at its end, 3 V"),
        (record(step("scan", "charge", scan_rate=q(1, "mV/s"), upper_voltage_limit=q(4.3, "V"),
                     lower_voltage_limit=q(3, "V"))), "lower_voltage_limit: a set value that has"),
        (record(step("scan", scan_rate=q(1, "mV/s"), **UP | {"end_voltage": q(6, "V")})),
         "outside the limits"),
        (record(step("cr", "charge", resistance=q(4, "ohm"), duration=q(20, "s"))),
         "which only discharges"),
        (record(step("cc/cv")), "unknown mode `cc/cv`"),
        (record(step("cc", "none", (end("voltage", 4.2, "V"),), current=q(1, "A"))),
         "direction must be charge or discharge"),
        (record(step("cc", "charge", current=q(1, "A"))), "method[0]: nothing ends it"),
        (record(step("cc", "charge", (end("voltage", 4.2, "V"),))), "gives it no value"),
        (record(step("cc", "charge", (end("voltage", 4.2, "V"),), current=q(-1, "A"))),
         "below zero"),
        (record(step("cc", "charge", (end("voltage", 4.2, "V"),), current=q(1, "C"))),
         "`C` is no unit of current"),
        (record(step("cc", "charge", (end("voltage", 4.2, "V"),), voltage=q(1, "V"),
                     current=q(1, "A"))), "setpoints.voltage: a set value that has no meaning"),
        (record(step("cc", "charge", (end("voltage", 4.2, "V"),), c_rate=q(1, "A/Ah"),
                     current=q(1, "A"))), "c_rate and current"),
        (record(step("cv", "hold", (end("voltage", 4.2, "V"),), voltage=q(1, "V"))),
         "termination[0]: nothing gives the voltage a direction"),
        (record(step("cc", "charge", (end("energy", 1, "Wh"),), current=q(1, "A"))),
         "termination[0]: `energy` ends no step in labctl"),
        (record(step("cc", "charge", (end("soc", 50, "%"),), current=q(1, "A"))),
         "termination[0]: `soc` ends no step in labctl"),
        (record(step("cc", "charge", (end("duration", 1, "h", "below"),), current=q(1, "A"))),
         "is never below"),
        (record(step("cccv", "charge", (end("current", 1, "mA"),), voltage=q(4, "V"),
                     current=q(1, "A"), duration=q(1, "h"))), "the time of a cccv step as a whole"),
        (record(step("rest", "rest", duration={"min_value": 1, "max_value": 2, "unit": "h"})),
         "duration.min_value: a range"),
        (record({**CHARGE, "temperature": q(25, "degC")}), "method[0].temperature: write `set:"),
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
    lines = refusals(text, cell=BIG)
    if "min_value" in text:
        assert len(lines) == 2
    else:
        assert len(lines) == 1, lines
    assert told in lines[0]
    assert lines[0].startswith("f.json:1:")


def test_what_may_be_left_out_is_left_out_and_said() -> None:
    given = record({**CHARGE, "temperature": q(25, "degC"), "step_id": 7})
    made = convert_text(json.dumps(given), "f.json", without=["method[0].temperature"])
    assert steps_of(made.yaml) == "# step_id: 7\n- charge: 1 A until 4.2 V"
    assert made.notes[0].startswith("left out as asked: method[0].temperature")
