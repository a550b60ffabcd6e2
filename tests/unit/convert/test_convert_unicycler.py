"""aurora-unicycler's JSON: steps and loops against YAML and figures worked out by hand."""

import json
from dataclasses import replace
from typing import Any

import pytest
from helpers.converting import BIG, Leaf, leaves, refusals, same, steps_of, value
from helpers.plans import RATINGS

from labctl.convert import convert_text
from labctl_protocols.cell_record import CellRecord
from labctl_protocols.checker import check
from labctl_protocols.files import protocol_from_text
from labctl_protocols.plan import Impedance, Limits, Sweep
from labctl_protocols.problems import ProtocolError

Json = dict[str, Any]
REST = {"step": "open_circuit_voltage", "until_time_s": 600}
CC = {"step": "constant_current", "current_mA": 1.0, "until_voltage_V": 4.2}
BACK = {"step": "constant_current", "current_mA": -1.0, "until_voltage_V": 2.5}
CV = {"step": "constant_voltage", "voltage_V": 4.2, "until_time_s": 60}


def document(*method: Json, **more: object) -> Json:
    return {"record": {"time_s": 10}, "method": list(method), **more}


def converted(*method: Json, **more: object) -> str:
    return steps_of(convert_text(json.dumps(document(*method, **more)), "f.json", cell=BIG).yaml)


# the capacity is 5 Ah: 0.2C are 1 A
STEPS: list[tuple[Json, str, Leaf]] = [
    ({"step": "open_circuit_voltage", "until_time_s": 5400}, "rest: 90 min",
     Leaf("rest", 0.0, None, {"time": 5400.0})),
    ({"step": "constant_current", "rate_C": 0.2, "until_voltage_V": 4.2},
     "charge: C/5 until 4.2 V", Leaf("charge", 1.0, None, {"voltage": 4.2})),
    ({"step": "constant_current", "rate_C": "1/5", "until_time_s": 1},
     "charge: C/5 until 1 s", Leaf("charge", 1.0, None, {"time": 1.0})),
    ({"step": "constant_current", "rate_C": "C/3", "until_time_s": 1},
     "charge: C/3 until 1 s", Leaf("charge", 5 / 3, None, {"time": 1.0})),
    ({"step": "constant_current", "rate_C": "2D / 5", "until_time_s": 1},
     "discharge: 0.4C until 1 s", Leaf("discharge", -2.0, None, {"time": 1.0})),
    ({"step": "constant_current", "rate_C": "", "current_mA": "-0.5", "until_time_s": 7200.5},
     "discharge: 0.5 mA until 7200.5 s", Leaf("discharge", -5e-4, None, {"time": 7200.5})),
    ({"step": "constant_current", "current_mA": -0.1, "until_voltage_V": 0.0, "until_time_s": 7200},
     "discharge: 0.1 mA until 0 V or 2 h",
     Leaf("discharge", -1e-4, None, {"voltage": 0.0, "time": 7200.0})),
    ({"step": "constant_current", "current_mA": -0.1, "until_voltage_V": 0.0},
     "discharge: 0.1 mA until 0 V", Leaf("discharge", -1e-4, None, {"voltage": 0.0})),
    ({"step": "constant_current", "current_mA": -0.1, "until_voltage_V": -0.05, "until_time_s": 0},
     "discharge: 0.1 mA until -0.05 V", Leaf("discharge", -1e-4, None, {"voltage": -0.05})),
    ({"step": "constant_voltage", "voltage_V": 0.0, "until_current_mA": -0.02},
     "hold: 0 V until 0.02 mA", Leaf("hold", None, 0.0, {"current": 2e-5})),
    ({"step": "constant_voltage", "voltage_V": 4.2, "until_rate_C": 0.05, "until_time_s": 3600},
     "hold: 4.2 V until C/20 or 1 h", Leaf("hold", None, 4.2, {"current": 0.25, "time": 3600.0})),
]  # fmt: skip


@pytest.mark.parametrize(("step", "yaml", "wanted"), STEPS, ids=[row[1] for row in STEPS])
def test_each_step(step: Json, yaml: str, wanted: Leaf) -> None:
    made = convert_text(json.dumps(document(step)), "f.json", cell=BIG)
    assert steps_of(made.yaml) == f"- {yaml}"
    assert made.plan is not None
    (found,) = leaves(made.plan)
    same(found, wanted)


SCAN = {"step": "voltage_scan", "start_voltage_V": 3, "end_voltage_V": 4.2, "scan_rate_mV_per_s": 1}
EIS = {
    "step": "impedance_spectroscopy",
    "amplitude_V": 0.01,
    "start_frequency_Hz": 1e5,
    "end_frequency_Hz": 0.01,
}


@pytest.mark.parametrize(
    ("step", "yaml", "way", "rate"),
    [
        (SCAN, "{from: 3 V, to: 4.2 V, rate: 1 mV/s}", [3.0, 4.2], 1e-3),
        # 0 V is a voltage like any other, at either end
        (SCAN | {"start_voltage_V": 1.5, "end_voltage_V": 0.0, "scan_rate_mV_per_s": 0.05},
         "{from: 1.5 V, to: 0 V, rate: 0.05 mV/s}", [1.5, 0.0], 5e-5),
        (SCAN | {"start_voltage_V": "0.0", "end_voltage_V": -0.05, "scan_rate_mV_per_s": 1e-4},
         "{from: 0 V, to: -0.05 V, rate: 0.0001 mV/s}", [0.0, -0.05], 1e-7),
    ],
)  # fmt: skip
def test_a_voltage_scan_is_a_sweep(step: Json, yaml: str, way: list[float], rate: float) -> None:
    made = convert_text(json.dumps(document(step | {"id": "cv-1"}, step)), "f.json", cell=BIG)
    assert steps_of(made.yaml) == f"- sweep: {yaml}\n  label: cv-1\n- sweep: {yaml}"
    assert made.plan is not None
    for found in made.plan.steps:
        assert isinstance(found, Sweep)
        assert [value(found.start), *(value(corner) for corner in found.corners)] == way
        assert (found.rate_V_s, found.cycles) == (pytest.approx(rate), 1)
    assert [note.partition(" in labctl")[0] for note in made.notes] == [
        "a voltage scan is a staircase of 1 mV"
    ]


@pytest.mark.parametrize(
    ("step", "yaml", "wanted"),
    [
        (EIS, "{from: 100 kHz, to: 0.01 Hz, points_per_decade: 10, amplitude: 0.01 V}",
         (1e5, 0.01, 10, 0.01, None)),
        (EIS | {"amplitude_V": "", "amplitude_mA": 0.05, "points_per_decade": 6,
                "measures_per_point": 1, "drift_correction": False, "start_frequency_Hz": 1234.5},
         "{from: 1234.5 Hz, to: 0.01 Hz, points_per_decade: 6, amplitude: 0.05 mA}",
         (1234.5, 0.01, 6, None, 5e-5)),
    ],
)  # fmt: skip
def test_a_spectrum_is_an_impedance(step: Json, yaml: str, wanted: tuple[float | None]) -> None:
    made = convert_text(json.dumps(document(step)), "f.json", cell=BIG)
    assert steps_of(made.yaml) == f"- impedance: {yaml}"
    assert made.plan is not None
    (found,) = made.plan.steps
    assert isinstance(found, Impedance)
    read = (found.from_Hz, found.to_Hz, found.points_per_decade)
    assert (*read, found.amplitude_V, found.amplitude_A) == pytest.approx(wanted)


def test_a_converted_spectrum_passes_the_check_of_the_instruments_that_measure_it() -> None:
    made = convert_text(json.dumps(document(EIS, record={"time_s": 10})), "f.json", cell=BIG)
    assert [note for note in made.notes if "needs an instrument that measures it" in note]
    written = protocol_from_text(made.yaml, "f.yaml")
    with pytest.raises(ProtocolError) as caught:
        check(written, BIG, RATINGS)
    (problem,) = caught.value.problems
    assert (problem.rule, problem.where.line) == ("ability", made.yaml.count("\n"))
    able = replace(RATINGS, abilities=frozenset({"impedance"}))
    plan, _ = check(protocol_from_text(made.yaml, "f.yaml"), BIG, able)
    assert plan is not None
    assert isinstance(plan.steps[0], Impedance)


def test_nested_loops_lie_inside_one_another() -> None:
    made = converted(
        REST,
        {"step": "tag", "tag": "life"},
        {"step": "tag", "tag": "cycling"},
        CC,
        CV,
        BACK,
        {"step": "loop", "loop_to": "cycling", "cycle_count": 50, "id": "inner loop"},
        REST,
        {"step": "loop", "loop_to": "life", "cycle_count": 20},
        {"step": "loop", "loop_to": 1, "cycle_count": 2},
    )
    assert made == "\n".join(
        [
            "- repeat: 2",
            "  steps:",
            "    - rest: 10 min",
            "    - repeat: 20",
            "      steps:",
            "        - mark: life",
            "        # id: inner loop",
            "        - repeat: 50",
            "          steps:",
            "            - mark: cycling",
            "            - charge: 1 mA until 4.2 V then hold until 1 min",
            "            - discharge: 1 mA until 2.5 V",
            "        - rest: 10 min",
        ]
    )


def test_a_loop_to_a_hold_keeps_it_a_step_of_its_own() -> None:
    made = converted(CC, CV, BACK, {"step": "loop", "loop_to": 2, "cycle_count": 3})
    assert made.startswith("- charge: 1 mA until 4.2 V\n- repeat: 3\n  steps:\n    - hold: 4.2 V")


def test_names_become_labels_or_remarks() -> None:
    made = converted({**CC, "id": "a-1"}, {**REST, "id": "my rest"}, {"step": "tag", "tag": "yes"})
    assert made == "\n".join(
        [
            "- charge: 1 mA until 4.2 V",
            "  label: a-1",
            "# id: my rest",
            "- rest: 10 min",
            '- mark: "yes"',
        ]
    )


def test_a_hold_with_a_name_of_its_own_stays_a_step() -> None:
    assert converted(CC, {**CV, "id": "taper"}).endswith(
        "- hold: 4.2 V until 1 min\n  label: taper"
    )


SAFETY = {"max_voltage_V": 4.5, "min_voltage_V": -0.5, "max_current_mA": 10, "min_current_mA": -10}


@pytest.mark.parametrize(
    ("safety", "limits", "notes"),
    [
        (SAFETY, "{voltage: -0.5 V .. 4.5 V, current: 10 mA}", ()),
        (SAFETY | {"delay_s": 0, "max_capacity_mAh": None},
         "{voltage: -0.5 V .. 4.5 V, current: 10 mA}", ()),
        # stricter is allowed, and said
        (SAFETY | {"delay_s": 1.5}, "{voltage: -0.5 V .. 4.5 V, current: 10 mA}", ("delay_s 1.5",)),
        (SAFETY | {"min_current_mA": -4}, "{voltage: -0.5 V .. 4.5 V, current: 4 mA}", ("4 mA",)),
        ({"max_current_mA": 10}, "{current: 10 mA}", ("10 mA",)),
        ({"max_voltage_V": 4.5}, "{voltage: -5 V .. 4.5 V}", ("cell record",)),
        ({"min_voltage_V": 0.0}, "{voltage: 0 V .. 5 V}", ("cell record",)),
    ],
)  # fmt: skip
def test_safety_becomes_limits(safety: Json, limits: str, notes: tuple[str, ...]) -> None:
    made = convert_text(json.dumps(document(REST, safety=safety)), "f.json", cell=BIG)
    assert f"\nlimits: {limits}\n" in made.yaml
    assert len(made.notes) == len(notes)
    assert all(part in note for part, note in zip(notes, made.notes, strict=True))


def test_the_head_is_kept() -> None:
    made = convert_text(
        json.dumps(
            {
                "unicycler": {"version": "0.4.6"},
                "sample": {"name": "$NAME", "capacity_mAh": 5000},
                "record": {"time_s": 60, "voltage_V": 0.005, "current_mA": 0.1},
                "method": [{"step": "constant_current", "rate_C": 0.5, "until_time_s": 1}],
            }
        ),
        "my file.json",
        cell=BIG,
    )
    assert made.notes == ()
    assert made.yaml == (
        "# converted from my file.json (aurora-unicycler) by labctl convert\n"
        "name: my file\n"
        "record: every 1 min or 5 mV or 0.1 mA\n"
        "steps:\n"
        "  - charge: C/2 until 1 s\n"
    )
    assert made.plan is not None
    assert made.plan.record.change_V == pytest.approx(0.005)
    assert made.plan.record.change_A == pytest.approx(1e-4)


def loop(to: object, times: object = 2) -> Json:
    return {"step": "loop", "loop_to": to, "cycle_count": times}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (document(REST, CC, loop(2), BACK, loop(3)), "middle of another loop"),
        (document(REST, loop(2)), "goes back, not on"),
        (document(REST, loop(5)), "goes back, not on"),
        (document(REST, loop(0)), "no place to go back to"),
        (document(REST, loop("x")), "no place to go back to"),
        (document(REST, loop(True)), "no place to go back to"),
        (document(REST, loop(1, 0)), "is below 1"),
        (document(REST, loop(1, 1.5)), "is no whole number"),
        (document({"step": "tag", "tag": "a"}, loop("a")), "a loop around no step"),
        (document({"step": "tag", "tag": "a"}, REST, {"step": "tag", "tag": "a"}), "second tag"),
        (document({"step": "voltage_scan", "start_voltage_V": 0}), "method[0]: a scan needs"),
        (document(SCAN | {"end_voltage_V": 3.0}), "method[0]: the scan begins at its end, 3 V"),
        (document(SCAN | {"scan_rate_mV_per_s": 0}), "`rate` must be above zero"),
        (document(SCAN | {"end_voltage_V": 6}, safety=SAFETY), "voltage 6 V is outside the limits"),
        (document(SCAN | {"until_time_s": 6}), "until_time_s: unknown key"),
        (document({"step": "impedance_spectroscopy", "amplitude_V": 0.01}), "a spectrum needs"),
        (document(EIS | {"amplitude_mA": 1}), "amplitude_V and amplitude_mA"),
        (document(EIS | {"amplitude_V": 0}), "`amplitude` must be above zero"),
        (document(EIS | {"measures_per_point": 3}), "method[0].measures_per_point: labctl measu"),
        (document(EIS | {"drift_correction": True}), "method[0].drift_correction: labctl correc"),
        (document(EIS | {"points_per_decade": 2.5}), "points_per_decade: 2.5 is no whole number"),
        (document({"step": "constant_power"}), "unknown step `constant_power`"),
        (document({}), "unknown step ``"),
        (document("rest"), "is wanted"),  # type: ignore[arg-type]  # wrong on purpose
        (document({"step": "constant_current", "until_time_s": 1}), "neither rate_C nor"),
        (document({"step": "constant_current", "current_mA": 0, "until_time_s": 1}), "neither"),
        (document({"step": "constant_current", "current_mA": 1}), "neither until_voltage_V nor"),
        (document({"step": "constant_current", "rate_C": "C10", "until_time_s": 1}), "rate_C: a"),
        (document({"step": "constant_current", "rate_C": "C/0", "until_time_s": 1}), "no C-rate"),
        (document({"step": "constant_current", "rate_C": 1, "current_mA": 2, "until_time_s": 1}),
         "method[0].current_mA: rate_C is given too"),
        (document({"step": "constant_voltage", "until_time_s": 1}), "voltage_V is missing"),
        (document({"step": "constant_voltage", "voltage_V": 1}), "neither a time nor a current"),
        (document({"step": "open_circuit_voltage"}), "it would never end"),
        (document({**REST, "until_time_s": -1}), "is below 0"),
        (document({**REST, "until_time_s": "soon"}), "method[0].until_time_s: a number"),
        (document({**REST, "until_time_s": True}), "method[0].until_time_s: a number"),
        (document({**REST, "until_capacity_mAh": 1}), "until_capacity_mAh: unknown key"),
        (document(REST, safety={"max_capacity_mAh": 3}), "safety.max_capacity_mAh: labctl has no"),
        (document(REST, safety={"max_current_mA": -1}), "one way only"),
        (document(REST, safety={"max_voltage_V": 4}), "min_voltage_V is missing"),
        (document(REST, record={"time_s": 0}), "record.time_s: 0 is not above zero"),
        (document(REST, steps=[]), "steps: unknown key"),
        (document(), "no steps"),
        (document() | {"method": {}}, "method: a list"),
        # what labctl's own check finds is told at its place in the foreign file
        (document(REST, CC, safety=SAFETY | {"max_voltage_V": 4.0}),
         "`charge: 1 mA until 4.2 V`: the voltage 4.2 V is outside the limits"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_cannot_be_said_is_named_with_its_place(given: Json, told: str) -> None:
    lines = refusals(given)
    assert len(lines) == 1, lines
    assert told in lines[0]


def test_what_a_spectrum_may_lose_is_left_out_on_request() -> None:
    given = document(EIS | {"drift_correction": True, "measures_per_point": 2})
    places = ["method[0].drift_correction", "method[0].measures_per_point"]
    made = convert_text(json.dumps(given), "f.json", without=places)
    assert sum(note.startswith("left out as asked: method[0].") for note in made.notes) == 2
    assert made.yaml.count("# left out as asked") == 2


def test_all_problems_come_in_file_order_with_their_lines() -> None:
    text = json.dumps(document({"step": "x"}, REST, {"step": "y"}), indent=1)
    rows = text.split("\n")
    lines = refusals(text)
    assert [line.split(":")[:2] for line in lines] == [
        ["f.json", str(1 + next(at for at, row in enumerate(rows) if f'"{name}"' in row))]
        for name in "xy"
    ]


def test_another_capacity_would_be_another_current() -> None:
    rated = {"step": "constant_current", "rate_C": 0.5, "until_time_s": 1}
    sample = {"name": "x", "capacity_mAh": 3.0}
    (line,) = refusals(document(rated, sample=sample), cell=BIG)
    assert "sample.capacity_mAh: C-rates would count by the cell's 5000 mAh, not by 3 mAh" in line
    assert refusals(document(CC, sample=sample), cell=BIG) == []
    made = convert_text(json.dumps(document(rated, sample=sample)), "f.json")
    assert "the file's sample has 3 mAh" in made.notes[0]


def test_in_a_half_cell_the_ledgers_words_are_named() -> None:
    half = CellRecord(id="h", kind="half", metal="Na", limits=Limits(-0.5, 3.0, 0.02))
    made = convert_text(json.dumps(document(BACK)), "f.json", cell=half)
    assert "only `plate` and `strip` count in the metal ledger" in made.notes[0]
