"""What a protocol becomes when it is bound: signs, ends, names, paths, routines, loops."""

import tracemalloc
from pathlib import Path

import pytest
from helpers.binding import Known, nodes_of, plan_of, problems_in
from helpers.cells_under_test import CELLS, RATINGS

from labctl_protocols.checker import bind, check
from labctl_protocols.files import load_cell, load_protocol, protocol_from_text
from labctl_protocols.plan import (
    Drive,
    Exit,
    For,
    Group,
    Hold,
    Mark,
    Repeat,
    Rest,
    Stop,
    Sweep,
    every,
)
from labctl_protocols.problems import ProtocolError

CAPPED = "until 1 mAh or 10 h"


@pytest.mark.parametrize(
    ("cell", "plate", "strip"), [("half", -1, 1), ("anode-free", 1, -1), ("full", 1, -1)]
)
def test_plate_and_strip_take_their_sign_from_the_cell(cell: str, plate: int, strip: int) -> None:
    text = f"- plate: 1 mA {CAPPED}\n- strip: 1 mA {CAPPED}\n- charge: 1 mA {CAPPED}\n"
    text += f"- discharge: 1 mA {CAPPED}"
    nodes = nodes_of(text, cell)
    signs = [node.sign for node in nodes if isinstance(node, Drive)]
    assert signs == [plate, strip, 1, -1]
    assert plan_of(text, cell).plate_sign == plate


def test_short_form_and_mapping_are_the_same() -> None:
    short = nodes_of("- charge: C/10 until 4.2 V then hold until C/50 or 2 h")[0]
    long = nodes_of("- charge: {at: C/10, until: 4.2 V, then_hold: {until: C/50 or 2 h}}")[0]
    assert isinstance(short, Drive)
    assert isinstance(long, Drive)
    assert short.text == long.text == "charge: C/10 until 4.2 V then hold until C/50 or 2 h"
    assert short.until == long.until
    assert short.at == long.at
    assert short.then_hold is not None
    assert short.then_hold.voltage is None
    found = [(end.kind, end.expression.evaluate(Known())) for end in short.then_hold.until]
    assert found == [("current", pytest.approx(8e-5)), ("time", 7200.0)]


def test_ends_mean_what_their_dimension_says() -> None:
    node = nodes_of("- discharge: 1 mA until 0 V for 3 s or 2 mAh or 3 h or deposit > 1 mAh")[0]
    assert isinstance(node, Drive)
    found = [(end.kind, end.word, end.text) for end in node.until]
    assert found == [
        ("voltage", "voltage", "0 V for 3 s"),
        ("charge", "charge", "2 mAh"),
        ("time", "time", "3 h"),
        ("condition", "deposit", "deposit > 1 mAh"),
    ]
    values = [end.expression.evaluate(Known()) for end in node.until[:3]]
    assert values == [0.0, pytest.approx(7.2), 10800.0]
    assert node.until[0].held is not None
    assert node.until[0].held.seconds == 3.0


def test_a_sweep_ends_at_its_last_corner_whatever_ends_it_before() -> None:
    sweep = "sweep: {from: 3 V, to: [4 V, 3.5 V], rate: 1 mV/s, until: abs(current) > 0.5 mA}"
    node = nodes_of(f"- {sweep}")[0]
    assert isinstance(node, Sweep)
    assert [(end.kind, end.word) for end in node.until] == [
        ("condition", "current"),
        ("time", "sweep"),
    ]
    # 1 V up and 0.5 V down at 1 mV/s
    assert node.until[1].expression.evaluate(Known()) == pytest.approx(1500.0)


def test_zero_volts_is_an_end_with_and_without_a_time() -> None:
    alone = nodes_of("- discharge: 1 mA until 0 V")[0]
    beside = nodes_of("- discharge: 1 mA until 0 V or 2 h")[0]
    assert isinstance(alone, Drive)
    assert isinstance(beside, Drive)
    assert [end.kind for end in alone.until] == ["voltage"]
    assert [end.kind for end in beside.until] == ["voltage", "time"]


def test_and_and_not_end_with_the_word_condition() -> None:
    node = nodes_of("- rest: until voltage > 1 V and time > 1 h or not ce < 1 or 9 h")[0]
    assert isinstance(node, Rest)
    assert [end.word for end in node.until] == ["condition", "condition", "time"]


def test_rest_takes_a_time_or_ends() -> None:
    plain, until = nodes_of("- rest: 12 h\n- rest: until voltage > 0.1 V or 72 h")
    assert isinstance(plain, Rest)
    assert isinstance(until, Rest)
    assert plain.text == "rest: 12 h"
    assert until.text == "rest: until voltage > 0.1 V or 72 h"
    assert [end.kind for end in until.until] == ["condition", "time"]


def test_hold_ends_on_a_bare_current_alone() -> None:
    node = nodes_of("- hold: 4 V until 0.1 mA")[0]
    assert isinstance(node, Hold)
    assert node.voltage is not None
    assert node.voltage.evaluate(Known()) == 4.0
    assert [end.kind for end in node.until] == ["current"]


def test_parameters_are_filled_in_and_overridden() -> None:
    head = "parameters: {j: 0.5 mA/cm2, q: 2 * 1 mAh/cm2, t: ($q / $j)}"
    (node,) = nodes_of("- charge: $j until $q or $t", head=head)
    assert isinstance(node, Drive)
    assert node.text == "charge: 0.5 mA/cm2 until (2 * 1 mAh/cm2) or ((2 * 1 mAh/cm2) / 0.5 mA/cm2)"
    assert [end.expression.evaluate(Known()) for end in node.until] == [
        pytest.approx(14.4),
        pytest.approx(4 * 3600),
    ]
    (node,) = nodes_of("- charge: $j until $q or $t", head=head, j="C/4")
    assert isinstance(node, Drive)
    assert node.at is not None
    assert node.at.evaluate(Known()) == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("given", "rule", "says"),
    [
        ({"k": "1 h"}, "unknown-parameter", "-p k:1:1"),
        ({"j": "1 h"}, "dimension", "-p j:1:1"),
        ({"j": "1,5 mA"}, "decimal-comma", "-p j:1:1"),
        ({"j": "0.5 mA/cm²"}, "unit", "-p j:1:5"),
    ],
)
def test_bad_overrides_are_refused(given: dict[str, str], rule: str, says: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        plan_of("- charge: $j until 1 h", head="parameters: {j: 1 mA}", **given)
    assert [problem.rule for problem in caught.value.problems] == [rule]
    assert str(caught.value).startswith(says)


def test_paths_name_the_place() -> None:
    nodes = nodes_of(
        """
- rest: 1 h
- group: reservoir
  steps:
    - rest: 1 h
    - repeat: 2 as k
      steps:
        - rest: 1 h
          label: pause
        - exit: k > 1
- group: twice
  steps:
    - rest: 1 h
- group: twice
  steps:
    - rest: 1 h
- if: cycle > 2
  steps:
    - mark: then
  else:
    - stop: over
"""
    )
    assert [(node.id, node.path) for node in nodes] == list(
        enumerate(
            [
                "1.rest",
                "reservoir",
                "reservoir.1.rest",
                "reservoir.2.repeat",
                "reservoir.2.repeat.1.pause",
                "reservoir.2.repeat.2.exit",
                "3.twice",
                "3.twice.1.rest",
                "4.twice",
                "4.twice.1.rest",
                "5.if",
                "5.if.1.mark",
                "5.if.else.1.stop",
            ]
        )
    )
    assert isinstance(nodes[11], Mark)
    assert isinstance(nodes[12], Stop)


def test_loops_carry_their_names() -> None:
    repeat, _, leave = nodes_of("- repeat: 3 as k\n  steps:\n    - rest: 1 h\n    - exit: k == 2")
    assert isinstance(repeat, Repeat)
    assert isinstance(leave, Exit)
    assert leave.condition is not None
    assert repeat.counter == "k"
    assert leave.condition.evaluate(Known({"k": 2.0})) is True
    loop, step = nodes_of("- for: {rate: [C/10, 1 mA]}\n  steps:\n    - charge: $rate until 1 h")
    assert isinstance(loop, For)
    assert isinstance(step, Drive)
    assert step.at is not None
    assert [value.evaluate(Known()) for value in loop.values] == [pytest.approx(4e-4), 1e-3]
    assert step.at.evaluate(Known({"$rate": 7.0})) == 7.0


def test_a_voltage_that_a_loop_gives_is_an_end_by_itself() -> None:
    assert problems_in("- for: {v: [3 V, 4 V]}\n  steps:\n    - charge: 1 mA until $v") == []
    assert problems_in("- repeat: 4 as k\n  steps:\n    - charge: 1 mA until 1 V * k") == []


def test_a_routines_names_do_not_catch_its_callers(tmp_path: Path) -> None:
    (tmp_path / "routines").mkdir()
    (tmp_path / "routines" / "inner.yaml").write_text(
        "name: inner\nparameters: {at: required}\nsteps:\n"
        "  - for: {rate: [2 mA]}\n    steps:\n      - charge: $at until 1 h\n",
        "utf-8",
    )
    outer = tmp_path / "outer.yaml"
    outer.write_text(
        "name: outer\nsteps:\n  - for: {rate: [1 mA]}\n    steps:\n      - inner: {at: $rate}\n",
        "utf-8",
    )
    plan = bind(load_protocol(str(outer)), CELLS["full"], RATINGS)
    loop = plan.steps[0]
    assert isinstance(loop, For)
    inner = loop.steps[0]
    assert isinstance(inner, For)
    assert (loop.name, inner.name) == ("rate", "rate_2")
    step = inner.steps[0]
    assert isinstance(step, Drive)
    assert step.at is not None
    assert step.at.evaluate(Known({"$rate": 1e-3, "$rate_2": 2e-3})) == 1e-3


def test_a_routine_beside_the_protocol_comes_before_the_librarys(tmp_path: Path) -> None:
    (tmp_path / "routines").mkdir()
    own = tmp_path / "routines" / "formation.yaml"
    own.write_text("name: formation\nsteps:\n  - rest: 7 h\n", "utf-8")
    outer = tmp_path / "outer.yaml"
    outer.write_text("name: outer\nsteps:\n  - formation: {}\n", "utf-8")
    protocol = load_protocol(str(outer))
    assert bind(protocol, CELLS["full"], RATINGS).steps[0].text == "rest: 7 h"
    assert protocol.routines["formation"][0].endswith("routines/formation.yaml")


def test_routines_that_call_themselves_are_refused(tmp_path: Path) -> None:
    (tmp_path / "routines").mkdir()
    for name, other in (("ping", "pong"), ("pong", "ping")):
        path = tmp_path / "routines" / f"{name}.yaml"
        path.write_text(f"name: {name}\nsteps:\n  - {other}: {{}}\n", "utf-8")
    outer = tmp_path / "outer.yaml"
    outer.write_text("name: outer\nsteps:\n  - ping: {}\n", "utf-8")
    with pytest.raises(ProtocolError) as caught:
        bind(load_protocol(str(outer)), CELLS["full"], RATINGS)
    (problem,) = caught.value.problems
    assert (problem.rule, problem.where.line, problem.where.column) == ("recursion", 3, 5)


def test_routines_that_multiply_are_stopped_in_time(tmp_path: Path) -> None:
    (tmp_path / "routines").mkdir()
    for depth in range(8):
        calls = f"  - r{depth + 1}: {{}}\n" * 10
        path = tmp_path / "routines" / f"r{depth}.yaml"
        path.write_text(f"name: r{depth}\nsteps:\n{calls}", "utf-8")
    last = tmp_path / "routines" / "r8.yaml"
    last.write_text("name: r8\nsteps:\n  - rest: 1 h\n", "utf-8")
    outer = tmp_path / "outer.yaml"
    outer.write_text("name: outer\nsteps:\n  - r0: {}\n", "utf-8")
    with pytest.raises(ProtocolError) as caught:
        bind(load_protocol(str(outer)), CELLS["full"], RATINGS)
    assert [problem.rule for problem in caught.value.problems] == ["too-large"]


def test_parameters_that_multiply_are_refused() -> None:
    doubles = "".join(f"  p{n}: $p{n - 1} + $p{n - 1}\n" for n in range(1, 40))
    head = f"parameters:\n  p0: deposit\n{doubles}"
    with pytest.raises(ProtocolError) as caught:
        plan_of("- charge: 1 mA until $p39", head=head)
    assert {problem.rule for problem in caught.value.problems} == {"too-large"}


def test_100_to_the_5_iterations_take_no_memory() -> None:
    text, indent = "", ""
    for name in "abcde":
        text += f"{indent}- repeat: 100 as {name}\n{indent}  steps:\n"
        indent += "    "
    text += f"{indent}- charge: 1 mA until 1 s\n"
    plan_of(text)
    tracemalloc.start()
    plan = plan_of(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
    assert len(list(every(plan.steps))) == 6


def test_all_problems_are_told_at_once_in_file_order() -> None:
    text = "- rest: 12\n- chrage: 1 mA until 1 h\n- charge: 1 mA until 9 V\n- rest: until 1 V"
    lines = [problem.split(":")[1] for problem in problems_in(text)]
    assert lines == ["4", "5", "6", "7"]


def test_limits_are_the_intersection_of_instrument_cell_and_protocol() -> None:
    plan = plan_of("- rest: 1 h", head="limits: {voltage: 1 V .. 4 V, current: 5 mA}")
    assert (plan.limits.low_V, plan.limits.high_V, plan.limits.current_A) == (1.0, 4.0, 5e-3)
    plan = plan_of("- rest: 1 h")
    assert (plan.limits.low_V, plan.limits.high_V, plan.limits.current_A) == (0.0, 4.3, 0.02)


def test_a_groups_limits_narrow_for_what_is_in_it() -> None:
    text = "- group: a\n  limits: {voltage: 1 V .. 3 V}\n  steps:\n    - charge: 1 mA until 3.5 V"
    assert "outside the limits 1 V .. 3 V" in problems_in(text)[0]
    group = plan_of(text.replace("3.5", "2.5")).steps[0]
    assert isinstance(group, Group)
    assert group.limits is not None
    assert (group.limits.low_V, group.limits.high_V) == (1.0, 3.0)


def test_without_a_cell_what_needs_one_is_left_out_and_said() -> None:
    text = "name: x\nsteps:\n  - charge: C/10 until 1 mAh/cm2 or 4.2 V\n  - plate: 1 mA until 1 h\n"
    plan, notes = check(protocol_from_text(text, "f.yaml"), None, RATINGS)
    assert plan is None
    assert any("cell" in note for note in notes)
    wrong = text.replace("1 h", "1")
    with pytest.raises(ProtocolError):
        check(protocol_from_text(wrong, "f.yaml"), None, RATINGS)


def test_names_of_the_library_and_files_that_are_not_there() -> None:
    for load in (load_protocol, load_cell):
        for name in ("na-cu-reservor-ce", "no/such/file.yaml"):
            with pytest.raises(ProtocolError) as caught:
                load(name)
            assert caught.value.problems[0].rule == "not-found"
    with pytest.raises(ProtocolError, match="did you mean `na-cu-reservoir-ce`"):
        load_protocol("na-cu-reservor-ce")


def test_files_that_are_not_utf_8_and_files_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    text = "name: x\ntitle: 5 µm\nsteps:\n  - rest: 1 h\n"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ProtocolError) as caught:
        load_protocol(str(path))
    (problem,) = caught.value.problems
    assert (problem.rule, problem.where.line, problem.where.column) == ("encoding", 2, 10)
    path.write_bytes(text.encode("utf-8-sig"))
    assert load_protocol(str(path)).title == "5 µm"
    path.write_bytes(text.replace("\n", "\r\n").encode("utf-8"))
    assert bind(load_protocol(str(path)), CELLS["full"], RATINGS).steps[0].text == "rest: 1 h"
    path.write_bytes(b"#" * 2_000_000)
    with pytest.raises(ProtocolError, match="larger than"):
        load_protocol(str(path))
