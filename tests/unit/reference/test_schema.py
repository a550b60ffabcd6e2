"""The schemas take whatever the parser takes, and refuse what has the wrong shape."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.malformed import CELLS, ROWS, STRUCTURE, Row
from jsonschema import Draft7Validator

from labctl.bench import batch_reference
from labctl.bench.reference import EXAMPLE, bench_schema
from labctl.cli.app import run_command
from labctl_protocols import library
from labctl_protocols.reference.schema import cell_schema, protocol_schema, routine_schema
from labctl_protocols.reference.verbs import VERBS

ROOT = Path(__file__).parents[3]
SHELVES = {"protocols": "protocol", "routines": "routine", "cells": "cell"}
LOADERS = (yaml.BaseLoader, yaml.SafeLoader)
"""All values as text, as the parser sees them; and with numbers, as an editor does."""


@cache
def validator(kind: str) -> Draft7Validator:
    makers = {
        "protocol": protocol_schema,
        "routine": routine_schema,
        "cell": cell_schema,
        "bench": bench_schema,
        "batch": batch_reference.batch_schema,
    }
    schema = makers[kind]()
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def faults(kind: str, text: str, loader: Any = yaml.BaseLoader) -> list[str]:
    found = validator(kind).iter_errors(yaml.load(text, loader))
    return [f"{'/'.join(map(str, each.absolute_path))}: {each.message}" for each in found]


def shipped() -> list[tuple[str, str, str]]:
    return [
        (kind, name, library.text_of(shelf, name)[1])
        for shelf, kind in SHELVES.items()
        for name in library.names(shelf)  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("kind", "text"), [(k, t) for k, _, t in shipped()], ids=[n for _, n, _ in shipped()]
)
def test_the_library_is_taken(kind: str, text: str, loader: Any) -> None:
    assert faults(kind, text, loader) == []


def written() -> list[tuple[str, str]]:
    """Every whole file in the documentation, by what it is."""
    kinds = {"name": "protocol", "id": "cell", "bench": "bench"}
    found = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            kind = "batch" if "\nruns:" in block else kinds.get(block.split(":")[0])
            if kind is not None:
                found.append((kind, block))
    for path in sorted((ROOT / "docs").rglob("*.yaml")):
        text = path.read_text("utf-8")
        first = next((line for line in text.splitlines() if line and line[0].isalpha()), "")
        if kind := kinds.get(first.split(":")[0]):
            found.append((kind, text))
    return found


@pytest.mark.parametrize("loader", LOADERS)
def test_what_the_documentation_shows_is_taken(loader: Any) -> None:
    assert {kind for kind, _ in written()} == {"protocol", "cell", "bench", "batch"}
    assert [
        faults(kind, text, loader) for kind, text in written() if faults(kind, text, loader)
    ] == []


@pytest.mark.parametrize("name", VERBS)
def test_each_verbs_example_is_taken(name: str) -> None:
    text = "name: x\nsteps:\n" + re.sub("^", "  ", VERBS[name].example, flags=re.M)
    for loader in LOADERS:
        assert faults("protocol", text, loader) == []


# ---- what is refused -----------------------------------------------------------------------

SHAPES = frozenset(
    "missing-key type empty-list unknown-key no-verb unknown-verb second-verb beside choice label "
    "for name count missing-argument unknown-parameter unit-missing".split()
)
"""Rules on the shape of a file: what an editor can underline without knowing what values mean."""


def refused(row: Row) -> bool:
    text = row.text.replace("§", "")
    try:
        return bool(faults("cell" if row.kind == "cell" else "protocol", text))
    except yaml.YAMLError:
        return False


MISSED = {
    # what a name stands for is only known to the checker
    ("unknown-parameter", "rest: $wetting"),
    ("unknown-parameter", "rest: (1 h * $k)"),
    # a number inside an expression
    ("unit-missing", "charge: 10 until 4.2 V"),
    ("unit-missing", "charge: C/10 until 4.2"),
    ("unit-missing", "rest: until voltage > 0 or 1 h"),
    ("missing-argument", "parameters: {q: required}"),
}


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.rule in SHAPES], ids=lambda row: row.rule
)
def test_wrong_shapes_are_refused(row: Row) -> None:
    text = row.text.replace("§", "")
    missed = any(rule == row.rule and part in text for rule, part in MISSED)
    assert refused(row) is not missed


def test_so_many_malformed_files_are_refused() -> None:
    counted = {
        "structure": (sum(map(refused, STRUCTURE)), len(STRUCTURE)),
        "cells": (sum(map(refused, CELLS)), len(CELLS)),
    }
    assert counted == {"structure": (31, 41), "cells": (26, 32)}


def test_a_bench_with_its_drivers_settings() -> None:
    for loader in LOADERS:
        assert faults("bench", EXAMPLE, loader) == []
    for old, new in [
        ("driver: keithley-2450", "driver: keithly-2450"),
        ("channel: 1, ", "chanel: 1, "),
        ("serve: tcp", "serve: udp"),
        ("port: 5025", "port: high"),
        ("{env: LABCTL_MQTT_PASSWORD}", "hunter2"),
        ("username: bench3, ", ""),
        ("mqtts://", "https://"),
        ("    driver: keithley-2450\n", ""),
        ("bench: glovebox-3", "bench: glove box"),
        ("    serial:", "    seral:"),
    ]:
        assert EXAMPLE.count(old) == 1, old
        assert faults("bench", EXAMPLE.replace(old, new)), new


def test_a_simulators_own_options_in_a_bench() -> None:
    def told(options: str) -> list[str]:
        block = f"simulate: {{model: na-half, instrument: {{{options}}}}}"
        smu = f"{{driver: keithley-2600, resource: sim, {block}}}"
        return faults(
            "bench", f"bench: b\ninstruments: {{s: {smu}}}\nchannels: {{A: {{instrument: s}}}}"
        )

    assert told("model: 2601B, lead_ohm: 0.5, power_on_prompts: true, talk: bus") == []
    for wrong in ["modle: 2601B", "lead_ohm: some", "talk: loud", "more: 1", "seed: 1"]:
        assert told(wrong) != [], wrong


def test_a_batch() -> None:
    for loader in LOADERS:
        assert faults("batch", batch_reference.EXAMPLE, loader) == []
        by_role = batch_reference.EXAMPLE.replace("channel: A1", "channel: {main: A1, supply: A2}")
        assert faults("batch", by_role, loader) == []
    for old, new in [
        ("bench: bench.yaml\n", ""),
        ("runs:", "run:"),
        ("cell: coin-17.yaml, ", ""),
        ("channel: A1", "channel: {supply: A1}"),
        ("channel: A1", "chanel: A1"),
        ("{portions: 5}", "[5]"),
    ]:
        assert batch_reference.EXAMPLE.count(old) == 1, old
        assert faults("batch", batch_reference.EXAMPLE.replace(old, new)), new
    assert faults("batch", "bench: bench.yaml\nruns: []")


# ---- the command ---------------------------------------------------------------------------


def test_own_routines_are_verbs_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "routines"
    own.mkdir()
    (own / "wake_up.yaml").write_text(
        "name: wake_up\ntitle: t\nparameters: {j: required, t: 1 h}\nsteps:\n  - rest: $t\n"
    )
    out = tmp_path / "protocol.schema.json"
    asked = ["schema", "protocol", "--routines", str(own), "-o", str(out)]
    assert run_command(asked) == 0
    assert capsys.readouterr().out == f"{out}\n"
    schema = Draft7Validator(json.loads(out.read_text("utf-8")))

    def is_taken(call: str) -> bool:
        return schema.is_valid(
            yaml.load(f"name: x\nsteps:\n  - wake_up: {call}\n", yaml.BaseLoader)
        )

    assert is_taken("{j: 1 mA}")
    assert is_taken("{j: 1 mA, t: 2 h}")
    assert not is_taken("{t: 2 h}")
    assert not is_taken("{j: 1 mA, k: 2 h}")
    assert not is_taken("1 mA")
    assert not validator("protocol").is_valid({"name": "x", "steps": [{"wake_up": {"j": "1 mA"}}]})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"- rest: 1 h\n", "1:1: a routine is a list"),
        (b"name: x\nname: y\n", "2:1: `name` stands twice"),
        (b"name: \xff\n", "not UTF-8"),
        (b"parameters: 1 h\n", "`parameters` is `1 h`"),
        (b"", "empty"),
    ],
)
def test_what_is_no_routine_is_told_in_a_line(
    text: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.yaml").write_bytes(text)
    assert run_command(["schema", "protocol", "--routines", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert says in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


@pytest.mark.parametrize("what", ["protocol", "routine", "cell", "bench", "batch"])
def test_the_command_prints_a_schema(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["schema", what]) == 0
    Draft7Validator.check_schema(json.loads(capsys.readouterr().out))
