"""Damaged and hostile files: one clear error with its place, in every form, and never a crash."""

import json

import pytest
from helpers.converting import refusals

from labctl.convert import places
from labctl.convert.places import Node, read_json
from labctl_protocols.problems import ProtocolError

STEP = '{"step": "open_circuit_voltage", "until_time_s": %s}'
METHOD = '{"record": {"time_s": 10}, "method": [%s]}'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (METHOD % (STEP % "NaN"), "f.json:1:88: NaN is no number"),
        (METHOD % (STEP % "-Infinity"), "-Infinity is no number"),
        (METHOD % (STEP % "1e999"), "a number that is too large"),
        (METHOD % (STEP % ("9" * 5000)), "a number that is too large"),
        (METHOD % (STEP % '"nan"'), "method[0].until_time_s: a number is wanted"),
        (METHOD % (STEP % '"inf"'), "method[0].until_time_s: a number is wanted"),
        (METHOD % (STEP % "01"), "`,` or `}` is missing here"),
        (METHOD % (STEP % "[[1]]"), "a number is wanted"),
        (METHOD % (STEP % "1e308"), "rest: "),
        ("[" * 100_000, "nested too deeply"),
        ('{"method": ' * 1000, "nested too deeply"),
        ("[" + "1," * 300_000 + "1]", "too many values"),
        ('["Rest for 1 h"', "`,` or `]` is missing here"),
        ('["Rest for 1 h', "a damaged text"),
        ('["Rest\nfor 1 h"]', "a damaged text"),
        ('["\\ud800"]', "lone surrogate"),
        ('["Rest for 1 h"] x', "something follows the document"),
        ('["Rest for 1 h",]', "`]` cannot stand here"),
        ('{"method": [], "method": []}', "`method` stands twice"),
        ("{method: []}", "a key in double quotes is missing here"),
        ('{"method" []}', "`:` is missing behind `method`"),
        ('{"method": [', "the file ends too early"),
        ("{}", "neither unicycler's `method`"),
        ("", "no steps"),
        ("\x00\x01", "is not a step"),
        ("<?xml version='1.0'?><root/>", "is not a step"),
        (METHOD % ('{"step": "loop", "loop_to": 1, "cycle_count": 1e400}'), "too large"),
        (METHOD % (STEP % 1 + ', {"step": "loop", "loop_to": 99999999999999999, "cycle_count": 2}'),
         "a loop goes back, not on"),
        ('["' + "Rest for 1 h " * 20_000 + '"]', "a string of"),
        ('["Charge at 1e400 A for 1 h"]', "is not a value"),
        ('["Charge at 1 A for 1e400 h"]', "is not a time"),
        ('["Charge at C/1e9999 for 1 h"]', "is not a value"),
        ('{"schema_version": "1", "method": [{"mode": ["cc"]}]}', "method[0].mode: a text"),
        ('{"schema_version": "1", "method": [7]}', "method[0]: an object"),
        ('{"schema_version": "1", "method": [{"mode": "cc", "setpoints": 5}]}',
         "method[0].setpoints: an object"),
        ('{"schema_version": "1", "conditions": [25], "method": []}', "conditions: an object"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)  # fmt: skip
def test_one_clear_error(text: str, told: str) -> None:
    lines = refusals(text, "f.json" if text[:1] in ("{", "[") else "f.txt")
    assert len(lines) == 1, lines
    assert told in lines[0]
    assert len(lines[0]) < 1000


def test_deep_loops_and_many_steps_are_refused_and_not_run_into() -> None:
    rest = {"step": "open_circuit_voltage", "until_time_s": 1}
    loops = [{"step": "loop", "loop_to": 1, "cycle_count": 2}] * 200
    (line,) = refusals({"method": [rest, *loops]})
    assert "nested too deeply" in line
    (line,) = refusals({"method": [rest] * 20_000})
    assert "more than 10000 steps" in line or "too many values" in line


def test_a_great_count_is_a_loop_and_no_list() -> None:
    rest = {"step": "open_circuit_voltage", "until_time_s": 1}
    loop = {"step": "loop", "loop_to": 1, "cycle_count": 10**12}
    assert refusals({"method": [rest, loop]}) == []


def test_a_thousand_mistakes_are_told_a_hundred_at_a_time() -> None:
    assert len(refusals(["Rest for"] * 100_000)) == 100


def plain(node: Node) -> object:
    if isinstance(node.value, dict):
        return {name: plain(value) for name, value in node.value.items()}
    if isinstance(node.value, list):
        return [plain(value) for value in node.value]
    return node.value


@pytest.mark.parametrize(
    "text",
    [
        ' {"a": [1, -2.5e-3, true, false, null, "\\u00e9\\ud83d\\ude00\\n", {}], "b": {"c": []}}\n',
        "[]",
        '"x"',
        "-0",
        "[[[[]]]]",
    ],
)
def test_good_json_is_read_as_the_standard_library_reads_it(text: str) -> None:
    node = read_json(text, "f.json")
    assert plain(node) == json.loads(text)
    assert repr(plain(node)) == repr(json.loads(text))


def test_every_value_knows_its_place() -> None:
    node = read_json('{\n  "a": [1,\n    {"b": 2}]\n}', "f.json")
    assert isinstance(node.value, dict)
    listed = node.value["a"]
    assert isinstance(listed.value, list)
    inner = listed.value[1].get("b")
    assert inner is not None
    assert (str(inner.where), inner.path) == ("f.json:3:11", "a[1].b")


def test_depth_is_bounded_just_where_it_says() -> None:
    fits = "[" * (places.MAX_DEPTH + 1) + "]" * (places.MAX_DEPTH + 1)
    read_json(fits, "f.json")
    with pytest.raises(ProtocolError, match="nested too deeply"):
        read_json(f"[{fits}]", "f.json")
