"""labctl's protocols as unicycler's: round trips, vendors' forms, 0 V, and what is refused.

unicycler's documents are read here by the aurora-unicycler package itself.
"""

import json
import re
from dataclasses import replace
from typing import Any, get_args

import pytest
from helpers.converting import BIG, steps_of

from labctl.convert import convert_text
from labctl.convert.to_unicycler import unicycler_document
from labctl.convert.vendor import VendorError, vendor_text
from labctl_protocols.cell_record import CellRecord
from labctl_protocols.checker import bind
from labctl_protocols.files import load_cell, load_protocol, protocol_from_text
from labctl_protocols.plan import Limits, Node, Plan, every
from labctl_protocols.problems import ProtocolError

aurora = pytest.importorskip("aurora_unicycler")
Json = dict[str, Any]
HALF = CellRecord(id="half", kind="half", metal="Na", area_cm2=2.0, limits=Limits(-0.5, 3.0, 0.02))


def plan_of(steps: str, cell: CellRecord = BIG, head: str = "") -> Plan:
    return bind(protocol_from_text(f"name: x\n{head}\nsteps:\n{steps}\n", "x.yaml"), cell, None)


def method_of(steps: str, cell: CellRecord = BIG) -> list[Json]:
    document, _ = unicycler_document(plan_of(steps, cell), "s")
    method = document["method"]
    assert isinstance(method, list)
    return method


def refused(steps: str, cell: CellRecord = BIG, head: str = "") -> str:
    with pytest.raises(ProtocolError) as caught:
        unicycler_document(plan_of(steps, cell, head), "s")
    return str(caught.value)


CYCLING: Json = {
    "unicycler": {"version": "0.4.6"},
    "sample": {"name": "big", "capacity_mAh": 5000.0},
    "record": {"time_s": 10.0, "voltage_V": 0.005, "current_mA": 0.1},
    "safety": {
        "max_voltage_V": 4.5,
        "min_voltage_V": -0.5,
        "max_current_mA": 10000.0,
        "min_current_mA": -10000.0,
    },
    "method": [
        {"step": "open_circuit_voltage", "until_time_s": 43200.0},
        {"step": "tag", "tag": "life test"},
        {"step": "tag", "tag": "cycling"},
        {"step": "constant_current", "rate_C": 1 / 3, "until_voltage_V": 4.2, "id": "up"},
        {"step": "constant_voltage", "voltage_V": 4.2, "until_rate_C": 0.05, "until_time_s": 3600},
        {"step": "open_circuit_voltage", "until_time_s": 600.5},
        {"step": "constant_current", "current_mA": -1234.5, "until_voltage_V": 2.5,
         "until_time_s": 36000},
        {"step": "loop", "loop_to": "cycling", "cycle_count": 50},
        {"step": "constant_current", "rate_C": -0.7, "until_voltage_V": -0.05},
        {"step": "constant_voltage", "voltage_V": 0.0, "until_current_mA": 5.0, "id": "own"},
        {"step": "loop", "loop_to": 9, "cycle_count": 3},
        {"step": "loop", "loop_to": "life test", "cycle_count": 4},
        {"step": "voltage_scan", "start_voltage_V": 3.0, "end_voltage_V": 0.0,
         "scan_rate_mV_per_s": 0.1, "id": "lsv"},
        {"step": "impedance_spectroscopy", "amplitude_V": 0.01, "start_frequency_Hz": 1e5,
         "end_frequency_Hz": 0.01, "points_per_decade": 6},
        {"step": "impedance_spectroscopy", "amplitude_mA": 0.05, "start_frequency_Hz": 1234.5,
         "end_frequency_Hz": 0.02, "id": "geis"},
    ],
}  # fmt: skip
NO_DETECTORS = (
    "unicycler has no detectors: nothing looks for shorts, lost contacts and the like there"
)
STAIRCASE = "a sweep's staircase of 1 mV is a plain voltage scan there"


def test_there_and_back_it_is_the_same() -> None:
    made = convert_text(json.dumps(CYCLING), "c.json", cell=BIG)
    assert made.plan is not None
    document, notes = unicycler_document(made.plan, BIG.id)
    assert notes == (NO_DETECTORS, STAIRCASE)
    again = json.loads(vendor_text(document, "unicycler"))
    given = aurora.CyclingProtocol.from_dict(json.loads(json.dumps(CYCLING))).to_dict()
    assert aurora.CyclingProtocol.from_dict(again).to_dict() == given


def test_back_and_there_the_yaml_is_the_same() -> None:
    steps = "\n".join(
        [
            "- rest: 1 h",
            "- repeat: 20",
            "  steps:",
            "    - mark: outer",
            "    - repeat: 3",
            "      steps:",
            "        - charge: C/2 until 4.2 V then hold until C/20",
            "        - discharge: 100 mA until 0 V",
            "          label: down-1",
            "    - hold: 0 V until 5 mA or 1 h",
            "    - sweep: {from: 3 V, to: 0 V, rate: 0.1 mV/s}",
            "      label: lsv",
            "    - impedance: {from: 1 kHz, to: 0.1 Hz, points_per_decade: 6, amplitude: 0.01 V}",
        ]
    )
    document, _ = unicycler_document(plan_of(steps), "s")
    made = convert_text(json.dumps(document), "x.json", cell=BIG)
    assert steps_of(made.yaml) == steps


@pytest.mark.parametrize(
    ("step", "wanted"),
    [
        # areal current on 2 cm2, and signs by the cell's sense
        ("- plate: 0.5 mA/cm2 until 2 h", {"current_mA": -1.0, "until_time_s": 7200.0}),
        ("- strip: 0.5 mA/cm2 until 1 V or 3 h",
         {"current_mA": 1.0, "until_time_s": 10800.0, "until_voltage_V": 1.0}),
        # 2 mAh at 1 mA are 2 h; the earlier of two times ends it
        ("- plate: 0.5 mA/cm2 until 1 mAh/cm2", {"current_mA": -1.0, "until_time_s": 7200.0}),
        ("- plate: 0.5 mA/cm2 until 1 mAh/cm2 or 1 h",
         {"current_mA": -1.0, "until_time_s": 3600.0}),
    ],
)  # fmt: skip
def test_plating_in_a_half_cell(step: str, wanted: Json) -> None:
    (found,) = method_of(step, HALF)
    assert {name: value for name, value in found.items() if name != "step"} == wanted


def test_values_of_a_for_are_written_out() -> None:
    steps = "- for: {rate: [C/10, 1 A]}\n  steps:\n    - charge: $rate until 4.2 V\n    - rest: 1 h"
    assert method_of(steps) == [
        {"step": "constant_current", "rate_C": 0.1, "until_voltage_V": 4.2},
        {"step": "open_circuit_voltage", "until_time_s": 3600.0},
        {"step": "constant_current", "current_mA": 1000.0, "until_voltage_V": 4.2},
        {"step": "open_circuit_voltage", "until_time_s": 3600.0},
    ]


def test_a_loop_around_one_step_gets_a_tag_that_unicycler_can_find() -> None:
    once = "- repeat: 3\n  steps:\n    - rest: 1 h\n"
    document, _ = unicycler_document(plan_of(once + once), "s")
    protocol = aurora.CyclingProtocol.from_dict(document)
    assert len(protocol.to_pybamm_experiment()) == 6
    assert [step["tag"] for step in document["method"] if "tag" in step] == ["repeat", "repeat 2"]


def test_the_hold_after_a_discharge_has_its_sign_and_pybamm_its_magnitude() -> None:
    steps = "- discharge: 1C until 2.5 V then hold until C/20"
    document, _ = unicycler_document(plan_of(steps), "s")
    assert document["method"][1]["until_rate_C"] == -0.05  # type: ignore[index]
    assert '"19"' in vendor_text(document, "neware")
    assert json.loads(vendor_text(document, "pybamm"))[1] == "Hold at 2.5 V until 0.05C"


def scan(start: float, end: float) -> Json:
    return {
        "step": "voltage_scan",
        "start_voltage_V": start,
        "end_voltage_V": end,
        "scan_rate_mV_per_s": 1.0,
    }


@pytest.mark.parametrize(
    ("sweep", "wanted"),
    [
        ("from: 3 V, to: 4 V, rate: 1 mV/s", [scan(3, 4)]),
        ("from: 1 V, to: 0 V, rate: 3.6 V/h", [scan(1, 0)]),
        ("from: 3 V, to: [4 V, 2 V], rate: 1 mV/s", [scan(3, 4), scan(4, 2)]),
        # each round ends where the first began: one loop
        ("from: 3 V, to: [4 V, 3 V], rate: 1 mV/s, cycles: 5",
         [scan(3, 4), scan(4, 3), {"step": "loop", "loop_to": 1, "cycle_count": 5}]),
        # it does not: the first round has a beginning of its own
        ("from: 3 V, to: [4 V, 2 V], rate: 1 mV/s, cycles: 5",
         [scan(3, 4), scan(4, 2), scan(2, 4), scan(4, 2),
          {"step": "loop", "loop_to": 3, "cycle_count": 4}]),
        ("from: 3 V, to: [4 V, 2 V], rate: 1 mV/s, cycles: 2",
         [scan(3, 4), scan(4, 2), scan(2, 4), scan(4, 2)]),
        # no way between equal voltages
        ("from: 3 V, to: [3 V, 4 V], rate: 1 mV/s", [scan(3, 4)]),
        ("from: 3 V, to: [4 V, 3 V, 3 V], rate: 1 mV/s, cycles: 2",
         [scan(3, 4), scan(4, 3), {"step": "loop", "loop_to": 1, "cycle_count": 2}]),
    ],
)  # fmt: skip
def test_each_straight_part_of_a_sweep_is_a_scan(sweep: str, wanted: list[Json]) -> None:
    document, _ = unicycler_document(plan_of(f"- sweep: {{{sweep}}}"), "s")
    assert document["method"] == wanted
    assert len(aurora.CyclingProtocol.from_dict(document).method) == len(wanted)


def test_a_round_of_one_scan_gets_a_tag_that_unicycler_can_find() -> None:
    there = "- repeat: 3\n  steps:\n    - sweep: {from: 3 V, to: 4 V, rate: 1 mV/s}\n"
    document, _ = unicycler_document(plan_of(there), "s")
    assert document["method"] == [
        {"step": "tag", "tag": "repeat"},
        scan(3, 4),
        {"step": "loop", "loop_to": "repeat", "cycle_count": 3},
    ]


ZERO = "- discharge: 0.1 mA until 0 V or 2 h\n- charge: 0.1 mA until 0 V"


def test_zero_volts_survive_in_every_form() -> None:
    document, notes = unicycler_document(plan_of(ZERO, HALF), "s")
    assert sum("0 V is written as 1e-15 V" in note for note in notes) == 2
    both = json.loads(vendor_text(document, "unicycler"))["method"]
    assert [abs(step["until_voltage_V"]) < 1e-9 for step in both] == [True, True]
    assert vendor_text(document, "neware").count('<Stop_Volt Value="0.000000"/>') == 2
    limits = vendor_text(document, "biologic")
    assert re.search(r"^lim2_type +Ewe ", limits, re.MULTILINE)
    assert re.search(r"^lim1_type +Time +Ewe ", limits, re.MULTILINE)
    first, second = json.loads(vendor_text(document, "pybamm"))
    back = convert_text(json.dumps([first, second]), "p.json", cell=HALF)
    assert steps_of(back.yaml) == ZERO
    again = convert_text(json.dumps(document), "u.json", cell=HALF)
    assert steps_of(again.yaml) == ZERO


def test_a_scan_to_zero_volts_is_one_in_every_form_that_has_scans() -> None:
    steps = "- sweep: {from: 0.5 V, to: 0 V, rate: 0.1 mV/s}\n- hold: 0 V until 5 mA"
    document, _ = unicycler_document(plan_of(steps), "s")
    assert '"end_voltage_V": 0.0' in vendor_text(document, "unicycler")
    assert 'EndValue="0.0"' in vendor_text(document, "neware")
    assert re.search(r"^ctrl3_val +0\.0 ", vendor_text(document, "biologic"), re.MULTILINE)
    back = convert_text(json.dumps(document), "u.json", cell=BIG)
    assert steps_of(back.yaml) == steps


def test_the_limits_of_cell_and_protocol_become_the_safety() -> None:
    plan = plan_of("- rest: 1 h", HALF, "limits: {voltage: -0.1 V .. 2 V, current: 5 mA}")
    document, _ = unicycler_document(plan, "s")
    assert document["safety"] == {
        "max_voltage_V": 2.0,
        "min_voltage_V": -0.1,
        "max_current_mA": 5.0,
        "min_current_mA": -5.0,
    }
    assert "Ewe ctrl range : min = -5.00 V, max = 5.00 V" in vendor_text(document, "biologic")


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ("- charge: 1 A until 4 V or 1 h then hold until 5 mA", "leave only the voltage before"),
        # a power or a resistance is never written as a current
        ("- charge: 1 W until 4 V", "it controls a current or a voltage, no power"),
        ("- discharge: 1 W until 1 h", "it controls a current or a voltage, no power"),
        ("- discharge: 4 ohm until 0 V or 1 h", "it controls a current or a voltage, no resist"),
        ("- for: {size: [1 W, 2 W]}\n  steps:\n    - charge: $size until 1 h", "no power"),
        ("- sweep: {from: 3 V, to: 4 V, rate: 1 mV/s, until: abs(current) > 1 A}",
         "a scan ends there at its last voltage"),
        ("- sweep: {from: 3 V, to: 4 V, rate: 1 mV/s, until: 5 min}", "at its last voltage"),
        ("- sweep: {from: 3 V, to: 4 V, rate: 1 mV/s, step: 5 mV}", "leave `step` out"),
        ("- sweep: {from: voltage, to: 4 V, rate: 1 mV/s}", "are not known beforehand"),
        ("- sweep: {from: 4 V, to: 4 V, rate: 1 mV/s}", "it begins at its end"),
        ("- sweep: {from: 3 V, to: 4 V, rate: 1 mV/s}\n  record: every 1 s", "recording rule of"),
        ("- impedance: {from: 1 kHz, to: 1 Hz, amplitude: 5 mV}\n  limits: {voltage: 0 V .. 4 V}",
         "limits or a recording rule of one step"),
        ("- ask: put the cell into the chamber\n  timeout: 1 h", "it asks nobody"),
        ("- set: {chamber: 40 degC}", "it sets nothing but the cell's current and voltage"),
        ("- rest: 1 h\n  detectors: {self_discharge: stop}", "detectors of one step"),
        ("- charge: 1 A until 1 h\n  detectors: {hard_short: ignore}", "detectors of one step"),
        ("- sweep: {from: 3 V, to: 4 V, rate: 1 mV/s}\n  detectors: {frozen_reading: ignore}",
         "detectors of one step"),
        ("- repeat: 3\n  steps:\n    - mark: nothing", "a loop around no step"),
        ("- charge: 1 A until 1 h or voltage > 4 V", "ends there at one voltage or after a time"),
        ("- charge: 1 A until 4 V or 4.1 V", "ends there at one voltage or after a time"),
        ("- charge: 1 A until 4 V for 30 s or 1 h", "ends there at one voltage or after a time"),
        ("- rest: until voltage > 1 V or 1 h", "a rest ends there after a time"),
        ("- hold: 4 V until 1 h or current < 1 mA", "ends there at a current or after a time"),
        ("- hold: 4 V until 1 mA or 2 mA", "two currents end it"),
        ("- repeat: 3 as k\n  steps:\n    - charge: (0.1 A * k) until 1 h",
         "its current is not known beforehand"),
        ("- repeat: {times: 3, until: retention < 80 %}\n  steps:\n    - rest: 1 h",
         "a loop that ends on a condition"),
        ("- repeat: 3\n  steps:\n    - rest: 1 h\n    - exit: voltage > 4 V", "it decides while"),
        ("- if: voltage > 4 V\n  steps:\n    - rest: 1 h", "it decides while the run goes on"),
        ("- stop: enough\n- rest: 1 h", "it decides while the run goes on"),
        ("- rest: 1 h\n  record: every 1 s", "limits or a recording rule of one step"),
        ("- charge: 1 A until 1 h\n  limits: {voltage: 0 V .. 4 V}", "limits or a recording rule"),
        ("- group: g\n  limits: {voltage: 0 V .. 4 V}\n  steps:\n    - rest: 1 h",
         "limits of a group"),
    ],
)  # fmt: skip
def test_what_unicycler_cannot_say_is_named(steps: str, told: str) -> None:
    text = refused(steps)
    assert text.count("\n") == 0
    assert text.startswith("x.yaml:")
    assert "unicycler cannot say `" in text
    assert told in text


THREE = replace(
    BIG,
    terminals={"main": ("cathode", "collector"), "supply": ("reservoir", "collector")},
)
AT_SUPPLY = [
    "charge: 1 A until 1 h",
    "rest: 1 h",
    "hold: 4 V until 1 h",
    "sweep: {from: 3 V, to: 4 V, rate: 1 mV/s}",
    "impedance: {from: 1 kHz, to: 1 Hz, amplitude: 5 mV}",
]


@pytest.mark.parametrize("step", AT_SUPPLY)
def test_another_terminal_is_never_written_as_the_only_one(step: str) -> None:
    text = refused(f"- {step}\n  terminal: supply", THREE)
    assert text.count("\n") == 0
    assert "it drives the terminal supply, and unicycler knows one" in text
    assert len(method_of(f"- {step}\n  terminal: main", THREE)) == 1


WRITTEN = [
    ("charge: 1 A until 1 h", ["constant_current"]),
    ("rest: 1 h", ["open_circuit_voltage"]),
    ("hold: 4 V until 1 h", ["constant_voltage"]),
    ("sweep: {from: 3 V, to: 4 V, rate: 1 mV/s}", ["voltage_scan"]),
    ("impedance: {from: 1 kHz, to: 1 Hz, amplitude: 5 mV}", ["impedance_spectroscopy"]),
    ("mark: here", ["tag"]),
    ("group: g\n  steps:\n    - rest: 1 h", ["tag", "open_circuit_voltage"]),
    ("repeat: 2\n  steps:\n    - rest: 1 h", ["tag", "open_circuit_voltage", "loop"]),
    ("for: {rate: [1 A]}\n  steps:\n    - charge: $rate until 1 h", ["constant_current"]),
]
REFUSED = [
    "ask: go on?",
    "set: {chamber: 40 degC}",
    "stop: enough",
    "repeat: 2\n  steps:\n    - rest: 1 h\n    - exit: voltage > 4 V",
    "if: voltage > 4 V\n  steps:\n    - rest: 1 h",
]


@pytest.mark.parametrize(("step", "wanted"), WRITTEN)
def test_these_nodes_are_written(step: str, wanted: list[str]) -> None:
    found = [entry["step"] for entry in method_of(f"- {step}\n- rest: 1 min")]
    assert found == [*wanted, "open_circuit_voltage"]


@pytest.mark.parametrize("step", REFUSED)
def test_these_nodes_are_refused_and_never_passed_over(step: str) -> None:
    assert refused(f"- {step}\n- rest: 1 min").count("unicycler cannot say `") == 1


def test_there_is_no_other_kind_of_node() -> None:
    steps = [*(step for step, _ in WRITTEN), *REFUSED]
    nodes = every(plan_of("\n".join(f"- {step}" for step in steps)).steps)
    assert {type(node) for node in nodes} == set(get_args(Node))


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("record: all", "unicycler records by time"),
        ("record: every 5 mV", "unicycler records by time"),
        ("start: {voltage: 0 V .. 4 V}", "unicycler has no `start`"),
        ("reference: a", "unicycler has no `reference`"),
        (
            "detectors: {hard_short: ignore, soft_short_step: stop}",
            "unicycler has no `detectors`: hard_short: ignore, soft_short_step: stop would be lost",
        ),
    ],
)
def test_settings_that_unicycler_lacks_are_named(head: str, told: str) -> None:
    assert told in refused("- group: a\n  steps:\n    - rest: 1 h", head=head)


@pytest.mark.parametrize(
    ("head", "name", "more"),
    [
        ("start: {voltage: 0 V .. 4 V}", "start", (NO_DETECTORS,)),
        ("detectors: {hard_short: ignore}", "detectors", ()),
    ],
)
def test_a_setting_may_be_left_out_on_request(head: str, name: str, more: tuple[str, ...]) -> None:
    plan = plan_of("- rest: 1 h", head=head)
    _, notes = unicycler_document(plan, "s", without=[name])
    assert notes == (f"left out as asked: {name}", *more)


def test_detectors_as_they_are_by_default_are_a_note() -> None:
    plan = plan_of("- rest: 1 h", head="detectors: {hard_short: stop, not_stripped: flag}")
    _, notes = unicycler_document(plan, "s")
    assert notes == (NO_DETECTORS,)


def test_a_limit_on_the_temperature_is_not_lost() -> None:
    plan = plan_of("- rest: 1 h")
    warm = replace(plan, limits=replace(plan.limits, temperature_high_K=333.15))
    with pytest.raises(ProtocolError, match="unicycler has no `temperature`"):
        unicycler_document(warm, "s")
    _, notes = unicycler_document(warm, "s", without=["temperature"])
    assert "left out as asked: temperature" in notes


def test_a_groups_class_is_not_lost_without_a_word() -> None:
    plan = plan_of("- group: f\n  class: formation\n  steps:\n    - rest: 1 h")
    _, notes = unicycler_document(plan, "s")
    assert "f: its class (formation) and pairing (each) are not written" in notes


def test_a_last_stop_is_the_end() -> None:
    assert len(method_of("- rest: 1 h\n- stop: done")) == 1


def test_a_protocol_of_the_library_that_decides_is_refused_by_its_steps() -> None:
    plan = bind(load_protocol("na-cu-reservoir-ce"), load_cell("na-cu-half"), None)
    with pytest.raises(ProtocolError) as caught:
        unicycler_document(plan, "s")
    text = str(caught.value)
    assert "`exit: ended == voltage`" in text
    assert text.count("1.2 * deposit") == 2


@pytest.mark.parametrize(
    ("steps", "cell", "told"),
    [
        ("- discharge: 1 mA until 0.4 mV or 1 h", BIG, "three decimals"),
        ("- hold: 1 V until 0.1 uA", BIG, "three decimals"),
        ("- rest: 1 h", replace(BIG, limits=Limits(-20.0, 20.0, 1.0)), "no range of a BioLogic"),
        ("- impedance: {from: 1 kHz, to: 0.5 mHz, amplitude: 5 mV}", BIG, "no frequency below 1 m"),
        ("- impedance: {from: 1234.5678 Hz, to: 1 Hz, amplitude: 5 mV}", BIG, "1.23457 kHz"),
        ("- impedance: {from: 1 kHz, to: 1 Hz, amplitude: 5.0005 mV}", BIG, "5.0005 mV"),
        ("- impedance: {from: 1 kHz, to: 1 Hz, amplitude: 0.0123 uA}", BIG, "0.0123 uA"),
        ("- impedance: {from: 1 kHz, to: 1 Hz, amplitude: 2 A}", BIG, "I range not supported"),
    ],
)
def test_what_a_vendors_form_would_change_is_refused(
    steps: str, cell: CellRecord, told: str
) -> None:
    document, _ = unicycler_document(plan_of(steps, cell), "s")
    with pytest.raises(VendorError, match=told):
        vendor_text(document, "biologic")


@pytest.mark.parametrize(
    ("step", "form", "told"),
    [
        ("impedance: {from: 1 kHz, to: 1 Hz, amplitude: 5 mV}", "neware", "impedance_spectroscopy"),
        ("impedance: {from: 1 kHz, to: 1 Hz, amplitude: 5 mV}", "pybamm", "impedance_spectroscopy"),
        ("sweep: {from: 3 V, to: 4 V, rate: 1 mV/s}", "pybamm", "voltage_scan"),
        ("impedance: {from: 1 kHz, to: 1 uHz, amplitude: 5 mV}", "unicycler", "end_frequency_Hz"),
    ],
)
def test_a_form_without_scans_or_spectra_is_the_packages_refusal(
    step: str, form: Any, told: str
) -> None:
    step = step.replace("1 uHz", "0.001 mHz")
    document, _ = unicycler_document(plan_of(f"- {step}"), "s")
    with pytest.raises(VendorError, match=told):
        vendor_text(document, form)


def test_a_biologic_range_holds_the_scans_and_spectra_are_written_whole() -> None:
    steps = (
        "- sweep: {from: 3 V, to: [-1 V, 6 V], rate: 1 mV/s}\n"
        "- impedance: {from: 200 kHz, to: 10 mHz, points_per_decade: 6, amplitude: 10 mV}"
    )
    wide = replace(BIG, limits=Limits(-2.0, 8.0, 1.0))
    text = vendor_text(unicycler_document(plan_of(steps, wide), "s")[0], "biologic")
    assert "Ewe ctrl range : min = -10.00 V, max = 10.00 V" in text
    rows = {line[:20].strip(): line[20:].split() for line in text.splitlines() if len(line) > 40}
    assert rows["ctrl_type"] == ["VS", "VS", "PEIS"]
    assert rows["ctrl1_val"] == ["1.0", "1.0", "10.000"]
    assert rows["ctrl2_val"] == ["3.0", "-1.0", "200.000"]
    assert rows["ctrl3_val"] == ["-1.0", "6.0", "10.000"]
    assert rows["ctrl3_val_unit"] == ["V", "V", "mHz"]
    assert rows["ctrl_Nd"] == ["6", "6", "6"]


def test_too_many_strings_for_pybamm_are_the_packages_refusal() -> None:
    steps = "- repeat: 20000\n  steps:\n    - rest: 1 h\n    - rest: 2 h"
    document, _ = unicycler_document(plan_of(steps), "s")
    with pytest.raises(VendorError, match="Over 10000 steps"):
        vendor_text(document, "pybamm")


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    document, _ = unicycler_document(plan_of("- rest: 1 h"), "s")
    monkeypatch.setitem(__import__("sys").modules, "aurora_unicycler", None)
    with pytest.raises(VendorError, match=r"labctl-bench\[unicycler\]"):
        vendor_text(document, "unicycler")
