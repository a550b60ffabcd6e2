"""Whatever stands in a foreign file: a protocol that passes the check, or a refusal with places."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.convert import convert_text
from labctl.convert.battinfo_values import _PLAIN
from labctl_protocols.checker import check
from labctl_protocols.files import protocol_from_text
from labctl_protocols.problems import ProtocolError

WORDS = st.sampled_from(
    [
        *"charge discharge hold rest none cc cv cccv group cp voltage current c_rate".split(),
        *"capacity duration above below elapsed V A mA A/Ah s h tag loop a C/2".split(),
        *"constant_current constant_voltage open_circuit_voltage voltage_scan".split(),
        *"impedance_spectroscopy eis scan cr power resistance Hz mV/s ohm 1 count".split(),
        *("Charge at 1 A until 4 V", "Hold at 4 V for 1 h", "Rest for 1 h", ""),
    ]
)
KEYS = st.sampled_from(
    "step until_time_s until_voltage_V rate_C current_mA voltage_V until_rate_C loop_to "
    "cycle_count tag id mode direction setpoints termination duration steps count quantity value "
    "unit voltage current c_rate start_voltage_V end_voltage_V scan_rate_mV_per_s amplitude_V "
    "amplitude_mA start_frequency_Hz end_frequency_Hz points_per_decade measures_per_point "
    "drift_correction start_voltage end_voltage scan_rate upper_voltage_limit start_frequency "
    "end_frequency amplitude power resistance period step_id".split()
)
NUMBERS = st.one_of(
    st.integers(-3, 5), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()
)
VALUES = st.recursive(
    st.one_of(NUMBERS, WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=15,
)
STEPS = st.lists(st.one_of(VALUES, st.dictionaries(KEYS, VALUES, max_size=6)), max_size=5)
HEADS = st.dictionaries(
    st.sampled_from(["record", "safety", "sample", "conditions", "test_spec", "period", "x"]),
    VALUES,
    max_size=2,
)
FORMS = st.sampled_from(["unicycler", "battinfo", "pybamm"])


def told(text: str, form: str) -> list[str]:
    """What is refused; what is not refused has passed labctl's own check once more."""
    try:
        made = convert_text(text, "f.json", form)
    except ProtocolError as error:
        problems = error.problems
    else:
        check(protocol_from_text(made.yaml, "f.yaml"), None, None)
        return []
    assert {problem.where.file for problem in problems} == {"f.json"}
    assert all(1 <= problem.where.line <= 1 + text.count("\n") for problem in problems)
    return [str(problem) for problem in problems]


@given(form=FORMS, head=HEADS, steps=STEPS)
@settings(max_examples=150)
def test_any_tree_is_converted_or_refused(
    form: str, head: dict[str, object], steps: object
) -> None:
    key = "experiment" if form == "pybamm" else "method"
    lines = told(json.dumps(head | {key: steps}, indent=1), form)
    assert all("\n" not in line for line in lines)


QUANTITIES = st.builds(
    lambda value, unit: {"value": value, "unit": unit},
    NUMBERS,
    st.sampled_from(["V", "mV", "mV/s", "Hz", "A", "mA", "W", "ohm", "1", "count", "s", "x"]),
)
SCANS = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["scan", "eis", "cp", "cr"]),
        "setpoints": st.dictionaries(KEYS, QUANTITIES, max_size=6),
    },
    optional={
        "direction": st.sampled_from(["charge", "discharge", "none"]),
        "duration": QUANTITIES,
        "step_id": NUMBERS,
    },
)
FOREIGN_SCANS = st.one_of(
    st.fixed_dictionaries(
        {"step": st.just("voltage_scan"), "scan_rate_mV_per_s": NUMBERS},
        optional={"start_voltage_V": NUMBERS, "end_voltage_V": NUMBERS, "id": WORDS},
    ),
    st.fixed_dictionaries(
        {"step": st.just("impedance_spectroscopy"), "start_frequency_Hz": NUMBERS},
        optional={
            "end_frequency_Hz": NUMBERS,
            "amplitude_V": NUMBERS,
            "amplitude_mA": NUMBERS,
            "points_per_decade": NUMBERS,
            "drift_correction": VALUES,
        },
    ),
)


@given(steps=st.lists(st.one_of(SCANS, FOREIGN_SCANS), min_size=1, max_size=3), form=FORMS)
@settings(max_examples=150)
def test_any_scan_and_spectrum_is_converted_or_refused(steps: object, form: str) -> None:
    key = "experiment" if form == "pybamm" else "method"
    assert all("\n" not in line for line in told(json.dumps({key: steps}, indent=1), form))


@given(text=st.text(max_size=80))
@settings(max_examples=100)
def test_any_text_is_converted_or_refused(text: str) -> None:
    assert all(line.isprintable() for line in told(text, "pybamm"))


CURRENTS = st.one_of(
    st.floats(1e-6, 1e3).map(lambda mA: {"current_mA": mA}),
    st.floats(1e-4, 1e2).map(lambda rate: {"rate_C": rate}),
)


@given(current=CURRENTS, seconds=st.floats(1e-3, 1e7), volts=st.integers(-5000, 5000))
@settings(max_examples=100)
def test_no_digit_is_lost(current: dict[str, float], seconds: float, volts: int) -> None:
    from labctl_protocols.quantities import parse_quantity

    step = {
        "step": "constant_current", **current,
        "until_time_s": seconds, "until_voltage_V": volts / 1000,
    }  # fmt: skip
    yaml = convert_text(json.dumps({"method": [step]}), "f.json").yaml
    row = yaml.splitlines()[-1].removeprefix("  - charge: ")
    at, _, ends = row.partition(" until ")
    voltage, _, time = ends.partition(" or ")
    assert parse_quantity(at).value == next(iter(current.values()))
    assert parse_quantity(voltage).value == volts / 1000
    size = {"s": 1, "min": 60, "h": 3600}[time.split()[1]]
    assert parse_quantity(time).value * size == seconds


def test_every_unit_that_is_written_is_labctls() -> None:
    from labctl_protocols.quantities import UNITS

    assert {unit for units in _PLAIN.values() for unit in units.values()} <= set(UNITS)
