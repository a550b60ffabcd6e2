"""The reference's tables and the parser know the same verbs, keys, words and units."""

import re

import pytest
from helpers.cells_under_test import CELLS, RATINGS

from labctl.bench import batch_reference as batch
from labctl.bench import parse_bench
from labctl.bench import reference as bench
from labctl.bench.batch import parse_batch
from labctl_protocols import cell_record, checker, control, leaves, routines, special, tokens
from labctl_protocols.checker import check
from labctl_protocols.detectors import DETECTORS
from labctl_protocols.files import cell_from_text, load_cell, protocol_from_text
from labctl_protocols.problems import Problem, ProtocolError
from labctl_protocols.quantities import UNITS
from labctl_protocols.reference import keys, records, words
from labctl_protocols.reference.takes import Keys
from labctl_protocols.reference.verbs import VERBS, VerbEntry

HEAD = "name: x\nlimits: {voltage: 0 V .. 4.3 V, current: 20 mA}\n"
STEP = HEAD + "steps:\n  - "


def problems_of(text: str, kind: str = "protocol", cell: str = "full") -> tuple[Problem, ...]:
    try:
        if kind == "cell":
            cell_from_text(text, "f.yaml")
        elif kind == "bench":
            parse_bench(text, "f.yaml")
        elif kind == "batch":
            parse_batch(text, "f.yaml")
        else:
            check(protocol_from_text(text, "f.yaml"), CELLS[cell], RATINGS)
    except ProtocolError as error:
        return error.problems
    return ()


@pytest.mark.parametrize(
    ("table", "parser"),
    [
        (VERBS, control.KNOWN),
        (keys.BESIDE, control.ALL_BESIDE),
        (keys.PROTOCOL, checker.KEYS),
        (keys.SWEEP_KEYS, special.SWEEP_KEYS),
        (keys.IMPEDANCE_KEYS, special.IMPEDANCE_KEYS),
        (keys.MAPPINGS["detectors"], DETECTORS),
        (records.RECORD, cell_record.KEYS),
        (words.LIVE, leaves.LIVE),
        (words.FIGURES, tokens.FIGURES),
        (words.FUNCTIONS, tokens.FUNCTIONS),
        (words.WORDS, tokens.KEYWORDS),
    ],
)
def test_tables_and_parser_have_the_same_names(table: object, parser: object) -> None:
    assert set(table) == set(parser)  # type: ignore[call-overload]


def test_every_unit_is_told_once() -> None:
    told = [text for listed in words.units_by_dimension().values() for text in listed]
    assert sorted(told) == sorted(UNITS)


def test_a_routine_has_keys_of_a_protocol() -> None:
    assert set(routines.KEYS) <= set(keys.PROTOCOL)


# ---- keys that the parser knows only where it reads them -----------------------------------

UNKNOWN = "zzzzzz"
PLACES: list[tuple[str, Keys, str, str]] = [
    ("protocol", keys.CELL, f"name: x\ncell: {{{UNKNOWN}: 1}}\n", "full"),
    ("protocol", keys.START, f"name: x\nstart: {{{UNKNOWN}: 1}}\n", "full"),
    ("protocol", keys.LIMITS_KEYS, f"name: x\nlimits: {{{UNKNOWN}: 1}}\n", "full"),
    (
        "protocol",
        keys.DRIVE_KEYS,
        f"{STEP}charge: {{{UNKNOWN}: 1, at: C/10, until: 1 h}}\n",
        "full",
    ),
    ("protocol", keys.HOLD_KEYS, f"{STEP}hold: {{{UNKNOWN}: 1, at: 4 V, until: 1 h}}\n", "full"),
    ("protocol", keys.REST_KEYS, f"{STEP}rest: {{{UNKNOWN}: 1, until: 1 h}}\n", "full"),
    (
        "protocol",
        keys.THEN_HOLD,
        f"{STEP}charge: {{at: C/10, until: 4 V, then_hold: {{{UNKNOWN}: 1, until: 1 h}}}}\n",
        "full",
    ),
    ("protocol", keys.SWEEP_KEYS, f"{STEP}sweep: {{{UNKNOWN}: 1}}\n", "full"),
    ("protocol", keys.IMPEDANCE_KEYS, f"{STEP}impedance: {{{UNKNOWN}: 1}}\n", "full"),
    (
        "protocol",
        keys.REPEAT_KEYS,
        f"{STEP}repeat: {{{UNKNOWN}: 1, times: 2}}\n    steps:\n      - rest: 1 h\n",
        "full",
    ),
    ("cell", records.LIMITS, f"id: c\nkind: full\nlimits: {{{UNKNOWN}: 1}}\n", ""),
    ("cell", records.TERMINALS, f"id: c\nkind: full\nterminals: {{{UNKNOWN}: [a, b]}}\n", ""),
    ("cell", records.HISTORY, f"id: c\nkind: full\nhistory: {{{UNKNOWN}: 1}}\n", ""),
    ("bench", bench.BENCH, f"bench: b\n{UNKNOWN}: 1\n", ""),
    ("bench", bench.MQTT, f"bench: b\nmqtt: {{{UNKNOWN}: 1}}\n", ""),
    ("bench", bench.CHANNEL, f"bench: b\nchannels: {{A1: {{{UNKNOWN}: 1}}}}\n", ""),
    (
        "bench",
        bench.SIMULATE,
        "bench: b\ninstruments: {s: {driver: keithley-2450, resource: sim, "
        f"simulate: {{{UNKNOWN}: 1}}}}}}\n",
        "",
    ),
    ("batch", batch.BATCH, f"bench: b.yaml\n{UNKNOWN}: 1\n", ""),
    ("batch", batch.RUN, f"bench: b.yaml\nruns:\n  - {{{UNKNOWN}: 1}}\n", ""),
]


@pytest.mark.parametrize("place", PLACES, ids=range(len(PLACES)))
def test_the_parser_tells_the_same_keys(place: tuple[str, Keys, str, str]) -> None:
    kind, table, text, cell = place
    (found,) = [p for p in problems_of(text, kind, cell) if UNKNOWN in p.message]
    assert found.rule == "unknown-key"
    assert set(found.hint.removeprefix("known here: ").split(", ")) == set(table)


CHOICES = [
    (keys.BESIDE["class"], f"{STEP}group: a\n    class: {UNKNOWN}\n    steps: [rest: 1 h]\n", ""),
    (keys.BESIDE["pair"], f"{STEP}group: a\n    pair: {UNKNOWN}\n    steps: [rest: 1 h]\n", ""),
    (keys.CELL["kind"], f"{HEAD}cell: {{kind: {UNKNOWN}}}\n", ""),
    (keys.CELL["metal"], f"{HEAD}cell: {{metal: {UNKNOWN}}}\n", ""),
    (keys.MAPPINGS["detectors"]["start"], f"{HEAD}detectors: {{start: {UNKNOWN}}}\n", ""),
    (records.RECORD["inventory_from"], f"id: c\nkind: full\ninventory_from: {UNKNOWN}\n", "cell"),
    (
        bench.SIMULATE["serve"],
        "bench: b\ninstruments: {s: {driver: keithley-2450, resource: sim, "
        f"simulate: {{serve: {UNKNOWN}}}}}}}\n",
        "bench",
    ),
]


@pytest.mark.parametrize("row", CHOICES, ids=range(len(CHOICES)))
def test_the_parser_tells_the_same_choices(row: tuple[keys.Key, str, str]) -> None:
    key, text, kind = row
    (found,) = [p for p in problems_of(text, kind or "protocol") if p.rule == "choice"]
    assert set(found.hint.removeprefix("one of ").split(", ")) == set(key.takes.schema["enum"])


WHOLE = {
    "start": (keys.START, HEAD + "start: {…}\nsteps: [rest: 1 h]\n", {"voltage": "0 V .. 4 V"}),
    "drive": (keys.DRIVE_KEYS, STEP + "charge: {…}\n", {"at": "C/10", "until": "1 h"}),
    "hold": (keys.HOLD_KEYS, STEP + "hold: {…}\n", {"at": "4 V", "until": "1 h"}),
    "rest": (keys.REST_KEYS, STEP + "rest: {…}\n", {"until": "1 h"}),
    "sweep": (
        keys.SWEEP_KEYS,
        STEP + "sweep: {…}\n",
        {"from": "4 V", "to": "3 V", "rate": "1 mV/s"},
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_said_to_be_required_is(name: str) -> None:
    table, template, values = WHOLE[name]
    assert {key for key, each in table.items() if each.required} == set(values)

    def text(given: dict[str, str]) -> str:
        inner = ", ".join(f"{key}: {value}" for key, value in given.items())
        return template.replace("…", inner)

    assert problems_of(text(values)) == ()
    for missing in values:
        assert problems_of(text({key: values[key] for key in values if key != missing}))


# ---- examples ------------------------------------------------------------------------------


def example_text(verb: VerbEntry) -> str:
    limits = "limits: {voltage: -0.5 V .. 3 V, current: 10 mA}"
    if verb.cell != "na-cu-half":
        limits = "limits: {voltage: 1.7 V .. 4 V, current: 10 mA}"
    return f"name: x\n{limits}\nsteps:\n" + re.sub("^", "  ", verb.example, flags=re.M) + "\n"


@pytest.mark.parametrize("name", VERBS)
def test_each_example_passes_the_checker_and_shows_its_verb(name: str) -> None:
    verb = VERBS[name]
    plan, _ = check(protocol_from_text(example_text(verb), name), load_cell(verb.cell), None)
    assert plan is not None
    assert f"- {name}: " in verb.example


def test_the_example_of_a_bench_is_one() -> None:
    assert parse_bench(bench.EXAMPLE, "f.yaml").driver_of("A1") == "keithley-2450"
